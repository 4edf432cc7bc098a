//! The test kit itself: that its assertions and checks fail where they have to.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ice_core::llm::Echo;
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::journal::RunStatus;
use ice_orchestrator::testing::{Cassette, Crash, Fails, Kit, Side, StoreFault, ToolTest};
use serde_json::json;

/// Counts its calls; deaf to its cancellation if asked.
#[derive(Clone, Debug)]
struct Counting(ToolSpec, Arc<AtomicUsize>);

#[async_trait]
impl Tool for Counting {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &ToolContext, input: Value) -> Result<Value, ToolError> {
        if input.get("deaf").is_some() {
            std::future::pending::<()>().await;
        }
        Ok(Value::from(self.1.fetch_add(1, Ordering::SeqCst) as u64))
    }
}

#[cfg(test)]
fn counting(effect: Effect) -> Counting {
    let spec = ToolSpec {
        name: "count".to_owned(),
        version: "1.0.0".parse().unwrap(),
        description: "Counts.".to_owned(),
        input_schema: Value::Bool(true),
        output_schema: Value::Bool(true),
        effect,
        capabilities: Vec::new(),
    };
    Counting(spec, Arc::default())
}

/// What a test that has to fail says.
#[cfg(test)]
fn failure<T>(test: impl FnOnce() -> T) -> String {
    let payload = std::panic::catch_unwind(AssertUnwindSafe(|| drop(test()))).expect_err("it did not fail");
    *payload.downcast::<String>().unwrap()
}

const ONE: &str = "nodes: [{id: n, type: tool, tool_name: count}]";

#[test]
fn assertions_fail_with_what_happened_instead() {
    let ran = Kit::new().tool(Arc::new(counting(Effect::Idempotent))).run(ONE, json!({}));
    ran.succeeded().has("n", 0).saw(&["node.started n", "node.succeeded *", "run.ended"]).count("node.*", 2);
    let said = failure(|| ran.is(RunStatus::Failed));
    assert!(said.contains("the run is succeeded, not failed") && said.contains("node.started n"), "{said}");
    let said = failure(|| ran.saw(&["node.succeeded n", "node.started n"]));
    assert!(
        said.contains("✗ node.started n (missing)") && said.contains("✓    2 node.succeeded n"),
        "{said}"
    );
    assert!(failure(|| ran.has("n", 1)).contains("`n` is 0, not 1"));
    assert!(failure(|| ran.never("node.started")).contains("came 1 times, not 0"));
    assert!(failure(|| ran.called("count", 2)).contains("was called 1 times, not 2: at [\"n\"]"));
    assert!(failure(|| Kit::new().run("nodes: [{id: n, type: tool}]", json!({}))).contains("tool_name"));
}

/// A tool that gives something else each time is found out, as a crash makes another result of it.
#[test]
fn a_tool_that_remembers_fails_the_test_of_crashes() {
    let kit = Kit::new().tool(Arc::new(counting(Effect::Idempotent)));
    let said = failure(|| kit.crash_everywhere(ONE, json!({})));
    assert!(said.contains("the output differs: `n` was 0"), "{said}");
}

#[test]
fn a_crash_on_either_side_of_a_record_keeps_it_or_not() {
    let kit = Kit::new().provider(Echo);
    let yaml = "nodes: [{id: n, type: llm, provider: echo, model: e, prompt: hello}]";
    for on_disk in [false, true] {
        for side in Side::ALL {
            let kit = kit.clone().crash(Crash { record: 2, side });
            let ran = if on_disk { kit.on_disk() } else { kit }.run(yaml, json!({}));
            ran.succeeded().has("n.text", "hello");
            assert_eq!(ran.lives, 2, "{side:?}");
            if !on_disk {
                let resumed = ran.events.iter().position(|event| event.event == "run.resumed");
                // Record 2 is the success of the node, which ends the run with it.
                assert_eq!(resumed, if side == Side::After { None } else { Some(2) }, "{side:?}");
            }
        }
    }
}

#[test]
fn a_full_store_ends_the_engine_and_a_slow_one_takes_its_time() {
    let kit = Kit::new().provider(Echo);
    let yaml = "nodes: [{id: n, type: llm, provider: echo, model: e, prompt: hello}]";
    let ran = kit.clone().store_fault(StoreFault::Full(2)).run(yaml, json!({}));
    ran.succeeded();
    assert_eq!(ran.lives, 2);
    let span = |kit: Kit| {
        let ran = kit.run(yaml, json!({}));
        let (first, last) = (ran.events.first().unwrap().at.unwrap(), ran.events.last().unwrap().at.unwrap());
        last.since(first)
    };
    assert_eq!(span(kit.clone()), Duration::ZERO);
    assert!(span(kit.store_fault(StoreFault::Slow(Duration::from_secs(5)))) >= Duration::from_secs(5));
}

