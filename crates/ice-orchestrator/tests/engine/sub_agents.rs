//! Agents that let others work.

use std::sync::Arc;

use ice_core::blueprint::Format;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use tokio::sync::Barrier;

use crate::common::{json, me, plan, registry, replays, tool};

/// An agent with a script of its own, and further fields.
#[cfg(test)]
fn agent(name: &str, fields: &str, turns: &str) -> String {
    let config = format!(r#"{{"provider": "scripted", "model": "m", "script": {{"turns": {turns}}}}}"#);
    format!(r#"{{"name": "{name}", "llm_config": {config}, {fields}}}"#)
}

#[cfg(test)]
fn with(registry: &mut Registry, agents: &[String]) {
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    for agent in agents {
        let agent = AgentDefinition::read(agent, Format::Json, "agent.json");
        registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    }
}

#[cfg(test)]
async fn run(registry: Registry, fields: &str) -> (Arc<RunEnd>, RunDocument, Vec<String>) {
    let yaml = format!("nodes: [{{id: n, type: agent, package: lead, {fields}}}]");
    let plan = plan(&yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let handle = engine.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
    let end = handle.wait().await.unwrap();
    replays(&engine, end.id).await;
    let mut events = engine.events(&tenant, handle.id(), None, false).await.unwrap();
    let mut steps = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        let text = serde_json::to_value(&event).unwrap().to_string();
        steps.push(text);
    }
    let document = engine.show(&tenant, handle.id()).await.unwrap();
    (end, document, steps)
}

#[cfg(test)]
fn history(end: &RunEnd) -> Vec<Value> {
    let output = end.output.get("n").unwrap_or_else(|| panic!("{end:?}"));
    output.get("tool_history").and_then(Value::as_list).unwrap_or_default().to_vec()
}

#[cfg(test)]
fn ask(name: &str, task: &str) -> String {
    format!(r#"{{"name": "{name}", "arguments": {{"task": "{task}"}}}}"#)
}

#[tokio::test]
async fn an_agent_lets_another_work_and_gets_its_answer() {
    let mut registry = registry();
    let finder = agent(
        "finder",
        r#""description": "Finds things.", "system_prompt": "You find things{{ config.x }}.", "tools": ["add"]"#,
        r#"[{"when": {"contains": "Add 1 and 2"}, "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}], "usage": {"input": 10}},
            {"text": "It is 3.", "usage": {"input": 100, "output": 5}}]"#,
    );
    let lead = agent(
        "lead",
        r#""agents": ["finder"]"#,
        &format!(
            r#"[{{"tool_calls": [{}, {{"name": "finder", "arguments": {{"job": 1}}}}], "usage": {{"input": 1}}}},
                {{"when": {{"anywhere": "It is 3."}}, "text": "Three.", "usage": {{"input": 1000}}}}]"#,
            ask("finder", "Add 1 and 2")
        ),
    );
    let finder = finder.replace("{{ config.x }}", "");
    with(&mut registry, &[finder, lead]);
    let (end, document, events) = run(registry, "").await;
    assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
    let output = end.output.get("n").unwrap();
    assert_eq!(output.get("response"), Some(&Value::from("Three.")));
    assert_eq!(
        history(&end),
        [
            json(r#"{"round": 0, "tool": "finder", "input": {"task": "Add 1 and 2"}, "output": "It is 3."}"#),
            json(
                r#"{"round": 0, "tool": "finder", "input": {"job": 1},
                    "error": "the arguments do not fit the agent: it takes a `task`, a text, and nothing else"}"#
            )
        ]
    );
    let used = output.get("usage").and_then(|usage| usage.get("prompt_tokens")).cloned();
    assert_eq!((used, end.usage.input, document.usage), (Some(Value::from(1111)), 1111, end.usage));
    for step in
        ["n.round[0]", "n.round[0].call[0].round[0]", "n.round[0].call[0].round[0].call[0]", "n.round[1]"]
    {
        assert!(events.iter().any(|event| event.contains(&format!("\"{step}\""))), "{step}");
    }
}

#[tokio::test]
async fn what_an_agent_spends_counts_for_those_that_let_it_work() {
    let mut registry = registry();
    let call = |n: u32| format!(r#"{{"name": "add", "arguments": {{"a": {n}}}}}"#);
    let busy = agent(
        "busy",
        r#""tools": ["add"]"#,
        &format!(r#"[{{"tool_calls": [{}, {}, {}]}}, {{"text": "Busy."}}]"#, call(1), call(2), call(3)),
    );
    let lead = agent(
        "lead",
        r#""agents": ["busy"], "limits": {"tool_calls": 3}"#,
        &format!(
            r#"[{{"tool_calls": [{}, {}]}}, {{"times": "always", "tool_calls": [{}]}}]"#,
            ask("busy", "one"),
            ask("busy", "two"),
            ask("busy", "three")
        ),
    );
    with(&mut registry, &[busy, lead]);
    let (end, document, _) = run(registry, "").await;
    // One call for letting it work, and two of its three: for the second one nothing is left.
    let gave: Vec<Option<Value>> = history(&end).iter().map(|entry| entry.get("output").cloned()).collect();
    assert_eq!(gave, [Some(Value::from("Busy.")), None]);
    let status = end.output.get("n").and_then(|output| output.get("status")).cloned();
    assert_eq!((status, document.spent.tool_calls), (Some(Value::from("max_tool_calls_reached")), 2));
}

#[tokio::test]
async fn an_agent_that_fails_is_told_to_the_one_that_let_it_work() {
    let mut registry = registry();
    let broken = agent(
        "broken",
        r#""tools": []"#,
        r#"[{"error": {"kind": "refused", "message": "no"}, "usage": {"input": 7}}]"#,
    );
    let lead = agent(
        "lead",
        r#""agents": ["broken"]"#,
        &format!(
            r#"[{{"tool_calls": [{}], "usage": {{"input": 1}}}}, {{"text": "Then not.", "usage": {{"input": 1}}}}]"#,
            ask("broken", "x")
        ),
    );
    with(&mut registry, &[broken, lead]);
    let (end, ..) = run(registry, "").await;
    assert_eq!((end.status, end.usage.input), (RunStatus::Succeeded, 9));
    let told = history(&end)[0].get("error").cloned().unwrap_or_default();
    assert!(told.as_str().unwrap().starts_with("MODEL_REFUSED"), "{told}");
}

#[tokio::test]
async fn agents_work_together_where_what_they_do_can_be_repeated() {
    let mut registry = registry();
    let barrier = Arc::new(Barrier::new(2));
    let meet = tool("meet", Effect::Idempotent, move |_, _| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(Value::from("met"))
        }
    });
    registry.tools.register(meet).unwrap();
    let half =
        agent("half", r#""tools": ["meet"]"#, r#"[{"tool_calls": [{"name": "meet"}]}, {"text": "We met."}]"#);
    let lead = agent(
        "lead",
        r#""agents": ["half"]"#,
        &format!(
            r#"[{{"tool_calls": [{}, {}]}}, {{"text": "Both."}}]"#,
            ask("half", "one"),
            ask("half", "two")
        ),
    );
    with(&mut registry, &[half, lead]);
    let (end, ..) = run(registry, "").await;
    let met = Some(Value::from("We met."));
    assert_eq!(
        history(&end).iter().map(|entry| entry.get("output").cloned()).collect::<Vec<_>>(),
        [met.clone(), met]
    );
}
