//! Where every key and value of a document stands: a second, quick walk over a text that is known to be
//! valid, made only when there is something to point at.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser};
use jsonc_parser::ast::Value as Json;
use jsonc_parser::common::Range as JsonRange;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::Format;
use crate::diagnostic::{Place, Step, Target};

/// Where the keys and values of a document stand.
#[derive(Debug, Default)]
pub(super) struct SpanTree {
    spans: Vec<Span>,
}

/// One value: where it stands, and what is within.
#[derive(Debug, Default)]
struct Span {
    value: Range<usize>,
    /// Key, where the key stands, and the index of the value.
    entries: Vec<(String, Range<usize>, usize)>,
    items: Vec<usize>,
}

/// What was found of a place: its own span, or that of the nearest thing around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    /// Whether every step of the way was found.
    pub(super) exact: bool,
}

impl SpanTree {
    /// Reads the spans of a text that parses in this notation.
    pub(super) fn of(text: &str, format: Format) -> Self {
        let mut tree = Self::default();
        match format {
            Format::Json => {
                let options = (CollectOptions::default(), ParseOptions::default());
                if let Ok(parsed) = parse_to_ast(text, &options.0, &options.1)
                    && let Some(value) = parsed.value
                {
                    tree.json(&value);
                }
            }
            Format::Yaml | Format::Auto => tree.yaml(text),
        }
        tree
    }

    /// The span of a place.
    pub(super) fn find(&self, place: &Place) -> Option<Found> {
        let mut here = self.spans.first()?;
        let mut range = here.value.clone();
        for (index, step) in place.steps.iter().enumerate() {
            let last = index + 1 == place.steps.len();
            let next = match step {
                Step::Key(key) => {
                    // The last one, should a key stand twice: its value is the one that was read.
                    let entry = here.entries.iter().rfind(|(name, _, _)| name.as_str() == &**key);
                    entry.map(|(_, key_range, value)| (Some(key_range), *value))
                }
                Step::Index(at) => here.items.get(*at).map(|value| (None, *value)),
            };
            let Some((key_range, value)) = next.and_then(|(k, v)| Some((k, self.spans.get(v)?))) else {
                return Some(Found { range, exact: false });
            };
            here = value;
            range = match key_range {
                Some(key_range) if last && place.target == Target::Key => key_range.clone(),
                Some(_) | None => here.value.clone(),
            };
        }
        Some(Found { range, exact: true })
    }

    fn push(&mut self, value: Range<usize>) -> usize {
        self.spans.push(Span { value, ..Span::default() });
        self.spans.len() - 1
    }

    /// Takes a JSON value in. Its depth was bounded when the text was read.
    fn json(&mut self, value: &Json<'_>) -> usize {
        let bytes = |range: JsonRange| range.start..range.end;
        match value {
            Json::StringLit(text) => self.push(bytes(text.range)),
            Json::NumberLit(number) => self.push(bytes(number.range)),
            Json::BooleanLit(truth) => self.push(bytes(truth.range)),
            Json::NullKeyword(null) => self.push(bytes(null.range)),
            Json::Object(object) => {
                let here = self.push(bytes(object.range));
                for property in &object.properties {
                    let value = self.json(&property.value);
                    let key = property.name.as_str().to_owned();
                    let entry = (key, property_name(property), value);
                    self.add_entry(here, entry);
                }
                here
            }
            Json::Array(array) => {
                let here = self.push(bytes(array.range));
                for element in &array.elements {
                    let item = self.json(element);
                    self.add_item(here, item);
                }
                here
            }
        }
    }

    fn add_entry(&mut self, parent: usize, entry: (String, Range<usize>, usize)) {
        if let Some(span) = self.spans.get_mut(parent) {
            span.entries.push(entry);
        }
    }

    fn add_item(&mut self, parent: usize, item: usize) {
        if let Some(span) = self.spans.get_mut(parent) {
            span.items.push(item);
        }
    }

