//! Searching vectors: exactly, beside the speed of summing the same bytes; by codes; along the graph, at a sweep of how much is kept
//! in sight. 100,000 of 384 numbers, clustered as in `shared/bench/vectors` beside the project, and a harder set.
//!
//! `cargo bench -p ice-core --bench vectors`; with `-- FOLDER…` for sets that `peers.py` beside this file has written, which measures
//! others on them; with `-- --peer exact|codes|graph FOLDER` for one line of JSON as `shared/bench/vectors` prints it; with `-- --million` for a million. What each row says stands in
//! `docs/benchmarks.md`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark ends at the first failure"
)]

mod data;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use data::{DIMENSION, NEAREST, Set};
use ice_core::embedding::{Dimension, Embedding};
use ice_core::segments::{Attributes, Filter, ItemId, Merge, Options, Place, Threads};
use ice_core::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store};
use ice_core::vector::{Collection, Effort, Item, Metric, Snapshot, Space, Wanted};
use tokio::runtime::Runtime;

const AT_ONCE: usize = 4_096;

fn dimension() -> Dimension {
    Dimension::new(DIMENSION).unwrap()
}

fn embedding(vector: &[f32]) -> Embedding {
    Embedding::new("bench", dimension(), vector).unwrap()
}

fn id(row: usize) -> ItemId {
    ItemId::new((row as u128).to_be_bytes())
}

struct Built {
    collection: Collection,
    put_s: f64,
    compact_s: f64,
}

fn open(runtime: &Runtime, store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>, threads: Threads) -> Collection {
    let space = Space { model: "bench".into(), dimension: dimension(), metric: Metric::Cosine };
    let place = Place::new(Key::new("t/local/bench/").unwrap()).unwrap();
    let options = Options { threads, at_once: 1 << 20, ..Options::default() };
    runtime.block_on(Collection::open(store, blobs, place, space, options)).unwrap()
}

/// Every tenth has the tag `tenth`, every two hundredth `rare`.
fn attributes(row: usize) -> Attributes {
    let tags = [(10, "tenth"), (200, "rare")].into_iter().filter(|(every, _)| row.is_multiple_of(*every));
    Attributes {
        scope: "bench".into(),
        tags: tags.map(|(_, tag)| tag.to_owned()).collect(),
        ..Attributes::default()
    }
}

fn build(runtime: &Runtime, store: Arc<dyn Store>, blobs: Arc<dyn BlobStore>, set: &Set) -> Built {
    let collection = open(runtime, Arc::clone(&store), blobs, Threads::default());
    let (mut put_s, mut compact_s) = (0.0, 0.0);
    let rows: Vec<&[f32]> = set.base.chunks_exact(DIMENSION).collect();
    for (at, rows) in rows.chunks(AT_ONCE).enumerate() {
        let items = rows.iter().enumerate().map(|(row, vector)| {
            let row = at * AT_ONCE + row;
            Item { id: id(row), vector: embedding(vector), attributes: attributes(row) }
        });
        let items: Vec<Item> = items.collect();
        let start = Instant::now();
        let batch = collection.put(Batch::new(), &items).unwrap();
        runtime.block_on(store.commit(batch, Durability::Buffered)).unwrap();
        put_s += start.elapsed().as_secs_f64();
        if ((at + 1) * AT_ONCE).is_multiple_of(1 << 16) {
            compact_s += compact(runtime, &collection, Merge::Due);
        }
    }
    compact_s += compact(runtime, &collection, Merge::All);
    Built { collection, put_s, compact_s }
}

fn compact(runtime: &Runtime, collection: &Collection, merge: Merge) -> f64 {
    let start = Instant::now();
    runtime.block_on(collection.compact(merge)).unwrap();
    start.elapsed().as_secs_f64()
}

#[derive(Clone, Copy)]
struct Measured {
    p50_us: f64,
    p99_us: f64,
    min_us: f64,
    recall: f64,
}

