//! Carrying out what an intent says: calling tools, running code. Models are asked in a file of their own.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use ice_core::process::{Grants, Home, Policy, ProcessHost, Report, Unenforced, Verdict};
use ice_core::registry::CodeBody;
use ice_core::tools::{ProgressSink, Tool, ToolContext, ToolError, ToolSpec};
use ice_core::value::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::processes::count;
use super::run::RunShared;
use crate::executors::{Completion, StepContext};
use crate::journal::Failure;
use crate::process::code::{self, Surroundings};
use crate::process::grants;
use crate::telemetry::ToolCall;

/// A call of a tool.
pub(super) struct Call<'c> {
    pub(super) tool: &'c dyn Tool,
    pub(super) input: Value,
    /// What a model calls it, if one asked for it.
    pub(super) id: Option<&'c str>,
    /// Whether what it gave before may be given again.
    pub(super) use_cache: bool,
    /// When it began.
    pub(super) began: Instant,
}

impl RunShared {
    /// What a tool is given with a call. What it reports on the way goes to `progress`.
    pub(super) fn tool_context(
        &self,
        path: NodePath,
        (attempt, cancel): (u32, CancellationToken),
        progress: Arc<dyn ProgressSink>,
        processes: Option<Arc<dyn ProcessHost>>,
    ) -> ToolContext {
        ToolContext {
            tenant: self.tenant.clone(),
            run: self.run,
            path,
            attempt,
            cancel,
            grants: Arc::clone(&self.grants),
            limits: self.engine.tool_limits,
            clock: Arc::clone(&self.engine.clock),
            processes,
            isolation: self.confinement.isolation,
            progress: Some(progress),
            memory: None,
        }
    }

    /// Calls a tool. What is to be said of a call that reached outside from inside of this process goes to `observe`; a host
    /// of processes keeps its reports itself.
    pub(super) async fn call(
        &self,
        context: &ToolContext,
        call: Call<'_>,
        observe: impl Fn(Report),
    ) -> Result<Completion, Failure> {
        let Call { tool, input, id, use_cache, began } = call;
        let spec = tool.spec();
        let results = &self.engine.results;
        if use_cache && results.may_keep(tool, &input) {
            let (known, key) = results.look_up(&self.tenant, tool, &input);
            if let Some(value) = known {
                return Ok(Completion { cached: true, ..Completion::from(value) });
            }
            let value = self.reach(tool, context, id, input.clone()).await?;
            results.keep(&self.tenant, tool, (&input, key), &value, began.elapsed());
            return Ok(value.into());
        }
        if !spec.reaches_outside() || tool.home(context.isolation) != Home::InProcess {
            return Ok(self.reach(tool, context, id, input).await?.into());
        }
        let wanted = tool.hosts(&input);
        let called = self.reach(tool, context, id, input).await;
        let report = in_process(
            spec,
            grants::of_run(&self.grants, &spec.capabilities, wanted),
            began.elapsed(),
            &called,
        );
        count(&spec.name, &report);
        observe(report);
        Ok(called?.into())
    }

    /// Calls a tool, whose answer is not known.
    fn reach<'c>(
        &'c self,
        tool: &'c dyn Tool,
        context: &'c ToolContext,
        id: Option<&str>,
        input: Value,
    ) -> impl Future<Output = Result<Value, ToolError>> + Send + 'c {
        let place = (self.run, &context.path);
        let called = (tool.spec().name.as_str(), tool.home(context.isolation) == Home::Mcp);
        let call = ToolCall::begin(place, called, id, &input, self.engine.content());
        let span = call.span();
        tool.call(context, input).instrument(span).inspect(move |ended| call.ended(ended))
    }

    /// Runs a piece of code. What WebAssembly reports goes to `observe`.
    pub(super) async fn execute(
        &self,
        ctx: &StepContext,
        request: &Value,
        processes: Option<Arc<dyn ProcessHost>>,
        observe: impl Fn(Report),
    ) -> Result<Completion, Failure> {
        let surroundings = Surroundings {
            grants: &self.grants,
            limits: self.confinement.limits,
            processes,
            wasm: self.engine.wasm.clone(),
            cancel: &ctx.cancel,
        };
        let module = |name: &str| match &self.plan.code.get(name)?.body {
            CodeBody::Module(bytes) => Some(bytes.clone()),
            CodeBody::Source(..) => None,
        };
        let observe = |report: Report| {
            count(code::LABEL, &report);
            observe(report);
        };
        code::run(request, &surroundings, module, observe).await.map(Completion::from)
    }
}

/// What is to be said of a call that nothing but the tool's own care held to its grants.
fn in_process(spec: &ToolSpec, grants: Grants, took: Duration, called: &Result<Value, ToolError>) -> Report {
    let is_cancelled = called.as_ref().is_err_and(|error| error.code == ErrorCode::RunCancelled);
    let mut report =
        Report::new(Home::InProcess, if is_cancelled { Verdict::Cancelled } else { Verdict::Ok });
    report.usage.wall_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let why = "the tool ran inside of the engine's process".to_owned();
    report.not_enforced = vec![Unenforced { layer: "process".to_owned(), why }];
    report.policy = Some(Box::new(Policy { program: spec.name.clone(), grants, ..Policy::default() }));
    report
}
