//! The words of a model: from texts to tokens and back.

use std::collections::BTreeSet;

use candle_core::quantized::gguf_file::Content;
use tokenizers::Tokenizer;

use super::error::Flaw;
use super::gguf::clip;
use super::shape::number;

/// What ends an answer in the formats of well-known models, if it is a word of the model that means nothing else.
const ENDS: [&str; 6] = ["<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "</s>"];
/// The most words that have a meaning of their own; Llama 3 has 256.
const MOST_CONTROLS: usize = 4_096;

/// The words of a model.
#[derive(Debug)]
pub(super) struct Words {
    tokenizer: Tokenizer,
    /// The words that steer a model: what a message says must not have them.
    controls: Vec<String>,
    ends: BTreeSet<u32>,
    /// What a conversation begins with, if its template does not say so.
    begin: Option<u32>,
}

impl Words {
    /// Takes a tokenizer for a model that has numbers for so many words.
    pub(super) fn new(tokenizer: Tokenizer, content: &Content, words: usize) -> Result<Self, Flaw> {
        let vocabulary = tokenizer.get_vocab(true);
        if let Some((word, _)) =
            vocabulary.iter().find(|(_, id)| usize::try_from(**id).map_or(true, |id| id >= words))
        {
            let why = format!("the tokenizer knows `{}`, and the model has only {words} words", clip(word));
            return Err(Flaw::invalid(why));
        }
        let controls: Vec<String> = tokenizer
            .get_added_tokens_decoder()
            .into_values()
            .filter(|token| token.special && token.content.chars().nth(1).is_some())
            .map(|token| token.content)
            .collect();
        if controls.len() > MOST_CONTROLS {
            return Err(Flaw::unsupported(format!(
                "more than {MOST_CONTROLS} words that steer the model: use another one"
            )));
        }
        let ends = ENDS.iter().filter(|end| controls.iter().any(|control| control == *end));
        let named = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
        let named = named.iter().filter_map(|name| number(content, name));
        let ends: BTreeSet<u32> = ends.filter_map(|end| tokenizer.token_to_id(end)).chain(named).collect();
        if ends.is_empty() {
            return Err(Flaw::invalid("it has no word that ends an answer"));
        }
        let adds = content.metadata.get("tokenizer.ggml.add_bos_token");
        let begin = number(content, "tokenizer.ggml.bos_token_id")
            .filter(|_| adds.is_some_and(|adds| adds.to_bool().unwrap_or_default()));
        Ok(Self { tokenizer, controls, ends, begin })
    }

    /// Whether the model has all of these words, with a meaning of their own.
    pub(super) fn has_controls(&self, words: &[&str]) -> bool {
        words.iter().all(|word| self.controls.iter().any(|control| control == word))
    }

    /// The word of a token that is named in the file; nothing if there is none.
    pub(super) fn named(&self, content: &Content, name: &str) -> Option<String> {
        self.tokenizer.id_to_token(number(content, name)?)
    }

    /// What is said, without words that steer the model: they are broken up and read as text.
    pub(super) fn harmless(&self, said: &str) -> String {
        let mut harmless = said.to_owned();
        for control in &self.controls {
            if harmless.contains(control.as_str()) {
                let mut letters = control.chars();
                let broken: String = letters.next().into_iter().chain(['\u{200b}']).chain(letters).collect();
                harmless = harmless.replace(control.as_str(), &broken);
            }
        }
        harmless
    }

    /// The tokens of a conversation as the model reads it.
    pub(super) fn tokens(&self, conversation: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(conversation, false).map_err(|error| error.to_string())?;
        let read = encoding.get_ids();
        let missing = self.begin.filter(|begin| read.first() != Some(begin));
        Ok(missing.into_iter().chain(read.iter().copied()).collect())
    }

    /// Whether a token ends an answer.
    pub(super) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The text of some tokens.
    pub(super) fn text(&self, tokens: &[u32]) -> Result<String, String> {
        self.tokenizer.decode(tokens, true).map_err(|error| error.to_string())
    }
}

/// Tokens that become text one by one. What is no text yet, such as half a character, waits for what follows.
#[derive(Debug)]
pub(super) struct Spoken<'w> {
    words: &'w Words,
    tokens: Vec<u32>,
    /// So many of the tokens were told already, and so many stand before the last ones told: what a token says may depend on
    /// the one before it.
    told: usize,
    before: usize,
}

impl<'w> Spoken<'w> {
    pub(super) fn new(words: &'w Words) -> Self {
        Self { words, tokens: Vec::new(), told: 0, before: 0 }
    }

    /// What is new with a further token.
    pub(super) fn push(&mut self, token: u32) -> Result<String, String> {
        self.tokens.push(token);
        let new = self.new_text()?;
        if new.ends_with('\u{fffd}') {
            return Ok(String::new());
        }
        self.before = self.told;
        self.told = self.tokens.len();
        Ok(new)
    }

    /// What is left at the end: half a character is told as one that is unknown.
    pub(super) fn rest(&self) -> Result<String, String> {
        if self.told == self.tokens.len() { Ok(String::new()) } else { self.new_text() }
    }

    fn new_text(&self) -> Result<String, String> {
        let text = |end: usize| match self.tokens.get(self.before..end) {
            Some(tokens) => self.words.text(tokens),
            None => Ok(String::new()),
        };
        let (known, whole) = (text(self.told)?, text(self.tokens.len())?);
        Ok(whole.strip_prefix(&*known).unwrap_or_default().to_owned())
    }
}
