//! Vectors as codes of eight bits: a quarter of the bytes, and near enough to tell which are worth a closer look.

use bytes::Bytes;

use super::Metric;
use crate::segments::{Damage, Reading};

/// Codes of a row begin at a multiple of so many bytes, which are read at once.
const WIDTH: usize = 64;
/// What is added to a row's codes, because processors multiply signed by unsigned numbers.
const SHIFT: i32 = 128;

/// The codes of all rows. A number of a vector is its code times the vector's scale, to 1/254 of the vector's largest.
#[derive(Debug)]
pub(super) struct Codes {
    stride: usize,
    bytes: Bytes,
    factors: Vec<Factor>,
}

/// What belongs to the codes of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Factor {
    /// What a code stands for.
    scale: f32,
    /// The sum of the squares of the vector as it is.
    norm: f32,
}

impl Factor {
    fn is_tame(&self) -> bool {
        self.scale < 1e12 && self.norm < 1e30
    }
}

/// A vector as a query over codes.
#[derive(Clone, Debug)]
pub(super) struct Query {
    codes: Vec<i8>,
    /// What the shift of the rows adds to each product.
    shift: i32,
    factor: Factor,
}

pub(super) const fn stride(dimension: usize) -> usize {
    dimension.next_multiple_of(WIDTH)
}

fn factor(vector: &[f32]) -> Factor {
    let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let norm: f64 = vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum();
    Factor { scale: largest / 127.0, norm: norm.min(f64::from(f32::MAX)) as f32 }
}

/// The codes of a vector, each -127 to 127.
fn codes(vector: &[f32], factor: Factor) -> impl Iterator<Item = i8> {
    // So small a scale has no inverse: such vectors are as good as zeros.
    let inverse = if factor.scale > f32::MIN_POSITIVE * 256.0 { 1.0 / factor.scale } else { 0.0 };
    vector.iter().map(move |number| (number * inverse).round_ties_even().clamp(-127.0, 127.0) as i8)
}

impl Query {
    pub(super) fn new(vector: &[f32]) -> Self {
        let factor = factor(vector);
        let mut all: Vec<i8> = codes(vector, factor).collect();
        all.resize(stride(vector.len()), 0);
        Self::of(all, factor)
    }

    fn of(codes: Vec<i8>, factor: Factor) -> Self {
        let shift = SHIFT * codes.iter().map(|code| i32::from(*code)).sum::<i32>();
        Self { codes, shift, factor }
    }

    pub(super) fn is_tame(&self) -> bool {
        self.factor.is_tame()
    }

    /// The product with a row as they are, nearly.
    #[inline]
    fn product(&self, raw: i32, factor: Factor) -> f32 {
        self.factor.scale * factor.scale * (raw - self.shift) as f32
    }

    /// How near a row is; more is nearer. Only good for comparing rows.
    #[inline]
    pub(super) fn score(&self, metric: Metric, raw: i32, factor: Factor) -> f32 {
        match metric {
            Metric::Cosine | Metric::Dot => self.product(raw, factor),
            Metric::Euclidean => 2.0 * self.product(raw, factor) - factor.norm,
        }
    }

    /// The same for rows one behind another.
    #[inline]
    pub(super) fn scores(&self, metric: Metric, raw: &[i32], factors: &[Factor], out: &mut [f32]) {
        let rows = out.iter_mut().zip(raw.iter().zip(factors));
        match metric {
            // The loops differ, so that what does not depend on the row is not asked for each.
            Metric::Cosine | Metric::Dot => {
                rows.for_each(|(score, (raw, factor))| *score = self.product(*raw, *factor));
            }
            Metric::Euclidean => {
                rows.for_each(|(score, (raw, factor))| *score = self.score(Metric::Euclidean, *raw, *factor));
            }
        }
    }

    /// The squared Euclidean distance, nearly.
    #[inline]
    pub(super) fn distance(&self, raw: i32, factor: Factor) -> f32 {
        self.factor.norm + factor.norm - 2.0 * self.product(raw, factor)
    }
}

impl Codes {
    pub(super) fn rows(&self) -> usize {
        self.factors.len()
    }

    #[inline]
    pub(super) fn factor(&self, row: u32) -> Factor {
        self.factors.get(row as usize).copied().unwrap_or_default()
    }

    /// The products of codes with rows that stand one behind another.
    #[inline]
    pub(super) fn run(&self, query: &Query, from: usize, out: &mut [i32]) {
        ice_simd::dot_codes(&query.codes, self.bytes.get(from * self.stride..).unwrap_or_default(), out);
    }

