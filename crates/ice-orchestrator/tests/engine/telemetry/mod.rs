//! The spans of runs: who is within whom, what they say, and what they leave out.

mod again;
mod seen;

use std::sync::Arc;

use ice_core::blueprint::Format;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, RedactSecrets, Scripted, scripted};
use ice_core::metrics::MetricName;
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::telemetry::MessageContent;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunHandle};
use ice_orchestrator::journal::{RunOptions, RunStatus};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use self::seen::Seen;
use crate::agents::worker;
use crate::common::{json, me, plan, registry, replays};
use crate::people::{answer, asked};

#[cfg(test)]
async fn start(engine: &Engine, yaml: &str) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await.unwrap()
}

const TURNS: &str = r#"[{"text": "Hi.", "usage": {"input": 3, "output": 2, "cached": 1, "reasoning": 1}},
    {"text": "Hm.", "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}, {"name": "fail", "arguments": {}}],
     "usage": {"input": 10, "output": 4}},
    {"text": "It is 3.", "usage": {"input": 20, "output": 5}}]"#;

const YAML: &str = "metadata: {name: greetings}
nodes:
- {id: ask, type: llm, provider: scripted, model: m, prompt: 'My key is swordfish-7.', llm_config: {provider: scripted, model: m, max_tokens: 9, temperature: 0.25}}
- {id: work, type: agent, package: worker, dependencies: [ask]}
- {id: each, type: loop, items_source: '{{ [1, 2] }}', dependencies: [work], body: [
    {id: one, type: tool, tool_name: same, tool_args: {value: '{{ item }}'}}]}
- {id: bad, type: tool, tool_name: fail, dependencies: [each]}";

#[tokio::test]
async fn spans_stand_within_one_another_as_the_work_does() {
    let (seen, _guard) = Seen::begin();
    let (registry, _) = worker(|_| {}, TURNS);
    let engine = Engine::builder().registry(registry).build();
    let handle = start(&engine, YAML).await;
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Failed, "{end:?}");
    let id = handle.id().to_string();
    drop(handle);
    engine.close().await;
    assert_eq!(
        seen.tree(),
        "invoke_workflow greetings
  llm ask
    chat m
  agent work
    invoke_agent worker
      chat m
      execute_tool add
      execute_tool fail
      chat m
  loop each
    tool one
      execute_tool same
    tool one
      execute_tool same
  tool bad
    execute_tool fail
"
    );
    let all = seen.all();
    assert!(all.iter().all(|span| span.closed), "{all:#?}");
    let run = seen.named("invoke_workflow greetings");
    let fields = ["gen_ai.operation.name", "gen_ai.workflow.name", "ice.run.id", "ice.run.status"];
    assert_eq!(fields.map(|name| run.get(name)), ["invoke_workflow", "greetings", &id, "failed"]);
    assert_eq!((run.get("error.type"), run.get("otel.status_code")), ("TOOL_FAILED", "error"));
    let chat = &all[2];
    for (name, value) in [
        ("otel.kind", "client"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "scripted"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.request.max_tokens", "9"),
        ("gen_ai.request.temperature", "0.25"),
        ("gen_ai.response.finish_reasons", "[\"stop\"]"),
        ("gen_ai.usage.input_tokens", "3"),
        ("gen_ai.usage.output_tokens", "2"),
        ("gen_ai.usage.cache_read.input_tokens", "1"),
        ("gen_ai.usage.reasoning.output_tokens", "1"),
        ("gen_ai.usage.cache_creation.input_tokens", ""),
        ("gen_ai.output.type", "text"),
        ("ice.node.path", "ask"),
        ("error.type", ""),
    ] {
        assert_eq!(chat.get(name), value, "{name}: {chat:#?}");
    }
    assert!(chat.get("gen_ai.response.time_to_first_chunk").parse::<f64>().unwrap() >= 0.0);
    let agent = seen.named("invoke_agent worker");
    let fields = ["gen_ai.agent.name", "gen_ai.usage.input_tokens", "ice.agent.status", "ice.agent.rounds"];
    assert_eq!(fields.map(|name| agent.get(name)), ["worker", "30", "success", "2"]);
    let add = seen.named("execute_tool add");
    assert_eq!((add.get("gen_ai.tool.name"), add.get("gen_ai.tool.type")), ("add", "function"));
    assert!(!add.get("gen_ai.tool.call.id").is_empty() && add.get("otel.status_code").is_empty(), "{add:#?}");
    let failed = all.iter().filter(|span| span.get("error.type") == "TOOL_FAILED").count();
    assert_eq!(failed, 4, "the call of the agent, the node, its call, and the run: {all:#?}");
    // Nobody asked for what was said.
    let text = format!("{all:?}");
    for said in ["swordfish", "It is 3.", "Hi.", "content"] {
        assert!(!text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn what_is_said_is_there_when_asked_for_and_secrets_are_not() {
    let (seen, _guard) = Seen::begin();
    let (registry, _) = worker(|_| {}, &TURNS.replace("It is 3.", "swordfish-7, it is 3."));
    let policy = RedactSecrets::default().hiding(["swordfish-7".to_owned()]);
    let engine = Engine::builder().registry(registry).prompt_policy(Arc::new(policy));
    let engine = engine.message_content(MessageContent::Captured).build();
    start(&engine, YAML).await.wait().await.unwrap();
    let all = seen.all();
    let read = |of: &str| serde_json::from_str::<serde_json::Value>(of).unwrap_or_else(|_| panic!("{of}"));
    let chats: Vec<_> = all.iter().filter(|span| span.name() == "chat m").collect();
    let asked = read(chats[0].get("gen_ai.input.messages"));
    assert_eq!(asked[0]["parts"][0]["content"], "My key is [redacted: secret].");
    let told = read(chats[1].get("gen_ai.system_instructions"));
    assert!(told[0]["content"].as_str().unwrap().starts_with("You are somebody."), "{told}");
    let called = read(chats[1].get("gen_ai.output.messages"));
    assert_eq!(called[0]["finish_reason"], "tool_call");
    assert_eq!(called[0]["parts"][1]["name"], "add");
    let said = read(chats[2].get("gen_ai.output.messages"));
    assert_eq!(said[0]["parts"][0]["content"], "[redacted: secret], it is 3.");
    let add = seen.named("execute_tool add");
    assert_eq!(read(add.get("gen_ai.tool.call.arguments")), serde_json::json!({"a": 1, "b": 2}));
    assert_eq!(add.get("gen_ai.tool.call.result"), "3");
    assert!(!format!("{all:?}").contains("swordfish"), "{all:#?}");
}

/// An agent that asks a person in a loop, and answers.
#[cfg(test)]
fn asker() -> Registry {
    let mut registry = registry();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    let agent = r#"{"name": "asker", "tools": ["same"], "ask_person": true,
        "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
          {"tool_calls": [{"name": "same", "arguments": {"value": 1}}, {"name": "ask_person", "arguments": {"question": "Well?"}}]},
          {"tool_calls": [{"name": "same", "arguments": {"value": 2}}]},
          {"text": "Done."}]}}}"#;
    let agent = AgentDefinition::read(agent, Format::Json, "asker.json");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    registry
}

