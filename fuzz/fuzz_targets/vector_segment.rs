//! A segment of vectors, and what is pending of a vector, are read from whatever bytes they have. What is read as a vector is of its
//! space: finite, and as long as it says.
#![no_main]

use bytes::Bytes;
use ice_core::embedding::Dimension;
use ice_core::vector::{Metric, Space, read_pending, read_segment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<Vec<u8>>)| {
    let (metric, parts) = input;
    let metric = [Metric::Cosine, Metric::Dot, Metric::Euclidean][usize::from(metric % 3)];
    let dimension = Dimension::new(3).expect("three is a dimension");
    let space = Space { model: "fuzz".into(), dimension, metric };
    for part in &parts {
        if let Ok(row) = read_pending(&space, part) {
            assert_eq!(row.vector().numbers().len(), 3);
            assert!(row.vector().numbers().iter().all(|number| number.is_finite()));
        }
    }
    // As they are, and with the beginning put right, so that what lies behind it is reached as well.
    let as_they_are = parts.iter().cloned().map(Bytes::from).collect();
    let _ = read_segment(&space, as_they_are);
    let Some((head, others)) = parts.split_first() else { return };
    let rows = others.first().map_or(0, |codes| codes.len() / 64);
    let mut right = b"ICEVEC01\x03\0\0\0".to_vec();
    right.extend_from_slice(&(rows as u32).to_le_bytes());
    right.extend_from_slice(&u32::from(others.len() > 2).to_le_bytes());
    right.extend_from_slice(head);
    let mut others: Vec<Bytes> = others.iter().cloned().map(Bytes::from).collect();
    if let Some(codes) = others.first_mut() {
        codes.truncate(rows * 64);
    }
    others.insert(0, right.into());
    if let Ok(segment) = read_segment(&space, others) {
        assert_eq!(segment.rows(), rows);
    }
});
