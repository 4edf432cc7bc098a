//! The first difference of two records.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Difference;
use crate::journal::Body;

/// Characters of a text that are shown before and after its first difference.
const AROUND: usize = 40;

/// The first field that differs, if both are the same kind of record about the same node.
pub(super) fn between(recorded: &Body, now: &Body) -> Option<Difference> {
    let (recorded, now) = (serde_json::to_value(recorded).ok()?, serde_json::to_value(now).ok()?);
    if recorded.get("t") != now.get("t") || recorded.get("n") != now.get("n") {
        return None;
    }
    let kind = recorded.get("t").and_then(Value::as_str).unwrap_or_default();
    let (path, recorded, now) = first(&recorded, &now)?;
    let mut path = path.into_iter().rev();
    let field = path.next().map(|short| long(kind, &short)).unwrap_or_default();
    let field = path.fold(field, |text, part| text + "." + &part);
    let (before, after) = shown(recorded, now);
    Some(Difference { field, before, after })
}

/// The fields by their names: the order in which they are kept is not the same in every build.
fn sorted(fields: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    fields.iter().collect::<BTreeMap<_, _>>().into_iter()
}

/// The first difference, its path from the inside out.
fn first<'v>(
    recorded: &'v Value,
    now: &'v Value,
) -> Option<(Vec<String>, Option<&'v Value>, Option<&'v Value>)> {
    let below = |key: String, found: Option<(Vec<String>, Option<&'v Value>, Option<&'v Value>)>| {
        let (mut path, one, other) = found?;
        path.push(key);
        Some((path, one, other))
    };
    match (recorded, now) {
        (Value::Object(one), Value::Object(other)) => {
            let both = sorted(one).find_map(|(key, value)| match other.get(key) {
                Some(now) => below(key.clone(), first(value, now)),
                None => Some((vec![key.clone()], Some(value), None)),
            });
            let gone = || sorted(other).find(|(key, _)| !one.contains_key(*key));
            both.or_else(|| gone().map(|(key, value)| (vec![key.clone()], None, Some(value))))
        }
        (Value::Array(one), Value::Array(other)) => {
            let many = one.len().max(other.len());
            (0..many).find_map(|index| match (one.get(index), other.get(index)) {
                (Some(value), Some(now)) => below(index.to_string(), first(value, now)),
                (value, now) => Some((vec![index.to_string()], value, now)),
            })
        }
        (one, other) => (one != other).then(|| (Vec::new(), Some(one), Some(other))),
    }
}

/// All fields that differ, at most `limit`, their paths below `path`.
pub(crate) fn all(path: &str, before: &Value, after: &Value, limit: usize, found: &mut Vec<Difference>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if found.len() >= limit || before == after {
        return;
    }
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let gone = sorted(other).filter(|(key, _)| !one.contains_key(*key));
            for (key, _) in sorted(one).chain(gone) {
                part(&below(key), one.get(key), other.get(key), limit, found);
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for index in 0..one.len().max(other.len()) {
                part(&below(&index.to_string()), one.get(index), other.get(index), limit, found);
            }
        }
        (one, other) => part(path, Some(one), Some(other), limit, found),
    }
}

fn part(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    limit: usize,
    found: &mut Vec<Difference>,
) {
    match (before, after) {
        (
            Some(one @ (Value::Object(_) | Value::Array(_))),
            Some(other @ (Value::Object(_) | Value::Array(_))),
        ) if one.is_object() == other.is_object() => {
            all(path, one, other, limit, found);
        }
        (one, other) if one != other && found.len() < limit => {
            let (before, after) = shown(one, other);
            found.push(Difference { field: path.to_owned(), before, after });
        }
        _ => {}
    }
}

/// Both values as JSON, long texts cut around the first character that differs.
fn shown(recorded: Option<&Value>, now: Option<&Value>) -> (String, String) {
    let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let (one, other) = (text(recorded), text(now));
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    (cut(&one, same), cut(&other, same))
}

fn cut(text: &str, at: usize) -> String {
    let many = text.chars().count();
    let (from, to) = (at.saturating_sub(AROUND), (at + AROUND).min(many));
    let piece: String = text.chars().skip(from).take(to.saturating_sub(from)).collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < many { "…" } else { "" });
    format!("{before}{piece}{after}")
}

/// The name of a field that has a short one on the wire.
fn long(kind: &str, short: &str) -> String {
    let name = match (kind, short) {
        ("opened", "w") => "opening",
        ("answered", "w") => "answer",
        ("checked", "h") => "holds",
        ("checked", "l") => "last",
        ("checked", "m") => "metrics",
        ("iterated", "i") => "iteration",
        ("alerted", "s") => "sent",
        ("failed", "r") => "retry_at",
        ("skipped", "r") => "reason",
        (_, "n") => "node",
        (_, "a") => "attempt",
        (_, "i") => "intent",
        (_, "e") => "effect",
        (_, "q") => "question",
        (_, "o") => "output",
        (_, "f") => "failure",
        (_, "u") => "usage",
        (_, "s") => "step",
        (_, "d") => "in_doubt",
        (_, other) => other,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ice_core::tools::Effect;
    use ice_core::value::Value;

    use super::*;
    use crate::journal::Intent;

    fn started(text: &str) -> Body {
        let input = Value::map([("text", Value::from(text))]);
        let intent = Intent::Tool { tool: Arc::from("t"), input };
        Body::Started { node: "n".parse().unwrap(), attempt: 1, intent, effect: Effect::Pure, held: None }
    }

    #[test]
    fn long_texts_are_cut_around_what_differs() {
        let text = "ä".repeat(200);
        let found =
            between(&started(&format!("{text}x{text}")), &started(&format!("{text}y{text}"))).unwrap();
        assert_eq!(found.field, "intent.input.text");
        assert!(found.before.contains("äxä") && found.after.contains("äyä"), "{found:?}");
        assert!(found.before.chars().count() < 100, "{found:?}");
        assert_eq!(between(&started("x"), &started("x")), None);
    }

    #[test]
    fn what_is_missing_on_one_side_is_nothing() {
        let (mut more, less) = (serde_json::json!({"t": {}}), serde_json::json!({"t": {}}));
        more["t"]["x"] = serde_json::json!([1]);
        let (path, one, other) = first(&more, &less).unwrap();
        assert_eq!(
            (path.join("<"), shown(one, other)),
            ("x<t".to_owned(), ("[1]".to_owned(), "nothing".to_owned()))
        );
        let (_, one, other) = first(&less, &more).unwrap();
        assert_eq!(shown(one, other), ("nothing".to_owned(), "[1]".to_owned()));
    }
}
