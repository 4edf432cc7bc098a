//! Agents whose engine ends at any point: what they did is done, and they go on.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::events::EventClass;
use ice_orchestrator::journal::{Decision, RunOptions, RunStatus};

use crate::common::{json, me, plan};
use crate::crashed::{only_run, runtime, to_the_end};
use crate::world::{Fault, Faulty, Ground, World};

const SCRIPT: &str = r#"{"turns": [
    {"text": "Send.", "usage": {"input": 1}, "tool_calls": [{"name": "once"}, {"name": "again"}, {"name": "none"}]},
    {"usage": {"input": 10}, "tool_calls": [{"name": "pure", "arguments": {"value": 3}}, {"name": "once"}]},
    {"text": "{\"n\": 3}", "usage": {"input": 100}}]}"#;

const YAML: &str = "nodes:
- {id: a, type: agent, package: sender, output_schema: {n: int}}
- {id: m, type: tool, tool_name: once, tool_args: {value: '{{ a.n }}'}}";

/// The tools of the world, and an agent whose script comes with each request.
fn registry(world: &World, script: &str) -> Registry {
    let mut registry = world.registry();
    registry.providers.register(Arc::new(scripted::ReadAlong) as Arc<dyn LlmProvider>).unwrap();
    let agent = format!(
        r#"{{"name": "sender", "tools": ["once", "again", "pure", "shot"],
             "llm_config": {{"provider": "scripted", "model": "m", "script": {script}}}}}"#
    );
    let agent = AgentDefinition::read(&agent, ice_core::blueprint::Format::Json, "sender.json");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    registry
}

fn engine(ground: &Ground, world: &World, script: &str) -> Engine {
    ground.engine(world).registry(registry(world, script)).build()
}

/// What the agent gives when nothing gets in its way.
fn expected() -> Value {
    json(
        r#"{"n": 3, "response": "{\"n\": 3}", "text": "{\"n\": 3}", "iterations": 3, "status": "success",
            "tool_history": [
              {"round": 0, "tool": "once", "input": {}, "output": "a.round[0].call[0]"},
              {"round": 0, "tool": "again", "input": {}, "output": "a.round[0].call[1]"},
              {"round": 0, "tool": "none", "input": {},
               "error": "there is no tool `none` here: there are `once`, `again`, `pure`, `shot`"},
              {"round": 1, "tool": "pure", "input": {"value": 3}, "output": 3},
              {"round": 1, "tool": "once", "input": {}, "output": "a.round[1].call[1]"}],
            "agent_package": "sender", "agent_executed": true,
            "usage": {"prompt_tokens": 111, "completion_tokens": 0, "total_tokens": 111}}"#,
    )
}

#[test]
fn an_agent_whose_engine_ends_after_any_commit_goes_on_where_it_was() {
    let (mut parked, mut ended, mut resumed) = (0, 0, 0);
    for commits in 0..40 {
        let (ground, world) = (Ground::new(), World::default());
        let first = runtime();
        let finished = first.block_on(async {
            let store = Faulty::new(Arc::clone(&ground.store), commits, Fault::Hang);
            let struck = Arc::clone(&store.struck);
            let engine = ground.engine(&world).registry(registry(&world, SCRIPT));
            let engine = engine.store(Arc::new(store), Arc::clone(&ground.blobs)).build();
            let plan = plan(YAML, engine.registry());
            let run = async {
                let started =
                    engine.start(&plan, Value::Null, RunOptions::default(), &me(), &Tenant::default()).await;
                started.unwrap().wait().await.unwrap()
            };
            tokio::select! {
                end = run => Some(end),
                () = struck.notified() => None,
            }
        });
        first.shutdown_timeout(Duration::from_secs(5));
        if let Some(end) = finished {
            assert_eq!((end.output.get("a"), end.usage.input), (Some(&expected()), 111));
            ended += 1;
            continue;
        }
        runtime().block_on(async {
            let engine = engine(&ground, &world, SCRIPT);
            let Some(run) = only_run(&engine).await else { return assert_eq!(commits, 0) };
            let (end, times) = to_the_end(&engine, run, Decision::Repeat).await;
            assert_eq!((end.status, end.output.get("a")), (RunStatus::Succeeded, Some(&expected())));
            world.assert_keys();
            let repeated: Vec<usize> =
                ["a.round[0].call[0]", "a.round[1].call[1]", "m"].map(|path| world.count(path)).to_vec();
            // Nobody but a person has what cannot be repeated done again.
            assert!(repeated.iter().sum::<usize>() <= 3 + times, "{repeated:?} {times}");
            let document = engine.show(&Tenant::default(), run).await.unwrap();
            assert_eq!((end.usage.input, document.usage.input), (111, 111), "{commits}");
            parked += times;
            resumed += 1;
            engine.close().await;
        });
    }
    assert!(parked > 0 && ended > 0 && resumed > 10, "{parked} {ended} {resumed}");
}

