//! Reading a text: the whole way from text to blueprint.

use std::collections::HashSet;
use std::sync::Arc;

use super::document::{Draft, read_document};
use super::source::Origin;
use super::written::{Unreadable, Written};
use super::{Format, Source};
use crate::blueprint::{Blueprint, VersionLock};
use crate::diagnostic::{Diagnostic, Diagnostics, Report, Severity, Step, Trail};
use crate::error::ErrorCode;
use crate::value::Value;

/// The largest text that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 4 << 20;

/// The deepest nesting of lists and objects in a document.
pub const MAX_DEPTH: usize = 64;

/// What was read from a text.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The blueprint, upgraded to the present dialect; none if there are errors.
    pub blueprint: Option<Arc<Blueprint>>,
    /// What was found, each with its position.
    pub diagnostics: Diagnostics,
    /// The lock of the document as it is written; none if the syntax is wrong.
    pub lock: Option<VersionLock>,
    /// The document as it is written; null if the syntax is wrong.
    pub document: Value,
    /// The text.
    pub source: Source,
    /// What can be checked even if there are errors.
    pub(crate) draft: Option<Arc<Blueprint>>,
    /// The ids of nodes that could not be read.
    pub(crate) ghosts: HashSet<String>,
    /// The places whose problems are told by diagnostics about other places.
    pub(crate) told: Vec<Vec<Step>>,
}

/// Reads a blueprint from JSON or YAML. `name` is what diagnostics call the text, for example its file name.
///
/// Everything that is wrong is found at once; after a syntax error nothing else can be told. What needs to
/// know the tools, models and other blueprints is checked by [`Reading::check`].
///
/// ```
/// use ice_core::blueprint::{Format, read};
///
/// let text = "nodes:\n- {id: a, type: tool, tool_nam: hello}\n";
/// let reading = read(text, Format::Yaml, "a.yaml");
/// assert!(reading.blueprint.is_none());
/// assert_eq!(
///     reading.diagnostics.to_string(),
///     "a.yaml:2:23: error[UNKNOWN_FIELD]: a: tool_nam: unknown field `tool_nam`; did you mean `tool_name`?"
/// );
/// ```
#[must_use]
pub fn read(text: &str, format: Format, name: &str) -> Reading {
    match Written::parse(text, format, name, "blueprint") {
        Ok(Written { document, source, report }) => of_document(document, source, report),
        Err(Unreadable { source, error }) => failed(source, *error),
    }
}

/// Reads a blueprint from a document that is parsed already, as in the body of a request. Diagnostics have no
/// positions.
#[must_use]
pub fn read_value(document: Value, name: &str) -> Reading {
    let source = Source::new(name, "", Format::Json);
    let report = Report::default();
    if super::seed::check_value(&document, &Trail::START, 0, &report).is_err() {
        let message = format!("the document is nested deeper than {MAX_DEPTH} levels");
        return failed(source, Diagnostic::new(ErrorCode::BlueprintTooLarge, Severity::Error, message));
    }
    of_document(document, source, report)
}

fn of_document(document: Value, source: Source, report: Report) -> Reading {
    let lock = VersionLock::of(&document);
    let draft = read_document(&document, &lock, &report);
    let (draft, source, ghosts) = match draft {
        Some(Draft { blueprint, origins, ghosts, upgraded }) => {
            (Some(Arc::new(blueprint)), source.with_origins(origins, upgraded), ghosts)
        }
        None => (None, source, HashSet::new()),
    };
    let told = report.told_elsewhere();
    let has_errors = report.errors() > 0;
    let blueprint = draft.clone().filter(|_| !has_errors);
    let mut found = report.finish();
    found.retain(|diagnostic| !names_ghost(diagnostic, &document, &ghosts));
    let diagnostics = source.locate(found);
    Reading { blueprint, diagnostics, lock: Some(lock), document, source, draft, ghosts, told }
}

/// Whether all that is wrong with a reference is that the id of the node it names is: that was told at the node.
fn names_ghost(diagnostic: &Diagnostic, document: &Value, ghosts: &HashSet<String>) -> bool {
    let steps = &diagnostic.place.steps;
    let is_own = matches!(steps.last(), None | Some(Step::Key(_)));
    if diagnostic.code != ErrorCode::InvalidId || is_own {
        return false;
    }
    let named = steps.iter().try_fold(document, |here, step| match step {
        Step::Key(key) => here.get(key),
        Step::Index(index) => here.as_list()?.get(*index),
    });
    named.and_then(Value::as_str).is_some_and(|name| ghosts.contains(name))
}

impl Reading {
    /// A blueprint that another document describes: `origins` says where in it each node stands, `ghosts` are the ids of those
    /// that could not be read.
    pub(crate) fn of_other(
        blueprint: Blueprint,
        document: Value,
        (source, origins): (Source, Vec<Origin>),
        ghosts: HashSet<String>,
        report: Report,
    ) -> Self {
        let draft = Arc::new(blueprint);
        let source = source.with_origins(origins, false);
        let has_errors = report.errors() > 0;
        let told = report.told_elsewhere();
        Self {
            blueprint: (!has_errors).then(|| Arc::clone(&draft)),
            diagnostics: source.locate(report.finish()),
            lock: Some(VersionLock::of(&document)),
            document,
            source,
            draft: Some(draft),
            ghosts,
            told,
        }
    }

    /// A text of which nothing can be made.
    pub(crate) fn unreadable(source: Source, error: Diagnostic) -> Self {
        failed(source, error)
    }
}

fn failed(source: Source, error: Diagnostic) -> Reading {
    let diagnostics = Diagnostics::collected(vec![error], 0).of_source(source.name());
    Reading {
        blueprint: None,
        diagnostics,
        lock: None,
        document: Value::Null,
        source,
        draft: None,
        ghosts: HashSet::new(),
        told: Vec::new(),
    }
}
