//! Why a checked blueprint cannot be made a plan.

use ice_core::blueprint::KindName;
use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::schema::SchemaError;
use ice_core::template::TemplateError;

/// Why a checked blueprint cannot be made a plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompileError {
    /// A kind of node has no executor.
    #[error("the node `{node}` is of the kind `{kind}`, which this engine cannot execute")]
    Kind {
        /// The node.
        node: NodePath,
        /// Its kind.
        kind: KindName,
    },
    /// Something a node names is not registered.
    #[error("the node `{node}` names the {what} `{name}`, which is not registered")]
    Unknown {
        /// The node.
        node: NodePath,
        /// What kind of thing is named.
        what: &'static str,
        /// Its name.
        name: String,
        /// The code.
        code: ErrorCode,
    },
    /// Sub-workflows run each other in a circle, or nest too deep.
    #[error("sub-workflows nest in a circle or too deep: {chain}")]
    Nesting {
        /// The names, outermost first.
        chain: String,
    },
    /// Agents let one another work in a circle, nest deeper than they may, or are too many.
    #[error("agents let one another work in a circle, too deep, or too many of them: {chain}")]
    Agents {
        /// The names, outermost first.
        chain: String,
    },
    /// A template cannot be compiled.
    #[error("the field `{field}` of the node `{node}`: {error}")]
    Template {
        /// The node.
        node: NodePath,
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        error: TemplateError,
    },
    /// A schema cannot be compiled.
    #[error("a schema of {what}: {error}")]
    Schema {
        /// Whose schema.
        what: String,
        /// What is wrong.
        #[source]
        error: SchemaError,
    },
    /// A sub-blueprint does not pass its check.
    #[error("the blueprint `{name}` is not valid:\n{diagnostics}")]
    Blueprint {
        /// Its name.
        name: String,
        /// What is wrong.
        diagnostics: Diagnostics,
    },
    /// The blueprint cannot be written as JSON.
    #[error("the blueprint cannot be kept: {0}")]
    Document(String),
}

impl CompileError {
    /// The code of the failure.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Kind { .. } => ErrorCode::NodeKindUnavailable,
            Self::Unknown { code, .. } => *code,
            Self::Nesting { .. } | Self::Agents { .. } => ErrorCode::CyclicToolComposition,
            Self::Template { error, .. } => error.code(),
            Self::Schema { error, .. } => error.code(),
            Self::Blueprint { .. } => ErrorCode::RuleViolation,
            Self::Document(_) => ErrorCode::Unknown,
        }
    }
}
