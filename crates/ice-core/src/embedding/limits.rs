//! What one call may hold, the same for every embedder.

use super::{EmbedError, EmbedErrorKind};
use crate::llm::Estimate;

/// The most texts of one call.
pub const MAX_TEXTS: usize = 2_048;
/// The most bytes of one text.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most bytes of all texts of one call.
pub const MAX_CALL_BYTES: usize = 16 << 20;
/// Tokens that models put around a text: one before and one after it, and one that some put between.
const AROUND: u64 = 3;

/// Whether texts may be embedded in one call: what every embedder asks first.
///
/// # Errors
/// [`EmbedErrorKind::InvalidRequest`] for more texts or bytes than one call takes and for a text with nothing in it,
/// [`EmbedErrorKind::TextTooLong`] for a text that is too long.
pub fn check(texts: &[String]) -> Result<(), EmbedError> {
    let invalid = |message: String| Err(EmbedError::new(EmbedErrorKind::InvalidRequest, message));
    if texts.len() > MAX_TEXTS {
        return invalid(format!(
            "{} texts are more than the {MAX_TEXTS} of one call: make several calls",
            texts.len()
        ));
    }
    let mut bytes = 0_usize;
    for (at, text) in texts.iter().enumerate() {
        if text.len() > MAX_TEXT_BYTES {
            let message = format!(
                "text {at} has {} bytes, more than the {MAX_TEXT_BYTES} of one text: cut it into pieces",
                text.len()
            );
            return Err(EmbedError::new(EmbedErrorKind::TextTooLong, message));
        }
        // White space has no direction: its vector would be all zeros, or noise.
        if text.trim().is_empty() {
            return invalid(format!("text {at} is empty: leave it out"));
        }
        bytes = bytes.saturating_add(text.len());
    }
    if bytes > MAX_CALL_BYTES {
        return invalid(format!(
            "the texts have {bytes} bytes, more than the {MAX_CALL_BYTES} of one call: make several calls"
        ));
    }
    Ok(())
}

/// The most tokens that texts can be: a token stands for one byte at least, and a few stand around each text.
#[must_use]
pub fn at_most(texts: &[String]) -> Estimate {
    let input_tokens = texts.iter().map(|text| text.len() as u64 + AROUND).sum();
    Estimate { input_tokens, max_output_tokens: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(texts: &[String]) -> (EmbedErrorKind, String) {
        let error = check(texts).unwrap_err();
        (error.kind, error.message)
    }

    #[test]
    fn a_call_holds_no_more_than_its_bounds() {
        let texts = |count: usize, bytes: usize| vec!["x".repeat(bytes); count];
        for good in [texts(0, 0), texts(MAX_TEXTS, 1), texts(16, MAX_TEXT_BYTES)] {
            check(&good).unwrap();
        }
        assert_eq!(
            refusal(&texts(MAX_TEXTS + 1, 1)),
            (
                EmbedErrorKind::InvalidRequest,
                "2049 texts are more than the 2048 of one call: make several calls".to_owned()
            )
        );
        assert_eq!(
            refusal(&texts(1, MAX_TEXT_BYTES + 1)),
            (
                EmbedErrorKind::TextTooLong,
                "text 0 has 1048577 bytes, more than the 1048576 of one text: cut it into pieces".to_owned()
            )
        );
        let mut much = texts(16, MAX_TEXT_BYTES);
        much.push("x".to_owned());
        assert_eq!(
            refusal(&much),
            (
                EmbedErrorKind::InvalidRequest,
                "the texts have 16777217 bytes, more than the 16777216 of one call: make several calls"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_text_has_something_in_it() {
        for empty in ["", " ", "\n\u{2003}"] {
            let refused = refusal(&["a".to_owned(), empty.to_owned()]);
            assert_eq!(refused, (EmbedErrorKind::InvalidRequest, "text 1 is empty: leave it out".to_owned()));
        }
    }

    #[test]
    fn an_estimate_counts_bytes_and_what_stands_around_them() {
        let texts = ["ab", "ü"].map(str::to_owned);
        assert_eq!(at_most(&texts), Estimate { input_tokens: 5 + 5, max_output_tokens: 0 });
    }
}
