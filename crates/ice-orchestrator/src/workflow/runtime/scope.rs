//! What the templates of a node see.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::template::{Limits, Scope};
use ice_core::value::{Map, Value};

use super::frame::{Frame, NodeState, Place};
use super::state::State;
use crate::journal::Failure;
use crate::workflow::model::{Mapping, NodeIndex, PlanNode};

/// What the templates of one node see, in this order: loop variables, input mappings, ids outward, `inputs`.
pub(crate) struct Env<'s> {
    state: &'s State,
    frame: &'s Frame,
    mapped: Vec<(Arc<str>, Value)>,
    /// The only names of mappings and nodes that are in scope, if the node says so.
    selection: Option<&'s [Arc<str>]>,
    pub(crate) limits: Limits,
}

impl<'s> Env<'s> {
    /// The environment of a node, with its input mappings resolved.
    ///
    /// Every mapping that finds nothing is named in the failure.
    pub(crate) fn new(state: &'s State, place: Place) -> Result<Self, Failure> {
        let gone = || Failure::new(ErrorCode::RunStuck, "the frame of a node is gone");
        let frame = state.frame(place.frame).ok_or_else(gone)?;
        let node = frame.plan_node(place.node).ok_or_else(gone)?;
        let mut env = Self {
            state,
            frame,
            mapped: Vec::new(),
            selection: node.input_selection.as_deref(),
            limits: Limits::default(),
        };
        if !node.mappings.is_empty() {
            env.mapped = env.resolve(node)?;
        }
        Ok(env)
    }

    fn resolve(&self, node: &PlanNode) -> Result<Vec<(Arc<str>, Value)>, Failure> {
        let mut mapped = Vec::with_capacity(node.mappings.len());
        let mut missing = Vec::new();
        for (name, mapping) in &node.mappings {
            match mapping {
                Mapping::Literal(value) => mapped.push((Arc::clone(name), value.clone())),
                Mapping::Source { node: source, path } => match self.node_value(source) {
                    None => missing.push(format!("`{name}`: the node `{source}` has no output")),
                    Some(output) => match path.follow(&output) {
                        Ok(value) => mapped.push((Arc::clone(name), value.clone())),
                        Err(error) => missing.push(format!("`{name}` from `{source}`: {error}")),
                    },
                },
            }
        }
        if !missing.is_empty() {
            let message = format!("input mappings found no value: {}", missing.join("; "));
            return Err(Failure::new(ErrorCode::MappingFailed, message));
        }
        if let Some(validator) = &node.input_validator {
            let input: Map = mapped.iter().cloned().collect();
            validator.validate(&Value::from(input)).map_err(|violations| {
                let message = format!("the node's input does not fit its schema: {}", list(&violations));
                Failure::new(ErrorCode::InputInvalid, message)
            })?;
        }
        Ok(mapped)
    }

    /// Puts a name before all others but loop variables.
    pub(crate) fn bind(&mut self, name: Arc<str>, value: Value) {
        self.mapped.retain(|(known, _)| *known != name);
        self.mapped.push((name, value));
    }

    /// The resolved input mappings.
    pub(crate) fn mapped(&self) -> &[(Arc<str>, Value)] {
        &self.mapped
    }

    /// The inputs of the blueprint this node belongs to.
    pub(crate) const fn inputs(&self) -> &Value {
        &self.frame.inputs
    }

    /// The bounds the run was started with.
    pub(crate) fn options(&self) -> &crate::journal::RunOptions {
        &self.state.manifest.options
    }

    /// The frames whose names are in scope, innermost first.
    fn frames(&self) -> impl Iterator<Item = (&'s Frame, Option<NodeIndex>)> {
        let mut next = Some((self.frame, None));
        std::iter::from_fn(move || {
            let (frame, via) = next?;
            next = match frame.parent {
                Some((place, _)) if frame.sees_parent => {
                    self.state.frame(place.frame).map(|parent| (parent, Some(place.node)))
                }
                Some(_) | None => None,
            };
            Some((frame, via))
        })
    }

    /// The output of a node that is done, here or further out.
    pub(crate) fn node_value(&self, name: &str) -> Option<Value> {
        for (frame, _) in self.frames() {
            if let Some(index) = frame.scope().and_then(|scope| scope.by_id.get(name)) {
                return match frame.state(*index)? {
                    NodeState::Done(outcome) => Some(outcome.value()),
                    NodeState::Waiting { .. }
                    | NodeState::Queued { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::Open(_)
                    | NodeState::InDoubt { .. } => None,
                };
            }
        }
        None
    }
}

impl Scope for Env<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        for (frame, _) in self.frames() {
            if let Some((_, value)) = frame.bindings.iter().rev().find(|(bound, _)| &**bound == name) {
                return Some(value.clone());
            }
        }
        if name != "inputs" && self.selection.is_some_and(|names| !names.iter().any(|known| &**known == name))
        {
            return None;
        }
        if let Some((_, value)) = self.mapped.iter().find(|(mapped, _)| &**mapped == name) {
            return Some(value.clone());
        }
        match name {
            "inputs" => Some(self.frame.inputs.clone()),
            id => self.node_value(id),
        }
    }

    fn lookup_node(&self, id: &str) -> Option<Value> {
        self.node_value(id)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.mapped.iter().map(|(name, _)| Arc::clone(name)).collect();
        for (frame, _) in self.frames() {
            names.extend(frame.bindings.iter().map(|(name, _)| Arc::clone(name)));
            names.extend(frame.scope().into_iter().flat_map(|scope| scope.by_id.keys().map(NodeId::shared)));
        }
        names.push(Arc::from("inputs"));
        names
    }
}

pub(crate) fn list(violations: &[ice_core::schema::SchemaViolation]) -> String {
    let mut text: Vec<String> = violations.iter().take(8).map(ToString::to_string).collect();
    if violations.len() > text.len() {
        text.push(format!("and {} more", violations.len() - text.len()));
    }
    text.join("; ")
}
