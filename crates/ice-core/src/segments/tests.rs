//! The index by a payload of texts: what it holds is what a map would hold, whatever is compacted, by whomever, and whatever fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::id::Tenant;
use crate::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store};

/// Texts by id, one per line.
#[derive(Debug)]
struct Texts(&'static str);

impl Payload for Texts {
    type Item = String;
    type Segment = BTreeMap<ItemId, String>;

    fn settings(&self) -> serde_json::Value {
        self.0.into()
    }

    fn encode(&self, item: &String) -> Vec<u8> {
        item.clone().into_bytes()
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, Damage> {
        String::from_utf8(bytes.to_vec()).map_err(|_| Damage { what: "a text", at: 0 })
    }

    fn merge(
        &self,
        from: &[Source<'_, Self::Segment>],
        items: &[(ItemId, &String)],
        _: &CancellationToken,
    ) -> Vec<Bytes> {
        let alive = from.iter().flat_map(|source| {
            (0_u32..)
                .zip(source.segment)
                .filter(|(row, _)| !source.dead.contains(*row))
                .map(|(_, (id, text))| (*id, text))
        });
        let lines = alive.chain(items.iter().copied()).map(|(id, text)| format!("{id}{text}\n"));
        vec![lines.collect::<String>().into()]
    }

    fn open(&self, parts: Vec<Bytes>) -> Result<Self::Segment, Damage> {
        let text = self.decode(&parts.concat())?;
        let line = |line: &str| Some((ItemId::from_hex(line.get(..32)?)?, line[32..].to_owned()));
        Ok(text.lines().filter_map(line).collect())
    }

    fn rows(&self, segment: &Self::Segment) -> usize {
        segment.len()
    }

    fn row_of(&self, segment: &Self::Segment, id: ItemId) -> Option<u32> {
        segment.keys().position(|known| *known == id).map(|row| u32::try_from(row).unwrap())
    }

    fn max_rows(&self) -> usize {
        1_000
    }
}

struct Place1 {
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
}

impl Place1 {
    fn new() -> Self {
        Self { store: Arc::default(), blobs: Arc::default() }
    }

    fn place() -> Place {
        Place::new(Key::new("t/local/texts/").unwrap()).unwrap()
    }

    async fn open(&self) -> Index<Texts> {
        self.open_as("texts").await.unwrap()
    }

    async fn open_as(&self, settings: &'static str) -> Result<Index<Texts>, SegmentError> {
        let options = Options { at_once: 3, ..Options::default() };
        Index::open(self.store.clone(), self.blobs.clone(), Self::place(), Texts(settings), options).await
    }

    async fn commit(&self, batch: Batch) {
        self.store.commit(batch, Durability::Buffered).await.unwrap();
    }

    async fn collect(&self) -> u64 {
        let reachable =
            async { reachable(&*self.store, &Tenant::default()).await.map_err(|error| panic!("{error}")) };
        self.blobs.collect(reachable.boxed()).await.unwrap().removed
    }
}

fn id(number: u8) -> ItemId {
    ItemId::new([number; 16])
}

async fn all(index: &Index<Texts>) -> BTreeMap<ItemId, String> {
    let view = index.view().await.unwrap();
    let mut all: BTreeMap<ItemId, String> = view.pending().map(|(id, text)| (id, text.clone())).collect();
    for part in view.parts() {
        for (row, (id, text)) in (0_u32..).zip(part.segment()) {
            if !part.dead().contains(row) {
                assert_eq!(all.insert(*id, text.clone()), None, "{id} is there twice");
            }
        }
    }
    assert_eq!(all.len(), view.len());
    all
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8),
    Remove(u8),
    /// By the handle of this number.
    Compact(usize, bool),
    Reopen,
    Collect,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        5 => (0_u8..12, any::<u8>()).prop_map(|(id, text)| Act::Put(id, text)),
        2 => (0_u8..12).prop_map(Act::Remove),
        2 => (0_usize..2, any::<bool>()).prop_map(|(handle, all)| Act::Compact(handle, all)),
        1 => Just(Act::Reopen),
        1 => Just(Act::Collect),
    ];
    proptest::collection::vec(act, 0..40)
}

proptest! {
    #[test]
    fn an_index_holds_what_a_map_would_hold(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let place = Place1::new();
            let mut handles = [place.open().await, place.open().await];
            let mut expected = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Put(number, text) => {
                        expected.insert(id(number), text.to_string());
                        place.commit(handles[0].put(Batch::new(), id(number), &text.to_string())).await;
                    }
                    Act::Remove(number) => {
                        expected.remove(&id(number));
                        place.commit(handles[1].remove(Batch::new(), id(number))).await;
                    }
                    Act::Compact(handle, all) => {
                        let merge = if all { Merge::All } else { Merge::Due };
                        handles[handle].compact(merge).await.unwrap();
                        let view = handles[handle].view().await.unwrap();
                        assert_eq!(view.pending_count(), 0);
                        if all {
                            assert!(view.parts().len() <= 1 && view.parts().iter().all(|part| part.dead().count() == 0));
                        }
                    }
                    Act::Reopen => handles[0] = place.open().await,
                    Act::Collect => {
                        place.collect().await;
                    }
                }
                for handle in &handles {
                    assert_eq!(all(handle).await, expected);
                }
            }
            assert_eq!(all(&place.open().await).await, expected);
        });
    }
}

