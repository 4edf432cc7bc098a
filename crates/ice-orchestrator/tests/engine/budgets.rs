//! Budgets: what is not there is not spent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{json, me, plan, registry, replays, tool, with_blueprint};
use ice_core::blueprint::Format;
use ice_core::budget::{Budget, Spend};
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{LlmProvider, Scripted};
use ice_core::registry::{AgentDefinition, Registry};
use ice_core::tools::Effect;
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Fork, RunEnd};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::workflow::estimate;

/// Tools that count their calls, and a model that costs: a dollar for a million tokens read, 10 for those written.
#[cfg(test)]
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    model: Arc<Scripted>,
    calls: Arc<AtomicU32>,
}

#[cfg(test)]
impl Ground {
    pub(crate) fn new(turns: &str) -> Self {
        Self::with(turns, r#"{"input": "1", "output": "10"}"#, |_| {})
    }

    pub(crate) fn with(turns: &str, price: &str, extend: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = registry();
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let count = tool("count", Effect::Irreversible, move |_, _| {
            let calls = counted.fetch_add(1, Ordering::SeqCst);
            async move { Ok(Value::from(calls)) }
        });
        registry.tools.register(count).unwrap();
        let capabilities = format!(
            r#"{{"max_input_tokens": 1000, "max_output_tokens": 1000, "tools": true, "json_schema": true, "vision": false, "price": {price}}}"#
        );
        let script = format!(r#"{{"turns": {turns}, "capabilities": {capabilities}}}"#);
        let model = Arc::new(Scripted::new(serde_json::from_str(&script).unwrap()));
        registry.providers.register(Arc::clone(&model) as Arc<dyn LlmProvider>).unwrap();
        let agent =
            "name: worker\ntools: [count]\nllm_config: {provider: scripted, model: m, max_tokens: 50}";
        let agent = AgentDefinition::read(agent, Format::Yaml, "worker.yaml");
        registry.agents.register(Arc::new(agent.value.unwrap())).unwrap();
        extend(&mut registry);
        Self { engine: Engine::builder().registry(registry).build(), model, calls }
    }

    pub(crate) async fn run(&self, yaml: &str, options: RunOptions) -> (Arc<RunEnd>, RunDocument) {
        let plan = plan(yaml, self.engine.registry());
        let inputs = json(r#"{"n": 3}"#);
        let handle = self.engine.start(&plan, inputs, options, &me(), &Tenant::default()).await.unwrap();
        let end = handle.wait().await.unwrap();
        replays(&self.engine, end.id).await;
        (end, self.engine.show(&Tenant::default(), handle.id()).await.unwrap())
    }

    pub(crate) fn asked(&self) -> usize {
        self.model.requests().len()
    }
}

#[cfg(test)]
fn within(budget: &str) -> RunOptions {
    RunOptions { budget: serde_json::from_str(budget).unwrap(), ..RunOptions::default() }
}

#[cfg(test)]
pub(crate) fn failure(end: &RunEnd) -> (ErrorCode, String) {
    let failed = end.failures.first().unwrap_or_else(|| panic!("{end:?}"));
    (failed.failure.code, failed.failure.message.clone())
}

/// Ten tokens are read and at most 20 written: at most 0.00021 dollars. Five are written: 0.00006.
pub(crate) const TURN: &str =
    r#"[{"text": "abcdefghijklmnopqrst", "times": "always", "usage": {"input": 10, "output": 5}}]"#;
/// Whether the nodes within are needed is not known before.
pub(crate) const CHAIN: &str = "nodes:
- id: if
  type: condition
  expression: inputs.n == 3
  true_path:
  - {id: a, type: llm, provider: scripted, model: m, prompt: '0123456789012345678901234567890123456789', llm_config: {max_tokens: 20}}
  - {id: b, type: llm, provider: scripted, model: m, dependencies: [a], prompt: '0123456789012345678901234567890123456789', llm_config: {max_tokens: 20}}
  - {id: c, type: llm, provider: scripted, model: m, dependencies: [b], prompt: '0123456789012345678901234567890123456789', llm_config: {max_tokens: 20}}";

#[tokio::test]
async fn a_call_that_might_cost_more_than_is_left_is_not_made() {
    // Two calls took 0.00012 together, a third may take 0.00021.
    let ground = Ground::new(TURN);
    let (end, document) = ground.run(CHAIN, within(r#"{"cost_usd": "0.00032"}"#)).await;
    assert_eq!((end.status, ground.asked()), (RunStatus::Failed, 2));
    let (code, message) = failure(&end);
    assert_eq!(code, ErrorCode::BudgetExceeded);
    assert!(message.contains("it takes up to $0.00021, and $0.0002 of $0.00032 are left"), "{message}");
    let spent =
        Spend { cost_usd: "0.00012".parse().unwrap(), tokens: 30, model_calls: 2, ..Spend::default() };
    assert_eq!(document.spent, spent);
    // A hundredth of a cent more, and it is.
    let ground = Ground::new(TURN);
    let (end, _) = ground.run(CHAIN, within(r#"{"cost_usd": "0.00033"}"#)).await;
    assert_eq!((end.status, ground.asked()), (RunStatus::Succeeded, 3));
}

#[tokio::test]
async fn calls_side_by_side_do_not_overdraw_together() {
    let beside = CHAIN.replace("dependencies: [a], ", "").replace("dependencies: [b], ", "");
    for (tokens, asked) in [(29, 0), (30, 1), (59, 1), (60, 2), (90, 3)] {
        let turn = TURN.replace("\"times\"", "\"delay_ms\": 20, \"times\"");
        let ground = Ground::new(&turn);
        let (_, document) = ground.run(&beside, within(&format!(r#"{{"tokens": {tokens}}}"#))).await;
        assert_eq!(ground.asked(), asked, "{tokens}");
        assert!(document.spent.tokens <= tokens);
    }
}

#[tokio::test]
async fn zero_is_nothing_and_absent_is_no_limit() {
    for (budget, asked) in [(r#"{"model_calls": 0}"#, 0), (r#"{"model_calls": 2}"#, 2), ("{}", 3)] {
        let ground = Ground::new(TURN);
        let (_, document) = ground.run(CHAIN, within(budget)).await;
        assert_eq!((ground.asked(), document.spent.model_calls), (asked, asked as u64));
    }
}

#[tokio::test]
async fn a_model_without_a_known_price_is_not_asked_where_money_is_limited() {
    let ground = Ground::with(TURN, "null", |_| {});
    let (end, _) = ground.run(CHAIN, within(r#"{"cost_usd": "100"}"#)).await;
    assert_eq!((end.status, ground.asked()), (RunStatus::Failed, 0));
    assert!(failure(&end).1.contains("the price of its model is not known"), "{end:?}");
    let (end, document) = ground.run(CHAIN, within(r#"{"tokens": 1000}"#)).await;
    assert_eq!((end.status, document.spent.unpriced), (RunStatus::Succeeded, true));
}

#[tokio::test]
async fn attempts_count_each_by_itself() {
    let yaml = "nodes: [{id: a, type: tool, tool_name: fail, retries: 5}]";
    let registry = || {
        let mut registry = registry();
        let failing = tool("again", Effect::Idempotent, |_, _| async {
            let error = ice_core::tools::ToolError::failed(ErrorCode::ToolFailed, "not now");
            Err(ice_core::tools::ToolError { retryable: true, ..error })
        });
        registry.tools.register(failing).unwrap();
        registry
    };
    let engine = Engine::builder().registry(registry()).build();
    let plan = plan(&yaml.replace("fail,", "again,"), engine.registry());
    let options = within(r#"{"tool_calls": 3}"#);
    let handle = engine.start(&plan, Value::Null, options, &me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    replays(&engine, end.id).await;
    let document = engine.show(&Tenant::default(), end.id).await.unwrap();
    assert_eq!((failure(&end).0, document.spent.tool_calls), (ErrorCode::BudgetExceeded, 3));
}

#[tokio::test]
async fn an_agent_ends_when_its_next_step_is_not_there() {
    let turns = r#"[{"times": "always", "tool_calls": [{"name": "count", "arguments": {}}, {"name": "count", "arguments": {}}], "usage": {"input": 10, "output": 5}}]"#;
    let yaml = "nodes: [{id: if, type: condition, expression: inputs.n == 3, true_path: [{id: n, type: agent, package: worker, limits: {repeats: 9}}]}]";
    for (budget, asked, called) in [
        (r#"{"tool_calls": 3}"#, 2, 3),
        (r#"{"model_calls": 2}"#, 2, 4),
        (r#"{"tool_calls": 0}"#, 1, 0),
        (r#"{"model_calls": 0}"#, 0, 0),
    ] {
        let ground = Ground::new(turns);
        let (end, document) = ground.run(yaml, within(budget)).await;
        assert_eq!(failure(&end).0, ErrorCode::BudgetExceeded, "{budget}");
        assert_eq!((ground.asked(), ground.calls.load(Ordering::SeqCst)), (asked, called), "{budget}");
        assert_eq!((document.spent.model_calls, document.spent.tool_calls), (asked as u64, called.into()));
    }
}

#[tokio::test]
async fn a_node_may_have_a_budget_of_its_own_within_that_of_the_run() {
    let yaml = "nodes:
- id: each
  type: loop
  items_source: inputs.items
  budget: {tool_calls: 2}
  body: [{id: x, type: tool, tool_name: count}]
";
    let ground = Ground::new("[]");
    let plan = plan(yaml, ground.engine.registry());
    let start = |options| {
        let inputs = json(r#"{"items": [1, 2, 3, 4]}"#);
        let engine = ground.engine.clone();
        let plan = Arc::clone(&plan);
        async move {
            let handle = engine.start(&plan, inputs, options, &me(), &Tenant::default()).await.unwrap();
            let end = handle.wait().await.unwrap();
            replays(&engine, end.id).await;
            end
        }
    };
    let end = start(RunOptions::default()).await;
    let (code, message) = failure(&end);
    assert_eq!((code, ground.calls.load(Ordering::SeqCst)), (ErrorCode::BudgetExceeded, 2));
    assert!(message.contains("the budget of the node `each`") && message.contains("0 of 2"), "{message}");
}

#[tokio::test]
async fn a_sub_workflow_spends_from_the_budget_of_its_node() {
    let ground = Ground::with(TURN, r#"{"input": "1", "output": "10"}"#, |registry| {
        with_blueprint(registry, "sub", CHAIN);
    });
    let yaml = "nodes: [{id: w, type: workflow, workflow_ref: sub, budget: {tokens: 50}}]";
    let (end, _) = ground.run(yaml, RunOptions::default()).await;
    assert_eq!((ground.asked(), failure(&end).0), (2, ErrorCode::BudgetExceeded));
    assert!(failure(&end).1.contains("it takes up to 30 tokens, and 20 of 50 are left"), "{end:?}");
}

#[tokio::test]
async fn a_fork_holds_what_its_own_calls_take() {
    let ground = Ground::new(TURN);
    let (run, document) = ground.run(CHAIN, within(r#"{"tokens": 600}"#)).await;
    assert_eq!((run.status, document.spent.tokens), (RunStatus::Succeeded, 45));
    let tenant = Tenant::default();
    // The call before it was taken to need 30 tokens, the one that is changed may need 510.
    let change = [("if.true.b.llm_config.max_tokens".to_owned(), Value::from(500))];
    let plan = ground.engine.plan_with(&tenant, run.id, &change).await.unwrap();
    let fork = Fork { plan: Some(plan), ..Fork::at("if.true.b".parse().unwrap()) };
    let fork = ground.engine.fork(&tenant, run.id, fork, &me()).await.unwrap();
    assert_eq!(fork.wait().await.unwrap().status, RunStatus::Succeeded);
    replays(&ground.engine, fork.id()).await;
    let mut events = ground.engine.events(&tenant, fork.id(), None, false).await.unwrap();
    let mut held = None;
    while let Some(event) = events.next().await.unwrap() {
        if event.event == "node.started"
            && event.node.as_ref().is_some_and(|node| node.as_str() == "if.true.b")
        {
            held = event.data.get("held").and_then(|held| held.get("tokens")).cloned();
        }
    }
    assert_eq!(held, Some(Value::from(510)));
}

#[tokio::test]
async fn a_run_whose_agent_lacked_its_budget_can_be_forked_behind_that() {
    let turns = r#"[{"times": "always", "tool_calls": [{"name": "count", "arguments": {}}]}]"#;
    let ground = Ground::new(turns);
    let yaml = "nodes:
- {id: if, type: condition, expression: inputs.n == 3, true_path: [{id: n, type: agent, package: worker}]}
- {id: first, type: human, prompt_message: on?, timeout_seconds: 1}
- {id: last, type: tool, tool_name: same, tool_args: {value: '{{ first.response }}'}}";
    let (run, _) = ground.run(yaml, within(r#"{"tool_calls": 1, "model_calls": 3}"#)).await;
    assert_eq!(failure(&run).0, ErrorCode::BudgetExceeded);
    let tenant = Tenant::default();
    let fork = ground.engine.fork(&tenant, run.id, Fork::at("last".parse().unwrap()), &me()).await.unwrap();
    let end = fork.wait().await.unwrap();
    replays(&ground.engine, end.id).await;
    assert_eq!(ground.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_run_that_cannot_succeed_within_its_budget_is_not_begun() {
    let ground = Ground::new(TURN);
    let yaml = "nodes:
- {id: a, type: llm, provider: scripted, model: m, prompt: '{{ inputs.text }}', llm_config: {max_tokens: 20}}
- {id: each, type: loop, items_source: inputs.items, body: [{id: x, type: tool, tool_name: count}]}";
    let plan = plan(yaml, ground.engine.registry());
    let inputs = json(r#"{"text": "0123456789012345678901234567890123456789", "items": [1, 2, 3]}"#);
    let begin = async |budget: &str| {
        let inputs = inputs.clone();
        ground.engine.start(&plan, inputs, within(budget), &me(), &Tenant::default()).await
    };
    for (budget, what) in [
        (r#"{"tokens": 9}"#, "it takes at least 10 tokens, and 9 of 9 are left"),
        (r#"{"cost_usd": "0.000009"}"#, "it takes at least $0.00001, and $0.000009"),
        (r#"{"tool_calls": 2}"#, "it takes at least 3 tool calls, and 2 of 2 are left"),
        (r#"{"model_calls": 0}"#, "1 model call"),
    ] {
        let error = begin(budget).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::BudgetExceeded);
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(ground.engine.list(&Tenant::default(), &Default::default()).await.unwrap().len(), 0);
    let enough = begin(r#"{"tokens": 30, "cost_usd": "0.00021", "tool_calls": 3, "model_calls": 1}"#).await;
    assert_eq!(enough.unwrap().wait().await.unwrap().status, RunStatus::Succeeded);
}

#[tokio::test]
async fn an_estimate_tells_what_is_certain_likely_and_possible() {
    let ground = Ground::new(TURN);
    let of = |yaml: &str, inputs: Option<&str>| {
        let plan = plan(yaml, ground.engine.registry());
        estimate(&plan, inputs.map(json).as_ref(), &RunOptions::default())
    };
    let llm = "{id: a, type: llm, provider: scripted, model: m, prompt: '01234567{{ inputs.text }}', llm_config: {max_tokens: 20}}";
    // With the inputs the prompt is known, and so is the whole but for the answer.
    let known = of(&format!("nodes: [{llm}]"), Some(r#"{"text": "abcd"}"#));
    assert_eq!((known.tokens.least, known.tokens.likely, known.tokens.most), (3, 23, Some(23)));
    assert!((known.confidence - 3.0 / 23.0).abs() < 1e-9, "{}", known.confidence);
    assert_eq!(known.cost_usd.most, Some("0.000203".parse().unwrap()));
    // Without them what is read is bounded by the model.
    let unknown = of(&format!("nodes: [{llm}]"), None);
    assert_eq!((unknown.tokens.least, unknown.tokens.likely, unknown.tokens.most), (2, 272, Some(1_020)));
    assert!(unknown.confidence < known.confidence && unknown.assumptions.len() == 2, "{unknown:?}");
    // A loop multiplies, a branch may not be taken, attempts may be repeated.
    let body = "[{id: x, type: tool, tool_name: count, retries: 2}]";
    let tools = of(
        &format!(
            "nodes: [{{id: l, type: loop, items_source: inputs.items, body: {body}}}, {{id: c, type: condition, expression: inputs.n, true_path: {}}}]",
            body.replace("x,", "y,")
        ),
        Some(r#"{"items": [1, 2, 3, 4]}"#),
    );
    assert_eq!((tools.tool_calls.least, tools.tool_calls.likely, tools.tool_calls.most), (4, 5, Some(15)));
    assert!((tools.confidence - 0.8).abs() < 1e-9, "{}", tools.confidence);
    let paths: Vec<&str> = tools.nodes.iter().map(|node| node.node.as_str()).collect();
    assert_eq!(paths, ["l.body.x", "c.true.y"]);
    assert_eq!((tools.nodes[0].likely.tool_calls, tools.nodes[0].most.unwrap().tool_calls), (4, 12));
    // A budget bounds what has no bound of its own.
    let agent = "nodes: [{id: n, type: agent, package: worker, budget: {tokens: 500}}]";
    let agent = of(agent, None);
    assert_eq!((agent.model_calls.least, agent.tokens.most), (1, Some(500)));
    assert!(agent.tokens.likely <= 500 && agent.tool_calls.most.unwrap() > 1);
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_up_whatever_it_waits_for() {
    let ground = Ground::new("[]");
    let yaml = "nodes:
- {id: w, type: tool, tool_name: wait}
- {id: q, type: human, prompt_message: well}";
    let options = RunOptions { max_time_ms: Some(60), ..RunOptions::default() };
    let (end, document) = ground.run(yaml, options).await;
    assert_eq!((end.status, end.failure.as_ref().unwrap().code), (RunStatus::Failed, ErrorCode::RunTimeout));
    assert!(document.duration_ms >= 60 && document.duration_ms < 20_000, "{}", document.duration_ms);
    assert!(end.failure.as_ref().unwrap().message.contains("0.06 s"));
}

#[tokio::test]
async fn sub_workflows_nest_as_deep_as_they_may() {
    let ground = Ground::with("[]", "null", |registry| {
        with_blueprint(registry, "inner", "nodes: [{id: x, type: tool, tool_name: count}]");
        with_blueprint(registry, "outer", "nodes: [{id: i, type: workflow, workflow_ref: inner}]");
    });
    let yaml = "nodes: [{id: o, type: workflow, workflow_ref: outer}]";
    for (depth, calls) in [(0, 0), (1, 0), (2, 1)] {
        let options = RunOptions { max_depth: Some(depth), ..RunOptions::default() };
        let (end, _) = ground.run(yaml, options).await;
        assert_eq!(ground.calls.load(Ordering::SeqCst), calls);
        assert_eq!(end.status == RunStatus::Succeeded, calls == 1);
        assert!(calls == 1 || failure(&end).1.contains("`max_depth`"), "{end:?}");
    }
}

#[test]
fn budgets_are_read_as_amounts_and_counts() {
    let budget: Budget = serde_json::from_str(r#"{"cost_usd": 0.5, "tokens": 10}"#).unwrap();
    assert_eq!(serde_json::to_string(&budget).unwrap(), r#"{"cost_usd":"0.5","tokens":10}"#);
    assert!(serde_json::from_str::<Budget>(r#"{"cost": 1}"#).is_err());
}
