//! Documents as memory takes them in.

use ice_core::memory::{Passage, SourceDocument};
use ice_core::value::Value;

use super::chunk::{Chunk, Chunking};
use super::document::Document;
use super::format::Format;
use super::place::Place;

/// The most headings and the most characters of one that a passage keeps; the innermost are kept.
const MAX_HEADINGS: usize = 6;
const MAX_HEADING: usize = 100;
/// The longest pointer that a passage keeps, in bytes.
const MAX_POINTER: usize = 1_000;

/// Of what a document was made and how it is cut: what has the same has the same passages. `hash` is that of its bytes, as
/// [`Document::hash`] has it, so that a document that is known need not be read.
///
/// ```
/// use ice_tools::ingest::{Chunking, Document, Format, Limits, Silent, fingerprint};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let how = Chunking::characters(1_000, 100)?;
/// let document = Document::read(b"It rains.".to_vec(), Format::Text, None, &Limits::default(), &Silent)?;
/// let hash = fingerprint(document.hash(), Format::Text, None, &how);
/// let (source, passages) = document.to_remember("rain.txt", Format::Text, hash, &how);
/// assert_eq!((source.passages, passages[0].text.as_str()), (1, "It rains."));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn fingerprint(hash: &[u8; 32], format: Format, encoding: Option<&str>, how: &Chunking) -> String {
    let mut digest = blake3::Hasher::new_derive_key("ice document 1");
    digest.update(hash).update(format!("{format:?} {encoding:?} {}", how.told()).as_bytes());
    digest.finalize().to_hex().to_string()
}

impl Document {
    /// As what [`Memory::ingest`](ice_core::memory::Memory::ingest) takes: the document under a name, and its passages. `hash` is its
    /// [`fingerprint`].
    #[must_use]
    pub fn to_remember(
        &self,
        name: &str,
        format: Format,
        hash: String,
        how: &Chunking,
    ) -> (SourceDocument, Vec<Passage>) {
        let passages: Vec<Passage> = self.chunks(how.clone()).map(Passage::from).collect();
        let mut source = SourceDocument::new(name, hash, passages.len() as u64);
        source.format = Some(format.name().to_owned());
        (source, passages)
    }
}

impl From<Chunk> for Passage {
    fn from(chunk: Chunk) -> Self {
        Self { start: place(&chunk.start), end: place(&chunk.end), ..Self::new(chunk.index, chunk.text) }
    }
}

/// A place within the bounds of a passage.
fn place(place: &Place) -> Value {
    let whole = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let Place { page, line, bytes, row, pointer, headings } = place;
    let mut fields: Vec<(&'static str, Value)> = Vec::new();
    fields.extend(page.map(|page| ("page", Value::from(i64::from(page)))));
    fields.extend(line.map(|line| ("line", whole(line))));
    fields.extend(
        bytes
            .as_ref()
            .map(|bytes| ("bytes", Value::map([("start", whole(bytes.start)), ("end", whole(bytes.end))]))),
    );
    fields.extend(row.map(|row| ("row", whole(row))));
    let pointer = pointer.as_ref().filter(|pointer| pointer.len() <= MAX_POINTER);
    fields.extend(pointer.map(|pointer| ("pointer", Value::from(pointer.as_str()))));
    if !headings.is_empty() {
        let innermost = headings.iter().skip(headings.len().saturating_sub(MAX_HEADINGS));
        let short = |heading: &String| Value::from(heading.chars().take(MAX_HEADING).collect::<String>());
        fields.push(("headings", Value::list(innermost.map(short))));
    }
    Value::map(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Limits, Silent};

    fn read(text: &str, format: Format) -> Document {
        Document::read(text.as_bytes().to_vec(), format, None, &Limits::default(), &Silent).unwrap()
    }

    #[test]
    fn places_go_along_within_their_bounds() {
        let deep: String =
            (1..=9).map(|level| format!("{} {}\n\n", "#".repeat(level.min(6)), "h".repeat(300))).collect();
        let document = read(&format!("{deep}It rains."), Format::Markdown);
        let how = Chunking::characters(400, 0).unwrap();
        let (source, passages) = document.to_remember("a.md", Format::Markdown, "h".to_owned(), &how);
        assert_eq!((source.passages, source.format.as_deref()), (passages.len() as u64, Some("markdown")));
        let last = passages.last().unwrap();
        assert!(last.end.weight(4_096) <= 4_096, "{:?}", last.end);
        assert!(last.end.get("line").unwrap().as_u64() > Some(10));
        let keys: String = format!("{{{:?}: 1}}", "k".repeat(5_000));
        let (_, passages) =
            read(&keys, Format::Json).to_remember("a.json", Format::Json, "h".to_owned(), &how);
        assert!(passages.iter().all(|passage| passage.start.get("pointer").is_none()), "{passages:?}");
    }

    #[test]
    fn another_way_of_reading_or_cutting_is_another_fingerprint() {
        let how = |size, overlap| Chunking::characters(size, overlap).unwrap();
        let mut all = vec![
            fingerprint(&[0; 32], Format::Text, None, &how(10, 0)),
            fingerprint(&[1; 32], Format::Text, None, &how(10, 0)),
            fingerprint(&[0; 32], Format::Markdown, None, &how(10, 0)),
            fingerprint(&[0; 32], Format::Text, Some("latin1"), &how(10, 0)),
            fingerprint(&[0; 32], Format::Text, None, &how(11, 0)),
            fingerprint(&[0; 32], Format::Text, None, &how(10, 1)),
        ];
        assert_eq!(all[0], fingerprint(&[0; 32], Format::Text, None, &how(10, 0)));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
    }
}
