//! Which documents hold a term, and how often: written once, read in place.
//!
//! The bytes, all numbers little-endian:
//!
//! | what | size |
//! |---|---|
//! | `ICT1` | 4 |
//! | documents `d`, terms `t`, bytes of terms `b` | 3 x 4 |
//! | the length of each document, in terms | 4 d |
//! | where each term ends in the bytes of terms | 4 t |
//! | where the list of each term ends in the lists | 4 t |
//! | the terms, ascending, one after the other | b |
//! | the lists: of each document that holds the term, its number less the one before less 1, and how often, as LEB128 | the rest |

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Terms;
use crate::segments::{Damage, Reading};

const MAGIC: &[u8; 4] = b"ICT1";
const HEAD: usize = 16;

/// Postings of some documents, which are numbered from 0.
#[derive(Clone, Debug)]
pub struct Postings {
    bytes: Bytes,
    documents: usize,
    terms: usize,
    /// Where the bytes of the terms begin, and where the lists do.
    text: usize,
    lists: usize,
    length: u64,
}

/// Terms of documents that come one after the other.
#[derive(Debug, Default)]
struct Building {
    lengths: Vec<u32>,
    lists: BTreeMap<Box<str>, List>,
}

/// The list of a term, as it grows.
#[derive(Debug, Default)]
struct List {
    bytes: Vec<u8>,
    next: u32,
}

impl List {
    fn push(&mut self, document: u32, count: u32) {
        leb128(&mut self.bytes, document.saturating_sub(self.next));
        leb128(&mut self.bytes, count);
        self.next = document.saturating_add(1);
    }
}

impl Building {
    fn finish(self) -> Bytes {
        let text: usize = self.lists.keys().map(|term| term.len()).sum();
        let lists: usize = self.lists.values().map(|list| list.bytes.len()).sum();
        let mut bytes =
            Vec::with_capacity(HEAD + 4 * self.lengths.len() + 8 * self.lists.len() + text + lists);
        bytes.extend_from_slice(MAGIC);
        for count in [self.lengths.len(), self.lists.len(), text] {
            bytes.extend_from_slice(&four(count));
        }
        for length in &self.lengths {
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        for sizes in [
            self.lists.keys().map(|term| term.len()).collect::<Vec<_>>(),
            self.lists.values().map(|list| list.bytes.len()).collect(),
        ] {
            let mut end = 0;
            for size in sizes {
                end += size;
                bytes.extend_from_slice(&four(end));
            }
        }
        for term in self.lists.keys() {
            bytes.extend_from_slice(term.as_bytes());
        }
        for list in self.lists.values() {
            bytes.extend_from_slice(&list.bytes);
        }
        bytes.into()
    }
}

impl Postings {
    /// The bytes of the postings of documents, which are numbered in their order. Beyond 4 GiB they cannot be read.
    pub fn of<'t>(documents: impl IntoIterator<Item = &'t Terms>) -> Bytes {
        let mut building = Building::default();
        for (number, terms) in (0..).zip(documents) {
            building.lengths.push(terms.length());
            for (term, count) in terms.iter() {
                match building.lists.get_mut(term) {
                    Some(list) => list.push(number, count),
                    None => building.lists.entry(Box::from(term)).or_default().push(number, count),
                }
            }
        }
        building.finish()
    }

    /// The bytes of several postings as one: the documents of the first that are to be kept, then those of the next.
    /// `kept(part, document)` says which. Beyond 4 GiB they cannot be read.
    pub fn merged(parts: &[&Self], kept: impl Fn(usize, u32) -> bool) -> Bytes {
        let mut building = Building::default();
        for (number, part) in parts.iter().enumerate() {
            // The number of each document among those that are kept.
            let mut places = Vec::with_capacity(part.documents);
            for document in (0..).take(part.documents) {
                let place = u32::try_from(building.lengths.len()).ok().filter(|_| kept(number, document));
                places.push(place);
                if place.is_some() {
                    building.lengths.push(part.length_of(document));
                }
            }
            for at in 0..part.terms {
                let term = part.term(at);
                let mut list = building.lists.remove(term).unwrap_or_default();
                for (document, count) in part.list(at) {
                    if let Some(place) = places.get(document as usize).copied().flatten() {
                        list.push(place, count);
                    }
                }
                if !list.bytes.is_empty() {
                    building.lists.insert(Box::from(term), list);
                }
            }
        }
        building.finish()
    }

