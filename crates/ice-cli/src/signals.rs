//! What the terminal and the system tell the process.

use rustix::process::Signal as Sig;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::fault::Fault;

/// Has writes beyond the limit on the size of files (`ulimit -f`) fail with an error that can be told, where they would end
/// the process otherwise. Programs that are started get what is usual.
///
/// # Errors
/// [`Fault`] if the system does not allow it.
pub(crate) fn outlive_file_limit() -> Result<(), Fault> {
    // It stays caught for as long as the process lives.
    signal(SignalKind::from_raw(Sig::XFSZ.as_raw())).map(drop).map_err(Fault::from)
}

/// What the process was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Ctrl-C.
    Interrupt,
    /// To end: `SIGTERM`, or the terminal is gone.
    Terminate,
}

/// Listens to signals from its creation on.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// [`Fault`] if the system does not allow it.
    pub(crate) fn listen() -> Result<Self, Fault> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.hangup.recv() => Told::Terminate,
        }
    }
}
