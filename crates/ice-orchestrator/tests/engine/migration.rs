//! Migration: a run that waits, is parked or was left goes on over another blueprint, if what it did is the same over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{json, me, registry, tool};
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::registry::Registry;
use ice_core::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Fork, Migration, Reply, Retention, RunError, RunFilter};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::workflow::Plan;

const YAML: &str = "blueprint_id: first
nodes:
- {id: a, type: tool, tool_name: act, tool_args: {n: 1}}
- {id: ask, type: human, prompt_message: 'is {{ a }} right?', timeout_seconds: 86400}
- {id: say, type: llm, provider: echo, model: echo, prompt: 'it is {{ a }} and {{ ask.approved }}'}
- {id: last, type: tool, tool_name: act, dependencies: [say]}";

/// Engines on one store. The tool `act` cannot be repeated and counts its calls; `broken` fails as long as it is.
#[cfg(test)]
struct Ground {
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
    registry: Registry,
    engine: Engine,
    acts: Arc<AtomicU32>,
}

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        Self::with("1.0.0")
    }

    /// With this version of the tool `act`.
    fn with(version: &str) -> Self {
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
        let acts = Arc::new(AtomicU32::new(0));
        let registry = tools(version, &acts);
        let engine = engine(&store, &blobs, &registry);
        Self { store, blobs, registry, engine, acts }
    }

    /// The process ends and another begins, with this version of the tool `act`.
    async fn restarted(self, version: &str) -> Self {
        self.engine.close().await;
        let registry = tools(version, &self.acts);
        let engine = engine(&self.store, &self.blobs, &registry);
        Self { registry, engine, ..self }
    }

    fn plan(&self, yaml: &str) -> Arc<Plan> {
        crate::common::plan(yaml, &self.registry)
    }

    async fn start(&self, yaml: &str) -> RunId {
        let (options, plan) = (RunOptions::default(), self.plan(yaml));
        let handle = self.engine.start(&plan, json("{}"), options, &me(), &Tenant::default()).await.unwrap();
        self.engine.drain().await;
        handle.id()
    }

    /// Runs `yaml` until it rests, and moves it to what it is with `from` replaced.
    async fn moved(&self, yaml: &str, from: &str, to: &str) -> (RunId, Result<Migration, RunError>) {
        assert!(yaml.contains(from), "{from}");
        let run = self.start(yaml).await;
        let before = self.show(run).await;
        let plan = self.plan(&yaml.replace(from, to));
        let could = self.engine.can_migrate(&Tenant::default(), run, &plan).await;
        assert_eq!(self.show(run).await, before, "nothing was changed");
        let moved = self.migrate(run, &plan).await;
        assert_eq!(could.is_ok(), moved.is_ok());
        if let Err(error) = &moved {
            assert_eq!(error.to_string(), could.unwrap_err().to_string());
            assert_eq!(self.show(run).await, before, "what is refused changes nothing");
        }
        (run, moved)
    }

    async fn migrate(&self, run: RunId, plan: &Arc<Plan>) -> Result<Migration, RunError> {
        self.engine.migrate(&Tenant::default(), run, plan, &me()).await
    }

    async fn answer(&self, run: RunId, node: &str) -> RunDocument {
        let (node, response) = (node.parse().unwrap(), Value::from(true));
        let reply = Reply { node, response, comment: None, id: uuid::Uuid::from_u128(7) };
        self.engine.answer(&Tenant::default(), run, reply, &me()).await.unwrap();
        self.engine.drain().await;
        self.show(run).await
    }

    async fn show(&self, run: RunId) -> RunDocument {
        self.engine.show(&Tenant::default(), run).await.unwrap()
    }

    fn acts(&self) -> u32 {
        self.acts.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
fn engine(store: &Arc<MemoryStore>, blobs: &Arc<MemoryBlobs>, registry: &Registry) -> Engine {
    let (store, blobs) = (Arc::clone(store) as Arc<dyn Store>, Arc::clone(blobs) as Arc<dyn BlobStore>);
    Engine::builder().store(store, blobs).registry(registry.clone()).build()
}

#[cfg(test)]
fn tools(version: &str, acts: &Arc<AtomicU32>) -> Registry {
    let mut registry = registry();
    let counted = Arc::clone(acts);
    let body = move |_, input: Value| {
        let counted = Arc::clone(&counted);
        async move {
            if input.get("fail").is_some() {
                return Err(ToolError::failed(ErrorCode::ToolFailed, "it was told to"));
            }
            Ok(Value::from(counted.fetch_add(1, Ordering::SeqCst)))
        }
    };
    let made = tool("act", Effect::Irreversible, body);
    let mut spec = made.spec().clone();
    spec.version = version.parse().unwrap();
    let body = move |context, input| {
        let made = Arc::clone(&made);
        async move { made.call(&context, input).await }
    };
    registry.tools.register(Arc::new(crate::common::Made::new(spec, body))).unwrap();
    registry
}

/// A move that is refused, in words.
#[cfg(test)]
async fn refused(from: &str, to: &str) -> String {
    let ground = Ground::new();
    let (run, moved) = ground.moved(YAML, from, to).await;
    let error = moved.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ReplayDiverged);
    // The run goes on as it was started.
    assert_eq!(ground.answer(run, "ask").await.status, RunStatus::Succeeded);
    error.to_string()
}

