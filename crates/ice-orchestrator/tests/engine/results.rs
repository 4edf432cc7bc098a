//! The cache of results: what is pure is computed once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{json, me, plan, registry, replays, tool};
use ice_core::blueprint::Format;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Scripted};
use ice_core::registry::AgentDefinition;
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{RunDocument, RunOptions};

/// `heavy` and `again` take five milliseconds, `light` none; `heavy` and `light` are pure.
#[cfg(test)]
struct Ground {
    engine: Engine,
    calls: Arc<AtomicU32>,
}

#[cfg(test)]
impl Ground {
    fn new(cache: u64) -> Self {
        let (mut registry, calls) = (registry(), Arc::new(AtomicU32::new(0)));
        let millis =
            [("heavy", Effect::Pure, 5), ("again", Effect::Idempotent, 5), ("light", Effect::Pure, 0)];
        for (name, effect, millis) in millis {
            let calls = Arc::clone(&calls);
            let made = tool(name, effect, move |_, input| {
                calls.fetch_add(1, Ordering::SeqCst);
                async move {
                    if millis > 0 {
                        tokio::time::sleep(Duration::from_millis(millis)).await;
                    }
                    Ok(input)
                }
            });
            registry.tools.register(made).unwrap();
        }
        let turns =
            r#"{"turns": [{"tool_calls": [{"name": "heavy", "arguments": {"n": 1}}]}, {"text": "done"}]}"#;
        let model = Arc::new(Scripted::new(serde_json::from_str(turns).unwrap()));
        registry.providers.register(model as Arc<dyn LlmProvider>).unwrap();
        let agent = "name: worker\ntools: [heavy]\nllm_config: {provider: scripted, model: m}";
        let agent = AgentDefinition::read(agent, Format::Yaml, "worker.yaml");
        registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
        Self { engine: Engine::builder().registry(registry).result_cache(cache).build(), calls }
    }

    async fn run_as(&self, yaml: &str, tenant: &str) -> RunDocument {
        let tenant: Tenant = tenant.parse().unwrap();
        let plan = plan(yaml, self.engine.registry());
        let inputs = json(r#"{"items": [1, 1, 2, 1]}"#);
        let handle = self.engine.start(&plan, inputs, RunOptions::default(), &me(), &tenant).await.unwrap();
        handle.wait().await.unwrap();
        let replayed = self.engine.replay(&tenant, handle.id(), None).await.unwrap();
        assert_eq!(replayed.divergence, None);
        self.engine.show(&tenant, handle.id()).await.unwrap()
    }

    async fn run(&self, yaml: &str) -> RunDocument {
        self.run_as(yaml, "local").await
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
fn of(tool: &str, fields: &str) -> String {
    format!(
        "nodes: [{{id: l, type: loop, items_source: inputs.items, item_var: n, parallel: false, body: \
         [{{id: x, type: tool, tool_name: {tool}, tool_args: {{n: '{{{{ n }}}}'}}{fields}}}]}}]"
    )
}

#[cfg(test)]
fn cached(document: &RunDocument) -> Vec<&str> {
    document.nodes.iter().filter(|node| node.cached).map(|node| node.node.as_str()).collect()
}

#[tokio::test]
async fn the_same_input_is_computed_once_and_a_hit_is_seen() {
    let ground = Ground::new(1 << 20);
    let document = ground.run(&of("heavy", "")).await;
    assert_eq!(document.output.get("l"), Some(&json(r#"[{"n": 1}, {"n": 1}, {"n": 2}, {"n": 1}]"#)));
    assert_eq!((ground.calls(), cached(&document)), (2, vec!["l[1].body.x", "l[3].body.x"]));
    // Another run has it as well, another tenant has not.
    let document = ground.run(&of("heavy", "")).await;
    assert_eq!((ground.calls(), cached(&document).len()), (2, 4));
    let document = ground.run_as(&of("heavy", ""), "other").await;
    assert_eq!((ground.calls(), cached(&document).len()), (4, 2));
}

#[tokio::test]
async fn what_is_not_pure_or_not_to_be_taken_from_it_is_done_each_time() {
    let ground = Ground::new(1 << 20);
    for (tool, fields) in [("again", ""), ("heavy", ", use_cache: false"), ("light", "")] {
        let before = ground.calls();
        let document = ground.run(&of(tool, fields)).await;
        assert_eq!((ground.calls() - before, cached(&document).len()), (4, 0), "{tool} {fields}");
    }
    let none = Ground::new(0);
    let document = none.run(&of("heavy", "")).await;
    assert_eq!((none.calls(), cached(&document).len()), (4, 0));
}

#[tokio::test]
async fn an_agent_takes_results_from_it_too() {
    let ground = Ground::new(1 << 20);
    ground.run(&of("heavy", "")).await;
    let before = ground.calls();
    let document = ground.run("nodes: [{id: a, type: agent, package: worker}]").await;
    let history = document.output.get("a").and_then(|agent| agent.get("tool_history")).cloned().unwrap();
    assert_eq!(ground.calls(), before, "{history}");
    assert_eq!(history.item(0).unwrap().get("output"), Some(&json(r#"{"n": 1}"#)));
}

#[tokio::test]
async fn it_takes_no_more_than_it_may() {
    let ground = Ground::new(64 << 10);
    let yaml = "nodes: [{id: l, type: loop, items_source: '{{ range(40) }}', item_var: n, body: \
                [{id: x, type: tool, tool_name: heavy, tool_args: {n: '{{ n }}', text: '{{ inputs.text }}'}}]}]";
    let plan = plan(yaml, ground.engine.registry());
    let inputs = Value::map([("text", Value::from("x".repeat(10_000)))]);
    for _ in 0..2 {
        let options = RunOptions::default();
        let tenant = Tenant::default();
        let run = ground.engine.start(&plan, inputs.clone(), options, &me(), &tenant).await.unwrap();
        run.wait().await.unwrap();
        replays(&ground.engine, run.id()).await;
    }
    // Of 40 results of 10,000 bytes there is room for a few.
    assert!(ground.calls() > 70, "{}", ground.calls());
}
