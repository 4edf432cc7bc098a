//! Networks: order, inputs, how many at once, what a failure stops, and what is left of it after a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{json, me, registry, replays, tool};
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::registry::Registry;
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::control::{Caller, Control, Document, Info, Reply, Request, Response, Start};
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::workflow::runtime::NodeStatus;

/// Gives its input `value` back.
const SAME: &str = "nodes: [{id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs }}'}}]";
const FAILS: &str = "nodes: [{id: n, type: tool, tool_name: fail}]";
/// Takes no input but `day`.
const CLOSED: &str = "input_schema: {day: str}
nodes: [{id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs }}'}}]";
const GATE: &str = "nodes: [{id: n, type: tool, tool_name: gate}]";

#[cfg(test)]
fn control(engine: Engine) -> Control {
    let info =
        Info { pid: 1, version: "0".to_owned(), role: "worker".to_owned(), active: Vec::new(), sealed: None };
    Control::new(engine, info)
}

#[cfg(test)]
fn caller() -> Caller {
    Caller { tenant: Tenant::default(), principal: me() }
}

#[cfg(test)]
fn documents(network: &str) -> Vec<Document> {
    let mut documents = vec![Document::network("n.yaml", network)];
    let files = [("same.yaml", SAME), ("fails.yaml", FAILS), ("closed.yaml", CLOSED), ("gate.yaml", GATE)];
    documents.extend(
        files
            .iter()
            .filter(|(name, _)| network.contains(name))
            .map(|(name, text)| Document::new(*name, *text)),
    );
    documents
}

#[cfg(test)]
async fn start(control: &Control, network: &str, inputs: &str) -> RunId {
    let start = Start { documents: documents(network), inputs: json(inputs), options: RunOptions::default() };
    let reply = control.call(&caller(), Request::Start(Box::new(start))).await;
    let Reply::One(Response::Started { run }) = reply else { panic!("{reply:?}") };
    run
}

#[cfg(test)]
async fn show(engine: &Engine, run: RunId) -> RunDocument {
    engine.show(&Tenant::default(), run).await.unwrap()
}

/// Runs a network to its end.
#[cfg(test)]
async fn run(registry: Registry, network: &str, inputs: &str) -> RunDocument {
    let engine = Engine::builder().registry(registry).build();
    let run = start(&control(engine.clone()), network, inputs).await;
    engine.drain().await;
    replays(&engine, run).await;
    show(&engine, run).await
}

/// Where the workflows stand, by id.
#[cfg(test)]
fn statuses(document: &RunDocument) -> Vec<(String, NodeStatus)> {
    let nodes = document.nodes.iter().map(|node| (node.node.to_string(), node.status));
    let mut top: Vec<_> = nodes.filter(|(path, _)| !path.contains('.')).collect();
    top.sort_by(|one, other| one.0.cmp(&other.0));
    top
}

#[tokio::test]
async fn workflows_hand_their_results_on_and_share_what_is_global() {
    let network = "name: n
global: {region: north, day: monday}
workflows:
- {ref: same.yaml, id: last, inputs: {day: '{{ first.n.region }} {{ inputs.day }}'}}
- {ref: same.yaml, id: first, outputs: {n: n}}
- {ref: closed.yaml, id: only, after: last}
";
    let document = run(registry(), network, r#"{"day": "friday"}"#).await;
    let expected = r#"{
        "last": {"n": {"region": "north", "day": "north friday"}},
        "first": {"n": {"region": "north", "day": "friday"}},
        "only": {"n": {"day": "friday"}}}"#;
    assert_eq!((document.status, document.output), (RunStatus::Succeeded, json(expected)));
    assert_eq!((document.blueprint_id.as_str(), document.name.as_str()), ("n", "n"));
}

