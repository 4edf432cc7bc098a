//! How nodes are marked in a picture: their state in a run, or their state in a draft.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::NodePath;

/// How a node is marked: its state in a run, or (the last three) in a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Not run, by the run's choice.
    Skipped,
    /// Done.
    Succeeded,
    /// Not started yet.
    Queued,
    /// At work.
    Running,
    /// Waits for a person, a timer or another run.
    Waiting,
    /// Stopped by a cancel.
    Cancelled,
    /// Ended with an error.
    Failed,
    /// Proposed, may still change.
    Draft,
    /// Kept as it is when a plan is made again.
    Locked,
    /// Built.
    Real,
}

/// The colours of a mark, as `#rrggbb`.
pub(super) struct Colours {
    pub(super) fill: &'static str,
    pub(super) stroke: &'static str,
    pub(super) text: &'static str,
    pub(super) dashed: bool,
}

impl Mark {
    /// Every mark.
    pub const ALL: &'static [Self] = &[
        Self::Skipped,
        Self::Succeeded,
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Cancelled,
        Self::Failed,
        Self::Draft,
        Self::Locked,
        Self::Real,
    ];

    /// The name, as legends and Mermaid classes have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Succeeded => "succeeded",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Draft => "DRAFT",
            Self::Locked => "LOCKED",
            Self::Real => "REAL",
        }
    }

    pub(super) const fn colours(self) -> Colours {
        let (fill, stroke, text, dashed) = match self {
            Self::Skipped => ("#f4f5f7", "#a3abb8", "#7a8494", true),
            Self::Succeeded | Self::Real => ("#e9f7ef", "#2f9e63", "#14532d", false),
            Self::Queued => ("#f8fafc", "#8f9bad", "#475569", false),
            Self::Running => ("#e8f1fe", "#2f7bdc", "#173f7a", false),
            Self::Waiting => ("#fff5dc", "#cf8a0b", "#744707", false),
            Self::Cancelled => ("#f3ecfa", "#8f63bf", "#4b2a70", false),
            Self::Failed => ("#fdecec", "#d64545", "#7f1d1d", false),
            Self::Draft => ("#f4f5f7", "#8f9bad", "#475569", true),
            Self::Locked => ("#e8f1fe", "#2f7bdc", "#173f7a", false),
        };
        Colours { fill, stroke, text, dashed }
    }

    /// The mark of a drawn node that stands for several of a run (the items of a loop): the most telling
    /// one. Items done beside items to come count as running.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::Succeeded, Self::Queued) => Self::Running,
            (_, greater) => greater,
        }
    }
}

/// The marks of the nodes of a picture. A node without one is drawn plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<Arc<str>, Mark>);

impl Marks {
    /// Marks a node of a run or of a blueprint. Indices of loop items are dropped; where several nodes of a
    /// run fall on one drawn node, [`Mark::merge`] decides.
    pub fn add(&mut self, path: &NodePath, mark: Mark) {
        self.0.entry(drawn(path)).and_modify(|present| *present = present.merge(mark)).or_insert(mark);
    }

    /// The mark of a drawn node.
    #[must_use]
    pub fn get(&self, path: &NodePath) -> Option<Mark> {
        self.0.get(path.as_str()).copied()
    }

    /// Whether nothing is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(NodePath, Mark)> for Marks {
    fn from_iter<I: IntoIterator<Item = (NodePath, Mark)>>(marks: I) -> Self {
        let mut all = Self::default();
        for (path, mark) in marks {
            all.add(&path, mark);
        }
        all
    }
}

/// The address under which a node of a run is drawn: only branches keep their index.
fn drawn(path: &NodePath) -> Arc<str> {
    if !path.as_str().contains('[') {
        return path.shared();
    }
    let mut text = String::with_capacity(path.as_str().len());
    for (at, segment) in path.as_str().split('.').enumerate() {
        if at > 0 {
            text.push('.');
        }
        let name = segment.split('[').next().unwrap_or(segment);
        text.push_str(if at > 0 && name == "branches" { segment } else { name });
    }
    Arc::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(of: &[(&str, Mark)]) -> Marks {
        of.iter().map(|(path, mark)| (path.parse().unwrap(), *mark)).collect()
    }

    fn mark(marks: &Marks, path: &str) -> Option<Mark> {
        marks.get(&path.parse().unwrap())
    }

    #[test]
    fn the_items_of_a_loop_share_one_mark() {
        let some = marks(&[
            ("l[0].body.a", Mark::Succeeded),
            ("l[1].body.a", Mark::Failed),
            ("l[2].body.a", Mark::Running),
            ("p.branches[0].x", Mark::Succeeded),
            ("p.branches[1].x", Mark::Skipped),
        ]);
        assert_eq!(mark(&some, "l.body.a"), Some(Mark::Failed));
        assert_eq!(mark(&some, "p.branches[0].x"), Some(Mark::Succeeded));
        assert_eq!(mark(&some, "p.branches[1].x"), Some(Mark::Skipped));
        assert_eq!(mark(&some, "p"), None);
    }

    #[test]
    fn merging_does_not_depend_on_the_order() {
        assert_eq!(Mark::Queued.merge(Mark::Succeeded), Mark::Running);
        for a in Mark::ALL {
            for b in Mark::ALL {
                assert_eq!(a.merge(*b), b.merge(*a));
                for c in Mark::ALL {
                    assert_eq!(a.merge(*b).merge(*c), a.merge(b.merge(*c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}
