//! Nodes of several steps: their work is done again over the receipts in the journal, and each step is compared.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use async_trait::async_trait;
use futures::FutureExt;
use ice_core::blueprint::AlertChannel;
use ice_core::error::ErrorCode;
use ice_core::llm::PromptPolicy;
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::Value;
use tokio_util::sync::CancellationToken;

use super::{Divergence, What, difference};
use crate::executors::builtin;
use crate::executors::{Completion, Observation, StepContext, StepPort, inspected};
use crate::journal::{Body, Failure, Intent, Question};
use crate::workflow::model::Work;
use crate::workflow::runtime::{NodeState, State};

/// The steps in a journal, by address, as they were made last.
#[derive(Debug)]
pub(super) struct Steps {
    made: AHashMap<NodePath, Made>,
    /// The attempts of nodes of several steps that have not ended for good, by node: their number and what they set out to
    /// do.
    open: AHashMap<NodePath, (u32, Intent)>,
    policy: Arc<dyn PromptPolicy>,
    /// The questions of steps, by node, and those that were answered, by step.
    asked: AHashMap<NodePath, (NodePath, Question)>,
    answered: AHashMap<NodePath, Answered>,
}

/// A question that a step was, and what it gave.
#[derive(Clone, Debug)]
struct Answered {
    /// The number of the record of the answer.
    number: u64,
    question: Question,
    told: Value,
}

/// A step that was made.
#[derive(Clone, Debug)]
struct Made {
    /// The number of its record.
    number: u64,
    body: Body,
    /// What it gave, if it ended.
    receipt: Option<Result<Completion, Failure>>,
}

impl Steps {
    pub(super) fn new(policy: Arc<dyn PromptPolicy>) -> Self {
        let (made, open) = (AHashMap::new(), AHashMap::new());
        Self { made, open, policy, asked: AHashMap::new(), answered: AHashMap::new() }
    }

    /// Takes in what a record says of a step.
    pub(super) fn see(&mut self, number: u64, body: &Body) {
        if let Body::Started {
            node,
            attempt,
            intent: intent @ (Intent::Agent { .. } | Intent::Swarm { .. } | Intent::Aware { .. }),
            ..
        } = body
        {
            self.open.insert(node.clone(), (*attempt, intent.clone()));
        }
        if let Body::Asked { node, question, step: Some(step), .. } = body {
            self.asked.insert(node.clone(), (step.clone(), (**question).clone()));
        }
        if let Body::Answered { node, answer } = body
            && let Some((step, question)) = self.asked.remove(node)
        {
            self.answered.insert(step, Answered { number, question, told: answer.told() });
        }
        if let Body::Step { step, .. } = body {
            self.made.insert(step.clone(), Made { number, body: body.clone(), receipt: None });
        }
        if let Body::Receipt { step, result, usage, stream, discarded: None, .. } = body
            && let Some(made) = self.made.get_mut(step)
        {
            let done =
                |value: Value| Completion { usage: *usage, stream: *stream, ..Completion::from(value) };
            made.receipt = Some(result.clone().map(done));
        }
    }

    /// Does the work of the node that a record ends again, if it is one of several steps, and compares.
    ///
    /// # Errors
    /// The first step that is another one now, or the output, if that is.
    pub(super) fn compare(&mut self, state: &State, number: u64, body: &Body) -> Result<(), Box<Divergence>> {
        let (Body::Succeeded { node, .. } | Body::Failed { node, .. }) = body else { return Ok(()) };
        let Some(place) = state.locate(node) else { return Ok(()) };
        let (Some(plan_node), Some(attempt)) = (state.plan_node(place), state.attempt(place)) else {
            return Ok(());
        };
        if !plan_node.work.has_steps() {
            return Ok(());
        }
        let done = self.again(node, &plan_node.work, attempt.number, &attempt.intent)?;
        if let Body::Succeeded { output, usage, stream, .. } = body {
            let shaped = done.and_then(Result::ok).and_then(|done| plan_node.shape(done.value).ok());
            match shaped {
                Some(shaped) if shaped == *output => {}
                Some(output) => {
                    let (node, usage, stream) = (node.clone(), *usage, *stream);
                    let cached = false;
                    let decided = Body::Succeeded { node: node.clone(), output, usage, stream, cached };
                    return Err(other(number, &node, body, decided));
                }
                // It goes further now, or fails.
                None => {
                    let what = What::Nothing(Box::new(body.clone()));
                    return Err(Divergence::boxed(number, Some(node.clone()), what));
                }
            }
        }
        if let Body::Succeeded { .. } | Body::Failed { retry_at: None, .. } = body {
            self.made.retain(|step, _| !is_within(step, node));
            self.answered.retain(|step, _| !is_within(step, node));
            self.open.remove(node);
        }
        Ok(())
    }

    /// Does the work of the nodes that have not ended again, and compares the steps they have made.
    ///
    /// # Errors
    /// The first step that is another one now.
    pub(super) fn compare_open(&self, state: &State) -> Result<(), Box<Divergence>> {
        let mut open: Vec<_> = self.open.iter().collect();
        open.sort_unstable_by_key(|(node, _)| *node);
        for (node, (number, intent)) in open {
            // A node that was given up, or cancelled with what is around it, has ended as well.
            let place = state.locate(node);
            let place = place.filter(|at| !matches!(state.node_state(*at), Some(NodeState::Done(_))));
            let Some(plan_node) = place.and_then(|place| state.plan_node(place)) else { continue };
            if plan_node.work.has_steps() {
                self.again(node, &plan_node.work, *number, intent)?;
            }
        }
        Ok(())
    }

