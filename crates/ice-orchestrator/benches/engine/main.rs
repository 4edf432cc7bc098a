//! The engine beside floors in the same run, as ratios; and, with a case as argument, one JSON line in the
//! form of the peers' harness.
//!
//!     cargo bench -p ice-orchestrator --bench engine              # the table
//!     cargo bench -p ice-orchestrator --bench engine -- chain-1000  # one line for the peers' harness
//!
//! Metrics are recorded, events are kept, no tracing subscriber is installed.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails loudly and prints"
)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod floor;
mod measure;
mod ours;
mod peer;
mod shape;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ice_core::id::Tenant;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{Batch, Durability, EmbeddedOptions, EmbeddedStore, Entry, Key, Store};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{Reader, Record, RunOptions};
use ice_orchestrator::workflow::Plan;
use measure::{Many, Took, many, repeat};
use serde_json::json;

const TIMES: usize = 7;
const RUNS: usize = 20_000;
const AT_ONCE: usize = 64;

fn main() {
    let case = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    assert!(metrics::set_global_recorder(recorder).is_ok(), "this is the only recorder");
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let work = tokio::spawn(async move {
            match case {
                Some(case) => peer::line(&case).await,
                None => table().await,
            }
        });
        work.await.expect("the benchmark does not panic");
    });
}

pub(crate) fn in_memory() -> Engine {
    Engine::builder().registry(ours::registry()).build()
}

pub(crate) fn input() -> Value {
    Value::map([("n", Value::from(0))])
}

/// An engine on the embedded store in a fresh folder.
pub(crate) fn on_disk(folder: &std::path::Path) -> Engine {
    let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default()).expect("the store opens"));
    let disk = Arc::new(FolderDisk::new(folder).expect("the folder opens"));
    let blobs = Arc::new(DiskBlobs::open(disk).expect("the blobs open"));
    Engine::builder().store(store, blobs).registry(ours::registry()).build()
}

async fn table() {
    println!("| case | floor, CPU µs | ice, CPU µs | ratio | aim |\n|---|---|---|---|---|");
    for (name, spec) in [
        ("chain-1000", shape::chain(1_000)),
        ("fan-1000", shape::fan(1_000)),
        ("layered-10x100", shape::layered()),
    ] {
        let (floor, ours) = one_run(&spec).await;
        let nodes = spec.len() as f64;
        row(&format!("{name}, per node"), floor.cpu / nodes, ours.cpu / nodes, "3");
    }
    handing().await;
    for durability in [Durability::PowerLoss, Durability::Buffered] {
        durable(durability).await;
    }
}

fn row(name: &str, floor: f64, ours: f64, aim: &str) {
    println!("| {name} | {:.3} | {:.3} | {:.2} | at most {aim} |", floor * 1e6, ours * 1e6, ours / floor);
}

async fn one_run(spec: &shape::Spec) -> (Took, Took) {
    let (graph, nodes) = (floor::graph(spec), Arc::new(json!({"n": 0})));
    let floor = repeat(TIMES, || floor::run(Arc::clone(&graph), Arc::clone(&nodes))).await;
    let (engine, plan) = (in_memory(), ours::plan(spec));
    let ours = repeat(TIMES, || ours::run(&engine, &plan, input(), RunOptions::default())).await;
    (floor, ours)
}

/// A text of one MiB through fifty nodes.
async fn handing() {
    let text: Arc<str> = Arc::from("x".repeat(1 << 20));
    let floor = repeat(TIMES, || floor::shared(Arc::clone(&text))).await;
    let (engine, plan) = (in_memory(), ours::handing());
    let inputs = Value::map([("data", Value::String(Arc::clone(&text)))]);
    ours::run(&engine, &plan, Value::map([("data", Value::from("warm"))]), RunOptions::default()).await;
    measure::forget_peak();
    let before = measure::memory("VmHWM");
    ours::run(&engine, &plan, inputs.clone(), RunOptions::default()).await;
    let grown = measure::memory("VmHWM") - before;
    let ours = repeat(TIMES, || ours::run(&engine, &plan, inputs.clone(), RunOptions::default())).await;
    row("1 MiB text through 50 nodes", floor.cpu, ours.cpu, "100");
    println!("| 1 MiB text through 50 nodes, peak memory over before | | {grown:.2} MiB | | at most 1 MiB |");
}

