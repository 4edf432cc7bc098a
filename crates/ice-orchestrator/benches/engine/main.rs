//! The engine beside floors in the same run, as ratios; and, with a case as argument, one JSON line in the
//! form of the peers' harness.
//!
//!     cargo bench -p ice-orchestrator --bench engine              # the table
//!     cargo bench -p ice-orchestrator --bench engine -- power_loss  # its durable part alone; or `buffered`
//!     cargo bench -p ice-orchestrator --bench engine -- chain-1000  # one line for the peers' harness
//!     cargo bench -p ice-orchestrator --bench engine -- count chain-1000 50  # as many runs and no more, for a profiler
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

mod count;
mod floor;
mod measure;
mod memory;
mod ours;
mod peer;
mod shape;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use ice_core::id::Tenant;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{Batch, Durability, EmbeddedOptions, EmbeddedStore, Entry, Key, Store};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{Reader, Record, RunOptions};
use ice_orchestrator::workflow::Plan;
use measure::{Many, many, median, repeat};
use serde_json::json;

const TIMES: usize = 11;
/// Durable runs: how many in a round, and how many rounds.
const ROUND: usize = 4_000;
const ROUNDS: usize = 9;
const AT_ONCE: usize = 64;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let case = arguments.next();
    let arguments: Vec<String> = arguments.collect();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    assert!(metrics::set_global_recorder(recorder).is_ok(), "this is the only recorder");
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let work = tokio::spawn(async move {
            match case {
                Some(case) if case == "power_loss" => durable(Durability::PowerLoss).await,
                Some(case) if case == "buffered" => durable(Durability::Buffered).await,
                Some(case) if case == "count" => count::runs(&arguments).await,
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
        let (graph, nothing) = (floor::graph(&spec), Arc::new(json!({"n": 0})));
        let (engine, plan) = (in_memory(), ours::plan(&spec));
        let took = beside(
            || floor::run(Arc::clone(&graph), Arc::clone(&nothing)),
            || ours::run(&engine, &plan, input(), RunOptions::default()),
        );
        row(&format!("{name}, per node"), took.await, spec.len(), "3");
    }
    handing().await;
    for durability in [Durability::PowerLoss, Durability::Buffered] {
        durable(durability).await;
    }
}

fn row(name: &str, (floor, ours, ratio): (f64, f64, f64), nodes: usize, aim: &str) {
    let micros = 1e6 / nodes as f64;
    println!("| {name} | {:.3} | {:.3} | {ratio:.2} | at most {aim} |", floor * micros, ours * micros);
}

/// CPU seconds of a floor and of the engine, and how many times as much the engine takes. They take turns, so that
/// what else the machine does meets both; all three are medians.
async fn beside<F: Future, G: Future>(
    mut floor: impl FnMut() -> F,
    mut ours: impl FnMut() -> G,
) -> (f64, f64, f64) {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        took.push((repeat(1, &mut floor).await.cpu, repeat(1, &mut ours).await.cpu));
    }
    let of = |of: fn(&(f64, f64)) -> f64| median(took.iter().map(of));
    (of(|(floor, _)| *floor), of(|(_, ours)| *ours), of(|(floor, ours)| ours / floor))
}

