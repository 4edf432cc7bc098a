//! From the path of a node in a run to where that node and its fields stand in the text.

use std::ops::Range;

use super::Reading;
use crate::blueprint::Node;
use crate::diagnostic::{Diagnostic, Place, Step};
use crate::value::Value;

/// How far the path of a node in a run leads into one text.
#[derive(Clone, Debug)]
pub struct Reached<'r> {
    /// The innermost node of the path that stands in this text.
    pub node: &'r Node,
    /// What follows it in the path: `run.greet` where the path goes on in another blueprint, nothing if the node is the
    /// one that is meant.
    pub rest: &'r str,
    /// Its indices from the top, as in a [`Place`].
    address: Vec<(usize, usize)>,
}

impl Reading {
    /// Follows the path of a node in a run, such as `each[3].body.clean` or `par.branches[1].x`, as far as it leads into
    /// this text. Nothing if it does not begin with one of its nodes.
    ///
    /// ```
    /// use ice_core::blueprint::{Format, read};
    ///
    /// let text = "nodes:\n- id: sub\n  type: workflow\n  workflow_ref: other.yaml\n";
    /// let reading = read(text, Format::Yaml, "a.yaml");
    /// let reached = reading.reach("sub.run.greet").unwrap();
    /// assert_eq!((reached.node.id.as_str(), reached.rest), ("sub", "run.greet"));
    /// assert!(reading.reach("greet").is_none());
    /// ```
    #[must_use]
    pub fn reach<'r>(&'r self, path: &'r str) -> Option<Reached<'r>> {
        let mut nodes = self.draft.as_ref()?.nodes.as_slice();
        let (mut number, mut path, mut address) = (0, path, Vec::new());
        let mut reached = None;
        loop {
            let (segment, rest) = path.split_once('.').unwrap_or((path, ""));
            let (id, _) = name_and_index(segment);
            let Some(index) = nodes.iter().position(|node| node.id.as_str() == id) else { break };
            let Some(node) = nodes.get(index) else { break };
            address.push((number, index));
            reached = Some((node, rest));
            let Some((scope, rest)) = rest.split_once('.') else { break };
            let Some((within, nested)) = nested(node, scope) else { break };
            (number, nodes, path) = (within, nested, rest);
        }
        let (node, rest) = reached?;
        Some(Reached { node, rest, address })
    }

    /// A diagnostic at a node that was reached, or at a field of it: keys and indices joined by dots, as far as they are
    /// written. `part` is a range of bytes of the text in that field. It has no position yet:
    /// [`Source::locator`](super::Source::locator) finds it.
    #[must_use]
    pub fn at(
        &self,
        reached: &Reached<'_>,
        field: Option<&str>,
        part: Option<Range<usize>>,
        diagnostic: Diagnostic,
    ) -> Diagnostic {
        let node = Place { node: Some(reached.address.clone()), ..Place::default() };
        let written = self.source.in_document(&node).and_then(|place| follow(&self.document, &place.steps));
        let found = field.zip(written).map(|(field, node)| Steps::of(node, field)).unwrap_or_default();
        let part = part.filter(|_| found.is_whole);
        // A node as a whole is told by its id.
        let steps = if found.steps.is_empty() { vec![Step::Key("id".into())] } else { found.steps };
        Diagnostic { field: field.map(str::to_owned), place: Place { steps, part, ..node }, ..diagnostic }
    }
}

/// A segment of a path without and as its index.
fn name_and_index(segment: &str) -> (&str, Option<&str>) {
    match segment.split_once('[') {
        Some((name, index)) => (name, index.strip_suffix(']')),
        None => (segment, None),
    }
}

/// The nested scope that a segment names, with its number.
fn nested<'n>(node: &'n Node, segment: &str) -> Option<(usize, &'n [Node])> {
    let (scope, index) = name_and_index(segment);
    let branch = index.and_then(|index| index.parse::<usize>().ok());
    let mut scopes = node.kind.scopes().into_iter().enumerate();
    let is_it = |number: usize, name: &str| name == scope && branch.is_none_or(|branch| branch == number);
    let (number, (_, nodes)) = scopes.find(|(number, (name, _))| is_it(*number, name))?;
    Some((number, nodes))
}

