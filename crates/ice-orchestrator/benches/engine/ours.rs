//! The engine on the same graphs: every node is a registered pure tool with the input `{{ prev }}`.

use std::sync::Arc;

use async_trait::async_trait;
use ice_core::blueprint::Blueprint;
use ice_core::check::check;
use ice_core::id::{Principal, Tenant};
use ice_core::registry::Registry;
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::RunOptions;
use ice_orchestrator::workflow::{Plan, compile};
use serde_json::json;

use crate::shape::Spec;

/// Gives one more than the `n` of its input.
#[derive(Debug)]
struct Next(ToolSpec);

/// Gives its input.
#[derive(Debug)]
struct Same(ToolSpec);

/// Sleeps for ten milliseconds.
#[derive(Debug)]
struct Nap(ToolSpec);

fn spec(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        version: semver::Version::new(1, 0, 0),
        description: "A node that does nothing.".to_owned(),
        input_schema: Value::Bool(true),
        output_schema: Value::Bool(true),
        effect: Effect::Pure,
        capabilities: Vec::new(),
    }
}

#[async_trait]
impl Tool for Next {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &ToolContext, input: Value) -> Result<Value, ToolError> {
        let n = input.get("prev").and_then(|prev| prev.get("n")).and_then(Value::as_i64).unwrap_or_default();
        Ok(Value::map([("n", Value::from(n + 1))]))
    }
}

#[async_trait]
impl Tool for Same {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &ToolContext, input: Value) -> Result<Value, ToolError> {
        Ok(input.get("prev").cloned().unwrap_or_default())
    }
}

#[async_trait]
impl Tool for Nap {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &ToolContext, _: Value) -> Result<Value, ToolError> {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        Ok(Value::Null)
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    let tools: [Arc<dyn Tool>; 3] =
        [Arc::new(Next(spec("next"))), Arc::new(Same(spec("same"))), Arc::new(Nap(spec("nap")))];
    for tool in tools {
        registry.tools.register(tool).expect("the tools have different names");
    }
    registry
}

fn compiled(nodes: serde_json::Value) -> Arc<Plan> {
    let document = json!({"blueprint_id": "bench", "schema_version": "1.2.0", "nodes": nodes});
    let blueprint: Arc<Blueprint> =
        Arc::new(serde_json::from_value(document).expect("the blueprint is valid"));
    let registry = registry();
    let checked = check(&blueprint, &registry.catalog(ice_orchestrator::executable_kinds()));
    compile(&checked.unwrap_or_else(|problems| panic!("{problems}")), &registry).expect("it compiles")
}

fn node(id: &str, tool: &str, prev: &str, waits: &[&str]) -> serde_json::Value {
    json!({"id": id, "type": "tool", "tool_name": tool, "tool_args": {"prev": format!("{{{{ {prev} }}}}")},
        "dependencies": waits})
}

/// The plan of a graph.
pub(crate) fn plan(spec: &Spec) -> Arc<Plan> {
    let nodes = spec.iter().map(|(id, waits)| {
        let waits: Vec<&str> = waits.iter().map(|wait| &*spec[*wait].0).collect();
        node(id, "next", waits.first().unwrap_or(&"inputs"), &waits)
    });
    compiled(nodes.collect())
}

/// Nodes that sleep, side by side.
pub(crate) fn sleeping(nodes: usize) -> Arc<Plan> {
    compiled((0..nodes).map(|at| node(&format!("s{at}"), "nap", "inputs", &[])).collect())
}

/// The diamond, whose tail stands in the path of a condition.
pub(crate) fn diamond() -> Arc<Plan> {
    compiled(json!([
        node("start", "next", "inputs", &[]),
        node("left", "next", "start", &[]),
        node("right", "next", "start", &[]),
        node("join", "next", "left", &["right"]),
        {"id": "go", "type": "condition", "expression": "join.n >= 0",
            "true_path": [node("tail", "next", "join", &[])]},
    ]))
}

/// Fifty nodes in a line that hand on one value.
pub(crate) fn handing() -> Arc<Plan> {
    let ids: Vec<String> = (0..50).map(|at| format!("h{at}")).collect();
    let nodes = ids.iter().enumerate().map(|(at, id)| {
        let prev = at.checked_sub(1).map_or("inputs.data", |before| &ids[before]);
        node(id, "same", prev, &[])
    });
    compiled(nodes.collect())
}

pub(crate) async fn run(
    engine: &Engine,
    plan: &Arc<Plan>,
    inputs: Value,
    options: RunOptions,
) -> Arc<RunEnd> {
    let by: Principal = "user:bench".parse().expect("a principal");
    let handle = engine.start(plan, inputs, options, &by, &Tenant::default()).await.expect("the run starts");
    let end = handle.wait().await.expect("the run ends");
    assert!(end.failure.is_none(), "{:?}", end.failures);
    end
}

/// The `n` of a node of a run's output.
pub(crate) fn depth(end: &RunEnd, node: &str) -> Option<i64> {
    end.output.get(node)?.get("n")?.as_i64()
}
