//! Whoever looks at prompts and calls before they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{Message, PromptPolicy, Request, Role, Ruling};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::agents::worker;
use crate::common::{json, me, plan, replays, tool};

/// A key that is none, put together so that no scanner takes it for one.
#[cfg(test)]
fn key() -> String {
    ["ghp", "_", "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6"].concat()
}

/// Stops and changes what says so.
#[derive(Debug)]
struct Strict;

impl PromptPolicy for Strict {
    fn inspect_request(&self, request: &Request, _seen: usize) -> Ruling<Request> {
        let said = request.messages.last().map(|message| message.joined_text()).unwrap_or_default();
        if said.contains("forbidden") {
            return Ruling::Stop { reason: "it is forbidden".to_owned() };
        }
        if !said.contains("plain") {
            return Ruling::Allow;
        }
        let mut request = request.clone();
        request.messages.pop();
        request.messages.push(Arc::new(Message::text(Role::User, "polished")));
        Ruling::Replace(request)
    }

    fn inspect_call(&self, tool: &str, input: &Value) -> Ruling<Value> {
        match (tool, input.get("a").and_then(Value::as_i64)) {
            ("add", Some(13)) => Ruling::Stop { reason: "thirteen is not added".to_owned() },
            ("add", Some(12)) => Ruling::Replace(json(r#"{"a": 1, "b": 1}"#)),
            ("post", Some(1)) => Ruling::Replace(json(r#"{"a": 2}"#)),
            ("post", Some(2)) => Ruling::Replace(json(r#"{"a": 3}"#)),
            _ => Ruling::Allow,
        }
    }
}

/// Changes something unless `a` is 1.
#[derive(Debug)]
struct Post {
    spec: ToolSpec,
    work: Arc<dyn Tool>,
}

#[async_trait::async_trait]
impl Tool for Post {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn effect(&self, input: &Value) -> Effect {
        if input.get("a") == Some(&Value::from(1)) { Effect::Pure } else { Effect::Irreversible }
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        self.work.call(ctx, input).await
    }
}

#[tokio::test]
async fn calls_that_a_policy_changes_keep_their_order_and_are_held_to_the_schema() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, highest) = (Arc::clone(&under_way), Arc::clone(&most));
    let slow = tool("slow", Effect::Irreversible, move |_, _| {
        let (now, highest) = (Arc::clone(&now), Arc::clone(&highest));
        async move {
            highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(Value::Null)
        }
    });
    let mut spec = slow.spec().clone();
    spec.name = "post".to_owned();
    spec.input_schema = json(r#"{"type": "object", "properties": {"a": {"maximum": 2}}}"#);
    for (strict, calls, expected) in [
        // They run together as they are, and one after the other as what a policy makes of them.
        (false, r#"{"a": 1}"#, (2, 0)),
        (true, r#"{"a": 1}"#, (1, 0)),
        (true, r#"{"a": 2}"#, (1, 2)),
    ] {
        most.store(0, Ordering::SeqCst);
        let call = format!(r#"{{"name": "post", "arguments": {calls}}}"#);
        let turns = format!(r#"[{{"tool_calls": [{call}, {call}]}}, {{"text": "Done."}}]"#);
        let (mut registry, _) = worker(|_| {}, &turns);
        let post = Post { spec: spec.clone(), work: Arc::clone(&slow) };
        registry.tools.register(Arc::new(post) as Arc<dyn Tool>).unwrap();
        let yaml = "nodes: [{id: n, type: agent, package: worker, tools: [{name: post, parameters: {}}]}]";
        let plan = plan(yaml, &registry);
        let mut builder = Engine::builder().registry(registry);
        if strict {
            builder = builder.prompt_policy(Arc::new(Strict));
        }
        let engine = builder.build();
        let started = engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await;
        let end = started.unwrap().wait().await.unwrap();
        replays(&engine, end.id).await;
        let history = end.output.get("n").and_then(|output| output.get("tool_history")).cloned().unwrap();
        let misfits = history.as_list().unwrap().iter().filter(|entry| entry.get("error").is_some()).count();
        assert_eq!((most.load(Ordering::SeqCst).max(1), misfits), expected, "{strict} {calls}: {history}");
    }
}

#[tokio::test]
async fn another_input_has_the_effect_that_the_tool_says_of_it() {
    let turns = r#"[{"tool_calls": [{"name": "post", "arguments": {"a": 1}}]}, {"text": "Done."}]"#;
    let work = tool("post", Effect::Irreversible, |_, _| async { Ok(Value::Null) });
    for (policy, effect) in [(None, "pure"), (Some(Arc::new(Strict)), "irreversible")] {
        let (mut registry, _) = worker(|_| {}, turns);
        let post = Post { spec: work.spec().clone(), work: Arc::clone(&work) };
        registry.tools.register(Arc::new(post) as Arc<dyn Tool>).unwrap();
        let plan = plan(
            "nodes: [{id: t, type: tool, tool_name: post, tool_args: {a: 1}},
                     {id: n, type: agent, package: worker, tools: [{name: post, parameters: {}}]}]",
            &registry,
        );
        let mut builder = Engine::builder().registry(registry);
        if let Some(policy) = policy {
            builder = builder.prompt_policy(policy);
        }
        let engine = builder.build();
        let started = engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await;
        let end = started.unwrap().wait().await.unwrap();
        assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
        replays(&engine, end.id).await;
        let mut events = engine.events(&Tenant::default(), end.id, None, false).await.unwrap();
        let mut found = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            let tool = event.data.get("intent").and_then(|intent| intent.get("tool"));
            if tool == Some(&Value::from("post")) {
                found.push(event.data.get("effect").cloned().unwrap_or_default());
            }
        }
        assert_eq!(found, [Value::from(effect), Value::from(effect)]);
    }
}

/// Runs nodes with the agent `worker` and says what the model was asked, as text.
#[cfg(test)]
async fn run(policy: Option<Arc<dyn PromptPolicy>>, nodes: &str, turns: &str) -> (Arc<RunEnd>, Vec<String>) {
    let (registry, model) = worker(|_| {}, turns);
    let plan = plan(&format!("nodes: {nodes}"), &registry);
    let mut builder = Engine::builder().registry(registry);
    if let Some(policy) = policy {
        builder = builder.prompt_policy(policy);
    }
    let engine = builder.build();
    let inputs = Value::map([("key", Value::from(key()))]);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    replays(&engine, end.id).await;
    let asked = model.requests().iter().map(|request| serde_json::to_string(request).unwrap()).collect();
    (end, asked)
}

#[tokio::test]
async fn a_secret_in_a_prompt_does_not_reach_the_model() {
    let nodes = "[{id: n, type: llm, provider: scripted, model: m, prompt: 'Use {{ inputs.key }} now.'}]";
    let (end, asked) = run(None, nodes, r#"[{"text": "Well."}]"#).await;
    assert_eq!(end.status, RunStatus::Succeeded);
    assert!(
        asked[0].contains("Use [redacted: github_token] now.") && !asked[0].contains(&key()),
        "{asked:?}"
    );
    let prompt = end.output.get("n").and_then(|output| output.get("prompt")).cloned();
    assert_eq!(prompt, Some(Value::from("Use [redacted: github_token] now.")), "what was sent is recorded");
}

#[tokio::test]
async fn a_secret_that_a_tool_gives_stays_in_the_journal_and_does_not_reach_the_model() {
    let turns = format!(
        r#"[{{"tool_calls": [{{"name": "same", "arguments": {{"value": ["{}", 1]}}}}]}},
            {{"tool_calls": [{{"name": "same", "arguments": {{"value": 2}}}}]}}, {{"text": "Done."}}]"#,
        key()
    );
    let (end, asked) = run(None, "[{id: n, type: agent, package: worker}]", &turns).await;
    let output = end.output.get("n").unwrap_or_else(|| panic!("{end:?}"));
    let whole = output.get("tool_history").and_then(|history| history.item(0)?.get("output")).cloned();
    assert_eq!(whole, Some(Value::list([Value::from(key()), Value::from(1)])));
    for round in &asked[1..] {
        assert!(round.contains(r#""content":["[redacted: github_token]",1]"#), "{round}");
    }
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn what_a_policy_stops_fails_and_is_not_sent() {
    let strict = || Some(Arc::new(Strict) as Arc<dyn PromptPolicy>);
    let turns = r#"[{"tool_calls": [{"name": "add", "arguments": {"a": 13}}]}, {"text": "Done."}]"#;
    for (nodes, asked, what) in [
        (
            "[{id: n, type: tool, tool_name: add, tool_args: {a: 13}, retries: 2}]",
            0,
            "the call of `add`: thirteen is not added",
        ),
        (
            "[{id: n, type: llm, provider: scripted, model: m, prompt: forbidden}]",
            0,
            "a request to `scripted`: it is forbidden",
        ),
        ("[{id: n, type: agent, package: worker}]", 1, "the call of `add`: thirteen is not added"),
        (
            "[{id: n, type: agent, package: worker, agent_config: {task: forbidden}}]",
            0,
            "a request to `scripted`: it is forbidden",
        ),
    ] {
        let (end, sent) = run(strict(), nodes, turns).await;
        let failure = &end.failures[0].failure;
        assert_eq!((failure.code, sent.len()), (ErrorCode::PolicyStopped, asked), "{nodes}");
        assert_eq!(failure.message, format!("the policy stopped {what}"));
    }
}

#[tokio::test]
async fn nodes_beside_one_that_is_stopped_go_on() {
    let nodes = "[{id: n, type: tool, tool_name: add, tool_args: {a: 13}}, {id: m, type: tool, tool_name: add, tool_args: {a: 1}},
        {id: o, type: tool, tool_name: add, tool_args: {a: '{{ m }}'}}]";
    let (end, _) = run(Some(Arc::new(Strict)), nodes, "[]").await;
    assert_eq!((end.status, end.failures.len()), (RunStatus::Failed, 1));
    assert_eq!(end.output, json(r#"{"m": 1, "o": 1}"#));
}

#[tokio::test]
async fn what_a_policy_puts_in_the_place_of_something_is_what_happens() {
    let strict = || Some(Arc::new(Strict) as Arc<dyn PromptPolicy>);
    let nodes = "[{id: t, type: tool, tool_name: add, tool_args: {a: 12}},
        {id: l, type: llm, provider: scripted, model: m, prompt: plain}]";
    let (end, asked) = run(strict(), nodes, r#"[{"text": "Well."}]"#).await;
    assert_eq!(end.output.get("t"), Some(&Value::from(2)));
    assert!(asked[0].contains("polished") && !asked[0].contains("plain"), "{asked:?}");

    let turns = r#"[{"tool_calls": [{"name": "add", "arguments": {"a": 12}}]}, {"text": "Done."}]"#;
    let (end, asked) =
        run(strict(), "[{id: n, type: agent, package: worker, agent_config: {task: plain}}]", turns).await;
    let output = end.output.get("n").and_then(|output| output.get("tool_history")?.item(0)).cloned().unwrap();
    assert_eq!(output.get("output"), Some(&Value::from(2)));
    assert!(asked.iter().all(|round| round.contains("polished") && !round.contains("plain")), "{asked:?}");
}
