//! The questions of a run that wait for an answer.

use ice_core::blueprint::ApprovalType;
use ice_core::path::NodePath;
use ice_core::time::{Clock, SystemClock};
use ice_orchestrator::journal::{Question, QuestionReport, RunDocument, RunStatus};
use serde::Serialize;

use super::text;
use crate::fault::Fault;
use crate::screen::{BOLD, CYAN, DIM, Screen, YELLOW, styled};

/// The most characters of a schema that are shown.
const LONGEST: usize = 400;

#[derive(Serialize)]
struct Open<'d> {
    node: &'d NodePath,
    #[serde(flatten)]
    question: &'d QuestionReport,
}

/// Prints them on standard output.
pub(crate) fn list(screen: &Screen, document: &RunDocument) -> Result<(), Fault> {
    if screen.json {
        let open: Vec<Open<'_>> =
            document.questions().map(|(node, question)| Open { node, question }).collect();
        return screen.document(&open);
    }
    let mut lines = lines(document).peekable();
    if lines.peek().is_none() {
        screen.note("no question waits for an answer");
    }
    lines.try_for_each(|line| screen.line(line))
}

/// Tells them on standard error.
pub(crate) fn tell(screen: &Screen, document: &RunDocument) {
    lines(document).for_each(|line| screen.note(line));
}

fn lines(document: &RunDocument) -> impl Iterator<Item = String> {
    let many = document.questions().nth(1).is_some();
    document.questions().flat_map(move |(node, asked)| {
        // All of it: what somebody approves must be seen.
        let mut said = asked.question.message.trim_end().lines();
        let first = text::visible(said.next().unwrap_or_default());
        let mut lines = vec![format!("{} {}  {first}", styled(YELLOW, "?"), styled(BOLD, node))];
        lines.extend(said.map(|line| format!("  {}", text::visible(line))));
        let which = if many { format!(" --node '{node}'") } else { String::new() };
        let how = if document.status == RunStatus::Parked {
            format!("once the run is resumed: ice runs resume {}", document.id)
        } else {
            format!("ice runs answer {}{which} {}", document.id, example(&asked.question))
        };
        lines.push(format!("  {} {how}", styled(CYAN, "answer:")));
        lines.extend(
            asked.due_at.map(|at| format!("  {}", styled(DIM, due(asked, at.since(SystemClock.now()))))),
        );
        lines
    })
}

/// How an answer is written.
fn example(question: &Question) -> String {
    match question.approval_type {
        ApprovalType::ApproveReject => "approve|reject".to_owned(),
        ApprovalType::Choice => {
            let quoted = |choice: &String| format!("'{}'", text::line(choice, 60).replace('\'', r"'\''"));
            question.choices.iter().map(quoted).collect::<Vec<_>>().join("|")
        }
        ApprovalType::InputRequired => match &question.schema {
            Some(schema) => format!("JSON (schema: {})", text::line(&schema.to_string(), LONGEST)),
            None => "JSON|TEXT".to_owned(),
        },
    }
}

fn due(asked: &QuestionReport, left: std::time::Duration) -> String {
    let question = &asked.question;
    let what = if asked.escalated_at.is_none() && question.auto_approve_after.is_some() {
        "counts as approved".to_owned()
    } else if let (None, Some(to)) = (asked.escalated_at, &question.escalation_path) {
        format!("is escalated to {}", text::line(to, 80))
    } else {
        "counts as rejected".to_owned()
    };
    format!("without an answer it {what} in {}", text::span(left))
}
