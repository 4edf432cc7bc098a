//! `ice runs answer`.

use clap::Args;
use ice_core::blueprint::ApprovalType;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::Value;
use ice_orchestrator::control::Request;
use ice_orchestrator::journal::RunDocument;

use super::{find, with_link};
use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::render::{question, text};
use crate::screen::{YELLOW, styled};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::{Watching, stay};
use crate::watch::Until;

/// Answers a question of a run, or shows the questions that wait for an answer. If nobody drives the run, this command goes
/// on with it.
#[derive(Debug, Args)]
pub(super) struct Answer {
    /// The run
    id: String,
    /// The answer: `approve` or `reject`, one of the choices, or data (JSON if it parses, else text; @FILE.json reads it from
    /// a file). Without it the questions are shown
    answer: Option<String>,
    /// The node that asked, if several have
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// What there is to say besides, for the record
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

impl Answer {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let Some(answer) = &self.answer else {
            return shell.block_on(with_link(&folder, async |link| {
                let document = link.show(find(link, &self.id).await?).await?;
                question::list(&shell.screen, &document)?;
                Ok(Exit::Succeeded)
            }));
        };
        if !folder.exists() {
            return Err(folder.no_runs());
        }
        shell.block_on(async {
            let mut signals = Signals::listen()?;
            // The same for every try, with its id: whoever has it already says so.
            let mut request = None;
            loop {
                let link = access(&folder, Role::Run).await?;
                match self.with(shell, &folder, link, answer, &mut request, &mut signals).await {
                    Err(LinkError::Gone) => {}
                    Err(LinkError::Fault(fault)) => return Err(fault),
                    Ok(exit) => return Ok(exit),
                }
            }
        })
    }

    async fn with(
        &self,
        shell: &Shell,
        folder: &DataFolder,
        link: Link,
        answer: &str,
        request: &mut Option<Request>,
        signals: &mut Signals,
    ) -> Result<Exit, LinkError> {
        let asked = async {
            let run = find(&link, &self.id).await?;
            link.show(run).await
        };
        let document = match asked.await {
            Ok(document) => document,
            Err(error) => {
                // The fault says more than what closing could add to it.
                let _ = link.close().await;
                return Err(error);
            }
        };
        let run = document.id;
        let built = match request.take() {
            Some(sent) => Ok(sent),
            None => self.request(&document, answer),
        };
        let given = match built {
            Ok(built) => link.call(request.insert(built).clone()).await.map(drop),
            Err(fault) => Err(LinkError::Fault(fault)),
        };
        let drives = matches!(&link, Link::Owner(owner) if owner.engine().active().contains(&run));
        let fault = match given {
            Ok(()) => None,
            Err(LinkError::Fault(fault)) if drives => Some(fault),
            Err(error) => {
                let _ = link.close().await;
                return Err(error);
            }
        };
        if link.is_remote() {
            if shell.screen.json {
                shell.screen.document(&*link.show(run).await?)?;
            } else {
                shell.screen.line(format_args!("answered {run}"))?;
            }
            link.close().await?;
            return Ok(Exit::Succeeded);
        }
        // Nobody else drives the run: this process goes on with it, whoever's answer counts.
        if let Some(fault) = &fault {
            shell.screen.note(format_args!("{} {}", styled(YELLOW, "warning:"), fault.message));
        }
        let watching = Watching { run, since: document.records, until: Until::Parked, blueprint: None };
        let exit = stay(shell, folder, link, watching, signals).await?;
        Ok(if fault.is_some() { Exit::Failed } else { exit })
    }

    fn request(&self, document: &RunDocument, answer: &str) -> Result<Request, Fault> {
        let node = self.asker(document)?;
        let asked = document.questions().find(|(asker, _)| **asker == node).map(|(_, asked)| &asked.question);
        let response = match asked.map(|question| question.approval_type) {
            Some(ApprovalType::ApproveReject | ApprovalType::Choice) => Value::string(answer),
            Some(ApprovalType::InputRequired) | None => input::value(answer)?,
        };
        if let Some(what) = asked.and_then(|question| question.accept(&response).err()) {
            return Err(Fault::new(
                ErrorCode::AnswerInvalid,
                format!("the node `{node}` asked something else: {what}"),
            )
            .exit(Exit::Usage));
        }
        let id = Some(SystemIds.uuid());
        Ok(Request::Answer { run: document.id, node, response, comment: self.comment.clone(), id })
    }

    /// The node that is meant: the one named, or the only one that asked.
    fn asker(&self, document: &RunDocument) -> Result<NodePath, Fault> {
        if let Some(node) = &self.node {
            return node
                .parse()
                .map_err(|error| Fault::usage(format!("`--node {}`: {error}", text::line(node, 80))));
        }
        let has_asked = document.nodes.iter().filter(|node| node.question.is_some());
        let mut asked: Vec<NodePath> = has_asked.map(|node| node.node.clone()).collect();
        let open: Vec<&NodePath> = document.questions().map(|(node, _)| node).collect();
        match open.as_slice() {
            [one] => Ok((*one).clone()),
            // Whoever asks for it is told who was faster.
            [] if asked.len() == 1 => Ok(asked.remove(0)),
            [] => {
                let message = format!("no question of the run {} waits for an answer", document.id);
                Err(Fault::new(ErrorCode::QuestionClosed, message))
            }
            [first, ..] => Err(Fault::usage(format!("{} questions wait for an answer", open.len()))
                .help(format!("name the node that is meant, for example `--node '{first}'`"))),
        }
    }
}
