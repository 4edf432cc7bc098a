//! The names around a node, as the frames of the run hold them.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::template::Limits;
use ice_core::value::{Map, Value};

use super::frame::{Frame, NodeState, Place};
use super::state::State;
use crate::executors::{Env, Names, fit};
use crate::journal::{Failure, list};
use crate::workflow::model::{Mapping, NodeIndex, NodeInput, PlanNode};

/// The frame of a node, and those around it.
pub(crate) struct Frames<'s> {
    state: &'s State,
    frame: &'s Frame,
    node: &'s PlanNode,
}

impl<'s> Frames<'s> {
    /// Those around a node.
    pub(crate) fn around(state: &'s State, place: Place) -> Result<Self, Failure> {
        let gone = || Failure::new(ErrorCode::RunStuck, "the frame of a node is gone");
        let frame = state.frame(place.frame).ok_or_else(gone)?;
        let node = frame.plan_node(place.node).ok_or_else(gone)?;
        Ok(Self { state, frame, node })
    }

    /// The environment of the node, with its input mappings resolved.
    ///
    /// Every mapping that finds nothing is named in the failure.
    pub(crate) fn env(&self) -> Result<Env<'_>, Failure> {
        Ok(Env {
            names: self,
            mapped: if self.node.mappings.is_empty() { Vec::new() } else { self.resolve()? },
            selection: self.node.input_selection.as_deref(),
            inputs: &self.frame.inputs,
            options: &self.state.manifest.options,
            limits: Limits::default(),
        })
    }

    fn resolve(&self) -> Result<Vec<(Arc<str>, Value)>, Failure> {
        let node = self.node;
        let mut mapped = Vec::with_capacity(node.mappings.len());
        let mut missing = Vec::new();
        for (name, mapping) in &node.mappings {
            match mapping {
                Mapping::Literal(value) => mapped.push((Arc::clone(name), value.clone())),
                Mapping::Source { node: source, path } => match self.node_value(source) {
                    None => missing.push((name, format!("`{name}`: the node `{source}` has no output"))),
                    Some(output) => match path.follow(&output) {
                        Ok(value) => mapped.push((Arc::clone(name), value.clone())),
                        Err(error) => missing.push((name, format!("`{name}` from `{source}`: {error}"))),
                    },
                },
            }
        }
        if let Some(((name, _), others)) = missing.split_first() {
            let all = missing.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join("; ");
            let message = format!("input mappings found no value: {all}");
            let one = format!("input_mappings.{name}");
            let field = if others.is_empty() { one } else { "input_mappings".to_owned() };
            return Err(Failure::new(ErrorCode::MappingFailed, message).about(field));
        }
        match &node.input {
            Some(input) => checked(input, mapped),
            None => Ok(mapped),
        }
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
}

/// The mapped names, if they fit, as they are or converted.
fn checked(input: &NodeInput, mapped: Vec<(Arc<str>, Value)>) -> Result<Vec<(Arc<str>, Value)>, Failure> {
    let given = Value::from(mapped.iter().cloned().collect::<Map>());
    let Err(violations) = input.validator.validate(&given) else { return Ok(mapped) };
    if let Some(schema) = &input.coerce_to
        && let Value::Map(converted) = fit(given, schema)
        && input.validator.validate(&Value::Map(Arc::clone(&converted))).is_ok()
    {
        return Ok(converted.iter().map(|(name, value)| (Arc::clone(name), value.clone())).collect());
    }
    let message = format!("the node's input does not fit its schema: {}", list(&violations));
    Err(Failure::new(ErrorCode::InputInvalid, message).about_violations("input_mappings", &violations))
}

impl Names for Frames<'_> {
    fn bound(&self, name: &str) -> Option<Value> {
        self.frames().find_map(|(frame, _)| {
            let (_, value) = frame.bindings.iter().rev().find(|(bound, _)| &**bound == name)?;
            Some(value.clone())
        })
    }

    fn bindings(&self) -> Vec<(Arc<str>, Value)> {
        let mut frames: Vec<_> = self.frames().map(|(frame, _)| frame).collect();
        frames.reverse();
        frames.into_iter().flat_map(|frame| frame.bindings.iter().cloned()).collect()
    }

    fn node_value(&self, name: &str) -> Option<Value> {
        for (frame, _) in self.frames() {
            if let Some(index) = frame.scope().and_then(|scope| scope.by_id.get(name)) {
                return match frame.state(*index)? {
                    NodeState::Done(outcome) => Some(outcome.value()),
                    NodeState::Waiting { .. }
                    | NodeState::Queued { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::Open(_)
                    | NodeState::Asked(_)
                    | NodeState::InDoubt { .. } => None,
                };
            }
        }
        None
    }

    fn all(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for (frame, _) in self.frames() {
            names.extend(frame.bindings.iter().map(|(name, _)| Arc::clone(name)));
            names.extend(frame.scope().into_iter().flat_map(|scope| scope.by_id.keys().map(NodeId::shared)));
        }
        names
    }
}
