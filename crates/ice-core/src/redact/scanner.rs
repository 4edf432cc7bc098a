//! The passes over a text: words and prefixes, signs, numbers.

use std::sync::Arc;

use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::{Input, MatchKind, StartKind, dfa};
use regex::Regex;

use super::detect::words::{Trigger, literals};
use super::detect::{
    address, birth, email, iban, ip, key, name, national, number, password, pem, phone, token, url,
};
use super::found::resolve;
use super::text::Text;
use super::{Action, Finding, Kind, KnownSecrets, placeholder};

/// A pattern of a policy's own, read.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) name: Arc<str>,
    pub(super) regex: Regex,
    pub(super) action: Action,
}

/// Finds what it is to find, in time that is linear in the text.
pub(super) struct Scanner {
    /// Finds words and prefixes. Without it nothing can be told to be harmless, and all is a secret.
    literals: Option<dfa::DFA>,
    triggers: Vec<(Trigger, usize)>,
    known: KnownSecrets,
    patterns: Vec<Pattern>,
    wanted: [bool; Kind::ALL.len()],
}

/// The tables could not be built: there are too many texts.
#[derive(Debug)]
pub(super) struct TooMany;

impl Scanner {
    /// Finds these kinds, these texts, and what these patterns match.
    pub(super) fn new(
        wants: impl Fn(Kind) -> bool,
        known: KnownSecrets,
        patterns: Vec<Pattern>,
    ) -> Result<Self, TooMany> {
        let wanted = Kind::ALL.map(wants);
        let is_wanted = |trigger: &Trigger| wanted.get(trigger.kind() as usize) == Some(&true);
        let (words, triggers): (Vec<_>, Vec<_>) = literals()
            .filter(|(_, trigger)| is_wanted(trigger))
            .map(|(word, trigger)| (word, (trigger, word.len())))
            .unzip();
        let literals = dfa::DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .ascii_case_insensitive(true)
            .build(words)
            .map_err(|_| TooMany)?;
        let literals = Some(literals);
        Ok(Self { literals, triggers, known, patterns, wanted })
    }

    /// Takes all there is for a secret.
    pub(super) fn blind(known: KnownSecrets) -> Self {
        let wanted = [true; Kind::ALL.len()];
        Self { literals: None, triggers: Vec::new(), known, patterns: Vec::new(), wanted }
    }

    pub(super) fn pattern(&self, name: &str) -> Option<&Pattern> {
        self.patterns.iter().find(|pattern| *pattern.name == *name)
    }

    /// Whether words before something may tell what it is.
    pub(super) fn reads_context(&self) -> bool {
        const BY_CONTEXT: &[Kind] =
            &[Kind::Password, Kind::NationalId, Kind::BirthDate, Kind::Phone, Kind::Address, Kind::Name];
        self.wants_any(BY_CONTEXT)
    }

    /// Whether anything is found among numbers.
    pub(super) fn reads_numbers(&self) -> bool {
        self.wants_any(&[Kind::Iban, Kind::Card, Kind::NationalId, Kind::Ip, Kind::Phone])
    }

    /// Whether there is nothing to be found.
    pub(super) fn finds_nothing(&self) -> bool {
        let allows = |pattern: &Pattern| pattern.action == Action::Allow;
        !Kind::ALL.iter().any(|kind| *kind != Kind::Custom && self.wants(*kind))
            && self.patterns.iter().all(allows)
    }

    /// How many bytes at the end of a text may be the begin of a known secret.
    pub(super) fn begun(&self, text: &str) -> usize {
        if self.wants(Kind::Secret) { self.known.begun(text) } else { 0 }
    }

    /// How many secrets are known.
    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    fn wants(&self, kind: Kind) -> bool {
        self.wanted.get(kind as usize) == Some(&true)
    }

