//! The turns of a swarm's members: what each is told, and what it says.

use std::sync::Arc;

use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::llm::{Message, Role, Usage};
use ice_core::value::{Map, Value};

use crate::executors::StepContext;
use crate::executors::builtin::agent::{Answer, Status, Work, converse, is_final};
use crate::journal::Failure;
use crate::workflow::model::{LlmOutput, Member, SwarmPlan};

/// The most members that work at once.
const AT_ONCE: usize = 16;

/// What a member gave.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) role: Arc<str>,
    pub(super) proposal: Value,
    /// How sure it is, 0 to 1.
    pub(super) confidence: f64,
    /// What it takes the work to cost, if it was asked, in tokens.
    pub(super) cost: f64,
}

/// A swarm at work.
pub(super) struct Hall<'a> {
    pub(super) plan: &'a SwarmPlan,
    ctx: &'a StepContext,
    input: &'a str,
    requests: &'a Value,
    /// What each turn came to, in the order of rounds and members.
    pub(super) minutes: Vec<Value>,
    pub(super) usage: Usage,
}

impl<'a> Hall<'a> {
    pub(super) fn new(plan: &'a SwarmPlan, ctx: &'a StepContext, request: &'a Value) -> Self {
        let input = request.get("input").and_then(Value::as_str).unwrap_or_default();
        let requests = request.get("members").unwrap_or(&Value::Null);
        Self { plan, ctx, input, requests, minutes: Vec::new(), usage: Usage::default() }
    }

    /// Lets some members have a turn side by side. Gives what those gave that did not fail, in the order of members.
    ///
    /// # Errors
    /// That the attempt was cancelled, or that a budget does not allow a call; the first failure, if fewer than `least` members gave something.
    pub(super) async fn round(
        &mut self,
        round: u32,
        members: &[&'a Member],
        shape: &'a LlmOutput,
        least: usize,
        told: impl Fn(&Member) -> String,
    ) -> Result<Vec<Given>, Failure> {
        let turns: Vec<_> =
            members.iter().map(|member| self.turn(round, member, shape, told(member))).collect();
        let ended: Vec<_> = futures::stream::iter(turns).buffered(AT_ONCE).collect().await;
        let (mut all, mut failed) = (Vec::new(), None);
        for (member, ended) in members.iter().zip(ended) {
            let mut entry = vec![
                ("round", Value::from(round)),
                ("role", Value::String(Arc::clone(&member.role))),
                ("package", Value::String(Arc::clone(&member.agent.name))),
            ];
            match ended {
                Ok(answer) => {
                    self.usage += answer.spent.usage;
                    entry.push(("said", Value::from(answer.fields.clone())));
                    all.push(given(member, &answer.fields));
                }
                Err(failure) if is_final(&failure) => {
                    return Err(failure);
                }
                Err(failure) => {
                    entry.push(("error", Value::from(failure.to_string())));
                    failed.get_or_insert(failure);
                }
            }
            self.minutes.push(Value::map(entry));
        }
        match failed {
            Some(failure) if all.len() < least => Err(failure),
            Some(_) | None => Ok(all),
        }
    }

    async fn turn(
        &self,
        round: u32,
        member: &Member,
        shape: &LlmOutput,
        told: String,
    ) -> Result<Answer, Failure> {
        let address = self.ctx.path.extended(&format!(".round[{round}].member[{}]", member.role));
        let address = address.ok_or_else(|| {
            let message = "the swarm is nested too deep: the paths of its steps would be too long";
            Failure::new(ErrorCode::LimitExceeded, message)
        })?;
        let request = self.request(member, shape, &told)?;
        let work = Work { agent: &member.agent, declared: Some(shape), bounds: member.agent.bounds };
        let answer = converse(work, self.ctx, &address, request).await?;
        let rounds = answer.iterations;
        let why = match answer.status {
            Status::Success => return Ok(answer),
            Status::MaxIterationsReached => format!("in {rounds} rounds"),
            status @ (Status::MaxToolCallsReached
            | Status::MaxTokensReached
            | Status::MaxCostReached
            | Status::MaxTurnsReached
            | Status::RepeatedCalls) => {
                format!("within its limits: it ended after {rounds} rounds with `{}`", status.as_str())
            }
        };
        let message = format!("`{}` came to no answer {why}", member.role);
        Err(Failure::new(ErrorCode::LimitExceeded, message))
    }

    /// The request of a turn: what the agent is told of itself, then of the swarm and of this round.
    fn request(&self, member: &Member, shape: &LlmOutput, told: &str) -> Result<Value, Failure> {
        let roles: Vec<&str> = self.plan.members.iter().map(|member| &*member.role).collect();
        let message = format!(
            "You are `{}`, one of {} agents that look for one answer: {}.\nWhat it is about:\n{}\n\n{told}\n\nAnswer in \
             the end with nothing but JSON that follows this schema: {}",
            member.role,
            roles.len(),
            roles.join(", "),
            self.input,
            shape.schema
        );
        let message = Value::from_serialize(&Message::text(Role::User, message)).map_err(|error| {
            Failure::new(ErrorCode::ModelFailed, format!("a message cannot be written: {error}"))
        })?;
        let mut request: Map =
            self.requests.get(&member.role).and_then(Value::as_map).cloned().unwrap_or_default();
        let before = request.get("messages").and_then(Value::as_list).unwrap_or_default();
        let messages = Value::list(before.iter().cloned().chain([message]));
        request.insert(Arc::from("messages"), messages);
        request.insert(Arc::from("output_schema"), shape.schema.clone());
        Ok(Value::from(request))
    }
}

fn given(member: &Member, fields: &Map) -> Given {
    let number = |name| fields.get(name).and_then(Value::as_f64).unwrap_or_default();
    Given {
        role: Arc::clone(&member.role),
        proposal: fields.get("proposal").or_else(|| fields.get("approach")).cloned().unwrap_or_default(),
        confidence: number("confidence"),
        cost: number("cost"),
    }
}

/// The one of these that is surest; of several the first.
pub(super) fn surest(all: &[Given]) -> Option<&Given> {
    all.iter().reduce(|best, next| if next.confidence > best.confidence { next } else { best })
}

/// What others gave, for a member to read.
pub(super) fn shown(all: &[Given]) -> String {
    let shown = all.iter().map(|given| {
        let Given { role, proposal, confidence, .. } = given;
        format!("- `{role}` (confidence {confidence}): {proposal}")
    });
    shown.collect::<Vec<_>>().join("\n")
}
