//! The built-in kinds, one file each. A leaf has `begin` (renders what it is going to do) and `run` (does
//! it); a container has `begin` (what it opens with), `frame` (its nested scopes) and `output`; a node that asks a person has
//! `begin` (the question).

pub(crate) mod agent;
pub(crate) mod code;
pub(crate) mod condition;
pub(crate) mod human;
mod images;
pub(crate) mod llm;
pub(crate) mod r#loop;
mod memory;
pub(crate) mod monitor;
pub(crate) mod parallel;
pub(crate) mod recursive;
pub(crate) mod swarm;
pub(crate) mod tool;
pub(crate) mod workflow;

use ice_core::blueprint::KindName;
use ice_core::error::ErrorCode;
use ice_core::template::TemplateError;
use ice_core::tools::Effect;

use super::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent, Opening, Question};
use crate::workflow::model::Work;

/// The kinds that can be carried out.
pub(crate) const KINDS: &[KindName] = &[
    KindName::Tool,
    KindName::Llm,
    KindName::Agent,
    KindName::Swarm,
    KindName::Condition,
    KindName::Loop,
    KindName::Parallel,
    KindName::Workflow,
    KindName::Recursive,
    KindName::Code,
    KindName::Human,
    KindName::Monitor,
];

/// What a node is going to do.
pub(crate) enum Begin {
    /// Reach the outside.
    Leaf { intent: Intent, effect: Effect },
    /// Open its nested scopes.
    Container(Opening),
    /// Look at something from time to time.
    Watch,
    /// Ask a person.
    Question(Question),
}

/// Renders what a node is going to do. Pure.
pub(crate) fn begin(work: &Work, env: &mut Env<'_>) -> Result<Begin, Failure> {
    match work {
        Work::Tool(plan) => tool::begin(plan, env),
        Work::Llm(plan) => llm::begin(plan, env),
        Work::Agent(plan) => agent::begin(plan, env),
        Work::Swarm(plan) => swarm::begin(plan, env),
        Work::Code(plan) => Ok(code::begin(plan, env)),
        Work::Condition(plan) => condition::begin(plan, env),
        Work::Loop(plan) => r#loop::begin(plan, env),
        Work::Parallel(_) => Ok(Begin::Container(Opening::Parallel)),
        Work::Workflow(plan) => workflow::begin(plan, env),
        Work::Recursive(_) => Ok(Begin::Container(Opening::Recursive)),
        Work::Monitor(_) => Ok(Begin::Watch),
        Work::Human(plan) => human::begin(plan, env),
    }
}

/// Does what a leaf was going to do.
pub(crate) async fn run(work: &Work, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    match work {
        Work::Tool(plan) => tool::run(plan, ctx, intent).await,
        // In a box of its own: it is large, and tools need no room for it.
        Work::Llm(plan) => Box::pin(llm::run(plan, ctx, intent)).await,
        Work::Agent(plan) => Box::pin(agent::run(plan, ctx, intent)).await,
        Work::Swarm(plan) => Box::pin(swarm::run(plan, ctx, intent)).await,
        Work::Code(_) => Box::pin(code::run(ctx, intent)).await,
        Work::Monitor(plan) => Box::pin(monitor::run(plan, ctx, intent)).await,
        Work::Condition(_)
        | Work::Loop(_)
        | Work::Parallel(_)
        | Work::Workflow(_)
        | Work::Recursive(_)
        | Work::Human(_) => {
            Err(Failure::new(ErrorCode::RunStuck, "what reaches nothing outside was started as if it did"))
        }
    }
}

/// The failure of a template in a field as its node's.
pub(crate) fn template_failure(field: &str, error: &TemplateError) -> Failure {
    Failure::new(error.code(), format!("`{field}`: {error}")).about_template(field, error)
}
