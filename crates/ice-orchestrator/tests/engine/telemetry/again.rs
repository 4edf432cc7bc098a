//! What is gone through again after an answer of a person: agents that ended are not seen twice.

use std::sync::Arc;

use ice_core::blueprint::Format;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::RunStatus;

use super::seen::Seen;
use super::start;
use crate::common::registry;
use crate::people::{answer, asked};

/// One that finds things, and one that lets it, and asks a person.
#[cfg(test)]
fn agents() -> Registry {
    let mut registry = registry();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    let agent = |name: &str, fields: &str, turns: &str| {
        let config = format!(r#"{{"provider": "scripted", "model": "m", "script": {{"turns": {turns}}}}}"#);
        let text = format!(r#"{{"name": "{name}", {fields}, "llm_config": {config}}}"#);
        Arc::new(AgentDefinition::read(&text, Format::Json, "agent.json").value.unwrap())
    };
    let finder = agent(
        "finder",
        r#""description": "Finds things.", "tools": ["add"]"#,
        r#"[{"when": {"contains": "Add"}, "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}], "usage": {"input": 10}},
            {"text": "It is 3.", "usage": {"input": 100}}]"#,
    );
    let lead = agent(
        "lead",
        r#""agents": ["finder"], "tools": ["same"], "ask_person": true"#,
        r#"[{"tool_calls": [{"name": "finder", "arguments": {"task": "Add."}},
                            {"name": "ask_person", "arguments": {"question": "Well?"}}], "usage": {"input": 1}},
            {"tool_calls": [{"name": "same", "arguments": {"value": 1}}], "usage": {"input": 1000}},
            {"text": "Done.", "usage": {"input": 10000}}]"#,
    );
    for agent in [finder, lead] {
        registry.agents.register(agent).unwrap();
    }
    registry
}

#[tokio::test]
async fn agents_that_ended_before_an_answer_are_not_seen_after_it() {
    let (seen, guard) = Seen::begin();
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let build = || Engine::builder().registry(agents()).store(store.clone(), blobs.clone()).build();
    let first = build();
    let handle = start(&first, "metadata: {name: w}\nnodes: [{id: n, type: agent, package: lead}]").await;
    let id = handle.id();
    asked(&first, id, 1).await;
    first.drain().await;
    first.close().await;
    assert_eq!(
        seen.tree(),
        "invoke_workflow w
  agent n
    invoke_agent lead
      chat m
      invoke_agent finder
        chat m
        execute_tool add
        chat m
"
    );
    let counted = |seen: &Seen, of: &str| {
        let span = seen.named(of);
        assert!(span.closed, "{span:#?}");
        let fields = ["gen_ai.usage.input_tokens", "ice.agent.tool_calls", "ice.agent.rounds"];
        fields.map(|name| span.get(name).to_owned())
    };
    assert_eq!(counted(&seen, "invoke_agent finder"), ["110", "1", "2"]);
    // It lets one work, which calls one, and asks a person.
    assert_eq!(counted(&seen, "invoke_agent lead"), ["111", "3", ""]);
    // An answer of calls alone comes in one piece, and so has no first one.
    let first_chunks: Vec<bool> = seen
        .all()
        .iter()
        .filter(|span| span.name() == "chat m")
        .map(|span| !span.get("gen_ai.response.time_to_first_chunk").is_empty())
        .collect();
    assert_eq!(first_chunks, [false, false, true]);
    drop(guard);
    let (seen, _guard) = Seen::begin();
    let second = build();
    answer(&second, id, "n", "\"yes\"").await.unwrap();
    second.drain().await;
    assert_eq!(second.show(&Tenant::default(), id).await.unwrap().status, RunStatus::Succeeded);
    assert_eq!(
        seen.tree(),
        "invoke_workflow w
  agent n
    invoke_agent lead
      chat m
      execute_tool same
      chat m
"
    );
    assert_eq!(counted(&seen, "invoke_agent lead"), ["11000", "1", "2"]);
}

#[tokio::test]
async fn each_turn_of_a_conversation_is_seen_once() {
    let (seen, _guard) = Seen::begin();
    let mut registry = agents();
    let talker = r#"{"name": "talker", "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
        {"text": "Hi.", "usage": {"input": 1}}, {"text": "Bye.", "usage": {"input": 10}}]}}}"#;
    let talker = AgentDefinition::read(talker, Format::Json, "talker.json").value.unwrap();
    registry.agents.register(Arc::new(talker)).unwrap();
    let engine = Engine::builder().registry(registry).build();
    let yaml = "metadata: {name: w}\nnodes: [{id: n, type: agent, package: talker, multi_turn: true}]";
    let handle = start(&engine, yaml).await;
    for words in ["\"And?\"", "null"] {
        asked(&engine, handle.id(), 1).await;
        engine.drain().await;
        answer(&engine, handle.id(), "n", words).await.unwrap();
        engine.drain().await;
    }
    let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
    assert_eq!(document.status, RunStatus::Succeeded);
    let turns: Vec<String> = seen
        .all()
        .iter()
        .filter(|span| span.name() == "invoke_agent talker")
        .map(|span| span.get("gen_ai.usage.input_tokens").to_owned())
        .collect();
    assert_eq!(turns, ["1", "10"]);
}
