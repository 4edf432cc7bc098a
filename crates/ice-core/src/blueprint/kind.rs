//! The twelve kinds of node.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use super::text::Visit;
use super::{
    AgentNode, CodeNode, ConditionNode, HumanNode, LlmNode, LoopNode, MonitorNode, Node, NodeBase,
    ParallelNode, RecursiveNode, SwarmNode, ToolNode, WorkflowNode,
};
use crate::diagnostic::Trail;

macro_rules! kinds {
    ($($variant:ident($node:ident) = $name:literal, $about:literal;)*) => {
        /// What a node does, with the fields of its kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum NodeKind {
            $(#[doc = $about] $variant($node),)*
        }

        /// The name of a kind, as `type` has it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum KindName {
            $(#[doc = $about] $variant,)*
        }

        impl KindName {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text, as `type` has it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        impl NodeKind {
            /// The name of the kind.
            #[must_use]
            pub const fn name(&self) -> KindName {
                match self { $(Self::$variant(_) => KindName::$variant,)* }
            }
        }
    };
}

kinds! {
    Tool(ToolNode) = "tool", "Calls a tool.";
    Llm(LlmNode) = "llm", "Asks a language model once.";
    Agent(AgentNode) = "agent", "Lets a model choose tools until it is done.";
    Condition(ConditionNode) = "condition", "Chooses one of two paths.";
    Loop(LoopNode) = "loop", "Runs a body for every item of a list.";
    Parallel(ParallelNode) = "parallel", "Runs branches side by side.";
    Recursive(RecursiveNode) = "recursive", "Repeats until it converges: the one legal cycle.";
    Workflow(WorkflowNode) = "workflow", "Runs another blueprint.";
    Code(CodeNode) = "code", "Runs a piece of code in a cage.";
    Human(HumanNode) = "human", "Asks a person.";
    Monitor(MonitorNode) = "monitor", "Watches an expression and acts on it.";
    Swarm(SwarmNode) = "swarm", "Lets several agents find one answer.";
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NodeKind {
    /// Puts the nested scopes in, in the order of [`Self::scopes`].
    pub(crate) fn set_scopes(&mut self, scopes: Vec<Vec<Node>>) {
        let mut scopes = scopes.into_iter();
        match self {
            Self::Condition(node) => {
                node.true_path = scopes.next().unwrap_or_default();
                node.false_path = scopes.next().unwrap_or_default();
            }
            Self::Loop(node) => node.body = scopes.next().unwrap_or_default(),
            Self::Parallel(node) => node.branches = scopes.collect(),
            Self::Tool(_)
            | Self::Llm(_)
            | Self::Agent(_)
            | Self::Recursive(_)
            | Self::Workflow(_)
            | Self::Code(_)
            | Self::Human(_)
            | Self::Monitor(_)
            | Self::Swarm(_) => {}
        }
    }

    /// Reports what breaks the rules of the kind.
    pub(crate) fn rules(&self, base: &NodeBase, rules: Rules<'_>) {
        match self {
            Self::Tool(node) => node.rules(rules),
            Self::Llm(node) => node.rules(rules),
            Self::Agent(node) => node.rules(rules),
            Self::Condition(node) => node.rules(rules),
            Self::Loop(node) => node.rules(rules),
            Self::Parallel(node) => node.rules(rules),
            Self::Recursive(node) => node.rules(rules),
            Self::Workflow(node) => node.rules(rules),
            Self::Code(node) => node.rules(base, rules),
            Self::Human(node) => node.rules(base, rules),
            Self::Monitor(node) => node.rules(rules),
            Self::Swarm(node) => node.rules(rules),
        }
    }

    /// Visits the templates, expressions and paths of the node itself, not of those nested in it.
    pub(crate) fn texts<'n>(&'n self, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        match self {
            Self::Tool(node) => node.texts(at, visit),
            Self::Llm(node) => node.texts(at, visit),
            Self::Agent(node) => node.texts(at, visit),
            Self::Condition(node) => node.texts(at, visit),
            Self::Loop(node) => node.texts(at, visit),
            Self::Recursive(node) => node.texts(at, visit),
            Self::Workflow(node) => node.texts(at, visit),
            Self::Human(node) => node.texts(at, visit),
            Self::Monitor(node) => node.texts(at, visit),
            Self::Parallel(_) | Self::Code(_) | Self::Swarm(_) => {}
        }
    }

    /// The nested scopes with their names in paths: `true` and `false` of a condition, `body` of a loop,
    /// `branches` of a parallel node (one entry per branch, in order).
    #[must_use]
    pub fn scopes(&self) -> Vec<(&'static str, &[Node])> {
        match self {
            Self::Condition(node) => vec![("true", &node.true_path), ("false", &node.false_path)],
            Self::Loop(node) => vec![("body", &node.body)],
            Self::Parallel(node) => {
                node.branches.iter().map(|branch| ("branches", branch.as_slice())).collect()
            }
            Self::Tool(_)
            | Self::Llm(_)
            | Self::Agent(_)
            | Self::Recursive(_)
            | Self::Workflow(_)
            | Self::Code(_)
            | Self::Human(_)
            | Self::Monitor(_)
            | Self::Swarm(_) => Vec::new(),
        }
    }
}
