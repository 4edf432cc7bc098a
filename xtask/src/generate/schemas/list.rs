//! The list of public documents. A new one is one line here.

use ice_core::blueprint::{
    AgentNode, Blueprint, CodeNode, ConditionNode, ContextRule, HumanNode, InputMapping, LlmConfig, LlmNode,
    LoopNode, MonitorNode, Node, ParallelNode, RecursiveNode, RetryPolicy, SwarmNode, ToolNode, VersionLock,
    WorkflowNode,
};
use ice_core::check::partial::{PartialBlueprint, PartialUpdate, Suggestion};
use ice_core::diagnostic::Diagnostics;
use ice_core::id::{BlueprintId, NodeId, Principal, RunId, Tenant};
use ice_core::llm::scripted::Script;
use ice_core::llm::{Message, ModelCapabilities, Request, Response, Usage};
use ice_core::network::Network;
use ice_core::path::NodePath;
use ice_core::registry::{AgentDefinition, Catalog};
use ice_core::store::Durability;
use ice_core::time::Moment;
use ice_core::tools::{Grants, ToolSpec};
use ice_core::value::{BlobRef, Value, ValuePath};
use ice_orchestrator::control;
use ice_orchestrator::events::Event;
use ice_orchestrator::executors::TransientEvent;
use ice_orchestrator::journal::{Failure, RunDocument, RunOptions, RunSummary};
use ice_orchestrator::process::ToolManifest;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};

/// A public document.
pub(super) struct Document {
    /// Its name: the file is `<name>.json`.
    pub(super) name: &'static str,
    /// What it belongs to.
    pub(super) category: &'static str,
    /// Makes its schema.
    pub(super) schema: fn(SchemaGenerator) -> Schema,
}

const fn document<T: JsonSchema>(category: &'static str, name: &'static str) -> Document {
    Document { name, category, schema: SchemaGenerator::into_root_schema_for::<T> }
}

/// Every public document, by category and name.
pub(super) const DOCUMENTS: &[Document] = &[
    document::<AgentNode>("blueprint", "AgentNode"),
    document::<Blueprint>("blueprint", "Blueprint"),
    document::<CodeNode>("blueprint", "CodeNode"),
    document::<ConditionNode>("blueprint", "ConditionNode"),
    document::<ContextRule>("blueprint", "ContextRule"),
    document::<HumanNode>("blueprint", "HumanNode"),
    document::<InputMapping>("blueprint", "InputMapping"),
    document::<LlmConfig>("blueprint", "LlmConfig"),
    document::<LlmNode>("blueprint", "LlmNode"),
    document::<LoopNode>("blueprint", "LoopNode"),
    document::<MonitorNode>("blueprint", "MonitorNode"),
    document::<Node>("blueprint", "Node"),
    document::<ParallelNode>("blueprint", "ParallelNode"),
    document::<RecursiveNode>("blueprint", "RecursiveNode"),
    document::<RetryPolicy>("blueprint", "RetryPolicy"),
    document::<SwarmNode>("blueprint", "SwarmNode"),
    document::<ToolNode>("blueprint", "ToolNode"),
    document::<VersionLock>("blueprint", "VersionLock"),
    document::<WorkflowNode>("blueprint", "WorkflowNode"),
    document::<Diagnostics>("check", "Diagnostics"),
    document::<PartialBlueprint>("check", "PartialBlueprint"),
    document::<PartialUpdate>("check", "PartialUpdate"),
    document::<Suggestion>("check", "Suggestion"),
    document::<control::Document>("control", "ControlDocument"),
    document::<control::Request>("control", "ControlRequest"),
    document::<control::Response>("control", "ControlResponse"),
    document::<BlueprintId>("ids", "BlueprintId"),
    document::<Moment>("ids", "Moment"),
    document::<NodeId>("ids", "NodeId"),
    document::<NodePath>("ids", "NodePath"),
    document::<Principal>("ids", "Principal"),
    document::<RunId>("ids", "RunId"),
    document::<Tenant>("ids", "Tenant"),
    document::<Message>("llm", "Message"),
    document::<ModelCapabilities>("llm", "ModelCapabilities"),
    document::<Request>("llm", "Request"),
    document::<Response>("llm", "Response"),
    document::<Script>("llm", "Script"),
    document::<Usage>("llm", "Usage"),
    document::<Network>("network", "Network"),
    document::<AgentDefinition>("registry", "AgentDefinition"),
    document::<Catalog>("registry", "Catalog"),
    document::<Event>("run", "Event"),
    document::<Failure>("run", "Failure"),
    document::<RunDocument>("run", "RunDocument"),
    document::<RunOptions>("run", "RunOptions"),
    document::<RunSummary>("run", "RunSummary"),
    document::<TransientEvent>("run", "TransientEvent"),
    document::<Durability>("store", "Durability"),
    document::<Grants>("tools", "Grants"),
    document::<ToolManifest>("tools", "ToolManifest"),
    document::<ToolSpec>("tools", "ToolSpec"),
    document::<BlobRef>("values", "BlobRef"),
    document::<Value>("values", "Value"),
    document::<ValuePath>("values", "ValuePath"),
];
