//! `ice graph --analyze` and `--impact`: what the graph of a blueprint says.

use std::sync::Arc;
use std::time::Duration;

use ice_core::budget::Budget;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::registry::near_names;
use ice_orchestrator::journal::RunDocument;
use ice_orchestrator::workflow::graph::{self, GraphReport, MeasuredPath, WorstTime};
use ice_orchestrator::workflow::{Plan, compile};
use schemars::JsonSchema;
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::load::Loaded;
use crate::render::{table, text};
use crate::screen::{BOLD, styled};
use crate::shell::Shell;

/// What `ice graph --analyze --json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Analysis {
    #[serde(flatten)]
    graph: GraphReport,
    /// Where the time of a run went, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredPath>,
}

fn plan(loaded: &Loaded) -> Result<Arc<Plan>, Fault> {
    let Some(checked) = &loaded.assembled.checked else { return Err(loaded.fault()) };
    compile(checked, &loaded.assembled.registry).map_err(|error| Fault::new(error.code(), error.to_string()))
}

/// Tells what the graph of a blueprint says, and where the time of a run of it went.
pub(super) fn analyze(shell: &Shell, loaded: &Loaded, run: Option<&RunDocument>) -> Result<Exit, Fault> {
    let plan = plan(loaded)?;
    let mut graph = graph::analyze(&plan);
    if let Some(network) = &loaded.assembled.network {
        graph.width = graph.width.min(network.network.max_concurrent as usize);
    }
    let analysis = Analysis { graph, measured: run.map(|run| graph::measured(&plan, run)) };
    let screen = &shell.screen;
    if screen.json {
        screen.document(&analysis)?;
        return Ok(Exit::Succeeded);
    }
    let Analysis { graph, measured } = analysis;
    let (nodes, edges) = (text::count(graph.nodes as u64, "node"), text::count(graph.edges as u64, "edge"));
    let levels = text::count(graph.levels.len() as u64, "level");
    let width = text::number(graph.width as u64);
    screen.line(format_args!("{nodes}, {edges}, {levels}; at most {width} under way at once"))?;
    screen.line(format_args!("{} {}", styled(BOLD, "critical path"), chain(&graph.critical_path)))?;
    screen.line(format_args!("  at worst {}", time(graph.worst_time)))?;
    screen.line(format_args!("{} {}", styled(BOLD, "spends at most"), spend(&graph.worst_spend)))?;
    if !graph.bottlenecks.is_empty() {
        screen.line("")?;
        let rows = graph.bottlenecks.iter().map(|found| {
            let gate = if found.is_gate { "yes" } else { "" };
            [found.node.to_string(), time(found.worst_time), time(found.gain), gate.to_owned()]
        });
        let headings = ["BOTTLENECK", "AT WORST", "GAIN WITHOUT", "EVERY PATH"];
        screen.line(table::plain(screen, headings, rows))?;
    }
    if let Some(MeasuredPath { steps, total_ms }) = measured {
        screen.line("")?;
        let rows = steps.iter().map(|step| {
            [step.node.to_string(), text::duration(step.waited_ms), text::duration(step.took_ms)]
        });
        screen.line(table::plain(screen, ["THE RUN WAITED FOR", "BEFORE IT", "IT TOOK"], rows))?;
        screen.line(format_args!("{} in all", text::duration(total_ms)))?;
    }
    Ok(Exit::Succeeded)
}

/// Tells what a node has an impact on.
pub(super) fn impact(shell: &Shell, loaded: &Loaded, node: &NodePath) -> Result<Exit, Fault> {
    let plan = plan(loaded)?;
    let Some(impact) = graph::impact(&plan, node) else {
        let ids = plan.blueprint().nodes.iter().map(|node| node.id.as_str());
        let near = near_names(node.as_str(), ids);
        let fault = Fault::new(ErrorCode::UnknownNode, format!("{} has no node `{node}`", loaded.shown));
        return Err(match near.first() {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => {
                fault.help("a nested node is named by its path: `each.body.clean`, `cond.true.x`, `wf.run.x`")
            }
        }
        .exit(Exit::Usage));
    };
    let screen = &shell.screen;
    if screen.json {
        screen.document(&impact)?;
        return Ok(Exit::Succeeded);
    }
    for path in &impact.all {
        let how = if impact.direct.contains(path) { "" } else { "  (through others)" };
        screen.line(format_args!("{path}{how}"))?;
    }
    let share = impact.share * 100.0;
    let many = text::count(impact.all.len() as u64, "node");
    let depend = if impact.all.len() == 1 { "depends" } else { "depend" };
    screen.note(format_args!("{many} {depend} on {node}, {share:.0} % of those beside it and around it"));
    Ok(Exit::Succeeded)
}

fn chain(paths: &[NodePath]) -> String {
    let names: Vec<&str> = paths.iter().map(NodePath::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" → ") }
}

/// What may be spent at most: `$0.12, 4,000 tokens, 2 model calls, no bound on tool calls`.
fn spend(most: &Budget) -> String {
    let money = most.cost_usd.map_or_else(|| "no bound on money".to_owned(), |cost| format!("${cost}"));
    let counts = [(most.tokens, "token"), (most.model_calls, "model call"), (most.tool_calls, "tool call")];
    let counts = counts.map(|(count, what)| {
        count.map_or_else(|| format!("no bound on {what}s"), |count| text::count(count, what))
    });
    [money].into_iter().chain(counts).collect::<Vec<_>>().join(", ")
}

fn time(time: WorstTime) -> String {
    match (time.bound(), time.bounded_ms) {
        (Some(bound), _) => text::span(bound),
        (None, 0) => format!("no bound ({})", text::count(time.unbounded_nodes, "node")),
        (None, bounded) => format!(
            "no bound ({}), and {}",
            text::count(time.unbounded_nodes, "node"),
            text::span(Duration::from_millis(bounded))
        ),
    }
}