#[tokio::test]
async fn an_engine_that_closes_after_any_record_of_an_agent_leaves_nothing_in_doubt() {
    let (mut closed, mut ended) = (0, 0);
    for number in 0..40 {
        let (ground, world) = (Ground::new(), World::default());
        let tenant = Tenant::default();
        let store = Faulty::new(Arc::clone(&ground.store), 0, Fault::Slow);
        let first = ground.engine(&world).registry(registry(&world, SCRIPT));
        let first = first.store(Arc::new(store), Arc::clone(&ground.blobs)).build();
        let plan = plan(YAML, first.registry());
        let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
        let mut events = first.events(&tenant, handle.id(), None, true).await.unwrap();
        while let Some(event) = events.next().await.unwrap() {
            if event.class == EventClass::Durable && event.number >= Some(number) {
                break;
            }
        }
        first.close().await;
        let second = engine(&ground, &world, SCRIPT);
        match second.resume(&tenant, handle.id(), &me(), None).await {
            Ok(resumed) => {
                let end = resumed.wait().await.unwrap();
                assert_eq!((end.status, &end.failure), (RunStatus::Succeeded, &None), "{number}");
                assert_eq!((end.output.get("a"), end.usage.input), (Some(&expected()), 111), "{number}");
                closed += 1;
            }
            Err(_) => ended += 1,
        }
        for path in ["a.round[0].call[0]", "a.round[1].call[1]", "m"] {
            assert_eq!(world.count(path), 1, "{number} {path}");
        }
    }
    assert!(closed > 10 && ended > 0, "{closed} {ended}");
}

#[tokio::test]
async fn a_call_in_flight_that_cannot_be_repeated_puts_the_agent_in_doubt() {
    let script = r#"{"turns": [
        {"usage": {"input": 1}, "tool_calls": [{"name": "again"}, {"name": "shot"}]},
        {"text": "Done.", "usage": {"input": 10}}]}"#;
    let yaml = "nodes: [{id: a, type: agent, package: sender}]";
    for decision in [Decision::Repeat, Decision::Fail] {
        let (ground, world) = (Ground::new(), World::default());
        world.shut();
        let first = engine(&ground, &world, script);
        let plan = plan(yaml, first.registry());
        let tenant = Tenant::default();
        let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
        world.arrival().await;
        first.close().await;
        world.open();

        let second = engine(&ground, &world, script);
        let parked = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
        assert_eq!(
            (parked.status, parked.failure.as_ref().map(|failure| failure.code)),
            (RunStatus::Parked, Some(ErrorCode::RunInDoubt))
        );
        let said = parked.failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default();
        assert!(said.contains("the effect of `a.round[0].call[1]` happened"), "{said}");
        let resumed = second.resume(&tenant, handle.id(), &me(), Some(decision)).await.unwrap();
        let end = resumed.wait().await.unwrap();
        assert_eq!(world.count("a.round[0].call[0]"), 1, "what ended is not done again");
        match decision {
            Decision::Repeat => {
                assert_eq!((end.status, end.usage.input), (RunStatus::Succeeded, 11));
                assert_eq!(world.count("a.round[0].call[1]"), 2);
            }
            Decision::Fail => {
                assert_eq!((end.status, end.usage.input), (RunStatus::Failed, 1));
                assert_eq!(world.count("a.round[0].call[1]"), 1);
            }
        }
    }
}

