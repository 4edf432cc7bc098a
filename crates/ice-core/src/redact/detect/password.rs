//! Passwords and tokens without a format of their own, by the words before them.

use std::ops::Range;

use crate::redact::text::Text;

/// The longest value that is read, in bytes.
const LONGEST: usize = 512;

/// What a word before a secret says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redact) enum Cue {
    /// A person thought it up.
    Password,
    /// A machine made it: it is long, and has letters and digits.
    Token,
    /// It follows after a space: `Bearer …`.
    Scheme,
}

/// Words that come before secrets, written small.
pub(in crate::redact) const CUES: &[(&str, Cue)] = &[
    ("password", Cue::Password),
    ("passwd", Cue::Password),
    ("passphrase", Cue::Password),
    ("passcode", Cue::Password),
    ("pwd", Cue::Password),
    ("passwort", Cue::Password),
    ("kennwort", Cue::Password),
    ("mot de passe", Cue::Password),
    ("contraseña", Cue::Password),
    ("senha", Cue::Password),
    ("wachtwoord", Cue::Password),
    ("lösenord", Cue::Password),
    ("hasło", Cue::Password),
    ("api key", Cue::Token),
    ("api_key", Cue::Token),
    ("api-key", Cue::Token),
    ("apikey", Cue::Token),
    ("secret", Cue::Token),
    ("token", Cue::Token),
    ("access_key", Cue::Token),
    ("access key", Cue::Token),
    ("private_key", Cue::Token),
    ("bearer", Cue::Scheme),
    ("authorization: basic", Cue::Scheme),
];

/// What stands where a password would, and is none.
const NONE: &[&str] = &[
    "string",
    "null",
    "none",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "redacted",
    "hidden",
    "removed",
    "masked",
    "secret",
    "password",
    "example",
    "placeholder",
    "changed",
    "empty",
    "invalid",
    "incorrect",
    "missing",
    "expired",
    "protected",
];

/// The secret behind a cue that ends at `at`.
pub(in crate::redact) fn find(text: Text<'_>, at: usize, cue: Cue) -> Option<Range<usize>> {
    let (begin, is_stated) = match cue {
        Cue::Scheme => (text.run(at, 2, |byte| byte == b' '), false),
        Cue::Password | Cue::Token => value(text, at)?,
    };
    let quote = matches!(text.before(begin), b'"' | b'\'' | b'`').then(|| text.before(begin));
    let is_inside = |byte: u8| match quote {
        Some(quote) => byte != quote && byte >= b' ' && byte != b'\\',
        // In the query of a URL the next field follows.
        None if byte == b'&' => text.before(begin) != b'=',
        None => byte > b' ' && !matches!(byte, b',' | b';' | b'"' | b'\'' | b'`' | b')' | b'}' | b'<' | b'>'),
    };
    let end = text.run(begin, LONGEST, is_inside);
    // A sign at the end is that of the sentence.
    let end = if quote.is_none() { text.run_back(end, 2, |byte| matches!(byte, b'.' | b':')) } else { end };
    let found = text.slice(begin..end);
    let is_call = quote.is_none() && found.contains('(');
    if found.starts_with(['$', '{', '<', '%', '[', '*', '(', '/']) || is_call || begin == at {
        return None;
    }
    let has = |class: fn(&u8) -> bool| found.bytes().any(|byte| class(&byte));
    let is_secret = match cue {
        Cue::Password => {
            let is_word = found.bytes().all(|byte| byte.is_ascii_alphabetic());
            let is_none =
                NONE.contains(&found.to_lowercase().as_str()) || found.contains("${") || found.contains("{{");
            let is_strong = !is_word || (is_stated && (quote.is_some() || text.before(begin) == b'='));
            (4..=128).contains(&found.len())
                && !is_none
                && is_strong
                && (quote.is_none() || !found.contains("  "))
        }
        Cue::Token | Cue::Scheme => {
            let is_one = found.bytes().all(|byte| byte.is_ascii_graphic());
            found.len() >= 16 && is_one && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
        }
    };
    is_secret.then_some(begin..end)
}

/// Where the value begins whose name ends at `at`, and whether a sign rather than a word stands between.
fn value(text: Text<'_>, at: usize) -> Option<(usize, bool)> {
    // The rest of the name: `password_prod`, `tokens`.
    let mut place = text.run(at, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    place = text.run(place, 3, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'*' | b']'));
    place = text.run(place, 4, |byte| byte == b' ');
    let signs = text.run(place, 3, |byte| matches!(byte, b':' | b'=' | b'>'));
    let (begin, is_stated) = if signs > place {
        (signs, true)
    } else {
        const WORDS: &[&str] = &["is ", "was ", "ist ", "lautet ", "est ", "es ", "è ", "é ", "to ", "är "];
        let word = WORDS.iter().find(|word| text.after(place, 8).starts_with(**word))?;
        (place + word.len(), false)
    };
    let begin = text.run(begin, 4, |byte| byte == b' ');
    Some((text.run(begin, 2, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\')), is_stated))
}
