//! Agents with which a person speaks turn after turn.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::llm::{Role, Scripted};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunHandle};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};

use crate::agents::worker;
use crate::common::{json, me, plan, replays};
use crate::people::{answer, asked};

#[cfg(test)]
async fn start(engine: &Engine, fields: &str) -> RunHandle {
    let yaml = format!(
        "nodes: [{{id: n, type: agent, package: worker, multi_turn: true, agent_config: {{task: Hello}}, {fields}}}]"
    );
    let plan = plan(&yaml, engine.registry());
    engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap()
}

/// An engine whose agent follows these turns.
#[cfg(test)]
fn engine(turns: &str) -> (Engine, Arc<Scripted>) {
    let (registry, model) = worker(|_| {}, turns);
    (Engine::builder().registry(registry).build(), model)
}

/// What the person is asked now.
#[cfg(test)]
async fn told(engine: &Engine, run: RunId) -> String {
    let document = asked(engine, run, 1).await;
    document.questions().next().unwrap().1.question.message.clone()
}

/// Says something, and gives how the run stands once it waits or has ended.
#[cfg(test)]
async fn say(engine: &Engine, run: RunId, words: &str) -> RunDocument {
    answer(engine, run, "n", words).await.unwrap();
    engine.drain().await;
    engine.show(&Tenant::default(), run).await.unwrap()
}

#[cfg(test)]
fn question(document: &RunDocument) -> &str {
    assert_eq!(document.status, RunStatus::Waiting, "{document:?}");
    &document.questions().next().unwrap().1.question.message
}

/// The texts of a request: who said what.
#[cfg(test)]
fn texts(model: &Scripted, request: usize) -> Vec<(Role, String)> {
    let requests = model.requests();
    requests[request].messages.iter().map(|message| (message.role, message.joined_text())).collect()
}

