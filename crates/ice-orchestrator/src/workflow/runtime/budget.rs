//! What a run has spent, what is held for calls under way, and what may not begin.
//!
//! Before a call, what it takes at worst is held; once it has ended, what it took is spent. A call whose answer was lost,
//! with its process or because it was given up, is taken to have spent all that was held for it.

use std::collections::BTreeMap;

use ice_core::budget::{Budget, Overrun, Spend};
use ice_core::error::ErrorCode;
use ice_core::llm::{Fallback, Request, Usage};
use ice_core::path::NodePath;

use super::frame::Place;
use super::state::State;
use crate::journal::{Body, Failure, Intent};
use crate::workflow::model::Plan;

/// What was spent and is held: of a run, or of a node with a budget of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    spent: Spend,
    held: Spend,
}

impl Account {
    fn used(&self) -> Spend {
        let mut used = self.spent;
        used += self.held;
        used
    }
}

/// How far budgets that are shared with other runs let a run go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Funds {
    /// What the run may have spent in all, what is held included.
    pub(crate) until: Budget,
    /// Why they do not let it go further, as was asked for what is to begin next.
    pub(crate) refused: Option<Box<str>>,
}

/// What keeps something from beginning.
#[derive(Debug)]
pub(super) enum Lack {
    /// A budget does not allow it.
    Refused(Failure),
    /// Shared budgets have to be asked whether the run may have spent so much in all.
    Short(Spend),
}

/// A call under way.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    /// The node, if it is a step of one.
    of: Option<NodePath>,
    calls: Spend,
    held: Spend,
    /// Whether it is made again if it is lost with its process.
    repeats: bool,
}

/// What a run has spent, folded from its records alone. The state of a run keeps it only if something is limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spending {
    run: Account,
    /// Of nodes with a budget of their own that are not done.
    nodes: BTreeMap<NodePath, Account>,
    calls: BTreeMap<NodePath, Call>,
    /// What attempts that wind down are taken to have spent until they say so themselves.
    lost: BTreeMap<NodePath, Spend>,
}

impl Spending {
    /// What was spent so far.
    pub(crate) const fn spent(&self) -> Spend {
        self.run.spent
    }

    /// What was spent so far, and what is held.
    pub(crate) fn used(&self) -> Spend {
        self.run.used()
    }

    /// What a node spends counts for itself from now on.
    pub(super) fn open(&mut self, node: NodePath) {
        self.nodes.entry(node).or_default();
    }

    /// Nodes are done, with what was within.
    pub(super) fn close(&mut self, done: impl Fn(&NodePath) -> bool) {
        self.nodes.retain(|node, _| !done(node));
    }

    /// Folds a record in. `stops` says whether nothing starts any more.
    pub(crate) fn push(&mut self, body: &Body, stops: bool) {
        match body {
            Body::Started { node, intent, effect, held, .. } => {
                let repeats = effect.is_repeatable();
                let held = held.as_deref().copied().unwrap_or_default();
                self.begin(node, Call { of: None, calls: calls(intent), held, repeats });
            }
            Body::Step { step, node, intent, effect, held } => {
                let repeats = effect.is_repeatable();
                let held = held.as_deref().copied().unwrap_or_default();
                self.begin(step, Call { of: Some(node.clone()), calls: calls(intent), held, repeats });
            }
            Body::Succeeded { node, usage, .. } => self.settle(node, *usage),
            Body::Failed { node, failure, .. } => {
                self.fail(node, failure);
                self.lose_within(node);
            }
            Body::Receipt { step, result: Ok(_), usage, discarded: None, .. } => self.settle(step, *usage),
            Body::Receipt { step, result: Err(failure), discarded: None, .. } => self.fail(step, failure),
            Body::Receipt { node, result, usage, discarded: Some(_), .. } => {
                self.correct(node, result.as_ref().err().map_or(*usage, |failure| failure.usage));
            }
            Body::Discarded { node, usage, .. } => {
                self.correct(node, *usage);
                self.lost.remove(node);
            }
            Body::Cancelled { node, winding_down, .. } => {
                let lost = self.lose_within(node);
                if *winding_down && !lost.is_nothing() {
                    self.lost.insert(node.clone(), lost);
                }
            }
            Body::InDoubt { node } => {
                self.lose_within(node);
            }
            Body::Resumed { .. } => self.lose_all(stops),
            Body::Manifest(_)
            | Body::Woken { .. }
            | Body::Skipped { .. }
            | Body::Opened { .. }
            | Body::Iterated { .. }
            | Body::Watching { .. }
            | Body::Checked { .. }
            | Body::Alerted { .. }
            | Body::Asked { .. }
            | Body::Escalated { .. }
            | Body::Answered { .. }
            | Body::Closed { .. }
            | Body::Reported { .. }
            | Body::Denied { .. }
            | Body::Cancelling { .. }
            | Body::Unresponsive { .. }
            | Body::Settled { .. }
            | Body::Exceeded { .. }
            | Body::Funded { .. }
            | Body::Migrated(_)
            | Body::Parked { .. }
            | Body::Ended { .. } => {}
        }
    }

