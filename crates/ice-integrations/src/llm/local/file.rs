//! The files of a model: the GGUF file, and the tokenizer that may lie beside it.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::LocalModelError;

/// A tokenizer of its own, which goes before that of the GGUF file.
const TOKENIZER: &str = "tokenizer.json";
/// The largest such file; that of a hundred languages has 17 MB.
const TOKENIZER_BYTES: u64 = 64 << 20;
/// The most files of a folder that are looked at.
const MOST_FILES: usize = 10_000;

/// The GGUF file that a path means: itself, or the only one in a folder.
pub(super) fn find(path: &Path) -> Result<PathBuf, LocalModelError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if !path.is_dir() {
        return Err(LocalModelError::Missing { path: path.to_owned() });
    }
    let unreadable = |error| LocalModelError::Unreadable { path: path.to_owned(), source: Arc::new(error) };
    let mut found = Vec::new();
    for entry in path.read_dir().map_err(unreadable)?.take(MOST_FILES) {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && file.is_file() {
            found.push(file);
        }
    }
    found.sort_unstable();
    match <[PathBuf; 1]>::try_from(found) {
        Ok([file]) => Ok(file),
        Err(found) if found.is_empty() => Err(LocalModelError::Missing { path: path.to_owned() }),
        Err(found) => {
            let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(LocalModelError::Several { path: path.to_owned(), files: found.iter().map(name).collect() })
        }
    }
}

/// Opens a file, and says how long it is.
pub(super) fn open(path: &Path) -> Result<(File, u64), LocalModelError> {
    let unreadable = |error| LocalModelError::Unreadable { path: path.to_owned(), source: Arc::new(error) };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    Ok((file, length))
}

/// The tokenizer beside a GGUF file, and where it is; nothing if there is none.
pub(super) fn tokenizer(model: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, LocalModelError> {
    let path = model.with_file_name(TOKENIZER);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LocalModelError::Unreadable { path, source: Arc::new(error) }),
    };
    let mut bytes = Vec::new();
    match file.take(TOKENIZER_BYTES + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 <= TOKENIZER_BYTES => Ok(Some((path, bytes))),
        Ok(_) => {
            let why = format!("it has more than {TOKENIZER_BYTES} bytes");
            Err(LocalModelError::Invalid { path, why })
        }
        Err(error) => Err(LocalModelError::Unreadable { path, source: Arc::new(error) }),
    }
}
