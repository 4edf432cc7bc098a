//! A command that runs in a cage.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::collect;
use super::heard::{Heard, verdict};
use super::masked::Masked;
use super::prepare::Prepared;
use super::sandbox::PATIENCE;
use super::scrub::Scrub;
use super::ways::Ways;
use crate::error::SandboxError;
use crate::layer::Layer;
use crate::policy::Limits;
use crate::report::{End, MemorySource, SetupFailure, Stage, Usage, Verdict};
use crate::secret::SecretBytes;
use crate::wire::{self, Note, SETUP};

/// How much longer than a run may take its launcher may take to end it.
const BACKSTOP: Duration = Duration::from_secs(5);

/// How long a launcher may take to end a run that was dropped, before it is killed and the run with it.
const FAREWELL: Duration = Duration::from_secs(1);

/// A command that runs in a cage. Dropping it ends everything that the command has started.
#[derive(Debug)]
pub struct Caged {
    /// Its standard input. Dropping it is the end of the input.
    pub stdin: Option<pipe::Sender>,
    /// Its standard output.
    pub stdout: Option<pipe::Receiver>,
    /// Its standard error.
    pub stderr: Option<pipe::Receiver>,
    pub(super) control: Control,
    pub(super) limits: Limits,
    /// What is not to be in a report.
    pub(super) secrets: Vec<SecretBytes>,
}

impl Caged {
    /// Waits until the command and everything that it has started has ended, and the cage with it, but for one that was made
    /// ahead ([`WarmPool`](crate::WarmPool)). Read its output meanwhile: a pipe holds 64 KiB. Cancel-safe.
    pub async fn wait(&mut self) -> End {
        self.control.wait().await
    }

    /// Gives the command what `input` has, hands on what it writes as it comes, and waits until everything has ended
    /// and all that was written is handed on. Unlike [`wait`](Self::wait) alone this holds it to the limits of its output
    /// and of its time without any. If one of the two outputs is taken no more, the command learns that as from any pipe.
    /// To be called once, with the streams still there; not cancel-safe: what was read but not handed on is lost.
    pub async fn copy(
        &mut self,
        input: impl AsyncRead + Unpin,
        stdout: impl AsyncWrite + Unpin,
        stderr: impl AsyncWrite + Unpin,
    ) -> End {
        collect::copy(self, input, stdout, stderr).await
    }

    /// A writer that hands on to `writer` what it is given, with the secrets of the command masked: one to
    /// [`copy`](Self::copy) to where its output is kept.
    pub fn masked<W: AsyncWrite + Unpin>(&self, writer: W) -> Masked<W> {
        Masked::new(writer, Scrub::of(&self.secrets))
    }

    /// Has everything ended. [`wait`](Self::wait) still tells how it ended.
    pub fn kill(&mut self) {
        self.control.stop(Verdict::Cancelled);
    }
}

/// The socket to the launcher, and what came over it.
#[derive(Debug)]
pub(super) struct Control {
    socket: UnixStream,
    /// Where the tool is told what to run; once.
    orders: Option<pipe::Sender>,
    ways: Ways,
    launcher: Option<Child>,
    /// Where the launcher ends if nobody waits for it here.
    ends: TaskTracker,
    /// Whether the cage was ready before there was a command for it.
    is_ahead: bool,
    cancel: CancellationToken,
    started: Instant,
    wall: Duration,
    deadline: Option<tokio::time::Instant>,
    /// How long the run took, once it is over.
    took: Option<Duration>,
    buffer: Vec<u8>,
    heard: Heard,
    /// Why it was told to end.
    told: Option<Verdict>,
    pub(super) landlock_abi: i32,
}

impl Control {
    pub(super) fn new(
        socket: UnixStream,
        orders: pipe::Sender,
        ways: Ways,
        (launcher, ends): (Child, TaskTracker),
        started: Instant,
        wall: Duration,
    ) -> Self {
        Self {
            socket,
            orders: Some(orders),
            ways,
            launcher: Some(launcher),
            ends,
            is_ahead: false,
            cancel: CancellationToken::new(),
            started,
            wall,
            deadline: None,
            took: None,
            buffer: Vec::new(),
            heard: Heard::default(),
            told: None,
            landlock_abi: 0,
        }
    }