    fn yaml(&mut self, text: &str) {
        let mut open: Vec<Open> = Vec::new();
        let mut anchors: HashMap<usize, usize> = HashMap::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { return };
            let range = span.byte_range().unwrap_or_default();
            if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
                if let Some(closed) = open.pop()
                    && let Some(span) = self.spans.get_mut(closed.value)
                {
                    span.value.end = span.value.end.max(range.end);
                }
                continue;
            }
            if !event.is_node() {
                continue;
            }
            let known = event.alias_id().and_then(|id| anchors.get(&id).copied());
            let pending_key = open.last().is_some_and(|top| top.is_map && top.key.is_none());
            let value = match known {
                Some(value) if !pending_key => value,
                Some(_) | None => self.push(range.clone()),
            };
            if let Some(anchor) = event.anchor_id() {
                anchors.insert(anchor, value);
            }
            if let Some(top) = open.last_mut() {
                let parent = top.value;
                if !top.is_map {
                    self.add_item(parent, value);
                } else if let Some(key) = top.key.take() {
                    self.add_entry(parent, (key.0, key.1, value));
                } else {
                    let name = event.scalar().map(|(text, _)| text.to_owned()).unwrap_or_default();
                    top.key = Some((name, range));
                }
            }
            let is_map = matches!(event, Event::MappingStart(..));
            if is_map || matches!(event, Event::SequenceStart(..)) {
                open.push(Open { value, is_map, key: None });
            }
        }
    }
}

/// A sequence or mapping that has begun.
struct Open {
    value: usize,
    is_map: bool,
    key: Option<(String, Range<usize>)>,
}

fn property_name(property: &jsonc_parser::ast::ObjectProp<'_>) -> Range<usize> {
    let range = match &property.name {
        jsonc_parser::ast::ObjectPropName::String(text) => text.range,
        jsonc_parser::ast::ObjectPropName::Word(word) => word.range,
    };
    range.start..range.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, format: Format, steps: &[&str], target: Target, expected: &str) {
        let steps: Vec<Step> = steps
            .iter()
            .map(|step| step.parse().map_or_else(|_| Step::Key((*step).into()), Step::Index))
            .collect();
        let place = Place { steps, target, ..Place::default() };
        let found = SpanTree::of(text, format).find(&place).unwrap();
        assert_eq!(&text[found.range], expected, "{place:?} in {text}");
    }

    #[test]
    fn json_spans_survive_tabs_escapes_and_other_scripts() {
        let text =
            "{\t\"a\\u00e9\\/\":\t[1, \"\\ud83d\\ude00ä\", {\"k\": -2.5e3}], \"a\": null,\n\t\"日本\": true}";
        let json = Format::Json;
        check(text, json, &["aé/", "1"], Target::Value, "\"\\ud83d\\ude00ä\"");
        check(text, json, &["aé/"], Target::Key, "\"a\\u00e9\\/\"");
        check(text, json, &["aé/", "2", "k"], Target::Value, "-2.5e3");
        check(text, json, &["日本"], Target::Value, "true");
        check(text, json, &["日本"], Target::Key, "\"日本\"");
        check(text, json, &["a", "gone", "deep"], Target::Key, "null");
    }

    #[test]
    fn yaml_spans_follow_blocks_flows_and_aliases() {
        let text = "a: &x\n  k: [1, 'zwei', {m: \"n\"}]\nb: *x\n'ü c': |\n  text\n  more\nd: {e: f}\n";
        let yaml = Format::Yaml;
        check(text, yaml, &["a", "k", "1"], Target::Value, "'zwei'");
        check(text, yaml, &["a", "k", "2", "m"], Target::Value, "\"n\"");
        check(text, yaml, &["b", "k", "0"], Target::Value, "1");
        check(text, yaml, &["b"], Target::Key, "b");
        check(text, yaml, &["ü c"], Target::Key, "'ü c'");
        check(text, yaml, &["d", "e"], Target::Key, "e");
        check(text, yaml, &["d", "e"], Target::Value, "f");
    }

    #[test]
    fn the_last_of_two_equal_keys_is_meant() {
        check("a: 1\na: 2\n", Format::Yaml, &["a"], Target::Value, "2");
        check("{\"a\":1,\"a\":2}", Format::Json, &["a"], Target::Value, "2");
    }
}
