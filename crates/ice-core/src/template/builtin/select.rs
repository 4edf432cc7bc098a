//! Filters that apply another built-in to every item.

use minijinja::value::Value as Engine;

use super::super::compare::is_true;
use super::super::error::TemplateError;
use super::super::meter::ITEM;
use super::super::reference::Segment;
use super::super::view::to_engine;
use super::call::{Call, Outcome};
use super::table::{Builtin, Kind, find};
use crate::value::Value;

/// The segments of a dotted attribute: `a.b.0`.
pub(super) fn attribute_path(attribute: &str) -> Vec<Segment> {
    attribute
        .split('.')
        .map(|part| part.parse().map_or_else(|_| Segment::Key(part.into()), Segment::Index))
        .collect()
}

/// `map(filter, …)`, `map(attribute=…, default=…)`: the arguments are the attribute, the default, then the
/// filter's name and its own arguments.
pub(super) fn map(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let attribute = call.optional_text(1)?.map(|attribute| attribute_path(&attribute));
    let default = call.optional(2)?;
    let filter = match call.optional_text(3)? {
        None => None,
        Some(name) => Some(named(call, Kind::Filter, &name)?),
    };
    let mut mapped = Vec::new();
    for item in items.iter() {
        call.meter.list(1)?;
        mapped.push(match (&attribute, filter) {
            (Some(segments), None) => match &default {
                None => call.required(item, segments)?,
                Some(default) => call.attribute(item, segments)?.unwrap_or_else(|| default.clone()),
            },
            (None, Some(filter)) => call
                .delegate(filter, to_engine(item), 4)?
                .ok_or_else(|| call.fails(&format!("got no value from `{}` for an item", filter.name)))?,
            (None, None) | (Some(_), Some(_)) => {
                return Err(call.fails("takes either a filter's name or `attribute=`"));
            }
        });
    }
    Ok(Some(Value::list(mapped)))
}

fn named(call: &Call<'_>, kind: Kind, name: &str) -> Result<&'static Builtin, TemplateError> {
    find(kind, name).ok_or_else(|| {
        let what = if kind == Kind::Filter { "filter" } else { "test" };
        TemplateError::not_allowed(format!("{} names the unknown {what} `{name}`", call.name()))
    })
}

/// The items for which a test holds, or does not.
fn keep(call: &Call<'_>, holds: bool, attribute: Option<&[Segment]>, test: usize) -> Outcome {
    let items = call.items(0)?;
    let check = match call.optional_text(test)? {
        None => None,
        Some(name) => Some(named(call, Kind::Test, &name)?),
    };
    let mut kept = Vec::new();
    for item in items.iter() {
        call.meter.work(1)?;
        let tested = match attribute {
            None => Some(item.clone()),
            Some(segments) => call.attribute(item, segments)?,
        };
        let truth = match check {
            None => tested.is_some_and(|value| is_true(&value)),
            Some(check) => {
                let tested = tested.as_ref().map_or(Engine::UNDEFINED, to_engine);
                call.delegate(check, tested, test + 1)?.is_some_and(|value| is_true(&value))
            }
        };
        if truth == holds {
            call.meter.grow(ITEM)?;
            kept.push(item.clone());
        }
    }
    Ok(Some(Value::list(kept)))
}

pub(super) fn select(call: &Call<'_>) -> Outcome {
    keep(call, true, None, 1)
}

pub(super) fn reject(call: &Call<'_>) -> Outcome {
    keep(call, false, None, 1)
}

pub(super) fn selectattr(call: &Call<'_>) -> Outcome {
    keep(call, true, Some(&attribute_path(&call.text(1)?)), 2)
}

pub(super) fn rejectattr(call: &Call<'_>) -> Outcome {
    keep(call, false, Some(&attribute_path(&call.text(1)?)), 2)
}
