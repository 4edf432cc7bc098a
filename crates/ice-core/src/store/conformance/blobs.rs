//! The suite for [`BlobStore`].
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;

use super::BlobSubject;
use super::subject::spawn;
use crate::error::ErrorCode;
use crate::store::blob::{BlobStore, Collected};
use crate::value::BlobHash;

/// Runs every case, each on a fresh blob store. Needs a tokio runtime.
pub async fn blobs<S: BlobSubject>(make: impl Fn() -> S) {
    bytes_are_read_back_whole_and_in_ranges(make()).await;
    putting_twice_is_putting_once(&make()).await;
    what_is_missing_is_an_error(make()).await;
    damage_is_noticed_and_mended(&make()).await;
    collection_spares_what_is_reachable_or_in_flight(&make()).await;
    concurrent_writers_of_the_same_bytes_agree(&make()).await;
}

fn pattern(size: usize) -> Bytes {
    (0..size).map(|index| u8::try_from((index * 31 + index / 251) % 256).unwrap()).collect::<Vec<u8>>().into()
}

async fn put(blobs: &Arc<dyn BlobStore>, bytes: Bytes) -> BlobHash {
    let guard = blobs.enter();
    blobs.put(&guard, bytes, blobs.durability()).await.unwrap()
}

async fn bytes_are_read_back_whole_and_in_ranges<S: BlobSubject>(mut subject: S) {
    let sizes = [0, 1, 1_000, 65_535, 65_536, 65_537, 3 * 65_536, 5 * 65_536 + 17, 1_100_000];
    for size in sizes {
        let bytes = pattern(size);
        let hash = put(&subject.blobs(), bytes.clone()).await;
        assert_eq!(hash, BlobHash::of(&bytes));
        subject.reopen();
        let blobs = subject.blobs();
        assert_eq!(blobs.get(&hash, None).await.unwrap(), bytes, "{size} bytes");
        assert_eq!(blobs.size(&hash).await.unwrap(), Some(size as u64));
        let cuts = [0, 1, 65_535, 65_536, 65_537, 200_000, size, size + 1, usize::MAX];
        for start in cuts {
            for end in cuts {
                let (from, to) = (start.min(size), end.min(size));
                let expected = bytes.slice(from..to.max(from));
                let range = Some(start as u64..end as u64);
                assert_eq!(blobs.get(&hash, range).await.unwrap(), expected, "{size} bytes, {start}..{end}");
            }
        }
    }
}

async fn putting_twice_is_putting_once<S: BlobSubject>(subject: &S) {
    let blobs = subject.blobs();
    let first = put(&blobs, pattern(100_000)).await;
    assert_eq!(put(&blobs, pattern(100_000)).await, first);
    let none = async { Ok(HashSet::new()) }.boxed();
    let expected = Collected { removed: 1, bytes: 100_000, spared: 0 };
    assert_eq!(blobs.collect(none).await.unwrap(), expected);
}

async fn what_is_missing_is_an_error<S: BlobSubject>(subject: S) {
    let (blobs, hash) = (subject.blobs(), BlobHash::of(b"never put"));
    assert_eq!(blobs.get(&hash, None).await.unwrap_err().code(), ErrorCode::BlobMissing);
    assert_eq!(blobs.get(&hash, Some(0..1)).await.unwrap_err().code(), ErrorCode::BlobMissing);
    assert_eq!(blobs.size(&hash).await.unwrap(), None);
}

async fn damage_is_noticed_and_mended<S: BlobSubject>(subject: &S) {
    let blobs = subject.blobs();
    for size in [10, 200_000] {
        let hash = put(&blobs, pattern(size)).await;
        if subject.damage(&hash) {
            assert_eq!(blobs.get(&hash, None).await.unwrap_err().code(), ErrorCode::StoreCorrupt);
            let whole = Some(0..size as u64);
            assert_eq!(blobs.get(&hash, whole).await.unwrap_err().code(), ErrorCode::StoreCorrupt);
            put(&blobs, pattern(size)).await;
            assert_eq!(blobs.get(&hash, None).await.unwrap(), pattern(size));
        }
    }
}

async fn collection_spares_what_is_reachable_or_in_flight<S: BlobSubject>(subject: &S) {
    let blobs = subject.blobs();
    let named = put(&blobs, pattern(10)).await;
    let garbage = put(&blobs, pattern(11)).await;
    let guard = blobs.enter();
    let in_flight = blobs.put(&guard, pattern(12), blobs.durability()).await.unwrap();
    // A writer that comes while the reachable ones are being found is spared as well, and so is one that
    // leaves meanwhile: its record may have come too late to be found.
    let mut during = None;
    let reachable = async {
        during = Some(put(&blobs, pattern(13)).await);
        drop(guard);
        Ok(HashSet::from([named]))
    };
    let expected = Collected { removed: 1, bytes: 11, spared: 2 };
    assert_eq!(blobs.collect(reachable.boxed()).await.unwrap(), expected);
    assert_eq!(blobs.size(&garbage).await.unwrap(), None);
    for hash in [named, in_flight, during.unwrap()] {
        assert!(blobs.size(&hash).await.unwrap().is_some());
    }
    let expected = Collected { removed: 2, bytes: 25, spared: 0 };
    assert_eq!(blobs.collect(async { Ok(HashSet::from([named])) }.boxed()).await.unwrap(), expected);
    assert_eq!(blobs.get(&named, None).await.unwrap(), pattern(10));
    // A blob that is put again is young again.
    let guard = blobs.enter();
    blobs.put(&guard, pattern(10), blobs.durability()).await.unwrap();
    let expected = Collected { removed: 0, bytes: 0, spared: 1 };
    assert_eq!(blobs.collect(async { Ok(HashSet::new()) }.boxed()).await.unwrap(), expected);
}

async fn concurrent_writers_of_the_same_bytes_agree<S: BlobSubject>(subject: &S) {
    let blobs = subject.blobs();
    let tasks: Vec<_> = (0..16)
        .map(|index| {
            let blobs = Arc::clone(&blobs);
            spawn(async move { put(&blobs, pattern(70_000 + index % 4)).await })
        })
        .collect();
    let mut hashes = HashSet::new();
    for task in tasks {
        hashes.insert(task.await.unwrap());
    }
    assert_eq!(hashes.len(), 4);
    for hash in hashes {
        assert_eq!(BlobHash::of(&blobs.get(&hash, None).await.unwrap()), hash);
    }
}
