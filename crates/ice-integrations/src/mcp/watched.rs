//! A connection whose every message is taken note of, and which ends what it is connected with.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ice_core::plain;
use ice_core::process::{Report, RunningProcess, Verdict};
use rmcp::RoleClient;
use rmcp::model::JsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;

use super::fate::Fate;

/// The most requests of a server that are not answered yet: one that reads no answers must not make them pile up.
const MOST_ASKED: usize = 64;
/// How long a program that has closed its output may take to end, before nobody waits for what its end tells.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a program may take to end once its input has ended, before it is ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long that may take then. A cage has its own bound, which is shorter.
const BACKSTOP: Duration = Duration::from_secs(10);

/// A connection that tells its [`Fate`] of what goes on, and owns the program at its other end, if there is one.
pub(super) struct Watched<T> {
    inner: T,
    process: Option<Box<dyn RunningProcess>>,
    fate: Arc<Fate>,
    asked: Arc<AtomicUsize>,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, process: Option<Box<dyn RunningProcess>>, fate: Arc<Fate>) -> Self {
        Self { inner, process, fate, asked: Arc::default() }
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.fate.end();
    }
}

impl<T: Transport<RoleClient> + 'static> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let is_answer = matches!(item, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
        let (fate, asked) = (Arc::clone(&self.fate), Arc::clone(&self.asked));
        let send = self.inner.send(item);
        async move {
            let sent = send.await;
            if is_answer {
                // Refusals of messages that were no requests are answers to nothing.
                let _ =
                    asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |asked| asked.checked_sub(1));
            }
            if sent.is_ok() {
                fate.moved();
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let received = self.inner.receive().await;
        match &received {
            Some(message) => {
                self.fate.moved();
                let is_request = matches!(message, JsonRpcMessage::Request(_));
                if is_request && self.asked.fetch_add(1, Ordering::Relaxed) >= MOST_ASKED {
                    self.fate.decide(format!(
                        "it asked more than {MOST_ASKED} things without waiting for answers"
                    ));
                    self.fate.end();
                    return None;
                }
            }
            None => {
                if let Some(process) = &mut self.process
                    && let Ok(report) = tokio::time::timeout(LAST_WORDS, process.wait()).await
                {
                    self.fate.decide(how(&report));
                }
                self.fate.end();
            }
        }
        received
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // Whoever is in the middle of writing to a program that does not read holds this up.
        let closed = tokio::time::timeout(FAREWELL, self.inner.close()).await;
        if let Some(process) = &mut self.process {
            let ended = match closed {
                Ok(_) => tokio::time::timeout(FAREWELL, process.wait()).await.ok(),
                Err(_) => None,
            };
            let ended = match ended {
                Some(report) => Some(report),
                None => {
                    process.kill();
                    tokio::time::timeout(BACKSTOP, process.wait()).await.ok()
                }
            };
            if let Some(report) = ended {
                self.fate.decide(how(&report));
            }
        }
        self.fate.end();
        closed.unwrap_or(Ok(()))
    }
}

/// How a program ended, in words, with the last that it said on standard error.
pub(super) fn how(report: &Report) -> String {
    let limit = |what: &str| {
        format!("it used more {what} than it may: raise that limit in its manifest if that is meant")
    };
    let mut words = match &report.verdict {
        Verdict::Ok => "it ended by itself".to_owned(),
        Verdict::ExitCode { code } => format!("it ended with exit code {code}"),
        Verdict::Signal { signal } => format!("it was ended by signal {signal}"),
        Verdict::Trap { kind } => format!("it trapped: {kind}"),
        Verdict::WallTimeout => "it had run as long as a cage may last".to_owned(),
        Verdict::IdleTimeout => "it wrote nothing for too long".to_owned(),
        Verdict::CpuLimit => limit("CPU time"),
        Verdict::MemoryLimit => limit("memory"),
        Verdict::ProcessLimit => limit("processes"),
        Verdict::OutputLimit => limit("output"),
        Verdict::FileSize => "it wrote a larger file than it may".to_owned(),
        Verdict::Denied => "it made a system call that nothing in a cage may make".to_owned(),
        Verdict::Cancelled => "it was ended".to_owned(),
        Verdict::Lost => "what watched over it was ended by somebody else".to_owned(),
        Verdict::SetupFailed { stage, what, hint } => match hint {
            Some(hint) => format!("{stage}: {what}; {hint}"),
            None => format!("{stage}: {what}"),
        },
    };
    let last = report.stderr.lines().rev().map(|line| plain::line(line, 300)).find(|line| !line.is_empty());
    if let Some(last) = last {
        words.push_str(&format!("; it said last: {last}"));
    }
    for denial in report.traffic.iter().filter(|traffic| traffic.refused > 0) {
        words.push_str(&format!(
            "; a connection to {} failed or was refused",
            plain::line(&denial.endpoint, 200)
        ));
    }
    words
}