/// A move that is accepted; the run as it ended after its question was answered.
#[cfg(test)]
async fn accepted(from: &str, to: &str) -> RunDocument {
    let ground = Ground::new();
    let (run, moved) = ground.moved(YAML, from, to).await;
    let moved = moved.unwrap();
    let document = ground.answer(run, "ask").await;
    assert_eq!(document.status, RunStatus::Succeeded, "{:?}", document.failures);
    assert_eq!(document.migrations.first().map(|migration| migration.record), moved.record);
    crate::common::replays(&ground.engine, run).await;
    document
}

#[tokio::test]
async fn a_changed_prompt_of_a_node_that_was_not_reached_is_used() {
    let document = accepted("it is {{ a }}", "now it is {{ a }}").await;
    let said = document.output.get("say").and_then(|said| said.get("text")).cloned();
    assert_eq!(said, Some(Value::from("now it is 0 and True")));
}

#[tokio::test]
async fn nodes_may_come_and_go_where_the_run_has_not_been() {
    let document = accepted(
        "- {id: last,",
        "- {id: more, type: tool, tool_name: same, tool_args: {value: '{{ last }}'}}\n- {id: last,",
    )
    .await;
    assert_eq!(document.output.get("more"), Some(&Value::from(1)));
    let document = accepted("\n- {id: last, type: tool, tool_name: act, dependencies: [say]}", "").await;
    assert_eq!(document.output.get("last"), None);
}

#[tokio::test]
async fn what_could_have_begun_earlier_begins_after_the_move() {
    let ground = Ground::new();
    let more = "- {id: early, type: tool, tool_name: act, tool_args: {n: '{{ a }}'}}\n- {id: ask,";
    let (run, moved) = ground.moved(YAML, "- {id: ask,", more).await;
    moved.unwrap();
    ground.engine.drain().await;
    let document = ground.show(run).await;
    assert_eq!((document.status, ground.acts()), (RunStatus::Waiting, 2), "it goes on by itself");
    assert_eq!(ground.answer(run, "ask").await.status, RunStatus::Succeeded);
    crate::common::replays(&ground.engine, run).await;
}

