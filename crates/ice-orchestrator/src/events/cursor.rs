//! Where a reader of events stands: one opaque text.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a reader of events stands. Opaque: give back what came with the last event that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Cursor(pub(super) Position);

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Position {
    /// In the events of one run: the next record, the next transient event.
    Run { record: u64, transient: u64 },
    /// In the feed of a tenant: the commit, and how many of its records were seen.
    Feed { commit: u64, seen: u64 },
}

/// A text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor; give back the `cursor` of an event as it is")]
pub struct InvalidCursor(pub String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Position::Run { record, transient } => write!(f, "r{record:x}-{transient:x}"),
            Position::Feed { commit, seen } => write!(f, "f{commit:x}-{seen:x}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCursor(text.chars().take(80).collect());
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u64::from_str_radix(digits, 16).ok().filter(|_| plain).ok_or_else(invalid)
        };
        let mut chars = text.chars();
        let kind = chars.next();
        let (first, second) = chars.as_str().split_once('-').ok_or_else(invalid)?;
        let (first, second) = (number(first)?, number(second)?);
        match kind {
            Some('r') => Ok(Self(Position::Run { record: first, transient: second })),
            Some('f') => Ok(Self(Position::Feed { commit: first, seen: second })),
            Some(_) | None => Err(invalid()),
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is() {
        for position in
            [Position::Run { record: 17, transient: 0 }, Position::Feed { commit: u64::MAX, seen: 3 }]
        {
            let cursor = Cursor(position);
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for bad in ["", "r", "r1", "r-", "x1-2", "r1-+2", "f1-2-3", "rä-1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
