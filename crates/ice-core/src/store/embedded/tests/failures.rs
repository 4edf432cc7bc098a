//! Failing disks, ends without warning, and losses.

use std::path::Path;

use futures::FutureExt;

use super::super::{EmbeddedOptions, EmbeddedStore};
use super::{key, on_sim, put, value};
use crate::error::ErrorCode;
use crate::store::disk::{SimDisk, SimFault};
use crate::store::{Batch, CommitSeq, Durability, LossPolicy, Store, StoreError};

#[tokio::test]
async fn a_failed_write_or_sync_poisons_until_opened_again() {
    for (fault, code) in [
        (SimFault::FailWrite(0), ErrorCode::StorePoisoned),
        (SimFault::FailSync(0), ErrorCode::StorePoisoned),
        (SimFault::Full(1_600), ErrorCode::StoreFull),
    ] {
        let disk = SimDisk::new();
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
        assert!(store.failed().now_or_never().is_none());
        disk.inject(fault);
        let long = "x".repeat(1_000);
        let failed = put(&store, "a", &long, Durability::PowerLoss).await.unwrap_err();
        assert_eq!(failed.code(), code, "{failed}");
        store.failed().await;
        disk.heal();
        for durability in [Durability::Buffered, Durability::PowerLoss] {
            let refused = put(&store, "b", "2", durability).await.unwrap_err();
            assert_eq!(refused.code(), code, "the kind of the first failure stays: {refused}");
            assert_eq!(refused.to_string(), failed.to_string());
        }
        assert_eq!((value(&store, "a").await, value(&store, "b").await), (Some("1".into()), None));
        assert_eq!(store.close().await.unwrap_err().code(), code);
        drop(store);
        disk.crash(5);
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        assert!([Some("1".into()), Some(long)].contains(&value(&store, "a").await));
        assert_eq!(value(&store, "b").await, None);
        put(&store, "b", "3", Durability::PowerLoss).await.unwrap();
        assert_eq!(value(&store, "b").await, Some("3".into()));
    }
}

#[tokio::test]
async fn a_folder_has_one_owner_and_a_format() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
    let store = open().unwrap();
    let Err(StoreError::Locked { owner, .. }) = open() else { panic!("opened twice") };
    assert_eq!(owner, Some(std::process::id()));
    drop(store);
    open().unwrap().close().await.unwrap();
    for (written, told) in [
        (&b"ice-store 2\n"[..], r#"says "ice-store 2""#.to_owned()),
        (b"", "is empty".to_owned()),
        (b"\x00\x1b[2J\"", r#"says "\0\u{1b}[2J\"""#.to_owned()),
        (&[b'x'; 4_000], format!("says \"{}…\"", "x".repeat(40))),
    ] {
        std::fs::write(folder.path().join("FORMAT"), written).unwrap();
        let error = open().unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreFormat);
        let expected = format!("the FORMAT of the data folder {told}; this version reads \"ice-store 1\"");
        assert_eq!(error.to_string(), expected);
    }
    std::fs::remove_file(folder.path().join("FORMAT")).unwrap();
    let store = open().unwrap();
    put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
    drop(store);
    std::fs::remove_file(folder.path().join("FORMAT")).unwrap();
    assert_eq!(open().unwrap_err().code(), ErrorCode::StoreFormat);
}

#[tokio::test]
async fn closing_and_dropping_keep_what_was_buffered() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let store = open();
    put(&store, "dropped", "1", Durability::Buffered).await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(value(&store, "dropped").await, Some("1".into()));
    put(&store, "closed", "1", Durability::Buffered).await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = put(&store, "late", "1", Durability::Buffered).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreUnavailable);
    assert_eq!(value(&store, "closed").await, Some("1".into()));
    drop(store);
    assert_eq!(value(&open(), "closed").await, Some("1".into()));
}

#[tokio::test]
async fn no_version_recurs_whatever_is_lost() {
    let disk = SimDisk::new();
    let mut highest = 0;
    for round in 0..20 {
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        for durability in [Durability::PowerLoss, Durability::ProcessCrash, Durability::Buffered] {
            let seq = put(&store, "a", "x", durability).await.unwrap();
            assert!(seq > highest, "{seq} after {highest} in round {round}");
            highest = seq;
        }
        // The handles of the store die with the machine: nothing is saved by dropping it.
        disk.crash(round);
        drop(store);
    }
}