    fn wants_any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.wants(*kind))
    }

    /// What a text holds, in its order.
    pub(super) fn scan(&self, text: &str) -> Vec<Finding<'_>> {
        let mut found = Found { scanner: self, list: Vec::new() };
        let Some(literals) = &self.literals else {
            found.push(Kind::Secret, Kind::Secret.as_str(), 0..text.len());
            return found.list;
        };
        if self.wants(Kind::Secret)
            && let Some(known) = self.known.finder()
        {
            known
                .find_iter(text)
                .for_each(|known| found.push(Kind::Secret, Kind::Secret.as_str(), known.range()));
        }
        for pattern in &self.patterns {
            let matches = pattern.regex.find_iter(text).filter(|_| pattern.action != Action::Allow);
            matches.for_each(|one| found.push(Kind::Custom, &pattern.name, one.range()));
        }
        let text = Text::new(text);
        self.words(text, literals, &mut found);
        self.signs(text, &mut found);
        self.numbers(text, &mut found);
        if found.list.is_empty() {
            return Vec::new();
        }
        // A detector that reads a bounded number of bytes may end within a character.
        found.list.iter_mut().for_each(|finding| finding.range = text.whole(&finding.range));
        resolve(found.list, &placeholder::find(text))
    }

    /// The pass over words and prefixes.
    fn words<'s>(&'s self, text: Text<'_>, literals: &dfa::DFA, found: &mut Found<'s>) {
        if self.triggers.is_empty() {
            return;
        }
        let (mut keys, mut pems, mut tokens) =
            (key::Keys::default(), pem::Pem::default(), token::Tokens::default());
        let (input, mut state) = (Input::new(text.bytes()), OverlappingState::start());
        // It cannot fail: the input is not anchored.
        while literals.try_find_overlapping(&input, &mut state).is_ok() {
            let Some(one) = state.get_match() else { break };
            let Some((trigger, length)) = self.triggers.get(one.pattern().as_usize()) else { continue };
            let (at, end) = (one.end() - length, one.end());
            let kind = trigger.kind();
            let mut label = kind.as_str();
            let range = match trigger {
                Trigger::Key(shape) => {
                    label = shape.label;
                    keys.find(text, at, shape)
                }
                Trigger::Telegram => {
                    label = "telegram_token";
                    key::telegram(text, at)
                }
                Trigger::Pem => pems.find(text, at),
                Trigger::Age => {
                    label = "age_key";
                    let key = text.run(end, 80, |byte| byte.is_ascii_alphanumeric());
                    (key - end >= 50 && text.begins_word(at)).then_some(at..key)
                }
                Trigger::Token => tokens.find(text, at),
                Trigger::Url => url::find(text, at),
                Trigger::Password(cue) => password::find(text, end, *cue),
                Trigger::Birth => text.begins_word(at).then(|| birth::find(text, end)).flatten(),
                Trigger::Address(cue) => address::find(text, at..end, *cue),
                Trigger::Name(cue) => text.begins_word(at).then(|| name::find(text, at..end, *cue)).flatten(),
            };
            if let Some(range) = range {
                found.push(kind, label, range);
            }
        }
    }

    /// The pass over `@`, and that over `:`.
    fn signs<'s>(&'s self, text: Text<'_>, found: &mut Found<'s>) {
        if self.wants(Kind::Email) {
            let places = memchr::memchr_iter(b'@', text.bytes());
            places
                .filter_map(|at| email::find(text, at))
                .for_each(|range| found.push(Kind::Email, Kind::Email.as_str(), range));
        }
        if self.wants(Kind::Ip) {
            let places = memchr::memchr_iter(b':', text.bytes());
            places
                .filter_map(|at| ip::version_6(text, at))
                .for_each(|range| found.push(Kind::Ip, Kind::Ip.as_str(), range));
        }
    }

    /// The pass over digits.
    fn numbers<'s>(&'s self, text: Text<'_>, found: &mut Found<'s>) {
        if !self.reads_numbers() {
            return;
        }
        let mut at = 0;
        while let Some(start) = next_digit(text.bytes(), at) {
            at = match number_at(text, start) {
                Some((kind, label, range)) => {
                    let end = range.end.max(start + 1);
                    found.push(kind, label, range);
                    end
                }
                None => text.run(start, usize::MAX, |byte| byte.is_ascii_digit()),
            };
        }
    }
}

/// What the number is that begins at a place: the first thing that fits, whether or not it is wanted.
fn number_at(text: Text<'_>, start: usize) -> Option<(Kind, &'static str, std::ops::Range<usize>)> {
    let before = text.before(start);
    if before.is_ascii_alphabetic() || before == b' ' || before == b'-' {
        if let Some(range) = iban::find(text, start) {
            return Some((Kind::Iban, Kind::Iban.as_str(), range));
        }
        if let Some((label, range)) = national::before_digits(text, start) {
            return Some((Kind::NationalId, label, range));
        }
    }
    let number = number::Number::read(text, start)?;
    if let Some(range) = ip::version_4(text, start) {
        return Some((Kind::Ip, Kind::Ip.as_str(), range));
    }
    if let Some(range) = number::card(text, &number) {
        return Some((Kind::Card, Kind::Card.as_str(), range));
    }
    let id = national::find(text, &number).or_else(|| national::after_digits(text, start, &number));
    if let Some((label, range)) = id {
        return Some((Kind::NationalId, label, range));
    }
    phone::find(text, &number).map(|range| (Kind::Phone, Kind::Phone.as_str(), range))
}

/// The next digit from a place on. Looks at many bytes at a time.
fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    const CHUNK: usize = 64;
    let mut at = from;
    for chunk in bytes.get(from..)?.chunks(CHUNK) {
        if chunk.iter().fold(false, |found, byte| found | byte.is_ascii_digit()) {
            return chunk.iter().position(u8::is_ascii_digit).map(|place| at + place);
        }
        at += chunk.len();
    }
    None
}

/// What was found so far.
struct Found<'s> {
    scanner: &'s Scanner,
    list: Vec<Finding<'s>>,
}

impl<'s> Found<'s> {
    fn push(&mut self, kind: Kind, label: &'s str, range: std::ops::Range<usize>) {
        if kind == Kind::Custom || self.scanner.wants(kind) {
            self.list.push(Finding { kind, label, range });
        }
    }
}
