//! A program in a cage that goes on until somebody ends it.

use async_trait::async_trait;
use ice_core::process::{Home, Report, RunningProcess, Streams, Verdict};
use ice_sandbox::{Caged, End};
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::unix::pipe;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::host::report;
use super::kept::{Counted, Kept};

/// What fits between the program and whoever reads what it writes, in bytes.
const BETWEEN: usize = 64 << 10;

/// A program in a cage that goes on. Dropping it ends everything that it has started.
#[derive(Debug)]
pub(super) struct Running {
    streams: Option<Streams>,
    kill: CancellationToken,
    /// The one that waits for its end, and the one that hands on what it writes.
    tasks: JoinSet<Option<Report>>,
    report: Option<Report>,
}

impl Running {
    /// Takes a program over that was just started. To be called within a runtime.
    pub(super) fn new(mut caged: Caged) -> Self {
        let kill = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (ours, theirs) = tokio::io::duplex(BETWEEN);
        let (stdin, stdout, stderr) = (caged.stdin.take(), caged.stdout.take(), caged.stderr.take());
        let masked = caged.masked(ours);
        tasks.spawn(async move {
            hand_on(stdout, masked).await;
            None
        });
        let streams = stdin.map(|stdin| Streams { stdin: Box::new(stdin), stdout: Box::new(theirs) });
        tasks.spawn(watch(caged, stderr, kill.clone()));
        Self { streams, kill, tasks, report: None }
    }
}

/// Hands on what a program writes, until it has ended or nobody takes it any more: then the program learns that as from any
/// pipe.
async fn hand_on(from: Option<pipe::Receiver>, mut to: ice_sandbox::Masked<DuplexStream>) {
    let Some(mut from) = from else { return };
    if tokio::io::copy(&mut from, &mut to).await.is_ok() {
        // Whoever read it may be gone, which is no failure.
        let _ = to.shutdown().await;
    }
}

/// Waits for the end, taking the complaints of the program meanwhile.
async fn watch(mut caged: Caged, stderr: Option<pipe::Receiver>, kill: CancellationToken) -> Option<Report> {
    let mut kept = Kept::default();
    let mut counted = Counted { inner: &mut kept, bytes: 0 };
    let mut masked = caged.masked(&mut counted);
    let complaints = async {
        if let Some(stderr) = stderr {
            drain(stderr, &mut masked).await;
        }
        let _ = masked.finish().await;
    };
    let (end, ()) = tokio::join!(end(&mut caged, &kill), complaints);
    let mut report = report(end);
    report.usage.stderr_bytes = kept.total();
    report.stderr = kept.text();
    Some(report)
}

async fn drain(mut from: pipe::Receiver, to: &mut (impl AsyncWrite + Unpin)) {
    // What is kept has a bound, and takes whatever comes.
    let _ = tokio::io::copy(&mut from, to).await;
}

async fn end(caged: &mut Caged, kill: &CancellationToken) -> End {
    tokio::select! {
        end = caged.wait() => return end,
        () = kill.cancelled() => caged.kill(),
    }
    caged.wait().await
}

#[async_trait]
impl RunningProcess for Running {
    fn streams(&mut self) -> Option<Streams> {
        self.streams.take()
    }

    fn kill(&mut self) {
        self.kill.cancel();
    }

    async fn wait(&mut self) -> Report {
        while self.report.is_none() {
            match self.tasks.join_next().await {
                Some(Ok(report)) => self.report = report,
                Some(Err(error)) => {
                    tracing::warn!(%error, "what watches over a caged program has failed");
                    self.report = Some(Report::new(Home::Process, Verdict::Lost));
                }
                None => self.report = Some(Report::new(Home::Process, Verdict::Lost)),
            }
        }
        self.report.clone().unwrap_or_else(|| Report::new(Home::Process, Verdict::Lost))
    }
}