fn measure(set: &Set, repeat: usize, search: impl Fn(&Embedding) -> Vec<ItemId>) -> Measured {
    let queries: Vec<Embedding> = set.queries.chunks_exact(DIMENSION).map(embedding).collect();
    queries.iter().take(20).for_each(|query| drop(search(query)));
    let (mut times, mut hits) = (Vec::new(), 0);
    for round in 0..repeat {
        for (query, nearest) in queries.iter().zip(&set.nearest) {
            let start = Instant::now();
            let found = search(query);
            times.push(start.elapsed().as_secs_f64() * 1e6);
            if round == 0 {
                hits += found
                    .iter()
                    .filter(|found| nearest.iter().any(|near| id(*near as usize) == **found))
                    .count();
            }
        }
    }
    times.sort_by(f64::total_cmp);
    let recall = hits as f64 / (queries.len() * NEAREST) as f64;
    Measured {
        p50_us: times[times.len() / 2],
        p99_us: times[times.len() * 99 / 100],
        min_us: times[0],
        recall,
    }
}

fn by(snapshot: &Snapshot, wanted: &Wanted, query: &Embedding) -> Vec<ItemId> {
    snapshot.search(query, wanted).unwrap().into_iter().map(|hit| hit.id).collect()
}

fn effort(snapshot: &Snapshot, effort: Effort) -> impl Fn(&Embedding) -> Vec<ItemId> {
    let wanted = Wanted::nearest(NEAREST).with(effort);
    move |query| by(snapshot, &wanted, query)
}

/// How long it takes to sum all numbers once, on as many threads: the floor of exact search.
fn sum_us(base: &[f32], threads: usize, repeat: usize) -> f64 {
    let mut times: Vec<f64> = (0..repeat)
        .map(|_| {
            let start = Instant::now();
            let part = |numbers: &[f32]| {
                let mut lanes = [0.0_f32; 128];
                for chunk in numbers.as_chunks::<128>().0 {
                    lanes.iter_mut().zip(chunk).for_each(|(lane, number)| *lane += number);
                }
                lanes.iter().sum::<f32>()
            };
            let parts: Vec<&[f32]> = base.chunks(base.len().div_ceil(threads)).collect();
            std::thread::scope(|scope| {
                let others: Vec<_> = parts[1..].iter().map(|numbers| scope.spawn(|| part(numbers))).collect();
                std::hint::black_box(part(parts[0]));
                for other in others {
                    std::hint::black_box(other.join().unwrap());
                }
            });
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn report(set: &Set, runtime: &Runtime) {
    let threads = Threads::default().get();
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let built = build(runtime, store.clone(), blobs.clone(), set);
    let snapshot = runtime.block_on(built.collection.snapshot()).unwrap();
    let rows = set.rows();
    println!("\n{}: {rows} x {DIMENSION}, load {}", set.name, load());
    println!(
        "put {:.0}/s, compacted {:.0}/s ({:.1} s), {} segments, {:.0} bytes per vector",
        rows as f64 / built.put_s,
        rows as f64 / built.compact_s,
        built.compact_s,
        snapshot.segments(),
        snapshot.bytes() as f64 / rows as f64
    );
    let start = Instant::now();
    let again = open(runtime, store, blobs, Threads::default());
    let opened = start.elapsed();
    println!("opened in {:.0} ms", opened.as_secs_f64() * 1e3);
    assert!(opened.as_secs() < 3, "a million are opened in less than 3 s, however slow the machine");

    println!(
        "| search | p50 µs | p99 µs | best µs | recall@10 | per second | of exact's time |\n|---|---|---|---|---|---|---|"
    );
    // In turns, so that what else the machine does falls on all of them.
    let (mut sums, mut exacts) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        sums.push(sum_us(&set.base, threads, 20));
        exacts.push(measure(set, 1, effort(&snapshot, Effort::Exact)));
    }
    sums.sort_by(f64::total_cmp);
    exacts.sort_by(|one, other| one.p50_us.total_cmp(&other.p50_us));
    let (sum, exact) = (sums[2], exacts[2]);
    let row = |name: &str, measured: Measured| {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.4} | {:.0} | {:.3} |",
            measured.p50_us,
            measured.p99_us,
            measured.min_us,
            measured.recall,
            1e6 / measured.p50_us,
            measured.p50_us / exact.p50_us
        );
    };
    println!("| summing the same bytes, {threads} threads | {sum:.0} | | | | | {:.3} |", sum / exact.p50_us);
    row("exact", exact);
    row("codes", measure(set, 3, effort(&snapshot, Effort::Codes)));
    for ef in [16, 24, 32, 40, 48, 56, 64, 80, 96, 128, 192, 256, 512, 1_024] {
        row(&format!("graph, ef {ef}"), measure(set, 3, effort(&snapshot, Effort::Graph { ef })));
    }
    row("fitting", measure(set, 3, effort(&snapshot, Effort::Fitting)));
    let wanted = Wanted::nearest(NEAREST);
    row(
        "fitting, from a task",
        measure(set, 3, |query| {
            let hits = runtime.block_on(again.search(query, &wanted)).unwrap();
            hits.into_iter().map(|hit| hit.id).collect()
        }),
    );
    for tag in ["tenth", "rare"] {
        let filter = Filter::tag(tag);
        let exact = Wanted::nearest(NEAREST).filtered(filter.clone()).with(Effort::Exact);
        let fitting = Wanted::nearest(NEAREST).filtered(filter);
        let expected: Vec<Vec<ItemId>> = set
            .queries
            .chunks_exact(DIMENSION)
            .map(|query| by(&snapshot, &exact, &embedding(query)))
            .collect();
        let mut measured = measure(set, 3, |query| by(&snapshot, &fitting, query));
        let found =
            set.queries.chunks_exact(DIMENSION).map(|query| by(&snapshot, &fitting, &embedding(query)));
        let hits: usize = found
            .zip(&expected)
            .map(|(found, expected)| found.iter().filter(|id| expected.contains(id)).count())
            .sum();
        measured.recall = hits as f64 / expected.iter().map(Vec::len).sum::<usize>() as f64;
        row(&format!("fitting, filtered by `{tag}`"), measured);
    }
}

