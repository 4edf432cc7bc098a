//! What attempts and steps are going to do, and what containers open with.

use std::sync::Arc;

use ice_core::blueprint::KindName;
use ice_core::value::Value;
use serde::{Deserialize, Serialize};

/// What an attempt or a step is going to do, with everything rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Intent {
    /// Call a tool.
    Tool {
        /// The tool.
        tool: Arc<str>,
        /// Its input.
        input: Value,
    },
    /// Ask a model.
    Llm {
        /// The provider.
        provider: Arc<str>,
        /// The request, an [`ice_core::llm::Request`] as a value so that its parts are shared.
        request: Value,
    },
    /// Run a piece of code.
    Code {
        /// What runs what, as a value so that its parts are shared: `engine`, `language` and `code` or `module`,
        /// `inputs`, `imports`, `capabilities`.
        request: Value,
    },
    /// Let an agent work, in steps.
    Agent {
        /// The agent.
        agent: Arc<str>,
        /// The provider of its model.
        provider: Arc<str>,
        /// The request of its first round, as that of [`Intent::Llm`].
        request: Value,
    },
    /// Let several agents find one answer, in steps.
    Swarm {
        /// What they are given (`input`, a text), and the request with which each begins, by role (`members`).
        request: Value,
    },
    /// Ask a model once, with what was said before in its session, in steps.
    Aware {
        /// The provider.
        provider: Arc<str>,
        /// The request, as that of [`Intent::Llm`], and the `session`.
        request: Value,
    },
    /// Recall what was said in a session, or add to it.
    Memory {
        /// What, as a value so that its parts are shared: `session`, and `last` (how much is recalled) or `exchange`.
        request: Value,
    },
    /// Tell people what a monitor saw.
    Alert {
        /// What whom, as a value so that its parts are shared: `channels`, `check`, `message`, `severity`, `metrics`.
        request: Value,
    },
}

impl Intent {
    /// What is taken, asked or run.
    #[must_use]
    pub const fn value(&self) -> &Value {
        match self {
            Self::Tool { input, .. } => input,
            Self::Llm { request, .. }
            | Self::Code { request }
            | Self::Agent { request, .. }
            | Self::Aware { request, .. }
            | Self::Memory { request }
            | Self::Swarm { request }
            | Self::Alert { request } => request,
        }
    }

    pub(crate) const fn value_mut(&mut self) -> &mut Value {
        match self {
            Self::Tool { input, .. } => input,
            Self::Llm { request, .. }
            | Self::Code { request }
            | Self::Agent { request, .. }
            | Self::Aware { request, .. }
            | Self::Memory { request }
            | Self::Swarm { request }
            | Self::Alert { request } => request,
        }
    }

    /// The kind of the node that begins with it.
    #[must_use]
    pub const fn kind(&self) -> KindName {
        match self {
            Self::Tool { .. } => KindName::Tool,
            Self::Llm { .. } | Self::Aware { .. } | Self::Memory { .. } => KindName::Llm,
            Self::Code { .. } => KindName::Code,
            Self::Agent { .. } => KindName::Agent,
            Self::Swarm { .. } => KindName::Swarm,
            Self::Alert { .. } => KindName::Monitor,
        }
    }
}

/// What a container opened with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Opening {
    /// A condition, with its result.
    Condition {
        /// The result.
        result: bool,
    },
    /// A loop, with its items.
    Loop {
        /// The items, a list.
        items: Value,
    },
    /// A parallel node.
    Parallel,
    /// A sub-workflow, with its inputs.
    Workflow {
        /// The inputs.
        inputs: Value,
    },
    /// A recursive node, with its first iteration.
    Recursive,
}
