//! Time that passes by itself as soon as nobody has anything to do, and not before.

use std::sync::mpsc;
use std::time::Duration;

use ice_core::time::{Clock, Moment};
use tokio::time::Instant;

/// The clock of a runtime whose time is paused: it stands still while anything is done, and jumps to the next timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    begin: Moment,
    origin: Instant,
}

impl VirtualClock {
    /// A clock that shows `begin` now.
    pub(super) fn new(begin: Moment) -> Self {
        Self { begin, origin: Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        self.begin.plus(self.origin.elapsed())
    }
}

/// Keeps time from passing while something is done where the runtime does not see it: in a thread of the store.
#[derive(Debug)]
pub(super) struct Busy(
    #[expect(dead_code, reason = "what waits for it ends when it is dropped")] mpsc::Sender<()>,
);

impl Busy {
    pub(super) fn new() -> Self {
        let (over, until) = mpsc::channel::<()>();
        // A paused runtime lets no time pass while it has work on its threads for blocking work. The thread ends with `over`.
        tokio::task::spawn_blocking(move || {
            let _over = until.recv();
        });
        Self(over)
    }
}

/// Keeps time from passing until `done`, at most for ten seconds of real time.
pub(super) fn busy_until(done: impl Fn() -> bool + Send + 'static) {
    const PAUSE: Duration = Duration::from_micros(100);
    tokio::task::spawn_blocking(move || {
        for _ in 0..100_000 {
            if done() {
                return;
            }
            std::thread::park_timeout(PAUSE);
        }
    });
}
