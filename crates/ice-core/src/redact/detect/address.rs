//! Addresses of houses, flats and post boxes.

use std::ops::Range;

use crate::redact::text::{Text, is_word};

/// How a word for a street stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redact) enum Cue {
    /// `12 Baker Street`: number, name, this.
    Last,
    /// `12 rue de la Paix`: number, this, name.
    Middle,
    /// `Calle Mayor 10`: this, name, number.
    First,
    /// `Hauptstraße 5`: name that ends so, number.
    End,
    /// `P.O. Box 12`: this, number.
    Box,
}

/// Words for streets, written small.
#[rustfmt::skip]
pub(in crate::redact) const CUES: &[(&str, Cue)] = {
    use Cue::{Box, End, First, Last, Middle};
    &[
        (" street", Last), (" st", Last), (" road", Last), (" rd", Last), (" avenue", Last), (" ave", Last), (" lane", Last), (" drive", Last),
        (" dr", Last), (" boulevard", Last), (" blvd", Last), (" court", Last), (" square", Last), (" terrace", Last), (" way", Last),
        (" crescent", Last), (" highway", Last), (" parkway", Last), (" close", Last), (" gardens", Last), (" ln", Last), (" place", Last),
        (" circle", Last), (" row", Last), (" hill", Last), (" grove", Last), (" mews", Last),
        ("rue ", Middle), ("avenue ", Middle), ("boulevard ", Middle), ("place ", Middle), ("chemin ", Middle), ("allée ", Middle),
        ("impasse ", Middle), ("quai ", Middle), ("route ", Middle), ("cours ", Middle),
        ("calle ", First), ("c/ ", First), ("avenida ", First), ("avda. ", First), ("av. ", First), ("plaza ", First), ("paseo ", First),
        ("via ", First), ("viale ", First), ("piazza ", First), ("corso ", First), ("rua ", First), ("travessa ", First), ("praça ", First),
        ("largo ", First), ("alameda ", First), ("ul. ", First), ("ulica ", First), ("al. ", First), ("carrer ", First),
        ("straße", End), ("strasse", End), ("str.", End), ("weg", End), ("platz", End), ("allee", End), ("gasse", End), ("ring", End),
        ("damm", End), ("ufer", End), ("straat", End), ("laan", End), ("gracht", End), ("kade", End), ("plein", End), ("dijk", End),
        ("singel", End), ("gatan", End), ("vägen", End), ("gade", End), ("vej", End), ("gata", End), ("veien", End), ("katu", End),
        ("p.o. box", Box), ("po box", Box), ("postfach", Box), ("apartado de correos", Box), ("casella postale", Box), ("boîte postale", Box),
        ("postbus", Box), ("caixa postal", Box),
    ]
};

/// The address in which a cue stands at this range.
pub(in crate::redact) fn find(text: Text<'_>, cue: Range<usize>, what: Cue) -> Option<Range<usize>> {
    match what {
        Cue::Last => last(text, cue),
        Cue::Middle => middle(text, cue),
        Cue::First => first(text, cue),
        Cue::End => end(text, cue),
        Cue::Box => {
            let number = text.run(cue.end, 3, |byte| matches!(byte, b' ' | b':' | b'#'));
            let digits = text.run(number, 10, |byte| byte.is_ascii_digit() || byte == b' ');
            let digits = text.run_back(digits, 10, |byte| byte == b' ');
            (digits > number && text.begins_word(cue.start) && !is_word(text.at(digits)))
                .then(|| cue.start..place(text, digits))
        }
    }
}

/// `221B Baker Street, London NW1 6XE`.
fn last(text: Text<'_>, cue: Range<usize>) -> Option<Range<usize>> {
    if !text.at(cue.start + 1).is_ascii_uppercase() || is_word(text.at(cue.end)) {
        return None;
    }
    let before = text.back(cue.start, 64);
    let offset = cue.start - before.len();
    let mut from = before.len();
    // Back over words that begin with a large letter or a digit, up to the number of the house.
    for words in 0..6 {
        let begin = before.get(..from)?.rfind([' ', '\n', ',', '(', '"', ':']).map_or(0, |at| at + 1);
        let word = before.get(begin..from)?;
        if words > 0 && is_house(word) && (offset + begin == 0 || !is_word(text.before(offset + begin))) {
            let stop = usize::from(text.at(cue.end) == b'.' && text.slice(cue.start..cue.end).len() <= 5);
            return Some(offset + begin..place(text, unit(text, cue.end + stop)));
        }
        let first = word.chars().next()?;
        let is_name = first.is_uppercase() || is_ordinal(word) || word == "of";
        from = begin.checked_sub(1).filter(|from| is_name && before.as_bytes().get(*from) == Some(&b' '))?;
    }
    None
}

