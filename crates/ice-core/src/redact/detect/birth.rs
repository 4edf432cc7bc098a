//! Dates of birth, by the words before them.

use std::ops::Range;

use super::date;
use crate::redact::text::Text;

/// How far behind the words the date may begin, in bytes.
const REACH: usize = 24;

/// Words that come before a date of birth, written small.
pub(in crate::redact) const CUES: &[&str] = &[
    "born",
    "date of birth",
    "birth date",
    "birthdate",
    "birth_date",
    "birthday",
    "date_of_birth",
    "dateofbirth",
    "dob",
    "d.o.b",
    "geboren",
    "geburtsdatum",
    "geburtstag",
    "geb.",
    "né le",
    "née le",
    "né(e) le",
    "date de naissance",
    "nacido el",
    "nacida el",
    "nació el",
    "fecha de nacimiento",
    "nacimiento",
    "nato il",
    "nata il",
    "nato a",
    "data di nascita",
    "nascido em",
    "nascida em",
    "data de nascimento",
    "nasceu em",
    "geboortedatum",
    "født",
    "fødselsdato",
    "född",
    "födelsedatum",
    "data urodzenia",
    "urodzony",
    "urodzona",
    "ur.",
    "syntynyt",
    "syntymäaika",
    "datum narození",
    "narozen",
];

/// The date of birth behind a cue that ends at `at`.
pub(in crate::redact) fn find(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    if text.at(at).is_ascii_alphabetic() {
        return None;
    }
    let near = text.after(at, REACH);
    let near = near.split(['\n', ';']).next().unwrap_or("");
    let places = near.char_indices().map(|(place, _)| at + place).chain([at + near.len()]);
    places.into_iter().find_map(|place| date::end(text, place).map(|end| place..end))
}
