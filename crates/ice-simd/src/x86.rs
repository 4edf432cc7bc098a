//! The same for processors with AVX-512 or AVX2, and all `unsafe` of this crate: calls of functions whose instructions the
//! processor was asked for before, loads of chunks that are as long as what is loaded, and hints to the memory.
#![expect(unsafe_code, reason = "wide instructions have no safe interface")]

use std::arch::x86_64::{
    __m128i, __m512, __m512i, _MM_HINT_T0, _mm_add_epi32, _mm_add_ps, _mm_castps_si128, _mm_cvtsi128_si64,
    _mm_hadd_epi32, _mm_hadd_ps, _mm_prefetch, _mm_unpackhi_epi64, _mm256_add_epi32, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_extractf128_ps, _mm256_extracti128_si256,
    _mm512_castps512_ps256, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extractf32x8_ps,
    _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_sub_ps,
};

use super::{Level, portable};

/// Bytes that the memory hands over at once.
const LINE: usize = 64;
/// How far ahead the memory is asked, in bytes.
const AHEAD: usize = 4 << 10;
/// Rows whose sums are finished together.
const TOGETHER: usize = 4;

#[inline]
pub(crate) fn level() -> Level {
    // Each of these is a load and a test of a bit after the first time.
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("fma")
    {
        Level::Avx512Vnni
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Portable
    }
}

/// A function for each set of instructions, which is called once the processor was asked for them.
macro_rules! dispatched {
    ($($features:literal: $($name:ident, $inner:ident($($argument:ident: $type:ty),*) = $body:expr;)*)*) => {$($(
        pub(crate) fn $name($($argument: $type),*) {
            // SAFETY: `level` has found the features of the function; it is what chooses it.
            unsafe { $inner($($argument),*) }
        }

        #[target_feature(enable = $features)]
        fn $inner($($argument: $type),*) {
            $body
        }
    )*)*};
}

dispatched! {
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma":
    dot_rows_512, dot_rows_512_inner(query: &[f32], rows: &[f32], out: &mut [f32]) = {
        floats_512(query, rows, out, portable::dot::<true>, |sum, row, query| _mm512_fmadd_ps(row, query, sum));
    };
    distance_rows_512, distance_rows_512_inner(query: &[f32], rows: &[f32], out: &mut [f32]) = {
        floats_512(query, rows, out, portable::distance::<true>, |sum, row, query| {
            let apart = _mm512_sub_ps(row, query);
            _mm512_fmadd_ps(apart, apart, sum)
        });
    };
    dot_codes_512, dot_codes_512_inner(query: &[i8], rows: &[u8], out: &mut [i32]) = {
        codes_512(query, rows, out);
    };
    dot_codes_at_512, dot_codes_at_512_inner(query: &[i8], rows: &[u8], at: &[u32], out: &mut [i32]) = {
        codes_at_512(query, rows, at, out);
    };

    "avx2,fma":
    dot_rows_2, dot_rows_2_inner(query: &[f32], rows: &[f32], out: &mut [f32]) = {
        portable::each_row(query.len(), rows, out, |row| portable::dot::<true>(query, row));
    };
    distance_rows_2, distance_rows_2_inner(query: &[f32], rows: &[f32], out: &mut [f32]) = {
        portable::each_row(query.len(), rows, out, |row| portable::distance::<true>(query, row));
    };
    dot_codes_2, dot_codes_2_inner(query: &[i8], rows: &[u8], out: &mut [i32]) = {
        portable::each_row(query.len(), rows, out, |row| portable::codes(query, row));
    };
    dot_codes_at_2, dot_codes_at_2_inner(query: &[i8], rows: &[u8], at: &[u32], out: &mut [i32]) = {
        ahead(query.len(), rows, at);
        portable::each_row_at(query.len(), rows, at, out, |row| portable::codes(query, row));
    };
}

