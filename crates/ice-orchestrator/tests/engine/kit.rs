//! The test kit itself: that its assertions and checks fail where they have to.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ice_core::error::ErrorCode;
use ice_core::llm::Echo;
use ice_core::llm::scripted::{FailureKind, Script, Turn};
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::journal::RunStatus;
use ice_orchestrator::testing::{Cassette, Crash, Fails, Kit, Ran, Side, StoreFault, ToolTest};
use serde_json::json;

/// Counts its calls; deaf to its cancellation, or refuses, if asked.
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
        let before = self.1.fetch_add(1, Ordering::SeqCst);
        match input.get("refuse") {
            Some(whom) => Err(ToolError::refused(ErrorCode::AddressRefused, format!("not you, {whom}"))),
            None => Ok(Value::from(before as u64)),
        }
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
fn a_cassette_plays_what_models_answered_and_how_they_failed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("models.json");
    let yaml =
        |prompt: &str| format!("nodes: [{{id: n, type: llm, provider: m, model: x, prompt: {prompt}}}]");
    let failed = |kind| Turn::failure(kind, "no, says hunter2").when_contains("bad");
    let script = |kind| Script { turns: vec![failed(kind), Turn::text("I am hunter2")], ..Script::default() };
    for (kind, code) in [
        (FailureKind::Refused, ErrorCode::ModelRefused),
        (FailureKind::Auth, ErrorCode::ModelAuth),
        (FailureKind::ContextTooLong, ErrorCode::ContextTooLong),
        (FailureKind::Transient, ErrorCode::ModelTransient),
    ] {
        let real = Kit::new().model("m", script(kind)).cassette(Cassette::record(&file).redact("hunter2"));
        let code_of = |ran: &Ran| ran.end.failures.first().unwrap().failure.code;
        assert_eq!(code_of(&real.run(&yaml("bad"), json!({}))), code, "{kind:?}");
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(written.contains("no, says [redacted]") && !written.contains("hunter2"), "{written}");
        // A model that would answer otherwise is not asked.
        let other = Kit::new().model("m", Script::texts(["other"]));
        let played =
            other.clone().cassette(Cassette::play(&file).redact("hunter2")).run(&yaml("bad"), json!({}));
        let failure = &played.end.failures.first().unwrap().failure;
        assert_eq!((failure.code, failure.message.contains("[redacted]")), (code, true), "{failure:?}");
        let kit = other.clone().cassette(Cassette::play(&file));
        let said = self::failure(|| kit.run(&yaml("good"), json!({})));
        assert!(said.contains("no answer to this call of the model provider `m` at `n`"), "{said}");
        other
            .cassette(Cassette::extend(&file))
            .run(&yaml("good"), json!({}))
            .succeeded()
            .has("n.text", "other");
        let kit = Kit::new().model("m", Script::texts(["third"])).cassette(Cassette::play(&file));
        kit.run(&yaml("good"), json!({})).succeeded().has("n.text", "other");
    }
    // An answer that is none is told with the file.
    let broken = std::fs::read_to_string(&file).unwrap().replace("\"finish\"", "\"finnish\"");
    std::fs::write(&file, broken).unwrap();
    let ran = Kit::new()
        .model("m", Script::default())
        .cassette(Cassette::play(&file))
        .run(&yaml("good"), json!({}));
    let failure = &ran.end.failures.first().unwrap().failure;
    assert!(failure.message.contains("models.json has an answer that is none"), "{failure:?}");
}

#[test]
fn a_cassette_plays_how_tools_failed_and_leaves_pure_ones_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.json");
    let refused = "nodes: [{id: n, type: tool, tool_name: count, tool_args: {refuse: hunter2}}]";
    let tool = counting(Effect::Idempotent);
    let kit = Kit::new().tool(Arc::new(tool.clone()));
    for cassette in [Cassette::record(&file), Cassette::play(&file)] {
        let plays = file.exists();
        let ran = kit.clone().cassette(cassette.redact("hunter2")).run(refused, json!({}));
        let failure = &ran.end.failures.first().unwrap().failure;
        let said = if plays { "not you, \"[redacted]\"" } else { "not you, \"hunter2\"" };
        assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::AddressRefused, said));
        assert_eq!(tool.1.load(Ordering::SeqCst), 1);
    }
    // What is pure is called each time, and is not on the cassette.
    let pure = counting(Effect::Pure);
    let kit = Kit::new().tool(Arc::new(pure.clone()));
    kit.clone().cassette(Cassette::record(&file)).run(ONE, json!({})).succeeded();
    kit.cassette(Cassette::extend(&file)).run(ONE, json!({})).succeeded();
    assert_eq!(pure.1.load(Ordering::SeqCst), 2);
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
