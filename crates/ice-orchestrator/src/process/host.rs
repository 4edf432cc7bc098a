//! The port for running programs, carried out by cages.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ice_core::process::{
    Home, HostGrant, Job, Limits, ProcessHost, Profile, Report, RunningProcess, SecretDelivery, Traffic,
    Unenforced, Usage, Verdict,
};
use ice_sandbox::{
    Access, Command, Delivery, End, Endpoint, Layer, PolicyBuilder, ResourceSandbox, SandboxPolicy,
    SecretRef, SetupFailure, Stage,
};
use tokio::io::AsyncWrite;
use tokio_util::sync::CancellationToken;

use super::kept::{Counted, Kept};
use super::running::Running;

/// The stages at which it is the job that cannot be carried out, and not the machine that makes no cages: its policy, a
/// program that is not there or cannot be run, a path that cannot be opened, a secret that cannot be had.
const POLICY: &str = "policy";
pub(super) const MISSING_PROGRAM: &str = "finding the program";
const PROGRAM: &str = "running the program";
const GRANT: &str = "opening a granted path";
const SECRET: &str = "giving it a secret";

/// Whether a job failed at a stage that says nothing of the machine.
pub(crate) fn is_of_job(stage: &str) -> bool {
    [POLICY, MISSING_PROGRAM, PROGRAM, GRANT, SECRET].contains(&stage)
}

/// Runs programs in cages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SandboxHost {
    sandbox: ResourceSandbox,
}

impl SandboxHost {
    /// With these cages, which know who has the secrets that jobs are given ([`ResourceSandbox::with_secrets`]).
    #[must_use]
    pub const fn new(sandbox: ResourceSandbox) -> Self {
        Self { sandbox }
    }
}

#[async_trait]
impl ProcessHost for SandboxHost {
    async fn run(
        &self,
        job: &Job,
        input: Bytes,
        stdout: &mut (dyn AsyncWrite + Send + Unpin),
        cancel: &CancellationToken,
    ) -> Report {
        let policy = match policy(job) {
            Ok(policy) => policy,
            Err(what) => return not_run(POLICY, what),
        };
        let command = Command::new(&job.program).args(&job.arguments);
        let mut caged = match self.sandbox.spawn(&command, &policy, cancel).await {
            Ok(caged) => caged,
            Err(ice_sandbox::SandboxError::Setup(failure)) => {
                return Report::new(Home::Process, not_set_up(failure));
            }
            Err(ice_sandbox::SandboxError::Cancelled) => {
                return Report::new(Home::Process, Verdict::Cancelled);
            }
            Err(error) => return not_run("launcher", error.to_string()),
        };
        let mut stderr = Kept::default();
        let mut stdout = Counted { inner: stdout, bytes: 0 };
        let (mut out, mut err) = (caged.masked(&mut stdout), caged.masked(&mut stderr));
        let end = caged.copy(&*input, &mut out, &mut err).await;
        if let Err(error) = tokio::try_join!(out.finish(), err.finish()) {
            tracing::warn!(%error, "the end of an output was not taken");
        }
        let mut report = report(end);
        report.usage.stdout_bytes = stdout.bytes;
        report.usage.stderr_bytes = stderr.total();
        report.stderr = stderr.text();
        report
    }

    async fn start(
        &self,
        job: &Job,
        cancel: &CancellationToken,
    ) -> Result<Box<dyn RunningProcess>, Box<Report>> {
        let policy = policy_of(job, Span::Lasting).map_err(|what| Box::new(not_run(POLICY, what)))?;
        let command = Command::new(&job.program).args(&job.arguments);
        match self.sandbox.spawn(&command, &policy, cancel).await {
            Ok(caged) => Ok(Box::new(Running::new(caged))),
            Err(ice_sandbox::SandboxError::Setup(failure)) => {
                Err(Box::new(Report::new(Home::Process, not_set_up(failure))))
            }
            Err(ice_sandbox::SandboxError::Cancelled) => {
                Err(Box::new(Report::new(Home::Process, Verdict::Cancelled)))
            }
            Err(error) => Err(Box::new(not_run("launcher", error.to_string()))),
        }
    }