/// A text of one MiB through fifty nodes.
async fn handing() {
    let text: Arc<str> = Arc::from("x".repeat(1 << 20));
    let (engine, plan) = (in_memory(), ours::handing());
    let inputs = Value::map([("data", Value::String(Arc::clone(&text)))]);
    huge_pages(false);
    ours::run(&engine, &plan, Value::map([("data", Value::from("warm"))]), RunOptions::default()).await;
    memory::forget_peak();
    let before = memory::memory("VmHWM");
    ours::run(&engine, &plan, inputs.clone(), RunOptions::default()).await;
    let grown = memory::memory("VmHWM") - before;
    huge_pages(true);
    let took = beside(
        || floor::shared(Arc::clone(&text)),
        || ours::run(&engine, &plan, inputs.clone(), RunOptions::default()),
    );
    row("1 MiB text through 50 nodes", took.await, 1, "100");
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

/// Runs of one contender, each time a share of all; it keeps its files until it is dropped.
type Contender = Box<dyn FnMut() -> BoxFuture<'static, Many> + Send>;

/// The diamond, many runs at once, beside two floors which write the same records: the scheduler without limits
/// with a file, in as many commits, and the engine's own store. They take turns, so that what else the machine does
/// meets all of them; ratios are medians over the rounds.
async fn durable(durability: Durability) {
    let folder = tempfile::tempdir_in(std::env::current_dir().expect("a folder")).expect("a folder");
    let engine = on_disk(&folder.path().join("ice"));
    let options = RunOptions { durability: Some(durability), ..RunOptions::default() };
    let plan = ours::diamond();
    ours::run(&engine, &plan, input(), options.clone()).await;
    let trace = Arc::new(Trace::of(&engine, &plan, &options).await);
    assert_eq!(trace.commits, 1, "the floors commit once");
    let mut contenders: Vec<(String, Contender)> = vec![("ice".to_owned(), driven(&engine, plan, options))];
    let mut stores = Vec::new();
    for (records, note) in [(Records::Encoded, ""), (Records::Ready, ", its bytes ready")] {
        let file = folder.path().join(format!("floor{note}.log"));
        let floor = scheduled(&file, durability, Arc::clone(&trace), records);
        contenders.push((format!("scheduler and a file{note}"), floor));
        let bare_folder = folder.path().join(format!("bare{note}"));
        let store =
            Arc::new(EmbeddedStore::open(&bare_folder, EmbeddedOptions::default()).expect("the store opens"));
        stores.push(Arc::clone(&store));
        contenders
            .push((format!("the bare log{note}"), bare(store, durability, Arc::clone(&trace), records)));
    }
    let mut rounds: Vec<Vec<Many>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for ((_, run), took) in contenders.iter_mut().zip(&mut rounds) {
            let many = run().await;
            // The first until memory and files have their size.
            if round > 0 {
                took.push(many);
            }
        }
    }
    println!(
        "\nDiamond, {AT_ONCE} at once, {durability}: {} records, {} B in {} commits per run; medians of {ROUNDS} rounds of \
         {ROUND} runs\n",
        trace.records.len(),
        trace.encoded().len() + trace.rest().len(),
        trace.commits
    );
    println!(
        "| | runs/s | CPU µs per run | p50 ms | p99 ms | ice, runs/s | ice, CPU |\n|---|---|---|---|---|---|---|"
    );
    let ours = &rounds[0];
    for ((name, _), took) in contenders.iter().zip(&rounds) {
        let each = |of: fn(&Many) -> f64| median(took.iter().map(of));
        let ratio =
            |of: fn(&Many) -> f64| median(ours.iter().zip(took).map(|(ours, other)| of(ours) / of(other)));
        println!(
            "| {name} | {:.0} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
            each(Many::per_second),
            each(Many::cpu_micros),
            each(|many| many.percentile(0.5)),
            each(|many| many.percentile(0.99)),
            ratio(Many::per_second),
            ratio(Many::cpu_micros),
        );
    }
    drop(contenders);
    engine.close().await;
    for store in stores {
        store.close().await.expect("the store closes");
    }
}

fn driven(engine: &Engine, plan: Arc<Plan>, options: RunOptions) -> Contender {
    let engine = engine.clone();
    contender(move || {
        let (engine, plan, options) = (engine.clone(), Arc::clone(&plan), options.clone());
        async move {
            ours::run(&engine, &plan, input(), options).await;
        }
    })
}

fn scheduled(path: &Path, durability: Durability, trace: Arc<Trace>, records: Records) -> Contender {
    let log = Arc::new(floor::Log::open(path, durability == Durability::PowerLoss));
    let (rest, ready): (Arc<[u8]>, Arc<[u8]>) = (trace.rest().into(), trace.encoded().into());
    let (graph, nothing) = (floor::graph(&shape::diamond()), Arc::new(json!({"n": 0})));
    contender(move || {
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
}

fn bare(store: Arc<EmbeddedStore>, durability: Durability, trace: Arc<Trace>, records: Records) -> Contender {
    let number = Arc::new(AtomicUsize::new(0));
    let ready = Bytes::from(trace.encoded());
    // Before the clock runs.
    let keys: Arc<Vec<Vec<Key>>> =
        Arc::new((0..ROUND * (ROUNDS + 1)).map(|number| trace.keys(number)).collect());
    contender(move || {
        let (store, trace, keys, ready) =
            (Arc::clone(&store), Arc::clone(&trace), Arc::clone(&keys), ready.clone());
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
}

fn contender<F>(run: impl Fn() -> F + Clone + Send + Sync + 'static) -> Contender
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::new(move || many(ROUND, AT_ONCE, run.clone()).boxed())
}

/// Whether memory may come in pages of 2 MiB. With these, a peak grows by 2 MiB for the first byte of one.
fn huge_pages(wanted: bool) {
    rustix::thread::disable_transparent_huge_pages(!wanted).expect("Linux");
}
