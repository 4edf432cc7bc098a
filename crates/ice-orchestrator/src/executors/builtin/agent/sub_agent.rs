//! An agent that another one lets work: a task in, an answer out, its rounds below the address of the call.

use futures::FutureExt;
use futures::future::BoxFuture;
use ice_core::error::ErrorCode;
use ice_core::llm::{Message, Role};
use ice_core::path::NodePath;
use ice_core::value::Value;

use super::conversation::{Status, Work, converse};
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

/// Lets an agent work. Gives what its answer is to who asked, and what it spent.
///
/// Not cancel-safe, as [`StepContext::step`].
pub(super) fn let_work<'a>(
    order: Order<'a>,
    ctx: &'a StepContext,
    address: &'a NodePath,
) -> BoxFuture<'a, Result<(Value, AgentSpent), Failure>> {
    async move {
        let Order { agent: SubAgent { agent, system, .. }, task, bounds } = order;
        let mut request = agent.request.clone();
        let is_marked = agent.marks_data && agent.has_calls();
        let system = shown::system(system.as_deref(), is_marked).map(|told| (Role::System, told));
        let messages = system.into_iter().chain([(Role::User, task.into())]);
        request.messages.extend(messages.map(|(role, text)| Message::text(role, &*text).into()));
        let request = Value::from_serialize(&request).map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("the request cannot be written: {error}"))
        })?;
        let work = Work { agent, declared: None, bounds };
        let answer = converse(work, ctx, address, request).await?;
        let said = match answer.status {
            Status::Success => Value::from(answer.text),
            // Who asked is to know that it is not all.
            status => Value::map([
                ("response", Value::from(answer.text)),
                ("status", Value::from(status.as_str())),
            ]),
        };
        Ok((said, answer.spent))
    }
    .boxed()
}