#[tokio::test]
async fn a_person_speaks_after_each_answer_until_they_end_it() {
    let (engine, model) = engine(
        r#"[{"text": "Hi.", "usage": {"input": 1}},
            {"tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}], "usage": {"input": 10}},
            {"text": "It is 3.", "usage": {"input": 100}}, {"text": "Bye.", "usage": {"input": 1000}}]"#,
    );
    let handle = start(&engine, "").await;
    assert_eq!(told(&engine, handle.id()).await, "Hi.");
    assert_eq!(question(&say(&engine, handle.id(), r#""One and two?""#).await), "It is 3.");
    // What is no text is said as it is written.
    assert_eq!(question(&say(&engine, handle.id(), "[42]").await), "Bye.");
    let document = say(&engine, handle.id(), "null").await;
    assert_eq!((document.status, document.usage.input), (RunStatus::Succeeded, 1111), "each round once");
    let output = document.output.get("n").unwrap();
    let part = |name| output.get(name).cloned().unwrap_or_default();
    assert_eq!((part("response"), part("status")), (Value::from("Bye."), Value::from("success")));
    assert_eq!((part("iterations"), part("tool_history").as_list().unwrap().len()), (Value::from(4), 1));
    let said = texts(&model, 3);
    let said: Vec<&str> = said.iter().skip(1).map(|(_, text)| text.as_str()).collect();
    assert_eq!(said, ["Hello", "Hi.", "One and two?", "", "", "It is 3.", "[42]"]);
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn limits_of_rounds_and_repeats_are_of_each_turn() {
    let call = |n: u32| format!(r#"{{"tool_calls": [{{"name": "add", "arguments": {{"a": {n}}}}}]}}"#);
    let turns = format!("[{}, {}, {}, {}, {{\"text\": \"Done.\"}}]", call(1), call(1), call(1), call(1));
    let (engine, model) = engine(&turns);
    let handle = start(&engine, "max_iterations: 3, limits: {repeats: 2}").await;
    let first = told(&engine, handle.id()).await;
    assert_eq!(first, "[the turn ended with `max_iterations_reached`]");
    assert_eq!(question(&say(&engine, handle.id(), r#""Go on.""#).await), "Done.");
    // The calls that were not made have their results before the person speaks: vendors refuse others.
    let roles: Vec<Role> = texts(&model, 3).iter().rev().take(3).map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::User, Role::Tool, Role::Assistant]);
    let end = say(&engine, handle.id(), "null").await;
    let history = end.output.get("n").and_then(|output| output.get("tool_history")).cloned().unwrap();
    let made = |entry: &&Value| entry.get("output").is_some();
    assert_eq!(
        (history.as_list().unwrap().len(), history.as_list().unwrap().iter().filter(made).count()),
        (4, 3)
    );
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn limits_of_calls_are_of_the_whole_conversation() {
    let turns = r#"[{"tool_calls": [{"name": "add"}]}, {"text": "One."}, {"text": "More.", "tool_calls": [{"name": "add"}]}]"#;
    let (engine, _) = engine(turns);
    let handle = start(&engine, "limits: {tool_calls: 1}").await;
    assert_eq!(told(&engine, handle.id()).await, "One.");
    let end = say(&engine, handle.id(), r#""Again.""#).await;
    assert_eq!(end.status, RunStatus::Succeeded);
    let status = end.output.get("n").and_then(|output| output.get("status")).cloned();
    assert_eq!(status, Some(Value::from("max_tool_calls_reached")));
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn a_turn_that_fails_is_told_and_the_next_words_are_another_turn() {
    let turns = r#"[{"error": {"kind": "refused", "message": "not that"}}, {"text": "Better."},
                    {"error": {"kind": "refused", "message": "nor that"}}]"#;
    let (engine, model) = engine(turns);
    let handle = start(&engine, "").await;
    let first = told(&engine, handle.id()).await;
    assert!(first.starts_with("the turn failed with MODEL_REFUSED") && first.contains("not that"), "{first}");
    assert_eq!(question(&say(&engine, handle.id(), r#""Sorry.""#).await), "Better.");
    // What made a turn fail would make the next one fail as well.
    let said: Vec<String> = texts(&model, 1).into_iter().skip(1).map(|(_, text)| text).collect();
    assert_eq!(said, ["Sorry."]);
    let told = say(&engine, handle.id(), r#""And?""#).await;
    assert!(question(&told).contains("nor that"));
    // Who ends it there has an agent that failed.
    let end = say(&engine, handle.id(), r#""""#).await;
    assert_eq!(end.status, RunStatus::Failed);
    assert_eq!(end.failure.as_ref().map(|failure| failure.code), Some(ErrorCode::ModelRefused), "{end:?}");
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn what_was_done_in_a_turn_that_fails_stays() {
    let turns = r#"[{"text": "Hi."}, {"tool_calls": [{"name": "add", "arguments": {"a": 1}}]},
                    {"error": {"kind": "refused", "message": "no"}}, {"text": "It was 1."}]"#;
    let (engine, model) = engine(turns);
    let handle = start(&engine, "").await;
    told(&engine, handle.id()).await;
    assert!(question(&say(&engine, handle.id(), r#""Add.""#).await).contains("MODEL_REFUSED"));
    assert_eq!(question(&say(&engine, handle.id(), r#""Well?""#).await), "It was 1.");
    let roles: Vec<Role> = texts(&model, 3).into_iter().map(|(role, _)| role).skip(1).collect();
    use Role::{Assistant, Tool, User};
    assert_eq!(roles, [User, Assistant, User, Assistant, Tool, User]);
    assert_eq!(say(&engine, handle.id(), "null").await.status, RunStatus::Succeeded);
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn turns_that_fail_again_and_again_end_the_conversation() {
    let (engine, model) = engine(r#"[{"times": "always", "error": {"kind": "refused", "message": "no"}}]"#);
    let handle = start(&engine, "").await;
    told(&engine, handle.id()).await;
    assert_eq!(say(&engine, handle.id(), r#""And now?""#).await.status, RunStatus::Waiting);
    assert_eq!(say(&engine, handle.id(), r#""And now?""#).await.status, RunStatus::Failed);
    assert_eq!(model.requests().len(), 3);
    replays(&engine, handle.id()).await;
}

#[tokio::test]
async fn a_conversation_goes_on_in_another_process_and_can_be_cancelled() {
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let build = |turns: &str| {
        let (registry, model) = worker(|_| {}, turns);
        (Engine::builder().registry(registry).store(store.clone(), blobs.clone()).build(), model)
    };
    let (first, _) = build(r#"[{"text": "Hi."}]"#);
    let handle = start(&first, "memory_aware: true").await;
    assert_eq!(told(&first, handle.id()).await, "Hi.");
    first.drain().await;
    first.close().await;
    let (second, model) = build(r#"[{"text": "Still here."}]"#);
    assert_eq!(question(&say(&second, handle.id(), r#""Are you?""#).await), "Still here.");
    assert_eq!(model.requests().len(), 1, "what was said before is not asked again");
    second.cancel(&Tenant::default(), handle.id(), &me(), None).await.unwrap();
    let mut events = second.events(&Tenant::default(), handle.id(), None, true).await.unwrap();
    while events.next().await.unwrap().is_some_and(|event| event.event != "run.ended") {}
    let end = second.show(&Tenant::default(), handle.id()).await.unwrap();
    assert_eq!(end.status, RunStatus::Cancelled);
    replays(&second, handle.id()).await;
}