#[tokio::test]
async fn a_run_that_is_taken_up_again_has_no_spans_of_what_was_done_before() {
    let (seen, guard) = Seen::begin();
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let build = || Engine::builder().registry(asker()).store(store.clone(), blobs.clone()).build();
    let yaml = "nodes: [{id: each, type: loop, items_source: '{{ [1] }}', body: [{id: n, type: agent, package: asker}]}]";
    let first = build();
    let handle = start(&first, yaml).await;
    let id = handle.id();
    asked(&first, id, 1).await;
    first.drain().await;
    first.close().await;
    assert_eq!(
        seen.tree(),
        "invoke_workflow \n  loop each\n    agent n\n      invoke_agent asker\n        chat m\n        execute_tool same\n"
            .replace("workflow \n", &format!("workflow {}\n", workflow(&seen)))
    );
    assert_eq!(seen.named("invoke_agent asker").get("otel.status_code"), "", "to ask is no error");
    drop(guard);
    let (seen, guard) = Seen::begin();
    let second = build();
    answer(&second, id, "each[0].body.n", "\"yes\"").await.unwrap();
    second.drain().await;
    let status = second.show(&Tenant::default(), id).await.unwrap().status;
    assert_eq!(status, RunStatus::Succeeded);
    drop(guard);
    let tree = "invoke_workflow W
  loop each
    agent n
      invoke_agent asker
        chat m
        execute_tool same
        chat m
";
    assert_eq!(seen.tree(), tree.replace('W', &workflow(&seen)));
    assert_eq!(seen.all()[0].get("ice.run.resumed"), "true");
    // To go through a journal again is to do nothing.
    let (seen, _guard) = Seen::begin();
    replays(&second, id).await;
    assert_eq!(seen.tree(), "");
}

#[cfg(test)]
fn workflow(seen: &Seen) -> String {
    seen.all()[0].get("gen_ai.workflow.name").to_owned()
}

