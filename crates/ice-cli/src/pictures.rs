//! Pictures that inputs name: how they are told from other files, and how they come to whoever carries the run out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ice_core::llm::MAX_SHOWN_BYTES;
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::{BlobHash, BlobRef, Value};
use ice_orchestrator::control::{BlobPiece, Request, Response};

use crate::data::{Link, LinkError};

/// What is taken for a picture, for people.
pub(crate) const KINDS: &str = "PNG, JPEG, GIF, WebP or PDF";

/// The most bytes of all pictures of one command.
pub(crate) const MAX_ALL_BYTES: u64 = 16 * MAX_SHOWN_BYTES;

/// Bytes that are sent at a time.
const PIECE: usize = 1 << 20;

/// The pictures that inputs name.
#[derive(Debug, Default)]
pub(crate) struct Pictures(Vec<Picture>);

#[derive(Debug)]
struct Picture {
    hash: BlobHash,
    bytes: Vec<u8>,
}

impl Pictures {
    /// Takes a picture in; gives the value that names it.
    pub(crate) fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let (hash, size) = (BlobHash::of(&bytes), bytes.len() as u64);
        if self.0.iter().all(|picture| picture.hash != hash) {
            self.0.push(Picture { hash, bytes });
        }
        Value::Blob(BlobRef { hash, media_type: media_type.to_owned(), size }.into())
    }

    /// The bytes of all of them.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|picture| picture.bytes.len() as u64).sum()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Brings them to the owner of the data folder, who holds them until the run that names them is started.
    ///
    /// # Errors
    /// [`LinkError`] if the owner is gone or refuses them.
    pub(crate) async fn bring(&self, link: &Link) -> Result<(), LinkError> {
        for Picture { hash, bytes } in &self.0 {
            let (upload, mut offset) = (SystemIds.uuid(), 0);
            let mut pieces = bytes.chunks(PIECE).peekable();
            while let Some(piece) = pieces.next() {
                let (data, last) = (BASE64_STANDARD.encode(piece), pieces.peek().is_none());
                let request = Request::Keep(BlobPiece { upload, offset, data, last });
                let answer = link.call(request).await?;
                let is_fine = if last {
                    matches!(answer, Response::Kept { blob, .. } if blob == *hash)
                } else {
                    matches!(answer, Response::Received { .. })
                };
                if !is_fine {
                    return Err(LinkError::astray());
                }
                offset += piece.len() as u64;
            }
        }
        Ok(())
    }
}

/// The media type of a picture, as its first bytes tell, whatever its name.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if begins(b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_picture_is() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n"[..], Some("image/png")),
            (b"\x89PNG\r\n\x1a", None),
            (b"\xff\xd8\xff\xe0..JFIF", Some("image/jpeg")),
            (b"GIF89a.", Some("image/gif")),
            (b"GIF87a", Some("image/gif")),
            (b"GIF88a", None),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"RIFF", None),
            (b"%PDF-1.7", Some("application/pdf")),
            (b"{\"a\": 1}", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_same_picture_is_brought_once() {
        let mut pictures = Pictures::default();
        let first = pictures.add("image/png", b"one".to_vec());
        assert_eq!(pictures.add("image/png", b"one".to_vec()), first);
        pictures.add("image/png", b"other".to_vec());
        assert_eq!((pictures.0.len(), pictures.bytes(), pictures.is_empty()), (2, 8, false));
    }
}
