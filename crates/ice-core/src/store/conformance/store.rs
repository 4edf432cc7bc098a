//! The suite for [`Store`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a suite of tests: a failure is a panic by definition"
)]

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};

use super::StoreSubject;
use super::subject::spawn;
use crate::error::ErrorCode;
use crate::store::{
    Batch, Change, ChangeKind, CommitError, CommitSeq, Durability, Entry, Key, Store, Version, Versioned,
    WatchEvent,
};

/// Runs every case, each on a fresh store. Needs a tokio runtime, best with several threads.
pub async fn store<S: StoreSubject>(make: impl Fn() -> S) {
    macro_rules! run {
        ($($case:ident),* $(,)?) => {$(
            let subject = make();
            $case(subject.store()).await;
        )*};
    }
    run!(
        a_value_is_read_back_with_its_version,
        a_batch_is_applied_whole_or_not_at_all,
        the_last_write_of_a_batch_wins,
        versions_never_recur,
        expectations_hold_or_conflict,
        an_empty_batch_checks_and_changes_nothing,
        a_scan_is_ordered_and_bounded,
        limits_are_refused,
        a_watch_sees_changes_of_its_prefix_in_order,
        a_watch_goes_on_after_a_cursor,
        a_cursor_that_is_too_old_gets_a_gap,
        a_watch_ends_with_its_store,
        concurrent_counting_loses_nothing,
        a_scan_never_sees_half_a_batch,
        a_conflict_shows_what_it_conflicts_with,
        mixed_durability_keeps_the_order,
        a_compaction_changes_nothing_that_is_alive,
    );
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn best(store: &Arc<dyn Store>) -> Durability {
    store.offers().durability
}

async fn put(store: &Arc<dyn Store>, name: &str, value: &str) -> Version {
    let batch = Batch::new().put(key(name), value.to_owned());
    Version(store.commit(batch, best(store)).await.unwrap().0)
}

async fn value(store: &Arc<dyn Store>, name: &str) -> Option<Bytes> {
    store.get(&key(name)).await.unwrap().map(|found| found.value)
}

fn conflict(result: Result<CommitSeq, CommitError>) -> Option<Version> {
    let error = result.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreConflict);
    let CommitError::Conflict { found, .. } = error else { return None };
    found
}

async fn a_value_is_read_back_with_its_version(store: Arc<dyn Store>) {
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    let sizes = [0, 1, 63, 64, 65, 255, 256, 257, 4_095, 4_096, 100_000, 1 << 20];
    for (index, size) in sizes.into_iter().enumerate() {
        let name = key("size/").number(index as u64);
        let bytes = Bytes::from(vec![u8::try_from(index).unwrap() + 1; size]);
        let seq = store.commit(Batch::new().put(name.clone(), bytes.clone()), best(&store)).await.unwrap();
        let expected = Versioned { value: bytes, version: Version(seq.0) };
        assert_eq!(store.get(&name).await.unwrap(), Some(expected), "{size} bytes");
        assert_eq!(store.last_commit(), seq);
    }
}

async fn a_batch_is_applied_whole_or_not_at_all(store: Arc<dyn Store>) {
    let version = put(&store, "held", "1").await;
    let before = store.last_commit();
    let batch = Batch::new()
        .put(key("a"), "1")
        .delete(key("held"))
        .expect_version(key("held"), version)
        .expect_version(key("missing"), version);
    assert_eq!(conflict(store.commit(batch, best(&store)).await), None);
    assert_eq!((value(&store, "a").await, value(&store, "held").await), (None, Some("1".into())));
    assert_eq!(store.last_commit(), before);

    let batch = Batch::new().put(key("a"), "1").put(key("b"), "2").delete(key("held"));
    store.commit(batch.expect_version(key("held"), version), best(&store)).await.unwrap();
    let found = (value(&store, "a").await, value(&store, "b").await, value(&store, "held").await);
    assert_eq!(found, (Some("1".into()), Some("2".into()), None));
}

async fn the_last_write_of_a_batch_wins(store: Arc<dyn Store>) {
    let batch = Batch::new()
        .put(key("a"), "1")
        .put(key("a"), "2")
        .put(key("b"), "1")
        .delete(key("b"))
        .delete(key("c"))
        .put(key("c"), "3");
    store.commit(batch, best(&store)).await.unwrap();
    let found = (value(&store, "a").await, value(&store, "b").await, value(&store, "c").await);
    assert_eq!(found, (Some("2".into()), None, Some("3".into())));
}

async fn versions_never_recur(store: Arc<dyn Store>) {
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..5 {
        assert!(seen.insert(put(&store, "a", "same").await), "round {round}");
        store.commit(Batch::new().delete(key("a")), best(&store)).await.unwrap();
        assert_eq!(value(&store, "a").await, None);
    }
    let versions: Vec<Version> = seen.iter().copied().collect();
    assert!(versions.is_sorted());
}

