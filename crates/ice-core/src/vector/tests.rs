//! Collections through their boundary: what is found is what comparing one by one finds, whatever was written, removed and compacted.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::embedding::{Dimension, Embedding, InvalidEmbedding};
use crate::error::ErrorCode;
use crate::segments::{Attributes, Filter, ItemId, Merge, Options, Payload, Place, SegmentError, Threads};
use crate::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::Euclidean];

struct Ground {
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
    space: Space,
    graph_rows: usize,
}

impl Ground {
    fn new(dimension: usize, metric: Metric) -> Self {
        let space = Space { model: "mini".into(), dimension: Dimension::new(dimension).unwrap(), metric };
        Self {
            store: Arc::new(MemoryStore::new()),
            blobs: Arc::new(MemoryBlobs::new()),
            space,
            graph_rows: 64,
        }
    }

    async fn open(&self) -> Result<Collection, VectorError> {
        let place = Place::new(Key::new("t/local/vectors/").unwrap()).unwrap();
        let (store, blobs) = (Arc::clone(&self.store), Arc::clone(&self.blobs));
        Collection::open_with(store, blobs, place, self.space.clone(), Options::default(), self.graph_rows)
            .await
    }

    fn embedding(&self, vector: &[f32]) -> Embedding {
        Embedding::new(Arc::clone(&self.space.model), self.space.dimension, vector).unwrap()
    }

    fn item(&self, id: u32, vector: &[f32], tag: &str) -> Item {
        let attributes = Attributes { tags: vec![tag.to_owned()], ..Attributes::default() };
        Item { id: self::id(id), vector: self.embedding(vector), attributes }
    }

    async fn put(&self, collection: &Collection, items: &[Item]) {
        let batch = collection.put(Batch::new(), items).unwrap();
        self.store.commit(batch, Durability::Buffered).await.unwrap();
    }

    async fn remove(&self, collection: &Collection, ids: &[ItemId]) {
        self.store.commit(collection.remove(Batch::new(), ids), Durability::Buffered).await.unwrap();
    }
}

fn id(number: u32) -> ItemId {
    ItemId::new(u128::from(number).to_be_bytes())
}

fn score(metric: Metric, one: &[f32], other: &[f32]) -> f64 {
    let dot = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    match metric {
        Metric::Dot => dot(one, other),
        Metric::Cosine if dot(one, one) == 0.0 || dot(other, other) == 0.0 => 0.0,
        Metric::Cosine => dot(one, other) / (dot(one, one).sqrt() * dot(other, other).sqrt()),
        Metric::Euclidean => {
            -one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
        }
    }
}

/// What is found must be of what passes, no nearer ones may be left out, and the scores must be theirs.
fn check(metric: Metric, query: &[f32], passing: &BTreeMap<ItemId, Vec<f32>>, k: usize, hits: &[Hit]) {
    let mut scores: Vec<f64> = passing.values().map(|vector| score(metric, query, vector)).collect();
    scores.sort_by(|one, other| other.total_cmp(one));
    assert_eq!(hits.len(), k.min(passing.len()));
    for (hit, expected) in hits.iter().zip(&scores) {
        let own = score(metric, query, &passing[&hit.id]);
        let tolerance = 1e-4 * (1.0 + own.abs());
        assert!((f64::from(hit.score) - own).abs() <= tolerance, "{hit:?} {own}");
        assert!((own - expected).abs() <= tolerance, "{metric:?}: {own} was found, and {expected} is there");
    }
    assert!(hits.is_sorted_by(
        |one, other| one.score > other.score || (one.score == other.score && one.id < other.id)
    ));
}

#[derive(Clone, Debug)]
enum Act {
    Put(u32, Vec<f32>, bool),
    Remove(u32),
    Compact(bool),
    Reopen,
}

