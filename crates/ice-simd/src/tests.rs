//! Every set of instructions that this machine has gives what plain arithmetic gives.

use proptest::prelude::*;

use super::*;

fn exact(query: &[f32], row: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    query.iter().zip(row).map(|(query, row)| of(f64::from(*query), f64::from(*row))).sum()
}

fn check_floats(query: &[f32], rows: &[f32]) {
    type Rows = fn(&[f32], &[f32], &mut [f32]);
    type Of = fn(f64, f64) -> f64;
    let dot: Of = |query, row| query * row;
    let distance: Of = |query, row| (query - row) * (query - row);
    let ways: [(Rows, Of); 4] = [
        (dot_rows, dot),
        (portable::dot_rows, dot),
        (distance_rows, distance),
        (portable::distance_rows, distance),
    ];
    for (rows_of, of) in ways {
        let mut out = vec![f32::NAN; rows.len() / query.len()];
        rows_of(query, rows, &mut out);
        for (row, out) in rows.chunks_exact(query.len()).zip(out) {
            let size = exact(query, row, |query, row| of(query, row).abs()).max(1e-9);
            assert!(
                (exact(query, row, of) - f64::from(out)).abs() <= size * 1e-5,
                "{} rows of {}",
                rows.len(),
                query.len()
            );
        }
    }
    #[cfg(target_arch = "x86_64")]
    if x86::level() != Level::Portable {
        let mut narrower = vec![0.0; rows.len() / query.len()];
        let mut widest = narrower.clone();
        x86::dot_rows_2(query, rows, &mut narrower);
        dot_rows(query, rows, &mut widest);
        for (one, other) in narrower.iter().zip(widest) {
            assert!((one - other).abs() <= 1e-4 * (1.0 + one.abs()));
        }
    }
}

fn check_codes(query: &[i8], rows: &[u8], at: &[u32]) {
    let length = query.len();
    let of = |row: &[u8]| {
        query.iter().zip(row).map(|(query, row)| i32::from(*query) * i32::from(*row)).sum::<i32>()
    };
    let expected: Vec<i32> = rows.chunks_exact(length).map(of).collect();
    let expected_at: Vec<i32> =
        at.iter().map(|at| expected.get(*at as usize).copied().unwrap_or(0)).collect();
    type Rows = fn(&[i8], &[u8], &mut [i32]);
    type At = fn(&[i8], &[u8], &[u32], &mut [i32]);
    let mut ways: Vec<(Rows, At)> =
        vec![(dot_codes, dot_codes_at), (portable::dot_codes, portable::dot_codes_at)];
    #[cfg(target_arch = "x86_64")]
    if x86::level() != Level::Portable {
        ways.push((x86::dot_codes_2, x86::dot_codes_at_2));
    }
    for (rows_of, at_of) in ways {
        let mut out = vec![7; expected.len()];
        rows_of(query, rows, &mut out);
        assert_eq!(out, expected);
        // With more room than rows, and with less.
        for room in [0, at.len() / 2, at.len(), at.len() + 3, at.len() + 8] {
            let mut out = vec![7; room];
            at_of(query, rows, at, &mut out);
            let expected = expected_at.iter().copied().chain(std::iter::repeat(7)).take(room);
            assert_eq!(out, expected.collect::<Vec<_>>());
        }
    }
}

proptest! {
    #[test]
    fn sums_of_floats_are_what_arithmetic_says(length in 1_usize..200, count in 0_usize..12, seed in any::<u64>()) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        };
        let query: Vec<f32> = (0..length).map(|_| next()).collect();
        let rows: Vec<f32> = (0..length * count).map(|_| next()).collect();
        check_floats(&query, &rows);
    }

    #[test]
    fn sums_of_codes_are_exact(
        query in proptest::collection::vec(-127_i8..=127, 1..200),
        rows in proptest::collection::vec(any::<u8>(), 0..1_500),
        at in proptest::collection::vec(0_u32..16, 0..13),
    ) {
        check_codes(&query, &rows, &at);
    }
}

#[test]
fn lengths_that_fill_registers_and_the_largest_codes_are_exact() {
    for length in [16, 64, 128, 384, 32_768] {
        for (query, row) in [(127, 255), (-127, 255), (127, 0)] {
            check_codes(&vec![query; length], &vec![row; length * 9], &[8, 0, 3, 9, u32::MAX, 1, 2]);
        }
        check_floats(&vec![0.5; length], &vec![-1.5; length * 7]);
    }
}

#[test]
fn places_without_a_row_stay_as_they_were() {
    let mut out = [5.0; 3];
    dot_rows(&[1.0; 16], &[1.0; 16], &mut out);
    assert_eq!(out, [16.0, 5.0, 5.0]);
    let mut out = [5; 3];
    dot_codes(&[1; 64], &[1; 64], &mut out);
    assert_eq!(out, [64, 5, 5]);
    dot_codes(&[], &[], &mut out);
    prefetch::<u8>(&[]);
}
