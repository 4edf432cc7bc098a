//! Sizes and spans of time as they are written on the command line.

use std::time::Duration;

/// Reads a number of bytes, with a unit or without.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = parts(text);
    let unit = match unit {
        "" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        other => return Err(format!("`{other}` is no unit; write KiB, MiB or GiB, or nothing for bytes")),
    };
    let number = number.parse::<u64>().map_err(|_| "write a whole number, for example 512MiB".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "this is more than can be counted".to_owned())
}

/// Reads a span of time, with a unit or without.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = parts(text);
    let millis = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        other => return Err(format!("`{other}` is no unit; write ms, s, m or h, or nothing for seconds")),
    };
    let number = number.parse::<u64>().map_err(|_| "write a whole number, for example 90s".to_owned())?;
    let millis = number.checked_mul(millis).ok_or_else(|| "this is more than can be counted".to_owned())?;
    Ok(Duration::from_millis(millis))
}

/// The digits, and what stands behind them.
fn parts(text: &str) -> (&str, &str) {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
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
        let spans = ["7", "250ms", "90s", "2 min", "2m", "1h"];
        assert_eq!(
            spans.map(span),
            [7_000, 250, 90_000, 120_000, 120_000, 3_600_000].map(|millis| Ok(Duration::from_millis(millis)))
        );
        for wrong in ["", "s", "-1s", "1.5s", "3 weeks", "99999999999999999h", "1e3"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
