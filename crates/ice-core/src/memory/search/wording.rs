//! What an entry is found by.

use crate::memory::table::{properties, wanted};
use crate::memory::{AsOf, Detail, Entry, Filter, Kind, Scope};
use crate::segments::{Attributes, Filter as Passing};
use crate::value::Value;

/// Says of an item that its entry is past.
const PAST: (&str, &str) = ("past", "yes");

/// The words of an entry: its content, and what it is called and is about. Names of fields are none.
pub(super) fn words(entry: &Entry) -> String {
    let mut text = String::new();
    add(&mut text, entry.key.as_str());
    add_value(&mut text, &entry.content);
    entry.tags.iter().chain(&entry.subjects).for_each(|word| add(&mut text, word));
    match &entry.detail {
        Detail::Working(_) => {}
        Detail::Episodic(episode) => episode.participants.iter().for_each(|name| add(&mut text, name)),
        Detail::Semantic(fact) => {
            add(&mut text, &fact.domain);
            fact.entities.iter().for_each(|entity| add(&mut text, entity));
            for relationship in &fact.relationships {
                add(&mut text, &relationship.relation);
                add(&mut text, &relationship.target);
            }
        }
        Detail::Procedural(procedure) => {
            add(&mut text, &procedure.name);
            add(&mut text, &procedure.category);
            procedure.contexts.iter().for_each(|context| add(&mut text, context));
            procedure.steps.iter().for_each(|step| add_value(&mut text, step));
        }
    }
    text
}

/// What an entry says: its content, without what it is called.
pub(super) fn said(entry: &Entry) -> String {
    let mut text = String::new();
    if let Detail::Procedural(procedure) = &entry.detail {
        add(&mut text, &procedure.name);
        procedure.steps.iter().for_each(|step| add_value(&mut text, step));
    }
    add_value(&mut text, &entry.content);
    text
}

fn add(text: &mut String, word: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(word);
}

fn add_value(text: &mut String, value: &Value) {
    match value {
        Value::String(word) => add(text, word),
        Value::Number(_) | Value::Bool(_) => add(text, &value.to_string()),
        Value::List(items) => items.iter().for_each(|item| add_value(text, item)),
        Value::Map(entries) => entries.values().for_each(|item| add_value(text, item)),
        Value::Null | Value::Blob(_) => {}
    }
}

/// What an entry is filtered by.
pub(super) fn attributes(entry: &Entry) -> Attributes {
    let past = entry.until.map(|_| (PAST.0.to_owned(), PAST.1.to_owned()));
    Attributes {
        scope: entry.scope.as_str().to_owned(),
        kind: entry.kind().to_string(),
        tags: properties(entry),
        time: Some(entry.time()),
        fields: past.into_iter().collect(),
    }
}

/// Lets entries of a kind pass that may be wanted: whatever it keeps out is not, what passes is looked at again.
pub(super) fn passing(kind: Kind, scopes: &[Scope], filter: &Filter, as_of: AsOf) -> Passing {
    let mut all = vec![
        Passing::kind(&kind.to_string()),
        Passing::Any(scopes.iter().map(|scope| Passing::scope(scope.as_str())).collect()),
    ];
    if as_of.is_now() {
        all.push(Passing::Not(Box::new(Passing::field(PAST.0, PAST.1))));
    }
    let groups = wanted(filter).into_iter();
    all.extend(groups.map(|group| Passing::Any(group.iter().map(|tag| Passing::tag(tag)).collect())));
    if filter.since.is_some() || filter.before.is_some() {
        all.push(Passing::Time { from: filter.since, until: filter.before });
    }
    Passing::All(all)
}
