//! Watching over a run from outside: its time, its memory, and whether anybody still wants it.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::tree::{Times, Tree};
use super::{inherit, sys};
use crate::policy::Limits;
use crate::wire::{Note, Stop, Used};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Waits until all processes of the run have ended, and ends them if one of the limits is reached.
pub(super) fn run(limits: &Limits, first: Pid, began: Instant) -> io::Result<()> {
    let pidfd = pidfd_open(first, PidfdFlags::empty())?;
    inherit::close_streams()?;
    let mut tree = Tree::default();
    let (mut most, mut cpu) = (0, Times::default());
    let mut stopped = None;
    loop {
        let left = limits.wall.saturating_sub(began.elapsed());
        // Once it is told to end, there is nothing left to look at.
        let pause = if stopped.is_some() { Duration::from_secs(1) } else { left.min(LOOK) };
        let mut fds = vec![PollFd::new(&pidfd, PollFlags::IN)];
        let socket = inherit::socket();
        if stopped.is_none() {
            fds.push(PollFd::new(&socket, PollFlags::IN));
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(pause.subsec_nanos()),
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        if ready(0) {
            break;
        }
        if stopped.is_some() {
            continue;
        }
        let seen = tree.look(first.as_raw_nonzero().get());
        most = most.max(seen.memory);
        cpu = cpu.most(seen.cpu);
        let stop = if ready(1) {
            Some(Stop::Told)
        } else if began.elapsed() >= limits.wall {
            Some(Stop::Wall)
        } else if limits.memory.is_some_and(|memory| seen.memory > memory) {
            Some(Stop::Memory)
        } else if limits.cpu.is_some_and(|most| cpu.sum() > most) {
            Some(Stop::Cpu)
        } else {
            None
        };
        if let Some(stop) = stop {
            stopped = Some(stop);
            inherit::tell(&Note::Stopped(stop));
            pidfd_send_signal(&pidfd, Signal::KILL)?;
        }
    }
    if let Some(ended) = sys::wait(first.as_raw_nonzero().get())? {
        // Of processes that were killed with the first one the kernel counts nothing.
        let cpu = cpu.most(Times { user: ended.user, system: ended.system });
        inherit::tell(&Note::Ended(Used {
            user: cpu.user,
            system: cpu.system,
            polled: most,
            largest: ended.largest,
        }));
    }
    Ok(())
}
