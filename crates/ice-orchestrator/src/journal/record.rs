//! The records of a journal, version 1.
//!
//! A record says what happened, never what to do next. Fields have short names on the wire because every
//! node of every run writes two of these.

use std::sync::Arc;

use ice_core::budget::{Budget, Spend};
use ice_core::id::Principal;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::process::{Denial, Report};
use ice_core::time::Moment;
use ice_core::tools::Effect;
use ice_core::value::{BlobHash, Value};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Decision, Failure, Intent, Manifest, Migrated, Opening, Question, RunStatus, SkipReason,
};

/// The version of the records this engine writes. It reads every version up to this one.
pub const RECORD_VERSION: u32 = 1;

/// One entry of a journal. Its number is its position: record 0 is the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was decided, in milliseconds since the Unix epoch.
    #[serde(with = "millis")]
    pub at: Moment,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Body {
    /// The run was accepted.
    Manifest(Arc<Manifest>),
    /// An attempt of a node started; for effects other than pure ones this is durable before the effect.
    Started {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The attempt, from 1.
        #[serde(rename = "a", default = "one", skip_serializing_if = "is_one")]
        attempt: u32,
        /// What it is going to do, rendered.
        #[serde(rename = "i")]
        intent: Intent,
        /// What that may do to the world.
        #[serde(rename = "e", default = "pure", skip_serializing_if = "is_pure")]
        effect: Effect,
        /// What a call of a model takes at worst, where that is limited: held until it has ended.
        #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
        held: Option<Box<Spend>>,
    },
    /// A step within a node's attempt was announced, as [`Body::Started`] is for a node of one step.
    Step {
        /// The step.
        #[serde(rename = "s")]
        step: NodePath,
        /// The node it belongs to.
        #[serde(rename = "n")]
        node: NodePath,
        /// What it is going to do.
        #[serde(rename = "i")]
        intent: Intent,
        /// What that may do to the world.
        #[serde(rename = "e", default = "pure", skip_serializing_if = "is_pure")]
        effect: Effect,
        /// What a call of a model takes at worst, where that is limited: held until it has ended.
        #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
        held: Option<Box<Spend>>,
    },
    /// A step ended.
    Receipt {
        /// The step.
        #[serde(rename = "s")]
        step: NodePath,
        /// The node it belongs to.
        #[serde(rename = "n")]
        node: NodePath,
        /// What it gave. A step that was cancelled has not ended: it is made again, unless it may have touched the world.
        #[serde(rename = "r")]
        result: Result<Value, Failure>,
        /// Tokens spent, if it did not fail; a failure has its own.
        #[serde(rename = "u", default, skip_serializing_if = "is_free")]
        usage: Usage,
        /// The BLAKE3 hash of everything that was streamed on the way.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        stream: Option<BlobHash>,
        /// Whether it was taken from the cache of results.
        #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
        cached: bool,
        /// The number of the record with which its attempt started, if that was cancelled with a container around it:
        /// nothing but what was spent counts then.
        #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
        discarded: Option<u64>,
    },
    /// A node succeeded.
    Succeeded {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Its output.
        #[serde(rename = "o")]
        output: Value,
        /// Tokens spent.
        #[serde(rename = "u", default, skip_serializing_if = "is_free")]
        usage: Usage,
        /// The BLAKE3 hash of everything that was streamed on the way.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        stream: Option<BlobHash>,
        /// Whether it was taken from the cache of results.
        #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
        cached: bool,
    },
    /// An attempt of a node failed.
    Failed {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Why.
        #[serde(rename = "f")]
        failure: Failure,
        /// When the next attempt is due; absent if this was the last.
        #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Moment>,
    },
    /// The wait before a further attempt is over.
    Woken {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
    },
    /// A node will not run.
    Skipped {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Why.
        #[serde(rename = "r")]
        reason: SkipReason,
    },
    /// A container opened: its nested nodes may run.
    Opened {
        /// The container.
        #[serde(rename = "n")]
        node: NodePath,
        /// The attempt, from 1.
        #[serde(rename = "a", default = "one", skip_serializing_if = "is_one")]
        attempt: u32,
        /// What it opened with.
        #[serde(rename = "w")]
        opening: Opening,
    },
    /// A recursive node is not done with the iterations so far, and the next one begins.
    Iterated {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The number of the iteration that begins, from 2.
        #[serde(rename = "i")]
        iteration: u32,
    },
    /// A monitor began to watch.
    Watching {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The attempt, from 1.
        #[serde(rename = "a", default = "one", skip_serializing_if = "is_one")]
        attempt: u32,
    },
    /// A monitor looked.
    Checked {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Whether its expression held.
        #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
        holds: bool,
        /// Whether it will not look again, as nothing but monitors goes on.
        #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
        last: bool,
        /// The metrics of the run as it read them.
        #[serde(rename = "m")]
        metrics: Value,
    },
    /// A monitor's channels were told, or could not be.
    Alerted {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Channel to whether the alert was sent.
        #[serde(rename = "s")]
        sent: Value,
        /// Why none was sent, if that is so for one reason.
        #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// A node asked a person.
    Asked {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The attempt, from 1.
        #[serde(rename = "a", default = "one", skip_serializing_if = "is_one")]
        attempt: u32,
        /// What.
        #[serde(rename = "q")]
        question: Box<Question>,
        /// The step of its attempt that asks, if one does: the attempt has ended, and is made again with the answer.
        #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
        step: Option<NodePath>,
    },
    /// Nobody answered in time, and somebody else is asked.
    Escalated {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Who.
        to: String,
    },
    /// A question was answered, or its time was up.
    Answered {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The answer.
        #[serde(rename = "w")]
        answer: Box<Answer>,
    },
    /// A container, or a node that had asked, succeeded.
    Closed {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Its output.
        #[serde(rename = "o")]
        output: Value,
    },
    /// An execution outside of the engine's own code ended: what it used, and in what it ran.
    Reported {
        /// The node or step it was for.
        #[serde(rename = "n")]
        node: NodePath,
        /// What came of it.
        #[serde(rename = "r")]
        report: Box<Report>,
    },
    /// Something was wanted on behalf of a node and not given.
    Denied {
        /// The node or step.
        #[serde(rename = "n")]
        node: NodePath,
        /// What was not given.
        #[serde(rename = "d")]
        denial: Denial,
    },
    /// Somebody asked for the run to be cancelled.
    Cancelling {
        /// Who.
        by: Principal,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An attempt was cancelled, with the run or with a container around it.
    Cancelled {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// Whether it may have touched the world.
        #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        /// Whether it had not ended by then: [`Body::Discarded`] follows once it has.
        #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
        winding_down: bool,
    },
    /// An attempt that was cancelled with a container around it has ended. What it gave is of no use any more.
    Discarded {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// The number of the record with which the attempt started.
        #[serde(rename = "k")]
        started: u64,
        /// Tokens spent.
        #[serde(rename = "u", default, skip_serializing_if = "is_free")]
        usage: Usage,
        /// Whether it still is not known if it touched the world.
        #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
    },
    /// An attempt ignored its cancellation past the grace period; what it gives is discarded.
    Unresponsive {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
    },
    /// After a crash it cannot be told whether the effect of an attempt happened.
    InDoubt {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
    },
    /// Somebody decided about an attempt in doubt.
    Settled {
        /// The node.
        #[serde(rename = "n")]
        node: NodePath,
        /// What was decided.
        decision: Decision,
        /// Who decided.
        by: Principal,
    },
    /// The run took longer than it may: nothing new starts.
    Exceeded {
        /// The limit, in words.
        #[serde(rename = "f")]
        failure: Failure,
    },
    /// How far budgets that the run shares with others let it go. The last one counts.
    Funded {
        /// What the run may have spent in all, what is held for calls included. What is absent is not limited.
        #[serde(rename = "u")]
        until: Budget,
        /// Why it is not as much as a call needs that was about to begin.
        #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
        refused: Option<Box<str>>,
    },
    /// The run goes on over another plan from here on. All records before came out the same over it.
    Migrated(Box<Migrated>),
    /// The run cannot go on until something outside of it changes.
    Parked {
        /// Why.
        #[serde(rename = "f")]
        failure: Failure,
    },
    /// A process took the run up again.
    Resumed {
        /// Who asked for it.
        by: Principal,
        /// The owner's epoch from here on.
        epoch: u64,
    },
    /// The run ended. The last record.
    Ended {
        /// How.
        status: RunStatus,
        /// The run's output: top-level node id to output, skipped and failed nodes left out.
        #[serde(rename = "o")]
        output: Value,
        /// Why, if it did not succeed.
        #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

pub(crate) const fn one() -> u32 {
    1
}

pub(crate) const fn is_one(attempt: &u32) -> bool {
    *attempt == 1
}

pub(crate) const fn pure() -> Effect {
    Effect::Pure
}

pub(crate) const fn is_pure(effect: &Effect) -> bool {
    matches!(effect, Effect::Pure)
}

pub(crate) fn is_free(usage: &Usage) -> bool {
    *usage == Usage::default()
}

/// Moments as whole milliseconds: shorter and faster than text, and read by the engine alone.
pub(crate) mod millis {
    use ice_core::time::Moment;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(moment.as_millis())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        i64::deserialize(deserializer).map(Moment::from_millis)
    }
}
