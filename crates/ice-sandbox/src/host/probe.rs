//! What this machine can enforce: found by making a cage, and by what the kernel says about a process in it.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::sandbox::{ResourceSandbox, order};
use crate::error::SandboxError;
use crate::layer::Layer;
use crate::policy::SandboxPolicy;
use crate::report::{Absent, Capabilities, SetupFailure, Stage, Verdict};

pub(super) async fn probe(sandbox: &ResourceSandbox) -> Result<Capabilities, SandboxError> {
    let all = Layer::ALL.into_iter().fold(SandboxPolicy::builder(), |policy, layer| policy.waive(layer));
    let policy = all.build()?;
    let report = sandbox.run_order(&order(None, &policy), &[], &policy, &CancellationToken::new()).await;
    if let Verdict::SetupFailed { failure } = report.verdict {
        return Err(failure.into());
    }
    if report.verdict != Verdict::Ok {
        let what = format!("the process that looks around ended with {:?}", report.verdict);
        return Err(SetupFailure::new(Stage::Launcher, what).into());
    }
    let (mut layers, mut missing) = (report.layers, report.not_enforced);
    let text = report.stdout.text();
    let seen: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(":\t")).collect();
    for (layer, key, holds) in [
        (Layer::NoNewPrivileges, "NoNewPrivs", "1"),
        (Layer::Seccomp, "Seccomp", "2"),
        (Layer::UserNamespace, "CapEff", "0000000000000000"),
        // The first process, and the one that looks around.
        (Layer::PidNamespace, "Processes", "2"),
        // The one to itself.
        (Layer::NetNamespace, "Interfaces", "1"),
    ] {
        let found = seen.get(key).map_or("nothing", |value| value.trim());
        if found != holds && layers.remove(&layer) {
            let why = format!("it was put on, but the kernel says {key} is {found} instead of {holds}");
            missing.push(Absent { layer, why });
        }
    }
    Ok(Capabilities {
        layers,
        missing,
        landlock_abi: report.landlock_abi,
        launcher: sandbox.launcher().display().to_string(),
    })
}
