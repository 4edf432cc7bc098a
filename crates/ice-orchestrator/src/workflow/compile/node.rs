//! What nodes of every kind have.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::{BackoffStrategy, InputMapping, Node, NodeBase, NodeKind, RetryPolicy};
use ice_core::path::NodePath;
use ice_core::schema::Validator;

use super::{CompileError, is_empty, validator};
use crate::workflow::model::{Around, Mapping, NodeIndex, NodeInput, PlanNode, TimeLimit, Work};

/// How long an attempt to tell the channels of a monitor may take; each channel has half of that.
const ALERT: Duration = Duration::from_secs(60);

pub(super) fn plan_node(
    node: &Node,
    path: &NodePath,
    work: Work,
    when: Option<(NodeIndex, bool)>,
    dependencies: Vec<NodeIndex>,
    dependents: Vec<NodeIndex>,
) -> Result<PlanNode, CompileError> {
    let base = &node.base;
    let shared = |name: &String| Arc::<str>::from(name.as_str());
    let mapping = |mapping: &InputMapping| match mapping {
        InputMapping::Source { source_node_id, source_output_key, .. } => {
            Mapping::Source { node: source_node_id.shared(), path: source_output_key.clone() }
        }
        InputMapping::Literal(value) => Mapping::Literal(value.clone()),
    };
    // The output schema of an llm or agent node is that of the answer, which its executor checks; that of a human node is that of the data
    // which is asked for.
    let output_validator = match &work {
        Work::Llm(_) | Work::Agent(_) | Work::Human(_) => None,
        Work::Tool(_)
        | Work::Swarm(_)
        | Work::Code(_)
        | Work::Condition(_)
        | Work::Loop(_)
        | Work::Parallel(_)
        | Work::Recursive(_)
        | Work::Monitor(_)
        | Work::Workflow(_) => validator(&base.output_schema, || format!("the node `{path}`"))?,
    };
    // What a tool node is given are its arguments, which its executor checks; others are given the mapped names.
    let input = match &node.kind {
        NodeKind::Tool(_) => None,
        NodeKind::Llm(kind) => node_input(base, kind.coerce_input_types, path)?,
        NodeKind::Agent(_)
        | NodeKind::Condition(_)
        | NodeKind::Loop(_)
        | NodeKind::Parallel(_)
        | NodeKind::Recursive(_)
        | NodeKind::Workflow(_)
        | NodeKind::Code(_)
        | NodeKind::Human(_)
        | NodeKind::Monitor(_)
        | NodeKind::Swarm(_) => node_input(base, false, path)?,
    };
    Ok(PlanNode {
        id: node.id.clone(),
        kind: node.kind.name(),
        dependencies,
        dependents,
        when,
        work,
        retry: retry(base),
        timeout: timeout(node),
        budget: base.budget,
        use_cache: base.use_cache,
        mappings: base.input_mappings.iter().map(|(name, from)| (shared(name), mapping(from))).collect(),
        input,
        output_validator,
        output_mappings: base
            .output_mappings
            .iter()
            .map(|(name, path)| (shared(name), path.clone()))
            .collect(),
        output_selection: base.output_selection.as_ref().map(|names| names.iter().map(shared).collect()),
        input_selection: base.input_selection.as_ref().map(|names| names.iter().map(shared).collect()),
        before: Vec::new(),
        around: Around::default(),
    })
}

/// The longest one attempt may take: an attempt of an llm node is one call, which may have a limit of its own.
fn timeout(node: &Node) -> Option<TimeLimit> {
    let of_call = match &node.kind {
        NodeKind::Llm(kind) => kind.llm_config.timeout,
        NodeKind::Tool(_)
        | NodeKind::Agent(_)
        | NodeKind::Condition(_)
        | NodeKind::Loop(_)
        | NodeKind::Parallel(_)
        | NodeKind::Recursive(_)
        | NodeKind::Workflow(_)
        | NodeKind::Code(_)
        | NodeKind::Human(_)
        | NodeKind::Monitor(_)
        | NodeKind::Swarm(_) => None,
    };
    if let NodeKind::Monitor(_) = node.kind {
        // How long it watches is no matter of its attempts, which tell its channels.
        return Some(TimeLimit { span: ALERT, field: "alert_channels" });
    }
    let limits = [("timeout_seconds", node.base.timeout_seconds), ("llm_config.timeout", of_call)];
    let limits = limits.into_iter().filter_map(|(field, seconds)| Some((field, seconds?)));
    let (field, seconds) = limits.min_by_key(|(_, seconds)| *seconds)?;
    Some(TimeLimit { span: Duration::from_secs(seconds), field })
}

/// What the mapped names must fit; nothing where none are mapped.
fn node_input(base: &NodeBase, coerce: bool, path: &NodePath) -> Result<Option<NodeInput>, CompileError> {
    if base.input_mappings.is_empty() || is_empty(&base.input_schema) {
        return Ok(None);
    }
    let failed = |error| CompileError::Schema { what: format!("the node `{path}`"), error };
    let schema = ice_core::schema::normalize(&base.input_schema).map_err(failed)?;
    let validator = Validator::compile(&schema).map_err(failed)?;
    Ok(Some(NodeInput { validator, coerce_to: coerce.then_some(schema) }))
}

/// The node's own policy, else `retries` and `backoff_seconds`.
fn retry(base: &NodeBase) -> RetryPolicy {
    base.retry_policy.clone().unwrap_or(RetryPolicy {
        max_attempts: base.retries.saturating_add(1),
        backoff_strategy: BackoffStrategy::Fixed,
        backoff_seconds: base.backoff_seconds,
    })
}
