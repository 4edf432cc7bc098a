//! Nodes that ask people.

use std::sync::Arc;

use crate::common::{json, me, plan, registry};
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::registry::Registry;
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::time::{IdSource, Moment, SystemIds, TestClock};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, Reply, RunError, RunHandle};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::simulation::{self, Call, Choices, Simulation};

const ONE: &str = "nodes:
- {id: before, type: tool, tool_name: same, tool_args: {value: 7}}
- {id: ask, type: human, prompt_message: 'ship {{ before }}?'}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ ask.approved }} {{ ask.response }}'}}";

fn engine() -> Engine {
    Engine::builder().registry(registry()).build()
}

#[cfg(test)]
async fn start(engine: &Engine, yaml: &str) -> RunHandle {
    let plan = plan(yaml, engine.registry());
    engine.start(&plan, json("{}"), RunOptions::default(), &me(), &Tenant::default()).await.unwrap()
}

/// The run once so many questions wait.
#[cfg(test)]
pub(crate) async fn asked(engine: &Engine, run: RunId, many: usize) -> RunDocument {
    let mut events = engine.events(&Tenant::default(), run, None, true).await.unwrap();
    let mut open = 0;
    while let Some(event) = events.next().await.unwrap() {
        match event.event.as_str() {
            "node.asked" => open += 1,
            "node.answered" => open -= 1,
            _ => continue,
        }
        if open == many {
            let document = engine.show(&Tenant::default(), run).await.unwrap();
            if document.questions().count() == many {
                return document;
            }
        }
    }
    panic!("the run ended before it asked")
}

#[cfg(test)]
pub(crate) async fn answer(engine: &Engine, run: RunId, node: &str, response: &str) -> Result<(), RunError> {
    let reply =
        Reply { node: node.parse().unwrap(), response: json(response), comment: None, id: SystemIds.uuid() };
    engine.answer(&Tenant::default(), run, reply, &"user:ann".parse::<Principal>().unwrap()).await
}

#[tokio::test]
async fn a_run_waits_for_its_answer_and_goes_on_with_it() {
    let engine = engine();
    let handle = start(&engine, ONE).await;
    let document = asked(&engine, handle.id(), 1).await;
    assert_eq!(document.status, RunStatus::Waiting);
    let (node, question) = document.questions().next().unwrap();
    assert_eq!((node.as_str(), question.question.message.as_str()), ("ask", "ship 7?"));
    answer(&engine, handle.id(), "ask", "\"yes\"").await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failures);
    assert_eq!(end.output.get("after"), Some(&Value::from("True approve")));
    let ask = end.output.get("ask").unwrap();
    let facts =
        ["response_received", "timeout_occurred", "escalated"].map(|name| ask.get(name).unwrap().as_bool());
    assert_eq!(
        (facts, ask.get("answered_by")),
        ([Some(true), Some(false), Some(false)], Some(&Value::from("user:ann")))
    );
    assert!(ask.get("response_time_seconds").unwrap().as_f64().unwrap() >= 0.0);
}

#[tokio::test]
async fn the_first_answer_counts_and_the_second_is_told_who_was_faster() {
    let engine = engine();
    let handle = start(&engine, ONE).await;
    asked(&engine, handle.id(), 1).await;
    let answers = ["true", "false", "true"].map(|response| answer(&engine, handle.id(), "ask", response));
    let results = futures::future::join_all(answers).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(lost.code(), ErrorCode::QuestionClosed);
        assert!(lost.to_string().contains("answered before: by user:ann at 20"), "{lost}");
    }
    let end = handle.wait().await.unwrap();
    let approved = end.output.get("ask").and_then(|ask| ask.get("approved")).and_then(Value::as_bool);
    assert_eq!(approved, Some(results[1].is_err()));
    let late = answer(&engine, handle.id(), "ask", "true").await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::QuestionClosed);
}

