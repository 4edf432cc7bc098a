//! Nodes that are told what was said before in their session.

use std::sync::Arc;

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{Request, Role};
use ice_core::memory::{Exchange, Session, SessionError, SessionMemory};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, EngineBuilder, RunEnd};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::agents::worker;
use crate::common::{json, me, plan, replays};

/// Runs a blueprint once for each of these inputs, in one engine.
#[cfg(test)]
async fn run(
    build: impl FnOnce(EngineBuilder) -> EngineBuilder,
    node: &str,
    turns: &str,
    inputs: &[&str],
) -> (Vec<Arc<RunEnd>>, Vec<Request>) {
    let (registry, model) = worker(|_| {}, turns);
    let plan = plan(&format!("nodes: [{node}]"), &registry);
    let engine = build(Engine::builder().registry(registry)).build();
    let mut ends = Vec::new();
    for inputs in inputs {
        let started =
            engine.start(&plan, json(inputs), RunOptions::default(), &me(), &Tenant::default()).await;
        let end = started.unwrap().wait().await.unwrap();
        replays(&engine, end.id).await;
        ends.push(end);
    }
    (ends, model.requests())
}

/// The texts of the user's messages.
#[cfg(test)]
fn told(request: &Request) -> Vec<String> {
    let users = request.messages.iter().filter(|message| message.role == Role::User);
    users.map(|message| message.joined_text()).collect()
}

const TURNS: &str = r#"[{"text": "one"}, {"text": "two"}, {"text": "three"}]"#;
const SESSIONS: [&str; 3] =
    [r#"{"session": "a", "q": 1}"#, r#"{"session": "b", "q": 2}"#, r#"{"session": "a", "q": 3}"#];

#[tokio::test]
async fn an_llm_node_is_told_what_was_said_before_in_its_session() {
    let node =
        "{id: n, type: llm, provider: scripted, model: m, prompt: 'q {{ inputs.q }}', memory_aware: true}";
    let (ends, requests) = run(|engine| engine, node, TURNS, &SESSIONS).await;
    assert!(ends.iter().all(|end| end.status == RunStatus::Succeeded), "{ends:?}");
    assert_eq!((told(&requests[0]), told(&requests[1])), (vec!["q 1".to_owned()], vec!["q 2".to_owned()]));
    let [before, asked] = told(&requests[2]).try_into().unwrap();
    assert_eq!(asked, "q 3");
    assert!(before.starts_with("What was said before in this session"), "{before}");
    assert!(before.ends_with(r#"[{"asked":"q 1","said":"one"}]"#), "{before}");
    let output = ends[2].output.get("n").unwrap();
    assert_eq!(output.get("response"), Some(&Value::from("three")));
    assert_eq!(output.get("prompt"), Some(&Value::from("q 3")));
    assert_eq!(
        ends[2].usage.total(),
        output.get("usage").and_then(|usage| usage.get("total_tokens")?.as_u64()).unwrap()
    );
}

#[tokio::test]
async fn an_agent_is_told_what_was_said_before_in_its_session() {
    let node =
        "{id: n, type: agent, package: worker, agent_config: {task: 'q {{ inputs.q }}'}, memory_aware: true}";
    let (_, requests) = run(|engine| engine, node, TURNS, &SESSIONS).await;
    assert_eq!(told(&requests[1]), ["q 2"]);
    assert!(told(&requests[2])[0].ends_with(r#"[{"asked":"q 1","said":"one"}]"#));
    let roles: Vec<Role> = requests[2].messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::User]);
}

#[tokio::test]
async fn the_last_five_are_recalled_and_each_is_cut_to_size() {
    let node =
        "{id: n, type: llm, provider: scripted, model: m, prompt: '{{ inputs.q }}', memory_aware: true}";
    let long = format!(r#"{{"q": "{}"}}"#, "x".repeat(10_000));
    let inputs = [
        r#"{"q": "1"}"#,
        r#"{"q": "2"}"#,
        &long,
        r#"{"q": "4"}"#,
        r#"{"q": "5"}"#,
        r#"{"q": "6"}"#,
        r#"{"q": "7"}"#,
    ];
    let (_, requests) = run(|engine| engine, node, r#"[{"times": "always", "text": "ok"}]"#, &inputs).await;
    let before = told(&requests[6]).remove(0);
    assert_eq!(before.matches("\"said\"").count(), 5);
    assert!(!before.contains("\"asked\":\"1\"") && before.contains("\"asked\":\"6\""), "{before}");
    assert!(before.len() < 5_000, "{}", before.len());
}

/// Cannot be reached.
#[derive(Debug)]
struct Lost;

#[async_trait]
impl SessionMemory for Lost {
    async fn recall(&self, _: &Session, _: usize) -> Result<Vec<Exchange>, SessionError> {
        Err(SessionError("nobody answers".to_owned()))
    }

    async fn append(&self, _: &Session, _: &Exchange, _: &str) -> Result<(), SessionError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_reached_fails_the_node_before_the_model_is_asked() {
    let node = "{id: n, type: agent, package: worker, memory_aware: true}";
    let (ends, requests) = run(|engine| engine.sessions(Arc::new(Lost)), node, TURNS, &["{}"]).await;
    let failure = &ends[0].failures[0].failure;
    assert_eq!((failure.code, failure.retryable, requests.len()), (ErrorCode::StoreUnavailable, true, 0));
}