/// What the engine writes for a run of the diamond, to be written again without it.
struct Trace {
    run: String,
    commits: u64,
    /// The records of its journal, to be encoded anew for every run.
    records: Vec<Record>,
    /// Where they stand once they are encoded.
    journal: Key,
    /// All other entries: the head of the run and its places in the indexes.
    others: Vec<Entry>,
}

impl Trace {
    async fn of(engine: &Engine, plan: &Arc<Plan>, options: &RunOptions) -> Self {
        let before = engine.store().last_commit().0;
        let end = ours::run(engine, plan, input(), options.clone()).await;
        let commits = engine.store().last_commit().0 - before;
        let (store, blobs) = (Arc::clone(engine.store()), Arc::clone(engine.blobs()));
        let read = Reader::new(store, blobs, &Tenant::default(), end.id).read().await;
        let records =
            read.expect("the journal is read").into_iter().map(|numbered| numbered.record).collect();
        let everything = Key::tenant(&Tenant::default());
        let mut others = engine.store().scan(&everything, None, 1_000).await.expect("the store is read");
        others.retain(|entry| entry.version.0 > before);
        let journal = others.iter().position(|entry| entry.value.starts_with(b"r")).expect("a journal");
        let journal = others.remove(journal);
        let trace = Self { run: end.id.to_string(), commits, records, journal: journal.key, others };
        assert_eq!(trace.encoded(), journal.value, "the floors write what the engine writes");
        trace
    }

    /// The journal of a run, its records encoded as whoever writes a log by hand would do it.
    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 << 10);
        for record in &self.records {
            bytes.push(b'r');
            serde_json::to_writer(&mut bytes, record).expect("a record is encoded");
            bytes.push(b'\n');
        }
        bytes
    }

    /// The bytes of the keys and of all other values.
    fn rest(&self) -> Vec<u8> {
        let mut bytes = self.journal.as_bytes().to_vec();
        for entry in &self.others {
            bytes.extend_from_slice(entry.key.as_bytes());
            bytes.extend_from_slice(&entry.value);
        }
        bytes
    }

    /// The keys of another run, that of its journal first.
    fn keys(&self, number: usize) -> Vec<Key> {
        let other = format!("{number:0>width$}", width = self.run.len());
        let keys = std::iter::once(&self.journal).chain(self.others.iter().map(|entry| &entry.key));
        let renamed = keys.map(|key| {
            // Some keys end in the complement of the id.
            let text = match key.as_str() {
                key if key.contains(&self.run) => key.replace(&self.run, &other),
                key => format!("{}{other}", key.get(..key.len() - other.len()).unwrap_or_default()),
            };
            Key::new(&text).expect("a key")
        });
        renamed.collect()
    }

    /// The entries of another run.
    fn batch(&self, keys: &[Key], journal: Bytes) -> Batch {
        let batch = Batch::new().put(keys[0].clone(), journal);
        let others = keys[1..].iter().zip(&self.others);
        others.fold(batch, |batch, (key, entry)| batch.put(key.clone(), entry.value.clone()))
    }
}

/// What a floor does about the records it writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Records {
    /// It encodes them, as whoever has records to write must.
    Encoded,
    /// It has their bytes already.
    Ready,
}

