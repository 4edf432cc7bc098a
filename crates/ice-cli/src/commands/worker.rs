//! `ice worker`: owns the data folder for others.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_orchestrator::control::socket::SocketError;
use ice_orchestrator::control::{Request, Response};
use tokio::time::{Instant, sleep};

use crate::data::{DataFolder, Link, Owner, Remote, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;
use crate::signals::Signals;

/// How long a worker that was started in the background stays with nothing to do.
const IDLE_SECONDS: u64 = 10;

/// Where a worker in the background writes what it has to say.
const LOG: &str = "worker.log";

/// Owns the data folder in the foreground: resumes what was left, carries out what others start, and ends on
/// Ctrl-C or SIGTERM. Runs that have not ended then can be resumed.
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// End after this many seconds with nothing to do: no run goes on, and neither a run nor a schedule waits for a time [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: Option<u64>,
}

impl Worker {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        shell.block_on(self.work(shell, &folder))
    }

    async fn work(&self, shell: &Shell, folder: &DataFolder) -> Result<Exit, Fault> {
        let mut signals = Signals::listen()?;
        let owner = match access(folder, Role::Worker).await? {
            Link::Owner(owner) => owner,
            link @ Link::Remote(_) => return Err(taken(&link, folder).await),
        };
        let (going, waiting) = match owner.take_up(|line| shell.screen.note(line)).await {
            Ok(taken) => taken,
            Err(fault) => {
                // The fault says more than what closing could add to it.
                let _ = owner.close().await;
                return Err(fault);
            }
        };
        owner.keep_schedules();
        shell.screen.note(format_args!("ice worker owns {}", folder.path().display()));
        if going > 0 {
            shell.screen.note(format_args!("goes on with {}", text::count(going as u64, "run")));
        }
        if waiting > 0 {
            let many = text::count(waiting as u64, "run");
            shell.screen.note(format_args!("looks out for what {many} may wait for: answers, times"));
        }
        let done = tokio::select! {
            _ = signals.next() => false,
            () = idle(&owner, self.idle) => true,
            fault = owner.failed() => {
                // Closing fails for the same reason.
                let _ = owner.close().await;
                return Err(fault);
            }
        };
        if done {
            owner.retire(signals.next()).await?
        } else {
            owner.close().await?
        }
        Ok(Exit::Succeeded)
    }
}

/// Returns once there was nothing to do for a while; never, if no while is given.
async fn idle(owner: &Owner, seconds: Option<u64>) {
    let Some(seconds) = seconds else { return std::future::pending().await };
    loop {
        owner.engine().drain().await;
        let before = owner.engine().taken_up();
        sleep(Duration::from_secs(seconds)).await;
        if owner.engine().taken_up() == before && owner.is_idle().await {
            return;
        }
    }
}

async fn taken(link: &Link, folder: &DataFolder) -> Fault {
    let who = match link.call(Request::Info).await {
        Ok(Response::Info(info)) => format!(" by `ice {}`, pid {}", info.role, info.pid),
        Ok(_) | Err(_) => String::new(),
    };
    let message = format!("the data folder {} is owned already{who}", folder.path().display());
    Fault::new(ErrorCode::StoreLocked, message)
        .help("one owner is enough: every other `ice` command on this folder is its client")
}

/// Sees to it that somebody owns the folder and serves others: if nobody does, a worker is started in the
/// background, which ends after 10 s with nothing to do and no run that waits for a time. What it has to say goes to `worker.log`.
///
/// # Errors
/// [`Fault`] if it does not serve within `patience`.
pub(crate) async fn ensure(folder: &DataFolder, patience: Duration) -> Result<(), Fault> {
    let remote = Remote::of(folder);
    let deadline = Instant::now() + patience;
    let mut worker = None;
    loop {
        match remote.connect().await {
            Ok(_) => return Ok(()),
            Err(SocketError::Absent | SocketError::Gone) => {}
            Err(error) => return Err(crate::data::socket_fault(&error, folder.owner())),
        }
        let ended = match &mut worker {
            None => {
                worker = Some(spawn(folder)?);
                false
            }
            // A worker that ended has left the folder to another owner, or cannot open it.
            Some(worker) => {
                worker.try_wait().is_ok_and(|ended| ended.is_some_and(|status| !status.success()))
            }
        };
        if ended && remote.connect().await.is_err() {
            return Err(Fault::new(ErrorCode::ControlUnavailable, "the worker in the background has ended")
                .help(format!("see {}", folder.path().join(LOG).display())));
        }
        if Instant::now() >= deadline {
            return Err(Fault::new(
                ErrorCode::ControlUnavailable,
                "the worker in the background does not answer",
            )
            .help(format!("see {}", folder.path().join(LOG).display())));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn spawn(folder: &DataFolder) -> Result<std::process::Child, Fault> {
    let failed = |error: &std::io::Error| {
        Fault::new(
            ErrorCode::ControlUnavailable,
            format!("cannot start a worker: {}", crate::fault::plain(error)),
        )
    };
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let log = folder.path().join(LOG);
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&log);
    let log = log.map_err(|error| failed(&error))?;
    let loss = folder.accepts_loss().then_some("--accept-loss");
    let mut command = Command::new(program);
    for tools in folder.toolbox().folders()? {
        command.arg("--tools").arg(tools);
    }
    command
        .arg("worker")
        .args(loss)
        .args(["--idle", &IDLE_SECONDS.to_string(), "--color", "never", "--data"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Ctrl-C in this terminal is not meant for it.
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&error))
}
