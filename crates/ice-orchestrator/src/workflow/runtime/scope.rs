//! The names around a node, as the frames of the run hold them.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::template::Limits;
use ice_core::value::{Map, Value};

use super::frame::{Frame, NodeState, Outcome, Place};
use super::state::State;
use crate::executors::{Env, Names, fit};
use crate::journal::{Failure, list};
use crate::workflow::model::{Mapping, NodeInput, PlanNode};

impl State {
    /// How a node of a frame around this one ended, for those whose names are in scope.
    pub(crate) fn outcome_around(&self, frame: &Frame, id: &NodeId) -> Option<&Outcome> {
        let mut inner = frame;
        loop {
            let (parent, _) = inner.parent.filter(|_| inner.sees_parent)?;
            let outer = self.frame(parent.frame)?;
            if let Some(node) = outer.scope()?.by_id.get(id) {
                return outer.outcome(*node);
            }
            inner = outer;
        }
    }
}

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

    /// The frames whose names are in scope, innermost first, each with the node in it that this is about or that it is nested in.
    fn frames(&self) -> impl Iterator<Item = (&'s Frame, &'s PlanNode)> {
        let mut next = Some((self.frame, self.node));
        std::iter::from_fn(move || {
            let (frame, via) = next?;
            next = match frame.parent {
                Some((place, _)) if frame.sees_parent => self
                    .state
                    .frame(place.frame)
                    .and_then(|parent| Some((parent, parent.plan_node(place.node)?))),
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

/// What a name means to a node of a frame before the ids of nodes: a variable of the container around, or what iterations of a
/// recursive node bind before there was one.
fn bound_in(frame: &Frame, node: &PlanNode, name: &str) -> Option<Value> {
    let bound = frame.bindings.iter().rev().find(|(bound, _)| &**bound == name).map(|(_, value)| value);
    let before = || node.before.iter().find(|(_, bound, _)| &**bound == name).map(|(.., value)| value);
    bound.or_else(before).cloned()
}

impl Names for Frames<'_> {
    fn bound(&self, name: &str) -> Option<Value> {
        self.frames().find_map(|(frame, node)| bound_in(frame, node, name))
    }

    fn bindings(&self) -> Vec<(Arc<str>, Value)> {
        let mut frames: Vec<_> = self.frames().collect();
        frames.reverse();
        let mut bindings = Vec::new();
        for (frame, node) in frames {
            bindings.extend(node.before.iter().map(|(_, name, value)| (Arc::clone(name), value.clone())));
            bindings.extend(frame.bindings.iter().cloned());
        }
        bindings
    }

    fn node_value(&self, name: &str) -> Option<Value> {
        for (frame, node) in self.frames() {
            if let Some(index) = frame.scope().and_then(|scope| scope.by_id.get(name)) {
                return match frame.state(*index)? {
                    NodeState::Done(outcome) => Some(outcome.value()),
                    NodeState::Waiting { .. }
                    | NodeState::Queued { .. }
                    | NodeState::Running(_)
                    | NodeState::Backoff { .. }
                    | NodeState::Open(_)
                    | NodeState::Asked(_)
                    | NodeState::Watching(_)
                    // What it gave with the iteration before.
                    | NodeState::InDoubt { .. } => bound_in(frame, node, name),
                };
            }
        }
        None
    }

    fn all(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for (frame, node) in self.frames() {
            names.extend(node.before.iter().map(|(_, name, _)| Arc::clone(name)));
            names.extend(frame.bindings.iter().map(|(name, _)| Arc::clone(name)));
            names.extend(frame.scope().into_iter().flat_map(|scope| scope.by_id.keys().map(NodeId::shared)));
        }
        names
    }
}
