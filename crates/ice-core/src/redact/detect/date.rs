//! Dates, as people write them.

use crate::redact::text::{Text, is_word};

/// The names of months in ten languages, in the order of the months, written small.
#[rustfmt::skip]
const MONTHS: [&[&str]; 12] = [
    &["january", "jan", "januar", "jänner", "janvier", "enero", "gennaio", "janeiro", "januari", "stycznia", "tammikuuta", "ledna"],
    &["february", "feb", "februar", "février", "febrero", "febbraio", "fevereiro", "februari", "lutego", "helmikuuta", "února"],
    &["march", "mar", "märz", "mars", "marzo", "março", "maart", "marca", "maaliskuuta", "března"],
    &["april", "apr", "avril", "abril", "aprile", "kwietnia", "huhtikuuta", "dubna"],
    &["may", "mai", "mayo", "maggio", "maio", "mei", "maj", "maja", "toukokuuta", "května"],
    &["june", "jun", "juni", "juin", "junio", "giugno", "junho", "czerwca", "kesäkuuta", "června"],
    &["july", "jul", "juli", "juillet", "julio", "luglio", "julho", "lipca", "heinäkuuta", "července"],
    &["august", "aug", "août", "agosto", "augustus", "augusti", "sierpnia", "elokuuta", "srpna"],
    &["september", "sep", "sept", "septembre", "septiembre", "settembre", "setembro", "września", "syyskuuta", "září"],
    &["october", "oct", "oktober", "octobre", "octubre", "ottobre", "outubro", "października", "lokakuuta", "října"],
    &["november", "nov", "novembre", "noviembre", "novembro", "listopada", "marraskuuta", "listopadu"],
    &["december", "dec", "dezember", "décembre", "diciembre", "dicembre", "dezembro", "grudnia", "joulukuuta", "prosince"],
];

/// The end of the date that begins at a place.
pub(super) fn end(text: Text<'_>, at: usize) -> Option<usize> {
    if is_word(text.before(at)) {
        return None;
    }
    numeric(text, at).or_else(|| day_first(text, at)).or_else(|| month_first(text, at))
}

/// A number of at most four digits, and where it ends.
fn number(text: Text<'_>, at: usize) -> Option<(u32, usize, usize)> {
    let end = text.run(at, 5, |byte| byte.is_ascii_digit());
    let value = text.slice(at..end).parse().ok()?;
    (end - at <= 4).then_some((value, end - at, end))
}

/// `03.04.1985`, `3/4/85`, `1985-04-03`, `3. 4. 1985`.
fn numeric(text: Text<'_>, at: usize) -> Option<usize> {
    let (first, first_length, end) = number(text, at)?;
    let sign = text.at(end);
    if !matches!(sign, b'.' | b'/' | b'-') {
        return None;
    }
    let after = |end: usize| {
        let space = usize::from(sign == b'.' && text.at(end + 1) == b' ');
        (text.at(end) == sign).then_some(end + 1 + space)
    };
    let (second, _, end) = number(text, after(end)?)?;
    let (third, third_length, end) = number(text, after(end)?)?;
    let is_year = |value: u32, length: usize| match length {
        4 => (1_880..=2_100).contains(&value),
        length => length == 2,
    };
    let is_month_and_day = |a: u32, b: u32| (1..=12).contains(&a) && (1..=31).contains(&b);
    let either = is_month_and_day(first, second) || is_month_and_day(second, first);
    let fits = if first_length == 4 {
        is_year(first, 4) && is_month_and_day(second, third)
    } else {
        is_year(third, third_length) && either
    };
    (fits && !is_word(text.at(end))).then_some(end)
}

/// `3 March 1985`, `3rd of March, 1985`, `3. März 1985`, `3 de marzo de 1985`, `1er mars 1985`.
fn day_first(text: Text<'_>, at: usize) -> Option<usize> {
    let (day, length, mut end) = number(text, at)?;
    if length > 2 || !(1..=31).contains(&day) {
        return None;
    }
    let suffix = ["st", "nd", "rd", "th", "er", "º", "."]
        .iter()
        .find(|suffix| text.after(end, 2).starts_with(**suffix));
    end += suffix.map_or(0, |suffix| suffix.len());
    end = text.run(end, 3, |byte| byte == b' ');
    end = past(text, end, &["of ", "de ", "d'", "di "]);
    end = month(text, end)?;
    end = text.run(end, 2, |byte| matches!(byte, b',' | b'.' | b' '));
    year(text, past(text, end, &["de ", "del "]))
}

/// `March 3, 1985`, `March 3rd 1985`.
fn month_first(text: Text<'_>, at: usize) -> Option<usize> {
    let end = month(text, at)?;
    let (day, length, mut end) = number(text, text.run(end, 2, |byte| matches!(byte, b'.' | b' ')))?;
    if length > 2 || !(1..=31).contains(&day) {
        return None;
    }
    end = past(text, end, &["st", "nd", "rd", "th"]);
    year(text, text.run(end, 2, |byte| matches!(byte, b',' | b' ')))
}

fn year(text: Text<'_>, at: usize) -> Option<usize> {
    let (year, length, end) = number(text, at)?;
    (length == 4 && (1_880..=2_100).contains(&year)).then_some(end)
}

fn month(text: Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, 24, |byte| byte.is_ascii_alphabetic() || byte >= 0x80);
    let word = text.slice(at..end).to_lowercase();
    MONTHS.iter().any(|names| names.contains(&word.as_str())).then_some(end)
}

/// A place behind one of these words, if one stands there.
fn past(text: Text<'_>, at: usize, words: &[&str]) -> usize {
    words.iter().find(|word| text.after(at, 4).starts_with(**word)).map_or(at, |word| at + word.len())
}