/// Four rows at a time, whose sums are finished together; the rest, and rows whose length is no multiple of 16, one by one.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[inline]
fn floats_512(
    query: &[f32],
    rows: &[f32],
    out: &mut [f32],
    one: impl Fn(&[f32], &[f32]) -> f32,
    add: impl Fn(__m512, __m512, __m512) -> __m512,
) {
    let length = query.len();
    let (wide, rest) = query.as_chunks::<16>();
    let mut done = 0;
    if rest.is_empty() && length > 0 {
        let outs = out.as_chunks_mut::<TOGETHER>().0;
        for (out, four) in outs.iter_mut().zip(rows.chunks_exact(TOGETHER * length)) {
            let [a, b, c, d] = quarters(four).map(|row| row.as_chunks::<16>().0);
            let mut sums = [_mm512_setzero_ps(); TOGETHER];
            for ((query, (a, b)), (c, d)) in wide.iter().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
                let query = floats(query);
                let rows = [a, b, c, d];
                for (sum, row) in sums.iter_mut().zip(rows) {
                    behind(row);
                    *sum = add(*sum, floats(row), query);
                }
            }
            *out = sums_of_floats(sums);
            done += TOGETHER;
        }
    }
    let (rows, out) =
        (rows.get(done * length..).unwrap_or_default(), out.get_mut(done..).unwrap_or_default());
    portable::each_row(length, rows, out, |row| one(query, row));
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[inline]
fn codes_512(query: &[i8], rows: &[u8], out: &mut [i32]) {
    let length = query.len();
    let (wide, rest) = query.as_chunks::<LINE>();
    let mut done = 0;
    if rest.is_empty() && length > 0 {
        let outs = out.as_chunks_mut::<TOGETHER>().0;
        for (out, four) in outs.iter_mut().zip(rows.chunks_exact(TOGETHER * length)) {
            *out = four_codes::<true>(wide, quarters(four));
            done += TOGETHER;
        }
    }
    let (rows, out) =
        (rows.get(done * length..).unwrap_or_default(), out.get_mut(done..).unwrap_or_default());
    portable::each_row(length, rows, out, |row| portable::codes(query, row));
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[inline]
fn codes_at_512(query: &[i8], rows: &[u8], at: &[u32], out: &mut [i32]) {
    let length = query.len();
    ahead(length, rows, at);
    let together = at.len().min(out.len());
    let (at, out) = (at.get(..together).unwrap_or_default(), out.get_mut(..together).unwrap_or_default());
    let (wide, rest) = query.as_chunks::<LINE>();
    if !rest.is_empty() || length == 0 {
        return portable::each_row_at(length, rows, at, out, |row| portable::codes(query, row));
    }
    let row = |at: u32| portable::row(length, rows, at);
    let (fours, at_rest) = at.as_chunks::<TOGETHER>();
    let (outs, out_rest) = out.as_chunks_mut::<TOGETHER>();
    for (out, [a, b, c, d]) in outs.iter_mut().zip(fours) {
        match (row(*a), row(*b), row(*c), row(*d)) {
            (Some(a), Some(b), Some(c), Some(d)) => *out = four_codes::<false>(wide, [a, b, c, d]),
            _ => {
                portable::each_row_at(length, rows, &[*a, *b, *c, *d], out, |row| portable::codes(query, row))
            }
        }
    }
    // To fill up to four with a row that is there costs less than one row at a time.
    if let [first, ..] = at_rest {
        let rows = [0, 1, 2, 3].map(|place| row(at_rest.get(place).copied().unwrap_or(*first)));
        let last = match rows {
            [Some(a), Some(b), Some(c), Some(d)] => four_codes::<false>(wide, [a, b, c, d]),
            rows => rows.map(|row| row.map_or(0, |row| portable::codes(query, row))),
        };
        out_rest.iter_mut().zip(at_rest).zip(last).for_each(|((out, _), last)| *out = last);
    }
}

/// The products of codes with four rows of the same length.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[inline]
fn four_codes<const STREAM: bool>(query: &[[i8; LINE]], rows: [&[u8]; TOGETHER]) -> [i32; TOGETHER] {
    let [a, b, c, d] = rows.map(|row| row.as_chunks::<LINE>().0);
    let mut sums = [_mm512_setzero_si512(); TOGETHER];
    for ((query, (a, b)), (c, d)) in query.iter().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
        let query = signed(query);
        for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
            if STREAM {
                behind(row);
            }
            *sum = _mm512_dpbusd_epi32(*sum, unsigned(row), query);
        }
    }
    sums_of_codes(sums)
}

/// Four rows that stand one behind another.
#[inline(always)]
fn quarters<T>(four: &[T]) -> [&[T]; TOGETHER] {
    let (front, back) = four.split_at(four.len() / 2);
    let ((a, b), (c, d)) = (front.split_at(front.len() / 2), back.split_at(back.len() / 2));
    [a, b, c, d]
}

#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn sums_of_floats(sums: [__m512; TOGETHER]) -> [f32; TOGETHER] {
    let [a, b, c, d] = sums.map(|sum| {
        let sum = _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps::<1>(sum));
        _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum))
    });
    let sums = _mm_castps_si128(_mm_hadd_ps(_mm_hadd_ps(a, b), _mm_hadd_ps(c, d)));
    lanes(sums).map(f32::from_bits)
}

#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn sums_of_codes(sums: [__m512i; TOGETHER]) -> [i32; TOGETHER] {
    let [a, b, c, d] = sums.map(|sum| {
        let sum = _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum));
        _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum))
    });
    lanes(_mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d))).map(u32::cast_signed)
}

#[target_feature(enable = "sse2")]
#[inline]
fn lanes(four: __m128i) -> [u32; TOGETHER] {
    let low = _mm_cvtsi128_si64(four).cast_unsigned();
    let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(four, four)).cast_unsigned();
    [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn floats(chunk: &[f32; 16]) -> __m512 {
    // SAFETY: the chunk has the 64 bytes that are loaded, and they need not be aligned.
    unsafe { _mm512_loadu_ps(chunk.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unsigned(chunk: &[u8; LINE]) -> __m512i {
    // SAFETY: the chunk has the 64 bytes that are loaded, and they need not be aligned.
    unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn signed(chunk: &[i8; LINE]) -> __m512i {
    // SAFETY: the chunk has the 64 bytes that are loaded, and they need not be aligned.
    unsafe { _mm512_loadu_si512(chunk.as_ptr().cast()) }
}

/// Asks the memory for all lines of some rows.
#[inline(always)]
fn ahead(length: usize, rows: &[u8], at: &[u32]) {
    for row in at.iter().filter_map(|at| portable::row(length, rows, *at)) {
        row.chunks(LINE).for_each(prefetch);
    }
}

/// Asks the memory for what stands so far behind a chunk: rows that are read one after another come from the memory faster when they
/// are asked for ahead, since the processor's own foresight ends with a page.
#[inline(always)]
fn behind<T>(chunk: &[T]) {
    let ahead = chunk.as_ptr().wrapping_byte_add(AHEAD);
    // SAFETY: a hint that reads nothing, whatever the address; it is part of what every x86-64 processor has.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
}

#[inline]
pub(crate) fn prefetch<T>(slice: &[T]) {
    // SAFETY: a hint that reads nothing, whatever the address; it is part of what every x86-64 processor has.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().cast()) };
}
