//! Blueprints: inert, typed descriptions of workflows. Data and rules only; nothing here executes.

mod base;
pub mod draw;
mod kind;
mod model;
mod nodes;
#[cfg(test)]
mod page;
mod retry;

pub use base::{ContextFormat, ContextRule, InputMapping, NodeBase};
pub use kind::{KindName, NodeKind};
pub use model::{Blueprint, Node, SchemaVersion, When};
pub use nodes::{
    ActionOnTrigger, AgentNode, AgentSpec, AlertChannel, ApprovalType, CodeLanguage, CodeNode, ConditionNode,
    CoordinationStrategy, HumanNode, LlmConfig, LlmNode, LoopNode, MonitorNode, ParallelNode, RecursiveNode,
    SwarmNode, ToolConfig, ToolNode, WaitStrategy, WorkflowNode,
};
pub use retry::{BackoffStrategy, RetryPolicy};
