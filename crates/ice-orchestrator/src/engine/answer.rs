//! Answering the questions of runs.

use std::time::Duration;

use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::value::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::known::HOLDS_ONE;
use super::run::{Message, Unanswered};
use super::{Engine, RunError, Signal};
use crate::journal::{Answer, AnswerKind, AnswerReport, QuestionReport, RunDocument, RunStatus, keys};

/// How long whoever drives the run may take to decide about an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 8 << 10;

/// What somebody answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The node that asked.
    pub node: NodePath,
    /// `true` or `false`, one of the choices, or data that fits the schema.
    pub response: Value,
    /// What they have to say besides; 8 KiB at most.
    pub comment: Option<String>,
    /// Tells the answer from others: one that is sent again under the same id is the same answer.
    pub id: Uuid,
}

impl Engine {
    /// Answers a question, whoever drives the run: a commit to its inbox. A run that nobody drives is taken up. The answer
    /// counts, and that is durable, once this returns; of several answers to a question the first one counts.
    ///
    /// Dropping the future leaves open whether the answer was sent.
    ///
    /// # Errors
    /// [`RunError::NoQuestion`]; [`RunError::Answered`], which tells who was faster; [`RunError::Answer`] if it does not fit
    /// the question; [`RunError::State`] if the run has ended; [`RunError::Unheard`] if nobody decided about it for a while.
    pub async fn answer(
        &self,
        tenant: &Tenant,
        run: RunId,
        reply: Reply,
        by: &Principal,
    ) -> Result<(), RunError> {
        let Reply { node, response, comment, id } = reply;
        if comment.as_ref().is_some_and(|comment| comment.len() > MAX_COMMENT) {
            let what = format!("the comment is longer than {MAX_COMMENT} bytes");
            return Err(RunError::Answer { node, what });
        }
        if self.inner.known.are_in(&response) {
            return Err(RunError::Answer { node, what: format!("it {HOLDS_ONE}") });
        }
        let comment = comment.map(|comment| self.inner.known.without(comment));
        self.check_is_at_home(tenant, run).await?;
        let answer = Answer { response, kind: AnswerKind::Given, by: by.clone(), comment, id: Some(id) };
        match self.answer_here(tenant, run, &node, &answer).await? {
            Some(Ok(())) => return Ok(()),
            Some(Err(Unanswered::Unfit(what))) => return Err(RunError::Answer { node, what }),
            // Whoever was faster is in the journal; and somebody else may drive the run.
            Some(Err(Unanswered::NotAsked)) | None => {}
        }
        self.answer_by_inbox(tenant, run, node, answer, id).await
    }

    /// An answer takes a parked run up. One that was brought here goes on once somebody has said so.
    async fn check_is_at_home(&self, tenant: &Tenant, run: RunId) -> Result<(), RunError> {
        let (head, _) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let (status, failure) = (head.summary.status, head.summary.failure);
        if status == RunStatus::Parked && failure.is_some_and(|why| why.code == ErrorCode::RunImported) {
            let what = "it was brought here from elsewhere and takes answers once it is resumed";
            return Err(RunError::State { run, status, what });
        }
        Ok(())
    }

    /// Hands the answer to the run's task, if the run is driven here or by nobody.
    async fn answer_here(
        &self,
        tenant: &Tenant,
        run: RunId,
        node: &NodePath,
        answer: &Answer,
    ) -> Result<Option<Result<(), Unanswered>>, RunError> {
        self.see_driven(tenant, run).await?;
        let Some(shared) = self.inner.roster.active(run) else { return Ok(None) };
        let (told, hears) = oneshot::channel();
        let (node, answer) = (node.clone(), answer.clone());
        let is_sent = shared.mailbox.send(Message::Answer { node, answer, told });
        drop(shared);
        if !is_sent {
            return Ok(None);
        }
        // A task that ends without a word has left the question as it was, or has told it to the journal.
        let heard = tokio::time::timeout(PATIENCE, hears).await;
        heard.map(Result::ok).map_err(|_| RunError::Unheard(run))
    }

