//! Cages for commands, where there are any: on Linux. Elsewhere everything here says that there are none.

use ice_core::error::ErrorCode;
use ice_sandbox::SetupFailure;

use crate::exit::Exit;
use crate::fault::Fault;

#[cfg(not(target_os = "linux"))]
pub(crate) use absent::{host, probe, run, version};
#[cfg(target_os = "linux")]
pub(crate) use present::{host, probe, run, version};

/// Why a command was not run.
pub(crate) fn fault(failure: &SetupFailure) -> Fault {
    let message = format!("nothing was run: {}: {}", failure.stage, failure.what);
    let fault = Fault::new(ErrorCode::SandboxSetup, message).exit(Exit::NoCage);
    match &failure.hint {
        Some(hint) => fault.help(hint),
        None => fault,
    }
}

#[cfg(target_os = "linux")]
mod present {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use ice_core::process::ProcessHost;
    use ice_core::redact::KnownSecrets;
    use ice_orchestrator::process::SandboxHost;
    use ice_sandbox::{
        Capabilities, Command, End, Layer, Profile, ResourceSandbox, SandboxError, SandboxPolicy, SecretRef,
        Usage, Verdict,
    };
    use tokio_util::sync::CancellationToken;

    use super::{ErrorCode, Exit, Fault, fault};
    use crate::redaction::learn;
    use crate::signals::Signals;

    /// How long a program may take to say which version it is.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Runs programs for runs, in cages. What secrets they are given is known from then on.
    pub(crate) fn host(known: &KnownSecrets) -> Result<Arc<dyn ProcessHost>, Fault> {
        let known = known.clone();
        let secrets = move |reference: &SecretRef| {
            let found = crate::secrets::resolve(reference)?;
            learn(&known, std::str::from_utf8(found.expose()).ok().map(str::to_owned));
            Ok(found)
        };
        Ok(Arc::new(SandboxHost::new(sandbox()?.with_secrets(secrets))))
    }

    /// What cages of this machine hold.
    pub(crate) async fn probe() -> Result<Capabilities, Fault> {
        sandbox()?.probe().await.map_err(refused)
    }

    /// What a program says of its version, and how it ended saying so, without these layers.
    pub(crate) async fn version(
        program: &str,
        profile: Profile,
        without: &BTreeSet<Layer>,
    ) -> Result<(String, Verdict), Fault> {
        let policy = without.iter().fold(SandboxPolicy::of(profile), |policy, layer| policy.waive(*layer));
        let policy =
            policy.limit(|limits| limits.wall = PATIENCE).build().map_err(|error| refused(error.into()))?;
        let command = Command::new(program).arg("--version");
        let sandbox = sandbox()?;
        let report = sandbox.run(&command, &policy, &CancellationToken::new()).await;
        Ok((report.stdout.text(), report.verdict))
    }

    /// Runs a command with the streams of this process. A signal cancels it; after a second one nothing is waited for,
    /// and there is no end to tell of.
    pub(crate) async fn run(command: &Command, policy: &SandboxPolicy) -> Result<Option<End>, Fault> {
        let mut signals = Signals::listen()?;
        let cancel = CancellationToken::new();
        let sandbox = sandbox()?.with_secrets(crate::secrets::resolve);
        let mut caged = match sandbox.spawn(command, policy, &cancel).await {
            Ok(caged) => caged,
            Err(SandboxError::Cancelled) => return Ok(None),
            Err(SandboxError::Setup(failure)) => {
                return Ok(Some(End {
                    verdict: Verdict::SetupFailed { failure },
                    usage: Usage::default(),
                    layers: BTreeSet::new(),
                    not_enforced: Vec::new(),
                    traffic: Vec::new(),
                    broken: Vec::new(),
                }));
            }
            Err(error @ (SandboxError::Policy(_) | SandboxError::NoLauncher { .. })) => {
                return Err(refused(error));
            }
        };
        let copied = caged.copy(tokio::io::stdin(), tokio::io::stdout(), tokio::io::stderr());
        tokio::pin!(copied);
        tokio::select! {
            end = &mut copied => return Ok(Some(end)),
            _ = signals.next() => cancel.cancel(),
        }
        tokio::select! {
            end = &mut copied => Ok(Some(end)),
            _ = signals.next() => Ok(None),
        }
    }

    /// Cages that this program makes itself: a launcher that lies beside it may be of another version.
    fn sandbox() -> Result<ResourceSandbox, Fault> {
        let own = ResourceSandbox::with_launcher("/proc/self/exe");
        own.or_else(|_| ResourceSandbox::new()).map_err(refused)
    }

    fn refused(error: SandboxError) -> Fault {
        match error {
            SandboxError::Setup(failure) => fault(&failure),
            SandboxError::Policy(error) => Fault::usage(error.to_string()),
            SandboxError::NoLauncher { .. } | SandboxError::Cancelled => {
                Fault::new(ErrorCode::SandboxSetup, error.to_string()).exit(Exit::NoCage)
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod absent {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use ice_core::process::ProcessHost;
    use ice_core::redact::KnownSecrets;
    use ice_sandbox::{Capabilities, Command, End, Layer, Profile, SandboxPolicy, Verdict};

    use super::{ErrorCode, Exit, Fault};

    pub(crate) fn host(_: &KnownSecrets) -> Result<Arc<dyn ProcessHost>, Fault> {
        Err(none())
    }

    pub(crate) async fn probe() -> Result<Capabilities, Fault> {
        Err(none())
    }

    pub(crate) async fn version(
        _: &str,
        _: Profile,
        _: &BTreeSet<Layer>,
    ) -> Result<(String, Verdict), Fault> {
        Err(none())
    }

    pub(crate) async fn run(_: &Command, _: &SandboxPolicy) -> Result<Option<End>, Fault> {
        Err(none())
    }

    fn none() -> Fault {
        Fault::new(ErrorCode::SandboxSetup, "there are no cages on this system")
            .help("they are made of what Linux has; run this in a virtual machine or a container with Linux")
            .exit(Exit::NoCage)
    }
}
