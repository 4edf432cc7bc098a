//! What is missing of the log although the store does not replay it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{EmbeddedOptions, EmbeddedStore};
use super::{key, put, tiny};
use crate::error::ErrorCode;
use crate::store::disk::FolderDisk;
use crate::store::{Batch, Durability, LossPolicy, Store, StoreError};

const COUNT: usize = 60;

/// Whether the store keeps what it knows in an index or all of it in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    There,
    None,
}

fn open(folder: &Path, index: Index, loss: LossPolicy) -> Result<EmbeddedStore, StoreError> {
    let options = match index {
        Index::There => tiny(),
        // Upkeep is to be due only when it is asked for.
        Index::None => EmbeddedOptions { table_bytes: 1 << 20, checkpoint_bytes: 1 << 20, ..tiny() },
    };
    let options = EmbeddedOptions { loss, ..options };
    let index = (index == Index::There).then_some(folder);
    EmbeddedStore::open_on(Arc::new(FolderDisk::new(folder)?), index, options)
}

fn name(index: usize) -> String {
    format!("k/{index:03}")
}

fn text(index: usize) -> String {
    format!("{index:03}").repeat(300)
}

async fn fill(store: &EmbeddedStore, range: std::ops::Range<usize>) {
    for index in range {
        put(store, &name(index), &text(index), Durability::PowerLoss).await.unwrap();
    }
}

/// The segments of a folder, in order.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("log")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
}

/// Damages a folder of 60 values of 900 bytes, all of them behind the checkpoint except those from `after` on, and sees
/// to it that the loss is refused, or accepted once and for all. Returns how many values are lost.
async fn check(index: Index, after: usize, damage: fn(&Path)) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), index, LossPolicy::Refuse).unwrap();
    fill(&store, 0..after).await;
    store.checkpoint().await.unwrap();
    fill(&store, after..COUNT).await;
    store.close().await.unwrap();
    drop(store);
    assert!(segments(folder.path()).len() > 3);
    damage(folder.path());

    let refuse = || match open(folder.path(), index, LossPolicy::Refuse) {
        Err(StoreError::Lost(loss)) => loss,
        other => panic!("{other:?}"),
    };
    let loss = refuse();
    assert_eq!(refuse(), loss, "refusing changes nothing");
    let store = open(folder.path(), index, LossPolicy::Accept).unwrap();
    assert_eq!(store.report().lost, Some(loss.clone()));
    let mut there = Vec::new();
    for index in 0..COUNT {
        // The commits have the numbers from 1 on.
        let number = index as u64 + 1;
        match store.get(&key(&name(index))).await.unwrap() {
            Some(found) => {
                assert_eq!((found.value, found.version.0), (text(index).into(), number));
                there.push(index);
            }
            None => assert!((loss.first.0..=loss.last.0).contains(&number), "{number} is lost: {loss}"),
        }
    }
    let lost = COUNT - there.len();
    assert!(lost as u64 <= loss.at_most, "{lost} lost, but {loss}");
    let all = async |store: &EmbeddedStore| -> Vec<String> {
        let found = store.scan(&key("k/"), None, usize::MAX).await.unwrap();
        found.into_iter().map(|entry| entry.key.to_string()).collect()
    };
    let names: Vec<String> = there.into_iter().map(name).collect();
    assert_eq!(all(&store).await, names);
    // Once it was accepted nobody hears of it again, however soon the process ends.
    drop(store);
    let store = open(folder.path(), index, LossPolicy::Refuse).unwrap();
    assert_eq!((store.report().lost.as_ref(), all(&store).await), (None, names.clone()));
    assert!(put(&store, "new", &text(7), Durability::PowerLoss).await.unwrap() > COUNT as u64);
    for _ in 0..2 {
        store.checkpoint().await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let store = open(folder.path(), index, LossPolicy::Refuse).unwrap();
    assert_eq!((store.report().lost.as_ref(), all(&store).await), (None, names));
    assert_eq!(store.get(&key("new")).await.unwrap().unwrap().value, text(7));
    lost
}

