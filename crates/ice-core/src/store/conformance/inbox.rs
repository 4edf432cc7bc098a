//! The suite for inboxes on a store.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::sync::Arc;

use super::StoreSubject;
use super::subject::spawn;
use crate::error::ErrorCode;
use crate::store::inbox;
use crate::store::{Batch, Durability, Key, Store};

/// Runs every case, each on a fresh store. Needs a tokio runtime.
pub async fn inbox<S: StoreSubject>(make: impl Fn() -> S) {
    numbers_ascend_and_messages_are_consumed(make().store()).await;
    a_repetition_sends_nothing(make().store()).await;
    concurrent_senders_lose_nothing(make().store()).await;
}

fn prefix() -> Key {
    Key::new("inbox/").unwrap().folder("run-1")
}

async fn payloads(store: &dyn Store, after: u64, limit: usize) -> Vec<(u64, String)> {
    let messages = inbox::read(store, &prefix(), after, limit).await.unwrap();
    let text = |message: inbox::Message| String::from_utf8(message.payload.to_vec()).unwrap();
    messages.into_iter().map(|message| (message.number, text(message))).collect()
}

async fn numbers_ascend_and_messages_are_consumed(store: Arc<dyn Store>) {
    for (index, payload) in ["a", "b", "c"].into_iter().enumerate() {
        let number = inbox::send(&*store, &prefix(), payload.into(), None).await.unwrap();
        assert_eq!(number, index as u64 + 1);
    }
    let own = |pairs: &[(u64, &str)]| pairs.iter().map(|(n, t)| (*n, (*t).to_owned())).collect::<Vec<_>>();
    assert_eq!(payloads(&*store, 0, 10).await, own(&[(1, "a"), (2, "b"), (3, "c")]));
    assert_eq!(payloads(&*store, 1, 1).await, own(&[(2, "b")]));
    let read = inbox::read(&*store, &prefix(), 0, 2).await.unwrap();
    let done = Key::new("done").unwrap();
    let batch = Batch::new().put(done.clone(), "yes").merge(inbox::consume(&prefix(), &read));
    store.commit(batch.clone(), Durability::Buffered).await.unwrap();
    assert_eq!(payloads(&*store, 0, 10).await, own(&[(3, "c")]));
    assert_eq!(store.commit(batch, Durability::Buffered).await.unwrap_err().code(), ErrorCode::StoreConflict);
    // Numbers go on, whatever was consumed.
    let last = inbox::read(&*store, &prefix(), 0, 2).await.unwrap();
    store.commit(inbox::consume(&prefix(), &last), Durability::Buffered).await.unwrap();
    assert_eq!(inbox::send(&*store, &prefix(), "d".into(), None).await.unwrap(), 4);
    let other = Key::new("inbox/").unwrap().folder("run-2");
    assert_eq!(inbox::send(&*store, &other, "a".into(), None).await.unwrap(), 1);
}

async fn a_repetition_sends_nothing(store: Arc<dyn Store>) {
    let send = |payload: &'static str, once: Option<&'static str>| {
        let store = Arc::clone(&store);
        async move { inbox::send(&*store, &prefix(), payload.into(), once).await }
    };
    assert_eq!(send("a", Some("key/1")).await.unwrap(), 1);
    assert_eq!(send("b", Some("key/2")).await.unwrap(), 2);
    assert_eq!(send("a again", Some("key/1")).await.unwrap(), 1);
    let read = inbox::read(&*store, &prefix(), 0, 10).await.unwrap();
    assert_eq!(read.len(), 2);
    store.commit(inbox::consume(&prefix(), &read), Durability::Buffered).await.unwrap();
    assert_eq!(send("a late", Some("key/1")).await.unwrap(), 1);
    assert_eq!(payloads(&*store, 0, 10).await, []);
    let long = "x".repeat(inbox::MAX_IDEMPOTENCY_KEY_BYTES + 1);
    for bad in ["", &long] {
        let refused = inbox::send(&*store, &prefix(), "a".into(), Some(bad)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::StoreTooLarge);
    }
}

async fn concurrent_senders_lose_nothing(store: Arc<dyn Store>) {
    let tasks: Vec<_> = (0..8_u64)
        .map(|sender| {
            let store = Arc::clone(&store);
            spawn(async move {
                let mut sent = Vec::new();
                for index in 0..10_u64 {
                    let payload = format!("{sender}:{index}");
                    // Every second message is sent twice, as after a lost answer.
                    let once = (index % 2 == 0).then_some(payload.as_str());
                    let number = inbox::send(&*store, &prefix(), payload.clone().into(), once).await.unwrap();
                    if once.is_some() {
                        let again = inbox::send(&*store, &prefix(), payload.clone().into(), once).await;
                        assert_eq!(again.unwrap(), number);
                    }
                    sent.push((number, payload));
                }
                assert!(sent.is_sorted());
                sent
            })
        })
        .collect();
    let mut sent = Vec::new();
    for task in tasks {
        sent.extend(task.await.unwrap());
    }
    sent.sort_unstable();
    assert_eq!(sent.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
    assert_eq!(payloads(&*store, 0, 1_000).await, sent);
}
