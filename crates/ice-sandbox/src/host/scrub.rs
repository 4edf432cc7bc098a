//! Taking secrets out of an output, wherever the pieces in which it comes begin and end.

use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// What stands for each byte of a secret.
const MASK: u8 = b'*';

/// The most lines of a secret that are looked for one by one: each byte of the output is held against every one.
const MOST_LINES: usize = 100;
/// The shortest secret, or line of one, that is looked for, in bytes.
const SHORTEST: usize = 4;

/// Looks for secrets in a stream, and holds back what may be the beginning of one.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    searches: Vec<Search>,
    /// What was held back, and for each byte whether it is part of a secret.
    held: Vec<(u8, bool)>,
}

impl Scrub {
    pub(super) fn of(secrets: &[SecretBytes]) -> Self {
        Self { searches: secrets.iter().flat_map(forms).map(Search::new).collect(), held: Vec::new() }
    }

    /// Whether it looks for nothing, so that everything passes as it is.
    pub(super) fn is_idle(&self) -> bool {
        self.searches.is_empty()
    }

    /// What can be told of the stream once this has come, with as many bytes for each secret as it has.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.is_idle() {
            return bytes.to_vec();
        }
        for byte in bytes {
            self.held.push((*byte, false));
            for search in &mut self.searches {
                let found = search.next(*byte);
                let begin = self.held.len().saturating_sub(found);
                self.held.iter_mut().skip(begin).for_each(|(_, is_secret)| *is_secret = true);
            }
        }
        let begun = self.searches.iter().map(|search| search.matched).max().unwrap_or(0);
        self.release(begun)
    }

    /// What is left at the end of the stream.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.release(0)
    }

    fn release(&mut self, but: usize) -> Vec<u8> {
        let known = self.held.len().saturating_sub(but);
        self.held.drain(..known).map(|(byte, is_secret)| if is_secret { MASK } else { byte }).collect()
    }
}

