//! The fields of each kind, one file per kind.

mod agent;
mod code;
mod condition;
mod human;
mod images;
mod limits;
mod llm;
mod r#loop;
mod monitor;
mod parallel;
mod recursive;
mod swarm;
mod tool;
mod workflow;

pub use agent::{AgentNode, ToolConfig};
pub use code::{CodeEngine, CodeLanguage, CodeNode};
pub use condition::ConditionNode;
pub use human::{ApprovalType, HumanNode};
pub use images::MAX_IMAGES;
pub use limits::AgentLimits;
pub use llm::{LlmConfig, LlmNode};
pub use r#loop::LoopNode;
pub use monitor::{ActionOnTrigger, AlertChannel, MonitorNode};
pub use parallel::{ParallelNode, WaitStrategy};
pub use recursive::RecursiveNode;
pub use swarm::{AgentSpec, CoordinationStrategy, SwarmNode};
pub use tool::ToolNode;
pub use workflow::WorkflowNode;
