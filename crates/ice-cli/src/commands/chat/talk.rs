//! A conversation under way: a person speaks, the agent works, and so on, until one of them has had enough.

use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::path::NodePath;
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::Value;
use ice_orchestrator::control::{Request, Start};
use ice_orchestrator::events::Cursor;
use ice_orchestrator::journal::{Question, RunDocument, RunStatus};

use super::lines::{Lines, Said, hint};
use super::opening::{MESSAGE, Prepared};
use crate::commands::run::begin;
use crate::commands::runs::find;
use crate::data::{Answers, DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::pictures::Pictures;
use crate::render::chat::Speech;
use crate::render::run;
use crate::screen::{BOLD, CYAN, DIM, YELLOW, styled};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::{self, linger};
use crate::watch::{Interrupt, Until, Watch, Watched};

/// A conversation.
pub(super) struct Talk<'s> {
    shell: &'s Shell,
    folder: &'s DataFolder,
    signals: Signals,
    lines: Lines,
}

impl<'s> Talk<'s> {
    pub(super) fn new(shell: &'s Shell, folder: &'s DataFolder) -> Result<Self, Fault> {
        Ok(Self { shell, folder, signals: Signals::listen()?, lines: Lines::open()? })
    }

    /// Begins a conversation with these words, or with the first that are typed.
    pub(super) async fn begin(mut self, prepared: Prepared, message: Option<String>) -> Result<Exit, Fault> {
        let Prepared { documents, options, with } = prepared;
        if self.lines.is_typed() {
            self.note(format_args!("{} {with}", styled(CYAN, "chat")));
            self.note(styled(DIM, hint()));
        }
        let words = match message {
            Some(words) => words,
            None => match self.listen().await? {
                Said::Words(words) => words,
                Said::End => return Ok(Exit::Succeeded),
                Said::Leave => return Ok(Exit::Cancelled),
            },
        };
        let inputs = Value::map([(MESSAGE, Value::from(words.as_str()))]);
        let start = Start { documents, inputs, options };
        let pictures = Pictures::default();
        let (link, run) = tokio::select! {
            started = begin(self.folder, start, &pictures) => started?,
            _ = self.signals.next() => return Ok(Exit::Cancelled),
        };
        if !self.lines.is_typed() {
            self.note(format_args!("{} {run}", styled(CYAN, "run")));
        }
        let speech = Speech::new(&self.shell.screen, self.shell.global.verbose, run, 0, Some(words));
        self.go_on(link, run, 0, speech).await
    }

