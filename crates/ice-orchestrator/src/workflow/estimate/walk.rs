//! Goes through a plan, scope by scope.

use std::sync::Arc;

use ice_core::blueprint::{CoordinationStrategy, WaitStrategy};
use ice_core::budget::Spend;
use ice_core::llm::tokens;
use ice_core::path::NodePath;
use ice_core::template::Limits;
use ice_core::value::{Map, Value};

use super::tally::{Count, Tally, least};
use super::{NodeEstimate, bounded};
use crate::journal::RunOptions;
use crate::workflow::model::{Items, Plan, PlanNode, ScopeIndex, Work};

/// Items that a loop is taken to have whose items are not known before.
const ITEMS: u64 = 10;
/// Iterations that a recursive node is taken to make, if it may.
const ITERATIONS: u64 = 3;
/// The most nodes that are listed.
const MAX_NODES: usize = 1_000;

/// Where a scope stands.
#[derive(Clone)]
pub(super) struct Surroundings<'p> {
    pub(super) plan: &'p Plan,
    /// The inputs, if they are known.
    pub(super) inputs: Option<&'p Value>,
    pub(super) prefix: Option<NodePath>,
    /// How often the scope is likely executed, and at most, for what is told of single nodes.
    pub(super) likely: f64,
    pub(super) most: f64,
}

impl<'p> Surroundings<'p> {
    fn path(&self, node: &PlanNode) -> NodePath {
        self.prefix.as_ref().map_or_else(|| NodePath::root(&node.id), |prefix| prefix.child(&node.id))
    }

    /// The names that are known before a run starts.
    pub(super) fn known(&self) -> Map {
        let inputs = self.inputs.map(|inputs| (Arc::from("inputs"), inputs.clone()));
        inputs.into_iter().collect()
    }

    /// Within a container of it.
    fn below(&self, node: &PlanNode, suffix: &str, likely: f64, most: u64) -> Self {
        let path = self.path(node);
        let prefix = if suffix.is_empty() { Some(path) } else { path.extended(suffix) };
        Self { prefix, likely: self.likely * likely, most: self.most * most as f64, ..self.clone() }
    }
}

pub(super) struct Estimator<'o> {
    pub(super) options: &'o RunOptions,
    pub(super) assumptions: Vec<String>,
    pub(super) nodes: Vec<NodeEstimate>,
}

