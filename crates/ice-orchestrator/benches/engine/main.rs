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

mod floor;
mod measure;
mod ours;
mod peer;
mod shape;

use std::sync::Arc;

use ice_core::id::Tenant;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{Durability, EmbeddedOptions, EmbeddedStore, Key};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::RunOptions;
use measure::{Many, Took, many, repeat};
use serde_json::json;

const TIMES: usize = 7;
const RUNS: usize = 4_000;
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
    let before = measure::memory("VmHWM");
    ours::run(&engine, &plan, inputs.clone(), RunOptions::default()).await;
    let grown = measure::memory("VmHWM") - before;
    let ours = repeat(TIMES, || ours::run(&engine, &plan, inputs.clone(), RunOptions::default())).await;
    row("1 MiB text through 50 nodes", floor.cpu, ours.cpu, "100");
    println!("| 1 MiB text through 50 nodes, peak memory over before | | {grown:.2} MiB | | at most 1 MiB |");
}

/// What a run of the diamond leaves in the log: its bytes, and how many commits they come in.
async fn footprint(
    engine: &Engine,
    plan: &Arc<ice_orchestrator::workflow::Plan>,
    options: &RunOptions,
) -> (usize, u64) {
    let tenant = Key::tenant(&Tenant::default());
    let before = engine.store().last_commit().0;
    let end = ours::run(engine, plan, input(), options.clone()).await;
    let commits = engine.store().last_commit().0 - before;
    let journal = tenant.folder("journal").folder(&end.id.to_string());
    let chunks = engine.store().scan(&journal, None, 100).await.expect("the journal is read");
    (chunks.iter().map(|entry| entry.key.as_bytes().len() + entry.value.len()).sum(), commits)
}

async fn durable(durability: Durability) {
    let folder = tempfile::tempdir_in(std::env::current_dir().expect("a folder")).expect("a folder");
    let engine = on_disk(folder.path());
    let options = RunOptions { durability: Some(durability), ..RunOptions::default() };
    let plan = ours::diamond();
    ours::run(&engine, &plan, input(), options.clone()).await;
    let (bytes, commits) = footprint(&engine, &plan, &options).await;
    let log =
        Arc::new(floor::Log::open(&folder.path().join("floor.log"), durability == Durability::PowerLoss));
    let piece: Arc<[u8]> = vec![b'x'; bytes / commits.max(1) as usize].into();
    let floor = many(RUNS, AT_ONCE, move || {
        let (log, piece) = (Arc::clone(&log), Arc::clone(&piece));
        async move {
            for _ in 0..commits {
                log.append(Arc::clone(&piece)).await;
            }
        }
    })
    .await;
    let (ours_engine, ours_plan, ours_options) = (engine.clone(), Arc::clone(&plan), options);
    let ours = many(RUNS, AT_ONCE, move || {
        let (engine, plan, options) = (ours_engine.clone(), Arc::clone(&ours_plan), ours_options.clone());
        async move {
            ours::run(&engine, &plan, input(), options).await;
        }
    })
    .await;
    report(durability, bytes, commits, &floor, &ours);
    engine.close().await;
}

fn report(durability: Durability, bytes: usize, commits: u64, floor: &Many, ours: &Many) {
    println!(
        "| diamond, {AT_ONCE} at once, {durability}: runs/s ({bytes} B in {commits} commits each) | {:.0} | {:.0} | {:.2} | {} |",
        floor.per_second(),
        ours.per_second(),
        ours.per_second() / floor.per_second(),
        if durability == Durability::PowerLoss { "at least 0.5" } else { "" },
    );
    println!(
        "| diamond, {AT_ONCE} at once, {durability}: CPU µs per run | {:.1} | {:.1} | {:.2} | {} |",
        floor.cpu_micros(),
        ours.cpu_micros(),
        ours.cpu_micros() / floor.cpu_micros(),
        if durability == Durability::Buffered { "at most 3" } else { "" },
    );
}