    /// Tells the tool what to become, and has its time begin. False if there is no tool: the cage could not be made, or
    /// has ended, which [`wait`](Self::wait) tells.
    pub(super) async fn order(
        &mut self,
        Prepared { order, secrets }: &Prepared,
        cancel: CancellationToken,
    ) -> Result<bool, SandboxError> {
        let failed = |error: io::Error| SetupFailure::io(Stage::Spec, "telling the tool what to run", &error);
        let bytes = order.encode().map_err(failed)?;
        self.is_ahead = self.heard.setup.is_some();
        if self.is_ahead {
            // It was made before.
            (self.started, self.heard.setup) = (Instant::now(), Some(Duration::ZERO));
        }
        self.cancel = cancel.clone();
        self.deadline = Some(tokio::time::Instant::now() + SETUP + BACKSTOP);
        let Some(mut orders) = self.orders.take() else { return Ok(false) };
        let told = async {
            // Before anything runs that might use them.
            let opened = self.ways.open().await;
            opened.map_err(|error| SetupFailure::io(Stage::Ways, "a socket that listens", &error))?;
            // The launcher watches from then on. It is told first while it has the cage to make, which has a time of its
            // own; where all is ready the tool comes first, whom the command waits for.
            let sent = async {
                if self.is_ahead {
                    write(&mut orders, &bytes, secrets).await?;
                    // The command may run from here on: that the launcher is gone is no reason to run it elsewhere, and
                    // how it ended is told by the end of the socket.
                    let _ = self.socket.write_all(&[1]).await;
                    return Ok(());
                }
                self.socket.write_all(&[1]).await?;
                write(&mut orders, &bytes, secrets).await
            };
            match sent.await {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
                Err(error) => Err(failed(error).into()),
            }
        };
        match cancel.run_until_cancelled(tokio::time::timeout(PATIENCE, told)).await {
            None => Err(SandboxError::Cancelled),
            Some(Ok(told)) => told,
            Some(Err(_)) => {
                Err(SetupFailure::new(Stage::Spec, "the tool does not read what it is to run").into())
            }
        }
    }

    /// Waits until all is ready but what to run, for a while at most; says whether that went well. Cancel-safe.
    pub(super) async fn ready(&mut self) -> bool {
        let heard = async {
            while self.heard.setup.is_none() && self.heard.failed.is_none() {
                match next(&mut self.socket, &mut self.buffer).await {
                    Ok(Some(note)) => self.hear(note),
                    Ok(None) | Err(_) => return,
                }
            }
        };
        // Whether it took too long is seen by what was not heard.
        let _ = tokio::time::timeout(PATIENCE, heard).await;
        self.heard.setup.is_some() && self.heard.failed.is_none()
    }

    /// Since when the command runs, if it does.
    pub(super) const fn running(&self) -> Option<tokio::time::Instant> {
        self.heard.running
    }

    /// What could not be made.
    pub(super) fn failure(&self) -> Option<&SetupFailure> {
        self.heard.failed.as_ref()
    }