fn follow<'v>(document: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps.iter().try_fold(document, |here, step| match step {
        Step::Key(key) => here.get(key),
        Step::Index(index) => here.as_list()?.get(*index),
    })
}

/// The steps that a dotted field stands for. Keys may have dots in them, so it is the value that says where one ends.
#[derive(Debug, Default)]
struct Steps {
    steps: Vec<Step>,
    /// How much of the field they stand for, in bytes.
    length: usize,
    is_whole: bool,
}

impl Steps {
    /// The steps that stand for all of a field, or for as much of it as is written.
    fn of(value: &Value, field: &str) -> Self {
        let ends = field.match_indices('.').map(|(at, _)| at).chain([field.len()]);
        let mut best = Self { is_whole: field.is_empty(), ..Self::default() };
        for end in ends {
            let (name, rest) = (field.get(..end).unwrap_or(field), field.get(end + 1..));
            let step = match value {
                Value::Map(entries) => entries.get(name).map(|below| (Step::Key(name.into()), below)),
                Value::List(items) => {
                    name.parse::<usize>().ok().and_then(|index| Some((Step::Index(index), items.get(index)?)))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => None,
            };
            let Some((step, below)) = step else { continue };
            let found = match rest {
                Some(rest) => Self::of(below, rest),
                None => Self { is_whole: true, ..Self::default() },
            };
            let length = end + found.length + usize::from(found.length > 0);
            if found.is_whole || length > best.length {
                let steps = std::iter::once(step).chain(found.steps).collect();
                best = Self { steps, length, is_whole: found.is_whole };
            }
            if best.is_whole {
                break;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::{Format, read};
    use crate::diagnostic::Severity;
    use crate::error::ErrorCode;

    /// What is marked for a field of a node, with its line; and what is left of the path.
    #[track_caller]
    fn check(
        text: &str,
        path: &str,
        field: Option<&str>,
        part: Option<Range<usize>>,
        expected: (u32, &str, &str),
    ) {
        let reading = read(text, Format::Auto, "t");
        assert!(reading.blueprint.is_some(), "{}", reading.diagnostics);
        let reached = reading.reach(path).unwrap();
        let failed = Diagnostic::new(ErrorCode::TemplateFailed, Severity::Error, "x");
        let mut found = reading.at(&reached, field, part, failed);
        reading.source.locator().locate(&mut found);
        let position = found.position.unwrap();
        let line = text.lines().nth(position.line as usize - 1).unwrap();
        let marked: String =
            line.chars().skip(position.column as usize - 1).take(position.length as usize).collect();
        assert_eq!((position.line, marked.as_str(), reached.rest), expected, "{path} {field:?}");
    }

    const NESTED: &str = "nodes:
- id: each
  type: loop
  items_source: inputs.rows
  body:
  - id: choose
    type: condition
    expression: item > 3
    true_path:
    - {id: big, type: tool, tool_name: hello}
    false_path:
    - id: both
      type: parallel
      branches:
      - [{id: x, type: tool, tool_name: one}]
      - - id: x
          type: tool
          tool_name: two
          tool_args: {rows: [1, {a.b: 'é {{ item }}'}], a: {b: 3}, a.b.c: 4}
- {id: sub, type: workflow, workflow_ref: other.yaml}
";

    #[test]
    fn a_path_leads_through_every_kind_of_scope() {
        check(NESTED, "each", None, None, (2, "each", ""));
        check(NESTED, "each[3].body.choose", Some("expression"), None, (8, "item > 3", ""));
        check(NESTED, "each[3].body.choose.true.big", None, None, (10, "big", ""));
        let both = "each[12].body.choose.false.both";
        check(NESTED, &format!("{both}.branches[0].x"), Some("tool_name"), None, (15, "one", ""));
        check(NESTED, &format!("{both}.branches[1].x"), Some("tool_name"), None, (18, "two", ""));
        check(NESTED, &format!("{both}.branches.x"), Some("tool_name"), None, (15, "one", ""));
    }

    #[test]
    fn a_path_that_leads_elsewhere_ends_at_the_last_node_that_is_there() {
        check(NESTED, "sub.run.deep[3].body.x", None, None, (20, "sub", "run.deep[3].body.x"));
        check(NESTED, "each[0].nowhere.x", None, None, (2, "each", "nowhere.x"));
        check(NESTED, "each[0].body.nobody.x", None, None, (2, "each", "body.nobody.x"));
        check(
            NESTED,
            "each[0].body.choose.false.both.branches[7].x",
            None,
            None,
            (12, "both", "branches[7].x"),
        );
        let reading = read(NESTED, Format::Yaml, "t");
        for nowhere in ["", ".", "nodes[0]", "gone.x", "[3]", "each "] {
            assert!(reading.reach(nowhere).is_none(), "{nowhere}");
        }
        assert!(read("nodes: [", Format::Yaml, "t").reach("a").is_none());
    }

    #[test]
    fn a_field_is_found_as_far_as_it_is_written() {
        let x = "each[0].body.choose.false.both.branches[1].x";
        let check = |field, part, expected| check(NESTED, x, Some(field), part, (19, expected, ""));
        check("tool_args.rows.0", None, "1");
        check("tool_args.rows.1.a.b", None, "'é {{ item }}'");
        check("tool_args.rows.1.a.b", Some(6..10), "item");
        check("tool_args.a.b", None, "3");
        check("tool_args.a.b.c", None, "4");
        // What lies deeper than what is written was put in at run time.
        check("tool_args.a.b.d", Some(0..1), "3");
        check("tool_args.rows.1.zz", Some(0..1), "{a.b: 'é {{ item }}'}");
        check("tool_args.rows.99", None, "[1, {a.b: 'é {{ item }}'}]");
    }

    #[test]
    fn a_field_that_is_not_written_is_told_at_the_node() {
        check(NESTED, "each", Some("timeout_seconds"), None, (2, "each", ""));
        check(NESTED, "each", Some(""), None, (2, "each", ""));
        check(NESTED, "each", Some("..."), Some(0..9), (2, "each", ""));
        check(NESTED, "each", Some(&"items_source.".repeat(10_000)), None, (4, "inputs.rows", ""));
    }

    #[test]
    fn every_notation_and_line_end_is_pointed_into() {
        let json = "{\"nodes\": [\r\n\t{\"id\": \"ä\\u0062\", \"type\": \"tool\"}]}";
        assert!(read(json, Format::Auto, "t").reach("ab").is_none());
        let json = "{\"nodes\": [\r\n\t{\"id\": \"a\", \"type\": \"llm\", \"model\": \"m\",\r\n\t\"prompt\": \"日本 {{ x }}\"}]}";
        check(json, "a", Some("prompt"), Some(10..11), (3, "x", ""));
        let crlf =
            "nodes:\r\n- id: a\r\n  type: llm\r\n  model: m\r\n  prompt: |\r\n    one\r\n    {{ x }}\r\n";
        check(crlf, "a", Some("prompt"), Some(7..8), (7, "x", ""));
        check(&crlf.replace('\r', ""), "a", Some("prompt"), Some(7..8), (7, "x", ""));
    }

    #[test]
    fn nodes_of_the_first_dialect_are_found_where_they_are_listed() {
        let text = "nodes:
- {id: each, type: loop, items_source: rows, body_nodes: [deep]}
- {id: deep, type: llm, model: m, prompt: 'Hi {who}'}
";
        check(text, "each[1].body.deep", Some("prompt"), Some(6..9), (3, "'Hi {who}'", ""));
    }

    proptest::proptest! {
        #[test]
        fn no_path_field_or_part_panics(
            path in "(each|sub|body|choose|both|x|é|[.\\[\\]0-9]){0,9}",
            field in "(id|tool_args|rows|a|b|é|[.0-9]){0,9}",
            start in 0_usize..99,
            end in 0_usize..99,
        ) {
            let reading = read(NESTED, Format::Yaml, "t");
            let both = "each[0].body.choose.false.both.branches[1].x";
            for reached in [reading.reach(&path), reading.reach(both)].into_iter().flatten() {
                let failed = Diagnostic::new(ErrorCode::TemplateFailed, Severity::Error, "x");
                let mut found = reading.at(&reached, Some(&field), Some(start..end), failed);
                reading.source.locator().locate(&mut found);
                assert!(found.position.is_some());
            }
        }
    }
}