    /// Reads postings in place: nothing is copied, and everything is looked at once.
    ///
    /// # Errors
    /// [`Damage`] if they are none.
    pub fn open(bytes: Bytes) -> Result<Self, Damage> {
        let mut reading = Reading::new(&bytes);
        if reading.array("postings")? != *MAGIC {
            return Err(Damage { what: "postings of a version that is known", at: 0 });
        }
        let documents = reading.count("a number of documents")?;
        let terms = reading.count("a number of terms")?;
        let text_bytes = reading.count("the size of the terms")?;
        let lengths = reading.pieces::<4>(documents, "the lengths of the documents")?;
        let length = lengths.iter().map(|length| u64::from(u32::from_le_bytes(*length))).sum();
        let ends = [
            reading.pieces::<4>(terms, "the ends of the terms")?,
            reading.pieces(terms, "the ends of the lists")?,
        ];
        let text = reading.at();
        reading.take(text_bytes, "the terms")?;
        let lists = reading.at();
        for (ends, length) in ends.into_iter().zip([text_bytes, bytes.len() - lists]) {
            let mut ends = ends.iter().map(|end| u32::from_le_bytes(*end) as usize);
            if !ends.clone().is_sorted() || ends.next_back().unwrap_or_default() != length {
                return Err(Damage { what: "ends of terms and lists that fit", at: text });
            }
        }
        let postings = Self { bytes: bytes.clone(), documents, terms, text, lists, length };
        postings.look_through()?;
        Ok(postings)
    }

    /// Whether terms ascend and lists are whole.
    fn look_through(&self) -> Result<(), Damage> {
        let mut before: Option<&str> = None;
        for at in 0..self.terms {
            let term =
                self.piece(self.term_ends(), at, self.text).and_then(|bytes| str::from_utf8(bytes).ok());
            match term {
                Some(term) if before.is_none_or(|before| before < term) => before = Some(term),
                Some(_) | None => return Err(Damage { what: "a term after those before", at: self.text }),
            }
            let mut list = self.list(at);
            let (mut last, mut is_counted) = (None, true);
            for (document, count) in list.by_ref() {
                is_counted &= count > 0;
                last = Some(document);
            }
            let is_there = last.is_some_and(|last| (last as usize) < self.documents);
            if !list.bytes.is_empty() || !is_counted || !is_there {
                return Err(Damage { what: "a whole list of documents", at: self.lists });
            }
        }
        Ok(())
    }

    /// How many documents there are.
    #[must_use]
    pub const fn documents(&self) -> usize {
        self.documents
    }

    /// The lengths of all documents together, in terms.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The length of a document, in terms; 0 if there is no such one.
    #[must_use]
    pub fn length_of(&self, document: u32) -> u32 {
        let at = (document as usize) < self.documents;
        at.then(|| number(&self.bytes, HEAD + 4 * document as usize)).flatten().unwrap_or_default()
    }

    /// The documents that hold a term, ascending, each with how often it does.
    #[must_use]
    pub fn holding(&self, term: &str) -> Holding<'_> {
        self.find(term).map_or(Holding { bytes: &[], next: Some(0) }, |at| self.list(at))
    }

    fn find(&self, term: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.terms);
        while low < high {
            let middle = low.midpoint(high);
            match self.term(middle).cmp(term) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    const fn term_ends(&self) -> usize {
        HEAD + 4 * self.documents
    }

    fn term(&self, at: usize) -> &str {
        let bytes = self.piece(self.term_ends(), at, self.text).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    fn list(&self, at: usize) -> Holding<'_> {
        let bytes = self.piece(self.term_ends() + 4 * self.terms, at, self.lists);
        Holding { bytes: bytes.unwrap_or_default(), next: Some(0) }
    }

    /// The piece of a number whose ends begin at `ends`, of what begins at `start`.
    fn piece(&self, ends: usize, at: usize, start: usize) -> Option<&[u8]> {
        let end = |at: usize| number(&self.bytes, ends + 4 * at).map(|end| end as usize);
        let begin = if at == 0 { 0 } else { end(at - 1)? };
        self.bytes.get(start + begin..start + end(at)?)
    }
}

