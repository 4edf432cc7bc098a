//! `ice network run`.

use std::time::Duration;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_orchestrator::control::{Request, Response, Start};

use super::keep::keep;
use super::list::table;
use crate::commands::{run, worker};
use crate::data::{DataFolder, Link, LinkError, Remote};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::shell::Shell;

/// Runs every workflow of a network that has no schedule and comes after none that has, each after those it needs; a
/// failure stops only what comes after it. Ends as `ice run` does.
#[derive(Debug, Args)]
#[command(mut_arg("file", |file| file.help("The network, JSON or YAML; `-` is standard input")))]
pub(super) struct RunNetwork {
    /// Stay and start what has a schedule when it is due, until Ctrl-C; with --detach a worker in the background does
    #[arg(long)]
    scheduled: bool,
    #[command(flatten)]
    run: run::Run,
}

impl RunNetwork {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        if !self.scheduled {
            return self.run.run_network(shell);
        }
        let (start, network, detach) = self.run.network(shell)?;
        let name = network.network.name;
        if !network.network.workflows.iter().any(|entry| entry.schedule.is_some()) {
            let message = format!("no workflow of the network `{name}` has a schedule");
            return Err(Fault::usage(message).help("without `--scheduled` it is run once"));
        }
        if start.options.idempotency_key.is_some() {
            return Err(Fault::usage("each time of a schedule has an idempotency key of its own")
                .help("leave `--idempotency-key` out"));
        }
        let folder = DataFolder::of(shell)?;
        if detach {
            shell.block_on(hand_over(shell, &folder, start))
        } else {
            shell.block_on(keep(shell, &folder, start, name.as_str()))
        }
    }
}

/// Leaves the schedules to the owner of the folder, or to a worker that is started for them.
async fn hand_over(shell: &Shell, folder: &DataFolder, start: Start) -> Result<Exit, Fault> {
    folder.prepare()?;
    let link = Link::Remote(Remote::of(folder));
    for _ in 0..3 {
        worker::ensure(folder, Duration::from_secs(10)).await?;
        match link.call(Request::Schedule(Box::new(start.clone()))).await {
            Ok(Response::Schedules { schedules }) => {
                if shell.screen.json {
                    shell.screen.document(&schedules)?;
                } else {
                    shell.screen.line(table(shell, &schedules))?;
                }
                if let Ok(Response::Info(info)) = link.call(Request::Info).await
                    && info.role != "worker"
                {
                    shell.screen.note(format_args!(
                        "`ice {}`, pid {}, owns the data folder and keeps them until it ends; then `ice worker` does",
                        info.role, info.pid
                    ));
                }
                return Ok(Exit::Succeeded);
            }
            Ok(_) => return Err(LinkError::astray().into()),
            Err(LinkError::Gone) => {}
            Err(LinkError::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(
        ErrorCode::ControlUnavailable,
        "no owner of the data folder stays long enough to keep schedules",
    )
    .help("run `ice worker` in another terminal and try again"))
}
