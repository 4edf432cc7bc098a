//! `swarm`: lets several agents find one answer. A member's turn is the work of an agent, its steps at
//! `swarm.round[i].member[role]`; the members of a round work side by side.

mod consensus;
mod hierarchical;
mod marketplace;
mod turn;

use std::sync::Arc;

use ice_core::blueprint::CoordinationStrategy;
use ice_core::error::ErrorCode;
use ice_core::llm::Usage;
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use self::turn::{Given, Hall};
use super::agent::{pretty, request};
use super::llm::usage_value;
use super::{Begin, code};
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::model::SwarmPlan;

pub(crate) fn begin(plan: &SwarmPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let input = pretty(&Value::from(code::seen(&plan.dependencies, env)))?;
    let mut members = Map::with_capacity(plan.members.len());
    for member in &plan.members {
        let begun = request(&member.agent, member.config.clone(), None, env)?;
        members.insert(Arc::clone(&member.role), begun);
    }
    let request = Value::map([("input", Value::from(input)), ("members", Value::from(members))]);
    Ok(Begin::Leaf { intent: Intent::Swarm { request }, effect: Effect::Pure })
}

pub(crate) async fn run(plan: &SwarmPlan, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    let Intent::Swarm { request } = intent else {
        return Err(Failure::new(ErrorCode::RunStuck, "a swarm was started as something else"));
    };
    let mut hall = Hall::new(plan, ctx, &request);
    let found = match plan.strategy {
        CoordinationStrategy::Consensus => consensus::find(&mut hall).await,
        CoordinationStrategy::Hierarchical => hierarchical::find(&mut hall).await,
        CoordinationStrategy::Marketplace => marketplace::find(&mut hall).await,
    };
    // What the turns spent was counted with each of their steps.
    let found = found.map_err(Failure::without_usage)?;
    Ok(Completion::from(output(plan, found, hall.minutes, hall.usage)))
}

/// The failure of a swarm in which nobody gave anything.
fn nobody() -> Failure {
    Failure::new(ErrorCode::OutputInvalid, "no member of the swarm gave an answer")
}

/// What a swarm came to.
struct Found {
    given: Given,
    rounds: u32,
}

/// The node's output.
fn output(plan: &SwarmPlan, found: Found, minutes: Vec<Value>, usage: Usage) -> Value {
    let Found { given, rounds } = found;
    Value::map([
        ("final_result", given.proposal),
        ("consensus_reached", Value::from(given.confidence >= plan.threshold)),
        ("consensus_confidence", Value::try_from(given.confidence).unwrap_or_default()),
        ("rounds_completed", Value::from(rounds)),
        ("coordination_strategy", Value::from(name(plan.strategy))),
        ("all_proposals", Value::from(minutes)),
        ("winner", Value::String(given.role)),
        ("usage", usage_value(usage)),
    ])
}

const fn name(strategy: CoordinationStrategy) -> &'static str {
    match strategy {
        CoordinationStrategy::Consensus => "consensus",
        CoordinationStrategy::Hierarchical => "hierarchical",
        CoordinationStrategy::Marketplace => "marketplace",
    }
}
