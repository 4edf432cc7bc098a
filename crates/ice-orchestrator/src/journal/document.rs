//! The document of a run, folded from its records alone: no plan and no tools are needed to read it.

use std::collections::BTreeSet;

use ice_core::blueprint::KindName;
use ice_core::budget::Spend;
use ice_core::error::ErrorCode;
use ice_core::id::{BlueprintId, Principal, RunId};
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::process::{Denial, Report};
use ice_core::time::Moment;
use ice_core::value::{Map, Value};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::undoable::Undoables;
use super::{
    Body, Decision, Failure, FailurePolicy, Forked, Imported, Manifest, Migration, NodeFailure, Opening,
    QuestionReport, Record, RunOptions, RunStatus, Undoable,
};
use crate::workflow::runtime::{NodeStatus, Spending};

/// The most nodes a document lists, but for those that asked people; the failures and the output are complete.
const MAX_NODES: usize = 10_000;

/// The most denials that are listed for a node; all of them are events.
const MAX_DENIALS: usize = 16;

/// All there is to know of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDocument {
    /// The run.
    #[schemars(with = "String")]
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// Top-level node id to output, skipped and failed nodes left out; so far, if the run has not ended.
    pub output: Value,
    /// Why it failed or is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The nodes that failed for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<NodeFailure>,
    /// The blueprint's id.
    pub blueprint_id: BlueprintId,
    /// The blueprint's display name.
    pub name: String,
    /// Who started it.
    pub by: Principal,
    /// When it was accepted.
    pub started_at: Moment,
    /// When its newest record was written.
    pub updated_at: Moment,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// From its start to its end, or to its newest record, in milliseconds.
    pub duration_ms: u64,
    /// Tokens spent, as far as that was told.
    pub usage: Usage,
    /// All that counts against the run's budget: what was told, and the worst of calls whose answers were lost.
    #[serde(default)]
    pub spent: Spend,
    /// What it has done that can be undone, the newest first: calls of compensable tools that happened or may have, the last
    /// 10,000 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoable: Vec<Undoable>,
    /// Every node that was reached, nested ones included, in the order in which they were.
    pub nodes: Vec<NodeReport>,
    /// Whether `nodes` was cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nodes_truncated: bool,
    /// The inputs.
    pub inputs: Value,
    /// The options.
    pub options: RunOptions,
    /// The times it was moved to another blueprint, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Migration>,
    /// How it came here, if it was started elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// Where it was forked from another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Box<Forked>>,
    /// What cannot be enforced for tools that run inside the engine's process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
    /// How many records the journal has.
    pub records: u64,
}

impl RunDocument {
    /// The questions that wait for an answer, with the nodes that asked, in the order in which they were reached.
    pub fn questions(&self) -> impl Iterator<Item = (&NodePath, &QuestionReport)> {
        let is_over = self.status.is_final();
        let asked = self.nodes.iter().filter(move |node| !is_over && node.status == NodeStatus::Waiting);
        let asked = asked.filter_map(|node| Some((&node.node, &**node.question.as_ref()?)));
        asked.filter(|(_, question)| question.answer.is_none())
    }
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeReport {
    /// The node.
    pub node: NodePath,
    /// Its kind, as far as the records tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// Where it stands.
    pub status: NodeStatus,
    /// Attempts made.
    pub attempts: u32,
    /// When its first attempt started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// Whether somebody has to say what became of its last attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// Why its last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Tokens spent.
    #[serde(default)]
    pub usage: Usage,
    /// Whether its output was taken from the cache of results.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// What came of its last execution outside of the engine's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<Report>>,
    /// What a person was asked, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<QuestionReport>>,
    /// What it wanted and was not given, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Denial>,
}

/// Folds records into a [`RunDocument`].
#[derive(Clone, Debug)]
pub struct DocumentBuilder {
    document: RunDocument,
    nodes: IndexMap<NodePath, NodeReport>,
    /// The listed nodes that are under way or wait.
    open: BTreeSet<NodePath>,
    outputs: Map,
    spending: Spending,
    undoables: Undoables,
    /// Whether nothing starts any more.
    stops: bool,
}

impl DocumentBuilder {
    /// Begins with the manifest, which was written at a moment.
    #[must_use]
    pub fn new(manifest: &Manifest, at: Moment) -> Self {
        let document = RunDocument {
            id: manifest.run,
            status: RunStatus::Queued,
            output: Value::Null,
            failure: None,
            failures: Vec::new(),
            blueprint_id: manifest.blueprint.clone(),
            name: manifest.name.clone(),
            by: manifest.by.clone(),
            started_at: at,
            updated_at: at,
            ended_at: None,
            duration_ms: 0,
            usage: Usage::default(),
            spent: Spend::default(),
            undoable: Vec::new(),
            nodes: Vec::new(),
            nodes_truncated: false,
            inputs: manifest.inputs.clone(),
            options: manifest.options.clone(),
            migrations: Vec::new(),
            imported: None,
            forked: manifest.forked.clone(),
            not_enforced: manifest.not_enforced.clone(),
            records: 1,
        };
        Self {
            document,
            nodes: IndexMap::new(),
            open: BTreeSet::new(),
            outputs: Map::default(),
            spending: Spending::default(),
            undoables: Undoables::default(),
            stops: false,
        }
    }

