//! From the bytes of a document to pieces of its text, each with its place and its hash.
//!
//! A [`Document`] is text with the places where its parts came from; [`Document::chunks`] cuts it, lazily, always the same way, and
//! can go on behind any piece. Nothing here reads a file or the network; what is read is bounded by [`Limits`] and can be stopped
//! by an [`Observer`].
//!
//! ```
//! use ice_tools::ingest::{Chunking, Document, Format, Limits, Silent};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = b"# Rain\n\nIt rains. It pours.\n\n# Sun\n\nIt shines.";
//! let document = Document::read(text.to_vec(), Format::Markdown, None, &Limits::default(), &Silent)?;
//! let chunks: Vec<_> = document.chunks(Chunking::characters(30, 0)?).collect();
//! assert_eq!(chunks.len(), 2);
//! assert_eq!(chunks[1].text, "Sun\n\nIt shines.");
//! assert_eq!(chunks[1].start.headings, ["Sun".to_owned()]);
//! let rest: Vec<_> = document.chunks(Chunking::characters(30, 0)?).after(Some(0)).collect();
//! assert_eq!(rest, chunks[1..]);
//! # Ok(())
//! # }
//! ```

mod chunk;
mod document;
mod extract;
mod format;
mod limits;
mod place;
mod remember;

pub use chunk::{Chunk, Chunking, Chunks};
pub use document::Document;
pub use format::Format;
pub use limits::{Limits, Observer, Silent};
pub use place::Place;
pub use remember::fingerprint;
