//! Record 0: what a run was started with, and what it is bound to.

use ice_core::blueprint::{KindName, VersionLock};
use ice_core::budget::Budget;
use ice_core::id::{BlueprintId, Principal, RunId, Tenant};
use ice_core::path::NodePath;
use ice_core::process::{Isolation, Limits};
use ice_core::registry::AgentDefinition;
use ice_core::store::Durability;
use ice_core::tools::Grants;
use ice_core::value::{BlobHash, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run was started with. Pinned: what [`PinnedPlan`] holds, by its hash. Recorded and used from here,
/// never compared: grants, options, the engine's version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the records that follow.
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// Its owner.
    pub tenant: Tenant,
    /// Who started it.
    pub by: Principal,
    /// The blueprint's id.
    pub blueprint: BlueprintId,
    /// The blueprint's display name.
    pub name: String,
    /// The hash of the [`PinnedPlan`] document, kept beside the runs that use it.
    pub plan: BlobHash,
    /// The inputs.
    pub inputs: Value,
    /// The options.
    pub options: RunOptions,
    /// What cannot be enforced for tools that run inside the engine's process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
    /// Where it was forked from another run; the records up to there are that one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Box<Forked>>,
    /// The version of the engine that accepted the run.
    pub engine: String,
}

/// Where a run was forked from another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forked {
    /// The other run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The node before which it was forked.
    pub at: NodePath,
    /// Records before this number are those of the other run, with their times moved.
    pub record: u64,
    /// The first run of the line: what is drawn by lot, such as the spread of waits, depends on it.
    #[schemars(with = "String")]
    pub seed: RunId,
    /// Where the runs it was forked from were forked themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<u64>,
}

impl Manifest {
    /// The run on which what is drawn by lot depends: this one, or the first of those it was forked from.
    pub(crate) fn seed(&self) -> RunId {
        self.forked.as_ref().map_or(self.run, |forked| forked.seed)
    }

    /// What a run that is forked from this one says of it.
    pub(crate) fn forked_at(&self, at: NodePath, record: u64) -> Forked {
        let mut before = self.forked.iter().flat_map(|forked| forked.cuts()).collect::<Vec<_>>();
        before.retain(|cut| *cut < record);
        Forked { run: self.run, at, record, seed: self.seed(), before }
    }
}

impl Forked {
    /// The numbers of the records from which on a run went its own way.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = u64> {
        self.before.iter().copied().chain([self.record])
    }
}

/// How a run is carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    /// The most node attempts under way at once, 1 to 1,024; 16 by default.
    pub max_parallel: u32,
    /// The most nodes of the top scope under way at once, 1 to 1,024, containers and those that wait for a person included;
    /// monitors do not count. No limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// What a failed node means for the others.
    pub failure_policy: FailurePolicy,
    /// What an acknowledged record survives; the store's best if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// What the run may touch.
    pub grants: Grants,
    /// How long a cancelled attempt may take to end, in milliseconds; 5,000 by default.
    pub cancel_grace_ms: u64,
    /// The same key gives the same run: 1 to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The most items of one loop; 100,000 by default.
    pub max_loop_items: usize,
    /// The most nodes a run may execute, nested ones included; 1,000,000 by default.
    pub max_nodes: u64,
    /// The most bytes that the values of a run may take in memory, roughly: its inputs, and what its nodes take and
    /// give, a value once however often it is handed on; 512 MiB by default.
    pub max_bytes: u64,
    /// What the run may spend on models and tools; not limited by default.
    #[serde(skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
    /// How long the run may take, waiting included, in milliseconds from its start; not limited by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_time_ms: Option<u64>,
    /// How deep sub-workflows may be nested, 0 to 16; not limited further by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u32>,
    /// Where tools that touch files or the network do their work; in a cage by default.
    pub isolation: Isolation,
    /// The layers of cages that are done without where they cannot be had; none by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waive: Vec<String>,
    /// How much each execution outside of the engine's own code may use at most.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
}

fn is_default(limits: &Limits) -> bool {
    *limits == Limits::default()
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            max_parallel: 16,
            max_concurrent: None,
            failure_policy: FailurePolicy::default(),
            durability: None,
            grants: Grants::default(),
            cancel_grace_ms: 5_000,
            idempotency_key: None,
            max_loop_items: 100_000,
            max_nodes: 1_000_000,
            max_bytes: 512 << 20,
            budget: Budget::default(),
            max_time_ms: None,
            max_depth: None,
            isolation: Isolation::default(),
            waive: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What a failed node means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// The run stops: what is under way is cancelled, nothing new starts.
    Halt,
    /// What does not depend on the failed node goes on.
    #[default]
    ContinuePossible,
    /// Everything goes on; the output of a failed node is null.
    Always,
}

/// What a run is bound to. A change parks it with `PIN_MISMATCH`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedPlan {
    /// The blueprint, in the present dialect: the run goes on with this one, whatever became of its file.
    pub blueprint: Value,
    /// The version lock of the document it was read from, where that is known. For people: never compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<VersionLock>,
    /// The sub-blueprints by the name that nodes use, each pinned the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<PinnedWorkflow>,
    /// The tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<PinnedTool>,
    /// The registered code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<PinnedCode>,
    /// The models that are named; those of templates are known only once they are rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<PinnedModel>,
    /// The agents, whole: the run goes on with these, whatever became of their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<PinnedAgent>,
    /// The kinds of node in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindName>,
}

/// A sub-blueprint a run is bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedWorkflow {
    /// The name that nodes use.
    pub name: String,
    /// What it is bound to.
    pub plan: PinnedPlan,
}

/// A model a run is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinnedModel {
    /// The provider's name.
    pub provider: String,
    /// The model's name.
    pub model: String,
}

/// An agent a run is bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedAgent {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// What it is, as a value: a field that this engine does not know is kept.
    pub definition: Value,
}

impl PinnedAgent {
    pub(crate) fn of(agent: &AgentDefinition) -> Result<Self, serde_json::Error> {
        let (name, version) = (agent.name.clone(), agent.version.clone());
        Ok(Self { name, version, definition: Value::from_serialize(agent)? })
    }

    pub(crate) fn key(&self) -> (&str, &semver::Version) {
        (&self.name, &self.version)
    }
}

/// Registered code a run is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinnedCode {
    /// Its name.
    pub name: String,
    /// Its hash.
    pub hash: BlobHash,
}

/// A tool a run is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PinnedTool {
    /// Its name.
    pub name: String,
    /// The major part of its version.
    pub major: u64,
    /// The hash of its input and output schemas.
    pub schemas: BlobHash,
}