#[tokio::test]
async fn a_last_segment_cut_behind_the_checkpoint_is_a_loss() {
    for index in [Index::There, Index::None] {
        assert_eq!(check(index, COUNT, |folder| cut(segments(folder).last().unwrap(), 10)).await, 1);
        let lost = check(index, COUNT, |folder| cut(segments(folder).last().unwrap(), 1_000)).await;
        // It may be that there was only one left in it.
        assert!((1..=2).contains(&lost), "{lost}");
    }
}

#[tokio::test]
async fn a_segment_missing_behind_the_checkpoint_is_a_loss() {
    for index in [Index::There, Index::None] {
        for after in [COUNT, COUNT - 2] {
            let lost = check(index, after, |folder| fs::remove_file(&segments(folder)[0]).unwrap()).await;
            assert!((1..20).contains(&lost), "{lost}");
            let lost = check(index, after, |folder| fs::remove_file(&segments(folder)[1]).unwrap()).await;
            assert!((1..20).contains(&lost), "{lost}");
        }
    }
}

#[tokio::test]
async fn a_segment_cut_behind_the_checkpoint_is_a_loss() {
    for index in [Index::There, Index::None] {
        assert_eq!(check(index, COUNT, |folder| cut(&segments(folder)[0], 10)).await, 1);
    }
}

#[tokio::test]
async fn a_log_without_segments_is_a_loss() {
    for index in [Index::There, Index::None] {
        for after in [COUNT, COUNT - 2] {
            let lost = check(index, after, |folder| fs::remove_dir_all(folder.join("log")).unwrap()).await;
            assert_eq!(lost, COUNT);
        }
    }
}

#[tokio::test]
async fn a_segment_missing_between_the_checkpoint_and_the_place_of_the_index_is_a_loss() {
    // What follows is too little for another checkpoint and enough for more than one segment.
    let lost = check(Index::There, 38, |folder| {
        let all = segments(folder);
        fs::remove_file(&all[all.len() - 2]).unwrap();
    });
    assert_eq!(lost.await, COUNT - 38);
}

#[tokio::test]
async fn reading_a_value_whose_place_is_lost_ends_with_an_error() {
    for index in [Index::There, Index::None] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), index, LossPolicy::Refuse).unwrap();
        fill(&store, 0..COUNT).await;
        store.close().await.unwrap();
        drop(store);
        let store = open(folder.path(), index, LossPolicy::Refuse).unwrap();
        // It was whole when the store was opened.
        cut(&segments(folder.path())[0], 1_000);
        let error = store.get(&key(&name(16))).await.unwrap_err();
        assert!(error.code() == ErrorCode::StoreCorrupt && error.to_string().contains("k/016"), "{error}");
        let error = store.scan(&key("k/"), None, usize::MAX).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
        assert_eq!(store.get(&key(&name(3))).await.unwrap().unwrap().value, text(3));
    }
}

#[tokio::test]
async fn a_value_that_was_copied_from_a_segment_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Index::None, LossPolicy::Refuse).unwrap();
    fill(&store, 0..COUNT).await;
    let dead = (1..COUNT).fold(Batch::new(), |batch, index| batch.delete(key(&name(index))));
    store.commit(dead, Durability::PowerLoss).await.unwrap();
    // The checkpoint relies on the first segment, since the copy is made after it.
    store.checkpoint().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    fs::remove_file(&segments(folder.path())[0]).unwrap();
    assert!(matches!(open(folder.path(), Index::None, LossPolicy::Refuse), Err(StoreError::Lost(_))));
    for loss in [LossPolicy::Accept, LossPolicy::Refuse] {
        let store = open(folder.path(), Index::None, loss).unwrap();
        let found = store.scan(&key("k/"), None, 9).await.unwrap();
        assert!(found.len() == 1 && found[0].value == text(0), "{loss:?}");
    }
}
