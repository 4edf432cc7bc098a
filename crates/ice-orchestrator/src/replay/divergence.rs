//! Where a replay parts from its journal.

use std::fmt;

use ice_core::path::NodePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::Body;

/// The first record that would come out differently.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("record {number}{}: {what}", at(node.as_ref()))]
pub struct Divergence {
    /// The number of the record.
    pub number: u64,
    /// The node it is about, if it is about one.
    pub node: Option<NodePath>,
    /// What is different.
    pub what: What,
}

/// What is different.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Something else is decided now.
    Other {
        /// What the journal says.
        recorded: Box<Body>,
        /// What is decided now.
        decided: Box<Body>,
        /// The first thing that differs, where both are the same kind of record about the same node.
        difference: Option<Difference>,
    },
    /// Nothing is decided now where the journal has this.
    Nothing(Box<Body>),
    /// This is decided now where the journal ends.
    More(Box<Body>),
    /// The time of what is recorded has not come.
    Time,
    /// The record cannot follow those before it.
    Impossible(String),
}

/// A field with two values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The path of the field within the record, for example `intent.input.text`.
    pub field: String,
    /// What it was, as JSON; long texts are cut around the first difference.
    pub before: String,
    /// What it is now, as `before`.
    pub after: String,
}

impl Divergence {
    /// The field that differs, where both are the same kind of record about the same node.
    #[must_use]
    pub const fn difference(&self) -> Option<&Difference> {
        match &self.what {
            What::Other { difference, .. } => difference.as_ref(),
            What::Nothing(_) | What::More(_) | What::Time | What::Impossible(_) => None,
        }
    }

    /// The run would not have been accepted.
    pub(crate) fn of_inputs(why: &str) -> Self {
        Self { number: 0, node: None, what: What::Impossible(why.to_owned()) }
    }

    /// What is wrong with a journal of no records.
    pub(crate) fn without_records() -> Box<Self> {
        Self::boxed(0, None, What::Impossible("there are no records".to_owned()))
    }

    /// The same with records as they may be seen, and with texts as these may be.
    pub(crate) fn seen(self, record: impl Fn(&Body) -> Body, text: impl Fn(&str) -> String) -> Self {
        let what = match self.what {
            What::Other { recorded, decided, difference } => {
                let (recorded, decided) = (record(&recorded), record(&decided));
                // What is shown of a field is cut: it is found again in what may be seen of it.
                let difference = difference.map(|before| {
                    super::difference::between(&recorded, &decided).unwrap_or_else(|| {
                        let hidden = "[redacted]".to_owned();
                        Difference { field: before.field, before: hidden.clone(), after: hidden }
                    })
                });
                What::Other { recorded: Box::new(recorded), decided: Box::new(decided), difference }
            }
            What::Nothing(body) => What::Nothing(Box::new(record(&body))),
            What::More(body) => What::More(Box::new(record(&body))),
            What::Impossible(why) => What::Impossible(text(&why)),
            What::Time => What::Time,
        };
        Self { what, ..self }
    }

    pub(super) fn boxed(number: u64, node: Option<NodePath>, what: What) -> Box<Self> {
        Box::new(Self { number, node, what })
    }
}

impl What {
    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing(_))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other { difference: Some(Difference { field, before, after }), .. } => {
                write!(f, "`{field}` was {before} and is {after} now")
            }
            Self::Other { recorded, decided, difference: None } => {
                write!(f, "it {}, and now {}{}", said(recorded), of(decided), said(decided))
            }
            Self::Nothing(recorded) => {
                write!(f, "it {}, and now nothing is decided about it", said(recorded))
            }
            Self::More(decided) => {
                write!(f, "there is none, and now {}{}", of(decided), said(decided))
            }
            Self::Time => f.write_str("its time was up, and now it is not"),
            Self::Impossible(why) => write!(f, "it cannot follow what was before it: {why}"),
        }
    }
}

fn at(node: Option<&NodePath>) -> String {
    node.map(|node| format!(", `{node}`")).unwrap_or_default()
}

fn of(body: &Body) -> String {
    body.node().map(|node| format!("`{node}` ")).unwrap_or_default()
}

/// What a record says happened, as the end of a sentence.
fn said(body: &Body) -> &'static str {
    match body {
        Body::Manifest(_) => "was accepted",
        Body::Started { .. } => "started",
        Body::Step { .. } => "announced a step",
        Body::Receipt { .. } => "ended a step",
        Body::Succeeded { .. } => "succeeded",
        Body::Failed { retry_at: Some(_), .. } => "failed and is tried again",
        Body::Failed { retry_at: None, .. } => "failed",
        Body::Woken { .. } => "was woken",
        Body::Skipped { .. } => "was skipped",
        Body::Opened { .. } => "opened",
        Body::Iterated { .. } => "went on with another iteration",
        Body::Watching { .. } => "began to watch",
        Body::Checked { .. } => "looked",
        Body::Alerted { .. } => "told its channels",
        Body::Asked { .. } => "asked somebody",
        Body::Escalated { .. } => "escalated its question",
        Body::Answered { .. } => "had its answer",
        Body::Closed { .. } => "closed",
        Body::Reported { .. } => "reported an execution",
        Body::Denied { .. } => "was denied something",
        Body::Cancelling { .. } => "was to be cancelled",
        Body::Cancelled { .. } => "was cancelled",
        Body::Discarded { .. } => "ended after its container",
        Body::Unresponsive { .. } => "ignored its cancellation",
        Body::InDoubt { .. } => "was in doubt",
        Body::Settled { .. } => "was decided about",
        Body::Exceeded { .. } => "took too long",
        Body::Funded { .. } => "was given another share of a budget",
        Body::Migrated(_) => "was moved to another blueprint",
        Body::Parked { .. } => "was parked",
        Body::Resumed { .. } => "was taken up again",
        Body::Ended { .. } => "ended",
    }
}