#[tokio::test]
async fn a_run_goes_on_with_the_agent_it_began_with_or_not_at_all() {
    let script = r#"{"turns": [{"tool_calls": [{"name": "gate"}]}, {"text": "Done."}]}"#;
    let yaml = "nodes: [{id: a, type: agent, package: sender, tools: [{name: gate, parameters: {}}]}]";
    for (other, expected) in [
        (Some(r#"{"turns": []}"#), Err(ErrorCode::PinMismatch)),
        (Some(script), Ok("Done.")),
        (None, Ok("Done.")),
    ] {
        let (ground, world) = (Ground::new(), World::default());
        world.shut();
        let first = engine(&ground, &world, script);
        let plan = plan(yaml, first.registry());
        let tenant = Tenant::default();
        let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
        world.arrival().await;
        first.close().await;
        world.open();
        let mut registry = registry(&world, other.unwrap_or(script));
        if other.is_none() {
            registry.agents.remove("sender", None);
        }
        let second = ground.engine(&world).registry(registry).build();
        let end = second.resume(&tenant, handle.id(), &me(), None).await.unwrap().wait().await.unwrap();
        let said = end.output.get("a").and_then(|output| output.get("text")).and_then(Value::as_str);
        assert_eq!(said.ok_or_else(|| end.failure.as_ref().unwrap().code), expected, "{other:?}");
    }
}

/// Two members that work side by side; what one sends cannot be sent again.
const SWARM: &str = "nodes: [{id: s, type: swarm, max_rounds: 2, agents: [{package: sender, role: x}, {package: sender, role: y}]}]";

const MEMBERS: &str = r#"{"turns": [
    {"usage": {"input": 1}, "tool_calls": [{"name": "once"}]},
    {"json": {"proposal": "p", "confidence": 0.5}, "usage": {"input": 10}}]}"#;

#[tokio::test]
async fn an_engine_that_closes_after_any_record_of_a_swarm_leaves_nothing_in_doubt() {
    let (mut closed, mut ended) = (0, 0);
    for number in 0..45 {
        let (ground, world) = (Ground::new(), World::default());
        let tenant = Tenant::default();
        let store = Faulty::new(Arc::clone(&ground.store), 0, Fault::Slow);
        let first = ground.engine(&world).registry(registry(&world, MEMBERS));
        let first = first.store(Arc::new(store), Arc::clone(&ground.blobs)).build();
        let plan = plan(SWARM, first.registry());
        let handle = first.start(&plan, Value::Null, RunOptions::default(), &me(), &tenant).await.unwrap();
        let mut events = first.events(&tenant, handle.id(), None, true).await.unwrap();
        while let Some(event) = events.next().await.unwrap() {
            if event.class == EventClass::Durable && event.number >= Some(number) {
                break;
            }
        }
        first.close().await;
        let second = engine(&ground, &world, MEMBERS);
        match second.resume(&tenant, handle.id(), &me(), None).await {
            Ok(resumed) => {
                let end = resumed.wait().await.unwrap();
                assert_eq!((end.status, &end.failure), (RunStatus::Succeeded, &None), "{number}");
                assert_eq!(end.usage.input, 44, "{number}");
                let output = end.output.get("s").unwrap();
                assert_eq!(output.get("rounds_completed"), Some(&Value::from(2)));
                closed += 1;
            }
            Err(_) => ended += 1,
        }
        for (round, role) in [(0, "x"), (0, "y"), (1, "x"), (1, "y")] {
            let path = format!("s.round[{round}].member[{role}].round[0].call[0]");
            assert_eq!(world.count(&path), 1, "{number} {path}");
        }
    }
    assert!(closed > 10 && ended > 0, "{closed} {ended}");
}