/// The documents that hold a term, ascending, each with how often it does.
#[derive(Clone, Debug)]
pub struct Holding<'p> {
    bytes: &'p [u8],
    /// The least that the next may be.
    next: Option<u32>,
}

impl Holding<'_> {
    /// At least so many documents are still to come, and at most so many.
    #[must_use]
    pub const fn bounds(&self) -> (usize, usize) {
        (self.bytes.len() / 10, self.bytes.len() / 2)
    }
}

impl Iterator for Holding<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let mut rest = self.bytes;
        let (skipped, count) = (read_leb128(&mut rest)?, read_leb128(&mut rest)?);
        let document = self.next?.checked_add(skipped)?;
        self.bytes = rest;
        self.next = document.checked_add(1);
        Some((document, count))
    }
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

fn leb128(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_leb128(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..u32::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u32::from(byte & 0x7f);
        // What would not fit is no number of ours.
        if part.checked_shl(shift)? >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(texts: &[&str]) -> Postings {
        let terms: Vec<Terms> = texts.iter().map(|text| Terms::of(text)).collect();
        Postings::open(Postings::of(&terms)).unwrap()
    }

    fn holding(postings: &Postings, term: &str) -> Vec<(u32, u32)> {
        postings.holding(term).collect()
    }

    #[test]
    fn every_term_is_found_with_its_documents() {
        let postings = open(&["a red car", "", "red red wine"]);
        assert_eq!((postings.documents(), postings.length(), postings.length_of(2)), (3, 6, 3));
        assert_eq!(holding(&postings, "red"), [(0, 1), (2, 2)]);
        assert_eq!(holding(&postings, "rose"), []);
        assert_eq!(holding(&open(&[]), "red"), []);
    }

    proptest! {
        #[test]
        fn merged_they_are_as_if_made_at_once(
            texts in prop::collection::vec(prop::collection::vec("[a-e]{0,6}( [a-e]{1,2}){0,3}", 0..6), 0..4),
            kept in prop::collection::vec(any::<bool>(), 24),
        ) {
            let keep = |part: usize, document: u32| kept[part * 6 + document as usize];
            let parts: Vec<Postings> =
                texts.iter().map(|texts| open(&texts.iter().map(String::as_str).collect::<Vec<_>>())).collect();
            let merged = Postings::merged(&parts.iter().collect::<Vec<_>>(), keep);
            let left: Vec<Terms> = texts
                .iter()
                .enumerate()
                .flat_map(|(part, texts)| (0..).zip(texts).filter(move |(document, _)| keep(part, *document)))
                .map(|(_, text)| Terms::of(text))
                .collect();
            prop_assert_eq!(&merged, &Postings::of(&left));
            let read = Postings::open(merged).unwrap();
            for (document, terms) in (0..).zip(&left) {
                for (term, count) in terms.iter() {
                    prop_assert!(holding(&read, term).contains(&(document, count)));
                }
            }
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_without_harm(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let terms: Vec<Terms> = ["a red car", "blue", "red red wine and more"].map(Terms::of).to_vec();
            let mut bytes = Postings::of(&terms).to_vec();
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(200)));
            if let Ok(postings) = Postings::open(bytes.into()) {
                for term in ["a", "red", "wine", "zebra"] {
                    assert!(holding(&postings, term).iter().all(|(found, _)| (*found as usize) < postings.documents()));
                }
                let merged = Postings::merged(&[&postings, &postings], |_, document| document != 1);
                assert!(Postings::open(merged).is_ok());
            }
        }

        #[test]
        fn numbers_come_back(number: u32) {
            let mut bytes = Vec::new();
            leb128(&mut bytes, number);
            let mut rest = &*bytes;
            prop_assert_eq!((read_leb128(&mut rest), rest.len()), (Some(number), 0));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_postings() {
        let bytes = Postings::of(&["a red car", "red"].map(Terms::of));
        for length in 0..bytes.len() {
            assert!(Postings::open(bytes.slice(..length)).is_err(), "{length}");
        }
        let longer = [&*bytes, &[0, 1]].concat();
        assert!(Postings::open(longer.into()).is_err());
    }
}
