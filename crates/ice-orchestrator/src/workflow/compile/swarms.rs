//! Swarms, compiled: their members, and the shapes in which these answer.

use std::sync::Arc;

use ice_core::blueprint::{AgentLimits, AgentSpec, NodeBase, SwarmNode};
use ice_core::id::NodeId;
use ice_core::path::NodePath;
use ice_core::value::Value;

use super::kinds::answer;
use super::{CompileError, Compiler, Parts};
use crate::workflow::model::{LlmOutput, Member, SwarmPlan};

/// What a member proposes.
const PROPOSAL: &str = r#"{"type": "object", "required": ["proposal", "confidence"], "properties": {
    "proposal": {"description": "The answer, text or data."},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure it is right."},
    "reasoning": {"type": "string", "description": "Why, in a few words."}}}"#;

/// What a member bids.
const BID: &str = r#"{"type": "object", "required": ["approach", "confidence", "cost"], "properties": {
    "approach": {"type": "string", "description": "How it would be done, in a few words."},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure it would be right."},
    "cost": {"type": "number", "minimum": 0, "description": "The tokens it would take."}}}"#;

impl Compiler<'_> {
    pub(super) fn swarm(
        &mut self,
        kind: &SwarmNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<SwarmPlan, CompileError> {
        let members = kind.agents.iter().map(|member| self.member(member, base, path, parts));
        Ok(SwarmPlan {
            members: members.collect::<Result<_, _>>()?,
            strategy: kind.coordination_strategy,
            max_rounds: kind.max_rounds,
            threshold: kind.consensus_threshold,
            proposal: shape(PROPOSAL, path)?,
            bid: shape(BID, path)?,
            dependencies: base.dependencies.iter().map(NodeId::shared).collect(),
        })
    }

    fn member(
        &mut self,
        spec: &AgentSpec,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Member, CompileError> {
        let found = self.named_agent(std::slice::from_ref(&spec.package), None, path, parts)?;
        let settings = spec.settings(base, Some(&found));
        let tools = self.tools_of_agent(&found.tools, path, parts)?;
        let rounds = AgentLimits { rounds: Some(spec.max_iterations()), ..AgentLimits::default() };
        let limits = found.limits.within(rounds);
        let agent = self.working(&found, &settings, tools, None, limits, path, parts)?;
        let is_nothing = spec.config_overrides.is_null();
        let config = if is_nothing { Value::empty_map() } else { spec.config_overrides.clone() };
        Ok(Member { role: Arc::from(spec.role.as_str()), agent, config })
    }
}

fn shape(schema: &str, path: &NodePath) -> Result<LlmOutput, CompileError> {
    let schema: Value =
        serde_json::from_str(schema).map_err(|error| CompileError::Document(error.to_string()))?;
    answer("agents", &schema, true, path)
}