fn acts(dimension: usize) -> impl Strategy<Value = Vec<Act>> {
    let number = prop_oneof![4 => -1.0_f32..1.0, 1 => Just(0.0), 1 => -30.0_f32..30.0];
    let vector = proptest::collection::vec(number, dimension);
    let act = prop_oneof![
        8 => (0_u32..24, vector, any::<bool>()).prop_map(|(id, vector, tag)| Act::Put(id, vector, tag)),
        2 => (0_u32..24).prop_map(Act::Remove),
        1 => any::<bool>().prop_map(Act::Compact),
        1 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_nearest_are_those_that_comparing_one_by_one_finds(
        acts in acts(5),
        query in proptest::collection::vec(-1.0_f32..1.0, 5),
        k in 1_usize..12,
        metric in proptest::sample::select(&METRICS[..]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ground = Ground { graph_rows: 8, ..Ground::new(5, metric) };
            let mut collection = ground.open().await.unwrap();
            let mut expected: BTreeMap<ItemId, (Vec<f32>, bool)> = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Put(number, vector, tag) => {
                        ground.put(&collection, &[ground.item(number, &vector, if tag { "a" } else { "b" })]).await;
                        expected.insert(id(number), (vector, tag));
                    }
                    Act::Remove(number) => {
                        ground.remove(&collection, &[id(number)]).await;
                        expected.remove(&id(number));
                    }
                    Act::Compact(all) => {
                        collection.compact(if all { Merge::All } else { Merge::Due }).await.unwrap();
                    }
                    Act::Reopen => collection = ground.open().await.unwrap(),
                }
            }
            let query_embedding = ground.embedding(&query);
            // So few are all looked at again as they are: every way is exact.
            for effort in [Effort::Fitting, Effort::Exact, Effort::Codes, Effort::Graph { ef: 64 }] {
                for tag in [None, Some(true)] {
                    let filter = tag.map_or_else(Filter::default, |_| Filter::tag("a"));
                    let wanted = Wanted::nearest(k).filtered(filter).with(effort);
                    let hits = collection.search(&query_embedding, &wanted).await.unwrap();
                    let passing = expected.iter().filter(|(_, (_, is_a))| tag.is_none_or(|tag| tag == *is_a));
                    let passing = passing.map(|(id, (vector, _))| (*id, vector.clone())).collect();
                    check(metric, &query, &passing, k, &hits);
                }
            }
            assert_eq!(collection.snapshot().await.unwrap().len(), expected.len());
        });
    }

    #[test]
    fn no_vector_of_another_space_gets_in(
        model in "[a-c]", dimension in 1_usize..6,
        numbers in proptest::collection::vec(prop_oneof![3 => -1.0_f32..1.0, 1 => Just(f32::NAN), 1 => Just(f32::INFINITY)], 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ground = Ground::new(3, Metric::Cosine);
            let ground = Ground { space: Space { model: "a".into(), ..ground.space.clone() }, ..ground };
            let collection = ground.open().await.unwrap();
            // What is no embedding cannot even be asked.
            let Ok(vector) = Embedding::new(model.as_str(), Dimension::new(dimension).unwrap(), numbers.clone()) else {
                assert!(numbers.len() != dimension || numbers.iter().any(|number| !number.is_finite()));
                return;
            };
            let good = ground.item(1, &[1.0, 0.0, 0.0], "");
            let item = Item { vector: vector.clone(), ..good.clone() };
            let put = collection.put(Batch::new(), &[good, item]);
            let found = collection.search(&vector, &Wanted::nearest(1)).await;
            if model == "a" && dimension == 3 {
                assert_eq!((put.unwrap().writes().len(), found.unwrap().len()), (1 + 1, 0));
                return;
            }
            for refused in [put.unwrap_err(), found.unwrap_err()] {
                assert_eq!((refused.code(), refused.code().number()), (ErrorCode::DimensionMismatch, 1005));
                let VectorError::Mismatch(refused) = refused else { panic!("{refused}") };
                if model == "a" {
                    let expected = InvalidEmbedding::Length { model: "a".into(), expected: 3, actual: dimension };
                    assert_eq!(refused, expected);
                } else {
                    assert_eq!(refused, InvalidEmbedding::OtherModel { one: "a".into(), other: model.as_str().into() });
                }
            }
        });
    }

    #[test]
    fn bytes_that_others_wrote_are_read_or_refused(
        cut in 0_usize..400, flip in 0_usize..4_000, bit in 0_u8..8, metric in proptest::sample::select(&METRICS[..]),
    ) {
        let ground = Ground::new(4, metric);
        let vectors = Vectors { space: ground.space.clone(), threads: Threads::new(1), graph_rows: 8 };
        let rows: Vec<Row> = (0..20_u8).map(|row| {
            let vector = ground.embedding(&[1.0, f32::from(row), 0.5, f32::from(row % 3)]);
            Row { vector: ground.space.admit(&vector).unwrap(), attributes: ground.item(0, &[1.0; 4], "x").attributes }
        }).collect();
        let items: Vec<(ItemId, &Row)> = (0..).zip(&rows).map(|(number, row)| (id(number), row)).collect();
        let parts = vectors.merge(&[], &items, &CancellationToken::new());
        prop_assert_eq!(vectors.open(parts.clone()).unwrap().rows(), 20);
        let mut left = flip;
        for at in 0..parts.len() {
            let mut damaged = parts.clone();
            damaged[at] = parts[at].slice(..cut.min(parts[at].len()));
            // Shorter parts are never read as whole ones.
            prop_assert_eq!(vectors.open(damaged).is_ok(), cut >= parts[at].len());
            let mut bytes = parts[at].to_vec();
            if let Some(byte) = bytes.get_mut(left) {
                *byte ^= 1 << bit;
                let mut damaged = parts.clone();
                damaged[at] = Bytes::from(bytes);
                // Whatever it says now, it is read or refused.
                if let Ok(segment) = vectors.open(damaged) {
                    prop_assert_eq!(segment.rows(), 20);
                }
            }
            left = left.saturating_sub(parts[at].len());
        }
        let pending = vectors.encode(&rows[3]);
        prop_assert_eq!(&vectors.decode(&pending).unwrap(), &rows[3]);
        prop_assert!(vectors.decode(&pending[..cut.min(pending.len() - 1)]).is_err());
    }
}