    pub(super) fn factors(&self, from: usize) -> &[Factor] {
        self.factors.get(from..).unwrap_or_default()
    }

    /// The products of codes with rows that stand anywhere.
    #[inline]
    pub(super) fn at(&self, query: &Query, rows: &[u32], out: &mut [i32]) {
        for row in rows {
            ice_simd::prefetch(self.factors(*row as usize));
        }
        ice_simd::dot_codes_at(&query.codes, &self.bytes, rows, out);
    }

    /// A row as a query.
    pub(super) fn query(&self, row: u32) -> Query {
        let start = row as usize * self.stride;
        let codes = self.bytes.get(start..start + self.stride).unwrap_or_default();
        Query::of(codes.iter().map(|code| (code ^ 128).cast_signed()).collect(), self.factor(row))
    }

    /// Some rows as codes of their own, one behind another.
    pub(super) fn gather(&self, rows: impl Iterator<Item = u32>) -> Self {
        let (mut bytes, mut factors) = (Vec::new(), Vec::new());
        for row in rows {
            let start = row as usize * self.stride;
            bytes.extend_from_slice(self.bytes.get(start..start + self.stride).unwrap_or_default());
            factors.push(self.factor(row));
        }
        Self { stride: self.stride, bytes: bytes.into(), factors }
    }

    /// Whether all vectors are as long as each other, to a twentieth: only then does the nearest by product lie near by distance.
    pub(super) fn are_even(&self) -> bool {
        let (least, most) = self.factors.iter().fold((f32::INFINITY, 0.0_f32), |(least, most), factor| {
            (least.min(factor.norm), most.max(factor.norm))
        });
        most <= least * 1.1
    }

    /// Whether no sum of products of codes overflows what an `f32` holds.
    pub(super) fn are_tame(&self) -> bool {
        self.factors.iter().all(Factor::is_tame)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.factors.len() * size_of::<Factor>()
    }

    /// The part of a segment that holds codes.
    pub(super) const fn blob(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn encode_factors(&self, out: &mut Vec<u8>) {
        for factor in &self.factors {
            out.extend_from_slice(&factor.scale.to_le_bytes());
            out.extend_from_slice(&factor.norm.to_le_bytes());
        }
    }

    pub(super) fn decode_factors(reading: &mut Reading<'_>, rows: usize) -> Result<Vec<Factor>, Damage> {
        let numbers = reading.pieces::<8>(rows, "a scale and a length per row")?;
        let factor = |[a, b, c, d, e, f, g, h]: &[u8; 8]| Factor {
            scale: f32::from_le_bytes([*a, *b, *c, *d]),
            norm: f32::from_le_bytes([*e, *f, *g, *h]),
        };
        let factors: Vec<Factor> = numbers.iter().map(factor).collect();
        let is_finite = factors.iter().all(|factor| factor.scale.is_finite() && factor.norm.is_finite());
        if is_finite { Ok(factors) } else { Err(reading.damage("finite scales")) }
    }

    pub(super) fn open(dimension: usize, factors: Vec<Factor>, bytes: Bytes) -> Result<Self, Damage> {
        let stride = stride(dimension);
        if bytes.len() != factors.len() * stride {
            return Err(Damage { what: "as many codes as there are rows", at: 0 });
        }
        Ok(Self { stride, bytes, factors })
    }
}

/// Codes that grow by a row at a time.
#[derive(Debug)]
pub(super) struct Coding {
    stride: usize,
    bytes: Vec<u8>,
    factors: Vec<Factor>,
}

impl Coding {
    pub(super) fn new(dimension: usize, rows: usize) -> Self {
        let stride = stride(dimension);
        Self { stride, bytes: Vec::with_capacity(stride * rows), factors: Vec::with_capacity(rows) }
    }

    pub(super) fn push(&mut self, vector: &[f32]) {
        let factor = factor(vector);
        let end = self.bytes.len() + self.stride;
        self.bytes.extend(codes(vector, factor).map(|code| code.cast_unsigned() ^ 128));
        self.bytes.resize(end, 128);
        self.factors.push(factor);
    }

    /// A row of other codes, as it is.
    pub(super) fn copy(&mut self, from: &Codes, row: u32) {
        let start = row as usize * from.stride;
        self.bytes.extend_from_slice(from.bytes.get(start..start + from.stride).unwrap_or_default());
        self.factors.push(from.factor(row));
    }

    pub(super) fn finish(self) -> Codes {
        Codes { stride: self.stride, bytes: self.bytes.into(), factors: self.factors }
    }
}
