//! The files of a model, read whole and within bounds.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::error::LocalError;

/// The shape of the model.
pub(super) const CONFIG: &str = "config.json";
/// Its words.
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// Its numbers.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// How long texts may be.
pub(super) const SENTENCE: &str = "sentence_bert_config.json";
/// What is done with what the model gives.
pub(super) const MODULES: &str = "modules.json";
const NEEDED: [&str; 3] = [CONFIG, TOKENIZER, WEIGHTS];

/// The largest tokenizer; that of a hundred languages has 17 MB.
const TOKENIZER_BYTES: u64 = 64 << 20;
/// The largest of the small files.
const CONFIG_BYTES: u64 = 1 << 20;

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) config: Vec<u8>,
    pub(super) tokenizer: Vec<u8>,
    pub(super) weights: Vec<u8>,
    pub(super) sentence: Option<Vec<u8>>,
    pub(super) modules: Option<Vec<u8>>,
    /// The configuration of the pooling, if `modules` names one.
    pub(super) pooling: Option<Vec<u8>>,
}

impl Files {
    /// Reads the folder of a model whose numbers take `most` bytes at most. `pooling` finds the folder of the pooling in
    /// `modules.json`.
    pub(super) fn read(
        folder: &Path,
        most: u64,
        pooling: impl FnOnce(&[u8]) -> Result<Option<String>, LocalError>,
    ) -> Result<Self, LocalError> {
        let missing: Vec<String> = NEEDED
            .iter()
            .filter(|name| !folder.join(name).is_file())
            .map(|name| (*name).to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(LocalError::Missing { folder: folder.to_owned(), files: missing });
        }
        let needed = |name: &str, most| {
            let lacks = || LocalError::Missing { folder: folder.to_owned(), files: vec![name.to_owned()] };
            read(&folder.join(name), most)?.ok_or_else(lacks)
        };
        let modules = read(&folder.join(MODULES), CONFIG_BYTES)?;
        let pooling = match modules.as_deref().map(pooling).transpose()?.flatten() {
            Some(path) => Some(needed(&format!("{path}/{CONFIG}"), CONFIG_BYTES)?),
            None => None,
        };
        Ok(Self {
            config: needed(CONFIG, CONFIG_BYTES)?,
            tokenizer: needed(TOKENIZER, TOKENIZER_BYTES)?,
            weights: needed(WEIGHTS, most)?,
            sentence: read(&folder.join(SENTENCE), CONFIG_BYTES)?,
            modules,
            pooling,
        })
    }

    /// The beginning of a hash over all of them: two models whose vectors could differ have different ones.
    pub(super) fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let optional = [&self.sentence, &self.modules, &self.pooling];
        let all = [&self.config, &self.tokenizer, &self.weights].map(Some).into_iter();
        for file in all.chain(optional.map(Option::as_ref)) {
            let bytes = file.map_or(&[][..], Vec::as_slice);
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        }
        hasher.finalize().to_hex().chars().take(12).collect()
    }
}

/// A file, if it is there.
fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, LocalError> {
    let unreadable = |source| LocalError::Unreadable { file: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(LocalError::TooLarge { file: path.to_owned(), most });
    }
    Ok(Some(bytes))
}
