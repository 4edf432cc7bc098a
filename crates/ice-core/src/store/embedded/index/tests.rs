use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::Key;

fn key(number: u16) -> Key {
    Key::new(&format!("run/{:03}/{:05}", number % 7, number)).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the lock is to be held for a while")]
fn an_index_that_is_about_to_be_free_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let held = sled::Config::new().path(&path).open().unwrap();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(held);
    });
    let index = Index::new(path, 1 << 20);
    assert_eq!(index.get("k").unwrap(), None);
    holder.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_agrees_with_a_map(
        rounds in prop::collection::vec(
            prop::collection::btree_map(0_u16..900, prop::option::weighted(0.6, 0_usize..200), 1..300),
            1..8,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(folder.path().join("index"), 1 << 20);
        let mut oracle = BTreeMap::new();
        for (version, round) in (1..).zip(rounds) {
            let round: BTreeMap<Key, _> = round.into_iter().map(|(n, size)| (key(n), size)).collect();
            let mut changes = Vec::new();
            for (key, size) in round {
                changes.push(match size {
                    Some(size) => {
                        let kept = Kept::Inline(vec![7; size].into());
                        oracle.insert(key.clone(), (version, kept.clone()));
                        Change::Put(IndexEntry { key, version, kept })
                    }
                    None => {
                        oracle.remove(&key);
                        Change::Delete(key)
                    }
                });
            }
            index.merge(&changes).unwrap();
            if version % 3 == 0 {
                index.sync(version).unwrap();
                index.close();
            }
        }
        let entries = |prefix: &str, from: &str, limit: usize| -> Vec<IndexEntry> {
            let wanted = oracle.iter().filter(|(key, _)| key.as_str().starts_with(prefix) && key.as_str() >= from);
            wanted.take(limit).map(|(key, (version, kept))| IndexEntry {
                key: key.clone(), version: *version, kept: kept.clone(),
            }).collect()
        };
        for number in (0..900).step_by(13) {
            prop_assert_eq!(index.get(key(number).as_str()).unwrap(), oracle.get(&key(number)).cloned());
        }
        let all = index.scan("run/", "run/", usize::MAX).unwrap();
        prop_assert_eq!(all, entries("run/", "run/", usize::MAX));
        let some = index.scan("run/003/", "run/003/00100", 20).unwrap();
        prop_assert_eq!(some, entries("run/003/", "run/003/00100", 20));
        let mut blocks = Vec::new();
        let mut at = String::new();
        while let Some(block) = index.block(&at).unwrap() {
            let block = block::decode(&block).unwrap();
            blocks.extend(block.entries);
            if block.upper.is_empty() {
                break;
            }
            at = block.upper;
        }
        prop_assert_eq!(blocks, entries("", "", usize::MAX));
    }
}

#[test]
fn a_missing_block_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::new(folder.path().join("index"), 1 << 20);
    let put = |n: u16| {
        Change::Put(IndexEntry { key: key(n * 7), version: 1, kept: Kept::Inline(vec![1; 200].into()) })
    };
    index.merge(&(0..100).map(put).collect::<Vec<_>>()).unwrap();
    index
        .with(|db| {
            let second = db.iter().keys().nth(1).unwrap()?;
            db.remove(second)?;
            Ok(())
        })
        .unwrap();
    assert!(index.scan("run/", "run/", usize::MAX).is_err());
    let found: Vec<bool> = (0..100).map(|n| index.get(key(n * 7).as_str()).is_err()).collect();
    assert!(found.contains(&true) && found.contains(&false));
}

#[test]
fn one_that_is_being_made_anew_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::new(folder.path().join("index"), 1 << 20);
    let put =
        |n: u16| Change::Put(IndexEntry { key: key(n), version: 1, kept: Kept::Inline(vec![1].into()) });
    index.merge(&[put(7), put(14)]).unwrap();
    index.begin_anew().unwrap();
    index.merge(&[put(7)]).unwrap();
    assert!(index.get(key(7).as_str()).is_err() && index.get(key(14).as_str()).is_err());
    assert!(index.scan("run/", "run/", 9).is_err() && index.block("").is_err());
    assert!(index.get_so_far(key(7).as_str()).unwrap().is_some());
    index.merge(&[put(14)]).unwrap();
    index.sync(1).unwrap();
    assert!(index.get(key(14).as_str()).unwrap().is_some());
}

#[test]
fn what_is_no_index_is_an_error_and_can_be_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    fs::write(&path, "not a folder").unwrap();
    let index = Index::new(path, 1 << 20);
    assert!(index.get("a").is_err());
    index.discard().unwrap();
    assert_eq!(index.get("a").unwrap(), None);
}
