//! One diagnostic, and the place it is about.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::path::NodePath;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The blueprint cannot run.
    Error,
    /// The blueprint can run, but probably not as it is meant.
    Warning,
}

/// A place in a source text. Lines and columns count from 1, columns and lengths count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// The number of characters, within this line; at least 1.
    pub length: u32,
}

/// What is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostic {
    /// The code.
    #[schemars(with = "String")]
    pub code: ErrorCode,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The node, in the static form of its path; absent if it is about the whole blueprint. A node without a valid id is
    /// called by its place in the list it stands in: `nodes[3]`, `each.body.nodes[0]`. A failure of a run has the path of
    /// the node in the run: `each[3].body.clean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<NodePath>,
    /// The field within the node (or within the document), keys and indices joined by dots: `tool_args.rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where it stands in the source text, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What to do: a short sentence such as "did you mean `prompt`?".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// From what the position is found.
    #[serde(skip)]
    pub(crate) place: Place,
}

impl Diagnostic {
    /// A diagnostic about the whole document.
    #[must_use]
    pub fn new(code: ErrorCode, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            path: None,
            field: None,
            position: None,
            advice: None,
            place: Place::default(),
        }
    }
}

impl fmt::Display for Diagnostic {
    /// `12:7: error[UNKNOWN_TOOL]: a: there is no tool `reed_csv`; did you mean `read_csv`?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column, .. }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: ", self.code)?;
        match (&self.path, &self.field) {
            (Some(path), Some(field)) => write!(f, "{path}: {field}: ")?,
            (Some(path), None) => write!(f, "{path}: ")?,
            (None, Some(field)) => write!(f, "{field}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.message)?;
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

/// A step into a document: the key of a map or the index of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// An entry of a map.
    Key(Arc<str>),
    /// An item of a list.
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => index.fmt(f),
        }
    }
}

/// What of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Target {
    /// Its value.
    #[default]
    Value,
    /// Its key.
    Key,
}

/// The place in a document that a diagnostic is about, from which its position is found.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Place {
    /// The node, as indices from the top: (number of the nested scope, index in it), the scope being 0 at the
    /// top; none if `steps` begin at the document.
    pub(crate) node: Option<Vec<(usize, usize)>>,
    /// The way from the node or the document.
    pub(crate) steps: Vec<Step>,
    /// What is meant of the last step.
    pub(crate) target: Target,
    /// A part of the text there: a range of bytes in the value.
    pub(crate) part: Option<Range<usize>>,
}
