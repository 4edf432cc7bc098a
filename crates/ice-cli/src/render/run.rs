//! A run, as people read it.

use std::collections::HashSet;

use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_orchestrator::control::Assembled;
use ice_orchestrator::journal::{RunDocument, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;
use schemars::JsonSchema;
use serde::Serialize;

use super::{diagnostics, question, text, value};
use crate::fault::Fault;
use crate::screen::{BOLD, CYAN, DIM, GREEN, RED, Screen, YELLOW, styled};

/// The most failures that are told one by one.
const MAX_FAILURES: usize = 20;

/// A run as a document, with where in the files it was started from its failures stand.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunReport<'d> {
    #[serde(flatten)]
    document: &'d RunDocument,
    /// The failures of nodes at their places in the files, where the command that started the run tells how it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostics>,
}

/// Tells how a run ended: its output on standard output, everything else on standard error. Failures are drawn on the
/// lines of the blueprint it was started from, if that is at hand.
pub(crate) fn tell(
    screen: &Screen,
    document: &RunDocument,
    blueprint: Option<&Assembled>,
) -> Result<(), Fault> {
    if screen.json {
        let located = blueprint.map(|blueprint| (blueprint, blueprint.locate(&document.failures)));
        let diagnostics = located.map(|(blueprint, located)| blueprint.located_diagnostics(&located));
        return screen.document(&RunReport { document, diagnostics: diagnostics.unwrap_or_default() });
    }
    // How the run ended stands last, where a person looks first.
    let shown = match document.status {
        RunStatus::Succeeded => output(screen, document),
        RunStatus::Failed | RunStatus::Cancelled if has_output(document) => output(screen, document),
        RunStatus::Failed | RunStatus::Cancelled => Ok(()),
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting | RunStatus::Parked => Ok(()),
    };
    outcome(screen, document, blueprint);
    shown
}

/// Tells how a run ended and what can be done about it, without its output.
pub(crate) fn outcome(screen: &Screen, document: &RunDocument, blueprint: Option<&Assembled>) {
    screen.note(headline(document));
    failures(screen, document, blueprint);
    undoable(screen, document);
    next_steps(screen, document);
}

fn has_output(document: &RunDocument) -> bool {
    document.output.as_map().is_some_and(|map| !map.is_empty())
}

/// `succeeded Hello 0192… in 12 ms, 2 nodes, 14 tokens, $0.0012`; without the time while it is under way.
pub(crate) fn headline(document: &RunDocument) -> String {
    let mut facts = Vec::new();
    if document.status.is_final() || document.status == RunStatus::Parked {
        facts.push(format!("in {}", text::duration(document.duration_ms)));
    }
    facts.push(text::count(document.nodes.len() as u64, "node"));
    facts.extend(text::usage(&document.usage));
    facts.extend(text::budget(&document.options.budget, &document.spent));
    format!(
        "{} {} {} {}",
        text::status(document.status),
        styled(BOLD, text::line(&document.name, 80)),
        document.id,
        styled(DIM, facts.join(", "))
    )
}

/// Every failed node with its code, and why the run itself failed if no node says it.
fn failures(screen: &Screen, document: &RunDocument, blueprint: Option<&Assembled>) {
    let told = document.failures.get(..MAX_FAILURES).unwrap_or(&document.failures);
    let located = blueprint.map(|blueprint| blueprint.locate(told)).unwrap_or_default();
    let (mut located, mut places) = (located.into_iter(), HashSet::new());
    for failed in told {
        let drawn = located.next().flatten().zip(blueprint).and_then(|(located, blueprint)| {
            let part = blueprint.parts.get(located.part)?;
            // The items of a loop fail at the same place: that is drawn once.
            places.insert((located.part, located.diagnostic.position)).then_some(())?;
            Some(diagnostics::draw_failure(part.reading.source.text(), &part.diagnostics, located.diagnostic))
        });
        match drawn {
            Some(drawn) => screen.note(format_args!("\n{drawn}")),
            None => screen.note(format_args!(
                "  {} {}: {}",
                styled(RED, format_args!("error[{}]", failed.failure.code)),
                styled(BOLD, &failed.node),
                failed.failure.message
            )),
        }
    }
    if document.failures.len() > MAX_FAILURES {
        screen.note(format_args!("  … and {} more", document.failures.len() - MAX_FAILURES));
    }
    if let Some(failure) = document.failure.as_ref().filter(|_| document.failures.is_empty()) {
        let style = if document.status == RunStatus::Failed { RED } else { CYAN };
        screen.note(format_args!("  {}: {}", styled(style, failure.code), failure.message));
    }
}

