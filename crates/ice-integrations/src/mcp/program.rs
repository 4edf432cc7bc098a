//! Starting a server that is a program, in a cage.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use ice_core::process::{GivenSecret, Grants, Job, ProcessHost, Verdict};
use rmcp::RoleClient;
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio_util::sync::CancellationToken;

use super::bounded::Bounded;
use super::error::Error;
use super::fate::Fate;
use super::manifest::{Program, ServerManifest};
use super::watched::{Watched, how};

/// What is to be run.
pub(super) fn job(name: &str, program: &Program) -> Job {
    let mut words = program.command.iter().map(OsString::from);
    let secrets = program.secrets.iter().map(|(name, secret)| {
        let given = GivenSecret { reference: secret.from.clone(), delivery: secret.delivery };
        (name.clone(), given)
    });
    let (write, execute) = (&program.grants.write, &program.grants.execute);
    // Each path is granted once: what may be run or written may be read.
    let mut read = program.grants.read.clone();
    read.retain(|path| !write.contains(path) && !execute.contains(path));
    Job {
        label: name.to_owned(),
        program: words.next().unwrap_or_default(),
        arguments: words.collect(),
        profile: program.profile,
        environment: program.environment.clone(),
        secrets: secrets.collect::<BTreeMap<_, _>>(),
        grants: Grants {
            read,
            write: write.clone(),
            hosts: program.grants.hosts.clone(),
            ..Grants::default()
        },
        execute: execute.clone(),
        limits: program.limits,
        waive: Vec::new(),
    }
}

/// Starts the program. Its standard streams are the connection, which owns it.
pub(super) async fn start(
    manifest: &ServerManifest,
    program: &Program,
    host: &dyn ProcessHost,
    cancel: &CancellationToken,
    fate: &Arc<Fate>,
) -> Result<impl Transport<RoleClient> + 'static, Error> {
    let server = manifest.name.as_str();
    let mut job = job(server, program);
    job.limits = job.limits.within(host.limits());
    let mut process = host.start(&job, cancel).await.map_err(|report| {
        let is_of_manifest = matches!(report.verdict, Verdict::SetupFailed { .. });
        if is_of_manifest {
            Error::unavailable(server, how(&report))
        } else {
            Error::unreachable(server, how(&report))
        }
    })?;
    let Some(streams) = process.streams() else {
        return Err(Error::unavailable(server, "nothing can be said to it"));
    };
    let most = manifest.patience.message();
    let stdout = Bounded::new(streams.stdout, most, Arc::clone(fate));
    let lines =
        AsyncRwTransport::new_client(stdout, streams.stdin).with_max_line_length(most.saturating_add(2));
    Ok(Watched::new(lines, Some(process), Arc::clone(fate)))
}