/// Clusters, as sentences about the same things are.
fn clustered(rows: u32, dimension: usize) -> Vec<Vec<f32>> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    let centres: Vec<Vec<f32>> = (0..20).map(|_| (0..dimension).map(|_| next()).collect()).collect();
    (0..rows)
        .map(|row| centres[row as usize % 20].iter().map(|number| number + 0.7 * next()).collect())
        .collect()
}

/// How many of the exact nearest a way finds.
async fn recall(ground: &Ground, collection: &Collection, filter: &Filter, effort: Effort) -> f64 {
    let (mut found, mut all) = (0, 0);
    for query in clustered(1_060, ground.space.dimension.get()).split_off(1_000) {
        let query = ground.embedding(&query);
        let wanted = Wanted::nearest(10).filtered(filter.clone());
        let exact = collection.search(&query, &wanted.clone().with(Effort::Exact)).await.unwrap();
        let near = collection.search(&query, &wanted.with(effort)).await.unwrap();
        assert_eq!(near.len(), exact.len());
        found += near.iter().filter(|hit| exact.contains(hit)).count();
        all += exact.len();
    }
    f64::from(found as u32) / f64::from(all as u32)
}

#[tokio::test]
async fn graph_and_codes_find_nearly_all_with_filters_after_changes_and_when_opened_again() {
    for metric in METRICS {
        let ground = Ground::new(24, metric);
        let collection = ground.open().await.unwrap();
        let vectors = clustered(1_000, 24);
        let items: Vec<Item> = (0_u32..)
            .zip(&vectors)
            .map(|(number, vector)| ground.item(number, vector, if number % 3 == 0 { "third" } else { "" }))
            .collect();
        ground.put(&collection, &items[..800]).await;
        collection.compact(Merge::Due).await.unwrap();
        // Some are removed, some move, some come; the graph of before is kept and mended.
        let gone: Vec<ItemId> = (0..100).map(|number| id(number * 8)).collect();
        ground.remove(&collection, &gone).await;
        let moved: Vec<Item> =
            (0..50).map(|at| Item { id: id(at * 8 + 1), ..items[900 + at as usize].clone() }).collect();
        ground.put(&collection, &moved).await;
        ground.put(&collection, &items[800..900]).await;
        let third = Filter::tag("third");
        for step in ["pending", "merged", "opened"] {
            let collection = match step {
                "pending" => collection.clone(),
                "merged" => {
                    collection.compact(Merge::All).await.unwrap();
                    collection.clone()
                }
                _ => ground.open().await.unwrap(),
            };
            assert_eq!(collection.snapshot().await.unwrap().len(), 800);
            for filter in [Filter::default(), third.clone()] {
                let codes = recall(&ground, &collection, &filter, Effort::Codes).await;
                assert!(codes >= 0.99, "{metric:?} {step} {filter:?}: codes find {codes}");
                let graph = recall(&ground, &collection, &filter, Effort::Graph { ef: 96 }).await;
                assert!(graph >= 0.95, "{metric:?} {step} {filter:?}: the graph finds {graph}");
            }
        }
    }
}

