//! A run inside one's own program: a tool from an async function, a blueprint, an engine. `README.md` shows it.

use ice_core::tools::{Effect, ToolContext, ToolError, typed};
use ice_core::{blueprint, id, registry::Registry, value::Value};
use ice_orchestrator::{engine::Engine, executable_kinds, journal::RunOptions, workflow::compile};
use std::collections::BTreeMap;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mul = async |_: ToolContext, n: BTreeMap<String, u64>| Ok::<u64, ToolError>(n.values().product());
    let mut registry = Registry::default();
    registry.tools.register(typed::tool("mul", "1.0.0", "Multiplies.").effect(Effect::Pure).build(mul)?)?;
    let text = "nodes: [{id: sum, type: tool, tool_name: mul, tool_args: {a: '{{ inputs.cents }}', b: 3}}]";
    let read = blueprint::read(text, blueprint::Format::Yaml, "order.yaml");
    let plan = compile(&read.check(&registry.catalog(executable_kinds()))?, &registry)?;
    let engine = Engine::builder().registry(registry).build();
    let (by, inputs) = (id::Principal::new("app:shop")?, Value::map([("cents", Value::from(250))]));
    let run = engine.start(&plan, inputs, RunOptions::default(), &by, &id::Tenant::default()).await?;
    assert_eq!(run.wait().await?.output.to_string(), r#"{"sum":750}"#);
    engine.close().await;
    Ok(())
}
