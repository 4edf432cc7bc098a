//! What can be asked.

use ice_core::budget::{Budget, Payer, Period};
use ice_core::id::{BlueprintId, RunId};
use ice_core::path::NodePath;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Document, MemoryRequest};
use crate::engine::RunFilter;
use crate::events::Cursor;
use crate::journal::{Decision, RunOptions, RunStatus};

/// What can be asked of the owner of a data folder. Who asks is not part of it: the transport knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who is there, and what is it doing? Answered with [`Response::Info`](super::Response::Info).
    Info,
    /// Start a run. Answered with [`Response::Started`](super::Response::Started) once the run is durable.
    Start(Box<Start>),
    /// List runs, the newest first. Answered with [`Response::Runs`](super::Response::Runs).
    List(ListQuery),
    /// The runs whose ids begin with a text: at most two, which tells that it is ambiguous. Answered with
    /// [`Response::Runs`](super::Response::Runs).
    Find {
        /// The first characters of the id, hyphens included; upper case is read as lower case.
        prefix: String,
    },
    /// Show a run. Answered with [`Response::Run`](super::Response::Run).
    Show {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
    },
    /// The events of a run. Answered with [`Response::Event`](super::Response::Event)s and
    /// [`Response::End`](super::Response::End) after the last one.
    Events {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// Only those after this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor>,
        /// Whether to wait for those to come, until the run has ended.
        #[serde(default)]
        follow: bool,
    },
    /// The events of all runs, without end. Answered as [`Request::Events`] is.
    Feed {
        /// Only those after this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Cursor>,
    },
    /// Cancel a run. Answered with [`Response::Accepted`](super::Response::Accepted) once the wish is durable.
    Cancel {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// Why, in the words of whoever asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Answer a question. Answered with [`Response::Accepted`](super::Response::Accepted) once the answer counts and that is
    /// durable; of several answers the first one counts.
    Answer {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// The node that asked.
        node: NodePath,
        /// `true` or `false` (or `"approve"`, `"reject"`), one of the choices, or data that fits the schema.
        response: Value,
        /// What there is to say besides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// Tells the answer from others, so that it can be sent again; made up if it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        id: Option<Uuid>,
    },
    /// Go through the journal of a run again and compare what is decided. Answered with
    /// [`Response::Replayed`](super::Response::Replayed).
    Replay {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// What to compare it with, as a run is started with; the blueprint the run is pinned to if there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<Document>,
    },
    /// Start a run that has behind it what another had when it came to a node. Answered with
    /// [`Response::Started`](super::Response::Started) once the run is durable.
    Fork(Box<ForkRequest>),
    /// Make the schedules of a network the ones that are kept, in place of those it had before; what was missed since then is
    /// treated as they say. Answered with [`Response::Schedules`](super::Response::Schedules).
    Schedule(Box<Start>),
    /// List schedules. Answered with [`Response::Schedules`](super::Response::Schedules).
    Schedules {
        /// Only those of this network.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<String>,
    },
    /// Pause or remove the schedules of a network; runs go on. Answered with
    /// [`Response::Schedules`](super::Response::Schedules): those that were there.
    Unschedule {
        /// The network.
        network: String,
        /// Whether they are removed, and what they were up to is forgotten.
        #[serde(default)]
        forget: bool,
    },
    /// List the budgets that runs share. Answered with [`Response::Budgets`](super::Response::Budgets).
    Budgets,
    /// Set a budget that runs share, or remove it. Answered with [`Response::Budgets`](super::Response::Budgets): the one that
    /// was set, or removed.
    SetBudget {
        /// Whose runs share it.
        payer: Payer,
        /// What may be spent; absent to remove it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<Budget>,
        /// In each of which periods; absent if once and for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per: Option<Period>,
    },
    /// Remove runs that have ended. Answered with [`Response::Pruned`](super::Response::Pruned).
    Prune(PruneQuery),
    /// Erase a person from all there is. Answered with [`Response::Erased`](super::Response::Erased).
    Erase(EraseQuery),
    /// Move a run that waits, is parked or was left to another blueprint. Answered with
    /// [`Response::Migrated`](super::Response::Migrated).
    Migrate(MigrateRequest),
    /// Write a run out as one file. Answered with [`Response::Piece`](super::Response::Piece)s in their order, and
    /// [`Response::End`](super::Response::End) after the last one.
    Export {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// Whether it is written as it may be seen: lines of JSON for people, which cannot be brought back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// A piece of the file of a run that is brought here. Answered with [`Response::Received`](super::Response::Received), or
    /// with [`Response::Imported`](super::Response::Imported) after the last one.
    Import(ImportPiece),
    /// A piece of bytes, such as a picture, that the inputs of a run are to name: `{"$blob": …, "media_type": …, "size": …}`.
    /// Answered with [`Response::Received`](super::Response::Received), or with [`Response::Kept`](super::Response::Kept) after
    /// the last one. What is kept stays for ten minutes, and as long as there are runs that name it.
    Keep(BlobPiece),
    /// Something about memory. Answered with [`Response::Memory`](super::Response::Memory) unless it says otherwise.
    Memory(MemoryRequest),
    /// Take a run up that nobody drives. Answered with [`Response::Accepted`](super::Response::Accepted).
    Resume {
        /// The run.
        #[schemars(with = "String")]
        run: RunId,
        /// What to do about effects that may or may not have happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_doubt: Option<Decision>,
    },
}

/// To which blueprint a run is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateRequest {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The blueprint and what it refers to, as a run is started with.
    pub documents: Vec<Document>,
    /// Whether it is only told whether the run could be moved.
    #[serde(default)]
    pub check: bool,
}

