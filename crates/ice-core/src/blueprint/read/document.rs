//! Reading the document: its version, its own fields, its nodes, and what was upgraded.

use std::collections::HashSet;

use super::fields::{Context, Fields};
use super::node::{DecodedNode, DecodedScope, read_nodes};
use super::source::Origin;
use crate::blueprint::dialect::{self, LegacyNames};
use crate::blueprint::{Blueprint, Node, SchemaVersion};
use crate::diagnostic::{Finding, Report, Trail};
use crate::error::ErrorCode;
use crate::id::BlueprintId;
use crate::value::Value;

use crate::blueprint::VersionLock;

/// What could be read of a document, whole or not.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) blueprint: Blueprint,
    /// Where the nodes stand.
    pub(super) origins: Vec<Origin>,
    /// The ids of nodes that could not be read.
    pub(super) ghosts: HashSet<String>,
    /// Whether texts were rewritten.
    pub(super) upgraded: bool,
}

/// Reads the parts of a document. None if it is not even an object.
pub(super) fn read_document(document: &Value, lock: &VersionLock, report: &Report) -> Option<Draft> {
    let start = Trail::START;
    let dialect = read_version(document, report);
    let legacy = match dialect {
        SchemaVersion::V1_1 => Some(LegacyNames::of(document)),
        SchemaVersion::V1_2 => None,
    };
    let upgraded = legacy.is_some();
    let context = Context { report, dialect, legacy };
    let mut fields = Fields::of(document, &start, &context);
    document.as_map()?;

    let _ = fields.any("schema_version");
    let id_field = if fields.has("id") && !fields.has("blueprint_id") { "id" } else { "blueprint_id" };
    let blueprint_id = read_blueprint_id(&mut fields, id_field).unwrap_or_else(|| lock.blueprint_id());
    let input_schema = fields.object("input_schema");
    let metadata = fields.object("metadata");
    let metadata = if metadata.is_null() { Value::empty_map() } else { metadata };
    fields.require("nodes");
    let nodes = fields.list("nodes").unwrap_or_default();
    let at = start.key("nodes");
    let mut scope = read_nodes(nodes, &at, None, &context);
    for name in ["name", "description", "version", "author", "tags"] {
        if fields.has(name) {
            let _ = fields.any(name);
            let message = format!("`{name}` is not a field of a blueprint");
            let finding = Finding::error(ErrorCode::UnknownField, message).on_key();
            fields.add(name, finding.advise(format!("put it into `metadata`: `metadata: {{ {name}: … }}`")));
        }
    }
    fields.finish();

    match dialect {
        SchemaVersion::V1_1 => dialect::upgrade(&mut scope, report),
        SchemaVersion::V1_2 => {}
    }
    let mut ghosts = HashSet::new();
    let (nodes, origins) = assemble(scope, &mut ghosts);
    let blueprint =
        Blueprint { blueprint_id, schema_version: SchemaVersion::V1_2, nodes, input_schema, metadata };
    Some(Draft { blueprint, origins, ghosts, upgraded })
}

fn read_blueprint_id(fields: &mut Fields<'_>, name: &'static str) -> Option<BlueprintId> {
    let text = fields.text(name)?;
    BlueprintId::new(&text)
        .map_err(|error| fields.add(name, Finding::error(ErrorCode::InvalidId, error.to_string())))
        .ok()
}

/// The stated version; without one, the first dialect if fields of it are used.
fn read_version(document: &Value, report: &Report) -> SchemaVersion {
    let guess = || if dialect::looks_legacy(document) { SchemaVersion::V1_1 } else { SchemaVersion::V1_2 };
    match document.get("schema_version") {
        None | Some(Value::Null) => guess(),
        Some(stated) => match stated.as_str() {
            Some("1.1.0") => SchemaVersion::V1_1,
            Some("1.2.0") => SchemaVersion::V1_2,
            Some(_) | None => {
                let message = format!("schema version {stated} cannot be read");
                let advice = "write `schema_version: \"1.2.0\"`, or leave it out".to_owned();
                let finding = Finding::error(ErrorCode::SchemaVersion, message).advise(advice);
                report.add(&Trail::START.key("schema_version"), finding);
                guess()
            }
        },
    }
}

/// Puts nested scopes into their nodes and gathers where everything stands.
fn assemble(scope: DecodedScope, ghosts: &mut HashSet<String>) -> (Vec<Node>, Vec<Origin>) {
    ghosts.extend(scope.ghosts);
    let assemble_node = |decoded: DecodedNode| {
        let DecodedNode { mut node, origin, scopes } = decoded;
        let (inner, origins) = scopes.into_iter().map(|scope| assemble(scope, ghosts)).unzip();
        node.kind.set_scopes(inner);
        (node, Origin { steps: origin, scopes: origins, names: &[] })
    };
    scope.nodes.into_iter().map(assemble_node).unzip()
}
