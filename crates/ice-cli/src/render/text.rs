//! Small texts: spans of time, numbers, statuses.

use ice_core::budget::{Budget, Spend};
use ice_core::llm::Usage;
use ice_orchestrator::journal::RunStatus;

use crate::screen::{CYAN, GREEN, RED, YELLOW, styled};

/// A span of time in the two largest units that matter: `350 ms`, `1.2 s`, `2 min 3 s`, `1 h 5 min`.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// As [`duration`].
pub(crate) fn span(span: std::time::Duration) -> String {
    duration(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Tokens and what they cost, each only if there is something to tell: `14 tokens`, `$0.0012`.
pub(crate) fn usage(usage: &Usage) -> Vec<String> {
    let mut facts = Vec::new();
    if usage.total() > 0 {
        facts.push(count(usage.total(), "token"));
    }
    if !usage.cost.is_zero() {
        facts.push(format!("${}", usage.cost));
    }
    facts
}

/// What was spent of what may be: `$0.12 of $0.50`, `3 of 10 tool calls`.
pub(crate) fn budget(budget: &Budget, spent: &Spend) -> Vec<String> {
    let money = budget.cost_usd.map(|limit| format!("${} of ${limit}", spent.cost_usd));
    let counted = [
        (budget.tokens, spent.tokens, "token"),
        (budget.model_calls, spent.model_calls, "model call"),
        (budget.tool_calls, spent.tool_calls, "tool call"),
    ];
    let counted = counted.into_iter().filter_map(|(limit, spent, what)| {
        limit.map(|limit| format!("{} of {}", number(spent), count(limit, what)))
    });
    money.into_iter().chain(counted).collect()
}

/// A number of bytes in the unit that matters: `700 bytes`, `64 MiB`, `1.8 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_024 => return count(bytes, "byte"),
        1_024..1_048_576 => (1 << 10, "KiB"),
        1_048_576..1_073_741_824 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let (whole, tenths) = (bytes / unit, bytes % unit * 10 / unit);
    if tenths == 0 {
        format!("{} {name}", number(whole))
    } else {
        format!("{}.{tenths} {name}", number(whole))
    }
}

/// A number with a comma after every three digits.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 node`, `2 nodes`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A status in its colour.
pub(crate) fn status(status: RunStatus) -> String {
    let style = match status {
        RunStatus::Queued | RunStatus::Running => CYAN,
        RunStatus::Waiting | RunStatus::Parked | RunStatus::Cancelled => YELLOW,
        RunStatus::Succeeded => GREEN,
        RunStatus::Failed => RED,
    };
    styled(style, status)
}

/// A text in which nothing moves the cursor, begins a line or turns the direction of writing: such characters are
/// written out.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_mark(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// As [`visible`], with the lines and tabs of a longer text as they are.
pub(crate) fn readable(text: &str) -> String {
    text.split_inclusive(['\n', '\t'])
        .map(|piece| match piece.char_indices().next_back() {
            Some((at, end @ ('\n' | '\t'))) => {
                format!("{}{end}", visible(piece.get(..at).unwrap_or_default()))
            }
            Some(_) | None => visible(piece),
        })
        .collect()
}

/// Whether a character is not shown by itself, as those that turn the direction of writing.
const fn is_mark(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// The first line of a text, cut at a number of characters, without what could move the cursor or turn the direction of
/// writing.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let first = text.lines().next().unwrap_or_default();
    let cut = first.chars().count() > longest || first.len() < text.trim_end().len();
    let mut line: String =
        first.chars().map(|c| if c.is_control() || is_mark(c) { ' ' } else { c }).take(longest).collect();
    if cut {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_the_units_that_matter() {
        let spans = [0, 999, 1_000, 1_250, 59_999, 60_000, 3_599_999, 3_600_000, 90_061_000];
        assert_eq!(
            spans.map(duration),
            [
                "0 ms",
                "999 ms",
                "1.0 s",
                "1.2 s",
                "59.9 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "25 h 1 min"
            ]
        );
    }

    #[test]
    fn sizes_are_written_in_the_unit_that_matters() {
        let sizes = [0, 1, 1_023, 1_024, 64 << 20, 1_900_000_000, 5_000 << 30];
        assert_eq!(
            sizes.map(size),
            ["0 bytes", "1 byte", "1,023 bytes", "1 KiB", "64 MiB", "1.7 GiB", "5,000 GiB"]
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "node"), count(2_000, "node")], ["1 node", "2,000 nodes"]);
    }

    #[test]
    fn longer_texts_keep_their_lines_and_nothing_that_moves_the_cursor() {
        assert_eq!(readable("a\tb\n\n c\u{1b}[2J\r\n\u{202e}ä"), "a\tb\n\n c\\u{1b}[2J\\r\n\\u{202e}ä");
        assert_eq!((readable(""), readable("\n")), (String::new(), "\n".to_owned()));
    }

    #[test]
    fn lines_are_cut_and_cannot_move_the_cursor() {
        assert_eq!(line("abc", 3), "abc");
        assert_eq!(line("abcd", 3), "abc…");
        assert_eq!(line("a\u{1b}[2J\nb", 9), "a [2J…");
        assert_eq!(line("a\n", 9), "a");
    }
}