/// A tool that waits a moment, and the most calls of it at once.
#[cfg(test)]
fn gate() -> (Registry, Arc<AtomicUsize>) {
    let (mut registry, most) = (registry(), Arc::new(AtomicUsize::new(0)));
    let (inside, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let gate = tool("gate", Effect::Pure, move |_, _| {
        let (inside, seen) = (Arc::clone(&inside), Arc::clone(&seen));
        async move {
            seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, ToolError>(Value::Null)
        }
    });
    registry.tools.register(gate).unwrap();
    (registry, most)
}

#[tokio::test]
async fn no_more_workflows_are_under_way_than_it_says() {
    for (line, expected) in [("max_concurrent: 2", 2), ("max_concurrent: 1", 1), ("description: many", 5)] {
        let entries: Vec<String> = (0..8).map(|at| format!("- {{ref: gate.yaml, id: e{at}}}")).collect();
        let network = format!("name: n\n{line}\nworkflows:\n{}\n", entries.join("\n"));
        let (registry, most) = gate();
        let document = run(registry, &network, "{}").await;
        assert_eq!(
            (document.status, most.load(Ordering::SeqCst)),
            (RunStatus::Succeeded, expected),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_failure_stops_only_what_depends_on_it() {
    let network = "name: n
max_concurrent: 1
workflows:
- {ref: fails.yaml, id: bad}
- {ref: same.yaml, id: after_bad, after: [bad]}
- {ref: same.yaml, id: later, inputs: {x: '{{ after_bad.n }}'}}
- {ref: same.yaml, id: good}
- {ref: same.yaml, id: after_good, after: [good]}
";
    let document = run(registry(), network, "{}").await;
    let status = |name: &str, status| (name.to_owned(), status);
    assert_eq!(
        statuses(&document),
        [
            status("after_bad", NodeStatus::Skipped),
            status("after_good", NodeStatus::Succeeded),
            status("bad", NodeStatus::Failed),
            status("good", NodeStatus::Succeeded),
            status("later", NodeStatus::Skipped),
        ]
    );
    assert_eq!(document.status, RunStatus::Failed);
    let halted = run(registry(), &format!("failure_policy: halt\n{network}"), "{}").await;
    assert!(!statuses(&halted).contains(&status("good", NodeStatus::Succeeded)), "{halted:?}");
    let always = run(registry(), &format!("failure_policy: always\n{network}"), "{}").await;
    assert!(statuses(&always).contains(&status("later", NodeStatus::Succeeded)), "{always:?}");
}

#[tokio::test]
async fn what_has_a_schedule_is_not_run_on_demand() {
    let network = "name: n
workflows:
- {ref: same.yaml, id: now}
- {ref: fails.yaml, id: nightly, schedule: '@daily'}
- {ref: fails.yaml, id: after_nightly, after: [nightly, now]}
";
    let document = run(registry(), network, "{}").await;
    assert_eq!(statuses(&document), [("now".to_owned(), NodeStatus::Succeeded)]);
    let engine = Engine::builder().registry(registry()).build();
    let only = "name: n\nworkflows: [{ref: same.yaml, schedule: '@daily'}]\n";
    let start = Start { documents: documents(only), inputs: Value::Null, options: RunOptions::default() };
    let Reply::One(Response::Refused(refusal)) =
        control(engine).call(&caller(), Request::Start(Box::new(start))).await
    else {
        panic!("it was started")
    };
    assert_eq!(
        (refusal.code, refusal.message.as_str()),
        (
            ErrorCode::InputInvalid,
            "every workflow of the network `n` has a schedule, or comes after one that has"
        )
    );
}

#[tokio::test]
async fn a_network_goes_on_where_the_process_before_ended() {
    let network = "name: n
max_concurrent: 2
workflows:
- {ref: same.yaml, id: a}
- {ref: gate.yaml, id: b, after: a}
- {ref: same.yaml, id: c, after: b}
- {ref: same.yaml, id: d, after: b}
";
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let calls = Arc::new(AtomicUsize::new(0));
    let engine = |waits: bool| {
        let (mut registry, calls) = (registry(), Arc::clone(&calls));
        let gate = tool("gate", Effect::Pure, move |ctx, _| {
            let calls = Arc::clone(&calls);
            async move {
                calls.fetch_add(1, Ordering::SeqCst);
                if waits {
                    ctx.cancel.cancelled().await;
                    return Err(ToolError::cancelled());
                }
                Ok(Value::Null)
            }
        });
        registry.tools.register(gate).unwrap();
        let same = tool("same", Effect::Pure, move |_, _| async move { Ok(Value::from(i64::from(waits))) });
        registry.tools.remove("same", None);
        registry.tools.register(same).unwrap();
        Engine::builder()
            .store(Arc::clone(&store) as _, Arc::clone(&blobs) as _)
            .registry(registry)
            .name("one")
            .build()
    };
    let first = engine(true);
    let id = start(&control(first.clone()), network, "{}").await;
    while calls.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.close().await;
    let second = engine(false);
    second.resume_all(&Tenant::default(), &me()).await.unwrap();
    second.drain().await;
    let document = show(&second, id).await;
    // What had ended is not done again: `a` was given by the first engine, `c` and `d` by the second.
    let expected = r#"{"a": {"n": 1}, "b": {"n": null}, "c": {"n": 0}, "d": {"n": 0}}"#;
    assert_eq!((document.status, document.output), (RunStatus::Succeeded, json(expected)));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn diagnostics_of_a_network_and_its_blueprints_stand_beside_each_other() {
    let registry = registry();
    let mut assembly = ice_orchestrator::control::Assembly::new(&registry);
    let wanted = assembly.add(&Document::network(
        "n.yaml",
        "name: n\nworkflows:\n- {ref: a.yaml}\n- {ref: b.yaml, after: [c]}\n",
    ));
    assert_eq!(wanted, ["a.yaml", "b.yaml"]);
    assembly.add(&Document::new("a.yaml", "nodes: [{id: n, type: tool, tool_name: sme}]"));
    assembly.add(&Document::new("b.yaml", SAME));
    let assembled = assembly.check(ice_orchestrator::executable_kinds());
    let found: Vec<String> = assembled.diagnostics().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "n.yaml:4:25: error[UNKNOWN_NODE]: b: after.0: `b` names the node `c`, but there is none of that id in scope",
            "a.yaml:1:40: error[UNKNOWN_TOOL]: n: tool_name: there is no tool `sme`; did you mean `same`?",
        ]
    );
    assert!(assembled.network.is_none());
}