/// What a run that did not succeed leaves behind and can be undone: what was called for it stands.
fn undoable(screen: &Screen, document: &RunDocument) {
    if !matches!(document.status, RunStatus::Failed | RunStatus::Cancelled) || document.undoable.is_empty() {
        return;
    }
    screen.note("  what it did that can be undone, the newest first:");
    let told = document.undoable.get(..MAX_FAILURES).unwrap_or(&document.undoable);
    for done in told {
        let doubt = if done.uncertain { ", if it happened" } else { "" };
        screen.note(format_args!("    {} {}{doubt}", styled(BOLD, &done.node), done.tool));
    }
    if document.undoable.len() > told.len() {
        screen.note(format_args!("    … and {} more", document.undoable.len() - told.len()));
    }
}

fn output(screen: &Screen, document: &RunDocument) -> Result<(), Fault> {
    if !write_output(screen, document)? {
        screen.note(format_args!(
            "the output is shortened: `ice runs show {} --json` has all of it",
            document.id
        ));
    }
    Ok(())
}

/// Writes the output as indented JSON, on a terminal shortened to what fits; says whether it was whole.
pub(crate) fn write_output(screen: &Screen, document: &RunDocument) -> Result<bool, Fault> {
    if screen.width().is_some()
        && let Some(short) = value::shortened(&document.output)
    {
        screen.line(short)?;
        return Ok(false);
    }
    screen.document(&document.output)?;
    Ok(true)
}

/// Whether it waits for somebody to say what became of a call.
fn is_in_doubt(document: &RunDocument) -> bool {
    let nodes = document.failures.iter().map(|failed| failed.failure.code);
    nodes
        .chain(document.failure.as_ref().map(|failure| failure.code))
        .any(|code| code == ErrorCode::RunInDoubt)
}

fn next_steps(screen: &Screen, document: &RunDocument) {
    let help = styled(CYAN, "help:");
    match document.status {
        RunStatus::Parked if is_in_doubt(document) => screen.note(format_args!(
            "  {help} decide with `ice runs resume {id} --in-doubt repeat` or `ice runs resume {id} --in-doubt fail`",
            id = document.id
        )),
        RunStatus::Parked => {
            screen.note(format_args!("  {help} resume it with `ice runs resume {}`", document.id))
        }
        RunStatus::Waiting if document.questions().next().is_some() => {
            question::tell(screen, document);
            for node in document.nodes.iter().filter(|node| node.in_doubt) {
                screen.note(format_args!(
                    "{} {}  it is not known whether its effect happened: `ice runs resume {} --in-doubt repeat|fail`",
                    styled(YELLOW, "?"),
                    styled(BOLD, &node.node),
                    document.id
                ));
            }
        }
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => {
            screen.note(format_args!("  {help} watch it with `ice runs events {} --follow`", document.id));
        }
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => {}
    }
}

/// The status of a node in its colour.
pub(crate) fn node_status(status: NodeStatus) -> String {
    let (style, name) = match status {
        NodeStatus::Queued => (DIM, "queued"),
        NodeStatus::Running => (CYAN, "running"),
        NodeStatus::Waiting => (YELLOW, "waiting"),
        NodeStatus::Succeeded => (GREEN, "succeeded"),
        NodeStatus::Failed => (RED, "failed"),
        NodeStatus::Skipped => (DIM, "skipped"),
        NodeStatus::Cancelled => (YELLOW, "cancelled"),
    };
    styled(style, name)
}
