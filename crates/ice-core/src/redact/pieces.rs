//! Redacting a text that comes in pieces.

use std::ops::Range;

use super::{Finding, Kind, Redactor};

/// What is known of what came before, in bytes.
const CONTEXT: usize = 256;
/// The most that is held back, in bytes.
const MOST_HELD: usize = 4 << 10;
/// The most of numbers in groups that is held back, in bytes.
const MOST_GROUPS: usize = 64;

/// Redacts a text that comes in pieces, such as the answer of a model, so that what is cut over two of them does not pass. As
/// little as possible is held back: a word that has not ended, what may be the begin of a known secret, and what may go on of
/// what was found; never more than 4 KiB.
///
/// ```
/// use ice_core::redact::{Pieces, Policy, Redactor};
///
/// let redactor = Redactor::builder(Policy::default()).known(["open sesame".to_owned()]).build().unwrap();
/// let mut pieces = Pieces::new(redactor);
/// assert_eq!(pieces.push("Say open se"), "Say ");
/// assert_eq!(pieces.push("same, or"), "[redacted: secret], ");
/// assert_eq!(pieces.finish(), "or");
/// ```
#[derive(Clone, Debug)]
pub struct Pieces {
    redactor: Redactor,
    /// The end of what went out, as it came.
    context: String,
    /// What is held back.
    held: String,
    /// What something stands in the place of already though its end has not come.
    open: Open,
}

/// A finding that is longer than what is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// There is none.
    No,
    /// A private key: it goes on until it is said to end.
    Key,
    /// Anything else: it goes on as long as the word does.
    Word,
}

impl Pieces {
    /// Before the first piece.
    #[must_use]
    pub const fn new(redactor: Redactor) -> Self {
        Self { redactor, context: String::new(), held: String::new(), open: Open::No }
    }

    /// What of the text so far may be seen now that was not given before; often empty.
    #[must_use]
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.take(false)
    }

    /// The rest. What is pushed after is another text.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let rest = self.take(true);
        (self.context, self.open) = (String::new(), Open::No);
        rest
    }

    fn take(&mut self, is_last: bool) -> String {
        if self.open == Open::Word {
            let Some(end) = self.held.find(char::is_whitespace) else {
                self.held.clear();
                return String::new();
            };
            self.held.drain(..end);
            self.open = Open::No;
        }
        let from = self.context.len();
        let text = format!("{}{}", self.context, self.held);
        let redactor = self.redactor.clone();
        let findings = redactor.findings(&text);
        let to = if is_last { text.len() } else { from + self.passes(&text, from, &findings) };
        let part = |range: Range<usize>| text.get(range).unwrap_or_default();
        let mut clean = String::new();
        let mut at = from;
        for finding in findings.iter().filter(|finding| finding.range.end > from) {
            let Range { start, end } = finding.range;
            if start >= to {
                break;
            }
            // What began before has its placeholder already.
            let goes_on = self.open == Open::Key && start < from;
            clean.push_str(part(at..start.max(from)));
            if !goes_on {
                clean.push_str(&redactor.instead(finding, part(start.max(from)..end.min(to))));
            }
            at = end.min(to);
        }
        clean.push_str(part(at..to));
        let last = findings.iter().rfind(|finding| finding.range.start < to);
        let open = last.filter(|finding| finding.range.end >= to && !is_last);
        (self.open, self.context) = match open {
            // Its first line stands for what came of it.
            Some(key) if key.kind == Kind::PrivateKey => {
                let begin = part(key.range.start..text.len()).lines().next().unwrap_or_default();
                let rest = part(key.range.start + begin.len()..to);
                (Open::Key, format!("{begin}\n{}", tail(rest, CONTEXT)))
            }
            Some(_) => (Open::Word, tail(part(0..to), CONTEXT).to_owned()),
            None => (Open::No, tail(part(0..to), CONTEXT).to_owned()),
        };
        part(to..text.len()).clone_into(&mut self.held);
        clean
    }

    /// How many bytes from a place on may be seen.
    fn passes(&self, text: &str, from: usize, findings: &[Finding<'_>]) -> usize {
        let new = text.get(from..).unwrap_or_default();
        if self.redactor.allows_everything() {
            return new.len();
        }
        let word = new.rfind(char::is_whitespace).map_or(0, |at| new.ceil_char_boundary(at + 1));
        let begun = new.len() - self.redactor.begun(new).min(new.len());
        // The first line of a key has words in it.
        let header = new.rfind("-----BEGIN").filter(|at| !new.get(*at..).unwrap_or_default().contains('\n'));
        let mut to = from + word.min(begun).min(self.groups(new)).min(header.unwrap_or(new.len()));
        let end = text.trim_end().len();
        // What was found may go on, or be a part of something longer.
        for finding in findings.iter().rev() {
            let goes_on = self.open == Open::Key && finding.range.start < from;
            if finding.range.end >= end.min(to) && finding.range.start < to && !goes_on {
                to = finding.range.start.max(from);
            }
        }
        let least = text.len().saturating_sub(MOST_HELD);
        text.ceil_char_boundary(to.max(least).max(from)) - from
    }

    /// Where the groups of a number begin that stand at the end.
    fn groups(&self, text: &str) -> usize {
        if !self.redactor.reads_numbers() {
            return text.len();
        }
        let within =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'+' | b'(' | b')' | b'.');
        let groups = text.bytes().rev().take(MOST_GROUPS).take_while(|byte| within(byte)).count();
        let start = text.len() - groups;
        let digits = text.get(start..).unwrap_or_default().find(|sign: char| sign.is_ascii_digit());
        digits.map_or(text.len(), |at| start + at)
    }
}