#[test]
fn a_run_that_waits_is_left_waiting_and_a_long_wait_takes_no_time() {
    let yaml = |more: &str| format!("nodes: [{{id: ask, type: human, prompt_message: ok?{more}}}]");
    for kit in [Kit::new(), Kit::new().on_disk()] {
        kit.run(&yaml(""), json!({})).is(RunStatus::Waiting).saw(&["node.asked ask"]).never("run.ended");
        let ran = kit.run(&yaml(", timeout_seconds: 604800"), json!({}));
        ran.succeeded().has("ask.timeout_occurred", true);
        let ran = kit.answer("a*", "reject").run(&yaml(", timeout_seconds: 604800"), json!({}));
        ran.succeeded().has("ask.approved", false).has("ask.timeout_occurred", false);
    }
}

#[test]
fn a_cassette_is_extended_and_strict_and_tells_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.json");
    let yaml =
        "nodes: [{id: n, type: tool, tool_name: count, tool_args: {to: '{{ inputs.to }}', token: abc}}]";
    let tool = counting(Effect::Irreversible);
    let kit = Kit::new().tool(Arc::new(tool.clone()));
    let run = |cassette: Cassette, to: u64| {
        kit.clone().cassette(cassette.redact_field("token")).run(yaml, json!({"to": to}))
    };
    run(Cassette::extend(&file), 1).succeeded().has("n", 0);
    run(Cassette::extend(&file), 1).succeeded().has("n", 0);
    run(Cassette::extend(&file), 2).succeeded().has("n", 1);
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("[redacted]") && !written.contains("abc"), "{written}");
    let ran = run(Cassette::play(&file), 2);
    ran.succeeded().has("n", 1);
    assert_eq!((ran.unplayed, tool.1.load(Ordering::SeqCst)), (1, 2));
    let said = failure(|| run(Cassette::play(&file), 3));
    assert!(said.contains("no answer to this call of the tool `count` at `n`"), "{said}");
    assert!(said.contains("number 1, differs in `to`: recorded 1, asked now 3"), "{said}");
    run(Cassette::record(&file), 3).succeeded().has("n", 2);
    assert!(failure(|| run(Cassette::play(&file), 1)).contains("`to`: recorded 3, asked now 1"));
    let said = failure(|| run(Cassette::play(folder.path().join("none.json")), 1));
    assert!(said.contains("none.json cannot be read"), "{said}");
    // What was played before a crash is played again after it, and no more than that.
    let kit = kit.cassette(Cassette::play(&file).redact_field("token")).crash(Crash::before(2));
    kit.in_doubt(ice_orchestrator::journal::Decision::Repeat)
        .run(yaml, json!({"to": 3}))
        .succeeded()
        .has("n", 2);
}

#[test]
fn a_tool_that_breaks_a_rule_is_found_out() {
    let test = ToolTest::new(Arc::new(counting(Effect::Pure)));
    assert!(failure(|| test.repeats(json!({}))).contains("a pure tool gave 0 and then 1"));
    let test = ToolTest::new(Arc::new(counting(Effect::Irreversible)));
    assert!(failure(|| test.repeats(json!({}))).contains("nobody repeats a call of `count`"));
    assert!(failure(|| test.refuses(json!({}))).contains("fits the schema"));
    test.cancels(json!({}));
    assert!(failure(|| test.cancels(json!({"deaf": true}))).contains("ignores its cancellation for 5s"));
    let mut narrow = counting(Effect::Idempotent);
    narrow.0.output_schema = Value::from(json!({"type": "string"}));
    let said = failure(|| ToolTest::new(Arc::new(narrow)).call(json!({})));
    assert!(said.contains("the output of `count` does not fit its schema"), "{said}");
}

#[test]
fn a_tool_that_fails_first_is_tried_again_after_any_crash() {
    let yaml = "nodes: [{id: n, type: llm, provider: echo, model: e, prompt: x}, {id: t, type: tool, tool_name: give, \
                retry_policy: {max_attempts: 2, backoff_seconds: 90, backoff_strategy: fixed}}]";
    let mut give = counting(Effect::Idempotent);
    give.0.name = "give".to_owned();
    let kit = Kit::new().provider(Echo).tool(Arc::new(give)).failing("give", Fails::first(1)).ignoring("t");
    let report = kit.crash_everywhere(yaml, json!({}));
    assert!(report.crashes as u64 == 3 * report.records && report.over > 0, "{report}");
}
