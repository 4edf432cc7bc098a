//! Texts as a segment keeps them.
//!
//! Its first part has the ids of its rows (16 bytes each), the rows in the order of their ids (four bytes each) and their
//! attributes; each further one has the postings of the rows after those of the one before.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::{Postings, Terms};
use crate::segments::{Attributes, Columns, Damage, ItemId, Payload, Reading, Source};

/// So many terms go into one part, repeated ones included: none takes more than 80 bytes, so that it stays below 1 GiB.
const PART_TERMS: u64 = 12 << 20;
/// The most rows of a segment.
const MAX_ROWS: usize = 1 << 20;

/// A text as an index keeps it: its terms, not its words in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What it is found by.
    pub terms: Terms,
    /// What it is filtered by.
    pub attributes: Attributes,
}

impl Document {
    /// A text with its attributes.
    #[must_use]
    pub fn new(text: &str, attributes: Attributes) -> Self {
        Self { terms: Terms::of(text), attributes }
    }
}

/// The payload: texts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Texts;

/// A segment of texts.
pub(super) struct Segment {
    ids: Bytes,
    order: Bytes,
    columns: Columns,
    /// Each with its first row.
    pub(super) postings: Vec<(u32, Postings)>,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("rows", &self.rows()).finish_non_exhaustive()
    }
}

impl Segment {
    fn rows(&self) -> usize {
        self.ids.len() / 16
    }

    pub(super) const fn columns(&self) -> &Columns {
        &self.columns
    }

    pub(super) fn id(&self, row: u32) -> Option<ItemId> {
        self.ids.as_chunks::<16>().0.get(row as usize).copied().map(ItemId::new)
    }

    fn find(&self, id: ItemId) -> Option<u32> {
        let order = self.order.as_chunks::<4>().0;
        let row = |at: &[u8; 4]| u32::from_le_bytes(*at);
        let found = order.binary_search_by(|at| self.id(row(at)).cmp(&Some(id))).ok()?;
        order.get(found).map(row)
    }

    /// Where the postings of a row are, and its number in them.
    pub(super) fn place(&self, row: u32) -> Option<(usize, u32)> {
        let part = self.postings.partition_point(|(first, _)| *first <= row).checked_sub(1)?;
        self.postings.get(part).map(|(first, _)| (part, row - first))
    }
}

/// A row on its way into a segment.
enum Row<'a> {
    /// Of another segment.
    Old(&'a Segment, u32),
    New(&'a Document),
}

impl Row<'_> {
    fn length(&self) -> u32 {
        match self {
            Self::Old(segment, row) => segment
                .place(*row)
                .and_then(|(part, document)| Some(segment.postings.get(part)?.1.length_of(document)))
                .unwrap_or_default(),
            Self::New(document) => document.terms.length(),
        }
    }
}

