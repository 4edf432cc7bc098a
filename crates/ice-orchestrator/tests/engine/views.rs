//! What is seen of runs: events, documents, lists, failures and metrics, by a policy; and that journals stay exact but for known secrets.

use std::sync::Arc;

use futures::TryStreamExt as _;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::redact::{KnownSecrets, Preset, Redactor};
use ice_core::registry::Registry;
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, RunError, RunFilter};
use ice_orchestrator::journal::{Outputs, RunOptions, Views};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::common::{json, me, plan, registry, tool};

const MAIL: &str = "ada@example.org";
const KNOWN: &str = "swordfish-0815";

/// A key that is none, put together so that no scanner takes it for one.
#[cfg(test)]
fn key() -> String {
    ["ghp", "_", "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6"].concat()
}

#[cfg(test)]
fn tools() -> Registry {
    let mut registry = registry();
    let tells = tool("tells", Effect::Pure, |_, _| async {
        Ok(Value::map([("text", Value::from(format!("{KNOWN} of {MAIL}, {}", key())))]))
    });
    let breaks = tool("breaks", Effect::Pure, |_, _| async {
        Err(ToolError::failed(ErrorCode::ToolFailed, format!("{KNOWN} of {MAIL}, {}", key())))
    });
    registry.tools.register(tells).unwrap();
    registry.tools.register(breaks).unwrap();
    registry
}

const YAML: &str = "metadata: {name: for ada@example.org}
input_schema: {to: str}
nodes:
- {id: same, type: tool, tool_name: same, tool_args: {value: '{{ inputs.to }}'}}
- {id: tells, type: tool, tool_name: tells}
- {id: breaks, type: tool, tool_name: breaks}";

/// What an engine shows of a run: events, a feed, the document, the list, and how it ended.
#[cfg(test)]
async fn shown(engine: &Engine) -> (String, Value) {
    let tenant = Tenant::default();
    let mut feed = engine.feed(&tenant, None).unwrap();
    let plan = plan(YAML, engine.registry());
    let inputs = Value::map([("to", Value::from(MAIL))]);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &tenant).await.unwrap();
    let end = handle.wait().await.unwrap();
    let mut shown = format!("{:?} {:?}", end.failure, end.failures);
    let mut events = engine.events(&tenant, handle.id(), None, false).await.unwrap();
    while let Some(event) = events.next().await.unwrap() {
        shown += &serde_json::to_string(&event).unwrap();
    }
    while let Some(event) = feed.next().await.unwrap() {
        shown += &serde_json::to_string(&event).unwrap();
        if event.is_last() {
            break;
        }
    }
    let mut document = engine.show(&tenant, handle.id()).await.unwrap();
    let output = std::mem::take(&mut document.output);
    assert!(output == end.output, "{output}");
    shown += &serde_json::to_string(&document).unwrap();
    shown += &serde_json::to_string(&engine.list(&tenant, &RunFilter::default()).await.unwrap()).unwrap();
    (shown, output)
}

#[cfg(test)]
fn strict(outputs: Outputs) -> Views {
    Views::new(Redactor::preset(Preset::Strict).unwrap(), outputs)
}

#[tokio::test]
async fn by_default_secrets_are_masked_and_the_output_is_exact() {
    let engine = Engine::builder().registry(tools()).build();
    let (shown, output) = shown(&engine).await;
    assert!(!shown.contains(&key()) && shown.contains("[redacted: github_token]"), "{shown}");
    assert!(shown.contains(MAIL) && shown.contains(KNOWN), "nobody said that these are to be hidden");
    assert!(output.to_string().contains(&key()), "{output}");
}

#[tokio::test]
async fn a_strict_policy_hides_persons_and_known_secrets_are_not_even_recorded() {
    let known = KnownSecrets::default();
    known.add([KNOWN.to_owned()]).unwrap();
    let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let builder =
        || Engine::builder().registry(tools()).store(Arc::clone(&store) as _, Arc::clone(&blobs) as _);
    let engine = builder().views(strict(Outputs::Exact)).known_secrets(&known).build();
    let (shown, output) = shown(&engine).await;
    for planted in [MAIL, KNOWN, &key()] {
        assert!(!shown.contains(planted), "{planted}: {shown}");
    }
    assert!(output.to_string().contains(MAIL) && output.to_string().contains(&key()), "{output}");
    assert!(output.to_string().contains("[redacted: secret] of"), "{output}");
    let metrics = recorder.handle().render();
    assert!(!metrics.is_empty() && !metrics.contains(&key()) && !metrics.contains(KNOWN), "{metrics}");
    // Whoever reads the same store with another policy sees what the journal has.
    engine.close().await;
    let views = Views::new(Redactor::preset(Preset::None).unwrap(), Outputs::Exact);
    let other = builder().views(views).build();
    let run = other.list(&Tenant::default(), &RunFilter::default()).await.unwrap().remove(0).id;
    let document = serde_json::to_string(&other.show(&Tenant::default(), run).await.unwrap()).unwrap();
    assert!(document.contains(MAIL) && document.contains(&key()) && !document.contains(KNOWN), "{document}");
}

#[tokio::test]
async fn outputs_may_be_hidden_too() {
    let engine = Engine::builder().registry(tools()).views(strict(Outputs::Redacted)).build();
    let (_, output) = shown(&engine).await;
    assert!(
        !output.to_string().contains(MAIL) && output.to_string().contains("[redacted: email]"),
        "{output}"
    );
}

#[tokio::test]
async fn inputs_with_a_known_secret_are_refused() {
    let known = KnownSecrets::default();
    known.add([KNOWN.to_owned()]).unwrap();
    let engine = Engine::builder().registry(tools()).known_secrets(&known).build();
    let plan = plan(YAML, engine.registry());
    let inputs = json(&format!(r#"{{"to": ["so", "{KNOWN}!"]}}"#));
    let refused = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await;
    let Err(RunError::Inputs(_) | RunError::HoldsSecret { .. }) = &refused else { panic!("{refused:?}") };
    let inputs = json(&format!(r#"{{"to": "{KNOWN}!"}}"#));
    let refused =
        engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap_err();
    let said = refused.to_string();
    assert!(
        said.starts_with("the input `to` holds a secret that is known here") && !said.contains(KNOWN),
        "{said}"
    );
    assert!(engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn memory_keeps_what_its_policy_lets_it() {
    let engine = Engine::builder().memory_redactor(Redactor::preset(Preset::Strict).unwrap()).build();
    let memory = engine.memory(&Tenant::default()).await.unwrap();
    memory.remember(ice_core::memory::Write::working(format!("mail {MAIL}"))).await.unwrap();
    let lines: Vec<String> =
        memory.export(ice_core::memory::ExportWhat::default()).try_collect().await.unwrap();
    assert!(lines.concat().contains("mail [redacted: email]"), "{lines:?}");
    engine.close().await;
}