async fn expectations_hold_or_conflict(store: Arc<dyn Store>) {
    let try_batch = |batch: Batch| store.commit(batch.put(key("probe"), "x"), best(&store));
    try_batch(Batch::new().expect_absent(key("a"))).await.unwrap();
    let first = put(&store, "a", "1").await;
    assert_eq!(conflict(try_batch(Batch::new().expect_absent(key("a"))).await), Some(first));
    try_batch(Batch::new().expect_version(key("a"), first)).await.unwrap();
    let second = put(&store, "a", "1").await;
    assert_eq!(conflict(try_batch(Batch::new().expect_version(key("a"), first)).await), Some(second));
    store.commit(Batch::new().delete(key("a")), best(&store)).await.unwrap();
    assert_eq!(conflict(try_batch(Batch::new().expect_version(key("a"), second)).await), None);
    try_batch(Batch::new().expect_absent(key("a"))).await.unwrap();
}

async fn an_empty_batch_checks_and_changes_nothing(store: Arc<dyn Store>) {
    let version = put(&store, "a", "1").await;
    let before = store.last_commit();
    store.commit(Batch::new().expect_version(key("a"), version), best(&store)).await.unwrap();
    store.commit(Batch::new(), best(&store)).await.unwrap();
    assert_eq!(
        conflict(store.commit(Batch::new().expect_absent(key("a")), best(&store)).await),
        Some(version)
    );
    assert_eq!(store.last_commit(), before);
}