#[tokio::test]
async fn what_was_done_or_has_begun_must_be_the_same_and_what_is_not_is_named() {
    let text = refused("n: 1", "n: 2").await;
    assert!(text.contains("record 1, `a`: `intent.input.n` was 1 and is 2 now"), "{text}");
    let text = refused("is {{ a }} right?", "is {{ a }} wrong?").await;
    assert!(text.contains("`ask`: `question.message` was") && text.contains("wrong?"), "{text}");
    let text = refused("timeout_seconds: 86400", "timeout_seconds: 60").await;
    assert!(text.contains("`question.timeout_seconds` was 86400 and is 60 now"), "{text}");
    let text = refused("{id: a, type: tool, tool_name: act", "{id: a, type: tool, tool_name: same").await;
    assert!(text.contains("record 1, `a`: `effect` was \"irreversible\""), "{text}");
    let ground = Ground::new();
    let other = "nodes: [{id: b, type: human, prompt_message: ok?}]";
    let run = ground.start(YAML).await;
    let error = ground.migrate(run, &ground.plan(other)).await.unwrap_err();
    assert!(error.to_string().contains("record 1, `a`: it started, and now nothing is decided"), "{error}");
}

#[tokio::test]
async fn a_run_is_found_under_the_blueprint_it_goes_on_over_and_under_its_key() {
    let ground = Ground::new();
    let options = RunOptions { idempotency_key: Some("k".to_owned()), ..RunOptions::default() };
    let start = async |yaml: &str| {
        let plan = ground.plan(yaml);
        let started =
            ground.engine.start(&plan, json("{}"), options.clone(), &me(), &Tenant::default()).await;
        ground.engine.drain().await;
        started.map(|handle| handle.id())
    };
    let run = start(YAML).await.unwrap();
    let second = YAML.replace("blueprint_id: first", "blueprint_id: second");
    let plan = ground.plan(&second);
    assert_eq!(ground.migrate(run, &plan).await.unwrap().record, Some(4));
    assert_eq!(ground.migrate(run, &plan).await.unwrap().record, None, "it is bound to it already");
    let of = async |blueprint: &str| {
        let filter = RunFilter { blueprint: Some(blueprint.parse().unwrap()), ..RunFilter::default() };
        ground.engine.list(&Tenant::default(), &filter).await.unwrap().len()
    };
    assert_eq!((of("first").await, of("second").await), (0, 1));
    assert_eq!(ground.show(run).await.blueprint_id.as_str(), "second");
    // Whoever starts it again means the same run, as it was or as it is.
    assert_eq!((start(YAML).await.unwrap(), start(&second).await.unwrap()), (run, run));
    assert_eq!(start(&YAML.replace("n: 1", "n: 7")).await.unwrap_err().code(), ErrorCode::StoreConflict);
    ground.answer(run, "ask").await;
    let all = Retention {
        before: ground.engine.now().plus(std::time::Duration::from_secs(9)),
        status: None,
        keep: 0,
        dry_run: false,
    };
    assert_eq!(ground.engine.prune(&Tenant::default(), &all).await.unwrap().runs, [run]);
    assert_eq!((of("first").await, of("second").await), (0, 0));
    assert_ne!(start(YAML).await.unwrap(), run);
}

#[tokio::test]
async fn a_moved_run_is_moved_again_and_taken_up_by_another_process() {
    let ground = Ground::new();
    let (run, moved) = ground.moved(YAML, "it is {{ a }}", "one {{ a }}").await;
    moved.unwrap();
    let ground = ground.restarted("1.0.0").await;
    let plan = ground.plan(&YAML.replace("it is {{ a }}", "two {{ a }}"));
    ground.migrate(run, &plan).await.unwrap();
    let ground = ground.restarted("1.0.0").await;
    let document = ground.answer(run, "ask").await;
    assert_eq!((document.status, document.migrations.len()), (RunStatus::Succeeded, 2));
    assert_eq!(document.output.get("say").unwrap().get("text"), Some(&Value::from("two 0 and True")));
    crate::common::replays(&ground.engine, run).await;
    // And what the replay is good for still holds: over the first blueprint it comes out differently after the move.
    let replayed = ground.engine.replay(&Tenant::default(), run, Some(&ground.plan(YAML))).await.unwrap();
    let divergence = replayed.divergence.unwrap();
    assert_eq!(divergence.node.unwrap().as_str(), "say");
    let error = ground.migrate(run, &ground.plan(YAML)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RunState);
}

