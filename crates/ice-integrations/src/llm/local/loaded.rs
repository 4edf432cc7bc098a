//! A model in memory.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_transformers::models::quantized_llama::ModelWeights;
use tokenizers::Tokenizer;

use super::chat::Chat;
use super::error::{Flaw, LocalModelError};
use super::shape::ModelShape;
use super::words::Words;
use super::{file, gguf, tokenizer};

/// A model in memory, shared by all that ask it.
pub(super) struct Loaded {
    /// What it is called: its file, without the end.
    pub(super) called: String,
    /// The longest conversation with its answer, in tokens.
    pub(super) context: usize,
    pub(super) words: Words,
    pub(super) chat: Chat,
    weights: ModelWeights,
}

impl Loaded {
    /// Loads the model of a file or folder. Takes as long as reading it.
    pub(super) fn load(path: &Path) -> Result<Self, LocalModelError> {
        let path = file::find(path)?;
        let (opened, length) = file::open(&path)?;
        let mut reader = BufReader::new(opened);
        let content = gguf::read(&mut reader, length).map_err(|flaw| flaw.of(&path))?;
        let shape = ModelShape::read(&content).map_err(|flaw| flaw.of(&path))?;
        let (words_from, tokenizer) = read_tokenizer(&path, &content)?;
        let words = Words::new(tokenizer, &content, shape.words).map_err(|flaw| flaw.of(&words_from))?;
        let chat = Chat::of(&content, &words).map_err(|flaw| flaw.of(&path))?;
        let weights = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu);
        let weights = weights.map_err(|error| Flaw::from(error).of(&path))?;
        let called = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { called, context: shape.context, words, chat, weights })
    }

    /// The model for one conversation: its numbers are shared, what it remembers is its own.
    pub(super) fn conversation(&self) -> ModelWeights {
        self.weights.clone()
    }
}

/// The tokenizer beside a file, else that of the file itself, and where it stands.
fn read_tokenizer(
    path: &Path,
    content: &candle_core::quantized::gguf_file::Content,
) -> Result<(PathBuf, Tokenizer), LocalModelError> {
    let Some((beside, bytes)) = file::tokenizer(path)? else {
        let own = tokenizer::of(content).map_err(|flaw| flaw.of(path))?;
        return Ok((path.to_owned(), own));
    };
    let mut read = Tokenizer::from_bytes(bytes).map_err(|error| {
        let why: String = error.to_string().chars().take(200).collect();
        Flaw::invalid(why).of(&beside)
    })?;
    // Its own bounds of length are for other uses.
    read.with_truncation(None).map_err(|error| Flaw::invalid(error.to_string()).of(&beside))?;
    read.with_padding(None);
    Ok((beside, read))
}
