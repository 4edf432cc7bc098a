//! What runs cost that wait for an answer: memory while they fall asleep, memory and time of a restart with them, the time
//! until one goes on.
//!
//!     cargo bench -p ice-orchestrator --bench waiting            # 10,000 runs
//!     cargo bench -p ice-orchestrator --bench waiting -- 1000    # fewer
//!
//! Each part is a process of its own on the same data folder, the embedded store at `power_loss`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails loudly and prints"
)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "../engine/memory.rs"]
mod memory;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use ice_core::blueprint::{Format, read};
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::registry::Registry;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{EmbeddedOptions, EmbeddedStore};
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Reply, RunFilter};
use ice_orchestrator::journal::{RunOptions, RunStatus};
use ice_orchestrator::workflow::{Plan, compile};
use memory::{forget_peak, memory};

const AT_ONCE: usize = 64;
const WOKEN: usize = 101;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    match arguments.as_slice() {
        [part, folder, many] => {
            runtime.block_on(child(part, Path::new(folder), many.parse().expect("a number")))
        }
        [many] => parent(many.parse().expect("a number of runs")),
        _ => parent(10_000),
    }
}

fn parent(many: usize) {
    let full = tempfile::tempdir().expect("a folder");
    let empty = tempfile::tempdir().expect("a folder");
    let child = |part: &str, folder: &Path| -> Vec<f64> {
        let program = std::env::current_exe().expect("this program");
        let output =
            Command::new(program).arg(part).arg(folder).arg(many.to_string()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    let parked = child("park", full.path());
    println!("{many} runs wait for an answer, {:.0} started per second", many as f64 / parked[0]);
    println!("peak of memory while they fall asleep: {:.1} MiB over the start (aim 100)", parked[1]);
    let nothing = child("open", empty.path());
    let opened = child("open", full.path());
    println!(
        "restart with them: {:.0} ms (aim 2,000; with an empty store {:.0} ms)",
        opened[0] * 1e3,
        nothing[0] * 1e3
    );
    let options = EmbeddedOptions::default();
    let caches = (options.table_bytes as f64 + options.index_cache_bytes as f64) / f64::from(1 << 20);
    println!(
        "memory after it: {:.1} MiB, with an empty store {:.1}: {:.1} more, of which up to {caches:.0} are the store's caches (aim 10)",
        opened[1],
        nothing[1],
        opened[1] - nothing[1]
    );
    for records in [10, 2_000] {
        let woken = child(&format!("wake-{records}"), full.path());
        println!(
            "from an answer to the run's next step being durable, {records} records: median {:.2} ms, 95 of 100 within {:.2} ms, 10 within {:.2} ms (aim 5)",
            woken[0], woken[1], woken[2]
        );
    }
}

async fn child(part: &str, folder: &Path, many: usize) {
    match part {
        "park" => park(folder, many).await,
        "open" => open(folder).await,
        _ => wake(folder, part.trim_start_matches("wake-").parse().expect("a number")).await,
    }
}

/// Starts runs that ask somebody; waits until all sleep.
async fn park(folder: &Path, many: usize) {
    let engine = engine(folder);
    let plan = plan(&engine, 0);
    let before = memory("VmRSS");
    forget_peak();
    let began = Instant::now();
    futures::stream::iter(0..many)
        .for_each_concurrent(AT_ONCE, async |_| {
            start(&engine, &plan).await;
        })
        .await;
    while !engine.active().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed().as_secs_f64();
    println!("{took} {}", memory("VmHWM") - before);
    engine.close().await;
}

/// Opens the folder and takes up what there is.
async fn open(folder: &Path) {
    let began = Instant::now();
    let engine = engine(folder);
    let taken = engine.resume_all(&Tenant::default(), &me()).await.expect("the runs are read");
    let took = began.elapsed().as_secs_f64();
    assert!(taken.runs.is_empty() && taken.refused.is_empty(), "nothing is to be done");
    // Lists are what somebody looks at next: the caches are warm then.
    let filter = RunFilter { status: Some(RunStatus::Waiting), limit: 10_000, ..RunFilter::default() };
    let listed = engine.list(&Tenant::default(), &filter).await.expect("a list").len();
    assert_eq!(listed, taken.waiting.min(10_000), "all that wait are listed");
    drop(filter);
    println!("{took} {}", memory("VmRSS"));
    engine.close().await;
}

/// Answers one sleeping run after the other.
async fn wake(folder: &Path, records: usize) {
    let engine = engine(folder);
    // A start, a question, an answer and an end are six records; each node before adds two.
    let plan = plan(&engine, records / 2 - 2);
    let mut runs = Vec::new();
    for _ in 0..WOKEN {
        runs.push(start(&engine, &plan).await);
    }
    while !engine.active().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut took = Vec::new();
    for run in runs {
        let (node, id) = ("ask".parse().expect("a path"), SystemIds.uuid());
        let reply = Reply { node, response: Value::from(true), comment: None, id };
        let began = Instant::now();
        engine.answer(&Tenant::default(), run, reply, &me()).await.expect("it is answered");
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!("{} {} {}", took[took.len() / 2], took[took.len() * 95 / 100], took[took.len() / 10]);
    engine.close().await;
}

fn me() -> Principal {
    "user:bench".parse().expect("a principal")
}

fn engine(folder: &Path) -> Engine {
    let store = Arc::new(EmbeddedStore::open(folder, EmbeddedOptions::default()).expect("the store opens"));
    let disk = Arc::new(FolderDisk::new(folder).expect("the folder opens"));
    let blobs = Arc::new(DiskBlobs::open(disk).expect("the blobs open"));
    Engine::builder().store(store, blobs).registry(Registry::default()).build()
}

/// A question after so many nodes that do next to nothing.
fn plan(engine: &Engine, before: usize) -> Arc<Plan> {
    let mut nodes: Vec<serde_json::Value> = (0..before)
        .map(|number| serde_json::json!({"id": format!("n{number}"), "type": "condition", "expression": "true"}))
        .collect();
    let after: Vec<String> = (0..before).map(|number| format!("n{number}")).collect();
    nodes.push(
        serde_json::json!({"id": "ask", "type": "human", "prompt_message": "go on?", "dependencies": after}),
    );
    let text = serde_json::json!({"nodes": nodes}).to_string();
    let reading = read(&text, Format::Json, "waiting.json");
    let checked = reading.check(&engine.registry().catalog(ice_orchestrator::executable_kinds()));
    compile(&checked.expect("a blueprint"), engine.registry()).expect("a plan")
}

async fn start(engine: &Engine, plan: &Arc<Plan>) -> RunId {
    let inputs = Value::empty_map();
    let started = engine.start(plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await;
    started.expect("the run starts").id()
}