impl Payload for Texts {
    type Item = Document;
    type Segment = Segment;

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "texts": 1 })
    }

    fn encode(&self, item: &Document) -> Vec<u8> {
        let mut bytes = Vec::new();
        item.attributes.encode(&mut bytes);
        item.terms.encode(&mut bytes);
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Result<Document, Damage> {
        let mut reading = Reading::new(bytes);
        let attributes = Attributes::decode(&mut reading)?;
        let terms = Terms::decode(&mut reading)?;
        reading.end()?;
        Ok(Document { terms, attributes })
    }

    fn merge(
        &self,
        from: &[Source<'_, Segment>],
        items: &[(ItemId, &Document)],
        cancel: &CancellationToken,
    ) -> Vec<Bytes> {
        let mut columns = Columns::default();
        let mut rows: Vec<(ItemId, Row<'_>)> = Vec::new();
        for source in from {
            columns.append(&source.segment.columns, source.dead);
            let alive = (0..).take(source.segment.rows()).filter(|row| !source.dead.contains(*row));
            rows.extend(
                alive.filter_map(|row| Some((source.segment.id(row)?, Row::Old(source.segment, row)))),
            );
        }
        for (id, document) in items {
            columns.push(&document.attributes);
            rows.push((*id, Row::New(document)));
        }
        let mut head = u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        rows.iter().for_each(|(id, _)| head.extend_from_slice(&id.bytes()));
        let mut order: Vec<(ItemId, u32)> = rows.iter().map(|(id, _)| *id).zip(0..).collect();
        order.sort_unstable();
        order.iter().for_each(|(_, row)| head.extend_from_slice(&row.to_le_bytes()));
        columns.encode(&mut head);

        let mut parts = vec![head.into()];
        let mut rest = &*rows;
        while !rest.is_empty() && !cancel.is_cancelled() {
            let mut terms = 0;
            let fits = rest.iter().take_while(|(_, row)| {
                terms += u64::from(row.length());
                terms <= PART_TERMS
            });
            let (part, others) = rest.split_at(fits.count().max(1));
            parts.push(merged(part));
            rest = others;
        }
        parts
    }

    fn open(&self, parts: Vec<Bytes>) -> Result<Segment, Damage> {
        let mut parts = parts.into_iter();
        let head = parts.next().unwrap_or_default();
        let mut reading = Reading::new(&head);
        let rows = reading.count("a number of texts")?;
        let start = reading.at();
        reading.pieces::<16>(rows, "the ids of texts")?;
        let (middle, order) = (reading.at(), reading.pieces::<4>(rows, "the order of texts")?);
        let end = reading.at();
        let columns = Columns::decode(&mut reading)?;
        reading.end()?;
        let mut postings = Vec::new();
        let mut first = 0;
        for part in parts {
            let part = Postings::open(part)?;
            let next = first + part.documents();
            postings.push((u32::try_from(first).unwrap_or(u32::MAX), part));
            first = next;
        }
        let (ids, all) = (head.slice(start..middle), head.slice(middle..end));
        let segment = Segment { ids, order: all, columns, postings };
        let ascends = order.iter().map(|row| segment.id(u32::from_le_bytes(*row)));
        if first != rows
            || segment.columns.rows() != rows
            || !ascends.is_sorted_by(|one, other| one.is_some() && one < other)
        {
            return Err(Damage { what: "ids, attributes and postings of the same texts", at: 0 });
        }
        Ok(segment)
    }

    fn rows(&self, segment: &Segment) -> usize {
        segment.rows()
    }

    fn row_of(&self, segment: &Segment, id: ItemId) -> Option<u32> {
        segment.find(id)
    }

    fn max_rows(&self) -> usize {
        MAX_ROWS
    }
}

/// The postings of some rows: those of other segments come in the order of these.
fn merged(rows: &[(ItemId, Row<'_>)]) -> Bytes {
    let fresh = rows.iter().filter_map(|(_, row)| match row {
        Row::New(document) => Some(&document.terms),
        Row::Old(..) => None,
    });
    let fresh = Postings::open(Postings::of(fresh)).ok();
    // For each postings that rows are of: which of its documents they are.
    let mut sources: Vec<(&Postings, Vec<u32>)> = Vec::new();
    for (_, row) in rows {
        if let Row::Old(segment, row) = row
            && let Some((part, document)) = segment.place(*row)
            && let Some((_, postings)) = segment.postings.get(part)
        {
            match sources.last_mut().filter(|(last, _)| std::ptr::eq(*last, postings)) {
                Some((_, documents)) => documents.push(document),
                None => sources.push((postings, vec![document])),
            }
        }
    }
    if let Some(fresh) = &fresh {
        let all = (0..).take(fresh.documents()).collect();
        sources.push((fresh, all));
    }
    let parts: Vec<&Postings> = sources.iter().map(|(postings, _)| *postings).collect();
    Postings::merged(&parts, |part, document| {
        sources.get(part).is_some_and(|(_, documents)| documents.binary_search(&document).is_ok())
    })
}

/// What is pending of a text, from bytes that others may have written.
///
/// # Errors
/// [`Damage`] if they are not that.
pub fn read_pending(bytes: &[u8]) -> Result<Document, Damage> {
    Texts.decode(bytes)
}

/// Reads a segment of texts from parts that others may have written; says of how many.
///
/// # Errors
/// [`Damage`] if they are not the parts of one.
pub fn read_segment(parts: Vec<Bytes>) -> Result<usize, Damage> {
    Texts.open(parts).map(|segment| segment.rows())
}

/// Shared, so that a search can go on off the async threads.
pub(super) type View = Arc<crate::segments::View<Texts>>;