/// `12, rue de la Paix, 75002 Paris`.
fn middle(text: Text<'_>, cue: Range<usize>) -> Option<Range<usize>> {
    if !text.begins_word(cue.start) {
        return None;
    }
    let before = text.back(cue.start, 16).trim_end_matches([' ', ',']);
    if before.len() == text.back(cue.start, 16).len() {
        return None;
    }
    let before = before.trim_end_matches(" bis").trim_end_matches(" ter");
    let offset = text.back(cue.start, 16);
    let number = before.rsplit([' ', '\n', ':', '"', '(', ',']).next().filter(|number| is_house(number))?;
    let start = cue.start - offset.len() + before.len() - number.len();
    let end = name(text, cue.end, 5)?;
    Some(start..place(text, end))
}

/// `Calle de Alcalá, 10, 28014 Madrid`.
fn first(text: Text<'_>, cue: Range<usize>) -> Option<Range<usize>> {
    if !text.begins_word(cue.start) {
        return None;
    }
    let end = name(text, cue.end, 5)?;
    Some(cue.start..place(text, house(text, end)?))
}

/// `Hauptstraße 5a, 10115 Berlin`.
fn end(text: Text<'_>, cue: Range<usize>) -> Option<Range<usize>> {
    let begin =
        text.run_back(cue.start, 40, |byte| byte.is_ascii_alphabetic() || byte >= 0x80 || byte == b'-');
    let word = text.slice(begin..cue.end);
    let apart = begin == cue.start;
    // `Lange Straße 5`, `Prager Ring 5`: the word before begins the name.
    let start = if apart {
        let before = text.back(begin, 32).strip_suffix(' ')?;
        let word = before.rsplit([' ', '\n', '"', ':', '(']).next()?;
        word.chars().next().filter(|first| first.is_uppercase())?;
        begin - 1 - word.len()
    } else {
        begin
    };
    word.chars().next().filter(|first| first.is_uppercase())?;
    Some(start..place(text, house(text, cue.end)?))
}

/// The end of a name of at most so many words, the first of which that are no particles begin with a large letter or a digit.
fn name(text: Text<'_>, at: usize, most: usize) -> Option<usize> {
    let (mut place, mut end) = (at, None);
    for _ in 0..most {
        let near = text.after(place, 40);
        let length = near
            .find(|sign: char| !(sign.is_alphabetic() || matches!(sign, '\'' | '’' | '-')))
            .unwrap_or(near.len());
        let word = near.get(..length)?;
        let first = word.chars().next();
        let bare = word.strip_prefix("d'").or_else(|| word.strip_prefix("l'")).unwrap_or(word);
        let is_name = bare.chars().next().is_some_and(char::is_uppercase);
        let is_particle = matches!(
            word,
            "de" | "du"
                | "des"
                | "la"
                | "le"
                | "les"
                | "del"
                | "della"
                | "dei"
                | "do"
                | "da"
                | "dos"
                | "das"
                | "di"
                | "los"
                | "las"
                | "y"
                | "e"
                | "i"
        );
        if first.is_none() || !(is_name || is_particle) {
            break;
        }
        if is_name {
            end = Some(place + length);
        }
        if text.at(place + length) != b' ' {
            break;
        }
        place += length + 1;
    }
    end
}

/// The end of the number of a house behind the name of a street.
fn house(text: Text<'_>, at: usize) -> Option<usize> {
    let mut place = text.run(at, 2, |byte| matches!(byte, b',' | b' '));
    for mark in ["nº ", "n° ", "n.º ", "no. ", "num. ", "n. ", "nr. ", "nr "] {
        if text.after(place, 6).to_lowercase().starts_with(mark) {
            place += mark.len();
            break;
        }
    }
    let digits = text.run(place, 5, |byte| byte.is_ascii_digit());
    if digits == place || digits - place > 4 || place == at {
        return None;
    }
    // `5a`, `5 b`, `5-7`, `5/12`.
    let mut end = digits;
    let letter = text.at(end).is_ascii_alphabetic() && !is_word(text.at(end + 1));
    end += usize::from(letter);
    if matches!(text.at(end), b'-' | b'/') {
        let more = text.run(end + 1, 4, |byte| byte.is_ascii_digit());
        end = if more > end + 1 { more } else { end };
    }
    // A date or an amount is no house.
    let goes_on = matches!(text.at(end), b'.' | b':' | b'/') && text.at(end + 1).is_ascii_digit();
    (!is_word(text.at(end)) && !goes_on && text.at(end) != b'%').then_some(end)
}

