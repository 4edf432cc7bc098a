//! A segment of texts, postings and what is pending of a text are read from whatever bytes they have. What is read fits together: a
//! word leads to documents that are there, and what is merged of it is read again.
#![no_main]

use bytes::Bytes;
use ice_core::text::{Postings, Terms, best, read_pending, read_segment};
use libfuzzer_sys::fuzz_target;

/// The beginning of postings.
const HEAD: usize = 4;

fn check(bytes: Bytes, query: &Terms) {
    let Ok(postings) = Postings::open(bytes) else { return };
    let documents = postings.documents();
    for (term, _) in query.iter() {
        let mut before = None;
        for (document, count) in postings.holding(term) {
            assert!((document as usize) < documents && count > 0 && before < Some(document));
            before = Some(document);
        }
    }
    for found in best(&[&postings], &[], query, 10, |_, _| true) {
        assert!((found.document as usize) < documents && found.score.is_finite());
    }
    // What was read can be merged, and is read again.
    let merged = Postings::merged(&[&postings, &postings], |part, document| part == 0 || document % 2 == 0);
    let merged = Postings::open(merged).expect("what was merged is read");
    assert_eq!(merged.documents(), documents + documents.div_ceil(2));
}

fuzz_target!(|parts: Vec<Vec<u8>>| {
    let Some((first, others)) = parts.split_first() else { return };
    let text = String::from_utf8_lossy(first);
    let query = Terms::of(&text);
    let _ = read_pending(first);
    // As they are, and with the beginning put right, so that what lies behind it is reached as well.
    let right = Postings::of([&query]);
    let begin = right.get(..HEAD).expect("postings have a beginning").to_vec();
    let mut all: Vec<Bytes> = Vec::new();
    for part in others {
        check(part.clone().into(), &query);
        let put_right: Bytes = [begin.clone(), part.clone()].concat().into();
        check(put_right.clone(), &query);
        all.push(put_right);
    }
    // A byte of what was sound is another one.
    if let Some([at, with, ..]) = others.first().map(Vec::as_slice) {
        let mut broken = right.to_vec();
        let place = usize::from(*at) % broken.len();
        if let Some(byte) = broken.get_mut(place) {
            *byte = *with;
        }
        check(broken.into(), &query);
    }
    check(right.clone(), &query);
    let mut segment: Vec<Bytes> = vec![first.clone().into()];
    segment.extend(all);
    let _ = read_segment(segment);
    let mut one: Vec<Bytes> = vec![first.clone().into(), right];
    if read_segment(one.clone()).is_ok_and(|rows| rows != 1) {
        panic!("one document of postings, and another number of texts");
    }
    one.truncate(1);
    let _ = read_segment(one);
});
