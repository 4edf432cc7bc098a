//! Runs commands in cages.

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caged::{Caged, Control};
use super::collect::collect;
use super::find::Launcher;
use super::pool::WarmPool;
use super::prepare::{Keeper, Prepared};
use super::probe;
use super::ways::Ways;
use crate::command::Command;
use crate::error::SandboxError;
use crate::launcher::NAME;
use crate::layer::Layer;
use crate::policy::{Access, Endpoint, Grant, SandboxPolicy};
use crate::report::{Capabilities, RunReport, SetupFailure, Stage};
use crate::secret::Secrets;
use crate::wire::{self, Mount, Spec, Way};

/// How long the launcher may take to accept what it is to do.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Runs commands in cages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ResourceSandbox {
    launcher: Launcher,
    keeper: Keeper,
    /// The ends of cages that were dropped.
    ends: TaskTracker,
}

impl ResourceSandbox {
    /// With the launcher that is found beside the program or in it.
    ///
    /// # Errors
    /// [`SandboxError::NoLauncher`], which says where it was looked for.
    pub fn new() -> Result<Self, SandboxError> {
        Ok(Self { launcher: Launcher::find(None)?, keeper: Keeper::default(), ends: TaskTracker::new() })
    }

    /// With this launcher.
    ///
    /// # Errors
    /// [`SandboxError::NoLauncher`] if there is no such file.
    pub fn with_launcher(path: impl Into<PathBuf>) -> Result<Self, SandboxError> {
        Ok(Self {
            launcher: Launcher::find(Some(&path.into()))?,
            keeper: Keeper::default(),
            ends: TaskTracker::new(),
        })
    }

    /// With whoever knows the secrets that policies name. Without, no command that is given one is run.
    #[must_use]
    pub fn with_secrets(self, secrets: impl Secrets + 'static) -> Self {
        Self { keeper: Keeper::new(secrets), ..self }
    }

    /// Which launcher it uses.
    #[must_use]
    pub fn launcher(&self) -> &Path {
        self.launcher.path()
    }

    /// Waits until nothing is left of the cages that were dropped, and of those that were made ahead and used, neither
    /// processes nor control groups: for a second or so at most. Cancel-safe. A runtime that ends before kills what is left.
    pub async fn settled(&self) {
        // It takes more tasks all the same.
        self.ends.close();
        self.ends.wait().await;
    }

    /// Makes a cage and looks at it from within: what this machine can enforce.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] if not even a cage without any layer can be made.
    pub async fn probe(&self) -> Result<Capabilities, SandboxError> {
        probe::probe(self, &[]).await
    }

    /// The same without layers that are taken for absent.
    #[doc(hidden)]
    pub async fn probe_without(&self, absent: &[Layer]) -> Result<Capabilities, SandboxError> {
        probe::probe(self, absent).await
    }

    /// Starts a command, whose streams and end are left to the caller. Dropping what is returned ends everything that
    /// the command has started.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] if the launcher cannot be started, [`SandboxError::Cancelled`]. What fails later,
    /// [`Caged::wait`] tells.
    pub async fn spawn(
        &self,
        command: &Command,
        policy: &SandboxPolicy,
        cancel: &CancellationToken,
    ) -> Result<Caged, SandboxError> {
        self.ordered(self.prepare(command, policy, cancel).await?, policy, cancel).await
    }

    /// Makes cages of this policy ahead, so many at a time, each for one command. A cage that was made ahead shows the
    /// granted paths as they were then. To be called within a runtime.
    #[must_use]
    pub fn pool(&self, policy: SandboxPolicy, size: usize) -> WarmPool {
        WarmPool::new(self.clone(), policy, size)
    }

    /// Runs a command and collects what it writes. Whatever happens, there is a report; if the command did not run its
    /// verdict is [`Verdict::SetupFailed`](crate::Verdict::SetupFailed). Dropping the future ends everything that the command has started.
    pub async fn run(
        &self,
        command: &Command,
        policy: &SandboxPolicy,
        cancel: &CancellationToken,
    ) -> RunReport {
        match self.spawn(command, policy, cancel).await {
            Ok(caged) => collect(caged, &command.input).await,
            Err(error) => RunReport::not_run(error),
        }
    }

    /// What a command is told, with its secrets.
    pub(super) async fn prepare(
        &self,
        command: &Command,
        policy: &SandboxPolicy,
        cancel: &CancellationToken,
    ) -> Result<Prepared, SandboxError> {
        Prepared::new(command, policy, &self.keeper, cancel).await
    }

    /// Has a cage made, and a command in it.
    pub(super) async fn ordered(
        &self,
        prepared: Prepared,
        policy: &SandboxPolicy,
        cancel: &CancellationToken,
    ) -> Result<Caged, SandboxError> {
        let mut caged = self.launch(policy, cancel).await?;
        // A cage that could not be made says so itself.
        caged.control.order(&prepared, cancel.clone()).await?;
        caged.secrets = prepared.secrets;
        Ok(caged)
    }

