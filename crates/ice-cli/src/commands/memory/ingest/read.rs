//! What a file says.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ice_core::error::ErrorCode;
use ice_core::memory::{Passage, SourceDocument};
use ice_core::tools::ToolError;
use ice_tools::ingest::{Chunking, Document, Format, Limits, Observer, fingerprint};

use super::report::Failure;
use crate::file;

/// How files are read.
#[derive(Clone, Debug)]
pub(super) struct How {
    pub(super) chunking: Chunking,
    pub(super) format: Option<Format>,
    pub(super) encoding: Option<String>,
    pub(super) limits: Limits,
}

/// Stops the reading.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Observer for Stop {
    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a file is.
#[derive(Debug)]
pub(super) struct Content {
    bytes: Vec<u8>,
    format: Format,
    /// Of its bytes, and of how it is read.
    pub(super) hash: String,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoContent {
    /// It does not say of which kind it is.
    OtherKind(Failure),
    /// It cannot be read.
    Failed(Failure),
}

impl How {
    /// Reads a file. Blocks the thread.
    pub(super) fn open(&self, path: &Path) -> Result<Content, NoContent> {
        // What is of no kind that is read is not read in vain, however large it is.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_name = self.format.map_or_else(|| Format::of(Some(&name), None, b"%PDF-"), Ok);
        if let Err(error) = of_name {
            return Err(NoContent::OtherKind(failure(path, &error)));
        }
        let bytes = file::read(path, self.limits.input_bytes)
            .map_err(|fault| NoContent::Failed(Failure::new(path, fault.code, fault.message)))?;
        let format = self.format.map_or_else(|| Format::of(Some(&name), None, &bytes), Ok);
        let format = format.map_err(|error| NoContent::OtherKind(failure(path, &error)))?;
        let encoding = self.encoding.as_deref();
        let hash = fingerprint(blake3::hash(&bytes).as_bytes(), format, encoding, &self.chunking);
        Ok(Content { bytes, format, hash })
    }

    /// The passages of it. Blocks the thread.
    pub(super) fn passages(
        &self,
        path: &Path,
        name: &str,
        content: Content,
        stop: &Stop,
    ) -> Result<(SourceDocument, Vec<Passage>), Failure> {
        let Content { bytes, format, hash } = content;
        let size = bytes.len() as u64;
        let read = Document::read(bytes, format, self.encoding.as_deref(), &self.limits, stop);
        let document = read.map_err(|error| failure(path, &error))?;
        if document.is_empty() && format == Format::Pdf {
            let reason = "there is no text in it: pictures of text are not read";
            return Err(Failure::new(path, ErrorCode::DataInvalid, reason));
        }
        let (mut source, passages) = document.to_remember(name, format, hash, &self.chunking);
        source.bytes = size;
        Ok((source, passages))
    }
}

fn failure(path: &Path, error: &ToolError) -> Failure {
    Failure::new(path, error.code, error.message.clone())
}