    /// Folds the next record in.
    pub fn push(&mut self, record: &Record) {
        let (at, document) = (record.at, &mut self.document);
        document.records += 1;
        document.updated_at = at;
        if document.status == RunStatus::Queued {
            document.status = RunStatus::Running;
        }
        self.spending.push(&record.body, self.stops);
        self.undoables.push(document.records - 1, at, &record.body);
        match &record.body {
            Body::Started { node, attempt, intent, .. } => {
                self.begin(node, *attempt, Some(intent.kind()), at);
            }
            Body::Opened { node, attempt, opening } => {
                let kind = match opening {
                    Opening::Condition { .. } => KindName::Condition,
                    Opening::Loop { .. } => KindName::Loop,
                    Opening::Parallel => KindName::Parallel,
                    Opening::Workflow { .. } => KindName::Workflow,
                    Opening::Recursive => KindName::Recursive,
                };
                self.begin(node, *attempt, Some(kind), at);
            }
            Body::Succeeded { node, output, usage, cached, .. } => {
                document.usage += *usage;
                self.keep(node, output);
                if let Some(report) = self.end(node, NodeStatus::Succeeded, at) {
                    report.usage += *usage;
                    report.cached = *cached;
                    report.failure = None;
                }
            }
            Body::Closed { node, output } => {
                self.keep(node, output);
                self.end_within(node, at);
                self.end(node, NodeStatus::Succeeded, at);
            }
            Body::Failed { node, failure, retry_at } => {
                document.usage += failure.usage;
                if retry_at.is_none() {
                    let halts = document.options.failure_policy == FailurePolicy::Halt;
                    self.stops |= halts || failure.code == ErrorCode::RunAborted;
                    document.failures.push(NodeFailure { node: node.clone(), failure: failure.clone() });
                }
                let status = if retry_at.is_some() { NodeStatus::Waiting } else { NodeStatus::Failed };
                self.end_within(node, at);
                if let Some(report) = self.end(node, status, at) {
                    report.usage += failure.usage;
                    report.failure = Some(failure.clone());
                    report.attempts = report.attempts.max(1);
                }
            }
            Body::Woken { node } => drop(self.end(node, NodeStatus::Queued, at)),
            Body::Skipped { node, .. } => drop(self.end(node, NodeStatus::Skipped, at)),
            Body::Cancelled { node, .. } => drop(self.end(node, NodeStatus::Cancelled, at)),
            Body::Discarded { node, usage, .. } => {
                document.usage += *usage;
                if let Some(report) = self.nodes.get_mut(node) {
                    report.usage += *usage;
                }
            }
            Body::Asked { node, attempt, question, step } => {
                // Listed however many nodes there are: nobody could answer it otherwise.
                self.entry(node);
                if step.is_none() {
                    self.begin(node, *attempt, Some(KindName::Human), at);
                }
                let number = self.document.records - 1;
                if let Some(report) = self.end(node, NodeStatus::Waiting, at) {
                    report.question = Some(Box::new(QuestionReport::new(question, number, at)));
                }
            }
            Body::Escalated { node, .. } => {
                if let Some(report) = self.nodes.get_mut(node).and_then(|report| report.question.as_mut()) {
                    report.escalate(at);
                }
            }
            Body::Answered { node, answer } => {
                if let Some(report) = self.nodes.get_mut(node).and_then(|report| report.question.as_mut()) {
                    report.answer(answer, at);
                }
            }
            Body::Reported { node, report } => {
                if let Some(of) = self.owner(node) {
                    of.report = Some(report.clone());
                }
            }
            Body::Denied { node, denial } => {
                if let Some(of) = self.owner(node).filter(|of| of.denials.len() < MAX_DENIALS) {
                    of.denials.push(denial.clone());
                }
            }
            Body::InDoubt { node } => {
                if let Some(report) = self.end(node, NodeStatus::Waiting, at) {
                    report.in_doubt = true;
                }
            }
            Body::Settled { node, decision, .. } => {
                let failure = match decision {
                    Decision::Repeat => None,
                    Decision::Fail => Some(Failure::given_up()),
                };
                if let Some(failure) = &failure {
                    document.failures.push(NodeFailure { node: node.clone(), failure: failure.clone() });
                }
                let status = if failure.is_some() { NodeStatus::Failed } else { NodeStatus::Queued };
                if let Some(report) = self.end(node, status, at) {
                    report.in_doubt = false;
                    report.failure = failure;
                }
            }
            Body::Cancelling { .. } | Body::Exceeded { .. } => self.stops = true,
            Body::Migrated(to) => {
                let record = document.records - 1;
                document.migrations.push(Migration { at, by: to.by.clone(), record });
                // What another run was moved to says nothing of the blueprint that a fork of it was started with.
                if document.forked.as_ref().is_none_or(|forked| record >= forked.record) {
                    document.blueprint_id = to.blueprint.clone();
                    document.name.clone_from(&to.name);
                    document.not_enforced.clone_from(&to.not_enforced);
                }
            }
            Body::Parked { failure } => {
                document.status = RunStatus::Parked;
                document.failure = Some(failure.clone());
            }
            Body::Resumed { .. } => {
                document.status = RunStatus::Running;
                document.failure = None;
            }
            Body::Ended { status, output, failure } => {
                document.status = *status;
                document.output = output.clone();
                document.failure = failure.clone();
                document.ended_at = Some(at);
                for node in std::mem::take(&mut self.open) {
                    self.end(&node, NodeStatus::Cancelled, at);
                }
            }
            Body::Receipt { node, result, usage, .. } => {
                let mut spent = *usage;
                if let Err(failure) = result {
                    spent += failure.usage;
                }
                document.usage += spent;
                if let Some(report) = self.nodes.get_mut(node) {
                    report.usage += spent;
                }
            }
            Body::Watching { node, attempt } => self.begin(node, *attempt, Some(KindName::Monitor), at),
            Body::Alerted { node, .. } => drop(self.end(node, NodeStatus::Running, at)),
            Body::Manifest(_)
            | Body::Iterated { .. }
            | Body::Checked { .. }
            | Body::Step { .. }
            | Body::Funded { .. }
            | Body::Unresponsive { .. } => {}
        }
    }