    /// Has a cage made in which nothing runs yet.
    pub(super) async fn launch(
        &self,
        policy: &SandboxPolicy,
        cancel: &CancellationToken,
    ) -> Result<Caged, SandboxError> {
        if cancel.is_cancelled() {
            return Err(SandboxError::Cancelled);
        }
        let spec = spec(policy);
        let endpoints = policy.endpoints.iter().cloned().collect();
        let started = Instant::now();
        let stage = Stage::Launcher;
        let failed = |what: &'static str| move |error: std::io::Error| SetupFailure::io(stage, what, &error);
        let spec_bytes =
            wire::encode(&spec).map_err(|error| SetupFailure::io(Stage::Spec, "the policy", &error))?;
        let (ours, theirs) = UnixStream::pair().map_err(failed("making a socket"))?;
        let (input, stdin) = std::io::pipe().map_err(failed("making a pipe"))?;
        let (stdout, output) = std::io::pipe().map_err(failed("making a pipe"))?;
        let (stderr, errors) = std::io::pipe().map_err(failed("making a pipe"))?;
        let (order, orders) = std::io::pipe().map_err(failed("making a pipe"))?;
        let (ways, listening) = UnixStream::pair().map_err(failed("making a socket"))?;
        let mut process = tokio::process::Command::new(self.launcher.path());
        process
            .arg0(NAME)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let process = process.spawn().map_err(|error| {
            SetupFailure::io(stage, &format!("starting {}", self.launcher.path().display()), &error)
        })?;
        // Theirs is closed with it: its end is noticed.
        let theirs = [
            OwnedFd::from(input),
            OwnedFd::from(output),
            OwnedFd::from(errors),
            OwnedFd::from(order),
            OwnedFd::from(listening),
        ];
        hand_over(&ours, &theirs).map_err(failed("handing the streams over"))?;
        drop(theirs);
        ours.set_nonblocking(true).map_err(failed("preparing the socket"))?;
        let mut socket = tokio::net::UnixStream::from_std(ours).map_err(failed("preparing the socket"))?;
        let sent = tokio::time::timeout(PATIENCE, socket.write_all(&spec_bytes));
        match cancel.run_until_cancelled(sent).await {
            None => return Err(SandboxError::Cancelled),
            Some(Ok(Ok(()))) => {}
            // It has ended already, and perhaps said why.
            Some(Ok(Err(error))) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Some(Ok(Err(error))) => {
                return Err(SetupFailure::io(Stage::Spec, "telling the launcher", &error).into());
            }
            Some(Err(_)) => {
                let what = "the launcher does not read what it is to do";
                return Err(SetupFailure::new(Stage::Spec, what).into());
            }
        }
        let open = |fd: OwnedFd| pipe::Receiver::from_owned_fd(fd);
        Ok(Caged {
            stdin: Some(pipe::Sender::from_owned_fd(stdin.into()).map_err(failed("preparing a pipe"))?),
            stdout: Some(open(stdout.into()).map_err(failed("preparing a pipe"))?),
            stderr: Some(open(stderr.into()).map_err(failed("preparing a pipe"))?),
            control: Control::new(
                socket,
                pipe::Sender::from_owned_fd(orders.into()).map_err(failed("preparing a pipe"))?,
                Ways::new(ways, endpoints).map_err(failed("preparing a socket"))?,
                (process, self.ends.clone()),
                started,
                spec.limits.wall,
            ),
            limits: spec.limits.clone(),
            secrets: Vec::new(),
        })
    }
}

fn hand_over(socket: &UnixStream, streams: &[OwnedFd; 5]) -> std::io::Result<()> {
    let streams = streams.each_ref().map(AsFd::as_fd);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(5))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&streams));
    rustix::net::sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// What the launcher is told of a policy.
pub(super) fn spec(policy: &SandboxPolicy) -> Spec {
    let system = policy.profile.system();
    let shown: Vec<Mount> = policy.grants.iter().map(|grant| of_grant(grant, system)).collect();
    // What a grant shows as well is not shown twice: links of the system could not be put there.
    let covered = |path: &Path, access: Access| {
        shown.iter().any(|grant| path.starts_with(&grant.path) && grant.access.covers(access))
    };
    let system = system
        .iter()
        .map(|(path, access)| (Path::new(path), *access))
        .filter(|(path, access)| !covered(path, *access))
        .map(|(path, access)| Mount { path: path.to_owned(), access, system: true });
    let mut mounts: Vec<Mount> = system.collect();
    mounts.extend(shown);
    let optional =
        Layer::ALL.into_iter().filter(|layer| layer.is_optional() && !policy.required.contains(layer));
    Spec {
        limits: policy.limits.clone(),
        mounts,
        ways: ways(&policy.endpoints),
        // What is required is never done without.
        waived: policy.waived.difference(&policy.required).copied().chain(optional).collect(),
        absent: policy.absent.clone(),
    }
}

/// How a grant is shown. It takes nothing away: what runs without it runs with it, too.
fn of_grant(grant: &Grant, system: &[(&str, Access)]) -> Mount {
    let runs = |(path, access): &(&str, Access)| *access == Access::Execute && grant.path.starts_with(path);
    let access = match grant.access {
        Access::Read if system.iter().any(runs) => Access::Execute,
        access @ (Access::Read | Access::Execute | Access::Write) => access,
    };
    Mount { path: grant.path.components().collect(), access, system: false }
}

/// The address that each host has in the cage: its own, or one of loopback that nobody else has.
fn ways(endpoints: &BTreeSet<Endpoint>) -> Vec<Way> {
    let mut hosts: Vec<&str> = Vec::new();
    let mut ways = Vec::new();
    for endpoint in endpoints {
        // They are sorted by host.
        if hosts.last() != Some(&endpoint.host.as_str()) {
            hosts.push(&endpoint.host);
        }
        let number = u8::try_from(hosts.len()).unwrap_or(u8::MAX);
        let inside = match endpoint.address() {
            Some(address) => address,
            None if endpoint.host == "localhost" => Ipv4Addr::LOCALHOST,
            None => Ipv4Addr::new(127, 77, 0, number),
        };
        ways.push(Way { host: endpoint.host.clone(), port: endpoint.port, inside });
    }
    ways
}