#[test]
fn the_same_items_are_the_same_segment_with_any_number_of_threads() {
    let ground = Ground::new(24, Metric::Cosine);
    let vectors = clustered(700, 24);
    let rows: Vec<Row> = vectors
        .iter()
        .map(|vector| Row {
            vector: ground.space.admit(&ground.embedding(vector)).unwrap(),
            attributes: Attributes::default(),
        })
        .collect();
    let items: Vec<(ItemId, &Row)> = (0..).zip(&rows).map(|(number, row)| (id(number), row)).collect();
    let merged = |threads| {
        let vectors = Vectors { space: ground.space.clone(), threads: Threads::new(threads), graph_rows: 64 };
        let parts = vectors.merge(&[], &items, &CancellationToken::new());
        assert!(vectors.open(parts.clone()).unwrap().has_graph());
        parts
    };
    assert_eq!(merged(1), merged(5));
}

#[tokio::test]
async fn numbers_that_are_as_large_as_can_be_are_compared() {
    for metric in METRICS {
        let ground = Ground { graph_rows: 4, ..Ground::new(3, metric) };
        let collection = ground.open().await.unwrap();
        let most = f32::MAX;
        let vectors = [
            [most, most, most],
            [-most, 0.0, 0.0],
            [1.0, 2.0, 3.0],
            [0.0; 3],
            [f32::MIN_POSITIVE, 0.0, 0.0],
            [1e-45, 0.0, 0.0],
        ];
        let items: Vec<Item> =
            (0..).zip(&vectors).map(|(number, vector)| ground.item(number, vector, "")).collect();
        ground.put(&collection, &items).await;
        for _ in 0..2 {
            for query in vectors {
                for effort in [Effort::Fitting, Effort::Codes, Effort::Graph { ef: 8 }] {
                    let wanted = Wanted::nearest(6).with(effort);
                    let hits = collection.search(&ground.embedding(&query), &wanted).await.unwrap();
                    assert_eq!(hits.len(), 6);
                    assert!(hits.iter().all(|hit| hit.score.is_finite()), "{hits:?}");
                    let expected = |hit: &Hit| score(metric, &query, &vectors[hit.id.bytes()[15] as usize]);
                    let first = expected(&hits[0]).clamp(f64::from(f32::MIN), f64::from(f32::MAX));
                    assert!(
                        (f64::from(hits[0].score) - first).abs() <= 1e-3 * (1.0 + first.abs()),
                        "{metric:?} {query:?} {hits:?}"
                    );
                }
            }
            collection.compact(Merge::All).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_collection_is_opened_as_it_was_made() {
    let ground = Ground::new(3, Metric::Cosine);
    ground.open().await.unwrap();
    for space in [
        Space { model: "maxi".into(), ..ground.space.clone() },
        Space { dimension: Dimension::new(4).unwrap(), ..ground.space.clone() },
        Space { metric: Metric::Dot, ..ground.space.clone() },
    ] {
        let other = Ground {
            store: Arc::clone(&ground.store),
            blobs: Arc::clone(&ground.blobs),
            space,
            graph_rows: 64,
        };
        let refused = other.open().await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::DimensionMismatch);
        // The order of fields is not told.
        for part in ["\"dimension\":3", "\"metric\":\"cosine\"", "\"model\":\"mini\""] {
            assert!(refused.to_string().contains(part), "{part}: {refused}");
        }
    }
}

#[tokio::test]
async fn what_a_search_asks_for_has_bounds() {
    let ground = Ground::new(3, Metric::Cosine);
    let collection = ground.open().await.unwrap();
    let query = ground.embedding(&[1.0, 0.0, 0.0]);
    for k in [0, Wanted::MOST + 1] {
        let refused = collection.search(&query, &Wanted::nearest(k)).await.unwrap_err();
        assert!(matches!(refused, VectorError::TooMany { wanted, most: 10_000 } if wanted == k));
    }
    let deep = (0..50).fold(Filter::default(), |inner, _| Filter::Not(Box::new(inner)));
    let refused = collection.search(&query, &Wanted::nearest(1).filtered(deep)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OutOfRange);
    assert_eq!(collection.search(&query, &Wanted::nearest(Wanted::MOST)).await.unwrap(), []);
}

#[tokio::test]
async fn a_segment_whose_blob_is_gone_is_told() {
    let ground = Ground::new(3, Metric::Cosine);
    let collection = ground.open().await.unwrap();
    ground.put(&collection, &[ground.item(1, &[1.0, 0.0, 0.0], "")]).await;
    collection.compact(Merge::Due).await.unwrap();
    let elsewhere = Ground {
        blobs: Arc::new(MemoryBlobs::new()),
        store: Arc::clone(&ground.store),
        space: ground.space.clone(),
        graph_rows: 64,
    };
    let refused = elsewhere.open().await.unwrap_err();
    assert!(matches!(refused, VectorError::Index(SegmentError::Store(_))));
    assert_eq!(refused.code(), ErrorCode::BlobMissing);
}

#[cfg(all(unix, feature = "embedded"))]
#[tokio::test]
async fn vectors_are_there_when_the_store_is_opened_again() {
    use crate::store::blob::DiskBlobs;
    use crate::store::disk::FolderDisk;
    use crate::store::{EmbeddedOptions, EmbeddedStore};

    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let store = EmbeddedStore::open(&folder.path().join("store"), EmbeddedOptions::default()).unwrap();
        std::fs::create_dir_all(folder.path().join("blobs")).unwrap();
        let disk = FolderDisk::new(folder.path().join("blobs")).unwrap();
        let blobs = DiskBlobs::open(Arc::new(disk)).unwrap();
        Ground { store: Arc::new(store), blobs: Arc::new(blobs), ..Ground::new(24, Metric::Cosine) }
    };
    let vectors = clustered(300, 24);
    let query;
    {
        let ground = open();
        let collection = ground.open().await.unwrap();
        let items: Vec<Item> =
            (0..).zip(&vectors).map(|(number, vector)| ground.item(number, vector, "")).collect();
        ground.put(&collection, &items[..200]).await;
        collection.compact(Merge::Due).await.unwrap();
        ground.put(&collection, &items[200..]).await;
        ground.remove(&collection, &[id(0)]).await;
        query = ground.embedding(&vectors[250]);
        let hits = collection.search(&query, &Wanted::nearest(1)).await.unwrap();
        assert_eq!(hits[0].id, id(250));
    }
    let ground = open();
    let collection = ground.open().await.unwrap();
    let snapshot = collection.snapshot().await.unwrap();
    assert_eq!((snapshot.len(), snapshot.segments()), (299, 1));
    assert_eq!(collection.search(&query, &Wanted::nearest(1)).await.unwrap()[0].id, id(250));
    assert!(
        collection.search(&query, &Wanted::nearest(300)).await.unwrap().iter().all(|hit| hit.id != id(0))
    );
}
