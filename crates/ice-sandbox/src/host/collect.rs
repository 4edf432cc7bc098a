//! Collecting what a caged command writes, while it runs.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::caged::{Caged, End};
use super::keep::Keep;
use crate::policy::Limits;
use crate::report::{RunReport, Verdict};

/// How long to read on after the end of all processes: what is in the pipes then is all that comes.
const DRAIN: Duration = Duration::from_millis(250);

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// Gives the command its input, and reads both outputs until everything has ended.
pub(super) async fn collect(mut caged: Caged, input: &[u8], limits: &Limits) -> RunReport {
    let mut streams = Streams::new(&mut caged, limits);
    let mut rest = input;
    let mut stdin = caged.stdin.take().filter(|_| !input.is_empty());
    let end = loop {
        let idle = limits.idle.map(|idle| streams.heard + idle);
        tokio::select! {
            biased;
            over = streams.read() => {
                if over {
                    caged.control.stop(Verdict::OutputLimit);
                }
            }
            end = caged.control.wait() => break end,
            written = write(&mut stdin, rest) => match written {
                Some(written) if written < rest.len() => rest = rest.get(written..).unwrap_or_default(),
                // All is written, or nobody reads on.
                Some(_) | None => stdin = None,
            },
            () = sleep(idle) => {
                streams.heard = Instant::now();
                caged.control.stop(Verdict::IdleTimeout);
            }
        }
    };
    drop(stdin);
    let _ = tokio::time::timeout(DRAIN, async {
        while streams.is_open() {
            streams.read().await;
        }
    })
    .await;
    let End { verdict, usage, layers, not_enforced } = end;
    RunReport {
        // What was written at last may be too much as well, but then it has ended by itself.
        verdict,
        usage,
        stdout: streams.stdout.1.output(),
        stderr: streams.stderr.1.output(),
        layers,
        not_enforced,
        landlock_abi: caged.control.landlock_abi,
    }
}

struct Streams {
    stdout: (Option<pipe::Receiver>, Keep),
    stderr: (Option<pipe::Receiver>, Keep),
    most: u64,
    /// When something came last.
    heard: Instant,
}

impl Streams {
    fn new(caged: &mut Caged, limits: &Limits) -> Self {
        Self {
            stdout: (caged.stdout.take(), Keep::new(limits.kept_output)),
            stderr: (caged.stderr.take(), Keep::new(limits.kept_output)),
            most: limits.output,
            heard: Instant::now(),
        }
    }

    const fn is_open(&self) -> bool {
        self.stdout.0.is_some() || self.stderr.0.is_some()
    }

    /// Reads a piece of either; says whether that was too much. For ever if both are closed. Cancel-safe.
    async fn read(&mut self) -> bool {
        tokio::select! {
            () = read_from(&mut self.stdout) => {}
            () = read_from(&mut self.stderr) => {}
        }
        self.heard = Instant::now();
        self.stdout.1.total() > self.most || self.stderr.1.total() > self.most
    }
}

async fn read_from((stream, keep): &mut (Option<pipe::Receiver>, Keep)) {
    let Some(open) = stream else { return std::future::pending().await };
    let mut piece = Vec::with_capacity(PIECE);
    match open.read_buf(&mut piece).await {
        Ok(0) | Err(_) => *stream = None,
        Ok(_) => keep.push(&piece),
    }
}

async fn write(stdin: &mut Option<pipe::Sender>, rest: &[u8]) -> Option<usize> {
    match stdin {
        Some(stdin) => stdin.write(rest).await.ok(),
        None => std::future::pending().await,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
