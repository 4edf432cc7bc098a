//! The compiled plan: immutable, cheap to share, everything parsed.

mod agent;
mod work;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use ice_core::alert::Alerts;
use ice_core::blueprint::{Blueprint, KindName, RetryPolicy};
use ice_core::budget::Budget;
use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::llm::LlmProvider;
use ice_core::process::Isolation;
use ice_core::registry::RegisteredCode;
use ice_core::schema::Validator;
use ice_core::tools::Tool;
use ice_core::value::{BlobHash, Map, Value, ValuePath};
use indexmap::IndexMap;
use metrics::Histogram;

pub(crate) use agent::{Agent, AgentBounds, AgentSpent, AgentTool, SubAgent};
pub(crate) use work::{
    AgentPlan, CodePlan, ConditionPlan, HumanPlan, Items, LlmOutput, LlmPlan, LoopPlan, Member, MonitorPlan,
    ParallelPlan, RecursivePlan, SwarmPlan, ToolPlan, Work, WorkflowPlan,
};

use crate::journal::{Failure, PinnedPlan, list};

/// The index of a scope within its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScopeIndex(pub(crate) u32);

/// The index of a node within its scope.
pub(crate) type NodeIndex = u32;

/// A blueprint ready to run. Keeps its own hold on the tools and providers it names.
#[derive(Debug)]
pub struct Plan {
    pub(crate) blueprint: Arc<Blueprint>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) inputs: Option<Validator>,
    /// The only names its inputs may have, if others are refused.
    pub(crate) input_names: Option<AHashSet<Arc<str>>>,
    /// Every tool and provider in use, those of sub-blueprints included.
    pub(crate) tools: AHashMap<Arc<str>, Arc<dyn Tool>>,
    /// The registered code in use, that of sub-blueprints included.
    pub(crate) code: AHashMap<Arc<str>, Arc<RegisteredCode>>,
    pub(crate) providers: AHashMap<Arc<str>, Arc<dyn LlmProvider>>,
    /// Whether a node has a budget of its own, here or in a sub-blueprint.
    pub(crate) budgets: bool,
    /// Who takes on the alerts of monitors.
    pub(crate) alerts: Alerts,
    pub(crate) pinned: PinnedPlan,
    /// The pinned document as JSON, and its hash.
    pub(crate) document: Arc<[u8]>,
    pub(crate) hash: BlobHash,
    /// Under which isolation a tool of the plan touches files or the network from inside of the engine's process.
    pub(crate) unconfined: Vec<Isolation>,
    /// Where the time of runs that succeed is counted, once one has.
    pub(crate) seconds: OnceLock<Histogram>,
}

/// Plans are equal if what runs of them are bound to is.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Plan {
    /// The blueprint the plan was compiled from.
    #[must_use]
    pub fn blueprint(&self) -> &Arc<Blueprint> {
        &self.blueprint
    }

    /// What runs of this plan are bound to.
    #[must_use]
    pub const fn pinned(&self) -> &PinnedPlan {
        &self.pinned
    }

    /// The hash of the pinned document: equal plans have equal hashes.
    #[must_use]
    pub const fn hash(&self) -> BlobHash {
        self.hash
    }

    /// What cannot be enforced under an isolation: `process` if a tool touches files or the network from inside of the
    /// engine's process.
    #[must_use]
    pub fn not_enforced(&self, isolation: Isolation) -> Vec<String> {
        if self.unconfined.contains(&isolation) { vec!["process".to_owned()] } else { Vec::new() }
    }

    pub(crate) fn scope(&self, index: ScopeIndex) -> Option<&Scope> {
        self.scopes.get(index.0 as usize)
    }
}

/// The nodes that are siblings: the top of a blueprint, a body, a branch.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) by_id: IndexMap<NodeId, NodeIndex, ahash::RandomState>,
}

impl Scope {
    pub(crate) fn node(&self, index: NodeIndex) -> Option<&PlanNode> {
        self.nodes.get(index as usize)
    }
}

