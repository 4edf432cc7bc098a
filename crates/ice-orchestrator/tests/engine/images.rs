//! Pictures that llm and agent nodes show.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::{Part, Request, Role};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::value::{BlobHash, BlobRef, Value};
use ice_orchestrator::engine::{Engine, RunEnd};
use ice_orchestrator::journal::{RunOptions, RunStatus};

use crate::agents::worker;
use crate::common::{json, me, plan, replays};
use crate::people::{answer, asked};

#[cfg(test)]
fn picture(content: &str) -> Value {
    let media_type = "image/png".to_owned();
    let size = content.len() as u64;
    Value::Blob(Arc::new(BlobRef { hash: BlobHash::of(content.as_bytes()), media_type, size }))
}

#[cfg(test)]
fn inputs() -> Value {
    Value::map([
        ("one", picture("one")),
        ("more", Value::list([picture("two"), Value::Null, picture("three")])),
        ("none", Value::Null),
        ("text", Value::from("a")),
        ("many", Value::list((0..16).map(|n| picture(&n.to_string())))),
    ])
}

const ANSWER: &str = r#"[{"text": "A cat."}]"#;

const KINDS: [&str; 2] = [
    "type: llm, provider: scripted, model: m, prompt: What is it?",
    "type: agent, package: worker, agent_config: {task: What is it?}",
];

/// Runs a node of this kind that shows this.
#[cfg(test)]
async fn run(kind: &str, images: &str) -> (Arc<RunEnd>, Vec<Request>) {
    let (registry, model) = worker(|_| {}, ANSWER);
    let same = "{id: same, type: tool, tool_name: same, tool_args: {value: '{{ inputs.one }}'}}";
    let plan = plan(&format!("nodes: [{{id: n, {kind}, images: [{images}]}}, {same}]"), &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle = engine.start(&plan, inputs(), RunOptions::default(), &me(), &Tenant::default()).await;
    let end = handle.unwrap().wait().await.unwrap();
    replays(&engine, end.id).await;
    (end, model.requests())
}

/// The last message of a request: its text first, then what else it has.
#[cfg(test)]
fn shown(request: &Request) -> Vec<Value> {
    let message = request.messages.last().unwrap();
    assert_eq!(message.role, Role::User);
    let [Part::Text { text }, rest @ ..] = message.parts.as_slice() else { panic!("{message:?}") };
    assert_eq!(text, "What is it?");
    let blob = |part: &Part| {
        let Part::Blob { blob } = part else { panic!("{part:?}") };
        Value::Blob(Arc::new(blob.clone()))
    };
    rest.iter().map(blob).collect()
}

#[tokio::test]
async fn pictures_follow_what_is_said_in_the_same_message() {
    for kind in KINDS {
        // One of a node makes it wait for that node.
        for images in [
            "'{{ inputs.one }}', '{{ inputs.none }}', '{{ inputs.more }}'",
            "'{{ same }}', '{{ inputs.more }}'",
            "'{{ [inputs.one] + inputs.more }}'",
        ] {
            let (end, requests) = run(kind, images).await;
            assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
            assert_eq!(shown(&requests[0]), [picture("one"), picture("two"), picture("three")]);
        }
        let (_, requests) = run(kind, "'{{ inputs.none }}'").await;
        assert_eq!(shown(&requests[0]), []);
        let (_, requests) = run(kind, "'{{ inputs.many }}'").await;
        assert_eq!(shown(&requests[0]).len(), 16);
    }
}

#[tokio::test]
async fn what_is_no_picture_fails_the_node_and_says_which_entry_it_is() {
    let cases = [
        ("'{{ inputs.one }}', '{{ inputs.text }}'", "images.1", "this is string"),
        ("cat.png", "images.0", "this is string"),
        ("'{{ [inputs.one, [inputs.one]] }}'", "images.0.1", "this is array"),
        ("'{{ inputs }}'", "images.0", "this is object"),
        ("'{{ 1 > 0 }}'", "images.0", "this is boolean"),
        ("'{{ [1] }}'", "images.0.0", "this is number"),
        ("'{{ inputs.many }}', '{{ inputs.one }}'", "images.1", "at most 16"),
    ];
    for kind in KINDS {
        for (images, place, what) in cases {
            let (end, requests) = run(kind, images).await;
            let failure = &end.failures[0].failure;
            assert_eq!((end.status, failure.code), (RunStatus::Failed, ErrorCode::InputInvalid), "{images}");
            assert!(failure.message.starts_with(&format!("`{place}`: ")), "{failure}");
            assert!(failure.message.contains(what), "{failure}");
            assert_eq!(failure.about.as_ref().map(|about| about.field.as_str()), Some(place));
            assert_eq!(requests.len(), 0, "nothing is asked");
        }
    }
}

#[tokio::test]
async fn pictures_are_shown_with_memory_and_again_with_a_second_question() {
    let turns = r#"[{"text": "No number."}, {"json": {"n": 1}}]"#;
    let (registry, model) = worker(|_| {}, turns);
    let node = format!("{}, memory_aware: true, output_schema: {{n: int}}", KINDS[0]);
    let plan = plan(&format!("nodes: [{{id: n, {node}, images: ['{{{{ inputs.one }}}}']}}]"), &registry);
    let engine = Engine::builder().registry(registry).build();
    let handle = engine.start(&plan, inputs(), RunOptions::default(), &me(), &Tenant::default()).await;
    let end = handle.unwrap().wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{end:?}");
    assert_eq!(end.output.get("n").and_then(|output| output.get("prompt")), Some(&json(r#""What is it?""#)));
    replays(&engine, end.id).await;
    let requests = model.requests();
    assert_eq!(shown(&requests[0]), [picture("one")]);
    let blobs = |request: &Request| {
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        parts.filter(|part| matches!(part, Part::Blob { .. })).count()
    };
    assert_eq!((requests.len(), blobs(&requests[1])), (2, 1));
}

#[tokio::test]
async fn a_run_that_waited_shows_its_pictures_in_another_process() {
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let build = || {
        let (registry, model) = worker(|_| {}, ANSWER);
        (Engine::builder().registry(registry).store(store.clone(), blobs.clone()).build(), model)
    };
    let (first, _) = build();
    let nodes = format!(
        "nodes: [{{id: ok, type: human, prompt_message: May I?, approval_type: approve_reject}},
                 {{id: n, {}, dependencies: [ok], images: ['{{{{ inputs.one }}}}']}}]",
        KINDS[0]
    );
    let plan = plan(&nodes, first.registry());
    let handle =
        first.start(&plan, inputs(), RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    asked(&first, handle.id(), 1).await;
    first.drain().await;
    first.close().await;
    let (second, model) = build();
    answer(&second, handle.id(), "ok", "true").await.unwrap();
    second.drain().await;
    let document = second.show(&Tenant::default(), handle.id()).await.unwrap();
    assert_eq!(document.status, RunStatus::Succeeded, "{document:?}");
    assert_eq!(shown(&model.requests()[0]), [picture("one")]);
    replays(&second, handle.id()).await;
}