    /// Sends the answer, and waits until whoever drives the run has decided about it.
    async fn answer_by_inbox(
        &self,
        tenant: &Tenant,
        run: RunId,
        node: NodePath,
        mut answer: Answer,
        id: Uuid,
    ) -> Result<(), RunError> {
        let document = self.document(tenant, run).await?;
        if is_answered(&document, &node, id) {
            return Ok(());
        }
        let asked = open_question(&document, &node)?;
        let meant = self.inner.views.meant(&asked.question, &answer.response);
        let response = asked.question.accept(meant.as_ref().unwrap_or(&answer.response));
        answer.response = response.map_err(|what| RunError::Answer { node: node.clone(), what })?;
        let question = asked.number;
        let mut changes = self.inner.store.watch(&keys::head(tenant, run), None);
        self.inner.send(tenant, run, &Signal::Answer { node: node.clone(), question, answer }).await?;
        self.see_driven(tenant, run).await?;
        let decided = async {
            loop {
                let document = self.document(tenant, run).await?;
                match open_question(&document, &node) {
                    // It waits as it did.
                    Ok(asked) if asked.number == question => {}
                    // It was asked anew: what was answered was the one before.
                    Ok(_) => return Err(closed(&document, &node)),
                    Err(RunError::Answered { .. } | RunError::State { .. })
                        if is_answered(&document, &node, id) =>
                    {
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
                if changes.next().await.is_none() {
                    return Err(RunError::Closing);
                }
            }
        };
        tokio::time::timeout(PATIENCE, decided).await.unwrap_or(Err(RunError::Unheard(run)))
    }
}

impl Engine {
    /// Sees to it that somebody drives a run and decides about an answer.
    async fn see_driven(&self, tenant: &Tenant, run: RunId) -> Result<(), RunError> {
        if self.inner.roster.active(run).is_some() {
            return Ok(());
        }
        match self.wake(tenant, run).await {
            Ok(handle) => match handle.end() {
                // It cannot be driven: nothing would come of an answer.
                Some(end) if end.status == RunStatus::Parked => match &end.failure {
                    Some(failure) => Err(RunError::Plan { run, failure: Box::new(failure.clone()) }),
                    None => Ok(()),
                },
                Some(_) | None => Ok(()),
            },
            // Its owner is alive and reads the message, or the run has ended meanwhile.
            Err(RunError::Owned { .. } | RunError::State { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The question of a node that waits for an answer.
fn open_question<'d>(document: &'d RunDocument, node: &NodePath) -> Result<&'d QuestionReport, RunError> {
    if let Some((_, question)) = document.questions().find(|(asker, _)| *asker == node) {
        return Ok(question);
    }
    if let Some(report) = answer_of(document, node) {
        return Err(RunError::Answered { node: node.clone(), how: how(report) });
    }
    if document.status.is_final() {
        let what = "it takes no answers";
        return Err(RunError::State { run: document.id, status: document.status, what });
    }
    Err(closed(document, node))
}

fn closed(document: &RunDocument, node: &NodePath) -> RunError {
    let open: Vec<String> = document.questions().take(10).map(|(node, _)| format!("`{node}`")).collect();
    let open = match open.as_slice() {
        [] => "no other has either".to_owned(),
        some => format!("there are those of {}", some.join(", ")),
    };
    RunError::NoQuestion { run: document.id, node: node.clone(), open }
}

fn answer_of<'d>(document: &'d RunDocument, node: &NodePath) -> Option<&'d AnswerReport> {
    let report = document.nodes.iter().find(|report| report.node == *node)?;
    report.question.as_ref()?.answer.as_ref()
}

fn is_answered(document: &RunDocument, node: &NodePath, id: Uuid) -> bool {
    answer_of(document, node).is_some_and(|answer| answer.id == Some(id))
}

fn how(answer: &AnswerReport) -> String {
    match answer.kind {
        AnswerKind::Given => format!("by {} at {}", answer.by, answer.at),
        AnswerKind::AutoApproved => {
            format!("it counts as approved since {}, as nobody had answered", answer.at)
        }
        AnswerKind::TimedOut => format!("it counts as rejected since {}, as nobody had answered", answer.at),
    }
}
