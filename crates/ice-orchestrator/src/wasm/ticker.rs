//! The clock of the epochs: it ticks while something runs, and ends with its owner.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often running code looks whether it may go on.
const TICK: Duration = Duration::from_millis(5);

/// Ticks while something runs. Dropping it ends and joins its thread.
///
/// It is a thread of its own, not a task: it has to tick where every worker of the caller's runtime is busy, or where
/// that runtime is being shut down and waits for what still runs on its threads.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    ticks: u64,
    closed: bool,
}

/// Something that runs, for as long as this lives.
#[derive(Debug)]
pub(super) struct Running(Arc<Shared>);

impl Ticker {
    /// A clock that calls `tick`.
    pub(super) fn start(tick: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ice-wasm-ticker".to_owned())
            .spawn(move || of_thread.run(&tick))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Something begins to run.
    pub(super) fn running(&self) -> Running {
        self.shared.lock().running += 1;
        self.shared.changed.notify_one();
        Running(Arc::clone(&self.shared))
    }

    /// How much runs now.
    pub(super) fn count(&self) -> usize {
        self.shared.lock().running
    }

    /// How often it ticked.
    #[cfg(test)]
    fn ticks(&self) -> u64 {
        self.shared.lock().ticks
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does nothing that can fail; if it did, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, tick: &impl Fn()) {
        let mut state = self.lock();
        while !state.closed {
            if state.running == 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // A wake-up before its time only ticks early.
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            state.ticks += 1;
            tick();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn it_ticks_while_something_runs_and_only_then() {
        let (tell, ticked) = mpsc::channel();
        let ticker = Ticker::start(move || tell.send(()).unwrap_or_default()).unwrap();
        assert_eq!(ticker.ticks(), 0);
        let (one, two) = (ticker.running(), ticker.running());
        assert_eq!(ticker.count(), 2);
        drop(one);
        ticked.recv_timeout(Duration::from_secs(10)).unwrap();
        ticked.recv_timeout(Duration::from_secs(10)).unwrap();
        drop(two);
        assert_eq!(ticker.count(), 0);
        // At most the tick that was on its way still comes.
        let _ = ticked.recv_timeout(TICK * 10);
        let ticks = ticker.ticks();
        assert!(ticked.recv_timeout(TICK * 10).is_err());
        assert_eq!(ticker.ticks(), ticks);
    }

    #[test]
    fn it_ends_with_its_owner() {
        let (tell, ticked) = mpsc::channel::<()>();
        let ticker = Ticker::start(move || tell.send(()).unwrap_or_default()).unwrap();
        let running = ticker.running();
        drop(ticker);
        while ticked.try_recv().is_ok() {}
        assert_eq!(ticked.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        drop(running);
    }
}