/// The diamond, many runs at once, beside two floors which write the same records: the scheduler without limits
/// with a file, in as many commits, and the engine's own store.
async fn durable(durability: Durability) {
    let folder = tempfile::tempdir_in(std::env::current_dir().expect("a folder")).expect("a folder");
    let engine = on_disk(&folder.path().join("ice"));
    let options = RunOptions { durability: Some(durability), ..RunOptions::default() };
    let plan = ours::diamond();
    ours::run(&engine, &plan, input(), options.clone()).await;
    let trace = Arc::new(Trace::of(&engine, &plan, &options).await);
    let (ours_engine, ours_plan) = (engine.clone(), Arc::clone(&plan));
    let ours = many(RUNS, AT_ONCE, move || {
        let (engine, plan, options) = (ours_engine.clone(), Arc::clone(&ours_plan), options.clone());
        async move {
            ours::run(&engine, &plan, input(), options).await;
        }
    })
    .await;
    engine.close().await;
    let mut floors = Vec::new();
    for (records, note) in [(Records::Encoded, ""), (Records::Ready, ", its bytes ready")] {
        let (file, bare_folder) = (folder.path().join("floor.log"), folder.path().join("bare"));
        let many = scheduled(&file, durability, Arc::clone(&trace), records).await;
        floors.push((format!("scheduler and a file{note}"), many));
        floors.push((
            format!("the bare log{note}"),
            bare(&bare_folder, durability, Arc::clone(&trace), records).await,
        ));
        std::fs::remove_file(file).expect("the log is there");
        std::fs::remove_dir_all(bare_folder).expect("the store is there");
    }
    println!(
        "\nDiamond, {AT_ONCE} at once, {durability}: {} records, {} B in {} commits per run\n",
        trace.records.len(),
        trace.encoded().len() + trace.rest().len(),
        trace.commits
    );
    println!(
        "| | runs/s | CPU µs per run | p50 ms | p99 ms | ice, runs/s | ice, CPU |\n|---|---|---|---|---|---|---|"
    );
    let ice = std::iter::once(("ice".to_owned(), ours.clone()));
    for (name, many) in ice.chain(floors) {
        println!(
            "| {name} | {:.0} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
            many.per_second(),
            many.cpu_micros(),
            many.percentile(0.5),
            many.percentile(0.99),
            ours.per_second() / many.per_second(),
            ours.cpu_micros() / many.cpu_micros(),
        );
    }
}

async fn scheduled(path: &Path, durability: Durability, trace: Arc<Trace>, records: Records) -> Many {
    assert_eq!(trace.commits, 1, "the floor commits once");
    let log = Arc::new(floor::Log::open(path, durability == Durability::PowerLoss));
    let (rest, ready): (Arc<[u8]>, Arc<[u8]>) = (trace.rest().into(), trace.encoded().into());
    let (graph, nothing) = (floor::graph(&shape::diamond()), Arc::new(json!({"n": 0})));
    many(RUNS, AT_ONCE, move || {
        let (log, trace, rest, ready) =
            (Arc::clone(&log), Arc::clone(&trace), Arc::clone(&rest), Arc::clone(&ready));
        let run = floor::run(Arc::clone(&graph), Arc::clone(&nothing));
        async move {
            run.await;
            let mut bytes = match records {
                Records::Encoded => trace.encoded(),
                Records::Ready => ready.to_vec(),
            };
            bytes.extend_from_slice(&rest);
            log.append(bytes).await;
        }
    })
    .await
}

async fn bare(folder: &Path, durability: Durability, trace: Arc<Trace>, records: Records) -> Many {
    let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default()).expect("the store opens"));
    let (written, number) = (Arc::clone(&store), Arc::new(AtomicUsize::new(0)));
    let ready = Bytes::from(trace.encoded());
    // Before the clock runs: the runs that are counted and those before them.
    let keys: Arc<Vec<Vec<Key>>> = Arc::new((0..RUNS * 2).map(|number| trace.keys(number)).collect());
    let many = many(RUNS, AT_ONCE, move || {
        let (store, trace, keys, ready) =
            (Arc::clone(&written), Arc::clone(&trace), Arc::clone(&keys), ready.clone());
        let number = number.fetch_add(1, Ordering::Relaxed);
        async move {
            let journal = match records {
                Records::Encoded => Bytes::from(trace.encoded()),
                Records::Ready => ready,
            };
            let batch = trace.batch(&keys[number], journal);
            store.commit(batch, durability).await.expect("the store takes it");
            // Nothing waits where nothing is promised: the others get their turn.
            tokio::task::yield_now().await;
        }
    })
    .await;
    store.close().await.expect("the store closes");
    many
}