impl Estimator<'_> {
    pub(super) fn scope(&mut self, index: ScopeIndex, around: &Surroundings<'_>) -> Tally {
        let Some(scope) = around.plan.scope(index) else { return Tally::default() };
        scope.nodes.iter().fold(Tally::default(), |all, node| {
            let mut tally = self.node(node, around);
            if node.when.is_some() {
                tally = tally.or(Tally::default());
                self.assume("each branch of a condition is as likely as the other".to_owned());
            }
            all.and(tally)
        })
    }

    pub(super) fn assume(&mut self, what: String) {
        if !self.assumptions.contains(&what) {
            self.assumptions.push(what);
        }
    }

    /// What a node spends each time its scope is executed.
    fn node(&mut self, node: &PlanNode, around: &Surroundings<'_>) -> Tally {
        let once = match &node.work {
            Work::Tool(_) | Work::Code(_) => Tally::exactly(Spend::TOOL_CALL),
            Work::Human(_) | Work::Monitor(_) => return Tally::default(),
            Work::Llm(work) => {
                let mut request = work.request.clone();
                if let Ok(Value::String(model)) = work.model.render(&around.known(), &Limits::default()) {
                    request.model = model.to_string();
                }
                let format = work.format.as_deref().map(tokens::estimate_text).unwrap_or_default();
                let prompt = self.written(&work.prompt, around);
                let told = prompt.and(format);
                let call = self.model_call(around.plan, &work.provider, &request, told);
                match &work.output {
                    None => call,
                    Some(declared) => call.and(self.repair(around.plan, work, declared, &request, told)),
                }
            }
            Work::Agent(work) => {
                let turn = self.agent(&work.agent, !work.dependencies.is_empty(), around);
                if work.multi_turn { self.turns(turn, &work.agent) } else { turn }
            }
            Work::Swarm(work) => {
                let (all, most) = (work.members.len() as u64, u64::from(work.max_rounds.max(1)));
                let turns = match work.strategy {
                    CoordinationStrategy::Hierarchical => Count::exactly(1),
                    CoordinationStrategy::Consensus => Count::within(1, 2, most),
                    // Everybody bids, then one works, or several do.
                    CoordinationStrategy::Marketplace => Count::within(1, 2, 2),
                };
                if !turns.is_known {
                    self.assume(format!("swarms need {} rounds", turns.likely));
                }
                let members = work.members.iter().fold(Tally::default(), |members, member| {
                    members.and(self.agent(&member.agent, true, around))
                });
                let mut tally = members.times(&turns);
                if work.strategy == CoordinationStrategy::Marketplace {
                    let share = 1.0 / all.max(1) as f64;
                    tally.likely = members.likely.times(1.0 + share);
                    tally.assumed = tally.assumed.min(tally.likely.tokens);
                }
                tally
            }
            Work::Condition(work) => {
                self.assume("each branch of a condition is as likely as the other".to_owned());
                let branches = [("true", work.on_true), ("false", work.on_false)].map(|(name, branch)| {
                    let below = around.below(node, &format!(".{name}"), 0.5, 1);
                    branch.map_or(Tally::default(), |branch| self.scope(branch, &below))
                });
                let [on_true, on_false] = branches;
                on_true.or(on_false)
            }
            Work::Loop(work) => {
                let most = work.max_iterations.unwrap_or(self.options.max_loop_items) as u64;
                let known = match &work.items {
                    Items::Path(root, path) if &**root == "inputs" => {
                        around.inputs.and_then(|inputs| path.follow(inputs).ok()).cloned()
                    }
                    Items::Path(..) => None,
                    Items::Template(template) => template.render(&around.known(), &Limits::default()).ok(),
                };
                let items = known.and_then(|items| items.as_list().map(|items| items.len() as u64));
                let count = match items {
                    Some(items) => Count::exactly(items.min(most)),
                    None => {
                        self.assume(format!("loops over what is not known before have {ITEMS} items"));
                        Count::within(0, ITEMS, most)
                    }
                };
                let below = around.below(node, ".body", count.likely as f64, count.most);
                self.scope(work.body, &below).times(&count)
            }
            Work::Parallel(work) => {
                let mut fewest = None;
                let mut all = Tally::default();
                for branch in &work.branches {
                    let tally = self.scope(*branch, &around.below(node, ".branches", 1.0, 1));
                    fewest = Some(fewest.map_or(tally.least, |fewest| least(fewest, tally.least)));
                    all = all.and(tally);
                }
                if work.wait != WaitStrategy::All {
                    all.least = fewest.unwrap_or_default();
                }
                all
            }
            Work::Workflow(work) => {
                let below = around.below(node, ".run", 1.0, 1);
                self.scope(ScopeIndex(0), &Surroundings { plan: &work.plan, inputs: None, ..below })
            }
            Work::Recursive(work) => {
                let most = u64::from(work.max_iterations);
                let further = Count::within(0, ITERATIONS - 1, most.saturating_sub(1));
                if !further.is_known {
                    self.assume(format!("recursive nodes need {} iterations", further.likely + 1));
                }
                let first = self.scope(work.first, &around.below(node, "", 1.0, 1));
                let below = around.below(node, "", further.likely as f64, further.most);
                first.and(self.scope(work.again, &below).times(&further))
            }
        };
        // A run that succeeds may do with one attempt.
        let attempts = Count { is_known: true, ..Count::within(1, 1, node.retry.max_attempts.into()) };
        let mut tally = once.times(&attempts);
        tally.keep_within(&node.budget);
        if node.work.is_leaf() && self.nodes.len() < MAX_NODES {
            let (likely, most) = (tally.likely.times(around.likely), bounded(tally.most.times(around.most)));
            self.nodes.push(NodeEstimate { node: around.path(node), kind: node.kind, likely, most });
        }
        tally
    }
}
