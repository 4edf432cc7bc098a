//! Texts as tokens.

use tokenizers::{Tokenizer, TruncationParams};

use super::config::Shape;
use super::error::LocalError;
use super::folder::TOKENIZER;

/// A text as a model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    pub(super) types: Vec<u32>,
}

/// Cuts texts into the tokens of a model.
#[derive(Debug)]
pub(super) struct Cutter {
    tokenizer: Tokenizer,
    lower_case: bool,
}

impl Cutter {
    /// Reads a tokenizer. Its own bounds of length are replaced by those of the shape, as sentence-transformers does.
    pub(super) fn read(bytes: &[u8], shape: &Shape) -> Result<Self, LocalError> {
        let invalid = |error: tokenizers::Error| LocalError::invalid(TOKENIZER, error.to_string());
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(invalid)?;
        let words = tokenizer.get_vocab(true);
        if words.is_empty() {
            return Err(LocalError::invalid(TOKENIZER, "it has no words"));
        }
        let vocabulary = shape.bert.vocab_size;
        if words.values().any(|id| usize::try_from(*id).map_or(true, |id| id >= vocabulary)) {
            let why = format!("it has words that the model, which has {vocabulary}, does not know");
            return Err(LocalError::invalid(TOKENIZER, why));
        }
        // `with_truncation` subtracts these without looking.
        let around = tokenizer
            .get_post_processor()
            .map_or(0, |after| tokenizers::PostProcessor::added_tokens(after, false));
        if around >= shape.max_tokens {
            return Err(LocalError::invalid(TOKENIZER, "it adds more tokens to a text than the model reads"));
        }
        let truncation = TruncationParams { max_length: shape.max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(invalid)?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, lower_case: shape.lower_case })
    }

    /// The tokens of a text, those that stand around it included.
    pub(super) fn cut(&self, text: &str) -> Result<Tokens, String> {
        let lower = self.lower_case.then(|| text.to_lowercase());
        let text = lower.as_deref().unwrap_or(text);
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| error.to_string())?;
        Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }
}
