//! A run inside one's own program: a tool from an async function, a blueprint, an engine. `README.md` shows it.

use ice_core::blueprint::{Format, read};
use ice_core::tools::{Effect, ToolContext, ToolError, typed};
use ice_core::{id::Principal, id::Tenant, registry::Registry, value::Value};
use ice_orchestrator::{engine::Engine, executable_kinds, journal::RunOptions, workflow::compile};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Order {
    cents: u64,
    count: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let total = async |_: ToolContext, order: Order| Ok::<_, ToolError>(order.cents * order.count);
    let mut registry = Registry::default();
    registry
        .tools
        .register(typed::tool("total", "1.0.0", "Multiplies.").effect(Effect::Pure).build(total)?)?;
    let text = r#"nodes: [{id: sum, type: tool, tool_name: total, tool_args: {cents: "{{ inputs.cents }}", count: 3}}]"#;
    let checked = read(text, Format::Yaml, "order.yaml").check(&registry.catalog(executable_kinds()))?;
    let plan = compile(&checked, &registry)?;
    let engine = Engine::builder().registry(registry).build();
    let (by, inputs) = (Principal::new("app:shop")?, Value::map([("cents", Value::from(250))]));
    let run = engine.start(&plan, inputs, RunOptions::default(), &by, &Tenant::default()).await?;
    assert_eq!(run.wait().await?.output.to_string(), r#"{"sum":750}"#);
    engine.close().await;
    Ok(())
}
