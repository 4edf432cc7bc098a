//! The vectors of a segment as they are, in blobs that are read where they stand.

use std::borrow::Cow;

use bytes::Bytes;

use crate::embedding::Dimension;
use crate::segments::Damage;

/// The most bytes of vectors in one part: small enough that parts are read side by side.
const PART_BYTES: usize = 256 << 20;

/// Rows of numbers of one length, in parts.
#[derive(Debug)]
pub(super) struct Floats {
    dimension: Dimension,
    parts: Vec<Part>,
    rows: usize,
}

#[derive(Debug)]
enum Part {
    /// As it was read: aligned, and with the little end first as this machine has it.
    Read(Bytes),
    Copied(Vec<f32>),
}

impl Part {
    fn new(bytes: Bytes) -> Self {
        if cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, f32>(&bytes).is_ok() {
            return Self::Read(bytes);
        }
        Self::Copied(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }

    fn numbers(&self) -> &[f32] {
        match self {
            // It was looked at when it was read.
            Self::Read(bytes) => bytemuck::try_cast_slice(bytes).unwrap_or_default(),
            Self::Copied(numbers) => numbers,
        }
    }
}

/// Rows in each part but the last, which may have fewer.
fn per_part(dimension: Dimension) -> usize {
    (PART_BYTES / (dimension.get() * 4)).max(1)
}

impl Floats {
    /// From the parts that [`Floats::encode`] has made.
    pub(super) fn open(dimension: Dimension, rows: usize, parts: Vec<Bytes>) -> Result<Self, Damage> {
        let (per_part, row) = (per_part(dimension), dimension.get() * 4);
        let mut left = rows;
        for part in &parts {
            let here = left.min(per_part);
            if here == 0 || part.len() != here * row {
                return Err(Damage { what: "as many vectors as there are rows", at: 0 });
            }
            left -= here;
        }
        if left > 0 {
            return Err(Damage { what: "as many vectors as there are rows", at: 0 });
        }
        let parts: Vec<Part> = parts.into_iter().map(Part::new).collect();
        if parts.iter().any(|part| part.numbers().iter().any(|number| !number.is_finite())) {
            return Err(Damage { what: "finite numbers", at: 0 });
        }
        Ok(Self { dimension, parts, rows })
    }

    /// Rows in their order as parts.
    pub(super) fn encode<'a>(dimension: Dimension, rows: impl Iterator<Item = &'a [f32]>) -> Vec<Bytes> {
        let most = per_part(dimension) * dimension.get() * 4;
        let (mut parts, mut part) = (Vec::new(), Vec::new());
        for row in rows {
            if part.len() >= most {
                parts.push(Bytes::from(std::mem::take(&mut part)));
            }
            part.extend_from_slice(&bytes_of(row));
        }
        if !part.is_empty() {
            parts.push(part.into());
        }
        parts
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// A row; none beyond the last.
    pub(super) fn row(&self, row: u32) -> Option<&[f32]> {
        let (per_part, length) = (per_part(self.dimension), self.dimension.get());
        let row = row as usize;
        let start = row % per_part * length;
        self.parts.get(row / per_part)?.numbers().get(start..start + length)
    }

    /// All rows from one on that stand one behind another, at most so many.
    pub(super) fn run(&self, from: u32, most: usize) -> &[f32] {
        let (per_part, length) = (per_part(self.dimension), self.dimension.get());
        let from = from as usize;
        let numbers = self.parts.get(from / per_part).map_or(&[][..], Part::numbers);
        let rest = numbers.get(from % per_part * length..).unwrap_or_default();
        rest.get(..most.saturating_mul(length)).unwrap_or(rest)
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows * self.dimension.get() * 4
    }
}

/// Numbers as bytes, the little end first.
pub(super) fn bytes_of(numbers: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return Cow::Borrowed(bytemuck::cast_slice(numbers));
    }
    Cow::Owned(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}
