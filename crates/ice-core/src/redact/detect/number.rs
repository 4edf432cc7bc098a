//! Numbers in groups, as people write them.

use crate::redact::text::{Text, is_word};

/// The most groups of a number.
const MOST_GROUPS: usize = 10;
/// The most digits of a number.
pub(in crate::redact) const MOST_DIGITS: usize = 24;

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// The group is the first one.
    Nothing,
    /// A space, also one that does not break.
    Space,
    /// A `-`, also one that does not break.
    Dash,
    /// A `.`.
    Dot,
    /// A `/`.
    Slash,
    /// A `+`, as in Swedish numbers of people over a hundred.
    Plus,
    /// Brackets, with whatever else.
    Brackets,
}

/// Digits that stand together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) between: Between,
}

impl Group {
    pub(super) const fn len(self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits that follow one another, at most ten with 24 digits.
#[derive(Debug)]
pub(in crate::redact) struct Number {
    groups: [Group; MOST_GROUPS],
    count: usize,
    digits: [u8; MOST_DIGITS],
}

impl Number {
    /// Reads the number whose first digit stands at `at`; nothing if that group alone has too many digits.
    pub(in crate::redact) fn read(text: Text<'_>, at: usize) -> Option<Self> {
        let none = Group { start: at, end: at, between: Between::Nothing };
        let mut number = Self { groups: [none; MOST_GROUPS], count: 0, digits: [0; MOST_DIGITS] };
        let (mut start, mut between, mut total) = (at, Between::Nothing, 0);
        loop {
            let end = text.run(start, MOST_DIGITS + 1, |byte| byte.is_ascii_digit());
            let length = end - start;
            // What goes over into a word is no group of digits.
            let is_group = length > 0
                && total + length <= MOST_DIGITS
                && !(between != Between::Nothing && is_word(text.at(end)));
            let Some(slot) = number.groups.get_mut(number.count).filter(|_| is_group) else { break };
            *slot = Group { start, end, between };
            let read = text.bytes().get(start..end).unwrap_or(&[]);
            number.digits.iter_mut().skip(total).zip(read).for_each(|(slot, byte)| *slot = byte - b'0');
            number.count += 1;
            total += length;
            let Some((next, found)) = separator(text, end) else { break };
            (start, between) = (next, found);
        }
        (number.count > 0).then_some(number)
    }

    /// The groups.
    pub(super) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or(&[])
    }

    /// The first so many groups as one.
    pub(super) fn first(&self, groups: usize) -> Option<Candidate<'_>> {
        let groups = self.groups().get(..groups)?;
        let total = groups.iter().map(|group| group.len()).sum();
        Some(Candidate { groups, digits: self.digits.get(..total)? })
    }
}

/// A few groups of a number, and their digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'n> {
    pub(super) groups: &'n [Group],
    pub(super) digits: &'n [u8],
}

impl Candidate<'_> {
    pub(super) fn start(self) -> usize {
        self.groups.first().map_or(0, |group| group.start)
    }

    pub(super) fn end(self) -> usize {
        self.groups.last().map_or(0, |group| group.end)
    }

    /// Whether the groups have these lengths.
    pub(super) fn has_shape(self, lengths: &[usize]) -> bool {
        self.groups.len() == lengths.len()
            && self.groups.iter().zip(lengths).all(|(group, length)| group.len() == *length)
    }

    /// Whether the same stands between all groups, one of these.
    pub(super) fn is_joined_by(self, these: &[Between]) -> bool {
        let mut between = self.groups.iter().skip(1).map(|group| group.between);
        let Some(first) = between.next() else { return true };
        these.contains(&first) && between.all(|other| other == first)
    }

    /// The number that some digits make, at most 18 of them.
    pub(super) fn number(self, range: std::ops::Range<usize>) -> u64 {
        self.digits.get(range).unwrap_or(&[]).iter().fold(0, |sum, digit| sum * 10 + u64::from(*digit))
    }

    /// A digit.
    pub(super) fn digit(self, place: usize) -> u32 {
        self.digits.get(place).copied().map_or(0, u32::from)
    }

    /// Whether all digits are the same.
    pub(super) fn is_uniform(self) -> bool {
        self.digits.windows(2).all(|pair| pair.first() == pair.last())
    }
}

/// Whether a number may begin at a place: it is not the rest of a word, of a fraction, or of a longer number.
pub(super) fn begins(text: Text<'_>, at: usize) -> bool {
    let before = text.before(at);
    text.begins_word(at)
        && !(matches!(before, b'.' | b',' | b'-' | b'/' | b':') && text.before(at - 1).is_ascii_digit())
}

/// Whether a number at a place only goes on with one whose digits stand before, but for a space.
pub(super) fn goes_on(text: Text<'_>, at: usize) -> bool {
    let before = text.back(at, 3);
    let mut signs = before.chars().rev();
    matches!(signs.next(), Some(' ' | '\u{a0}')) && signs.next().is_some_and(|sign| sign.is_ascii_digit())
}

/// Whether a number may end at a place.
pub(super) fn ends(text: Text<'_>, at: usize) -> bool {
    let (here, next) = (text.at(at), text.at(at + 1));
    // A letter of another script may be a word that follows without a space.
    !here.is_ascii_alphanumeric()
        && here != b'_'
        && !(matches!(here, b'.' | b',' | b'-' | b'/' | b':') && next.is_ascii_digit())
}

/// What separates two groups at a place, and where the next one begins.
fn separator(text: Text<'_>, at: usize) -> Option<(usize, Between)> {
    let (mut place, mut between) = (at, None);
    // At most ` (`, `) `, `)-`, `-(` and the like.
    for _ in 0..3 {
        let (length, found) = match text.at(place) {
            b' ' => (1, Between::Space),
            b'-' => (1, Between::Dash),
            b'.' => (1, Between::Dot),
            b'/' => (1, Between::Slash),
            b'+' => (1, Between::Plus),
            b'(' | b')' => (1, Between::Brackets),
            0xc2 if text.at(place + 1) == 0xa0 => (2, Between::Space),
            0xe2 if text.at(place + 1) == 0x80 => match text.at(place + 2) {
                0xaf => (3, Between::Space),
                0x91 | 0x93 => (3, Between::Dash),
                _ => return None,
            },
            _ => break,
        };
        place += length;
        between = Some(match between {
            None => found,
            // Two of them are one only with a bracket.
            Some(before) if before == Between::Brackets || found == Between::Brackets => Between::Brackets,
            Some(_) => return None,
        });
    }
    let between = between?;
    text.at(place).is_ascii_digit().then_some((place, between))
}

/// The number of a card that begins with these groups.
pub(in crate::redact) fn card(text: Text<'_>, number: &Number) -> Option<std::ops::Range<usize>> {
    let at = number.groups().first()?.start;
    let is_card = |groups: &usize| {
        let candidate = number.first(*groups).filter(|candidate| ends(text, candidate.end()))?;
        super::card::is_card(candidate).then(|| at..candidate.end())
    };
    begins(text, at).then(|| (1..=number.count).rev().find_map(|groups| is_card(&groups))).flatten()
}