/// The end of a flat or suite behind a street.
fn unit(text: Text<'_>, at: usize) -> usize {
    const UNITS: &[&str] = &[
        ", apt. ",
        ", apt ",
        " apt. ",
        " apt ",
        ", apartment ",
        ", suite ",
        " suite ",
        ", flat ",
        ", unit ",
        ", #",
        " #",
        ", floor ",
    ];
    let near = text.after(at, 14).to_ascii_lowercase();
    let Some(mark) = UNITS.iter().find(|mark| near.starts_with(**mark)) else { return at };
    let end = text.run(at + mark.len(), 6, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let has_number = text
        .slice(at + mark.len()..end)
        .bytes()
        .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if has_number { end } else { at }
}

/// The end of the town and its code behind a street, if they are there: `, 10115 Berlin`, `, Springfield, IL 62704`,
/// `, London NW1 6XE`, `, 1016 AB Amsterdam`.
fn place(text: Text<'_>, at: usize) -> usize {
    let separated = [", ", " - ", "\n", " in "].iter().find(|sign| text.after(at, 4).starts_with(**sign));
    let Some(begin) = separated.map(|sign| at + sign.len()) else { return at };
    code_first(text, begin).or_else(|| code_last(text, begin)).unwrap_or(at)
}

/// `10115 Berlin`, `1016 AB Amsterdam`, `00-950 Warszawa`, `D-10115 Berlin`, `123 45 Stockholm`.
fn code_first(text: Text<'_>, at: usize) -> Option<usize> {
    let country = text.run(at, 2, |byte| byte.is_ascii_uppercase());
    let digits_at = if country > at && text.at(country) == b'-' { country + 1 } else { at };
    let mut end = text.run(digits_at, 5, |byte| byte.is_ascii_digit());
    if end < digits_at + 2 {
        return None;
    }
    if matches!(text.at(end), b'-' | b' ') && text.at(end + 1).is_ascii_digit() {
        end = text.run(end + 1, 4, |byte| byte.is_ascii_digit());
    }
    if text.slice(digits_at..end).bytes().filter(u8::is_ascii_digit).count() < 4 {
        return None;
    }
    let letters = text.run(end + 1, 3, |byte| byte.is_ascii_uppercase());
    if text.at(end) == b' ' && letters == end + 3 && text.at(letters) == b' ' {
        end = letters;
    }
    if text.at(end) != b' ' {
        return Some(end);
    }
    Some(name(text, end + 1, 3).unwrap_or(end))
}

/// `Springfield, IL 62704`, `London NW1 6XE`.
fn code_last(text: Text<'_>, at: usize) -> Option<usize> {
    let town = name(text, at, 4)?;
    let near = text.after(town, 24);
    let rest = near.trim_start_matches([',', ' ']);
    let from = town + near.len() - rest.len();
    let letters = text.run(from, 3, |byte| byte.is_ascii_uppercase());
    let digits = letters + usize::from(text.at(letters) == b' ');
    // A state and a code of five digits, nine with the extension.
    let five = text.run(digits, 5, |byte| byte.is_ascii_digit());
    if letters == from + 2 && five == digits + 5 {
        let more = text.run(five + 1, 4, |byte| byte.is_ascii_digit());
        return Some(if text.at(five) == b'-' && more == five + 5 { more } else { five });
    }
    // The code of the United Kingdom. Its begin may have been taken for a part of the town.
    let inward = |at: usize| {
        let outward = text.run(at, 5, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let end = outward + 4;
        let is_code = (2..=4).contains(&(outward - at))
            && text.at(outward) == b' '
            && text.at(outward + 1).is_ascii_digit()
            && text.at(outward + 2).is_ascii_uppercase()
            && text.at(outward + 3).is_ascii_uppercase();
        (is_code && !is_word(text.at(end))).then_some(end)
    };
    let word = text.run_back(town, 3, |byte| byte.is_ascii_uppercase());
    inward(from)
        .or_else(|| inward(word))
        .or(Some(town).filter(|_| near.starts_with(['.', '\n', '"', ';']) || near.is_empty()))
}

/// Whether a word is the number of a house: `12`, `221B`, `12-14`.
fn is_house(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let rest = word.get(digits..).unwrap_or("");
    let is_range = rest.strip_prefix('-').is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 4 && rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    (1..=5).contains(&digits)
        && (rest.is_empty()
            || is_range
            || (rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_alphabetic())))
}

/// Whether a word is `5th`, `42nd` and the like.
fn is_ordinal(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && matches!(word.get(digits..), Some("st" | "nd" | "rd" | "th"))
}