    /// Goes on with a conversation that was left.
    pub(super) async fn resume(mut self, run: &str) -> Result<Exit, Fault> {
        loop {
            let link = access(self.folder, Role::Run).await?;
            let found = async {
                let document = link.show(find(&link, run).await?).await?;
                if document.status.is_final() {
                    let message = format!("the conversation {} has ended: {}", document.id, document.status);
                    return Err(Fault::new(ErrorCode::RunState, message)
                        .help("`ice chat` begins another one; `ice runs show` has what was said")
                        .into());
                }
                let is_asked = document.status == RunStatus::Waiting && document.questions().next().is_some();
                if !is_asked {
                    match link.call(Request::Resume { run: document.id, in_doubt: None }).await {
                        Ok(_) => {}
                        // Somebody drives it.
                        Err(LinkError::Fault(fault)) if fault.code == ErrorCode::RunOwned => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(document)
            };
            match found.await {
                Ok(document) => {
                    if self.lines.is_typed() {
                        let name = crate::render::text::line(&document.name, 80);
                        self.note(format_args!("{} {name}", styled(CYAN, "chat")));
                        self.note(styled(DIM, hint()));
                    }
                    let (run, since) = (document.id, document.records);
                    let speech = Speech::new(&self.shell.screen, self.shell.global.verbose, run, since, None);
                    return self.go_on(link, run, since, speech).await;
                }
                Err(LinkError::Gone) => {}
                Err(LinkError::Fault(fault)) => {
                    // The fault says more than what closing could add to it.
                    let _ = link.close().await;
                    return Err(fault);
                }
            }
        }
    }

    async fn go_on(
        &mut self,
        mut link: Link,
        run: RunId,
        since: u64,
        mut speech: Speech,
    ) -> Result<Exit, Fault> {
        let ended = self.turns(&mut link, run, since, &mut speech).await;
        speech.rest();
        let document = match ended {
            Ok(Some(document)) => document,
            Ok(None) => {
                self.note(format_args!(
                    "left: {} goes on with it",
                    styled(BOLD, format_args!("ice chat --resume {run}"))
                ));
                link.close().await?;
                return Ok(Exit::Waiting);
            }
            Err(fault) => {
                let _ = link.close().await;
                return Err(fault);
            }
        };
        let told = speech.end(&document);
        run::outcome(&self.shell.screen, &document, None);
        let closed = linger(self.shell, link, Some(run), &mut self.signals).await;
        told?;
        closed?;
        Ok(stay::exit(&document))
    }

    /// Turn after turn. Gives how the run ended or why it stands; nothing if it was left.
    async fn turns(
        &mut self,
        link: &mut Link,
        run: RunId,
        since: u64,
        speech: &mut Speech,
    ) -> Result<Option<Box<RunDocument>>, Fault> {
        let (mut after, mut events): (Option<Cursor>, Option<Answers>) = (None, None);
        loop {
            let mut watch = Watch {
                folder: self.folder,
                run,
                after,
                events: events.take(),
                since,
                until: Until::Parked,
                signals: &mut self.signals,
                interrupt: Interrupt::Leaves,
                viewer: speech,
                asked: false,
            };
            let watched = watch.stay(link).await;
            after = watch.after;
            events = watch.events.take();
            speech.rest();
            let document = match watched? {
                Watched::Over(document) => document,
                Watched::Left(_) => return Ok(None),
            };
            let Some((node, asked)) = document.questions().next() else { return Ok(Some(document)) };
            if document.status != RunStatus::Waiting {
                return Ok(Some(document));
            }
            speech.turn()?;
            let (node, question) = (node.clone(), asked.question.clone());
            let Some(response) = self.answer(&question, speech).await? else { return Ok(None) };
            self.send(link, run, node, response).await?;
        }
    }

    /// What the person says to a question; nothing if they leave.
    async fn answer(&mut self, question: &Question, speech: &mut Speech) -> Result<Option<Value>, Fault> {
        loop {
            let words = match self.listen().await? {
                Said::Words(words) => words,
                Said::End if speech.is_turn() => return Ok(Some(Value::Null)),
                // What the agent asks in the middle of its work cannot be answered with nothing.
                Said::End | Said::Leave => return Ok(None),
            };
            let words = chosen(question, &words);
            let response = Value::from(words.as_str());
            match question.accept(&response) {
                Ok(_) => {
                    speech.said(words);
                    return Ok(Some(response));
                }
                Err(what) if self.lines.is_typed() => self.note(format_args!("  {what}")),
                Err(what) => return Err(Fault::new(ErrorCode::AnswerInvalid, what).exit(Exit::Usage)),
            }
        }
    }

    /// Hands an answer in, with whoever owns the folder by then.
    async fn send(
        &mut self,
        link: &mut Link,
        run: RunId,
        node: NodePath,
        response: Value,
    ) -> Result<(), Fault> {
        let request = Request::Answer { run, node, response, comment: None, id: Some(SystemIds.uuid()) };
        loop {
            match link.call(request.clone()).await {
                Ok(_) => return Ok(()),
                // Somebody else was faster, or has ended the run: what comes next is shown.
                Err(LinkError::Fault(fault))
                    if matches!(fault.code, ErrorCode::QuestionClosed | ErrorCode::RunState) =>
                {
                    self.note(format_args!("{} {}", styled(YELLOW, "warning:"), fault.message));
                    return Ok(());
                }
                Err(LinkError::Fault(fault)) => return Err(fault),
                Err(LinkError::Gone) => *link = access(self.folder, Role::Run).await?,
            }
        }
    }

    /// What is said next. A signal leaves.
    async fn listen(&mut self) -> Result<Said, Fault> {
        tokio::select! {
            said = self.lines.next(&self.shell.screen) => said,
            _ = self.signals.next() => Ok(Said::Leave),
        }
    }

    fn note(&self, text: impl std::fmt::Display) {
        self.shell.screen.note(text);
    }
}

/// What words mean to a question with choices: the number of one is that one.
fn chosen(question: &Question, words: &str) -> String {
    let words = if question.choices.is_empty() { words } else { words.trim() };
    let number = words.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match number.and_then(|at| question.choices.get(at)) {
        Some(choice) if !question.choices.iter().any(|choice| choice == words) => choice.clone(),
        Some(_) | None => words.to_owned(),
    }
}