/// The forms in which a secret is looked for: as it is, without line ends behind it, which who prints it may leave out; each of
/// its lines; and both as they stand in JSON, also in JSON of ASCII alone. What is shorter than [`SHORTEST`] is looked for
/// in no form: it would be found everywhere.
fn forms(secret: &SecretBytes) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = secret.expose();
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let whole = bytes.get(..end).unwrap_or_default();
    let lines = whole.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    for part in [whole].into_iter().chain(lines.take(MOST_LINES)).filter(|part| part.len() >= SHORTEST) {
        let plain = Zeroizing::new(part.to_vec());
        for form in [Some(plain), in_json(part, false), in_json(part, true)].into_iter().flatten() {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// A text as it stands between the quotes of JSON; nothing if it is no text.
fn in_json(bytes: &[u8], in_ascii: bool) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Room for all of it from the start: what grows leaves copies behind.
    let mut written = Zeroizing::new(Vec::with_capacity(bytes.len() * 6));
    for character in text.chars() {
        let short = match character {
            '"' => b'"',
            '\\' => b'\\',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            '\u{8}' => b'b',
            '\u{c}' => b'f',
            _ => 0,
        };
        let must = u32::from(character) < 0x20 || (in_ascii && !character.is_ascii());
        if short != 0 {
            written.extend_from_slice(&[b'\\', short]);
        } else if must {
            for unit in character.encode_utf16(&mut [0; 2]) {
                written.extend_from_slice(b"\\u");
                let digit = |shift: u16| b"0123456789abcdef".get(usize::from((*unit >> shift) & 15)).copied();
                written.extend([12, 8, 4, 0].into_iter().filter_map(digit));
            }
        } else {
            written.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Some(written)
}

/// The search for one secret, byte by byte, each looked at a constant number of times (Knuth, Morris, Pratt): what a
/// command writes cannot make it slow.
struct Search {
    secret: Zeroizing<Vec<u8>>,
    /// For each length of a match, the longest shorter one that it ends with.
    shorter: Vec<usize>,
    matched: usize,
}

impl Search {
    fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        let mut search = Self { shorter: vec![0], matched: 0, secret };
        for at in 1..search.secret.len() {
            let Some(byte) = search.secret.get(at).copied() else { break };
            search.advance(byte);
            search.shorter.push(search.matched);
        }
        search.matched = 0;
        search
    }

    fn advance(&mut self, byte: u8) {
        while self.matched > 0 && self.secret.get(self.matched) != Some(&byte) {
            self.matched = self.fallback();
        }
        if self.secret.get(self.matched) == Some(&byte) {
            self.matched += 1;
        }
    }

    fn fallback(&self) -> usize {
        self.shorter.get(self.matched - 1).copied().unwrap_or(0)
    }

    /// Takes a byte; how many bytes up to it are the secret.
    fn next(&mut self, byte: u8) -> usize {
        self.advance(byte);
        if self.matched < self.secret.len() {
            return 0;
        }
        self.matched = self.fallback();
        self.secret.len()
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Search(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scrubbed(secrets: &[&[u8]], pieces: &[&[u8]]) -> Vec<u8> {
        let secrets: Vec<SecretBytes> = secrets.iter().map(|secret| SecretBytes::new(*secret)).collect();
        let mut scrub = Scrub::of(&secrets);
        let mut all: Vec<u8> = pieces.iter().flat_map(|piece| scrub.pass(piece)).collect();
        all.extend(scrub.rest());
        all
    }

    #[test]
    fn secrets_are_taken_out_across_pieces_and_others_are_left() {
        let secrets: [&[u8]; 2] = [b"hunter2\n", b"abcab"];
        let check = |pieces: &[&[u8]], expected: &str| {
            assert_eq!(String::from_utf8(scrubbed(&secrets, pieces)).unwrap(), expected, "{pieces:?}");
        };
        check(&[b"it is hunter2 still"], "it is ******* still");
        check(&[b"it is hun", b"t", b"er2"], "it is *******");
        check(&[b"hunhunter2"], "hun*******");
        check(&[b"abcabcab"], "********");
        check(&[b"hunter", b"1 abca"], "hunter1 abca");
        check(&[], "");
    }

    #[test]
    fn secrets_are_taken_out_as_they_stand_in_json_and_line_by_line() {
        let secret = "pa\"ss\\wörd\u{1f980}\nsecond line\r\nxyz";
        let secrets: [&[u8]; 1] = [secret.as_bytes()];
        let check = |text: &str, expected: &str| {
            assert_eq!(
                String::from_utf8(scrubbed(&secrets, &[text.as_bytes()])).unwrap(),
                expected,
                "{text}"
            );
        };
        check(&format!("<{secret}>"), &format!("<{}>", "*".repeat(secret.len())));
        let json = serde_json::to_string(secret).unwrap();
        check(&json, &format!("\"{}\"", "*".repeat(json.len() - 2)));
        let ascii = r#""pa\"ss\\w\u00f6rd\ud83e\udd80\nsecond line\r\nxyz""#;
        check(ascii, &format!("\"{}\"", "*".repeat(ascii.len() - 2)));
        check("a second line b", "a *********** b");
        // What is shorter would be found everywhere.
        check("xyz", "xyz");
        assert_eq!(scrubbed(&[b"1"], &[b"{\"n\": 1}"]), b"{\"n\": 1}");
    }

    proptest! {
        #[test]
        fn no_secret_is_left_however_it_is_cut(
            secret in "[ab]{4,6}",
            pieces in prop::collection::vec("[ab]{0,6}", 0..20),
        ) {
            let all = pieces.concat();
            let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
            let found = scrubbed(&[secret.as_bytes()], &pieces);
            let mut expected = all.clone().into_bytes();
            for at in 0..all.len() {
                if all[at..].starts_with(&secret) {
                    expected[at..at + secret.len()].fill(MASK);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
