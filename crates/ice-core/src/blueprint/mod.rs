//! Blueprints: inert, typed descriptions of workflows. Data and rules only; nothing here executes.

mod base;
mod dialect;
pub mod draw;
mod kind;
mod lock;
mod model;
mod nodes;
#[cfg(test)]
mod page;
mod read;
mod retry;
mod rules;
#[cfg(test)]
mod tests;
mod text;

pub use base::{ContextFormat, ContextRule, InputMapping, NodeBase};
pub use kind::{KindName, NodeKind};
pub use lock::VersionLock;
pub use model::{Blueprint, Node, SchemaVersion, When};
pub use nodes::{
    ActionOnTrigger, AgentLimits, AgentNode, AgentSpec, AlertChannel, ApprovalType, CodeEngine, CodeLanguage,
    CodeNode, ConditionNode, CoordinationStrategy, HumanNode, LlmConfig, LlmNode, LoopNode, MAX_IMAGES,
    MonitorNode, ParallelNode, RecursiveNode, SwarmNode, ToolConfig, ToolNode, WaitStrategy, WorkflowNode,
};
pub(crate) use read::{Context, Fields, Origin, Unreadable, Written, wrong_type};
pub use read::{Format, Locator, MAX_DEPTH, MAX_TEXT_BYTES, Reached, Reading, Source, read, read_value};
pub use retry::{BackoffStrategy, RetryPolicy};
pub(crate) use rules::{RESERVED, Rules};
pub(crate) use text::{Form, Text, visit_value};
