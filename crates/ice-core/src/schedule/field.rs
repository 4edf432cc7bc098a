//! One field of a cron expression: the numbers it lets through.

use std::ops::Range;

use super::InvalidCron;
use crate::near::nearest;

/// What a field is about.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) least: u8,
    pub(super) most: u8,
    /// Names of its numbers, the first one of `first`.
    names: &'static [&'static str],
    first: u8,
}

pub(super) const SECOND: Kind = Kind { name: "second", least: 0, most: 59, names: &[], first: 0 };
pub(super) const MINUTE: Kind = Kind { name: "minute", least: 0, most: 59, names: &[], first: 0 };
pub(super) const HOUR: Kind = Kind { name: "hour", least: 0, most: 23, names: &[], first: 0 };
pub(super) const DAY: Kind = Kind { name: "day of the month", least: 1, most: 31, names: &[], first: 1 };
pub(super) const MONTH: Kind = Kind {
    name: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    first: 1,
};
/// Sunday is 0, and 7 as well.
pub(super) const WEEKDAY: Kind = Kind {
    name: "day of the week",
    least: 0,
    most: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    first: 0,
};

/// The numbers a field lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    bits: u64,
    /// Whether it begins with `*`, and so restricts nothing but by its step.
    pub(super) is_open: bool,
}

impl Field {
    /// Reads a field that stands at `at` of the expression.
    pub(super) fn parse(text: &str, at: usize, kind: &Kind) -> Result<Self, InvalidCron> {
        let mut bits = 0;
        let mut start = at;
        for item in text.split(',') {
            bits |= item_bits(item, start, kind)?;
            start += item.len() + 1;
        }
        if kind.most == 7 && bits & (1 << 7) != 0 {
            bits = (bits | 1) & !(1 << 7);
        }
        Ok(Self { bits, is_open: text.starts_with('*') })
    }

    /// The only number.
    pub(super) const fn only(number: u8) -> Self {
        Self { bits: 1 << number, is_open: false }
    }

    pub(super) const fn has(self, number: u8) -> bool {
        self.bits & (1 << number) != 0
    }

    /// The first number it lets through from this one on.
    pub(super) fn from(self, number: u8) -> Option<u8> {
        let rest = self.bits.checked_shr(u32::from(number)).unwrap_or(0);
        (rest != 0).then(|| number + u8::try_from(rest.trailing_zeros()).unwrap_or(63))
    }

    /// Whether it lets all the numbers of its kind through.
    pub(super) const fn is_full(self, kind: &Kind) -> bool {
        let all = (1_u64 << (kind.most + 1)) - (1 << kind.least);
        self.bits & all == all
    }
}

/// `*`, `5`, `2-6`, `mon-fri`, each with `/3` behind it.
fn item_bits(item: &str, at: usize, kind: &Kind) -> Result<u64, InvalidCron> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let (first, last) = match range.split_once('-') {
        _ if range == "*" => (kind.least, if kind.most == 7 { 6 } else { kind.most }),
        Some((first, last)) => {
            let last_at = at + first.len() + 1;
            (number(first, at, kind)?, number(last, last_at, kind)?)
        }
        None => {
            let only = number(range, at, kind)?;
            (
                only,
                if step.is_some() { kind.most.min(if kind.most == 7 { 6 } else { u8::MAX }) } else { only },
            )
        }
    };
    let whole = at..at + item.len();
    // Friday to Sunday is `5-7`, and people write `fri-sun`.
    let last = if kind.most == 7 && last == 0 && first > 0 { 7 } else { last };
    if first > last {
        return Err(InvalidCron::new(format!("the range `{range}` ends before it begins"), whole)
            .advise("write the smaller number first, or two ranges with a comma between them"));
    }
    let step = match step {
        None => 1,
        Some(step) => match step.parse::<u8>() {
            Ok(step) if step > 0 => step,
            Ok(_) | Err(_) => {
                return Err(InvalidCron::new(format!("the step `{step}` is no number from 1 to 255"), whole)
                    .advise("a step is written like `*/15`"));
            }
        },
    };
    Ok((first..=last).step_by(usize::from(step)).fold(0, |bits, number| bits | 1 << number))
}

fn number(text: &str, at: usize, kind: &Kind) -> Result<u8, InvalidCron> {
    let here: Range<usize> = at..at + text.len().max(1);
    if let Ok(number) = text.parse::<u8>()
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        if (kind.least..=kind.most).contains(&number) {
            return Ok(number);
        }
        let message = format!("the {} lies between {} and {}, not {text}", kind.name, kind.least, kind.most);
        return Err(InvalidCron::new(message, here));
    }
    let lower = text.to_ascii_lowercase();
    // `monday` and `march` are understood by their first three letters.
    let short = if lower.len() > 3 && lower.is_ascii() { lower.get(..3).unwrap_or_default() } else { &lower };
    let full = |name: &str| FULL_NAMES.iter().any(|full| *full == lower && full.starts_with(name));
    let found = kind
        .names
        .iter()
        .zip(kind.first..)
        .find(|(name, _)| **name == lower || (**name == short && full(name)));
    if let Some((_, number)) = found {
        return Ok(number);
    }
    let message = if text.is_empty() {
        format!("a {} is missing", kind.name)
    } else {
        format!("`{text}` is no {}", kind.name)
    };
    let error = InvalidCron::new(message, here);
    Err(match nearest(&lower, kind.names.iter().copied()) {
        Some(name) => error.advise(format!("did you mean `{name}`?")),
        None if kind.names.is_empty() => {
            error.advise(format!("write a number from {} to {}", kind.least, kind.most))
        }
        None => error.advise(format!(
            "write a number from {} to {}, or a name such as `{}`",
            kind.least,
            kind.most,
            kind.names.first().copied().unwrap_or_default()
        )),
    })
}

const FULL_NAMES: [&str; 19] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];
