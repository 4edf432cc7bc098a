//! Agents that ask people in the middle of their work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ice_core::blueprint::Format;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunHandle};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::common::{json, me, plan, registry, replays, tool};
use crate::people::{answer, asked};

/// An agent that sends something, asks twice, and answers; and how often it sent.
#[cfg(test)]
fn ground() -> (Registry, Arc<AtomicUsize>) {
    let mut registry = registry();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let send = tool("send", Effect::Irreversible, move |_, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(Value::from(number as u64)) }
    });
    registry.tools.register(send).unwrap();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    let ask = |question: &str, more: &str| {
        format!(r#"{{"name": "ask_person", "arguments": {{"question": "{question}"{more}}}}}"#)
    };
    let turns = format!(
        r#"[{{"tool_calls": [{{"name": "send"}}, {}, {{"name": "same", "arguments": {{"value": 1}}}}], "usage": {{"input": 1}}}},
            {{"tool_calls": [{}], "usage": {{"input": 10}}}}, {{"text": "Done.", "usage": {{"input": 100}}}}]"#,
        ask("Which colour?", r#", "choices": ["red", "blue"]"#),
        ask("How many?", "")
    );
    let agent = format!(
        r#"{{"name": "worker", "tools": ["send", "same"], "ask_person": true,
             "llm_config": {{"provider": "scripted", "model": "m", "script": {{"turns": {turns}}}}}}}"#
    );
    let agent = AgentDefinition::read(&agent, Format::Json, "worker.json");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    (registry, sent)
}

#[cfg(test)]
async fn start(engine: &Engine, yaml: &str) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap()
}

const YAML: &str = "nodes: [{id: n, type: agent, package: worker}]";

/// What the agent gives in the end.
#[cfg(test)]
fn history() -> Value {
    json(
        r#"[{"round": 0, "tool": "send", "input": {}, "output": 0},
            {"round": 0, "tool": "ask_person", "input": {"question": "Which colour?", "choices": ["red", "blue"]},
             "output": {"answer": "blue", "answered_by": "user:ann"}},
            {"round": 0, "tool": "same", "input": {"value": 1}, "output": 1},
            {"round": 1, "tool": "ask_person", "input": {"question": "How many?"},
             "output": {"answer": 7, "answered_by": "user:ann"}}]"#,
    )
}

#[tokio::test]
async fn an_agent_asks_waits_and_goes_on_where_it_was() {
    let (registry, sent) = ground();
    let engine = Engine::builder().registry(registry).build();
    let handle = start(&engine, YAML).await;
    let document = asked(&engine, handle.id(), 1).await;
    assert_eq!(document.status, RunStatus::Waiting);
    let (node, question) = document.questions().next().unwrap();
    assert_eq!((node.as_str(), question.question.message.as_str()), ("n", "Which colour?"));
    let wrong = answer(&engine, handle.id(), "n", "\"green\"").await.unwrap_err();
    assert_eq!(wrong.code(), ErrorCode::AnswerInvalid);
    answer(&engine, handle.id(), "n", "\"blue\"").await.unwrap();
    engine.drain().await;
    let document = engine.show(&Tenant::default(), handle.id()).await.unwrap();
    let (_, question) = document.questions().next().unwrap();
    assert_eq!(question.question.message, "How many?");
    answer(&engine, handle.id(), "n", "7").await.unwrap();
    let end = handle.wait().await.unwrap();
    let output = end.output.get("n").unwrap_or_else(|| panic!("{end:?}"));
    assert_eq!(
        (output.get("tool_history"), output.get("response")),
        (Some(&history()), Some(&Value::from("Done.")))
    );
    assert_eq!((sent.load(Ordering::SeqCst), end.usage.input), (1, 111), "nothing is done twice");
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn an_answer_finds_a_run_that_another_process_began() {
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let build = |registry| Engine::builder().registry(registry).store(store.clone(), blobs.clone()).build();
    let (registry, sent) = ground();
    let first = build(registry);
    let handle = start(&first, YAML).await;
    asked(&first, handle.id(), 1).await;
    first.drain().await;
    first.close().await;
    let (registry, sent_again) = ground();
    let second = build(registry);
    answer(&second, handle.id(), "n", "\"blue\"").await.unwrap();
    second.drain().await;
    answer(&second, handle.id(), "n", "7").await.unwrap();
    second.drain().await;
    let document = second.show(&Tenant::default(), handle.id()).await.unwrap();
    assert_eq!(document.status, RunStatus::Succeeded, "{document:?}");
    assert_eq!((sent.load(Ordering::SeqCst), sent_again.load(Ordering::SeqCst)), (1, 0));
    let told = document.output.get("n").and_then(|output| output.get("tool_history")).cloned();
    assert_eq!(told, Some(history()));
    replays(&second, handle.id()).await;
}

#[tokio::test]
async fn an_agent_that_waits_is_cancelled_like_any_other() {
    let (registry, _) = ground();
    let engine = Engine::builder().registry(registry).build();
    let handle = start(&engine, YAML).await;
    asked(&engine, handle.id(), 1).await;
    handle.cancel(&me(), None).await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Cancelled);
    let late = answer(&engine, handle.id(), "n", "\"blue\"").await.unwrap_err();
    assert!(matches!(late.code(), ErrorCode::QuestionClosed | ErrorCode::RunState), "{late}");
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn members_of_a_swarm_ask_one_after_the_other() {
    let (mut registry, _) = ground();
    let member = r#"{"name": "member", "ask_person": true, "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
        {"tool_calls": [{"name": "ask_person", "arguments": {"question": "Well?"}}]},
        {"json": {"proposal": "p", "confidence": 0.9}}]}}}"#;
    let member = AgentDefinition::read(member, Format::Json, "member.json");
    registry.agents.register(Arc::new(member.value.unwrap())).unwrap();
    let engine = Engine::builder().registry(registry).build();
    let yaml = "nodes: [{id: s, type: swarm, max_rounds: 1, agents: [{package: member, role: x}, {package: member, role: y}]}]";
    let handle = start(&engine, yaml).await;
    for _ in 0..2 {
        engine.drain().await;
        answer(&engine, handle.id(), "s", "\"yes\"").await.unwrap();
    }
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
    replays(&engine, handle.id()).await;
}