async fn a_scan_is_ordered_and_bounded(store: Arc<dyn Store>) {
    let names = ["a", "a/", "a/1", "a/10", "a/2", "a0", "b/1", "ä/1"];
    let mut batch = Batch::new();
    for name in names {
        batch = batch.put(key(name), name);
    }
    let seq = store.commit(batch, best(&store)).await.unwrap();
    put(&store, "a/gone", "x").await;
    store.commit(Batch::new().delete(key("a/gone")), best(&store)).await.unwrap();
    let scan = |prefix: &'static str, after: Option<&'static str>, limit: usize| {
        let store = Arc::clone(&store);
        async move {
            let entries = store.scan(&key(prefix), after.map(key).as_ref(), limit).await.unwrap();
            for Entry { key, value, version } in &entries {
                assert_eq!((value, *version), (&Bytes::copy_from_slice(key.as_bytes()), Version(seq.0)));
            }
            entries.into_iter().map(|entry| entry.key.as_str().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(scan("a/", None, 100).await, ["a/", "a/1", "a/10", "a/2"]);
    assert_eq!(scan("a", None, 100).await, ["a", "a/", "a/1", "a/10", "a/2", "a0"]);
    assert_eq!(scan("a/", Some("a/1"), 2).await, ["a/10", "a/2"]);
    assert_eq!(scan("a/", Some("a"), 1).await, ["a/"]);
    assert_eq!(scan("a/", Some("a/2"), 100).await, [""; 0]);
    assert_eq!(scan("a/", Some("b"), 100).await, [""; 0]);
    assert_eq!(scan("a/", None, 0).await, [""; 0]);
    assert_eq!(scan("ä", None, 100).await, ["ä/1"]);
    assert_eq!(scan("c", None, 100).await, [""; 0]);
}

async fn limits_are_refused(store: Arc<dyn Store>) {
    let offers = store.offers();
    let too_long = Bytes::from(vec![0; offers.max_value_bytes + 1]);
    let refused = store.commit(Batch::new().put(key("a"), too_long), best(&store)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreTooLarge);
    let largest = Bytes::from(vec![7; offers.max_value_bytes]);
    let mut batch = Batch::new().put(key("fits"), largest.clone());
    for index in 0..=(offers.max_batch_bytes / offers.max_value_bytes) as u64 {
        batch = batch.put(key("k/").number(index), largest.clone());
    }
    let refused = store.commit(batch, best(&store)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::StoreTooLarge);
    assert_eq!((value(&store, "a").await, value(&store, "fits").await), (None, None));
    store.commit(Batch::new().put(key("fits"), largest.clone()), best(&store)).await.unwrap();
    assert_eq!(value(&store, "fits").await, Some(largest));
    if offers.durability < Durability::PowerLoss {
        let refused = store.commit(Batch::new().put(key("a"), "1"), Durability::PowerLoss).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::DurabilityUnavailable);
        assert_eq!(value(&store, "a").await, None);
    }
}

fn changed(seq: u64, name: &str, kind: ChangeKind) -> WatchEvent {
    WatchEvent::Changed(Change { seq: CommitSeq(seq), key: key(name), kind })
}

async fn a_watch_sees_changes_of_its_prefix_in_order(store: Arc<dyn Store>) {
    put(&store, "w/before", "1").await;
    let mut watch = store.watch(&key("w/"), None);
    let mut other = store.watch(&key("x/"), None);
    assert_eq!(watch.next().now_or_never(), None);
    let waiting = spawn(async move { (watch.next().await, watch.next().await, watch.next().await) });
    let first = put(&store, "w/a", "1").await;
    put(&store, "other", "1").await;
    let batch = Batch::new().delete(key("w/a")).put(key("w/b"), "2");
    let second = store.commit(batch, best(&store)).await.unwrap();
    let seen = waiting.await.unwrap();
    let expected = (
        Some(changed(first.0, "w/a", ChangeKind::Put)),
        Some(changed(second.0, "w/a", ChangeKind::Delete)),
        Some(changed(second.0, "w/b", ChangeKind::Put)),
    );
    assert_eq!(seen, expected);
    assert_eq!(other.next().now_or_never(), None);
}

async fn a_watch_goes_on_after_a_cursor(store: Arc<dyn Store>) {
    let first = put(&store, "w/a", "1").await;
    let second = put(&store, "w/b", "1").await;
    let mut watch = store.watch(&key("w/"), Some(CommitSeq(first.0)));
    assert_eq!(watch.next().await, Some(changed(second.0, "w/b", ChangeKind::Put)));
    assert_eq!(watch.next().now_or_never(), None);
    let third = put(&store, "w/c", "1").await;
    assert_eq!(watch.next().await, Some(changed(third.0, "w/c", ChangeKind::Put)));
}

async fn a_cursor_that_is_too_old_gets_a_gap(store: Arc<dyn Store>) {
    let first = put(&store, "w/a", "1").await;
    let mut slow = store.watch(&key("w/"), None);
    for round in 0_u64..40 {
        let batch =
            (0..500).fold(Batch::new(), |batch, index| batch.put(key("w/").number(index), round.to_string()));
        store.commit(batch, Durability::Buffered).await.unwrap();
    }
    store.commit(Batch::new(), best(&store)).await.unwrap();
    let last = store.last_commit();
    for watch in [&mut slow, &mut store.watch(&key("w/"), Some(CommitSeq(first.0)))] {
        let Some(WatchEvent::Gap { from, to }) = watch.next().await else { panic!("no gap was announced") };
        assert_eq!(from, CommitSeq(first.0));
        assert!(to > from && to <= last, "{to:?}");
        // What follows the gap is complete: every later commit is seen with all its changes.
        let mut seen = std::collections::BTreeMap::<u64, usize>::new();
        while let Some(Some(event)) = watch.next().now_or_never() {
            let WatchEvent::Changed(change) = event else { panic!("a second gap") };
            *seen.entry(change.seq.0).or_default() += 1;
        }
        let expected = (to.0 + 1..=last.0).map(|seq| (seq, 500)).collect();
        assert_eq!(seen, expected);
    }
}

async fn a_watch_ends_with_its_store(store: Arc<dyn Store>) {
    let mut watch = store.watch(&key("w/"), None);
    let waiting = spawn(async move { watch.next().await });
    let weak = Arc::downgrade(&store);
    drop(store);
    if weak.strong_count() == 0 {
        assert_eq!(waiting.await.unwrap(), None);
    } else {
        // The subject keeps the store alive: there is no end to be seen.
        waiting.abort();
    }
}

async fn concurrent_counting_loses_nothing(store: Arc<dyn Store>) {
    const TASKS: u64 = 8;
    const ROUNDS: u64 = 25;
    let tasks = (0..TASKS).map(|task| {
        let store = Arc::clone(&store);
        spawn(async move {
            let mut seqs = Vec::new();
            for _ in 0..ROUNDS {
                loop {
                    let found = store.get(&key("counter")).await.unwrap();
                    let count: u64 = found
                        .as_ref()
                        .map_or(0, |found| std::str::from_utf8(&found.value).unwrap().parse().unwrap());
                    let batch = match &found {
                        Some(found) => Batch::new().expect_version(key("counter"), found.version),
                        None => Batch::new().expect_absent(key("counter")),
                    };
                    let batch = batch
                        .put(key("counter"), (count + 1).to_string())
                        .put(key("log/").number(count), task.to_string());
                    match store.commit(batch, best(&store)).await {
                        Ok(seq) => break seqs.push((seq, count)),
                        Err(CommitError::Conflict { .. }) => {}
                        Err(CommitError::Store(error)) => panic!("{error}"),
                    }
                }
            }
            seqs
        })
    });
    let mut all = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        all.extend(task.await.unwrap());
    }
    assert_eq!(value(&store, "counter").await, Some((TASKS * ROUNDS).to_string().into()));
    // The order of the commits is the order of the counts: the history is linear.
    all.sort_unstable();
    let counts: Vec<u64> = all.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, (0..TASKS * ROUNDS).collect::<Vec<_>>());
    assert_eq!(store.scan(&key("log/"), None, usize::MAX).await.unwrap().len() as u64, TASKS * ROUNDS);
}

