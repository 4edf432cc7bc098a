//! Sizes and spans of time as people write them: `512MiB`, `30s`.

use std::time::Duration;

/// A text that is no size or span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// What stands behind the number is no unit.
    #[error("`{unit}` is no unit; write {known}")]
    Unit {
        /// What stands there, cut at 20 characters.
        unit: String,
        /// The units there are.
        known: &'static str,
    },
    /// There is no whole number.
    #[error("write a whole number, for example {example}")]
    Number {
        /// A quantity that can be read.
        example: &'static str,
    },
    /// It exceeds 64 bits.
    #[error("this is more than can be counted")]
    TooMuch,
}

/// The units of sizes, the largest first.
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
/// The units of time in milliseconds, the largest first.
const SPANS: [(&str, u64); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// Reads a number of bytes, with a unit (`KiB`, `MiB`, `GiB`, or their first letter) or without.
///
/// # Errors
/// [`InvalidQuantity`] if it is none.
pub fn bytes(text: &str) -> Result<u64, InvalidQuantity> {
    let (number, unit) = parts(text);
    let unit = match unit {
        "" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        other => return Err(no_unit(other, "KiB, MiB or GiB, or nothing for bytes")),
    };
    product(number, unit, "512MiB")
}

/// Reads a span of time, with a unit (`ms`, `s`, `m` or `min`, `h`) or without, which means seconds.
///
/// # Errors
/// [`InvalidQuantity`] if it is none.
pub fn span(text: &str) -> Result<Duration, InvalidQuantity> {
    let (number, unit) = parts(text);
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        other => return Err(no_unit(other, "ms, s, m, h or d, or nothing for seconds")),
    };
    product(number, millis, "90s").map(Duration::from_millis)
}

/// A number of bytes as [`bytes()`] reads it, in the largest unit that divides it.
#[must_use]
pub fn write_bytes(bytes: u64) -> String {
    written(bytes, &SIZES).unwrap_or_else(|| bytes.to_string())
}

/// A number of milliseconds as [`span`] reads it, in the largest unit that divides it.
#[must_use]
pub fn write_millis(millis: u64) -> String {
    written(millis, &SPANS).unwrap_or_else(|| format!("{millis}ms"))
}

/// The tighter of two limits, each of which may be absent.
#[must_use]
pub fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

fn written(number: u64, units: &[(&str, u64)]) -> Option<String> {
    let (name, size) = units.iter().find(|(_, size)| number > 0 && number.is_multiple_of(*size))?;
    Some(format!("{}{name}", number / size))
}

/// The digits, and what stands behind them.
fn parts(text: &str) -> (&str, &str) {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

fn product(number: &str, unit: u64, example: &'static str) -> Result<u64, InvalidQuantity> {
    if number.is_empty() {
        return Err(InvalidQuantity::Number { example });
    }
    // Nothing but digits, so that only their number can be wrong.
    let number: u64 = number.parse().map_err(|_| InvalidQuantity::TooMuch)?;
    number.checked_mul(unit).ok_or(InvalidQuantity::TooMuch)
}

fn no_unit(unit: &str, known: &'static str) -> InvalidQuantity {
    InvalidQuantity::Unit { unit: unit.chars().take(20).collect(), known }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = ["7", "2KiB", "512MiB", "1 GiB", "2K", "512M", "1G"];
        assert_eq!(sizes.map(bytes), [7, 2 << 10, 512 << 20, 1 << 30, 2 << 10, 512 << 20, 1 << 30].map(Ok));
        for wrong in ["", "MiB", "-1", "1.5GiB", "3MB", "99999999999GiB", "1e3"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_have_units() {
        let spans = ["7", "250ms", "90s", "2 min", "2m", "1h", "1d"];
        assert_eq!(
            spans.map(span),
            [7_000, 250, 90_000, 120_000, 120_000, 3_600_000, 86_400_000]
                .map(|millis| Ok(Duration::from_millis(millis)))
        );
        for wrong in ["", "s", "-1s", "1.5s", "3 weeks", "99999999999999999h", "1e3"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quantities_are_written_in_the_largest_unit_that_divides_them() {
        assert_eq!([0, 1_500, 1 << 20, 3 << 29].map(write_bytes), ["0", "1500", "1MiB", "1536MiB"]);
        assert_eq!([0, 1_500, 90_000, 7_200_000].map(write_millis), ["0ms", "1500ms", "90s", "2h"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(number: u64) {
            prop_assert_eq!(bytes(&write_bytes(number)), Ok(number));
            prop_assert_eq!(span(&write_millis(number)), Ok(Duration::from_millis(number)));
        }

        #[test]
        fn no_text_is_too_much_for_the_reader(text in "\\PC{0,30}") {
            let _ = (bytes(&text), span(&text));
        }
    }
}
