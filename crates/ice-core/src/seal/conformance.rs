//! The suite for [`KeyProvider`]: what every implementation must do.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::sync::Arc;

use super::{KeyError, KeyName, KeyProvider, SystemEntropy};
use crate::error::ErrorCode;
use crate::id::{RunId, Tenant};
use crate::time::SystemIds;

/// Runs every case, each on a fresh provider. Needs a tokio runtime.
pub async fn keys(make: impl Fn() -> Arc<dyn KeyProvider>) {
    a_key_is_made_once_and_is_the_same_after(&*make()).await;
    names_have_keys_of_their_own(&*make()).await;
    what_was_destroyed_never_comes_back(&*make()).await;
    of_many_that_make_a_key_all_get_the_same(&make()).await;
}

fn tenant() -> KeyName {
    KeyName { tenant: Tenant::default(), run: None }
}

fn run() -> KeyName {
    KeyName { run: Some(RunId::new(&SystemIds)), ..tenant() }
}

async fn a_key_is_made_once_and_is_the_same_after(keys: &dyn KeyProvider) {
    assert!(matches!(keys.key(&tenant()).await, Err(KeyError::Missing { name }) if name == tenant()));
    let made = keys.create(&tenant()).await.unwrap();
    let sealed = made.seal(&SystemEntropy, b"a", b"clear").unwrap();
    for again in [keys.key(&tenant()).await.unwrap(), keys.create(&tenant()).await.unwrap()] {
        assert_eq!((again.id(), again.open(b"a", &sealed).unwrap()), (made.id(), b"clear".to_vec()));
    }
}

async fn names_have_keys_of_their_own(keys: &dyn KeyProvider) {
    let other = KeyName { tenant: Tenant::new("other").unwrap(), run: None };
    let (first, second) = (run(), run());
    let mut ids = std::collections::BTreeSet::new();
    for name in [tenant(), other, first.clone(), second.clone()] {
        ids.insert(keys.create(&name).await.unwrap().id());
    }
    assert_eq!(ids.len(), 4);
    keys.destroy(&first).await.unwrap();
    assert!(keys.key(&first).await.is_err());
    keys.key(&second).await.unwrap();
    keys.key(&tenant()).await.unwrap();
}

async fn what_was_destroyed_never_comes_back(keys: &dyn KeyProvider) {
    let (made, never) = (run(), run());
    keys.create(&made).await.unwrap();
    for name in [made, never] {
        for _ in 0..2 {
            keys.destroy(&name).await.unwrap();
            for error in [keys.key(&name).await.unwrap_err(), keys.create(&name).await.unwrap_err()] {
                assert_eq!(error.code(), ErrorCode::KeyDestroyed, "{error}");
            }
        }
    }
}

async fn of_many_that_make_a_key_all_get_the_same(keys: &Arc<dyn KeyProvider>) {
    let name = run();
    let made = futures::future::join_all((0..16).map(|_| keys.create(&name))).await;
    let ids: std::collections::BTreeSet<_> = made.into_iter().map(|key| key.unwrap().id()).collect();
    assert_eq!(ids.len(), 1);
}
