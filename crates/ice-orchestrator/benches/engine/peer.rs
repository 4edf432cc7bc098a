//! One JSON line per case, in the form of the peers' harness (`ENGINE_CMD`).

use std::sync::Arc;

use ice_core::value::Value;
use ice_orchestrator::journal::RunOptions;
use serde_json::{Value as Json, json};

use crate::measure::{Took, many, repeat};
use crate::memory::memory;
use crate::{in_memory, input, on_disk, ours, shape};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const DURABILITY: &str = "journal synced before the run is acknowledged";

pub(crate) async fn line(case: &str) {
    match case {
        "chain-1000" => one(case, &shape::chain(1_000), "c999", 1_000).await,
        "fan-1000" => one(case, &shape::fan(1_000), "join", 3).await,
        "layered-10x100" => one(case, &shape::layered(), "l9n99", 10).await,
        "tiny-c1" | "tiny-c64" => tiny(case, false).await,
        "durable-c1" | "durable-c64" => tiny(case, true).await,
        "big-payload" => big(case).await,
        "sleep-fan" => sleeping(case).await,
        "fib40-durable" => chained(case).await,
        "fib40" => one(case, &shape::chain(40), "c39", 40).await,
        "hello" => {
            let end =
                ours::run(&in_memory(), &ours::plan(&shape::chain(2)), input(), RunOptions::default()).await;
            println!("RESULT {}", end.output);
        }
        other => println!(
            "{}",
            json!({"peer": "ice", "version": VERSION, "case": other, "skipped": "not adapted"})
        ),
    }
}

fn emit(case: &str, mut line: Json) {
    line["peer"] = json!("ice");
    line["version"] = json!(VERSION);
    line["case"] = json!(case);
    line["peak_rss_mb"] = json!(memory("VmHWM"));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    line["load1"] = json!(load.split(' ').next().and_then(|load| load.parse::<f64>().ok()));
    println!("{line}");
}

fn took(nodes: usize, took: &Took) -> Json {
    json!({
        "n": nodes, "seconds": took.wall, "nodes_per_s": nodes as f64 / took.wall, "p50_ms": took.wall * 1e3,
        "p99_ms": took.max_wall * 1e3, "min_s": took.min_wall, "cpu_s": took.cpu, "reps": 5, "batch": took.batch,
        "first_s": took.first, "durable": false,
    })
}

async fn one(case: &str, spec: &shape::Spec, last: &str, depth: i64) {
    let (engine, plan) = (in_memory(), ours::plan(spec));
    let end = ours::run(&engine, &plan, input(), RunOptions::default()).await;
    assert_eq!(ours::depth(&end, last), Some(depth));
    let result = repeat(5, || ours::run(&engine, &plan, input(), RunOptions::default())).await;
    emit(case, took(spec.len(), &result));
}

/// Two hundred nodes that sleep, fifty at a time.
async fn sleeping(case: &str) {
    let options = || RunOptions { max_parallel: 50, ..RunOptions::default() };
    let (engine, plan) = (in_memory(), ours::sleeping(200));
    let result = repeat(5, || ours::run(&engine, &plan, input(), options())).await;
    let mut line = took(200, &result);
    line["efficiency"] = json!(0.040 / result.wall);
    emit(case, line);
}

/// A chain of forty nodes whose journal is synced.
async fn chained(case: &str) {
    let folder = state();
    let (engine, plan) = (on_disk(folder.path()), ours::plan(&shape::chain(40)));
    let result = repeat(5, || ours::run(&engine, &plan, input(), RunOptions::default())).await;
    let mut line = took(40, &result);
    line["durable"] = json!(true);
    line["durability"] = json!(DURABILITY);
    emit(case, line);
}

fn state() -> tempfile::TempDir {
    let place = std::env::var("BENCH_STATE").unwrap_or_else(|_| ".".to_owned());
    tempfile::tempdir_in(place).expect("a folder")
}

async fn big(case: &str) {
    let rows = (0..9_300).map(|id| {
        json!({"id": id, "name": format!("item-{id:06}"), "tags": ["alpha", "beta", "gamma"],
            "score": f64::from(id) * 0.5, "text": "lorem ipsum dolor"})
    });
    let inputs = Value::map([("data", Value::from(Json::Array(rows.collect())))]);
    let (engine, plan) = (in_memory(), ours::handing());
    let result = repeat(5, || ours::run(&engine, &plan, inputs.clone(), RunOptions::default())).await;
    emit(case, took(50, &result));
}

async fn tiny(case: &str, durable: bool) {
    let at_once = if case.ends_with("c64") { 64 } else { 1 };
    let folder = state();
    let engine = if durable { on_disk(folder.path()) } else { in_memory() };
    let plan = ours::diamond();
    let run = move || {
        let (engine, plan) = (engine.clone(), Arc::clone(&plan));
        async move {
            ours::run(&engine, &plan, input(), RunOptions::default()).await;
        }
    };
    // Until memory and files have their size.
    many(500, at_once, run.clone()).await;
    let result = many(2_000, at_once, run).await;
    emit(
        case,
        json!({
            "n": result.runs, "concurrency": at_once, "seconds": result.wall, "runs_per_s": result.per_second(),
            "nodes_per_s": 5.0 * result.per_second(), "p50_ms": result.percentile(0.5),
            "p99_ms": result.percentile(0.99), "cpu_s": result.cpu, "capped": false, "durable": durable,
            "durability": durable.then_some(DURABILITY),
        }),
    );
}
