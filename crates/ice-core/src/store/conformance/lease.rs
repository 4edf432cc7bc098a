//! The suite for leases on a store.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::sync::Arc;
use std::time::Duration;

use super::StoreSubject;
use super::subject::spawn;
use crate::error::ErrorCode;
use crate::store::lease::{self, Ownership};
use crate::store::{Batch, Durability, Key, Store};
use crate::time::{Clock, Moment, TestClock};

const TTL: Duration = Duration::from_secs(10);

/// Runs every case, each on a fresh store. Needs a tokio runtime.
pub async fn lease<S: StoreSubject>(make: impl Fn() -> S) {
    macro_rules! run {
        ($($case:ident),* $(,)?) => {$(
            let subject = make();
            $case(subject.store()).await;
        )*};
    }
    run!(
        one_owner_at_a_time,
        an_expired_lease_is_taken_over_and_fences_the_former_owner,
        renewing_keeps_the_epoch_and_the_fence,
        a_released_lease_is_free_and_its_epoch_never_recurs,
        a_claim_is_part_of_a_larger_batch,
        of_many_claimants_one_wins,
    );
}

fn clock() -> TestClock {
    TestClock::new(Moment::from_millis(1_000_000))
}

fn key() -> Key {
    Key::new("lease/run-1").unwrap()
}

async fn one_owner_at_a_time(store: Arc<dyn Store>) {
    let clock = clock();
    assert_eq!(lease::current(&*store, &key()).await.unwrap(), None);
    let held = lease::acquire(&*store, &key(), "a", TTL, &clock).await.unwrap();
    assert_eq!(held.until, clock.now().plus(TTL));
    let expected = Ownership { owner: "a".to_owned(), epoch: held.epoch, until: held.until };
    assert_eq!(lease::current(&*store, &key()).await.unwrap(), Some(expected));
    let refused = lease::acquire(&*store, &key(), "b", TTL, &clock).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RunOwned);
    assert!(refused.to_string().contains("owned by a"), "{refused}");
    clock.advance(TTL - Duration::from_millis(1));
    assert!(lease::acquire(&*store, &key(), "b", TTL, &clock).await.is_err());
    lease::acquire(&*store, &Key::new("lease/run-2").unwrap(), "b", TTL, &clock).await.unwrap();
}

async fn an_expired_lease_is_taken_over_and_fences_the_former_owner(store: Arc<dyn Store>) {
    let clock = clock();
    let mut first = lease::acquire(&*store, &key(), "a", TTL, &clock).await.unwrap();
    let write = |lease: &lease::Lease| {
        store.commit(lease.fence(Batch::new().put(Key::new("data").unwrap(), "x")), Durability::Buffered)
    };
    write(&first).await.unwrap();
    clock.advance(TTL);
    write(&first).await.unwrap();
    let second = lease::acquire(&*store, &key(), "b", TTL, &clock).await.unwrap();
    assert!(second.epoch > first.epoch);
    assert_eq!(write(&first).await.unwrap_err().code(), ErrorCode::StoreConflict);
    assert_eq!(first.renew(&*store, TTL, &clock).await.unwrap_err().code(), ErrorCode::RunLost);
    assert_eq!(first.release(&*store).await.unwrap_err().code(), ErrorCode::RunLost);
    write(&second).await.unwrap();
    assert_eq!(lease::current(&*store, &key()).await.unwrap().unwrap().owner, "b");
}

async fn renewing_keeps_the_epoch_and_the_fence(store: Arc<dyn Store>) {
    let clock = clock();
    let mut held = lease::acquire(&*store, &key(), "a", TTL, &clock).await.unwrap();
    let before = held.clone();
    for _ in 0..3 {
        clock.advance(TTL - Duration::from_secs(1));
        held.renew(&*store, TTL, &clock).await.unwrap();
        assert!(lease::acquire(&*store, &key(), "b", TTL, &clock).await.is_err());
    }
    assert_eq!((held.epoch, held.until), (before.epoch, clock.now().plus(TTL)));
    let batch = before.fence(Batch::new().put(Key::new("data").unwrap(), "x"));
    store.commit(batch, Durability::Buffered).await.unwrap();
    // An expired lease that nobody took may be renewed.
    clock.advance(TTL * 2);
    held.renew(&*store, TTL, &clock).await.unwrap();
    assert!(lease::acquire(&*store, &key(), "b", TTL, &clock).await.is_err());
}

async fn a_released_lease_is_free_and_its_epoch_never_recurs(store: Arc<dyn Store>) {
    let clock = clock();
    let mut epochs = Vec::new();
    for owner in ["a", "b", "a", "a"] {
        let held = lease::acquire(&*store, &key(), owner, TTL, &clock).await.unwrap();
        epochs.push(held.epoch);
        let late = held.clone();
        held.release(&*store).await.unwrap();
        assert_eq!(lease::current(&*store, &key()).await.unwrap(), None);
        let batch = late.fence(Batch::new().put(Key::new("data").unwrap(), "x"));
        assert!(store.commit(batch, Durability::Buffered).await.is_err());
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

async fn a_claim_is_part_of_a_larger_batch(store: Arc<dyn Store>) {
    let (clock, data) = (clock(), Key::new("data").unwrap());
    let claim = lease::claim(&*store, &key(), "a", TTL, &clock).await.unwrap();
    let rival = lease::claim(&*store, &key(), "b", TTL, &clock).await.unwrap();
    let batch = Batch::new().put(data.clone(), "a").merge(claim.batch());
    let mut held = claim.committed(store.commit(batch, Durability::Buffered).await.unwrap());
    let batch = Batch::new().put(data.clone(), "b").merge(rival.batch());
    assert_eq!(store.commit(batch, Durability::Buffered).await.unwrap_err().code(), ErrorCode::StoreConflict);
    assert_eq!(store.get(&data).await.unwrap().unwrap().value, "a");
    held.renew(&*store, TTL, &clock).await.unwrap();
    let batch = held.release_batch().unwrap().put(data.clone(), "done");
    store.commit(batch, Durability::Buffered).await.unwrap();
    assert_eq!(lease::current(&*store, &key()).await.unwrap(), None);
}

async fn of_many_claimants_one_wins(store: Arc<dyn Store>) {
    let clock = clock();
    let tasks: Vec<_> = (0..12)
        .map(|index| {
            let (store, clock) = (Arc::clone(&store), clock.clone());
            spawn(async move {
                lease::acquire(&*store, &key(), &format!("owner-{index}"), TTL, &clock).await.ok()
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    let owner = lease::current(&*store, &key()).await.unwrap().unwrap();
    let winners: Vec<_> = winners.into_iter().map(|won: lease::Lease| (won.owner, won.epoch)).collect();
    assert_eq!(winners, [(owner.owner, owner.epoch)]);
}
