//! The ports for time and identity: everything that asks "when" or needs a fresh id goes through these.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A moment in UTC, milliseconds since the Unix epoch. Written as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// From milliseconds since the Unix epoch. Values outside the years -9999 to 9999 are clamped, so that every moment can
    /// be written as text and read again.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        // The last second of either end is left out: only whole ones can be made of milliseconds.
        Self(millis.clamp(Timestamp::MIN.as_second() * 1_000, Timestamp::MAX.as_second() * 1_000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment plus a span; saturates at the end of time.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus a span; saturates at the beginning of time.
    #[must_use]
    pub fn before(self, span: std::time::Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The span from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Moment {
    /// The text of a moment of the years 0 to 9999: `2026-11-28T17:05:00.123Z`.
    ///
    /// The date is that of H. Hinnant's `civil_from_days` ("chrono-Compatible Low-Level Date Algorithms"): eras of 400 years,
    /// years that begin in March.
    fn plain(self) -> Option<[u8; 24]> {
        const DAY: i64 = 86_400_000;
        // 0000-01-01 and 10000-01-01, in days since 1970-01-01.
        let days = Some(self.0.div_euclid(DAY)).filter(|days| (-719_528..2_932_897).contains(days))?;
        let shifted = days + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let time = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, time / 3_600_000),
            (14..16, time / 60_000 % 60),
            (17..19, time / 1_000 % 60),
            (20..23, time % 1_000),
        ];
        for (place, mut number) in parts {
            for digit in text.get_mut(place)?.iter_mut().rev() {
                *digit += u8::try_from(number % 10).ok()?;
                number /= 10;
            }
        }
        Some(text)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.plain() {
            return f.write_str(str::from_utf8(&text).unwrap_or_default());
        }
        match Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    /// Reads RFC 3339, for example `2026-01-31T12:00:00Z`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let timestamp: Timestamp =
            text.parse().map_err(|error: jiff::Error| InvalidMoment(error.to_string()))?;
        Ok(Self(timestamp.as_millisecond()))
    }
}

/// A text that is no moment, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no time as RFC 3339 writes it, for example 2026-01-31T12:00:00Z: {0}")]
pub struct InvalidMoment(String);

impl schemars::JsonSchema for Moment {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Tells the time. Tests and the simulation replace it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// Makes fresh ids. Tests and the simulation replace it.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// A new UUID, version 7, that sorts after the ones before it.
    fn uuid(&self) -> Uuid;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one implementation on the machine")]
    fn now(&self) -> Moment {
        Moment(Timestamp::now().as_millisecond())
    }
}

/// Version 7 UUIDs from the machine's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one implementation on the machine")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A clock that moves only when told to.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// Starts at `start`.
    #[must_use]
    pub fn new(start: Moment) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: std::time::Duration) {
        self.0.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count up from a seed: the same seed gives the same ids.
#[derive(Clone, Debug)]
pub struct TestIds(Arc<AtomicU64>);

impl TestIds {
    /// Starts counting at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl IdSource for TestIds {
    fn uuid(&self) -> Uuid {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        let mut random = [0_u8; 10];
        for (slot, byte) in random.iter_mut().skip(2).zip(count.to_be_bytes()) {
            *slot = byte;
        }
        uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000 + (count & 0xffff), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_with_milliseconds_and_reads_back() {
        let moment = Moment::from_millis(1_767_225_600_123);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-01-01T00:00:00.123Z\"");
        assert_eq!(serde_json::from_str::<Moment>("\"2026-01-01T00:00:00.123Z\"").unwrap(), moment);
        assert_eq!(serde_json::from_str::<Moment>("\"2026-01-01T02:00:00.123+02:00\"").unwrap(), moment);
    }

    #[test]
    fn the_ends_of_time_are_written_and_read_back() {
        for millis in [i64::MIN, i64::MAX] {
            let moment = Moment::from_millis(millis);
            let text = serde_json::to_string(&moment).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&text).unwrap(), moment, "{text}");
        }
        let end = Moment::from_millis(0).plus(std::time::Duration::MAX);
        assert_eq!(end.to_string(), "9999-12-30T22:00:00.000Z");
    }

    proptest::proptest! {
        #[test]
        fn every_moment_is_written_as_the_calendar_has_it(millis: i64, near in -80_000_000_000_000_i64..300_000_000_000_000) {
            for moment in [millis, near].map(Moment::from_millis) {
                let known = Timestamp::from_millisecond(moment.as_millis()).unwrap();
                proptest::prop_assert_eq!(moment.to_string(), format!("{known:.3}"));
            }
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_written_as_the_calendar_has_it() {
        for day in -719_529..=-719_527 + 146_097 {
            let moment = Moment::from_millis(day * 86_400_000);
            let known = Timestamp::from_millisecond(moment.as_millis()).unwrap();
            assert_eq!(moment.to_string(), format!("{known:.3}"));
        }
    }

    #[test]
    fn test_ids_ascend_and_repeat() {
        let (a, b) = (TestIds::new(1), TestIds::new(1));
        let first = a.uuid();
        assert_eq!(first, b.uuid());
        assert!(a.uuid() > first);
        assert_eq!(first.get_version_num(), 7);
    }
}
