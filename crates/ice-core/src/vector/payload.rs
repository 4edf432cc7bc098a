//! Vectors as what an index keeps.

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::codes::stride;
use super::item::{Admitted, Row};
use super::merge::merge;
use super::segment::Segment;
use super::space::{Metric, Space};
use crate::segments::{Attributes, Damage, ItemId, Payload, Reading, Source, Threads};
use crate::store::blob::MAX_BLOB_BYTES;

/// Vectors of a space.
#[derive(Debug)]
pub struct Vectors {
    pub(super) space: Space,
    pub(super) threads: Threads,
    /// From so many rows on a segment has a graph.
    pub(super) graph_rows: usize,
}

impl Payload for Vectors {
    type Item = Row;
    type Segment = Segment;

    fn settings(&self) -> serde_json::Value {
        // Texts and a number: all of it is JSON.
        serde_json::to_value(&self.space).unwrap_or_default()
    }

    fn encode(&self, item: &Row) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(item.vector.numbers().len() * 4 + 64);
        item.attributes.encode(&mut bytes);
        item.vector.numbers().iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row, Damage> {
        read_pending(&self.space, bytes)
    }

    fn merge(
        &self,
        from: &[Source<'_, Segment>],
        items: &[(ItemId, &Row)],
        cancel: &CancellationToken,
    ) -> Vec<Bytes> {
        merge(self, from, items, cancel)
    }

    fn open(&self, parts: Vec<Bytes>) -> Result<Segment, Damage> {
        read_segment(&self.space, parts)
    }

    fn rows(&self, segment: &Segment) -> usize {
        segment.rows()
    }

    fn row_of(&self, segment: &Segment, id: ItemId) -> Option<u32> {
        segment.row_of(id)
    }

    fn max_rows(&self) -> usize {
        // Codes are one part.
        let most = usize::try_from(MAX_BLOB_BYTES).unwrap_or(usize::MAX) / stride(self.space.dimension.get());
        most.min(4 << 20)
    }
}

/// What is pending of a vector, from bytes that others may have written.
///
/// # Errors
/// [`Damage`] if they are not what is pending of a vector of the space.
pub fn read_pending(space: &Space, bytes: &[u8]) -> Result<Row, Damage> {
    let mut reading = Reading::new(bytes);
    let attributes = Attributes::decode(&mut reading)?;
    let numbers = reading.pieces::<4>(space.dimension.get(), "the numbers of a vector")?;
    reading.end()?;
    let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    if !numbers.iter().all(|number| number.is_finite())
        || (space.metric == Metric::Cosine && !is_unit(&numbers))
    {
        return Err(reading.damage("finite numbers"));
    }
    Ok(Row { vector: Admitted::new(numbers), attributes })
}

/// Of length one, or all zeros.
fn is_unit(numbers: &[f32]) -> bool {
    let norm: f64 = numbers.iter().map(|number| f64::from(*number) * f64::from(*number)).sum();
    norm == 0.0 || (norm - 1.0).abs() < 1e-3
}

/// A segment of vectors from parts that others may have written.
///
/// # Errors
/// [`Damage`] if they are not the parts of a segment of the space.
pub fn read_segment(space: &Space, parts: Vec<Bytes>) -> Result<Segment, Damage> {
    Segment::open(space, parts)
}
