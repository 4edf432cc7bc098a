//! Plain loops of a shape that compilers turn into wide instructions: several sums side by side, and no early end.

/// Sums side by side: two registers of 512 bits.
const LANES: usize = 32;

#[inline(always)]
fn sum(lanes: [f32; LANES]) -> f32 {
    let mut width = LANES;
    let mut lanes = lanes;
    while width > 1 {
        width /= 2;
        let (low, high) = lanes.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    lanes.first().copied().unwrap_or_default()
}

/// With `FUSED` a product and its sum are rounded once, which is slow where the processor has no instruction for it.
#[inline(always)]
pub(crate) fn dot<const FUSED: bool>(one: &[f32], other: &[f32]) -> f32 {
    let add =
        |sum: f32, one: f32, other: f32| if FUSED { one.mul_add(other, sum) } else { sum + one * other };
    fold(one, other, add)
}

#[inline(always)]
pub(crate) fn distance<const FUSED: bool>(one: &[f32], other: &[f32]) -> f32 {
    let add = |sum: f32, one: f32, other: f32| {
        let apart = one - other;
        if FUSED { apart.mul_add(apart, sum) } else { sum + apart * apart }
    };
    fold(one, other, add)
}

#[inline(always)]
fn fold(one: &[f32], other: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (one, other) in one.iter().zip(other) {
        for ((lane, one), other) in lanes.iter_mut().zip(one).zip(other) {
            *lane = add(*lane, *one, *other);
        }
    }
    one_rest.iter().zip(other_rest).fold(sum(lanes), |sum, (one, other)| add(sum, *one, *other))
}

#[inline(always)]
pub(crate) fn codes(query: &[i8], row: &[u8]) -> i32 {
    query.iter().zip(row).map(|(query, row)| i32::from(*query) * i32::from(*row)).sum()
}

#[inline(always)]
pub(crate) fn each_row<T, U>(length: usize, rows: &[T], out: &mut [U], of: impl Fn(&[T]) -> U) {
    for (out, row) in out.iter_mut().zip(rows.chunks_exact(length.max(1))) {
        *out = of(row);
    }
}

#[inline(always)]
pub(crate) fn each_row_at(
    length: usize,
    rows: &[u8],
    at: &[u32],
    out: &mut [i32],
    of: impl Fn(&[u8]) -> i32,
) {
    for (out, at) in out.iter_mut().zip(at) {
        *out = row(length, rows, *at).map_or(0, &of);
    }
}

#[inline(always)]
pub(crate) fn row(length: usize, rows: &[u8], at: u32) -> Option<&[u8]> {
    let start = (at as usize).checked_mul(length)?;
    rows.get(start..start.checked_add(length)?)
}

pub(crate) fn dot_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    each_row(query.len(), rows, out, |row| dot::<false>(query, row));
}

pub(crate) fn distance_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    each_row(query.len(), rows, out, |row| distance::<false>(query, row));
}

pub(crate) fn dot_codes(query: &[i8], rows: &[u8], out: &mut [i32]) {
    each_row(query.len(), rows, out, |row| codes(query, row));
}

pub(crate) fn dot_codes_at(query: &[i8], rows: &[u8], at: &[u32], out: &mut [i32]) {
    each_row_at(query.len(), rows, at, out, |row| codes(query, row));
}