#[tokio::test]
async fn forks_of_a_moved_run_begin_before_and_after_the_move() {
    let ground = Ground::new();
    let (run, moved) = ground.moved(YAML, "it is {{ a }}", "now {{ a }}").await;
    moved.unwrap();
    ground.answer(run, "ask").await;
    let fork = async |at: &str, plan: Option<Arc<Plan>>| {
        let fork = Fork { plan, ..Fork::at(at.parse().unwrap()) };
        let handle = ground.engine.fork(&Tenant::default(), run, fork, &me()).await.unwrap();
        ground.engine.drain().await;
        crate::common::replays(&ground.engine, handle.id()).await;
        handle.id()
    };
    let text = |document: &RunDocument| document.output.get("say").unwrap().get("text").cloned();
    let after = ground.show(fork("say", None).await).await;
    assert_eq!((after.status, text(&after)), (RunStatus::Succeeded, Some(Value::from("now 0 and True"))));
    let before = fork("ask", None).await;
    assert_eq!(text(&ground.answer(before, "ask").await), Some(Value::from("now 0 and True")));
    // Over the blueprint it was started with, too; what it was moved to does not count for the fork.
    let back = fork("say", Some(ground.plan(YAML))).await;
    let document = ground.show(back).await;
    assert_eq!(text(&document), Some(Value::from("it is 0 and True")));
    assert_eq!(document.blueprint_id.as_str(), "first");
}

#[tokio::test]
async fn a_run_under_way_is_not_moved_and_one_whose_process_ended_is() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: w, type: tool, tool_name: wait}
- {id: n, type: tool, tool_name: same, tool_args: {value: one}, dependencies: [w]}";
    let plan = ground.plan(yaml);
    let handle = ground
        .engine
        .start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default())
        .await
        .unwrap();
    let run = handle.id();
    while ground.show(run).await.nodes.is_empty() {
        tokio::task::yield_now().await;
    }
    let other = ground.plan(&yaml.replace("value: one", "value: two"));
    let error = ground.migrate(run, &other).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RunState);
    assert!(error.to_string().contains("under way"), "{error}");
    let ground = ground.restarted("1.0.0").await;
    ground.migrate(run, &ground.plan(&yaml.replace("value: one", "value: two"))).await.unwrap();
    assert_eq!(ground.show(run).await.status, RunStatus::Running, "somebody has to take it up");
    let fail = Some(ice_orchestrator::journal::Decision::Fail);
    ground.engine.resume(&Tenant::default(), run, &me(), fail).await.unwrap();
    ground.engine.drain().await;
    assert_eq!(ground.show(run).await.status, RunStatus::Failed);
    crate::common::replays(&ground.engine, run).await;
}

#[tokio::test]
async fn a_run_that_is_parked_since_a_tool_has_changed_goes_on_with_the_tool_as_it_is_now() {
    let ground = Ground::new();
    let run = ground.start(YAML).await;
    let ground = ground.restarted("2.0.0").await;
    ground.engine.resume(&Tenant::default(), run, &me(), None).await.unwrap();
    ground.engine.drain().await;
    let parked = ground.show(run).await;
    assert_eq!((parked.status, parked.failure.unwrap().code), (RunStatus::Parked, ErrorCode::PinMismatch));
    let plan = ground.plan(YAML);
    ground.migrate(run, &plan).await.unwrap();
    assert_eq!(ground.show(run).await.status, RunStatus::Parked, "somebody has to take it up");
    ground.engine.resume(&Tenant::default(), run, &me(), None).await.unwrap();
    ground.engine.drain().await;
    assert_eq!(ground.answer(run, "ask").await.status, RunStatus::Succeeded);
    crate::common::replays(&ground.engine, run).await;
}