#[tokio::test]
async fn a_loss_is_refused_or_reported_with_its_range() {
    let disk = SimDisk::new();
    let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
    for index in 1..=9 {
        put(&store, &format!("k{index}"), "x", Durability::PowerLoss).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let log = disk.files().into_iter().find(|path| path.starts_with("log/")).unwrap();
    disk.damage(&log, |bytes| bytes.truncate(bytes.len() - 150));
    let Err(StoreError::Lost(lost)) = on_sim(&disk, EmbeddedOptions::default()) else {
        panic!("a loss went unnoticed")
    };
    assert_eq!((lost.first, lost.last, lost.at_most), (CommitSeq(8), CommitSeq(9), 2));
    let accepting = EmbeddedOptions { loss: LossPolicy::Accept, ..EmbeddedOptions::default() };
    let store = on_sim(&disk, accepting).unwrap();
    assert_eq!(store.report().lost, Some(lost));
    assert_eq!(store.scan(&key("k"), None, 99).await.unwrap().len(), 7);
    assert!(put(&store, "k8", "again", Durability::PowerLoss).await.unwrap() > 9);
    drop(store);
    let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
    assert_eq!((store.report().lost.as_ref(), value(&store, "k8").await), (None, Some("again".into())));
    assert!(disk.files().iter().any(|path| path.starts_with("damaged/")));
}

#[tokio::test]
async fn a_loss_after_crashes_says_how_many_commits_it_can_be() {
    let disk = SimDisk::new();
    for round in 0..4 {
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        for index in 0..3 {
            put(&store, &format!("k{round}/{index}"), "x", Durability::PowerLoss).await.unwrap();
        }
        // A clean end would give back the numbers that were reserved.
        disk.kill();
        drop(store);
    }
    let log = disk.files().into_iter().find(|path| path.starts_with("log/")).unwrap();
    disk.damage(&log, |bytes| bytes[64 + 64 + 3] ^= 1);
    let Err(StoreError::Lost(lost)) = on_sim(&disk, EmbeddedOptions::default()) else {
        panic!("a loss went unnoticed")
    };
    assert!(lost.first == CommitSeq(1) && lost.last > CommitSeq(1 << 23), "{lost}");
    // Of the frame that is damaged only its size is known.
    assert!((12..=16).contains(&lost.at_most), "{lost}");
    assert!(lost.to_string().contains("of them, as numbers have gaps"), "{lost}");
}

#[tokio::test]
async fn a_value_whose_sync_failed_is_not_seen() {
    for fault in [SimFault::FailSync(0), SimFault::FailWrite(0)] {
        let disk = SimDisk::new();
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        let (old, new) = ("old".repeat(300), "new".repeat(300));
        put(&store, "a", &old, Durability::PowerLoss).await.unwrap();
        disk.inject(fault);
        let batch = Batch::new().put(key("a"), new.clone()).put(key("b"), new.clone());
        store.commit(batch, Durability::PowerLoss).await.unwrap_err();
        assert_eq!((value(&store, "a").await, value(&store, "b").await), (Some(old.clone()), None));
        let found = store.scan(&key("a"), None, 9).await.unwrap();
        assert!(found.len() == 1 && found[0].value == old, "{found:?}");
        assert!(store.close().await.is_err());
        drop(store);
        disk.kill();
        let store = on_sim(&disk, EmbeddedOptions::default()).unwrap();
        // A batch is there whole or not at all.
        let found = (value(&store, "a").await, value(&store, "b").await);
        assert!([(Some(old), None), (Some(new.clone()), Some(new))].contains(&found), "{found:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_removed_or_replaced_is_noticed() {
    type Removal = fn(&Path);
    let removals: [Removal; 3] = [
        |folder| std::fs::remove_dir_all(folder).unwrap(),
        |folder| std::fs::remove_dir_all(folder.join("log")).unwrap(),
        |folder| {
            std::fs::rename(folder, folder.with_extension("moved")).unwrap();
            EmbeddedStore::open(folder, EmbeddedOptions::default()).unwrap();
        },
    ];
    let parent = tempfile::tempdir().unwrap();
    for (index, remove) in removals.into_iter().enumerate() {
        let folder = parent.path().join(index.to_string());
        let store = EmbeddedStore::open(&folder, EmbeddedOptions::default()).unwrap();
        put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
        remove(&folder);
        // It may be noticed already.
        let _ = put(&store, "b", "2", Durability::PowerLoss).await;
        let failure = store.failed().await;
        assert_eq!(failure.code(), ErrorCode::StoreUnavailable, "{failure}");
        assert!(failure.to_string().contains("removed or replaced"), "{failure}");
        let refused = put(&store, "c", "3", Durability::Buffered).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::StoreUnavailable, "{refused}");
        assert_eq!(store.close().await.unwrap_err().code(), ErrorCode::StoreUnavailable);
    }
}

#[tokio::test]
async fn a_folder_that_was_removed_while_nothing_was_written_is_noticed_on_closing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let open = || EmbeddedStore::open(&folder, EmbeddedOptions::default()).unwrap();
    let store = open();
    put(&store, "a", "1", Durability::PowerLoss).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = open();
    std::fs::remove_dir_all(&folder).unwrap();
    let error = store.close().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreUnavailable, "{error}");
}
