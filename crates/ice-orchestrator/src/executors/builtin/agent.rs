//! `agent`: lets a model choose tools until it is done, round by round, each round and each call of a tool a step.

mod calls;
mod conversation;
mod person;
mod repeats;
mod round;
mod shown;
mod sub_agent;
mod turns;

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::{Message, Role};
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use super::llm::usage_value;
use super::memory::{self, Aware, REMEMBERED};
use super::{Begin, code, images, template_failure};
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::model::{Agent, AgentPlan};

pub(super) use calls::is_final;
pub(crate) use conversation::{Answer, Status, Work, converse};
pub(crate) use person::MAX_CHOICES;

/// The setting of an agent node that is its task.
const TASK: &str = "task";

pub(crate) fn begin(plan: &AgentPlan, env: &Env<'_>) -> Result<Begin, Failure> {
    let config = plan.config.render(env, &env.limits);
    let config = config.map_err(|error| template_failure("agent_config", &error))?;
    let task = match config.get(TASK) {
        Some(Value::String(task)) => task.to_string(),
        Some(_) | None => pretty(&Value::from(code::seen(&plan.dependencies, env)))?,
    };
    let mut task = Message::text(Role::User, task);
    task.parts.extend(images::shown(&plan.images, env)?);
    let request = request(&plan.agent, config, Some(task), env)?;
    let request = if plan.memory { memory::of_session(request, env) } else { request };
    let (agent, provider) = (Arc::clone(&plan.agent.name), Arc::clone(&plan.agent.provider));
    // What an agent does to the world are its steps.
    Ok(Begin::Leaf { intent: Intent::Agent { agent, provider, request }, effect: Effect::Pure })
}

pub(super) fn pretty(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| {
        Failure::new(ErrorCode::InputInvalid, format!("what the agent is given cannot be written: {error}"))
    })
}

/// The request of an agent's first round: what it is told of itself, and its task if that is known already.
pub(super) fn request(
    agent: &Agent,
    config: Value,
    task: Option<Message>,
    env: &Env<'_>,
) -> Result<Value, Failure> {
    let mut request = agent.request.clone();
    let mut system = None;
    if let Some(template) = &agent.system_prompt {
        let scope: Map = [(Arc::from("config"), config)].into_iter().collect();
        let told = template.render(&scope, &env.limits);
        let told = told.map_err(|error| {
            let message = format!("the system prompt of the agent `{}`: {error}", agent.name);
            Failure::new(error.code(), message).about("package")
        })?;
        system = Some(told.as_str().map_or_else(|| told.to_string(), str::to_owned));
    }
    let system = shown::system(system.as_deref(), agent.marks_data && agent.has_calls());
    request.messages.extend(system.map(|told| Arc::new(Message::text(Role::System, &*told))));
    request.messages.extend(task.map(Arc::new));
    Value::from_serialize(&request).map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("the request cannot be written: {error}"))
    })
}

pub(crate) async fn run(plan: &AgentPlan, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    let Intent::Agent { request, .. } = intent else {
        return Err(Failure::new(ErrorCode::RunStuck, "an agent was started as something else"));
    };
    let (aware, request) = if plan.memory {
        let (aware, request) = Aware::recall(ctx, &request).await?;
        (Some(aware), request)
    } else {
        (None, request)
    };
    let work = Work { agent: &plan.agent, declared: plan.output.as_ref(), bounds: plan.agent.bounds };
    let answer = if plan.multi_turn {
        turns::talk(work, &ctx.watched(work.agent, &ctx.path), &ctx.path, request, aware).await
    } else {
        let answer = converse(work, ctx, &ctx.path, request).await;
        if let (Some(aware), Ok(answer)) = (aware, &answer)
            && answer.status == Status::Success
        {
            aware.remember(ctx, REMEMBERED, &answer.text).await?;
        }
        answer
    };
    // What the rounds spent was counted with each of them.
    answer.map(|answer| Completion::from(output(&plan.agent, answer))).map_err(Failure::without_usage)
}

/// The node's output: the fields of a declared schema, and what every agent gives.
fn output(agent: &Agent, answer: Answer) -> Value {
    let Answer { text, reasoning, fields, history, iterations, status, spent } = answer;
    let text = Value::from(text);
    let mut output = fields;
    output.insert(Arc::from("response"), text.clone());
    output.insert_new("text", || text);
    if !reasoning.is_empty() {
        output.insert(Arc::from("reasoning"), Value::from(reasoning));
    }
    output.insert(Arc::from("tool_history"), Value::from(history));
    output.insert(Arc::from("iterations"), Value::from(iterations));
    output.insert(Arc::from("status"), Value::from(status.as_str()));
    output.insert(Arc::from("agent_package"), Value::String(Arc::clone(&agent.name)));
    output.insert(Arc::from("agent_executed"), Value::from(true));
    output.insert(Arc::from("usage"), usage_value(spent.usage));
    Value::from(output)
}