#[tokio::test]
async fn what_was_begun_with_a_tool_that_has_changed_is_not_moved() {
    let ground = Ground::new();
    let yaml = "nodes: [{id: w, type: parallel, branches: [[{id: x, type: tool, tool_name: wait}], [{id: y, type: tool, tool_name: act}]]}]";
    let plan = ground.plan(yaml);
    let started =
        ground.engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await;
    let run = started.unwrap().id();
    while ground.show(run).await.nodes.len() < 2 {
        tokio::task::yield_now().await;
    }
    let ground = ground.restarted("1.0.0").await;
    let mut registry = tools("1.0.0", &ground.acts);
    let mut spec = registry.tools.get("wait", None).unwrap().spec().clone();
    registry.tools.remove("wait", None);
    spec.version = "3.0.0".parse().unwrap();
    registry
        .tools
        .register(Arc::new(crate::common::Made::new(spec, |_, _| async { Ok(Value::Null) })))
        .unwrap();
    let engine = engine(&ground.store, &ground.blobs, &registry);
    let error = engine
        .migrate(&Tenant::default(), run, &crate::common::plan(yaml, &registry), &me())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::PinMismatch);
    assert!(error.to_string().contains("`w.branches[0].x` has begun with the tool `wait`"), "{error}");
}

#[tokio::test]
async fn a_run_must_be_one_that_could_have_been_started_over_the_blueprint() {
    let ground = Ground::new();
    let wants = "blueprint_id: first\ninput_schema: {type: object, required: [x]}";
    let (_, moved) = ground.moved(YAML, "blueprint_id: first", wants).await;
    assert_eq!(moved.unwrap_err().code(), ErrorCode::InputInvalid);
    let plan = ground.plan(YAML);
    let nobody = ground.migrate(RunId::from(uuid::Uuid::nil()), &plan).await.unwrap_err();
    assert_eq!(nobody.code(), ErrorCode::RunNotFound);
}

/// A registry with an agent `a` whose model calls the tool `wait` and says so then, and with this system prompt.
#[cfg(test)]
fn with_agent(prompt: &str, acts: &Arc<AtomicU32>) -> Registry {
    let mut registry = tools("1.0.0", acts);
    registry.providers.register(Arc::new(ice_core::llm::scripted::ReadAlong)).unwrap();
    let turns = r#"{"text": "First.", "tool_calls": [{"name": "act", "arguments": {}}, {"name": "wait", "arguments": {}}]}, {"text": "Done."}"#;
    let agent = format!(
        r#"{{"name": "a", "system_prompt": "{prompt}", "tools": ["act", "wait"],
             "llm_config": {{"provider": "scripted", "model": "m", "script": {{"turns": [{turns}]}}}}}}"#
    );
    let agent =
        ice_core::registry::AgentDefinition::read(&agent, ice_core::blueprint::Format::Json, "a.json");
    registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
    registry
}

#[tokio::test]
async fn the_steps_that_an_agent_has_made_must_be_the_same_and_the_rest_goes_on() {
    let ground = Ground::new();
    let yaml = "nodes:
- {id: n, type: agent, package: a}
- {id: last, type: tool, tool_name: same, tool_args: {value: one}, dependencies: [n]}";
    let registry = with_agent("You work.", &ground.acts);
    let engine_of = |registry: &Registry| engine(&ground.store, &ground.blobs, registry);
    let first = engine_of(&registry);
    let plan = crate::common::plan(yaml, &registry);
    let tenant = Tenant::default();
    let handle = first.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
    let run = handle.id();
    // Until the call of `wait` is announced.
    while first.show(&tenant, run).await.unwrap().records < 7 {
        tokio::task::yield_now().await;
    }
    first.close().await;
    // Another prompt of the agent: what it has begun is not that.
    let other = with_agent("You rest.", &ground.acts);
    let second = engine_of(&other);
    let error = second.migrate(&tenant, run, &crate::common::plan(yaml, &other), &me()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ReplayDiverged);
    assert!(error.to_string().contains("You work.") && error.to_string().contains("You rest."), "{error}");
    // The same agent, but what one of its calls may do to the world is something else now.
    let mut milder = with_agent("You work.", &ground.acts);
    milder.tools.remove("act", None);
    milder.tools.register(tool("act", Effect::Idempotent, |_, _| async { Ok(Value::Null) })).unwrap();
    let second = engine_of(&milder);
    let plan = crate::common::plan(&yaml.replace("value: one", "value: two"), &milder);
    let error = second.migrate(&tenant, run, &plan, &me()).await.unwrap_err();
    assert!(error.to_string().contains("`effect` was \"irreversible\" and is \"idempotent\" now"), "{error}");
    // The same agent, and another node after it.
    let third = engine_of(&registry);
    let plan = crate::common::plan(&yaml.replace("value: one", "value: two"), &registry);
    third.migrate(&tenant, run, &plan, &me()).await.unwrap();
    let fail = Some(ice_orchestrator::journal::Decision::Fail);
    third.resume(&tenant, run, &me(), fail).await.unwrap();
    third.drain().await;
    assert_eq!(third.show(&tenant, run).await.unwrap().status, RunStatus::Failed);
    assert_eq!(ground.acts(), 1, "what it did was not done again");
    crate::common::replays(&third, run).await;
}

