//! Mermaid text: a flowchart whose containers are subgraphs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::describe::clip;
use super::{EdgeKind, Graph, GraphNode, Mark, Marks};
use crate::blueprint::KindName;

/// The most characters of a label's line.
const LONGEST: usize = 60;

/// The way a Mermaid flowchart runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// From top to bottom.
    #[default]
    Down,
    /// From left to right.
    Right,
}

/// How a picture is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrawOptions {
    /// The way it runs.
    pub direction: Direction,
    /// How nodes are marked. With any, a legend of the marks in use is added.
    pub marks: Marks,
}

/// The graph as a Mermaid flowchart.
///
/// Labels are bounded in length and written so that none of their characters is syntax. Mermaid itself
/// refuses texts of more than 50,000 characters and graphs of more than 500 edges unless it is configured
/// otherwise (`maxTextSize`, `maxEdges`).
#[must_use]
pub fn mermaid(graph: &Graph, options: &DrawOptions) -> String {
    let way = match options.direction {
        Direction::Down => "TD",
        Direction::Right => "LR",
    };
    let mut writer =
        Writer { text: format!("flowchart {way}\n"), count: 0, classes: BTreeMap::new(), options };
    writer.scope(graph, 1);
    writer.legend();
    writer.text
}

struct Writer<'a> {
    text: String,
    count: usize,
    classes: BTreeMap<Mark, Vec<String>>,
    options: &'a DrawOptions,
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{:width$}{line}", "", width = depth * 4);
    }

    fn scope(&mut self, graph: &Graph, depth: usize) {
        let ids: Vec<String> = graph.nodes.iter().map(|node| self.node(node, depth)).collect();
        for edge in &graph.edges {
            let (Some(from), Some(to)) = (ids.get(edge.from), ids.get(edge.to)) else { continue };
            let arrow = match edge.kind {
                EdgeKind::Dependency => "-->",
                EdgeKind::WhenTrue => "-->|true|",
                EdgeKind::WhenFalse => "-->|false|",
                EdgeKind::Repeat => "-. repeat .->",
            };
            self.line(depth, &format!("{from} {arrow} {to}"));
        }
    }

    fn node(&mut self, node: &GraphNode, depth: usize) -> String {
        let id = self.id(&node.title);
        if let Some(mark) = self.options.marks.get(&node.path) {
            self.classes.entry(mark).or_default().push(id.clone());
        }
        let text = label(node);
        if node.scopes.is_empty() {
            let (open, close) = shape(node.kind);
            self.line(depth, &format!("{id}{open}\"{text}\"{close}"));
        } else {
            self.line(depth, &format!("subgraph {id}[\"{text}\"]"));
            self.scopes(node, depth + 1);
            self.line(depth, "end");
        }
        id
    }

    fn scopes(&mut self, node: &GraphNode, depth: usize) {
        if let (KindName::Loop, [body]) = (node.kind, node.scopes.as_slice()) {
            return self.scope(&body.graph, depth);
        }
        let decision = (node.kind == KindName::Condition).then(|| {
            let id = self.id("decision");
            let text = if node.detail.is_empty() { &node.title } else { &node.detail };
            self.line(depth, &format!("{id}{{\"{}\"}}", escape(&clip(text, LONGEST))));
            id
        });
        for scope in &node.scopes {
            let id = self.id(&scope.label);
            self.line(depth, &format!("subgraph {id}[\"{}\"]", escape(&clip(&scope.label, LONGEST))));
            self.scope(&scope.graph, depth + 1);
            self.line(depth, "end");
            if let Some(decision) = &decision {
                let way = if scope.label == "true" { "true" } else { "false" };
                self.line(depth, &format!("{decision} -->|{way}| {id}"));
            }
        }
    }

    /// An identifier that is unique and no keyword of Mermaid: a number, then the name for the reader.
    fn id(&mut self, name: &str) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let id = format!("n{}_{}", self.count, name.chars().take(24).map(word).collect::<String>());
        self.count += 1;
        id
    }

    fn legend(&mut self) {
        let classes = std::mem::take(&mut self.classes);
        if classes.is_empty() {
            return;
        }
        self.line(1, "subgraph legend[\"Legend\"]");
        for mark in classes.keys() {
            self.line(2, &format!("legend_{0}[\"{0}\"]:::{0}", mark.name()));
        }
        self.line(1, "end");
        for (mark, ids) in classes {
            let colours = mark.colours();
            let dashes = if colours.dashed { ",stroke-dasharray:5 4" } else { "" };
            let (fill, stroke, text) = (colours.fill, colours.stroke, colours.text);
            let name = mark.name();
            self.line(1, &format!("classDef {name} fill:{fill},stroke:{stroke},color:{text}{dashes}"));
            self.line(1, &format!("class {} {name}", ids.join(",")));
        }
    }
}