    /// Asks the launcher to end the run. The first reason counts.
    pub(super) fn stop(&mut self, why: Verdict) {
        if self.told.is_none() {
            self.told = Some(why);
            let soon = tokio::time::Instant::now() + BACKSTOP;
            self.deadline = Some(self.deadline.map_or(soon, |deadline| deadline.min(soon)));
            // It sees the end of what it is told, and ends all. If it is gone, so are they.
            let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Write);
        }
    }

    /// Waits until it is asked from outside to end.
    pub(super) fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.cancel.clone().cancelled_owned()
    }

    /// Waits for the end of everything; in a cage that was made ahead, of all that the command has started. Cancel-safe.
    pub(super) async fn wait(&mut self) -> End {
        while !self.heard.closed && !self.is_left() {
            let cancelled = self.cancel.clone();
            tokio::select! {
                note = next(&mut self.socket, &mut self.buffer) => match note {
                    Ok(Some(note)) => self.hear(note),
                    Ok(None) => self.heard.closed = true,
                    Err(error) => {
                        tracing::warn!(%error, "the launcher of a cage cannot be understood");
                        self.heard.closed = true;
                    }
                },
                () = cancelled.cancelled(), if self.told.is_none() => self.stop(Verdict::Cancelled),
                () = until(self.deadline) => {
                    // It does not answer. Its first process ends with it, and everything with that.
                    self.told.get_or_insert_with(|| match self.heard.running {
                        Some(_) => Verdict::WallTimeout,
                        None => {
                            let what = "the launcher did not make the cage in time";
                            Verdict::SetupFailed { failure: SetupFailure::new(Stage::Launcher, what) }
                        }
                    });
                    if let Some(launcher) = &mut self.launcher {
                        let _ = launcher.start_kill();
                    }
                    self.heard.closed = true;
                }
            }
        }
        self.took.get_or_insert_with(|| self.started.elapsed());
        let by_itself = self.heard.tool.is_some() && self.heard.stopped.is_none();
        let cancelled = self.cancel.clone();
        tokio::select! {
            () = self.ways.close(by_itself) => {}
            () = cancelled.cancelled(), if by_itself => self.ways.close(false).await,
        }
        let ended = match &mut self.launcher {
            Some(_) if !self.heard.closed => {
                self.part();
                String::new()
            }
            Some(launcher) => {
                let ended = launcher.wait().await;
                ended.map_or_else(|error| error.to_string(), |status| status.to_string())
            }
            None => String::new(),
        };
        self.launcher = None;
        self.end(&ended)
    }

    /// Whether nothing is left but the launcher and the first process of a cage that was made ahead, whose ends nobody is
    /// to wait for. Without the namespace the launcher has yet to end what the command has left.
    fn is_left(&self) -> bool {
        self.is_ahead && self.heard.used.is_some() && self.heard.layers.contains(&Layer::PidNamespace)
    }

    /// Leaves the launcher to itself. It ends the run, and removes its control groups, once nobody is there who wants it.
    fn part(&mut self) {
        let Some(mut launcher) = self.launcher.take() else { return };
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        // Elsewhere it is killed as it is dropped here, and a later one removes the groups.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.ends.spawn_on(
                async move {
                    if tokio::time::timeout(FAREWELL, launcher.wait()).await.is_err() {
                        let _ = launcher.kill().await;
                    }
                },
                &runtime,
            );
        }
    }

    fn hear(&mut self, note: Note) {
        match note {
            // The first says where it began.
            Note::Failed(failure) => drop(self.heard.failed.get_or_insert(failure)),
            Note::Ready { layers, absent, landlock_abi } => {
                self.heard.setup = Some(self.started.elapsed());
                (self.heard.layers, self.heard.absent) = (layers, absent);
                self.landlock_abi = landlock_abi;
            }
            Note::Running => {
                self.heard.running = Some(tokio::time::Instant::now());
                if self.told.is_none() {
                    self.deadline = Some(tokio::time::Instant::now() + self.wall + BACKSTOP);
                }
            }
            Note::Tool(end) => self.heard.tool = Some(end),
            Note::Stopped(stop) => self.heard.stopped = Some(stop),
            Note::Ended(used) => self.heard.used = Some(used),
        }
    }

    fn end(&mut self, launcher: &str) -> End {
        let heard = std::mem::take(&mut self.heard);
        self.heard.closed = true;
        let used = heard.used.unwrap_or_default();
        let verdict = verdict(&heard, self.told.take(), launcher);
        let (peak_memory, memory_source) = if let Some(counted) = used.counted {
            (counted, MemorySource::Group)
        } else if used.polled >= used.largest {
            (used.polled, MemorySource::Polled)
        } else {
            (used.largest, MemorySource::LargestProcess)
        };
        End {
            verdict,
            usage: Usage {
                wall: self.took.unwrap_or_default(),
                cpu_user: used.user,
                cpu_system: used.system,
                peak_memory,
                memory_source,
                setup: heard.setup.unwrap_or_default(),
            },
            layers: heard.layers,
            not_enforced: heard.absent,
            traffic: self.ways.traffic(),
            broken: Vec::new(),
        }
    }
}

/// Tells the tool what to become, and its secrets, which are copied nowhere on the way.
async fn write(orders: &mut pipe::Sender, order: &[u8], secrets: &[SecretBytes]) -> io::Result<()> {
    orders.write_all(order).await?;
    for secret in secrets {
        orders.write_all(secret.expose()).await?;
    }
    Ok(())
}

impl Drop for Control {
    fn drop(&mut self) {
        self.part();
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The next note; nothing once the launcher has ended. Cancel-safe: what came is kept in the buffer.
async fn next(socket: &mut UnixStream, buffer: &mut Vec<u8>) -> io::Result<Option<Note>> {
    loop {
        if let Some((head, rest)) = buffer.split_first_chunk::<4>() {
            let length = wire::length(*head)?;
            if let Some(body) = rest.get(..length) {
                let note = wire::decode(body)?;
                buffer.drain(..4 + length);
                return Ok(Some(note));
            }
        }
        match socket.read_buf(buffer).await {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}
