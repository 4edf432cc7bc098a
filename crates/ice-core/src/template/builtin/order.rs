//! Filters that compare: sorting, extremes, groups.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::compare::{total, weigh};
use super::super::error::TemplateError;
use super::super::meter::ITEM;
use super::super::path;
use super::super::reference::Segment;
use super::call::{Call, Outcome};
use super::select::attribute_path;
use crate::value::Value;

/// A value to compare by: text in lower case unless case matters.
struct Key(Value);

impl Key {
    /// The key of an item, paid for.
    fn of(call: &Call<'_>, item: &Value, paths: &[Vec<Segment>], exact: bool) -> Result<Self, TemplateError> {
        let part = |segments: &[Segment]| -> Result<Value, TemplateError> {
            // What lacks the attribute is compared as null.
            let value = call.attribute(item, segments)?.unwrap_or(Value::Null);
            let folds = |text: &str| text.chars().any(|c| c.to_lowercase().next() != Some(c));
            let Some(text) = value.as_str().filter(|text| !exact && folds(text)) else {
                return Ok(value);
            };
            call.meter.read(text.len())?;
            call.meter.grow_by(text.len(), 3)?;
            Ok(Value::string(text.to_lowercase()))
        };
        match paths {
            [] => part(&[]).map(Self),
            [one] => part(one).map(Self),
            many => {
                call.meter.list(many.len())?;
                let parts: Result<Vec<Value>, TemplateError> = many.iter().map(|path| part(path)).collect();
                parts.map(|parts| Self(Value::list(parts)))
            }
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        total(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The keys of all items, with the work of comparing each about log2(n) times paid in advance, so that
/// sorting itself cannot fail.
fn keyed(
    call: &Call<'_>,
    items: &[Value],
    attribute: Option<&str>,
    exact: bool,
) -> Result<Vec<(Key, Value)>, TemplateError> {
    let paths: Vec<Vec<Segment>> = attribute
        .map(|names| names.split(',').map(|name| attribute_path(name.trim())).collect())
        .unwrap_or_default();
    let rounds = usize::try_from(items.len().max(2).ilog2() + 1).unwrap_or(usize::MAX);
    call.meter.grow_by(items.len(), 4 * ITEM)?;
    items
        .iter()
        .map(|item| {
            let key = Key::of(call, item, &paths, exact)?;
            call.meter.work(weigh(call.meter, &key.0)?.saturating_mul(rounds))?;
            Ok((key, item.clone()))
        })
        .collect()
}

fn done(items: impl IntoIterator<Item = Value>) -> Outcome {
    Ok(Some(Value::list(items)))
}

/// `sort(reverse, case_sensitive, attribute)`
pub(super) fn sort(call: &Call<'_>) -> Outcome {
    let attribute = call.optional_text(3)?;
    let mut keyed = keyed(call, &call.items(0)?, attribute.as_deref(), call.flag(2)?)?;
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    if call.flag(1)? {
        keyed.reverse();
    }
    done(keyed.into_iter().map(|(_, item)| item))
}

/// `min(case_sensitive, attribute)`
pub(super) fn min(call: &Call<'_>) -> Outcome {
    let attribute = call.optional_text(2)?;
    let keyed = keyed(call, &call.items(0)?, attribute.as_deref(), call.flag(1)?)?;
    Ok(keyed.into_iter().min_by(|left, right| left.0.cmp(&right.0)).map(|(_, item)| item))
}

/// `max(case_sensitive, attribute)`
pub(super) fn max(call: &Call<'_>) -> Outcome {
    let attribute = call.optional_text(2)?;
    let keyed = keyed(call, &call.items(0)?, attribute.as_deref(), call.flag(1)?)?;
    Ok(keyed.into_iter().max_by(|left, right| left.0.cmp(&right.0)).map(|(_, item)| item))
}

/// `unique(case_sensitive, attribute)`
pub(super) fn unique(call: &Call<'_>) -> Outcome {
    let attribute = call.optional_text(2)?;
    let mut seen = BTreeSet::new();
    let keyed = keyed(call, &call.items(0)?, attribute.as_deref(), call.flag(1)?)?;
    done(keyed.into_iter().filter_map(|(key, item)| seen.insert(key).then_some(item)).collect::<Vec<_>>())
}

/// `groupby(attribute, case_sensitive)`
pub(super) fn groupby(call: &Call<'_>) -> Outcome {
    let attribute = call.text(1)?;
    let mut keyed = keyed(call, &call.items(0)?, Some(&attribute), call.flag(2)?)?;
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    call.meter.grow_by(keyed.len(), 8 * ITEM)?;
    let segments = attribute_path(&attribute);
    let groups = keyed.chunk_by(|left, right| left.0 == right.0).map(|group| {
        // The group's name is that of its first member, as it is written there.
        let name = group.first().and_then(|(_, item)| path::find(item, &segments)).unwrap_or_default();
        Value::list([name, Value::list(group.iter().map(|(_, item)| item.clone()))])
    });
    done(groups.collect::<Vec<_>>())
}

/// `dictsort(case_sensitive, by, reverse)`
pub(super) fn dictsort(call: &Call<'_>) -> Outcome {
    let value = call.value(0)?;
    let Value::Map(entries) = &value else {
        return Err(call.wants(0, "a map", &value));
    };
    let by = call.optional_text(2)?;
    let part = match by.as_deref() {
        None | Some("key") => Segment::Index(0),
        Some("value") => Segment::Index(1),
        Some(_) => return Err(call.fails("sorts by `key` or `value`")),
    };
    call.meter.grow_by(entries.len(), 7 * ITEM)?;
    let pairs: Vec<Value> = entries
        .iter()
        .map(|(key, value)| Value::list([Value::String(Arc::clone(key)), value.clone()]))
        .collect();
    let mut keyed = keyed(call, &pairs, Some(&part.to_string()), call.flag(1)?)?;
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    if call.flag(3)? {
        keyed.reverse();
    }
    done(keyed.into_iter().map(|(_, item)| item))
}
