//! An agent that another one lets work: a task in, an answer out, its rounds below the address of the call.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ice_core::error::ErrorCode;
use ice_core::llm::{Message, Role};
use ice_core::path::NodePath;
use ice_core::value::Value;

use super::conversation::{Answer, Status, Work, converse_counted};
use super::shown;
use crate::executors::StepContext;
use crate::journal::Failure;
use crate::workflow::model::{AgentBounds, AgentSpent, SubAgent};

/// The argument of such a call.
const TASK: &str = "task";

/// What an agent is let do.
pub(super) struct Order<'a> {
    pub(super) agent: &'a SubAgent,
    pub(super) task: &'a str,
    /// How far it goes, within what is left of those around it.
    pub(super) bounds: AgentBounds,
}

/// The task of a call, if it has one and nothing else.
pub(super) fn task(arguments: &Value) -> Option<&str> {
    let arguments = arguments.as_map().filter(|arguments| arguments.len() == 1)?;
    arguments.get(TASK)?.as_str()
}

/// Lets an agent work. Gives what its answer is to who asked, and what it spent, also if it failed.
///
/// Not cancel-safe, as [`StepContext::step`].
pub(super) fn let_work<'a>(
    order: Order<'a>,
    ctx: &'a StepContext,
    address: &'a NodePath,
) -> BoxFuture<'a, (Result<Value, Failure>, AgentSpent)> {
    async move {
        let Order { agent, task, bounds } = order;
        let request = match request(agent, task) {
            Ok(request) => request,
            Err(failure) => return (Err(failure), AgentSpent::default()),
        };
        let work = Work { agent: &agent.agent, declared: None, bounds };
        let (answer, spent) = converse_counted(work, ctx, address, request).await;
        (answer.map(said), spent)
    }
    .boxed()
}

fn request(sub: &SubAgent, task: &str) -> Result<Value, Failure> {
    let SubAgent { agent, system, .. } = sub;
    let mut request = agent.request.clone();
    let system = shown::system(system.as_deref(), agent.marks_data && agent.has_calls());
    let system = system.into_iter().map(|told| Message::text(Role::System, &*told));
    request.messages.extend(system.chain([Message::text(Role::User, task)]).map(Arc::new));
    Value::from_serialize(&request).map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("the request cannot be written: {error}"))
    })
}

/// What the model of whoever asked is told of an answer.
fn said(answer: Answer) -> Value {
    match answer.status {
        Status::Success => Value::from(answer.text),
        // Who asked is to know that it is not all.
        status @ (Status::MaxIterationsReached
        | Status::MaxToolCallsReached
        | Status::MaxTokensReached
        | Status::MaxCostReached
        | Status::MaxTurnsReached
        | Status::RepeatedCalls) => {
            let status = Value::from(status.as_str());
            Value::map([("response", Value::from(answer.text)), ("status", status)])
        }
    }
}