#[tokio::test]
async fn what_a_swarm_has_begun_with_must_be_the_same() {
    let ground = Ground::new();
    let yaml = "nodes: [{id: s, type: swarm, max_rounds: 1, agents: [{package: a, role: one}, {package: a, role: two}]}]";
    let registry = with_agent("You work.", &ground.acts);
    let first = engine(&ground.store, &ground.blobs, &registry);
    let (plan, tenant) = (crate::common::plan(yaml, &registry), Tenant::default());
    let handle = first
        .start(&plan, json(r#"{"question": "?"}"#), RunOptions::default(), &me(), &tenant)
        .await
        .unwrap();
    let run = handle.id();
    while ground.acts() == 0 {
        tokio::task::yield_now().await;
    }
    first.close().await;
    let other = with_agent("You rest.", &ground.acts);
    let second = engine(&ground.store, &ground.blobs, &other);
    let error = second.migrate(&tenant, run, &crate::common::plan(yaml, &other), &me()).await.unwrap_err();
    assert!(error.to_string().contains("`s`: `intent") && error.to_string().contains("You rest."), "{error}");
}

#[tokio::test]
async fn blueprints_within_the_blueprint_move_with_it() {
    let acts = Arc::new(AtomicU32::new(0));
    let with = |text: &str| {
        let mut registry = tools("1.0.0", &acts);
        let sub = format!(
            "nodes: [{{id: x, type: tool, tool_name: act}}, {{id: q, type: human, prompt_message: ok?, dependencies: [x]}}, {{id: y, type: tool, tool_name: same, tool_args: {{value: {text}}}, dependencies: [q]}}]"
        );
        crate::common::with_blueprint(&mut registry, "sub", &sub);
        registry
    };
    let yaml = "nodes: [{id: w, type: workflow, workflow_ref: sub, exposed_outputs: {said: y}}]";
    let ground = Ground { registry: with("one"), ..Ground::new() };
    let first = engine(&ground.store, &ground.blobs, &ground.registry);
    let (plan, tenant) = (crate::common::plan(yaml, &ground.registry), Tenant::default());
    let handle = first.start(&plan, json("{}"), RunOptions::default(), &me(), &tenant).await.unwrap();
    first.drain().await;
    let run = handle.id();
    let plan = crate::common::plan(yaml, &with("two"));
    first.migrate(&tenant, run, &plan, &me()).await.unwrap();
    first.close().await;
    let ground = Ground { engine: engine(&ground.store, &ground.blobs, &ground.registry), ..ground };
    let document = ground.answer(run, "w.run.q").await;
    assert_eq!(document.status, RunStatus::Succeeded, "{:?}", document.failures);
    let text = serde_json::to_string(&document.output).unwrap();
    assert!(text.contains("two") && !text.contains("one"), "{text}");
    crate::common::replays(&ground.engine, run).await;
}