/// One node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct PlanNode {
    pub(crate) id: NodeId,
    pub(crate) kind: KindName,
    /// The nodes of the same scope it waits for.
    pub(crate) dependencies: Vec<NodeIndex>,
    /// The nodes of the same scope that wait for it.
    pub(crate) dependents: Vec<NodeIndex>,
    /// The condition and the result under which it runs.
    pub(crate) when: Option<(NodeIndex, bool)>,
    pub(crate) work: Work,
    pub(crate) retry: RetryPolicy,
    pub(crate) timeout: Option<TimeLimit>,
    pub(crate) budget: Budget,
    /// Whether results of pure tools may be taken from the cache.
    pub(crate) use_cache: bool,
    pub(crate) mappings: Vec<(Arc<str>, Mapping)>,
    pub(crate) input: Option<NodeInput>,
    pub(crate) output_validator: Option<Validator>,
    pub(crate) output_mappings: Vec<(Arc<str>, ValuePath)>,
    pub(crate) output_selection: Option<Vec<Arc<str>>>,
    pub(crate) input_selection: Option<Vec<Arc<str>>>,
    /// The names that the iterations of recursive nodes of this scope bind for it, as they are before there was one; each with
    /// the index of the recursive node.
    pub(crate) before: Vec<(usize, Arc<str>, Value)>,
    /// What it waits for beyond its scope.
    pub(crate) around: Around,
}

/// What a node that is run again waits for outside of the scope of its iteration. It is done, as it is not run again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    pub(crate) dependencies: Vec<NodeId>,
    /// The condition and the result under which the node runs.
    pub(crate) when: Option<(NodeId, bool)>,
}

impl PlanNode {
    /// Makes the node's output of what it gave: aliases added, other names dropped, checked against its
    /// schema.
    pub(crate) fn shape(&self, output: Value) -> Result<Value, Failure> {
        let mut output = output;
        if !self.output_mappings.is_empty() {
            let mut entries = output.as_map().cloned().ok_or_else(|| {
                let message =
                    format!("`output_mappings` need an object, the output is {}", output.type_name());
                Failure::new(ErrorCode::MappingFailed, message).about("output_mappings")
            })?;
            for (alias, path) in &self.output_mappings {
                let value = path.follow(&output).map_err(|error| {
                    let field = format!("output_mappings.{alias}");
                    Failure::new(ErrorCode::MappingFailed, format!("`{field}`: {error}")).about(field)
                })?;
                entries.insert(Arc::clone(alias), value.clone());
            }
            output = Value::from(entries);
        }
        if let Some(validator) = &self.output_validator {
            validator.validate(&output).map_err(|violations| {
                let message = format!("the node's output does not fit its schema: {}", list(&violations));
                Failure {
                    retryable: true,
                    unknown_outcome: true,
                    ..Failure::new(ErrorCode::OutputInvalid, message).about("output_schema")
                }
            })?;
        }
        if let (Some(selection), Value::Map(entries)) = (&self.output_selection, &output) {
            let kept = entries.iter().filter(|(key, _)| selection.contains(key));
            output = Value::from(kept.map(|(key, value)| (Arc::clone(key), value.clone())).collect::<Map>());
        }
        Ok(output)
    }
}

/// The longest one attempt at a node may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeLimit {
    pub(crate) span: Duration,
    /// The field that says it.
    pub(crate) field: &'static str,
}

/// What the mapped names of a node must fit.
#[derive(Clone, Debug)]
pub(crate) struct NodeInput {
    pub(crate) validator: Validator,
    /// The schema to whose types texts are converted, if they are.
    pub(crate) coerce_to: Option<Value>,
}

/// Where a mapped name gets its value.
#[derive(Clone, Debug)]
pub(crate) enum Mapping {
    /// From the output of a node, here or further out.
    Source { node: Arc<str>, path: ValuePath },
    /// A literal.
    Literal(Value),
}