#[tokio::test]
async fn nodes_of_containers_and_tasks_of_their_own_are_within_them() {
    let (seen, _guard) = Seen::begin();
    let mut registry = registry();
    let script = serde_json::from_value(serde_json::json!({"turns": [
        {"text": "one", "when": {"contains": "first"}}, {"text": "two", "when": {"contains": "second"}}
    ]}));
    registry.providers.register(Arc::new(Scripted::new(script.unwrap())) as Arc<dyn LlmProvider>).unwrap();
    let engine = Engine::builder().registry(registry).build();
    let yaml = "metadata: {name: w}
nodes:
- {id: par, type: parallel, branches: [
    [{id: a, type: llm, provider: scripted, model: m, prompt: first}],
    [{id: b, type: condition, expression: 'true', true_path: [{id: c, type: llm, provider: scripted, model: m, prompt: second}]}]]}
- {id: flaky, type: tool, tool_name: flaky, dependencies: [par], retry_policy: {max_attempts: 3, backoff_seconds: 0.01}}";
    let end = start(&engine, yaml).await.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
    assert_eq!(
        seen.tree(),
        "invoke_workflow w
  parallel par
    condition b
      llm c
        chat m
    llm a
      chat m
  tool flaky
    execute_tool flaky
  tool flaky
    execute_tool flaky
  tool flaky
    execute_tool flaky
"
    );
    let attempts: Vec<String> =
        seen.all().iter().map(|span| span.get("ice.node.attempt").to_owned()).collect();
    assert!(attempts.ends_with(&["3".to_owned(), String::new()]), "{attempts:?}");
    let paths: Vec<String> = seen.all().iter().map(|span| span.get("ice.node.path").to_owned()).collect();
    assert!(paths.contains(&"par.branches[1].b.true.c".to_owned()), "{paths:?}");
}

#[tokio::test]
async fn a_result_that_was_kept_is_no_call() {
    let (seen, _guard) = Seen::begin();
    let mut registry = registry();
    let slow = crate::common::tool("slow", ice_core::tools::Effect::Pure, |_, _| async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Ok(json("1"))
    });
    registry.tools.register(slow).unwrap();
    let engine = Engine::builder().registry(registry).build();
    let yaml = "metadata: {name: w}
nodes: [{id: a, type: tool, tool_name: slow}, {id: b, type: tool, tool_name: slow, dependencies: [a]}]";
    start(&engine, yaml).await.wait().await.unwrap();
    assert_eq!(seen.tree(), "invoke_workflow w\n  tool a\n    execute_tool slow\n  tool b\n");
    assert_eq!(seen.named("tool b").get("ice.node.cached"), "true");
}

#[tokio::test]
async fn metrics_have_the_buckets_of_the_conventions() {
    let mut builder = PrometheusBuilder::new();
    for metric in MetricName::ALL.iter().filter(|metric| !metric.buckets().is_empty()) {
        let of = Matcher::Full(metric.name().to_owned());
        builder = builder.set_buckets_for_metric(of, metric.buckets()).unwrap();
    }
    let recorder = builder.build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (registry, _) = worker(|_| {}, TURNS);
    let engine = Engine::builder().registry(registry).build();
    start(&engine, YAML).await.wait().await.unwrap();
    let text = recorder.handle().render();
    let chat = r#"gen_ai_operation_name="chat",gen_ai_provider_name="scripted",gen_ai_request_model="m""#;
    for line in [
        // 3, 10 and 20 tokens.
        format!(r#"ice_gen_ai_client_token_usage_bucket{{{chat},gen_ai_token_type="input",le="4"}} 1"#),
        format!(r#"ice_gen_ai_client_token_usage_bucket{{{chat},gen_ai_token_type="input",le="16"}} 2"#),
        format!(r#"ice_gen_ai_client_token_usage_sum{{{chat},gen_ai_token_type="input"}} 33"#),
        format!(r#"ice_gen_ai_client_operation_duration_seconds_bucket{{{chat},error_type="",le="81.92"}} 3"#),
        format!(r#"ice_gen_ai_client_operation_time_to_first_chunk_seconds_count{{{chat}}} 3"#),
        r#"ice_gen_ai_invoke_agent_duration_seconds_count{gen_ai_agent_name="worker",error_type=""} 1"#.to_owned(),
        // Twice as a node, and never by the agent.
        r#"ice_gen_ai_execute_tool_duration_seconds_count{gen_ai_tool_name="same",error_type=""} 2"#.to_owned(),
        r#"ice_gen_ai_execute_tool_duration_seconds_count{gen_ai_tool_name="add",error_type=""} 1"#.to_owned(),
        r#"ice_gen_ai_workflow_duration_seconds_count{gen_ai_workflow_name="greetings",error_type="TOOL_FAILED"} 1"#
            .to_owned(),
        // Once as a node, once by the agent.
        r#"ice_gen_ai_execute_tool_duration_seconds_count{gen_ai_tool_name="fail",error_type="TOOL_FAILED"} 2"#
            .to_owned(),
    ] {
        assert!(text.contains(&line), "{line}\nis not in\n{text}");
    }
}
