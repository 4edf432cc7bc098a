//! Filters over lists that keep their order.

use std::sync::Arc;

use super::super::meter::ITEM;
use super::call::{Call, Outcome};
use crate::value::Value;

fn done(items: Vec<Value>) -> Outcome {
    Ok(Some(Value::List(Arc::new(items))))
}

pub(super) fn first(call: &Call<'_>) -> Outcome {
    if let Some(text) = call.as_str(0) {
        return Ok(text.chars().next().map(|character| Value::string(character.to_string())));
    }
    Ok(call.visible(0)?.first().cloned())
}

pub(super) fn last(call: &Call<'_>) -> Outcome {
    if let Some(text) = call.as_str(0) {
        return Ok(text.chars().next_back().map(|character| Value::string(character.to_string())));
    }
    Ok(call.visible(0)?.last().cloned())
}

pub(super) fn reverse(call: &Call<'_>) -> Outcome {
    if let Some(text) = call.as_str(0) {
        call.meter.read(text.len())?;
        call.meter.grow(text.len())?;
        return Ok(Some(Value::string(text.chars().rev().collect::<String>())));
    }
    let items = call.items(0)?;
    call.meter.list(items.len())?;
    done(items.iter().rev().cloned().collect())
}

pub(super) fn batch(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let size = call.positive(1)?;
    let filler = call.optional(2)?;
    let batches = items.len().div_ceil(size);
    call.meter.list(items.len())?;
    call.meter.grow_by(batches, 4 * ITEM)?;
    let missing = if filler.is_some() { batches.saturating_mul(size).saturating_sub(items.len()) } else { 0 };
    call.meter.list(missing)?;
    let mut rows: Vec<Vec<Value>> = items.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(filler), Some(last)) = (filler, rows.last_mut()) {
        last.resize(last.len() + missing, filler);
    }
    done(rows.into_iter().map(Value::list).collect())
}

pub(super) fn slice(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let count = call.positive(1)?;
    let filler = call.optional(2)?;
    call.meter.list(items.len())?;
    call.meter.work(count)?;
    call.meter.grow_by(count, 5 * ITEM)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.iter();
    let columns = (0..count).map(|index| {
        let extra = usize::from(index < longer);
        let mut column: Vec<Value> = rest.by_ref().take(each + extra).cloned().collect();
        if let (0, Some(filler)) = (extra, &filler) {
            column.push(filler.clone());
        }
        Value::list(column)
    });
    done(columns.collect())
}

pub(super) fn chain(call: &Call<'_>) -> Outcome {
    let mut all = Vec::new();
    for index in 0..call.count() {
        let items = call.items(index)?;
        call.meter.list(items.len())?;
        all.extend(items.iter().cloned());
    }
    done(all)
}

pub(super) fn zip(call: &Call<'_>) -> Outcome {
    let mut lists = Vec::new();
    for index in 0..call.count() {
        lists.push(call.items(index)?);
    }
    let shortest = lists.iter().map(|items| items.len()).min().unwrap_or(0);
    call.meter.work(shortest)?;
    call.meter.grow_by(shortest, (lists.len() + 4) * ITEM)?;
    let row =
        |index| Value::list(lists.iter().filter_map(|items: &Arc<Vec<Value>>| items.get(index).cloned()));
    done((0..shortest).map(row).collect())
}