    /// Keeps the output of a top-level node.
    fn keep(&mut self, node: &NodePath, output: &Value) {
        if !node.as_str().contains('.') {
            self.outputs.insert(node.shared(), output.clone());
        }
    }

    /// What a container took along when it ended was cancelled: the losers of a race, what was under way when
    /// its time was up.
    fn end_within(&mut self, container: &NodePath, at: Moment) {
        let path = container.as_str();
        let is_within = |node: &NodePath| {
            let rest = node.as_str().strip_prefix(path);
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        // A node whose id merely begins like the container's may stand between.
        let begins = |node: &&NodePath| node.as_str().starts_with(path);
        let within = self.open.range(container.clone()..).take_while(begins);
        let within: Vec<NodePath> = within.filter(|node| is_within(node)).cloned().collect();
        for node in within {
            self.end(&node, NodeStatus::Cancelled, at);
        }
    }

    /// The node that something belongs to: the one of this address, or the one whose step it is.
    fn owner(&mut self, address: &NodePath) -> Option<&mut NodeReport> {
        let mut path = address.clone();
        while !self.nodes.contains_key(&path) {
            path = path.as_str().rsplit_once('.')?.0.parse().ok()?;
        }
        let works_in_steps = |of: &NodeReport| matches!(of.kind, Some(KindName::Agent | KindName::Swarm));
        self.nodes.get_mut(&path).filter(|of| of.node == *address || works_in_steps(of))
    }

    fn begin(&mut self, node: &NodePath, attempt: u32, kind: Option<KindName>, at: Moment) {
        if let Some(report) = self.report(node) {
            report.kind = kind;
            report.status = NodeStatus::Running;
            report.attempts = attempt;
            report.started_at.get_or_insert(at);
            report.ended_at = None;
            self.open.insert(node.clone());
        }
    }

    fn end(&mut self, node: &NodePath, status: NodeStatus, at: Moment) -> Option<&mut NodeReport> {
        let done = match status {
            NodeStatus::Queued | NodeStatus::Running | NodeStatus::Waiting => false,
            NodeStatus::Succeeded | NodeStatus::Failed | NodeStatus::Skipped | NodeStatus::Cancelled => true,
        };
        if done {
            self.open.remove(node);
        } else if self.nodes.contains_key(node) {
            self.open.insert(node.clone());
        }
        let report = self.report(node)?;
        report.status = status;
        report.ended_at = done.then_some(at);
        Some(report)
    }

    fn report(&mut self, node: &NodePath) -> Option<&mut NodeReport> {
        if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(node) {
            self.document.nodes_truncated = true;
            return None;
        }
        Some(self.entry(node))
    }

    fn entry(&mut self, node: &NodePath) -> &mut NodeReport {
        self.nodes.entry(node.clone()).or_insert_with(|| NodeReport {
            node: node.clone(),
            kind: None,
            status: NodeStatus::Queued,
            attempts: 0,
            started_at: None,
            ended_at: None,
            in_doubt: false,
            failure: None,
            usage: Usage::default(),
            cached: false,
            report: None,
            question: None,
            denials: Vec::new(),
        })
    }

    /// The document.
    #[must_use]
    pub fn finish(self) -> RunDocument {
        let mut document = self.document;
        document.undoable = self.undoables.newest_first();
        if document.ended_at.is_none() {
            document.output = Value::from(self.outputs);
        }
        document.spent = self.spending.spent();
        let until = document.ended_at.unwrap_or(document.updated_at);
        document.duration_ms =
            u64::try_from(until.since(document.started_at).as_millis()).unwrap_or(u64::MAX);
        document.nodes = self.nodes.into_values().collect();
        document
    }
}