    /// Does the work of a node again over the receipts of its steps. Gives what it comes to, or nothing if it goes further.
    fn again(
        &self,
        node: &NodePath,
        work: &Work,
        attempt: u32,
        intent: &Intent,
    ) -> Result<Option<Result<Completion, Failure>>, Box<Divergence>> {
        let steps = self.made.iter().filter(|(step, _)| is_within(step, node));
        let port = Arc::new(Again {
            node: node.clone(),
            steps: steps.map(|(step, made)| (step.clone(), made.clone())).collect(),
            answered: self.answered.clone(),
            found: Mutex::default(),
            policed: Mutex::default(),
            policy: Arc::clone(&self.policy),
        });
        let context = StepContext {
            path: node.clone(),
            attempt,
            cancel: CancellationToken::new(),
            port: Arc::clone(&port) as Arc<dyn StepPort>,
            call: None,
            agent: None,
            watch: None,
        };
        // Nothing of it waits for anything, but for a step whose end is not in the journal.
        let done = builtin::run(work, &context, intent.clone()).now_or_never();
        match port.found.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(divergence) => Err(divergence),
            None => Ok(done),
        }
    }
}

fn is_within(step: &NodePath, node: &NodePath) -> bool {
    step.as_str().strip_prefix(node.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

/// Gives the steps of an attempt what they gave before.
struct Again {
    node: NodePath,
    steps: AHashMap<NodePath, Made>,
    answered: AHashMap<NodePath, Answered>,
    found: Mutex<Option<Box<Divergence>>>,
    policy: Arc<dyn PromptPolicy>,
    /// The steps in whose place a policy has put something else.
    policed: Mutex<BTreeSet<NodePath>>,
}

impl Again {
    fn find(&self, divergence: Box<Divergence>) -> Failure {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(divergence);
        Failure::new(ErrorCode::ReplayDiverged, "a step is another one now")
    }
}

#[async_trait]
impl StepPort for Again {
    async fn perform(
        self: Arc<Self>,
        _ctx: &StepContext,
        address: &NodePath,
        _intent: Intent,
    ) -> Result<Completion, Failure> {
        match self.steps.get(address).and_then(|made| made.receipt.clone()) {
            Some(receipt) => receipt,
            None => std::future::pending().await,
        }
    }

    async fn alert(
        self: Arc<Self>,
        _ctx: &StepContext,
        _channel: AlertChannel,
        _intent: &Intent,
    ) -> Result<(), Failure> {
        Ok(())
    }

    fn inspect(&self, step: &NodePath, intent: Intent) -> Result<Intent, Failure> {
        // What was recorded as it is was let through, or recorded before there was a policy.
        if let Some(Body::Step { intent: recorded, .. }) = self.steps.get(step).map(|made| &made.body)
            && *recorded == intent
        {
            return Ok(intent);
        }
        let read = |request: &Value| request.to().map(|request| (request, 0));
        Ok(match inspected(&*self.policy, &intent, read)? {
            Some(other) => {
                self.policed.lock().unwrap_or_else(PoisonError::into_inner).insert(step.clone());
                other
            }
            None => intent,
        })
    }

    fn ask(&self, step: &NodePath, question: Question) -> Result<Value, Failure> {
        match self.answered.get(step) {
            Some(answered) if answered.question == question => Ok(answered.told.clone()),
            Some(answered) => {
                let what = What::Impossible(format!("`{step}` asks something else now"));
                Err(self.find(Divergence::boxed(answered.number, Some(self.node.clone()), what)))
            }
            // It waited for the answer, and its output tells the rest.
            None => Err(Failure::new(ErrorCode::RunCancelled, "a person has to answer first")),
        }
    }

    /// It was asked: a model without a known price failed its node.
    fn is_priced(&self, _provider: &str, _model: &str) -> bool {
        true
    }

    async fn announce(&self, step: &NodePath, intent: &Intent, effect: Effect) -> Result<(), Failure> {
        let made = self.steps.get(step);
        // What was held for it is compared by itself.
        let held = match made.map(|made| &made.body) {
            Some(Body::Step { held, .. }) => held.clone(),
            Some(_) | None => None,
        };
        // Journals had the effect of what was in its place before.
        let is_policed = self.policed.lock().unwrap_or_else(PoisonError::into_inner).contains(step);
        let effect = match made.map(|made| &made.body) {
            Some(Body::Step { effect: recorded, .. }) if is_policed => effect.min(*recorded),
            Some(_) | None => effect,
        };
        let (node, intent) = (self.node.clone(), intent.clone());
        let now = Body::Step { step: step.clone(), node, intent, effect, held };
        match made {
            Some(made) if made.body == now => Ok(()),
            Some(made) => Err(self.find(other(made.number, step, &made.body, now))),
            // It was cut off before that, or goes further now: its output tells.
            None => std::future::pending().await,
        }
    }

    fn observe(&self, _address: &NodePath, _observation: Observation) {}

    async fn receipt(&self, _step: &NodePath, result: Result<Completion, Failure>) -> Result<Value, Failure> {
        result.map(|done| done.value)
    }

    fn known(&self, _step: &NodePath) -> Option<Result<Value, Failure>> {
        None
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").field("node", &self.node).finish_non_exhaustive()
    }
}

fn other(number: u64, node: &NodePath, recorded: &Body, decided: Body) -> Box<Divergence> {
    let what = What::Other {
        difference: difference::between(recorded, &decided),
        recorded: Box::new(recorded.clone()),
        decided: Box::new(decided),
    };
    Divergence::boxed(number, Some(node.clone()), what)
}