/// A piece of the file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPiece {
    /// Tells the pieces of one file from those of others; made up by whoever sends them.
    #[schemars(with = "String")]
    pub upload: Uuid,
    /// How many bytes of the file came before. The file begins with 0.
    pub offset: u64,
    /// At most 1 MiB of it, in base64.
    pub data: String,
    /// Whether it is the last piece.
    #[serde(default)]
    pub last: bool,
}

/// A piece of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlobPiece {
    /// Tells the pieces of one blob from those of others; made up by whoever sends them.
    #[schemars(with = "String")]
    pub upload: Uuid,
    /// How many of its bytes came before. It begins with 0.
    pub offset: u64,
    /// At most 1 MiB of it, in base64; all together at most 20 MiB.
    pub data: String,
    /// Whether it is the last piece.
    #[serde(default)]
    pub last: bool,
}

/// Who is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseQuery {
    /// The name of the person: whole words, whatever their case.
    pub person: String,
    /// What else stands for them, such as an address or a number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Whether it is only told what would be erased.
    #[serde(default)]
    pub dry_run: bool,
}

/// Which runs are removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneQuery {
    /// Those whose newest record is older than so many milliseconds.
    pub older_than_ms: u64,
    /// Only those of this status; it must be a final one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// The newest so many that would be removed are kept all the same.
    #[serde(default)]
    pub keep: usize,
    /// Whether it is only told what would be removed.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where a run is forked, and what is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForkRequest {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The node before which the new run goes its own way, with or without indices.
    pub at: NodePath,
    /// Another blueprint, as a run is started with; that of the run if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
    /// Inputs that are changed, by name; the others stay.
    #[serde(default = "Value::empty_map")]
    pub inputs: Value,
    /// Fields of nodes that are changed, by path, for example `ask.prompt`; not together with `documents`.
    #[serde(default = "Value::empty_map")]
    pub set: Value,
    /// The budget of the new run; that of the run if absent. What was spent before the node counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The same key gives the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// What a run is started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The blueprint or network and, after it, every blueprint it refers to and every agent it lets work. Of a network, what
    /// is run on demand is started.
    pub documents: Vec<Document>,
    /// The inputs, by name; those of a network come before its `global` ones.
    #[serde(default = "Value::empty_map")]
    pub inputs: Value,
    /// The options; the failure policy of a network is its own.
    #[serde(default)]
    pub options: RunOptions,
}

/// Which runs a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Only those of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// Only those of this blueprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<BlueprintId>,
    /// Only those older than this run, for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub before: Option<RunId>,
    /// The most runs; 100 if absent, at most 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl From<ListQuery> for RunFilter {
    fn from(query: ListQuery) -> Self {
        Self {
            status: query.status,
            blueprint: query.blueprint,
            before: query.before,
            limit: query.limit.unwrap_or(0),
        }
    }
}
