//! Running programs on behalf of an attempt: within what the run allows, counted, and reported into its journal.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::metrics::{MetricName, counter, gauge, histogram};
use ice_core::path::NodePath;
use ice_core::process::{Home, Job, Limits, ProcessHost, Report, Verdict};
use tokio::io::AsyncWrite;
use tokio_util::sync::CancellationToken;

use super::attempt::Caller;
use super::run::Confinement;
use crate::executors::Observation;
use crate::process::is_of_job;

/// A host of processes for one attempt. What the run allows at most holds for each job, and what comes of it is kept.
#[derive(Debug)]
pub(super) struct Recorder {
    host: Arc<dyn ProcessHost>,
    confinement: Confinement,
    caller: Arc<Caller>,
    address: NodePath,
}

impl Recorder {
    pub(super) fn new(
        host: Arc<dyn ProcessHost>,
        confinement: Confinement,
        caller: Arc<Caller>,
        address: NodePath,
    ) -> Self {
        Self { host, confinement, caller, address }
    }
}

#[async_trait]
impl ProcessHost for Recorder {
    async fn run(
        &self,
        job: &Job,
        input: Bytes,
        stdout: &mut (dyn AsyncWrite + Send + Unpin),
        cancel: &CancellationToken,
    ) -> Report {
        let mut job = job.clone();
        job.limits = job.limits.within(self.confinement.limits);
        job.waive.extend(self.confinement.waive.iter().cloned());
        let active = Active::begin();
        let mut report = self.host.run(&job, input, stdout, cancel).await;
        report.policy = Some(Box::new(job.policy()));
        drop(active);
        count(&job.label, &report);
        self.caller.observe(&self.address, Observation::Report(Box::new(report.clone())));
        report
    }

    fn limits(&self) -> Limits {
        self.confinement.limits.within(self.host.limits())
    }

    fn layers(&self) -> Vec<&'static str> {
        self.host.layers()
    }
}

/// An execution under way: counted down however it ends.
struct Active;

impl Active {
    fn begin() -> Self {
        gauge(MetricName::SandboxActive, &[]).increment(1.0);
        Self
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        gauge(MetricName::SandboxActive, &[]).decrement(1.0);
    }
}

/// The metrics of an execution. `tool` comes from the registry or is a kind of node, so that there are boundedly many.
pub(super) fn count(tool: &str, report: &Report) {
    let usage = &report.usage;
    let seconds = |micros: u64| std::time::Duration::from_micros(micros).as_secs_f64();
    if let Verdict::Trap { kind } = &report.verdict {
        counter(MetricName::WasmTraps, &[("kind", kind)]).increment(1);
    }
    if let Some(fuel) = usage.fuel {
        counter(MetricName::WasmFuel, &[]).increment(fuel);
    }
    for denial in report.denials() {
        counter(MetricName::SandboxDenials, &[("kind", denial.kind.as_str())]).increment(1);
    }
    counter(MetricName::SandboxRuns, &[("tool", tool), ("verdict", report.verdict.name())]).increment(1);
    if let Verdict::SetupFailed { stage, .. } = &report.verdict {
        if !is_of_job(stage) {
            counter(MetricName::SandboxSetupFailures, &[("stage", stage)]).increment(1);
        }
        return;
    }
    if let Some(limit) = report.verdict.limit() {
        counter(MetricName::SandboxLimitHits, &[("limit", limit)]).increment(1);
    }
    histogram(MetricName::SandboxWallSeconds, &[("tool", tool)]).record(seconds(usage.wall_us));
    if report.home == Home::Process {
        histogram(MetricName::SandboxSetupSeconds, &[]).record(seconds(usage.setup_us));
    }
    for (mode, micros) in [("user", usage.cpu_user_us), ("system", usage.cpu_system_us)] {
        counter(MetricName::SandboxCpu, &[("tool", tool), ("mode", mode)]).increment(micros / 1_000);
    }
    let cpu = usage.cpu_user_us.saturating_add(usage.cpu_system_us);
    histogram(MetricName::SandboxCpuSeconds, &[("tool", tool)]).record(seconds(cpu));
    #[expect(clippy::cast_precision_loss, reason = "bytes as a measure: exact up to petabytes")]
    let memory = usage.peak_memory_bytes as f64;
    let labels = [("tool", tool), ("source", report.memory_source.as_str())];
    histogram(MetricName::SandboxPeakMemory, &labels).record(memory);
    for (stream, bytes) in [("stdout", usage.stdout_bytes), ("stderr", usage.stderr_bytes)] {
        counter(MetricName::SandboxOutputBytes, &[("stream", stream)]).increment(bytes);
    }
    for missing in &report.not_enforced {
        counter(MetricName::SandboxLayersMissing, &[("layer", &missing.layer)]).increment(1);
    }
}
