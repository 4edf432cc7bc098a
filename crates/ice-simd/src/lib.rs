//! Sums of products over rows of numbers, with the widest instructions that the processor has.
//!
//! A leaf: it knows nothing of ice, holds no state, and all `unsafe` of searching vectors stands here, in
//! [`x86`](self) functions of a few lines (`docs/adr/0010-products-in-a-leaf-crate.md`). What is written for no processor
//! stands in `portable`; it is also what runs where nothing wider is known, and what the tests compare with.
//!
//! Rows stand one behind another in one slice, each as long as the query. Codes are numbers of eight bits: a query's
//! from -127 to 127, a row's the same with 128 added, because that is how processors multiply them.
//!
//! ```
//! let rows = [1.0, 0.0, 0.6, 0.8];
//! let mut products = [0.0; 2];
//! ice_simd::dot_rows(&[0.0, 2.0], &rows, &mut products);
//! assert_eq!(products, [0.0, 1.6]);
//! ```

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// What the products are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// AVX-512 with its instructions for products of bytes (VNNI).
    Avx512Vnni,
    /// AVX2 with fused products.
    Avx2,
    /// What the compiler makes of plain loops for the processor that the program was built for.
    Portable,
}

/// The widest instructions of this processor. Asked once; costs a load afterwards.
#[must_use]
pub fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        x86::level()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        Level::Portable
    }
}

/// The products of a query with as many rows as `out` has room for, to about seven digits; the order in which they are
/// summed depends on [`level`]. Rows that are not there leave their place as it was.
pub fn dot_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    match x86::level() {
        Level::Avx512Vnni => x86::dot_rows_512(query, rows, out),
        Level::Avx2 => x86::dot_rows_2(query, rows, out),
        Level::Portable => portable::dot_rows(query, rows, out),
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable::dot_rows(query, rows, out);
}

/// The squared Euclidean distances of a query to as many rows as `out` has room for. As [`dot_rows`] otherwise.
pub fn distance_rows(query: &[f32], rows: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    match x86::level() {
        Level::Avx512Vnni => x86::distance_rows_512(query, rows, out),
        Level::Avx2 => x86::distance_rows_2(query, rows, out),
        Level::Portable => portable::distance_rows(query, rows, out),
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable::distance_rows(query, rows, out);
}

/// The products of a query's codes with the codes of as many rows as `out` has room for, exactly: the sum of
/// `query[i] * row[i]`, with the 128 that was added to each of a row's. Fastest where the length is a multiple of 64; at most 32,768.
pub fn dot_codes(query: &[i8], rows: &[u8], out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    match x86::level() {
        Level::Avx512Vnni => x86::dot_codes_512(query, rows, out),
        Level::Avx2 => x86::dot_codes_2(query, rows, out),
        Level::Portable => portable::dot_codes(query, rows, out),
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable::dot_codes(query, rows, out);
}

/// As [`dot_codes`], with the rows whose numbers are in `at`, which may stand anywhere: they are all asked of the memory before
/// the first is needed. A number beyond the rows gives 0.
pub fn dot_codes_at(query: &[i8], rows: &[u8], at: &[u32], out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    match x86::level() {
        Level::Avx512Vnni => x86::dot_codes_at_512(query, rows, at, out),
        Level::Avx2 => x86::dot_codes_at_2(query, rows, at, out),
        Level::Portable => portable::dot_codes_at(query, rows, at, out),
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable::dot_codes_at(query, rows, at, out);
}

/// Asks the memory for the cache line at the beginning of a slice, and does nothing else.
#[inline]
pub fn prefetch<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(slice);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

#[cfg(test)]
mod tests;
