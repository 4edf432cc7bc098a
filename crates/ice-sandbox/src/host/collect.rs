//! Handing on or collecting what a caged command writes, while it runs.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::caged::Caged;
use super::flow::{Flow, Step};
use super::keep::Keep;
use crate::report::{Broken, End, RunReport, Side, Stream, Verdict};

/// How long to read on after the end of all processes: what is in the pipes then is all that comes.
const DRAIN: Duration = Duration::from_millis(250);

/// Gives the command its input, and keeps of both outputs what the limits allow, until everything has ended.
pub(super) async fn collect(mut caged: Caged, input: &[u8]) -> RunReport {
    let keep = || Keep::new(caged.limits.kept_output);
    let (mut stdout, mut stderr) = (keep(), keep());
    let (mut out, mut err) = (caged.masked(&mut stdout), caged.masked(&mut stderr));
    let end = copy(&mut caged, input, &mut out, &mut err).await;
    // Memory takes everything.
    let _ = tokio::join!(out.finish(), err.finish());
    let End { verdict, usage, layers, not_enforced, traffic, broken } = end;
    RunReport {
        verdict,
        usage,
        stdout: stdout.output(),
        stderr: stderr.output(),
        layers,
        not_enforced,
        landlock_abi: caged.control.landlock_abi,
        traffic,
        broken,
    }
}

/// Gives the command its input and hands on what it writes, until everything has ended.
pub(super) async fn copy(
    caged: &mut Caged,
    input: impl AsyncRead + Unpin,
    stdout: impl AsyncWrite + Unpin,
    stderr: impl AsyncWrite + Unpin,
) -> End {
    let mut input = Flow::new(caged.stdin.take().map(|stdin| (input, stdin)));
    let mut outputs =
        (Flow::new(caged.stdout.take().zip(Some(stdout))), Flow::new(caged.stderr.take().zip(Some(stderr))));
    let mut heard = Instant::now();
    let mut end = loop {
        // It is not idle as long as somebody has yet to take what it wrote.
        let is_taken = outputs.0.is_read() && outputs.1.is_read();
        let idle = caged.limits.idle.filter(|_| is_taken).map(|idle| heard + idle);
        let step = tokio::select! {
            biased;
            // What was written at last may be too much as well, but then it has ended by itself.
            end = caged.control.wait() => break end,
            step = outputs.0.step() => step,
            step = outputs.1.step() => step,
            _ = input.step() => continue,
            () = sleep(idle) => {
                // What did not run yet could not write.
                let since = caged.control.running().unwrap_or_else(Instant::now);
                if heard < since {
                    heard = since;
                    continue;
                }
                heard = Instant::now();
                caged.control.stop(Verdict::IdleTimeout);
                continue;
            }
        };
        heard = Instant::now();
        let most = caged.limits.output;
        if step == Step::Read && (outputs.0.total() > most || outputs.1.total() > most) {
            caged.control.stop(Verdict::OutputLimit);
        }
    };
    let cancelled = caged.control.cancelled();
    tokio::select! {
        _ = async { tokio::join!(drain(&mut outputs.0), drain(&mut outputs.1)) } => {}
        // Whoever takes the rest may never do so.
        () = async { cancelled.await; tokio::time::sleep(DRAIN).await } => {}
    }
    // A command need not read what it is given.
    let unread = |broken: &Broken| broken.side == Side::Sink && broken.errno == Some(libc::EPIPE);
    end.broken.extend(input.broken(Stream::Stdin).filter(|broken| !unread(broken)));
    end.broken.extend(outputs.0.broken(Stream::Stdout));
    end.broken.extend(outputs.1.broken(Stream::Stderr));
    end
}

/// Hands on what is left once everything has ended.
async fn drain<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(flow: &mut Flow<R, W>) {
    while flow.is_open() {
        if !flow.is_read() {
            flow.step().await;
        } else if tokio::time::timeout(DRAIN, flow.step()).await.is_err() {
            return;
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