#[tokio::test]
async fn what_is_no_answer_is_refused_with_what_is_wanted() {
    let engine = engine();
    let yaml = "nodes:
- {id: pick, type: human, prompt_message: which?, approval_type: choice, choices: [red, blue]}
- id: data
  type: human
  prompt_message: who?
  approval_type: input_required
  output_schema: {name: str, age: int}
- {id: both, type: tool, tool_name: same, tool_args: {value: '{{ pick.response }} {{ data.response.name }}'}}";
    let handle = start(&engine, yaml).await;
    asked(&engine, handle.id(), 2).await;
    for (node, response, code, part) in [
        ("pick", "\"rde\"", ErrorCode::AnswerInvalid, "one of `red`, `blue`; did you mean `red`?"),
        ("data", "{\"name\": \"Ann\"}", ErrorCode::AnswerInvalid, "does not fit the schema: "),
        ("both", "true", ErrorCode::QuestionClosed, "there are those of `pick`, `data`"),
        ("nowhere", "true", ErrorCode::QuestionClosed, "no question that waits for an answer"),
    ] {
        let error = answer(&engine, handle.id(), node, response).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    // Each has an address of its own, in whatever order they are answered.
    answer(&engine, handle.id(), "data", "{\"name\": \"Ann\", \"age\": 30}").await.unwrap();
    asked(&engine, handle.id(), 1).await;
    answer(&engine, handle.id(), "pick", "\"blue\"").await.unwrap();
    let end = handle.wait().await.unwrap();
    assert_eq!(end.output.get("both"), Some(&Value::from("blue Ann")), "{:?}", end.failures);
}

#[tokio::test]
async fn questions_within_a_loop_have_addresses_of_their_own() {
    let engine = engine();
    let yaml = "nodes:
- id: each
  type: loop
  items_source: '{{ [1, 2, 3] }}'
  parallel: true
  body:
  - {id: ask, type: human, prompt_message: 'item {{ item }}?'}";
    let handle = start(&engine, yaml).await;
    let document = asked(&engine, handle.id(), 3).await;
    let nodes: Vec<String> = document.questions().map(|(node, _)| node.to_string()).collect();
    assert_eq!(nodes, ["each[0].body.ask", "each[1].body.ask", "each[2].body.ask"]);
    for (node, response) in nodes.iter().zip(["true", "false", "true"]).rev() {
        answer(&engine, handle.id(), node, response).await.unwrap();
    }
    let end = handle.wait().await.unwrap();
    let approved: Vec<_> = end
        .output
        .get("each")
        .unwrap()
        .as_list()
        .unwrap()
        .iter()
        .map(|ask| ask.get("approved").unwrap().as_bool())
        .collect();
    assert_eq!(approved, [Some(true), Some(false), Some(true)]);
}

#[tokio::test]
async fn a_run_that_waits_is_cancelled_at_once() {
    let engine = engine();
    let handle = start(&engine, ONE).await;
    asked(&engine, handle.id(), 1).await;
    handle.cancel(&me(), None).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Cancelled);
    let late = answer(&engine, handle.id(), "ask", "true").await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::RunState);
}

#[tokio::test]
async fn another_engine_goes_on_with_the_answer() {
    let (store, blobs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryBlobs::default()));
    let build = || {
        let (store, blobs) = (Arc::clone(&store) as _, Arc::clone(&blobs) as _);
        Engine::builder().registry(registry()).store(store, blobs).build()
    };
    let first = build();
    let handle = start(&first, ONE).await;
    asked(&first, handle.id(), 1).await;
    first.close().await;
    let second = build();
    answer(&second, handle.id(), "ask", "false").await.unwrap();
    let end = second.resume(&Tenant::default(), handle.id(), &me(), None).await;
    let end = match end {
        Ok(handle) => handle.wait().await.unwrap().output.clone(),
        Err(_) => second.show(&Tenant::default(), handle.id()).await.unwrap().output,
    };
    assert_eq!(end.get("after"), Some(&Value::from("False reject")));
}

#[tokio::test]
async fn an_answer_that_comes_after_its_time_does_not_count() {
    let clock = Arc::new(TestClock::new(Moment::from_millis(1_767_225_600_000)));
    let time = (Arc::clone(&clock) as _, Arc::new(SystemIds) as _);
    let engine = Engine::builder().registry(registry()).time(time.0, time.1).build();
    let yaml = "nodes:
- {id: approved, type: human, prompt_message: ok?, timeout_seconds: 3600, auto_approve_after: 60}
- {id: rejected, type: human, prompt_message: ok?, timeout_seconds: 3600}
- {id: escalated, type: human, prompt_message: ok?, timeout_seconds: 3600, escalation_path: boss}";
    let handle = start(&engine, yaml).await;
    asked(&engine, handle.id(), 3).await;
    // Nobody is there to notice: the timers of this machine have hours to go.
    clock.advance(std::time::Duration::from_secs(7_200));
    for (node, response, how) in
        [("approved", "false", "counts as approved"), ("rejected", "true", "counts as rejected")]
    {
        let late = answer(&engine, handle.id(), node, response).await.unwrap_err();
        assert_eq!(late.code(), ErrorCode::QuestionClosed);
        assert!(late.to_string().contains(how), "{late}");
    }
    answer(&engine, handle.id(), "escalated", "true").await.unwrap();
    let end = handle.wait().await.unwrap();
    let flag = |node: &str, name: &str| end.output.get(node).unwrap().get(name).unwrap().as_bool().unwrap();
    assert_eq!(["approved", "rejected", "escalated"].map(|node| flag(node, "approved")), [true, false, true]);
    assert_eq!(
        ["approved", "rejected", "escalated"].map(|node| flag(node, "timeout_occurred")),
        [true, true, false]
    );
    assert!(flag("escalated", "escalated"));
}