/// One line as `vec.py` prints it.
fn peer(engine: &str, folder: &Path, runtime: &Runtime) {
    let set = Set::read(folder);
    let status = |key: &str| {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    let cpu = || {
        let text = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    };
    let (how, params) = match engine {
        "exact" => (Effort::Exact, serde_json::json!({})),
        "codes" => (Effort::Codes, serde_json::json!({})),
        "graph" => (
            Effort::Graph { ef: 64 },
            serde_json::json!({ "width": 32, "ef_construction": 128, "ef": 64, "threads": 2 }),
        ),
        other => panic!("{other} is no engine: exact, codes or graph"),
    };
    let (before, cpu_before) = (status("VmRSS"), cpu());
    let built = build(runtime, Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()), &set);
    let (insert_s, insert_cpu_s, after) =
        (built.put_s + built.compact_s, cpu() - cpu_before, status("VmRSS"));
    let snapshot = runtime.block_on(built.collection.snapshot()).unwrap();
    let cpu_before = cpu();
    let measured = measure(&set, 1, effort(&snapshot, how));
    let line = serde_json::json!({
        "peer": format!("ice:{engine}"), "version": env!("CARGO_PKG_VERSION"), "case": "vectors-100k-384",
        "n": set.rows(), "queries": set.nearest.len(), "insert_s": insert_s, "insert_cpu_s": insert_cpu_s,
        "inserts_per_s": (set.rows() as f64 / insert_s).round(), "p50_ms": measured.p50_us / 1e3,
        "p99_ms": measured.p99_us / 1e3, "min_ms": measured.min_us / 1e3,
        "cpu_ms_per_query": (cpu() - cpu_before) / (set.nearest.len() + 20) as f64 * 1e3,
        "recall_at_10": measured.recall, "rss_before_mb": before, "rss_after_mb": after,
        "peak_rss_mb": status("VmHWM"), "params": params, "load1": load().parse::<f64>().unwrap_or_default(),
        "durable": false,
    });
    println!("{line}");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--peer", engine, folder] => peer(engine, Path::new(folder), &runtime),
        ["--million"] => report(&Set::clustered("a million, noise 1.5", 1_000_000, 100, 1.5), &runtime),
        [] => {
            report(&Set::clustered("clustered, noise 0.8", 100_000, 200, 0.8), &runtime);
            report(&Set::clustered("harder, noise 1.5", 100_000, 200, 1.5), &runtime);
        }
        folders => folders.iter().for_each(|folder| report(&Set::read(Path::new(folder)), &runtime)),
    }
}
