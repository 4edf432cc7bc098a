//! The address of a node within a run: `loop[3].body.clean`, `par.branches[1].x`, `cond.true.x`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{InvalidId, NodeId};

const RULE: &str = "segments joined by `.`, each a name with an optional index: \
                    `loop[3].body.clean`, `par.branches[1].x`, `sw.round[1].member[critic]`";

/// The address of a node, step or question in one run. It keys journal, idempotency, events and forks.
///
/// The grammar: `segment("." segment)*`, a segment is a name (the grammar of [`NodeId`]) with at most one
/// index in brackets: a number, or a name for members (`member[critic]`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodePath(Arc<str>);

impl NodePath {
    /// The longest path that is read, in bytes.
    pub const MAX_BYTES: usize = 2_048;

    /// The path of a top-level node.
    #[must_use]
    pub fn root(id: &NodeId) -> Self {
        Self(id.shared())
    }

    /// The path of a name below this one: `self.name`.
    #[must_use]
    pub fn child(&self, name: &NodeId) -> Self {
        Self(join(&self.0, ".", name.as_str()))
    }

    /// The path with an index on its last segment: `self[index]`.
    #[must_use]
    pub fn indexed(&self, index: usize) -> Self {
        Self(Arc::from(format!("{}[{index}]", self.0)))
    }

    /// This path with what an executor adds to it for its frames, such as `.run` or `[3].body`; nothing if it
    /// would be longer than [`NodePath::MAX_BYTES`] or no path.
    #[must_use]
    pub fn extended(&self, suffix: &str) -> Option<Self> {
        let (index, rest) =
            suffix.split_once('.').map_or((suffix, None), |(index, rest)| (index, Some(rest)));
        let valid = (index.is_empty() || (is_index(index) && !self.0.ends_with(']')))
            && rest.is_none_or(|rest| rest.split('.').all(is_segment));
        let fits = self.0.len() + suffix.len() <= Self::MAX_BYTES;
        (valid && fits).then(|| Self(join(&self.0, suffix, "")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The static form, without indices: what diagnostics and forks name.
    #[must_use]
    pub fn to_static(&self) -> Self {
        if !self.0.contains('[') {
            return self.clone();
        }
        let mut text = String::with_capacity(self.0.len());
        let mut inside = false;
        for character in self.0.chars() {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                other if !inside => text.push(other),
                _ => {}
            }
        }
        Self(Arc::from(text))
    }

    /// Takes text built from parts that are known to be valid.
    #[must_use]
    pub(crate) fn from_valid(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl FromStr for NodePath {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() <= NodePath::MAX_BYTES && text.split('.').all(is_segment);
        if valid {
            Ok(Self::from_valid(Arc::from(text)))
        } else {
            Err(InvalidId::new("node path", text, RULE))
        }
    }
}

fn is_segment(segment: &str) -> bool {
    let (name, index) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
    NodeId::is_valid(name) && (index.is_empty() || is_index(index))
}

/// Whether a text is an index with its brackets.
fn is_index(text: &str) -> bool {
    let index = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
    let is_number = || index.len() <= 9 && index.bytes().all(|byte| byte.is_ascii_digit());
    !index.is_empty() && (is_number() || NodeId::is_valid(index))
}

fn join(first: &str, between: &str, last: &str) -> Arc<str> {
    let mut text = String::with_capacity(first.len() + between.len() + last.len());
    text.push_str(first);
    text.push_str(between);
    text.push_str(last);
    Arc::from(text)
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for NodePath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NodePath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": NodePath::MAX_BYTES })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_extend_the_path_of_their_container() {
        let path: NodePath = "a.b".parse().unwrap();
        let extended = |path: &NodePath, suffix: &str| path.extended(suffix).map(|path| path.to_string());
        for (suffix, whole) in [
            (".run", Some("a.b.run")),
            ("[3].body", Some("a.b[3].body")),
            ("[critic]", Some("a.b[critic]")),
            (".round[1].member[x]", Some("a.b.round[1].member[x]")),
            ("run", None),
            ("[].x", None),
            ("[1", None),
            (".", None),
            (".x y", None),
        ] {
            assert_eq!(extended(&path, suffix).as_deref(), whole, "{suffix}");
        }
        assert_eq!(path.indexed(1).extended("[2]"), None);
        assert_eq!(extended(&path, &format!(".{}", "x.".repeat(1_100))), None);
    }

    #[test]
    fn the_grammar_of_the_design_is_read() {
        for good in [
            "a",
            "loop[3].body.clean",
            "par.branches[1].x",
            "cond.true.x",
            "rec[2].a",
            "wf.run.x",
            "sw.round[1].member[critic]",
            "agent.round[4].call[0]",
            "my-node.x",
        ] {
            assert_eq!(good.parse::<NodePath>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "a..b", "a[", "a]", "a[]", "a[1]b", "a[1][2]", "1a", "a[-1]", "a b"] {
            assert!(bad.parse::<NodePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_static_form_has_no_indices() {
        let path: NodePath = "loop[3].body.par.branches[1].x".parse().unwrap();
        assert_eq!(path.to_static().as_str(), "loop.body.par.branches.x");
    }

    #[test]
    fn paths_are_built_from_parts() {
        let id = |text| NodeId::new(text).unwrap();
        let path = NodePath::root(&id("each")).indexed(2).child(&id("body")).child(&id("clean"));
        assert_eq!(path.as_str(), "each[2].body.clean");
        assert_eq!(path.as_str().parse::<NodePath>().unwrap(), path);
    }
}
