//! Cages that are made ahead, each for one command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::caged::Caged;
use super::collect::collect;
use super::sandbox::ResourceSandbox;
use crate::command::Command;
use crate::error::SandboxError;
use crate::policy::SandboxPolicy;
use crate::report::RunReport;

/// The first and the longest pause after a cage could not be made.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long to wait, at most, for a run to be over before the cage that it has taken is replaced.
const COURTESY: Duration = Duration::from_millis(5);

/// Cages of one policy that are made ahead, so that a command has only to be started. Each is used once; another takes
/// its place. Dropping the pool ends those that wait.
///
/// A run is over once nothing is left that its command has started. The cage itself, which is then two processes that run
/// nothing, and mounts that nobody sees, ends behind that, in less than a millisecond as a rule and within a second:
/// [`ResourceSandbox::settled`] waits for it.
#[derive(Debug)]
pub struct WarmPool {
    shared: Arc<Shared>,
    /// One task, which ends with this.
    _refill: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    sandbox: ResourceSandbox,
    policy: SandboxPolicy,
    size: usize,
    ready: Mutex<VecDeque<Caged>>,
    /// Told when a cage was taken, when a run in one is over, and when one has become ready.
    taken: Notify,
    over: Notify,
    added: Notify,
}

impl WarmPool {
    pub(super) fn new(sandbox: ResourceSandbox, policy: SandboxPolicy, size: usize) -> Self {
        let (ready, taken, over, added) = (Mutex::default(), Notify::new(), Notify::new(), Notify::new());
        let shared = Arc::new(Shared { sandbox, policy, size, ready, taken, over, added });
        let mut tasks = JoinSet::new();
        tasks.spawn(refill(Arc::clone(&shared)));
        Self { shared, _refill: tasks }
    }

    /// How many cages wait for a command.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.shared.waiting()
    }

    /// Waits until as many cages are ready as there may be. For ever if they cannot be made. Cancel-safe.
    pub async fn filled(&self) {
        loop {
            let mut added = std::pin::pin!(self.shared.added.notified());
            added.as_mut().enable();
            if self.shared.waiting() >= self.shared.size {
                return;
            }
            added.await;
        }
    }

    /// As [`ResourceSandbox::spawn`], in a cage that is ready, or in a fresh one if none is.
    ///
    /// # Errors
    /// As there.
    pub async fn spawn(&self, command: &Command, cancel: &CancellationToken) -> Result<Caged, SandboxError> {
        let Shared { sandbox, policy, .. } = &*self.shared;
        let prepared = sandbox.prepare(command, policy, cancel).await?;
        while let Some(mut caged) = self.shared.take() {
            // One that has ended while it waited is passed over.
            if caged.control.order(&prepared, cancel.clone()).await? {
                caged.secrets = prepared.secrets;
                return Ok(caged);
            }
        }
        sandbox.ordered(prepared, policy, cancel).await
    }

    /// As [`ResourceSandbox::run`], in a cage that is ready, or in a fresh one if none is.
    pub async fn run(&self, command: &Command, cancel: &CancellationToken) -> RunReport {
        let report = match self.spawn(command, cancel).await {
            Ok(caged) => collect(caged, &command.input).await,
            Err(error) => RunReport::not_run(error),
        };
        // Only if that is waited for right now: a later run has its own end.
        self.shared.over.notify_waiters();
        report
    }
}

impl Shared {
    fn waiting(&self) -> usize {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Option<Caged> {
        let caged = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        self.taken.notify_one();
        caged
    }
}

async fn refill(shared: Arc<Shared>) {
    let mut pause = PAUSES.0;
    loop {
        while shared.waiting() < shared.size {
            match shared.sandbox.launch(&shared.policy, &CancellationToken::new()).await {
                Ok(mut caged) => {
                    if caged.control.ready().await {
                        pause = PAUSES.0;
                        shared.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(caged);
                        shared.added.notify_waiters();
                        continue;
                    }
                    tracing::warn!(failure = ?caged.control.failure(), "a cage could not be made ahead");
                }
                Err(failure) => tracing::warn!(%failure, "a cage could not be made ahead"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        shared.taken.notified().await;
        // Whoever took it is starting a command; to make another one at once would slow that down.
        let _ = tokio::time::timeout(COURTESY, shared.over.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Instant;

    use tokio_util::task::TaskTracker;

    use super::super::caged::Control;
    use super::super::ways::Ways;

    #[tokio::test(start_paused = true)]
    async fn a_cage_that_never_becomes_ready_is_given_up() {
        let (ours, _theirs) = tokio::net::UnixStream::pair().unwrap();
        let (ways, _listening) = std::os::unix::net::UnixStream::pair().unwrap();
        let (_order, orders) = std::io::pipe().unwrap();
        let orders = tokio::net::unix::pipe::Sender::from_owned_fd(orders.into()).unwrap();
        let mut launcher = tokio::process::Command::new("sleep");
        let launcher = launcher.arg("60").stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let ways = Ways::new(ways, Default::default()).unwrap();
        let launcher = (launcher, TaskTracker::new());
        let mut control =
            Control::new(ours, orders, ways, launcher, Instant::now(), std::time::Duration::from_secs(1));
        assert!(!control.ready().await);
    }
}
