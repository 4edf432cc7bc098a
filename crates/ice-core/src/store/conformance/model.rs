//! A model test: random histories against a plain map.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::StoreSubject;
use crate::store::{Batch, CommitError, Durability, Entry, Key, Store, Version, Versioned};

#[derive(Clone, Debug)]
enum Step {
    Commit { writes: Vec<(u8, Option<Contents>)>, expects: Vec<(u8, Guess)>, durability: Durability },
    Get(u8),
    Scan { prefix: u8, after: Option<u8>, limit: usize },
    Reopen,
}

#[derive(Clone, Debug)]
struct Contents {
    byte: u8,
    size: usize,
}

#[derive(Clone, Copy, Debug)]
enum Guess {
    Absent,
    Right,
    Wrong,
}

fn step() -> impl Strategy<Value = Step> {
    let contents = (any::<u8>(), prop_oneof![0_usize..64, 200..600_usize, 5_000..20_000_usize])
        .prop_map(|(byte, size)| Contents { byte, size });
    let writes = prop::collection::vec((0_u8..24, prop::option::weighted(0.75, contents)), 0..6);
    let guess = prop_oneof![Just(Guess::Absent), Just(Guess::Right), Just(Guess::Right), Just(Guess::Wrong)];
    let expects = prop::collection::vec((0_u8..24, guess), 0..3);
    let durability =
        prop_oneof![Just(Durability::Buffered), Just(Durability::ProcessCrash), Just(Durability::PowerLoss)];
    prop_oneof![
        6 => (writes, expects, durability)
            .prop_map(|(writes, expects, durability)| Step::Commit { writes, expects, durability }),
        2 => (0_u8..24).prop_map(Step::Get),
        2 => (0_u8..4, prop::option::of(0_u8..24), 0_usize..12)
            .prop_map(|(prefix, after, limit)| Step::Scan { prefix, after, limit }),
        1 => Just(Step::Reopen),
    ]
}

/// Keys in three folders, so that prefixes divide them.
fn key(index: u8) -> Key {
    Key::new(&format!("{}/{index:02}", folder(index % 3))).unwrap()
}

fn folder(index: u8) -> &'static str {
    match index {
        0 => "a",
        1 => "a/b",
        2 => "b",
        _ => "z",
    }
}

/// Runs `cases` random histories of up to 60 steps, each on a fresh store, and compares every answer with a
/// map's.
pub fn model<S: StoreSubject>(cases: u32, make: impl Fn() -> S) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let histories = prop::collection::vec(step(), 1..60);
    let checked = runner.run(&histories, |steps| {
        let mut subject = make();
        let mut oracle = BTreeMap::<Key, Versioned>::new();
        for step in steps {
            if matches!(step, Step::Reopen) {
                subject.reopen();
            } else {
                runtime.block_on(take(&*subject.store(), &mut oracle, step))?;
            }
        }
        subject.reopen();
        runtime.block_on(compare(&*subject.store(), &oracle, "", None, usize::MAX))
    });
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}

async fn take(
    store: &dyn Store,
    oracle: &mut BTreeMap<Key, Versioned>,
    step: Step,
) -> Result<(), TestCaseError> {
    match step {
        Step::Commit { writes, expects, durability } => {
            commit(store, oracle, writes, expects, durability).await
        }
        Step::Get(index) => {
            let found =
                store.get(&key(index)).await.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(found.as_ref(), oracle.get(&key(index)));
            Ok(())
        }
        Step::Scan { prefix, after, limit } => {
            compare(store, oracle, folder(prefix), after.map(key).as_ref(), limit).await
        }
        Step::Reopen => Ok(()),
    }
}

async fn commit(
    store: &dyn Store,
    oracle: &mut BTreeMap<Key, Versioned>,
    writes: Vec<(u8, Option<Contents>)>,
    expects: Vec<(u8, Guess)>,
    durability: Durability,
) -> Result<(), TestCaseError> {
    let mut batch = Batch::new();
    let mut holds = true;
    for (index, guess) in expects {
        let key = key(index);
        let found = oracle.get(&key).map(|found| found.version);
        batch = match (guess, found) {
            (Guess::Right, Some(version)) => batch.expect_version(key, version),
            (Guess::Wrong, _) => {
                holds = false;
                batch.expect_version(key, Version(found.map_or(1, |found| found.0 + 1)))
            }
            (Guess::Absent | Guess::Right, None) => batch.expect_absent(key),
            (Guess::Absent, Some(_)) => {
                holds = false;
                batch.expect_absent(key)
            }
        };
    }
    let contents = |Contents { byte, size }: Contents| Bytes::from(vec![byte; size]);
    let writes: Vec<(Key, Option<Bytes>)> =
        writes.into_iter().map(|(index, value)| (key(index), value.map(contents))).collect();
    for (key, value) in &writes {
        batch = match value {
            Some(value) => batch.put(key.clone(), value.clone()),
            None => batch.delete(key.clone()),
        };
    }
    match store.commit(batch, durability.min(store.offers().durability)).await {
        Ok(seq) => {
            prop_assert!(holds, "a batch was applied against its expectations");
            for (key, value) in writes {
                match value {
                    Some(value) => oracle.insert(key, Versioned { value, version: Version(seq.0) }),
                    None => oracle.remove(&key),
                };
            }
        }
        Err(CommitError::Conflict { .. }) => prop_assert!(!holds, "a batch was refused for nothing"),
        Err(CommitError::Store(error)) => return Err(TestCaseError::fail(error.to_string())),
    }
    Ok(())
}

async fn compare(
    store: &dyn Store,
    oracle: &BTreeMap<Key, Versioned>,
    prefix: &str,
    after: Option<&Key>,
    limit: usize,
) -> Result<(), TestCaseError> {
    let mut found = Vec::new();
    // The empty prefix is no key: everything is what the three folders hold.
    let prefixes = if prefix.is_empty() { vec!["a", "b"] } else { vec![prefix] };
    for prefix in &prefixes {
        let part = store.scan(&Key::new(prefix).unwrap(), after, limit).await;
        found.extend(part.map_err(|error| TestCaseError::fail(error.to_string()))?);
    }
    let expected: Vec<Entry> = oracle
        .iter()
        .filter(|(key, _)| prefixes.iter().any(|prefix| key.as_str().starts_with(prefix)))
        .filter(|(key, _)| after.is_none_or(|after| *key > after))
        .take(limit)
        .map(|(key, found)| Entry { key: key.clone(), value: found.value.clone(), version: found.version })
        .collect();
    prop_assert_eq!(found, expected);
    Ok(())
}
