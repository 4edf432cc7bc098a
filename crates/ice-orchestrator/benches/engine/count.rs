//! A fixed number of runs of one case: what a profiler counts of two such numbers differs by what a run costs.

use std::sync::Arc;

use ice_core::store::Durability;
use ice_orchestrator::journal::RunOptions;
use serde_json::json;

use crate::measure::side_by_side;
use crate::{floor, in_memory, input, on_disk, ours, shape};

/// The case, and how many runs; `floor-` before a graph runs it without the engine.
pub(crate) async fn runs(arguments: &[String]) {
    let [case, runs] = arguments else { panic!("wanted: a case and a number of runs") };
    let runs = runs.parse().expect("a number of runs");
    let graph = |name: &str| match name {
        "chain-1000" => shape::chain(1_000),
        "fan-1000" => shape::fan(1_000),
        "layered-10x100" => shape::layered(),
        other => panic!("there is no case `{other}`"),
    };
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let (engine, plan, durability) = match case.as_str() {
        "diamond" => (in_memory(), ours::diamond(), None),
        "diamond-buffered" => (on_disk(folder.path()), ours::diamond(), Some(Durability::Buffered)),
        "diamond-power_loss" => (on_disk(folder.path()), ours::diamond(), Some(Durability::PowerLoss)),
        case => match case.strip_prefix("floor-") {
            Some(name) => {
                let (graph, nothing) = (floor::graph(&graph(name)), Arc::new(json!({"n": 0})));
                for _ in 0..runs {
                    floor::run(Arc::clone(&graph), Arc::clone(&nothing)).await;
                }
                return;
            }
            None => (in_memory(), ours::plan(&graph(case)), None),
        },
    };
    let options = RunOptions { durability, ..RunOptions::default() };
    let at_once = if case.starts_with("diamond-") { 64 } else { 1 };
    let of = engine.clone();
    let run = move || {
        let (engine, plan, options) = (of.clone(), Arc::clone(&plan), options.clone());
        async move {
            ours::run(&engine, &plan, input(), options).await;
        }
    };
    side_by_side(runs, at_once, &run).await;
    engine.close().await;
}
