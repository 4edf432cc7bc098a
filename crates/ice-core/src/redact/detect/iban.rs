//! International bank account numbers.

use std::ops::Range;

use crate::redact::text::{Text, is_word};

/// The length of the numbers of each country, in the registry of ISO 13616.
#[rustfmt::skip]
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22), ("BI", 27),
    ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28),
    ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23),
    ("GL", 18), ("GR", 27), ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26),
    ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21),
    ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28),
    ("NL", 18), ("NO", 15), ("OM", 23), ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22),
    ("RU", 33), ("SA", 24), ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25),
    ("SV", 28), ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20), ("YE", 30),
];

/// The number whose two check digits begin at `digits`: with the length of its country and the check of ISO 7064, mod 97.
/// Single spaces or dashes may stand in it.
pub(in crate::redact) fn find(text: Text<'_>, digits: usize) -> Option<Range<usize>> {
    let start = digits.checked_sub(2)?;
    if !text.begins_word(start) || text.run_back(digits, 3, |byte| byte.is_ascii_alphabetic()) != start {
        return None;
    }
    let country = text.slice(start..digits);
    let (_, length) = LENGTHS.iter().find(|(known, _)| known.eq_ignore_ascii_case(country))?;
    let (mut end, mut remainder) = (digits, 0);
    let mut place = digits;
    for read in 2..*length {
        let byte = text.at(place);
        if !byte.is_ascii_alphanumeric() || (read < 4 && !byte.is_ascii_digit()) {
            return None;
        }
        // The country and the check digits count last.
        if read >= 4 {
            remainder = append(remainder, byte);
        }
        end = place + 1;
        place = end + gap(text, end);
    }
    if is_word(text.at(end)) {
        return None;
    }
    let head = text.bytes().get(start..digits + 2).unwrap_or(&[]);
    (head.iter().fold(remainder, |remainder, byte| append(remainder, *byte)) == 1).then_some(start..end)
}

/// The remainder by 97 once a digit, or a letter as a number from 10 to 35, was written behind.
fn append(remainder: u32, byte: u8) -> u32 {
    match (byte as char).to_digit(36) {
        Some(value @ 10..) => (remainder * 100 + value) % 97,
        Some(value) => (remainder * 10 + value) % 97,
        None => remainder,
    }
}

/// The length of what separates two groups.
fn gap(text: Text<'_>, at: usize) -> usize {
    match (text.at(at), text.at(at + 1), text.at(at + 2)) {
        (b' ' | b'-', next, _) if next.is_ascii_alphanumeric() => 1,
        (0xc2, 0xa0, next) if next.is_ascii_alphanumeric() => 2,
        _ => 0,
    }
}
