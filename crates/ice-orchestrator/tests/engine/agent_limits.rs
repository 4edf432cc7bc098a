//! How far agents go by themselves.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Role, Scripted};
use ice_core::registry::AgentDefinition;
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::agents::{Ran, run, run_with};
use crate::budgets::Ground;
use crate::common::{json, me, plan, registry, replays};

/// How the agent ended, after how many rounds, and how many calls gave something and how many were told something else.
#[cfg(test)]
fn outcome(ran: &Ran) -> (String, u64, usize, usize) {
    let part = |name| ran.output().get(name).cloned().unwrap_or_default();
    let history = part("tool_history");
    let history = history.as_list().unwrap_or_default();
    let errors = history.iter().filter(|entry| entry.get("error").is_some()).count();
    let rounds = part("iterations").as_u64().unwrap();
    (part("status").as_str().unwrap().to_owned(), rounds, history.len() - errors, errors)
}

#[cfg(test)]
fn adds(calls: usize) -> String {
    let calls: Vec<String> =
        (0..calls).map(|n| format!(r#"{{"name": "add", "arguments": {{"a": {n}}}}}"#)).collect();
    calls.join(", ")
}

#[tokio::test]
async fn the_same_call_is_made_three_times_then_told_about_and_then_ends_the_agent() {
    let same = r#"[{"times": "always", "text": "Again.", "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}]"#;
    let ran = run("", same).await;
    assert_eq!(ran.end.status, RunStatus::Succeeded);
    assert_eq!(outcome(&ran), ("repeated_calls".to_owned(), 5, 3, 1));
    let (told, is_error) = ran.results().last().unwrap().clone();
    assert!(
        is_error && told.as_str().unwrap().starts_with("this call was not made: it was made 3 times"),
        "{told}"
    );
    assert_eq!(ran.output().get("response"), Some(&Value::from("Again.")));

    let ran = run("limits: {repeats: 1}", same).await;
    assert_eq!(outcome(&ran), ("repeated_calls".to_owned(), 3, 1, 1));
}

#[tokio::test]
async fn other_arguments_are_another_call_and_one_answer_tells_all_that_it_repeats() {
    let again = r#"{"name": "add", "arguments": {"a": 1, "b": 2}}"#;
    let turned = r#"{"name": "add", "arguments": {"b": 2, "a": 1}}"#;
    let other = r#"{"name": "add", "arguments": {"a": 1}}"#;
    let turns = format!(
        r#"[{{"tool_calls": [{again}, {turned}, {other}, {again}, {again}, {again}]}}, {{"text": "Well."}}]"#
    );
    let ran = run("", &turns).await;
    assert_eq!(outcome(&ran), ("success".to_owned(), 2, 4, 2));
}

#[tokio::test]
async fn calls_beyond_the_limit_are_told_and_then_end_the_agent() {
    let turns = format!(
        r#"[{{"tool_calls": [{}, {{"name": "nothing"}}]}}, {{"times": "always", "text": "More.", "tool_calls": [{}]}}]"#,
        adds(2),
        adds(2)
    );
    let ran = run("limits: {tool_calls: 3}", &turns).await;
    // What could not be called is no call.
    assert_eq!(outcome(&ran), ("max_tool_calls_reached".to_owned(), 3, 3, 2));
    assert_eq!(
        ran.results().last().unwrap().0,
        Value::from("this call was not made: all 3 calls are used up")
    );
    let ran = run("limits: {tool_calls: 0}", &turns).await;
    assert_eq!(outcome(&ran), ("max_tool_calls_reached".to_owned(), 1, 0, 0));
}

#[tokio::test]
async fn rounds_are_the_fewest_that_anything_says() {
    let turns = format!(r#"[{{"times": "always", "tool_calls": [{}]}}]"#, adds(1));
    for (fields, rounds) in [("limits: {rounds: 2}", 2), ("max_iterations: 1, limits: {rounds: 2}", 1)] {
        let ran = run(fields, &turns).await;
        assert_eq!(outcome(&ran).1, rounds, "{fields}");
        assert_eq!(outcome(&ran).0, "max_iterations_reached");
    }
}

#[tokio::test]
async fn an_answer_has_the_tokens_that_are_left_and_without_any_the_agent_ends() {
    let turns = format!(
        r#"[{{"text": "First.", "tool_calls": [{}], "usage": {{"input": 300, "output": 690}}}}, {{"text": "Never."}}]"#,
        adds(1)
    );
    let ran = run("limits: {tokens: 1000}", &turns).await;
    assert_eq!(outcome(&ran), ("max_tokens_reached".to_owned(), 1, 1, 0));
    let [request] = ran.requests.as_slice() else { panic!("{:?}", ran.requests) };
    let left = request.max_tokens.unwrap();
    assert!((500..1000).contains(&left), "what is read first is not left to be written: {left}");
    assert_eq!(ran.output().get("response"), Some(&Value::from("First.")));

    // Whoever says less himself gets no more.
    let ran = run("limits: {tokens: 5000}, llm_config: {max_tokens: 7}", r#"[{"text": "Done."}]"#).await;
    assert_eq!(ran.requests[0].max_tokens, Some(7));
    // What was spent is looked at before calls are made.
    let spent = turns.replace("300", "400");
    assert_eq!(
        outcome(&run("limits: {tokens: 1000}", &spent).await),
        ("max_tokens_reached".to_owned(), 1, 0, 0)
    );
    // The first request alone takes more.
    let ran = run("limits: {tokens: 10}", &turns).await;
    assert_eq!((outcome(&ran), ran.requests.len()), (("max_tokens_reached".to_owned(), 0, 0, 0), 0));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_by_the_limit_is_no_success() {
    let turns = r#"[{"text": "It is", "finish": "length", "usage": {"input": 300, "output": 200}}]"#;
    let ran = run("limits: {tokens: 1000}", turns).await;
    assert_eq!(outcome(&ran).0, "max_tokens_reached");
    let ran = run("limits: {tokens: 1000}, llm_config: {max_tokens: 20}", turns).await;
    assert_eq!(outcome(&ran).0, "success", "it was the agent's own setting");
}

#[tokio::test]
async fn no_round_begins_once_the_money_is_spent() {
    // A dollar for a million tokens read.
    let turns = r#"[{"times": "always", "text": "On.", "tool_calls": [{"name": "count"}], "usage": {"input": 400000}}]"#;
    let ground = Ground::new(turns);
    let yaml = "nodes: [{id: n, type: agent, package: worker, limits: {cost_usd: '1', repeats: 9}}]";
    let (end, _) = ground.run(yaml, RunOptions::default()).await;
    let output = end.output.get("n").unwrap();
    assert_eq!(output.get("status"), Some(&Value::from("max_cost_reached")));
    assert_eq!((ground.asked(), output.get("tool_history").unwrap().as_list().unwrap().len()), (3, 2));
}

#[tokio::test]
async fn money_that_nobody_can_count_is_not_spent() {
    let mut registry = registry();
    let script = r#"{"turns": [{"times": "always", "text": "On."}], "capabilities": {"max_input_tokens": 9,
        "max_output_tokens": 9, "tools": true, "json_schema": true, "vision": true}}"#;
    let model = Arc::new(Scripted::new(serde_json::from_str(script).unwrap()));
    registry.providers.register(Arc::clone(&model) as Arc<dyn LlmProvider>).unwrap();
    let agent = "{name: worker, limits: {cost_usd: 5}, llm_config: {provider: scripted, model: m}}";
    let agent = AgentDefinition::read(agent, ice_core::blueprint::Format::Yaml, "worker.yaml");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    let plan = plan("nodes: [{id: n, type: agent, package: worker}]", &registry);
    let engine = Engine::builder().registry(registry).build();
    let started = engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
    let end = started.unwrap().wait().await.unwrap();
    assert_eq!((end.failures[0].failure.code, model.requests().len()), (ErrorCode::BudgetExceeded, 0));
    replays(&engine, end.id).await;
}

#[tokio::test]
async fn a_model_sees_so_much_of_a_result_and_the_journal_all_of_it() {
    let long = "x".repeat(1000);
    let turns = format!(
        r#"[{{"tool_calls": [{{"name": "same", "arguments": {{"value": "{long}"}}}}]}}, {{"text": "Long."}}]"#
    );
    let ran = run("limits: {result_bytes: 300}", &turns).await;
    let shown = format!("{}\n[700 of 1000 bytes are left out here]", "x".repeat(300));
    assert_eq!(ran.results(), [(Value::from(shown), false)]);
    let history = ran.output().get("tool_history").and_then(|history| history.item(0)).unwrap();
    assert_eq!(history.get("output"), Some(&Value::from(long.as_str())));
    assert_eq!(run("", &turns).await.results(), [(Value::from(long), false)]);

    let much = "y".repeat(70_000);
    let turns = turns.replace(&"x".repeat(1000), &much);
    let (shown, _) = run("", &turns).await.results().remove(0);
    assert!(shown.as_str().unwrap().ends_with("\n[4464 of 70000 bytes are left out here]"));
}

#[tokio::test]
async fn an_agent_of_an_old_journal_keeps_to_the_rules_it_began_with() {
    let old = |registry: &mut ice_core::registry::Registry| {
        let agent = json(
            r#"{"name": "old", "tools": ["same"], "llm_config": {"provider": "scripted", "model": "m"}}"#,
        );
        let agent: AgentDefinition = agent.to().unwrap();
        assert_eq!((agent.rules, AgentDefinition::new("new").rules), (0, AgentDefinition::RULES));
        registry.agents.remove("worker", None);
        registry.agents.register(Arc::new(AgentDefinition { name: "worker".to_owned(), ..agent })).unwrap();
    };
    let much = "y".repeat(70_000);
    let turns = format!(
        r#"[{{"times": 6, "tool_calls": [{{"name": "same", "arguments": {{"value": "{much}"}}}}]}}, {{"text": "Done."}}]"#
    );
    let ran = run_with(old, "", &turns).await;
    assert_eq!(outcome(&ran), ("success".to_owned(), 7, 6, 0));
    assert!(ran.results().iter().all(|(result, _)| result.as_str() == Some(&much)));
    assert!(ran.requests[0].messages.iter().all(|message| message.role != Role::System));
}