    fn layers(&self) -> Vec<&'static str> {
        Layer::ALL.iter().map(|layer| layer.as_str()).collect()
    }
}

fn not_run(stage: &str, what: String) -> Report {
    Report::new(Home::Process, Verdict::SetupFailed { stage: stage.to_owned(), what, hint: None })
}

fn not_set_up(failure: SetupFailure) -> Verdict {
    let SetupFailure { stage, what, errno, hint } = failure;
    let stage = match stage {
        Stage::Exec if errno == Some(rustix::io::Errno::NOENT.raw_os_error()) => MISSING_PROGRAM.to_owned(),
        Stage::Exec => PROGRAM.to_owned(),
        Stage::Grant => GRANT.to_owned(),
        Stage::Secret => SECRET.to_owned(),
        Stage::Launcher | Stage::Spec | Stage::Layer(_) | Stage::Fork | Stage::Ways => stage.to_string(),
    };
    Verdict::SetupFailed { stage, what, hint }
}

/// Whether a job runs to its end, or goes on until somebody ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Once,
    Lasting,
}

/// The longest that a cage lasts.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a job may do, in the words of cages.
pub(super) fn policy(job: &Job) -> Result<SandboxPolicy, String> {
    policy_of(job, Span::Once)
}

fn policy_of(job: &Job, span: Span) -> Result<SandboxPolicy, String> {
    let mut builder = limited(SandboxPolicy::of(profile(job.profile)), &job.limits);
    if span == Span::Lasting {
        builder = builder.limit(|own| {
            // What is usual for a program that runs to its end would end one that goes on.
            own.cpu = job.limits.cpu_ms.map(Duration::from_millis);
            own.wall = LONGEST;
            own.idle = None;
        });
    }
    let paths = [
        (&job.grants.read, Access::Read),
        (&job.execute, Access::Execute),
        (&job.grants.write, Access::Write),
    ];
    for (paths, access) in paths {
        builder = paths.iter().fold(builder, |builder, path| builder.grant(path, access));
    }
    for host in &job.grants.hosts {
        builder = builder.connect(endpoint(host)?);
    }
    for (name, value) in &job.environment {
        builder = builder.environment(name, value);
    }
    for (name, secret) in &job.secrets {
        let delivery = match secret.delivery {
            SecretDelivery::File => Delivery::File,
            SecretDelivery::Variable => Delivery::Variable,
        };
        builder = builder.secret_as(name, SecretRef::new(secret.reference.as_str()), delivery);
    }
    for layer in &job.waive {
        builder = builder.waive(layer.parse()?);
    }
    builder.build().map_err(|error| error.to_string())
}

const fn profile(profile: Profile) -> ice_sandbox::Profile {
    match profile {
        Profile::Binary => ice_sandbox::Profile::Binary,
        Profile::Shell => ice_sandbox::Profile::Shell,
        Profile::Python => ice_sandbox::Profile::Python,
        Profile::Node => ice_sandbox::Profile::Node,
        Profile::Jvm => ice_sandbox::Profile::Jvm,
    }
}

/// A host as it is granted to runs: a name stands for the public addresses it leads to, `localhost` for this machine,
/// and an address for itself.
fn endpoint(grant: &HostGrant) -> Result<Endpoint, String> {
    if grant.host.starts_with('*') {
        return Err(format!("`{grant}` is a pattern: in a cage every host is granted by its name"));
    }
    let endpoint: Endpoint = grant.to_string().parse().map_err(|error| format!("{error}"))?;
    Ok(if grant.host == "localhost" { endpoint.private() } else { endpoint })
}