#[tokio::test]
async fn many_long_questions_beside_many_nodes_can_be_answered() {
    let engine = engine();
    let yaml = "nodes:
- {id: many, type: loop, items_source: '{{ range(10000) | list }}', body: [{id: n, type: tool, tool_name: same}]}
- {id: more, type: tool, tool_name: same}
- id: each
  type: loop
  items_source: '{{ range(600) | list }}'
  parallel: true
  dependencies: [many, more]
  body: [{id: ask, type: human, prompt_message: '{{ inputs.text }}'}]";
    let plan = plan(yaml, engine.registry());
    let inputs = Value::map([("text", Value::from("x".repeat(60_000)))]);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    asked(&engine, handle.id(), 600).await;
    answer(&engine, handle.id(), "each[599].body.ask", "true").await.unwrap();
    asked(&engine, handle.id(), 599).await;
}

#[tokio::test]
async fn an_answer_to_a_run_that_cannot_go_on_is_refused_and_not_kept() {
    let (store, blobs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryBlobs::default()));
    let build = |registry| {
        let (store, blobs) = (Arc::clone(&store) as _, Arc::clone(&blobs) as _);
        Engine::builder().registry(registry).store(store, blobs).build()
    };
    let first = build(registry());
    let handle = start(&first, ONE).await;
    asked(&first, handle.id(), 1).await;
    first.close().await;
    // The tools of the run are gone.
    let refused = answer(&build(Registry::default()), handle.id(), "ask", "false").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PinMismatch, "{refused}");
    let last = build(registry());
    answer(&last, handle.id(), "ask", "true").await.unwrap();
    let document = last.show(&Tenant::default(), handle.id()).await.unwrap();
    let asked = document.nodes.iter().find(|node| node.node.as_str() == "ask").unwrap().question.as_ref();
    assert_eq!(asked.unwrap().answer.as_ref().unwrap().response, Value::from(true));
}

/// Chooses the first of what could happen: that time passes comes before answers.
struct First;

impl Choices for First {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}

/// What becomes of a question that nobody answers, by a clock that leaps.
#[cfg(test)]
fn unanswered(fields: &str) -> (Value, Vec<String>) {
    let registry = registry();
    let plan = plan(&format!("nodes:\n- {{id: ask, type: human, prompt_message: ok?, {fields}}}"), &registry);
    let never = |_: &Call<'_>| simulation::Reply::never();
    let mut choices = First;
    let run = Simulation::new(&plan, json("{}"), RunOptions::default(), never, &mut choices);
    let finished = run.run().unwrap();
    assert_eq!(finished.status, RunStatus::Succeeded, "{:?}", finished.failures);
    (finished.output.get("ask").unwrap().clone(), finished.trace)
}

#[test]
fn time_approves_escalates_and_rejects_in_this_order() {
    let facts = |output: &Value| {
        let flag = |name: &str| output.get(name).unwrap().as_bool().unwrap();
        let text = output.get("response").unwrap().as_str().unwrap().to_owned();
        (
            flag("approved"),
            flag("timeout_occurred"),
            flag("escalated"),
            text,
            output.get("response_time_seconds").unwrap().as_f64().unwrap(),
        )
    };
    let approved = "Auto-approved after timeout".to_owned();
    let rejected = "Timeout - no response received".to_owned();
    let (output, _) = unanswered("timeout_seconds: 60, auto_approve_after: 5, escalation_path: boss");
    assert_eq!(facts(&output), (true, true, false, approved, 5.0));
    let (output, _) = unanswered("timeout_seconds: 60");
    assert_eq!(facts(&output), (false, true, false, rejected.clone(), 60.0));
    let (output, trace) = unanswered("timeout_seconds: 60, escalation_path: boss");
    assert_eq!(facts(&output), (false, true, true, rejected, 120.0));
    assert!(trace.iter().any(|line| line.contains("Escalated") && line.contains("boss")), "{trace:#?}");
}
