//! Telephone numbers.

use std::ops::Range;

use super::number::{Between, Candidate, Number, begins, ends, goes_on};
use crate::redact::text::{Text, is_near};

/// Words before which a number is a telephone's, in several languages.
const WORDS: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "call",
    "called",
    "fax",
    "whatsapp",
    "sms",
    "text me",
    "text me at",
    "dial",
    "hotline",
    "telefon",
    "telefonnummer",
    "handy",
    "mobil",
    "mobilnummer",
    "rufnummer",
    "anrufen",
    "rückruf",
    "festnetz",
    "téléphone",
    "portable",
    "appelez",
    "appeler",
    "joindre",
    "teléfono",
    "telefono",
    "móvil",
    "movil",
    "celular",
    "llame",
    "llamar",
    "cellulare",
    "chiamare",
    "chiama",
    "telefone",
    "celular",
    "telemóvel",
    "ligue",
    "telefoon",
    "telefoonnummer",
    "mobiel",
    "bel",
    "bellen",
    "komórka",
    "zadzwoń",
    "telefonu",
    "mobilnr",
    "ring",
    "phonenumber",
    "msisdn",
    "callback",
    "contact number",
    "reach me at",
    "reached at",
];

/// Country codes (ITU-T E.164), without those of satellites and services.
#[rustfmt::skip]
const COUNTRIES: &[u64] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63, 64, 65,
    66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// The number that begins with these groups.
pub(in crate::redact) fn find(text: Text<'_>, number: &Number) -> Option<Range<usize>> {
    let (at, most) = (number.groups().first()?.start, number.groups().len());
    // The plus and the bracket before belong to it.
    let start = match (text.before(at), at.checked_sub(2).map_or(0, |at| text.at(at))) {
        (b'(', b'+') => at - 2,
        (b'+' | b'(', _) => at - 1,
        _ => at,
    };
    let is_international = text.slice(start..at).contains('+');
    if start == at && !begins(text, at) || start != at && !text.begins_word(start) {
        return None;
    }
    let plausible = |groups: &usize| {
        let candidate = number.first(*groups)?;
        let is_closed = ends(text, candidate.end())
            && !candidate.is_uniform()
            && !text.slice(candidate.end()..candidate.end() + 1).contains('%');
        let fits = is_closed
            && if is_international {
                is_country(candidate) && (8..=15).contains(&candidate.digits.len())
            } else {
                (is_national(text, candidate) && !goes_on(text, start)) || is_said(text, start, candidate)
            };
        fits.then_some(start..candidate.end())
    };
    (1..=most).rev().find_map(|groups| plausible(&groups))
}

/// Whether it begins with the code of a country. Those of three digits begin with the first two of 21 to 26, 29, 35, 37, 38, 42,
/// 50, 59, 67 to 69, 85, 88, and 96 to 99.
fn is_country(candidate: Candidate<'_>) -> bool {
    let two = candidate.number(0..2);
    candidate.digit(0) == 1 && candidate.digit(1) >= 2
        || candidate.digit(0) == 7
        || COUNTRIES.contains(&two)
        || matches!(two, 21..=26 | 29 | 35 | 37 | 38 | 42 | 50 | 59 | 67..=69 | 85 | 88 | 96..=99)
}

/// Whether it is written as national numbers are, such that it is nothing else.
fn is_national(text: Text<'_>, candidate: Candidate<'_>) -> bool {
    let (groups, digits) = (candidate.groups, candidate.digits.len());
    let uses = |between: &[Between]| groups.iter().skip(1).all(|group| between.contains(&group.between));
    let first = groups.first().map_or(0, |group| group.len());
    // North America: (212) 555-0123, 212-555-0123, 212.555.0123, 1-212-555-0123.
    let north = |from: usize| {
        let (area, exchange) = (candidate.digit(from), candidate.digit(from + 3));
        let is_plan = area >= 2 && exchange >= 2 && digits == from + 10;
        is_plan && uses(&[Between::Dash, Between::Dot, Between::Brackets])
    };
    if candidate.has_shape(&[3, 3, 4]) && north(0) {
        return true;
    }
    if candidate.has_shape(&[1, 3, 3, 4]) && candidate.digit(0) == 1 && north(1) {
        return true;
    }
    // (212) 555 0123 and (11) 91234-5678: what stands in brackets is an area.
    let is_bracketed = text.before(candidate.start()) == b'('
        && groups.get(1).is_some_and(|group| group.between == Between::Brackets);
    if is_bracketed
        && (7..=12).contains(&digits)
        && groups.iter().skip(1).all(|group| group.len() >= 2)
        && first <= 5
    {
        return true;
    }
    // A number that begins with a zero, in groups: 020 7946 0958, 0171-1234567, 01 23 45 67 89, 0049 30 123456.
    let is_other = candidate.has_shape(&[3, 2, 4])
        || candidate.has_shape(&[2, 2, 4])
        || candidate.has_shape(&[2, 2, 2])
        || candidate.has_shape(&[2, 2]);
    let is_pairs = groups.iter().all(|group| group.len() == 2) && groups.len() == 5;
    candidate.digit(0) == 0
        && !is_other
        && groups.len() >= 2
        && (is_pairs || first >= 3 || (first == 2 && digits >= 9))
        && (9..=15).contains(&digits)
        && groups
            .iter()
            .skip(1)
            .all(|group| group.len() >= 2 || (group.between == Between::Dash && group.end == candidate.end()))
        && (candidate.is_joined_by(&[
            Between::Space,
            Between::Dash,
            Between::Slash,
            Between::Dot,
            Between::Brackets,
        ]) || groups.iter().skip(2).all(|group| matches!(group.between, Between::Space | Between::Dash)))
}

/// Whether the words before say that it is one.
fn is_said(text: Text<'_>, start: usize, candidate: Candidate<'_>) -> bool {
    let digits = candidate.digits.len();
    let is_grouped = candidate.groups.iter().all(|group| group.len() >= 2) || candidate.groups.len() <= 2;
    let is_date =
        candidate.has_shape(&[3, 2, 4]) || candidate.has_shape(&[2, 2, 4]) || candidate.has_shape(&[4, 2, 2]);
    (7..=13).contains(&digits) && is_grouped && !is_date && is_near(text, start, 28, WORDS)
}
