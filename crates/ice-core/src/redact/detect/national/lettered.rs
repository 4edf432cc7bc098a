//! Ids with letters in them.

use std::ops::Range;

use super::check;
use crate::redact::detect::number::{Number, begins};
use crate::redact::text::{Text, is_word};

type Found = Option<(&'static str, Range<usize>)>;

/// The id in whose middle or end the digits at `at` stand, after one to six letters.
pub(in crate::redact) fn before_digits(text: Text<'_>, at: usize) -> Found {
    it_codice_fiscale(text, at).or_else(|| es_nie(text, at)).or_else(|| uk_nino(text, at))
}

/// The id that begins with the digits at `at` and has letters behind.
pub(in crate::redact) fn after_digits(text: Text<'_>, at: usize, number: &Number) -> Found {
    if !begins(text, at) {
        return None;
    }
    es_dni(text, at)
        .or_else(|| cn_with_x(text, number))
        .or_else(|| fi_hetu(text, at))
        .or_else(|| fr_corsican(text, at))
}

/// Six letters, two digits, a letter, two digits, a letter, three digits, a letter; letters may stand for digits where two people
/// would have the same one.
fn it_codice_fiscale(text: Text<'_>, at: usize) -> Found {
    let start = at.checked_sub(6)?;
    let code = text.bytes().get(start..start + 16)?;
    let fits = code.iter().enumerate().all(|(place, byte)| match place {
        0..=5 | 8 | 11 | 15 => byte.is_ascii_alphabetic(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte.to_ascii_uppercase()),
    });
    let is_month = code.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(&month.to_ascii_uppercase()));
    let (letters, last) = code.split_at_checked(15)?;
    let is_alone = text.begins_word(start) && text.ends_word(start + 16);
    (fits && is_month && is_alone && check::it_letter(letters, *last.first()?))
        .then_some(("it_codice_fiscale", start..start + 16))
}

/// Eight digits and a letter, perhaps with a dash or space between them, or dots as in numbers.
fn es_dni(text: Text<'_>, at: usize) -> Found {
    let mut digits = 0_u64;
    let (mut place, mut count) = (at, 0);
    while count < 8 {
        match text.at(place) {
            digit @ b'0'..=b'9' => {
                digits = digits * 10 + u64::from(digit - b'0');
                count += 1;
            }
            b'.' if matches!(count, 2 | 5) => {}
            _ => return None,
        }
        place += 1;
    }
    let separated = matches!(text.at(place), b'-' | b' ');
    let letter = place + usize::from(separated);
    let sign = text.at(letter);
    // A small letter after a space is a word.
    let is_letter = sign.is_ascii_uppercase() || (sign.is_ascii_lowercase() && text.at(place) != b' ');
    (is_letter && !is_word(text.at(letter + 1)) && check::es_letter(digits, sign))
        .then_some(("es_dni", at..letter + 1))
}

/// X, Y or Z, seven digits and a letter, perhaps with dashes.
fn es_nie(text: Text<'_>, at: usize) -> Found {
    let start = at.checked_sub(if text.before(at) == b'-' { 2 } else { 1 })?;
    let first = match text.at(start).to_ascii_uppercase() {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return None,
    };
    let end = text.run(at, 8, |byte| byte.is_ascii_digit());
    let digits: u64 = text.slice(at..end).parse().ok().filter(|_| end - at == 7)?;
    let letter = end + usize::from(text.at(end) == b'-');
    let fits = text.begins_word(start) && !is_word(text.at(letter + 1));
    (fits && check::es_letter(first * 10_000_000 + digits, text.at(letter)))
        .then_some(("es_nie", start..letter + 1))
}

/// Two letters, six digits and a letter from A to D, perhaps in pairs. There is no check digit; some letters and pairs of them are
/// not given out.
fn uk_nino(text: Text<'_>, at: usize) -> Found {
    let space = usize::from(text.before(at) == b' ');
    let start = at.checked_sub(2 + space)?;
    let (first, second) = (text.at(start), text.at(start + 1));
    let is_prefix = first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && !matches!(&[first, second], b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ");
    if !is_prefix || !text.begins_word(start) {
        return None;
    }
    let mut place = at;
    for pair in 0..3 {
        if !(text.at(place).is_ascii_digit() && text.at(place + 1).is_ascii_digit()) {
            return None;
        }
        place += 2;
        // All pairs are apart, or none but the last letter perhaps.
        let apart = text.at(place) == b' ';
        if pair < 2 && apart != (space == 1) {
            return None;
        }
        place += usize::from(apart);
    }
    let fits = matches!(text.at(place), b'A'..=b'D') && !is_word(text.at(place + 1));
    fits.then_some(("uk_nino", start..place + 1))
}

/// Seventeen digits and an X.
fn cn_with_x(text: Text<'_>, number: &Number) -> Found {
    let id = number.first(1).filter(|id| id.digits.len() == 17)?;
    let fits = matches!(text.at(id.end()), b'X' | b'x') && !is_word(text.at(id.end() + 1));
    (fits && check::cn_resident(id, 10)).then_some(("cn_resident_id", id.start()..id.end() + 1))
}

/// Day, month, year, a sign for the century, three digits and a check sign.
fn fi_hetu(text: Text<'_>, at: usize) -> Found {
    let (date, number) = (text.slice(at..at + 6), text.slice(at + 7..at + 10));
    let is_century = matches!(text.at(at + 6), b'-' | b'+' | b'A'..=b'F' | b'U'..=b'Y');
    let all_digits =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_century || !all_digits(date, 6) || !all_digits(number, 3) || is_word(text.at(at + 11)) {
        return None;
    }
    let whole: u64 = date.parse::<u64>().ok()? * 1_000 + number.parse::<u64>().ok()?;
    let is_date = check::is_date(whole / 10_000_000, whole / 100_000 % 100);
    (is_date && check::fi_sign(whole, text.at(at + 10))).then_some(("fi_personal_identity_code", at..at + 11))
}

/// The French number of those born in Corsica, whose department is 2A or 2B: it counts as 19 or 18 in the key.
fn fr_corsican(text: Text<'_>, at: usize) -> Found {
    if !matches!(text.at(at), b'1' | b'2') {
        return None;
    }
    let (mut number, mut place, mut read) = (0_u64, at, 0);
    while read < 15 {
        let byte = text.at(place);
        match (read, byte) {
            (5, b'2') => number = number * 10 + 1,
            (6, b'A' | b'a') => number = number * 10 + 9,
            (6, b'B' | b'b') => number = number * 10 + 8,
            (5 | 6, _) => return None,
            (_, b'0'..=b'9') => number = number * 10 + u64::from(byte - b'0'),
            _ => return None,
        }
        read += 1;
        place += 1;
        place += usize::from(read < 15 && text.at(place) == b' ');
    }
    let is_key = 97 - number / 100 % 97 == number % 100;
    (is_key && !is_word(text.at(place))).then_some(("fr_social_security", at..place))
}