fn shape(kind: KindName) -> (&'static str, &'static str) {
    match kind {
        KindName::Tool | KindName::Code | KindName::Loop | KindName::Parallel => ("[", "]"),
        KindName::Llm => ("(", ")"),
        KindName::Agent | KindName::Swarm | KindName::Recursive => ("([", "])"),
        KindName::Condition => ("{", "}"),
        KindName::Workflow => ("[[", "]]"),
        KindName::Human => ("[/", "/]"),
        KindName::Monitor => ("{{", "}}"),
    }
}

fn label(node: &GraphNode) -> String {
    let title = escape(&clip(&node.title, LONGEST));
    let detail = clip(&node.detail, LONGEST);
    let dot = if detail.is_empty() { "" } else { " · " };
    format!("{title}<br/>{}{dot}{}", node.kind, escape(&detail))
}

/// Words that Mermaid looks for in the whole line, quoted or not.
const LOOKED_FOR: [&str; 3] = ["direction", "style", "classDef"];

/// The text as part of a quoted Mermaid label: what is neither a letter, a digit nor harmless is written as
/// `#<code>;`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map(|(_, next)| *next);
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let raw = match character {
            ' ' | ',' | '=' | '…' | '·' => true,
            // Within a word these are plain; at its edge they may be emphasis or begin a list.
            '_' | '-' | '.' => {
                inside(before) && inside(after) && !out.ends_with("www") && !out.ends_with("WWW")
            }
            other => {
                let rest = text.get(at..).unwrap_or_default();
                other.is_alphanumeric() && !LOOKED_FOR.iter().any(|word| rest.starts_with(word))
            }
        };
        if raw {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
        before = Some(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a label the way Mermaid does.
    fn unescape(label: &str) -> String {
        let mut parts = label.split('#');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once(';').unwrap();
            text.push(char::from_u32(code.parse().unwrap()).unwrap());
            text.push_str(rest);
        }
        text
    }

    #[test]
    fn syntax_in_labels_is_written_as_codes() {
        assert_eq!(escape("plain text_1.2, a=b"), "plain text_1.2, a=b");
        assert_eq!(escape("\"]; end"), "#34;#93;#59; end");
        assert_eq!(escape("`x` <b> #1;"), "#96;x#96; #60;b#62; #35;1#59;");
        assert_eq!(escape("- __a__"), "#45; #95;#95;a#95;#95;");
        assert_eq!(escape("direction TB"), "#100;irection TB");
        assert_eq!(escape("restyle: x"), "re#115;tyle#58; x");
        assert_eq!(escape("www.example.org"), "www#46;example.org");
    }

    proptest! {
        #[test]
        fn labels_read_as_they_were_written(text in any::<String>()) {
            let label = escape(&text);
            prop_assert_eq!(unescape(&label), text);
            let harmless = |c: char| c.is_alphanumeric() || " ,=…·_-.#;".contains(c);
            prop_assert!(label.chars().all(harmless), "{}", label);
            prop_assert!(LOOKED_FOR.iter().all(|word| !label.contains(word)));
        }
    }
}