async fn a_scan_never_sees_half_a_batch(store: Arc<dyn Store>) {
    let writer = {
        let store = Arc::clone(&store);
        spawn(async move {
            for round in 0..200_u64 {
                let batch = (0..10).fold(Batch::new(), |batch, index| {
                    let name = key("p/").number(index);
                    if round % 7 == 6 { batch.delete(name) } else { batch.put(name, round.to_string()) }
                });
                let durability = if round % 10 == 0 { best(&store) } else { Durability::Buffered };
                store.commit(batch, durability).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let entries = store.scan(&key("p/"), None, 100).await.unwrap();
        let versions: std::collections::BTreeSet<_> = entries.iter().map(|entry| entry.version).collect();
        assert!(versions.len() <= 1 && [0, 10].contains(&entries.len()), "{entries:?}");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

async fn a_conflict_shows_what_it_conflicts_with(store: Arc<dyn Store>) {
    let tasks = (0..16).map(|task: u64| {
        let store = Arc::clone(&store);
        spawn(async move {
            let batch = Batch::new().expect_absent(key("one")).put(key("one"), task.to_string());
            match store.commit(batch, best(&store)).await {
                Ok(seq) => Version(seq.0),
                Err(CommitError::Conflict { found, .. }) => {
                    let seen = store.get(&key("one")).await.unwrap().unwrap().version;
                    assert_eq!(found, Some(seen), "what won is visible to who lost");
                    seen
                }
                Err(CommitError::Store(error)) => panic!("{error}"),
            }
        })
    });
    let mut versions = std::collections::BTreeSet::new();
    for task in tasks.collect::<Vec<_>>() {
        versions.insert(task.await.unwrap());
    }
    assert_eq!(versions.len(), 1);
}

async fn mixed_durability_keeps_the_order(store: Arc<dyn Store>) {
    let mut watch = store.watch(&key("m/"), None);
    let levels = [Durability::Buffered, Durability::ProcessCrash, Durability::PowerLoss];
    let tasks = (0..60_u64).map(|index| {
        let store = Arc::clone(&store);
        let durability =
            levels.into_iter().cycle().nth(usize::try_from(index).unwrap()).unwrap().min(best(&store));
        spawn(async move {
            let name = key("m/").number(index % 5);
            let batch = Batch::new().put(name.clone(), index.to_string());
            let seq = store.commit(batch, durability).await.unwrap();
            assert!(store.get(&name).await.unwrap().unwrap().version.0 >= seq.0, "visible to its own caller");
            seq
        })
    });
    let mut seqs = std::collections::BTreeSet::new();
    for task in tasks.collect::<Vec<_>>() {
        seqs.insert(task.await.unwrap());
    }
    assert_eq!(seqs.len(), 60);
    store.commit(Batch::new(), best(&store)).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 60 {
        let Some(WatchEvent::Changed(change)) = watch.next().await else { panic!("the watch broke off") };
        seen.push(change.seq);
    }
    assert_eq!(seen, seqs.into_iter().collect::<Vec<_>>());
    assert_eq!(store.last_commit(), *seen.last().unwrap());
}

async fn a_compaction_changes_nothing_that_is_alive(store: Arc<dyn Store>) {
    for round in 0..3_u8 {
        for index in 0..20_u8 {
            let value = vec![round; 40 * usize::from(index)];
            let name = key("compact/").number(index.into());
            store.commit(Batch::new().put(name, value), best(&store)).await.unwrap();
        }
    }
    let gone = (0..10).fold(Batch::new(), |batch, index| batch.delete(key("compact/").number(index * 2)));
    store.commit(gone, best(&store)).await.unwrap();
    let (before, last) = (store.scan(&key("compact/"), None, 100).await.unwrap(), store.last_commit());
    for _ in 0..2 {
        store.compact().await.unwrap();
        assert_eq!(store.scan(&key("compact/"), None, 100).await.unwrap(), before);
    }
    let version = put(&store, "compact/after", "x").await;
    assert!(version.0 > last.0);
    let all = (0..20).fold(Batch::new(), |batch, index| batch.delete(key("compact/").number(index)));
    store.commit(all.delete(key("compact/after")), best(&store)).await.unwrap();
    store.compact().await.unwrap();
    assert_eq!(store.scan(&key("compact/"), None, 100).await.unwrap(), []);
}
