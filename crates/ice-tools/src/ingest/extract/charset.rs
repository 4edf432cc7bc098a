//! The encoding that a page states of itself.

use crate::ingest::Format;

/// How many bytes of a page are looked at, as browsers do.
const LOOKED_AT: usize = 1024;

/// The `charset` that an HTML page states at its beginning, if it is one that is known.
pub(crate) fn stated_charset(format: Format, bytes: &[u8]) -> Option<String> {
    if format != Format::Html {
        return None;
    }
    let start: String =
        bytes.iter().take(LOOKED_AT).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let (_, after) = start.split_once("charset")?;
    let label: String = after
        .trim_start_matches([' ', '=', '"', '\''])
        .chars()
        .take_while(|char| char.is_ascii_alphanumeric() || ['-', '_', ':'].contains(char))
        .collect();
    encoding_rs::Encoding::for_label(label.as_bytes()).map(|_| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_state_its_encoding() {
        let check = |page: &str, expected: Option<&str>| {
            assert_eq!(stated_charset(Format::Html, page.as_bytes()).as_deref(), expected, "{page}");
        };
        check("<meta charset=\"ISO-8859-1\">", Some("iso-8859-1"));
        check("<meta content='text/html; charset=windows-1252'>", Some("windows-1252"));
        check("<meta charset=klingon>", None);
        check("<p>charset", None);
        check(&format!("{}<meta charset=latin1>", " ".repeat(2_000)), None);
        assert_eq!(stated_charset(Format::Text, b"charset=latin1"), None);
    }
}