/// What a kind of program may use where nothing else is said.
pub(super) fn defaults(profile: Profile) -> Limits {
    let own = self::profile(profile).limits();
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Limits {
        wall_ms: Some(millis(own.wall)),
        idle_ms: own.idle.map(millis),
        cpu_ms: own.cpu.map(millis),
        memory_bytes: own.memory,
        processes: Some(own.processes),
        open_files: Some(own.open_files),
        file_bytes: Some(own.file_size),
        workspace_bytes: Some(own.workspace),
        output_bytes: Some(own.output),
        fuel: None,
    }
}

fn limited(builder: PolicyBuilder, limits: &Limits) -> PolicyBuilder {
    let span = |millis: u64| Duration::from_millis(millis);
    builder.limit(|own| {
        own.wall = limits.wall_ms.map_or(own.wall, span);
        own.idle = limits.idle_ms.map(span).or(own.idle);
        own.cpu = limits.cpu_ms.map(span).or(own.cpu);
        own.memory = limits.memory_bytes.or(own.memory);
        own.processes = limits.processes.unwrap_or(own.processes);
        own.open_files = limits.open_files.unwrap_or(own.open_files);
        own.file_size = limits.file_bytes.unwrap_or(own.file_size);
        own.workspace = limits.workspace_bytes.unwrap_or(own.workspace);
        own.output = limits.output_bytes.unwrap_or(own.output);
    })
}

/// The end of a caged command in the words of reports.
pub(super) fn report(end: End) -> Report {
    let End { verdict, usage, layers, not_enforced, traffic, broken } = end;
    for broken in broken {
        tracing::warn!(stream = ?broken.stream, side = ?broken.side, why = broken.why, "a stream of a caged command broke");
    }
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Report {
        home: Home::Process,
        verdict: verdict_of(verdict),
        usage: Usage {
            wall_us: micros(usage.wall),
            setup_us: micros(usage.setup),
            cpu_user_us: micros(usage.cpu_user),
            cpu_system_us: micros(usage.cpu_system),
            peak_memory_bytes: usage.peak_memory,
            ..Usage::default()
        },
        memory_source: match usage.memory_source {
            ice_sandbox::MemorySource::Polled => "polled",
            ice_sandbox::MemorySource::LargestProcess => "largest_process",
            ice_sandbox::MemorySource::Group => "group",
        }
        .to_owned(),
        stderr: String::new(),
        policy: None,
        layers: layers.iter().map(|layer| layer.as_str().to_owned()).collect(),
        not_enforced: not_enforced
            .into_iter()
            .map(|absent| Unenforced { layer: absent.layer.as_str().to_owned(), why: absent.why })
            .collect(),
        traffic: traffic
            .into_iter()
            .map(|carried| Traffic {
                endpoint: carried.endpoint,
                connections: carried.connections,
                refused: carried.refused,
                cut: carried.cut,
                sent: carried.sent,
                received: carried.received,
            })
            .collect(),
    }
}

fn verdict_of(verdict: ice_sandbox::Verdict) -> Verdict {
    use ice_sandbox::Verdict as Caged;
    match verdict {
        Caged::Ok => Verdict::Ok,
        Caged::ExitCode { code } => Verdict::ExitCode { code },
        Caged::Signal { signal } => Verdict::Signal { signal },
        Caged::WallTimeout => Verdict::WallTimeout,
        Caged::IdleTimeout => Verdict::IdleTimeout,
        Caged::CpuLimit => Verdict::CpuLimit,
        Caged::MemoryLimit => Verdict::MemoryLimit,
        Caged::ProcessLimit => Verdict::ProcessLimit,
        Caged::OutputLimit => Verdict::OutputLimit,
        Caged::FileSize => Verdict::FileSize,
        Caged::Denied => Verdict::Denied,
        Caged::Cancelled => Verdict::Cancelled,
        Caged::Lost => Verdict::Lost,
        Caged::SetupFailed { failure } => not_set_up(failure),
    }
}
