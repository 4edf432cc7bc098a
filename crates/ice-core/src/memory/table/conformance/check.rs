//! Whether everything in the store fits together.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::collections::{BTreeMap, BTreeSet};

use crate::memory::table::Memory;
use crate::memory::table::places::root;
use crate::memory::table::record::Record;
use crate::memory::usage::Delta;
use crate::memory::{Kind, Scope};
use crate::store::Key;

/// Reads every key of the memory and compares: all that follows from the records is there and nothing else, and what is
/// counted is what there is.
pub(in crate::memory::table) async fn is_sound(memory: &Memory) {
    let rules = memory.rules();
    let root = root(&rules.tenant);
    let all = rules.store.scan(&root, None, usize::MAX).await.unwrap();
    let below = |folder: &str| root.folder(folder).as_str().to_owned();
    let records: Vec<Record> = (all.iter())
        .filter(|entry| entry.key.as_str().starts_with(&below("id")))
        .map(|entry| Record::read(&entry.key, &entry.value).unwrap())
        .collect();
    let (mut expected, mut counts, mut facets) =
        (BTreeMap::new(), BTreeMap::<(Scope, Kind), Delta>::new(), BTreeSet::new());
    for record in &records {
        for (key, value) in record.keys(&rules.places) {
            assert_eq!(
                expected.insert(key.clone(), value),
                None,
                "two records have the key {key}: {record:?}"
            );
        }
        facets.extend(record.facets(&rules.places).into_iter().map(|(key, _)| key));
        *counts.entry((record.entry.scope.clone(), record.entry.kind())).or_default() +=
            Delta::of(&record.entry);
    }
    let folders = ["x", "h", "v", "k", "e", "r", "b"].map(below);
    let found: BTreeMap<_, _> = (all.iter())
        .filter(|entry| folders.iter().any(|folder| entry.key.as_str().starts_with(folder)))
        .map(|entry| (entry.key.clone(), entry.value.clone()))
        .collect();
    let missing: Vec<&Key> = expected.keys().filter(|key| !found.contains_key(*key)).collect();
    let extra: Vec<&Key> = found.keys().filter(|key| !expected.contains_key(*key)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, left over {extra:?}");
    assert_eq!(found, expected);
    for facet in facets {
        assert!(all.iter().any(|entry| entry.key == facet), "the facet {facet} is missing");
    }
    let usage = memory.usage().await.unwrap();
    counts.retain(|_, delta| !delta.is_zero());
    let counted: BTreeMap<_, _> =
        usage.into_iter().filter(|(_, usage)| *usage != Default::default()).collect();
    assert_eq!(counted, counts.into_iter().map(|(of, delta)| (of, delta.usage())).collect());
}
