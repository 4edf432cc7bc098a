//! Cron expressions: five fields, or six with seconds in front.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{DAY, Field, HOUR, Kind, MINUTE, MONTH, SECOND, WEEKDAY};
use crate::near::did_you_mean;

/// A cron expression: `minute hour day month weekday`, with seconds in front if there are six fields. A field is `*`, a
/// number, a range `1-5`, a step `*/15` or `8-18/2`, or several of these with commas between them; months and days of the
/// week have names, and Sunday is 0 and 7. `@hourly`, `@daily` (`@midnight`), `@weekly`, `@monthly` and `@yearly`
/// (`@annually`) stand for what they say. As always with cron, if both the day of the month and the day of the week are
/// restricted, a day that fits one of them is enough.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cron {
    source: Arc<str>,
    pub(super) seconds: Field,
    pub(super) minutes: Field,
    pub(super) hours: Field,
    pub(super) days: Field,
    pub(super) months: Field,
    pub(super) weekdays: Field,
}

/// A text that is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default())]
pub struct InvalidCron {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub advice: Option<String>,
    /// The bytes of the text that it is about.
    pub part: Option<Range<usize>>,
}

impl InvalidCron {
    pub(super) fn new(message: impl Into<String>, part: impl Into<Option<Range<usize>>>) -> Self {
        Self { message: message.into(), advice: None, part: part.into() }
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

const FIELDS: [&Kind; 6] = [&SECOND, &MINUTE, &HOUR, &DAY, &MONTH, &WEEKDAY];

/// The longest expression that is read, in bytes.
const MAX_BYTES: usize = 512;

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The most days of each month, January first.
const LENGTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Whether it names times of the day, rather than something that recurs with the hours.
    pub(super) const fn names_times_of_day(&self) -> bool {
        !self.hours.is_open && !self.hours.is_full(&HOUR)
    }

    /// Whether the clock shows a time on one day at least that it lets through.
    fn comes(&self) -> bool {
        let fits = |(month, length): (u8, &u8)| {
            self.months.has(month) && self.days.from(1).is_some_and(|day| day <= *length)
        };
        !self.weekdays.is_open || (1..).zip(&LENGTHS).any(fits)
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        if text.len() > MAX_BYTES {
            return Err(InvalidCron::new(format!("a cron expression has at most {MAX_BYTES} bytes"), None));
        }
        if text.trim_start().starts_with('@') {
            let named = text.trim().to_ascii_lowercase();
            let known = NICKNAMES.iter().find(|(name, _)| *name == named);
            let Some((_, meaning)) = known else {
                let message = format!("there is no schedule `{}`", text.trim());
                let error = InvalidCron::new(message, None);
                let names = NICKNAMES.iter().map(|(name, _)| *name);
                return Err(error.advise(
                    did_you_mean(&named, names)
                        .unwrap_or_else(|| "write for example `@daily` or `0 6 * * mon-fri`".to_owned()),
                ));
            };
            return meaning.parse::<Self>().map(|cron| Self { source: Arc::from(text.trim()), ..cron });
        }
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            // The words are parts of the text.
            words.push((word.as_ptr() as usize - text.as_ptr() as usize, word));
        }
        if words.len() != 5 && words.len() != 6 {
            let message = format!("a cron expression has 5 fields, or 6 with seconds, not {}", words.len());
            return Err(InvalidCron::new(message, None)
                .advise("write `minute hour day month weekday`, for example `0 6 * * mon-fri`"));
        }
        let mut fields = [Field::only(0); 6];
        let skipped = FIELDS.len() - words.len();
        let kinds = fields.iter_mut().zip(FIELDS).skip(skipped);
        for ((field, kind), (at, word)) in kinds.zip(&words) {
            *field = Field::parse(word, *at, kind)?;
        }
        let [seconds, minutes, hours, days, months, weekdays] = fields;
        let cron = Self { source: Arc::from(text.trim()), seconds, minutes, hours, days, months, weekdays };
        if cron.comes() {
            Ok(cron)
        } else {
            Err(InvalidCron::new("no month it names has a day it names", None)
                .advise("name a day that there is"))
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Serialize for Cron {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Cron {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cron".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A cron expression: `minute hour day month weekday`, with seconds in front if there are six fields; \
                            or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.",
            "examples": ["0 6 * * mon-fri", "*/15 * * * *", "@daily"]
        })
    }
}