    fn charge(&mut self, path: &NodePath, change: impl Fn(&mut Account)) {
        change(&mut self.run);
        for (_, account) in self.nodes.iter_mut().filter(|(node, _)| is_within(path, node)) {
            change(account);
        }
    }

    fn begin(&mut self, path: &NodePath, call: Call) {
        if call.calls.is_nothing() {
            return;
        }
        self.charge(path, |account| {
            account.spent += call.calls;
            account.held += call.held;
        });
        self.calls.insert(path.clone(), call);
    }

    fn settle(&mut self, path: &NodePath, usage: Usage) {
        let held = self.calls.remove(path).map(|call| call.held).unwrap_or_default();
        let spent = Spend { unpriced: held.unpriced, ..usage.into() };
        if !held.is_nothing() || !spent.is_nothing() {
            self.charge(path, |account| {
                account.held -= held;
                account.spent += spent;
            });
        }
    }

    /// What is not known of a failed call is taken to be the worst.
    fn fail(&mut self, path: &NodePath, failure: &Failure) {
        if failure.unknown_outcome && failure.usage.total() == 0 {
            self.lose(path);
            return;
        }
        if failure.wanted.is_some()
            && let Some(call) = self.calls.get(path).cloned()
        {
            // It was not made.
            self.charge(path, |account| account.spent -= call.calls);
        }
        self.settle(path, failure.usage);
    }

    fn lose(&mut self, path: &NodePath) -> Spend {
        let held = self.calls.remove(path).map(|call| call.held).unwrap_or_default();
        if !held.is_nothing() {
            self.charge(path, |account| {
                account.held -= held;
                account.spent += held;
            });
        }
        held
    }

    /// Gives up the calls under way of an attempt.
    fn lose_within(&mut self, node: &NodePath) -> Spend {
        let steps = self.calls.iter().filter(|(_, call)| call.of.as_ref() == Some(node));
        let steps: Vec<NodePath> = steps.map(|(step, _)| step.clone()).collect();
        let mut lost = self.lose(node);
        steps.iter().for_each(|step| lost += self.lose(step));
        lost
    }

    /// An attempt that winds down tells what it took.
    fn correct(&mut self, node: &NodePath, usage: Usage) {
        if usage.total() > 0 {
            let lost = self.lost.remove(node).unwrap_or_default();
            self.run.spent -= lost;
            self.run.spent += usage.into();
        }
    }

    /// All calls under way were lost with their process. What is done by single calls is done again, what is done in steps
    /// announces them again.
    fn lose_all(&mut self, stops: bool) {
        self.lost.clear();
        let calls: Vec<(NodePath, Call)> =
            self.calls.iter().map(|(path, call)| (path.clone(), call.clone())).collect();
        for (path, call) in calls {
            if call.of.is_some() {
                self.lose(&path);
            } else if call.repeats && !stops {
                self.lose(&path);
                self.begin(&path, call);
            }
        }
    }
}