#[tokio::test]
async fn what_is_written_while_it_is_compacted_stays() {
    let place = Place1::new();
    let index = place.open().await;
    place.commit(index.put(index.put(Batch::new(), id(1), &"old".into()), id(2), &"two".into())).await;
    // The view from before, the commit after: as if another process wrote between.
    let other = place.open().await;
    let compaction = index.compact(Merge::Due);
    let writes = async {
        place.commit(other.put(Batch::new(), id(1), &"new".into())).await;
        place.commit(other.remove(Batch::new(), id(2))).await;
    };
    let (done, ()) = tokio::join!(compaction, writes);
    done.unwrap();
    for handle in [&index, &other, &place.open().await] {
        assert_eq!(all(handle).await, BTreeMap::from([(id(1), "new".to_owned())]));
    }
}

#[tokio::test]
async fn two_handles_that_compact_at_once_lose_nothing() {
    let place = Place1::new();
    let (one, other) = (place.open().await, place.open().await);
    let mut expected = BTreeMap::new();
    for round in 0..20_u8 {
        for number in 0..4 {
            expected.insert(id(round.wrapping_mul(7).wrapping_add(number)), round.to_string());
            place
                .commit(one.put(
                    Batch::new(),
                    id(round.wrapping_mul(7).wrapping_add(number)),
                    &round.to_string(),
                ))
                .await;
        }
        let (first, second) = tokio::join!(one.compact(Merge::Due), other.compact(Merge::Due));
        assert_eq!((first.is_ok(), second.is_ok()), (true, true), "{first:?} {second:?}");
        assert_eq!(all(&one).await, expected);
        assert_eq!(all(&other).await, expected);
    }
}

#[tokio::test]
async fn a_handle_that_missed_changes_reads_anew() {
    let place = Place1::new();
    let (index, other) = (place.open().await, place.open().await);
    // More than a watcher keeps.
    for number in 0..3_000_u32 {
        let id = ItemId::new(u128::from(number % 40).to_be_bytes());
        place.commit(index.put(Batch::new(), id, &number.to_string())).await;
    }
    let found = all(&other).await;
    assert_eq!((found.len(), &found[&ItemId::new(39_u128.to_be_bytes())]), (40, &"2999".to_owned()));
}

#[tokio::test]
async fn blobs_are_named_as_long_as_they_are_needed() {
    let place = Place1::new();
    let index = place.open().await;
    for number in 0..3 {
        place.commit(index.put(Batch::new(), id(number), &"x".repeat(number.into()))).await;
        index.compact(Merge::All).await.unwrap();
    }
    assert_eq!(place.collect().await, 2);
    assert_eq!(all(&place.open().await).await.len(), 3);
    // What was removed is in no blob once all is merged.
    place.commit(index.remove(Batch::new(), id(2))).await;
    index.compact(Merge::Due).await.unwrap();
    index.compact(Merge::All).await.unwrap();
    place.collect().await;
    let named = reachable(&*place.store, &crate::id::Tenant::default()).await.unwrap();
    assert_eq!(named.len(), 1);
    for hash in named {
        assert!(!place.blobs.get(&hash, None).await.unwrap().windows(2).any(|two| two == b"xx"));
    }
    for number in 0..2 {
        place.commit(index.remove(Batch::new(), id(number))).await;
    }
    index.compact(Merge::All).await.unwrap();
    assert!(index.view().await.unwrap().is_empty() && index.view().await.unwrap().parts().is_empty());
    assert_eq!(place.collect().await, 1);
}

#[tokio::test]
async fn an_index_is_opened_as_it_was_made() {
    let place = Place1::new();
    place.open().await;
    let refused = place.open_as("numbers").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the index was made with \"texts\", and \"numbers\" is wanted: open it as it was made, or make another"
    );
}

#[tokio::test]
async fn damage_is_told() {
    let place = Place1::new();
    let index = place.open().await;
    place.commit(Batch::new().put(Place1::place().item(id(1)), "\u{3}")).await;
    let refused = index.view().await.unwrap_err().to_string();
    assert!(refused.contains(&format!("the key t/local/texts/p/{} is damaged", id(1))), "{refused}");
    // It is told again, not forgotten.
    index.view().await.unwrap_err();
    place.commit(index.remove(Batch::new(), id(1))).await;
    index.view().await.unwrap();
    place.commit(Batch::new().put(Place1::place().manifest(), "{}")).await;
    assert!(matches!(index.view().await, Err(SegmentError::Damaged { .. })));
    assert!(matches!(reachable(&*place.store, &Tenant::default()).await, Err(SegmentError::Damaged { .. })));
    assert!(matches!(place.open_as("texts").await, Err(SegmentError::Damaged { .. })));
    for bad in ["x/", "t/", "t/local/", "t/local/x", "t//x/"] {
        Place::new(Key::new(bad).unwrap()).unwrap_err();
    }
}
