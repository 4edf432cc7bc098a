//! `ice runs answer`.

use clap::Args;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_orchestrator::control::Request;
use ice_orchestrator::journal::RunDocument;

use super::find;
use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::render::{question, text};
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
        if !folder.exists() {
            let message =
                format!("there are no runs: the data folder {} does not exist", folder.path().display());
            return Err(Fault::new(ErrorCode::RunNotFound, message));
        }
        shell.block_on(async {
            let mut signals = Signals::listen()?;
            loop {
                let link = access(&folder, Role::Run).await?;
                match self.with(shell, &folder, link, &mut signals).await {
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
        signals: &mut Signals,
    ) -> Result<Exit, LinkError> {
        let asked = self.give(shell, &link).await;
        let document = match asked {
            Ok(Some(document)) => document,
            Ok(None) => {
                link.close().await?;
                return Ok(Exit::Succeeded);
            }
            Err(error) => {
                // The fault says more than what closing could add to it.
                let _ = link.close().await;
                return Err(error);
            }
        };
        if link.is_remote() {
            if shell.screen.json {
                shell.screen.document(&*link.show(document.id).await?)?;
            } else {
                shell.screen.line(format_args!("answered {}", document.id))?;
            }
            link.close().await?;
            return Ok(Exit::Succeeded);
        }
        let watching =
            Watching { run: document.id, since: document.records, until: Until::Parked, blueprint: None };
        Ok(stay(shell, folder, link, watching, signals).await?)
    }

    /// Gives the answer. Nothing if there is none, and the questions were shown.
    async fn give(&self, shell: &Shell, link: &Link) -> Result<Option<Box<RunDocument>>, LinkError> {
        let run = find(link, &self.id).await?;
        let document = link.show(run).await?;
        let Some(answer) = &self.answer else {
            question::list(&shell.screen, &document)?;
            return Ok(None);
        };
        let node = self.asker(&document)?;
        let response = input::value(answer)?;
        let comment = self.comment.clone();
        let answered = link.call(Request::Answer { run, node, response, comment }).await;
        answered.map(|_| Some(document)).map_err(|error| match error {
            LinkError::Fault(fault) if fault.code == ErrorCode::AnswerInvalid => {
                LinkError::Fault(fault.exit(Exit::Usage))
            }
            other @ (LinkError::Fault(_) | LinkError::Gone) => other,
        })
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
                .help(format!("name the node that is meant, for example `--node {first}`"))),
        }
    }
}
