//! Reading the file of a run from pieces of any size.

use bytes::Bytes;
use ice_core::value::BlobHash;
use serde::Deserialize;

use super::TransferError;
use super::format::{End, Header, Last, MAX_LINE_BYTES, Part, VERSION};

/// Something of a run's file that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The first line.
    Header(Header),
    /// A part with its bytes. Whether these are what its hash names is for the caller to see.
    Part(Part, Bytes),
    /// The last line, which was compared with what came before.
    End(End),
}

/// Reads the file of a run. Holds one part at a time, and no more of it than has come.
#[derive(Debug, Default)]
pub struct Unpacker {
    digest: blake3::Hasher,
    parts: u64,
    /// Bytes that have come before those in `line` and `body`.
    at: u64,
    line: Vec<u8>,
    body: Option<(Part, Vec<u8>)>,
    stage: Stage,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Header,
    Part,
    End,
}

/// The least of a first line by which it is known.
#[derive(Deserialize)]
struct Version {
    ice_run: u32,
}

impl Unpacker {
    /// Takes bytes from the front of `input` until something is complete; nothing if all were taken before that.
    ///
    /// # Errors
    /// [`TransferError`] if they are not those of a run's file; the reader is then of no more use.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Item>, TransferError> {
        while !input.is_empty() {
            if self.stage == Stage::End {
                return Err(TransferError::Trailing { at: self.at });
            }
            let done = if self.body.is_some() { self.body(input)? } else { self.line(input)? };
            if done.is_some() {
                return Ok(done);
            }
        }
        Ok(None)
    }

    /// Whether the end has come.
    ///
    /// # Errors
    /// [`TransferError::Cut`] if it has not.
    pub const fn finish(&self) -> Result<(), TransferError> {
        match self.stage {
            Stage::End => Ok(()),
            Stage::Header | Stage::Part => Err(TransferError::Cut { at: self.at }),
        }
    }

    /// Takes bytes of a part, and of the end of the line behind them.
    fn body(&mut self, input: &mut &[u8]) -> Result<Option<Item>, TransferError> {
        let Some((part, body)) = &mut self.body else { return Ok(None) };
        let size = usize::try_from(part.size()).unwrap_or(usize::MAX);
        let (taken, rest) = input.split_at(input.len().min(size.saturating_sub(body.len())));
        body.extend_from_slice(taken);
        self.digest.update(taken);
        self.at += taken.len() as u64;
        *input = rest;
        let Some((behind, rest)) = input.split_first() else { return Ok(None) };
        if *behind != b'\n' {
            let what = "a part has more bytes than it says".to_owned();
            return Err(TransferError::Line { at: self.at, what });
        }
        self.digest.update(b"\n");
        self.at += 1;
        *input = rest;
        Ok(self.body.take().map(|(part, body)| Item::Part(part, body.into())))
    }

    /// Takes bytes of a line.
    fn line(&mut self, input: &mut &[u8]) -> Result<Option<Item>, TransferError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (taken, rest) = input.split_at(end.unwrap_or(input.len()));
        if self.line.len() + taken.len() > MAX_LINE_BYTES {
            return Err(match self.stage {
                Stage::Header if is_redacted(&self.line) || is_redacted(taken) => TransferError::Redacted,
                Stage::Header => TransferError::Foreign,
                Stage::Part | Stage::End => self.wrong(format!("a line of more than {MAX_LINE_BYTES} bytes")),
            });
        }
        self.line.extend_from_slice(taken);
        *input = rest.strip_prefix(b"\n").unwrap_or(rest);
        if end.is_none() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let item = match self.stage {
            Stage::Header => Some(Item::Header(header(&line)?)),
            Stage::Part if line.starts_with(b"{\"end\"") => Some(Item::End(self.last(&line)?)),
            Stage::Part | Stage::End => {
                self.begin(&line)?;
                None
            }
        };
        if !matches!(item, Some(Item::End(_))) {
            self.digest.update(&line).update(b"\n");
        }
        self.at += line.len() as u64 + 1;
        self.stage = if matches!(item, Some(Item::End(_))) { Stage::End } else { Stage::Part };
        Ok(item)
    }

    fn begin(&mut self, line: &[u8]) -> Result<(), TransferError> {
        let part: Part = serde_json::from_slice(line).map_err(|error| self.wrong(error.to_string()))?;
        if part.size() > part.limit() {
            return Err(TransferError::TooLarge { at: self.at, size: part.size(), limit: part.limit() });
        }
        self.parts += 1;
        self.body = Some((part, Vec::new()));
        Ok(())
    }

    fn last(&self, line: &[u8]) -> Result<End, TransferError> {
        let Last { end } = serde_json::from_slice(line).map_err(|error| self.wrong(error.to_string()))?;
        let digest = BlobHash::from_bytes(*self.digest.finalize().as_bytes());
        if end.digest == digest && end.parts == self.parts { Ok(end) } else { Err(TransferError::Digest) }
    }

    fn wrong(&self, what: String) -> TransferError {
        TransferError::Line { at: self.at, what }
    }
}

/// Whether the first line is that of a redacted copy, which may be longer than other first lines.
fn is_redacted(line: &[u8]) -> bool {
    line.starts_with(b"{\"ice_run_redacted\"")
}

fn header(line: &[u8]) -> Result<Header, TransferError> {
    if is_redacted(line) {
        return Err(TransferError::Redacted);
    }
    let Version { ice_run } = serde_json::from_slice(line).map_err(|_| TransferError::Foreign)?;
    if ice_run != VERSION {
        return Err(TransferError::Newer { found: ice_run, most: VERSION });
    }
    let wrong = |error: serde_json::Error| TransferError::Line { at: 0, what: error.to_string() };
    serde_json::from_slice(line).map_err(wrong)
}

#[cfg(test)]
mod tests;
