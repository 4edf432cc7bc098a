//! Filters over text.

use std::sync::Arc;

use super::super::error::TemplateError;
use super::super::meter::ITEM;
use super::super::text::Sink;
use super::call::{Call, Outcome};
use super::select::attribute_path;
use crate::value::Value;

fn done(text: impl Into<Arc<str>>) -> Outcome {
    Ok(Some(Value::String(text.into())))
}

/// Pays for reading `text` and for a result of up to `growth` times its length.
fn pay(call: &Call<'_>, text: &str, growth: usize) -> Result<(), TemplateError> {
    call.meter.read(text.len())?;
    call.meter.grow_by(text.len(), growth)
}

pub(super) fn upper(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    // A character has up to three in its other case, none of them longer than itself by more than half.
    pay(call, &text, 3)?;
    done(text.to_uppercase())
}

pub(super) fn lower(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    pay(call, &text, 3)?;
    done(text.to_lowercase())
}

pub(super) fn capitalize(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    pay(call, &text, 3)?;
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    done(first + &chars.as_str().to_lowercase())
}

pub(super) fn title(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    pay(call, &text, 3)?;
    let mut titled = String::with_capacity(text.len());
    let mut starts = true;
    for character in text.chars() {
        if character.is_whitespace() || matches!(character, '-' | '(' | '{' | '[' | '<') {
            titled.push(character);
            starts = true;
        } else if starts {
            titled.extend(character.to_uppercase());
            starts = false;
        } else {
            titled.extend(character.to_lowercase());
        }
    }
    done(titled)
}

pub(super) fn trim(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    pay(call, &text, 1)?;
    match call.optional_text(1)? {
        None => done(text.trim()),
        Some(chars) => {
            call.meter.work(text.len().saturating_mul(chars.len()) / 256)?;
            done(text.trim_matches(|character| chars.contains(character)))
        }
    }
}

pub(super) fn replace(call: &Call<'_>) -> Outcome {
    let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.meter.read(text.len())?;
    let found = text.matches(&*from).count();
    call.meter.work(found)?;
    call.meter.grow(text.len())?;
    call.meter.grow_by(found, to.len())?;
    done(text.replace(&*from, &to))
}

/// A list of pieces of a text, paid for.
fn pieces<'t>(call: &Call<'_>, text: &str, pieces: impl Iterator<Item = &'t str>) -> Outcome {
    pay(call, text, 1)?;
    let mut items = Vec::new();
    for piece in pieces {
        call.meter.work(1)?;
        call.meter.grow(2 * ITEM)?;
        items.push(Value::string(piece));
    }
    Ok(Some(Value::List(Arc::new(items))))
}

pub(super) fn split(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    let most = call.integer(2, -1)?;
    // A negative bound is none.
    let most = usize::try_from(most).ok().map(|most| most.saturating_add(1));
    match (call.optional_text(1)?, most) {
        (None, None) => pieces(call, &text, text.split_whitespace()),
        (None, Some(most)) => pieces(call, &text, words(&text, most)),
        (Some(separator), None) => pieces(call, &text, text.split(&*separator)),
        (Some(separator), Some(most)) => pieces(call, &text, text.splitn(most, &*separator)),
    }
}

/// At most `most` words; the last one is the rest of the text.
fn words(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start();
    let mut count = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        count += 1;
        let (word, after) = match rest.find(char::is_whitespace) {
            Some(at) if count < most => rest.split_at(at),
            Some(_) | None => (rest, ""),
        };
        rest = after.trim_start();
        Some(word)
    })
}

pub(super) fn lines(call: &Call<'_>) -> Outcome {
    let text = call.text(0)?;
    pieces(call, &text, text.lines())
}

pub(super) fn indent(call: &Call<'_>) -> Outcome {
    const WIDEST: i64 = 1000;
    let text = call.text(0)?;
    let width = call.integer(1, 4)?;
    let width = usize::try_from(width)
        .ok()
        .filter(|_| width <= WIDEST)
        .ok_or_else(|| call.fails(&format!("takes a width from 0 to {WIDEST}")))?;
    let (first, blank) = (call.flag(2)?, call.flag(3)?);
    call.meter.read(text.len())?;
    let count = text.lines().count();
    call.meter.work(count)?;
    call.meter.grow(text.len())?;
    call.meter.grow_by(count, width + 1)?;
    let margin = " ".repeat(width);
    let mut indented = String::new();
    let unended = text.strip_suffix('\n').unwrap_or(&text);
    let unended = unended.strip_suffix('\r').unwrap_or(unended);
    for (index, line) in unended.split('\n').enumerate() {
        if index > 0 {
            indented.push('\n');
        }
        if (index > 0 || first) && (blank || !matches!(line, "" | "\r")) {
            indented.push_str(&margin);
        }
        indented.push_str(line);
    }
    done(indented)
}

pub(super) fn join(call: &Call<'_>) -> Outcome {
    let items = call.items(0)?;
    let between = call.optional_text(1)?.unwrap_or_default();
    let path = call.optional_text(2)?.map(|attribute| attribute_path(&attribute));
    let mut joined = String::new();
    let mut sink = Sink::new(&mut joined, call.meter);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            sink.push(&between)?;
        }
        match &path {
            None => sink.value(item)?,
            Some(segments) => sink.value(&call.required(item, segments)?)?,
        }
    }
    done(joined)
}
