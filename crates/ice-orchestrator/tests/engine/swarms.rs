//! Swarm nodes, end to end in memory.

use std::sync::Arc;

use crate::common::{json, me, plan, registry};
use ice_core::blueprint::Format;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};

/// Agents `a`, `b` and so on, each with turns of its own: as every turn of a member is a conversation of its own, which one
/// it takes depends on what it is told.
#[cfg(test)]
fn agents(scripts: &[&str]) -> Registry {
    let mut registry = registry();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    for (name, turns) in ["a", "b", "c"].into_iter().zip(scripts) {
        let agent = format!(
            r#"{{"name": "{name}", "tools": ["add"],
                 "llm_config": {{"provider": "scripted", "model": "m", "script": {{"turns": [{turns}]}}}}}}"#
        );
        let agent = AgentDefinition::read(&agent, Format::Json, "agent.json");
        registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    }
    registry
}

#[cfg(test)]
fn says(when: &str, said: &str) -> String {
    format!(
        r#"{{"times": "always", "when": {{"contains": "{when}"}}, "json": {said}, "usage": {{"input": 1}}}}"#
    )
}

#[cfg(test)]
fn proposal(text: &str, confidence: f64) -> String {
    format!(r#"{{"proposal": "{text}", "confidence": {confidence}}}"#)
}

#[cfg(test)]
async fn run(fields: &str, scripts: &[&str]) -> (Arc<RunEnd>, RunDocument) {
    let registry = agents(scripts);
    let members = ["a", "b", "c"].into_iter().zip(["one", "two", "three"]).take(scripts.len());
    let members = members.map(|(package, role)| format!("{{package: {package}, role: {role}}}"));
    let members = members.collect::<Vec<_>>().join(", ");
    let plan = plan(&format!("nodes: [{{id: s, type: swarm, agents: [{members}], {fields}}}]"), &registry);
    let engine = Engine::builder().registry(registry).build();
    let tenant = Tenant::default();
    let inputs = json(r#"{"question": "which?"}"#);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &tenant).await.unwrap();
    let end = handle.wait().await.unwrap();
    let document = engine.show(&tenant, handle.id()).await.unwrap();
    assert_eq!(document.usage, end.usage);
    crate::common::replays(&engine, end.id).await;
    (end, document)
}

#[cfg(test)]
fn part(end: &RunEnd, name: &str) -> Value {
    let output = end.output.get("s").unwrap_or_else(|| panic!("{:?}", end.failures));
    output.get(name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn members_agree_once_they_have_seen_what_the_others_propose() {
    let one = [says("- `two`", &proposal("blue", 0.9)), says("which?", &proposal("red", 0.4))].join(", ");
    let tool = r#"{"when": {"contains": "round 1 of"}, "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": 1}}]}"#;
    let two = [tool.to_owned(), says("", &proposal("blue", 0.8))].join(", ");
    let (end, document) = run("", &[&one, &two]).await;
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    assert_eq!(
        (part(&end, "final_result"), part(&end, "consensus_reached")),
        (Value::from("blue"), Value::from(true))
    );
    assert_eq!((part(&end, "rounds_completed"), part(&end, "winner")), (Value::from(2), Value::from("one")));
    assert_eq!(part(&end, "coordination_strategy"), Value::from("consensus"));
    let confidence = part(&end, "consensus_confidence").as_f64().unwrap();
    assert!((confidence - 0.85).abs() < 1e-9, "{confidence}");
    let proposals = part(&end, "all_proposals");
    let said: Vec<&str> = proposals
        .as_list()
        .unwrap()
        .iter()
        .map(|entry| entry.get("said").and_then(|said| said.get("proposal")?.as_str()).unwrap())
        .collect();
    assert_eq!(said, ["red", "blue", "blue", "blue"]);
    let node = &document.nodes[0];
    assert_eq!((node.usage, node.kind.unwrap().as_str()), (end.usage, "swarm"));
}

#[tokio::test]
async fn without_consensus_the_surest_proposal_counts() {
    let (end, _) =
        run("max_rounds: 3", &[&says("", &proposal("red", 0.3)), &says("", &proposal("blue", 0.6))]).await;
    assert_eq!(
        (part(&end, "final_result"), part(&end, "consensus_reached")),
        (Value::from("blue"), Value::from(false))
    );
    assert_eq!(part(&end, "rounds_completed"), Value::from(3));
}

#[tokio::test]
async fn a_member_that_fails_is_told_and_too_few_of_them_fail_the_node() {
    let refuses =
        r#"{"times": "always", "error": {"kind": "refused", "message": "no"}, "usage": {"input": 7}}"#;
    let good = says("", &proposal("blue", 0.9));
    let (end, _) = run("", &[refuses, &good, &good]).await;
    assert_eq!((part(&end, "final_result"), part(&end, "winner")), (Value::from("blue"), Value::from("two")));
    assert_eq!(
        part(&end, "all_proposals").item(0).unwrap().get("error"),
        Some(&Value::from("MODEL_REFUSED: no"))
    );
    assert_eq!(end.usage.input, 7 + 2);
    let (end, _) = run("", &[refuses, &good]).await;
    assert_eq!((end.status, end.failures[0].failure.code), (RunStatus::Failed, ErrorCode::ModelRefused));
    assert_eq!(end.usage.input, 7 + 1, "each call is counted once");
}

#[tokio::test]
async fn specialists_work_and_the_last_member_joins_what_they_found() {
    let (left, right) =
        (says("specialist", &proposal("left", 0.7)), says("specialist", &proposal("right", 0.7)));
    let joins = format!(
        r#"{{"when": {{"contains": "- `two` (confidence 0.7): \"right\""}}, "json": {}}}"#,
        proposal("both", 0.8)
    );
    let (end, _) = run("coordination_strategy: hierarchical", &[&left, &right, &joins]).await;
    assert_eq!(
        (part(&end, "final_result"), part(&end, "winner")),
        (Value::from("both"), Value::from("three"))
    );
    assert_eq!(
        (part(&end, "rounds_completed"), part(&end, "consensus_reached")),
        (Value::from(2), Value::from(true))
    );
}

#[tokio::test]
async fn the_cheapest_of_the_sure_bids_wins_and_the_next_follows_if_its_work_is_not_good_enough() {
    let bid = |confidence: f64, cost: u32| {
        says("bid for it", &format!(r#"{{"approach": "a", "confidence": {confidence}, "cost": {cost}}}"#))
    };
    let works = |text: &str, confidence: f64| says("Your bid won", &proposal(text, confidence));
    let unsure = [bid(0.2, 1), works("guess", 0.9)].join(", ");
    let cheap = [bid(0.8, 10), works("cheap", 0.5)].join(", ");
    let dear = [bid(0.9, 100), works("dear", 0.9)].join(", ");
    let fields = "coordination_strategy: marketplace";
    let (end, _) = run(fields, &[&unsure, &dear, &cheap]).await;
    assert_eq!((part(&end, "final_result"), part(&end, "winner")), (Value::from("dear"), Value::from("two")));
    assert_eq!(part(&end, "rounds_completed"), Value::from(3));
    let minutes = part(&end, "all_proposals");
    let roles: Vec<&str> =
        minutes.as_list().unwrap().iter().map(|entry| entry.get("role").unwrap().as_str().unwrap()).collect();
    assert_eq!(roles, ["one", "two", "three", "three", "two"]);
    // With one round of work there is no second try.
    let (end, _) = run(&format!("{fields}, max_rounds: 2"), &[&unsure, &dear, &cheap]).await;
    assert_eq!(
        (part(&end, "final_result"), part(&end, "consensus_reached")),
        (Value::from("cheap"), Value::from(false))
    );
}