fn is_within(path: &NodePath, node: &NodePath) -> bool {
    let rest = path.as_str().strip_prefix(node.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The calls that an intent is, whatever they take.
const fn calls(intent: &Intent) -> Spend {
    match intent {
        Intent::Tool { .. } | Intent::Code { .. } => Spend::TOOL_CALL,
        Intent::Llm { .. } => Spend::MODEL_CALL,
        // Their steps are the calls. Telling people costs nothing, and neither does recalling.
        Intent::Agent { .. }
        | Intent::Swarm { .. }
        | Intent::Aware { .. }
        | Intent::Memory { .. }
        | Intent::Alert { .. } => Spend { model_calls: 0, ..Spend::MODEL_CALL },
    }
}

/// What carrying out an intent takes at worst.
fn at_most(intent: &Intent, plan: &Plan) -> Spend {
    let Intent::Llm { provider, request } = intent else { return calls(intent) };
    // A request that cannot be read is not made.
    let Ok(mut request) = request.to::<Request>() else { return Spend::MODEL_CALL };
    let estimate = |named: &str, request: &Request| {
        let provider = plan.providers.get(named)?;
        let price = provider.capabilities(&request.model).and_then(|model| model.price);
        Some(Spend::at_most(&provider.estimate(request), price.as_ref()))
    };
    let mut most = estimate(provider, &request).unwrap_or(Spend::MODEL_CALL);
    // The dearest of those that may answer: what one spends that fails is settled with the rest.
    for Fallback { provider: other, model } in std::mem::take(&mut request.fallbacks) {
        request.model = model;
        let named = other.as_deref().unwrap_or(provider);
        most = most.or_more(estimate(named, &request).unwrap_or(Spend::MODEL_CALL));
    }
    most
}

/// What is said of a budget that is too small.
pub(crate) fn does_not_allow(whose: &str, overrun: &Overrun) -> String {
    format!("the budget of {whose} does not allow it: {overrun}")
}

impl State {
    /// Whether anything of what the run spends is limited.
    pub(crate) fn is_limited(&self) -> bool {
        self.has_budgets || self.funds.is_some() || !self.manifest.options.budget.is_unlimited()
    }

    /// What carrying out an intent takes at worst. A replay is told what it was taken to be.
    pub(super) fn wanted(&self, intent: &Intent, plan: &Plan) -> Spend {
        match (intent, self.told) {
            _ if !self.is_limited() => calls(intent),
            (Intent::Llm { .. }, Some(told)) => Spend { model_calls: 1, ..told },
            _ => at_most(intent, plan),
        }
    }

    /// What an attempt that was lost with its process takes if it is made again.
    pub(super) fn wanted_again(&self, path: &NodePath) -> Spend {
        self.spending.calls.get(path).map_or_else(Spend::default, |call| {
            let mut wanted = call.calls;
            wanted += call.held;
            wanted
        })
    }

    /// What keeps something from beginning at a place, if some budget around it is too small; `pending` is about to
    /// begin as well.
    pub(super) fn lacks(&self, place: Place, wanted: Spend, pending: &[(NodePath, Spend)]) -> Option<Lack> {
        if !self.is_limited() || wanted.is_nothing() {
            return None;
        }
        let refuse = |message: String| {
            let failure = Failure::new(ErrorCode::BudgetExceeded, message);
            Some(Lack::Refused(Failure { wanted: Some(Box::new(wanted)), ..failure }))
        };
        let refused = |what: &str, overrun: &Overrun| refuse(does_not_allow(what, overrun));
        let around = |place: &Place| self.frame(place.frame)?.parent.map(|(parent, _)| parent);
        for payer in std::iter::successors(self.has_budgets.then_some(place), around) {
            let Some(budget) = self.plan_node(payer).map(|node| node.budget) else { continue };
            let Some(path) = self.path(payer).filter(|_| !budget.is_unlimited()) else { continue };
            let mut used = self.spending.nodes.get(&path).map(Account::used).unwrap_or_default();
            let within = pending.iter().filter(|(other, _)| is_within(other, &path));
            within.for_each(|(_, spend)| used += *spend);
            if let Some(overrun) = budget.overrun(&used, &wanted) {
                return refused(&format!("the node `{path}`"), &overrun);
            }
        }
        let mut used = self.spending.run.used();
        pending.iter().for_each(|(_, spend)| used += *spend);
        if let Some(overrun) = self.manifest.options.budget.overrun(&used, &wanted) {
            return refused("the run", &overrun);
        }
        let funds = self.funds.as_ref()?;
        funds.until.overrun(&used, &wanted)?;
        match &funds.refused {
            Some(why) => refuse(why.to_string()),
            None => {
                used += wanted;
                Some(Lack::Short(used))
            }
        }
    }

    /// What a node spends counts for itself, if it has a budget of its own.
    pub(super) fn open_account(&mut self, place: Place) {
        let is_payer = |node: &crate::workflow::model::PlanNode| !node.budget.is_unlimited();
        if self.has_budgets
            && self.plan_node(place).is_some_and(is_payer)
            && let Some(path) = self.path(place)
        {
            self.spending.open(path);
        }
    }

    /// A node is done, or is as if it had never been.
    pub(super) fn close_account(&mut self, place: Place) {
        if self.has_budgets
            && let Some(path) = self.path(place)
        {
            self.spending.close(|node| is_within(node, &path));
        }
    }
}
