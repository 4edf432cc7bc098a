//! The list of public documents. A new one is one line here.

use ice_core::id::{BlueprintId, NodeId, Principal, RunId, Tenant};
use ice_core::llm::{Message, ModelCapabilities, Request, Response, Usage};
use ice_core::path::NodePath;
use ice_core::store::Durability;
use ice_core::time::Moment;
use ice_core::tools::{Grants, ToolSpec};
use ice_core::value::{BlobRef, Value, ValuePath};
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
    document::<Usage>("llm", "Usage"),
    document::<Durability>("store", "Durability"),
    document::<Grants>("tools", "Grants"),
    document::<ToolSpec>("tools", "ToolSpec"),
    document::<BlobRef>("values", "BlobRef"),
    document::<Value>("values", "Value"),
    document::<ValuePath>("values", "ValuePath"),
];