/// The end of a text, at most so many bytes of it.
fn tail(text: &str, most: usize) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(most))..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Policy, Preset};
    use super::*;

    fn redactor(preset: Preset) -> Redactor {
        let known = ["open sesame".to_owned(), "swordfish-7".to_owned()];
        Redactor::builder(Policy::preset(preset)).known(known).build().unwrap()
    }

    fn seen(redactor: &Redactor, pieces: &[&str]) -> String {
        let mut stream = Pieces::new(redactor.clone());
        let mut seen: String = pieces.iter().map(|piece| stream.push(piece)).collect();
        seen.push_str(&stream.finish());
        seen
    }

    #[test]
    fn what_is_cut_does_not_pass() {
        let strict = redactor(Preset::Strict);
        for (pieces, expected) in [
            (&["the sword", "fish-7 is"][..], "the [redacted: secret] is"),
            (&["open", " ", "sesame"], "[redacted: secret]"),
            (&["open", " ", "door"], "open door"),
            (&["to ada@exam", "ple.org now"], "to [redacted: email] now"),
            (&["card 4111 1111 ", "1111 ", "1111."], "card [redacted: card]."),
            (&["Dear Mrs ", "Ada ", "Love", "lace, hello"], "Dear Mrs [redacted: name], hello"),
            (&["a", "b ", "ü", "ö"], "ab üö"),
        ] {
            assert_eq!(seen(&strict, pieces), expected);
        }
    }

    #[test]
    fn a_long_private_key_is_told_once() {
        let lines = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n".repeat(200);
        let text = format!("key:\n-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\nafter it");
        for size in [7, 100, 5_000] {
            let pieces: Vec<&str> =
                text.as_bytes().chunks(size).map(|p| std::str::from_utf8(p).unwrap()).collect();
            let seen = seen(&redactor(Preset::Secrets), &pieces);
            assert_eq!(seen, "key:\n[redacted: private_key]\nafter it", "{size}");
        }
    }

    #[test]
    fn only_a_word_is_held_back_and_nothing_if_all_is_allowed() {
        let mut stream = Pieces::new(redactor(Preset::Secrets));
        assert_eq!(stream.push("It is 4 "), "It is 4 ");
        assert_eq!(stream.push("o'clock"), "");
        assert_eq!(stream.push(" now"), "o'clock ");
        let mut stream = Pieces::new(Redactor::preset(Preset::None).unwrap());
        assert_eq!(stream.push("now"), "now");
        let mut stream = Pieces::new(redactor(Preset::Secrets));
        let given = stream.push(&"x".repeat(MOST_HELD + 100)).len();
        assert_eq!(given, 100, "a word without an end is not held back for ever");
    }

    proptest! {
        #[test]
        fn what_holds_nothing_comes_out_as_it_is(pieces in prop::collection::vec("[a-zäé \n.]{0,12}", 0..12)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let whole = pieces.concat();
            let secrets = redactor(Preset::Secrets);
            prop_assume!(!whole.contains("open sesame"));
            prop_assert_eq!(seen(&secrets, &pieces), whole);
        }

        #[test]
        fn however_a_secret_is_cut_it_does_not_pass(
            before in "[a-z ]{0,20}", at in 1_usize..10, after in "[a-z ]{0,20}", second in 0_usize..9,
        ) {
            let text = format!("{before}swordfish-7{after}");
            let (one, two) = text.split_at(before.len() + at);
            let (two, three) = two.split_at(second.min(two.len()));
            let seen = seen(&redactor(Preset::Secrets), &[one, two, three]);
            prop_assert_eq!(seen, format!("{before}[redacted: secret]{after}"));
        }
    }
}
