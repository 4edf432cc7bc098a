//! The tools, models, agents and people of the workflow with every kind of node.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::alert::{Alert, AlertSink};
use ice_core::blueprint::AlertChannel;
use ice_core::llm::scripted::{ReadAlong, Script};
use ice_core::llm::{Echo, LlmProvider};
use ice_core::process::{Home, Job, ProcessHost, Report, Verdict};
use ice_core::registry::Registry;
use ice_core::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use ice_orchestrator::testing::{Fails, Kit};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// The workflow.
pub(crate) const KINDS: &str = include_str!("kinds.yaml");

/// Gives its `value`, or the path of its node without; takes a second of its time.
#[derive(Debug)]
struct Giving(ToolSpec);

#[async_trait]
impl Tool for Giving {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, ctx: &ToolContext, input: Value) -> Result<Value, ToolError> {
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
            () = ctx.cancel.cancelled() => return Err(ToolError::cancelled()),
        }
        Ok(input.get("value").cloned().unwrap_or_else(|| Value::from(ctx.path.as_str())))
    }
}

/// Reaches somebody.
#[derive(Debug)]
struct Postman;

#[async_trait]
impl AlertSink for Postman {
    async fn send(&self, _: &ToolContext, _: &Alert) -> Result<(), ToolError> {
        Ok(())
    }
}

/// Runs the interpreters of the machine without a cage, the cheapest way that is real.
#[derive(Debug)]
struct Uncaged;

fn interpret(job: &Job, input: &[u8]) -> std::io::Result<Vec<u8>> {
    // The program of the system starts faster than what may stand before it in the path.
    let of_system = Path::new("/usr/bin").join(&job.program);
    let program = if of_system.exists() { of_system.into_os_string() } else { job.program.clone() };
    let mut child = Command::new(program)
        .args(&job.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input)?;
    Ok(child.wait_with_output()?.stdout)
}

#[async_trait]
impl ProcessHost for Uncaged {
    async fn run(
        &self,
        job: &Job,
        input: Bytes,
        stdout: &mut (dyn AsyncWrite + Send + Unpin),
        _: &CancellationToken,
    ) -> Report {
        let job = job.clone();
        // On a thread for blocking work no time passes.
        let written = tokio::task::spawn_blocking(move || interpret(&job, &input)).await.unwrap();
        stdout.write_all(&written.unwrap()).await.unwrap();
        Report::new(Home::Process, Verdict::Ok)
    }

    fn layers(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    for (name, effect) in [
        ("pure", Effect::Pure),
        ("again", Effect::Idempotent),
        ("flaky", Effect::Idempotent),
        ("undoable", Effect::Compensable),
        ("once", Effect::Irreversible),
    ] {
        let spec = ToolSpec {
            name: name.to_owned(),
            version: "1.0.0".parse().unwrap(),
            description: "Gives its value.".to_owned(),
            input_schema: Value::Bool(true),
            output_schema: Value::Bool(true),
            effect,
            capabilities: Vec::new(),
        };
        registry.tools.register(Arc::new(Giving(spec)) as Arc<dyn Tool>).unwrap();
    }
    for provider in [Arc::new(Echo) as Arc<dyn LlmProvider>, Arc::new(ReadAlong)] {
        registry.providers.register(provider).unwrap();
    }
    registry.alerts.register(AlertChannel::Email, Arc::new(Postman));
    registry
}

pub(crate) fn agent(name: &str, turns: &str) -> String {
    format!(
        r#"{{"name": "{name}", "tools": ["once", "again", "pure"],
             "llm_config": {{"provider": "scripted", "model": "m", "script": {{"turns": [{turns}]}}}}}}"#
    )
}

const GUIDE: &str = r#"
    {"tool_calls": [{"name": "again", "arguments": {"value": 1}}, {"name": "again", "arguments": {"value": 4}},
                    {"name": "once", "arguments": {"value": 2}}, {"name": "pure", "arguments": {"value": 5}}]},
    {"tool_calls": [{"name": "pure", "arguments": {"value": 3}}]},
    {"text": "There."},
    {"json": {"n": 3}}"#;

/// What the workflow with every kind of node needs.
pub(crate) fn kit() -> Kit {
    let says = |proposal: &str, confidence: f64| {
        format!(r#"{{"times": "always", "json": {{"proposal": "{proposal}", "confidence": {confidence}}}}}"#)
    };
    Kit::new()
        .registry(registry())
        .processes(Arc::new(Uncaged))
        .model("vendor", Script::texts(["two of them", r#"{"n": 2}"#]))
        .agent(&agent("guide", GUIDE))
        .agent(&agent("one", &says("blue", 0.9)))
        .agent(&agent("two", &says("blue", 0.8)))
        .blueprint(
            "grow",
            "nodes: [{id: s, type: tool, tool_name: once, tool_args: {value: '{{ inputs.n }}'}}]",
        )
        .blueprint(
            "sub",
            "nodes:
- {id: w, type: tool, tool_name: again, tool_args: {value: '{{ inputs.n }}'}}
- {id: x, type: tool, tool_name: undoable, tool_args: {value: ['{{ w }}', '{{ inputs.n }}']}}",
        )
        .failing("flaky", Fails::first(1))
        .answer("ask", true)
        // How often it looks depends on when others end.
        .ignoring("watch")
}
