//! Watching over a run from outside: its time, its memory, and whether anybody still wants it.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::group::Groups;
use super::inherit::{self, Heard};
use super::sys;
use super::tree::{Times, Tree};
use crate::policy::Limits;
use crate::wire::{BY_ITSELF, Note, STOPPED, Stop, Used};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How long to sleep while there is nothing to look at.
const REST: Duration = Duration::from_secs(60);

/// Waits until all processes of the run have ended, and ends them if one of the limits is reached.
pub(super) fn run(limits: &Limits, first: Pid, groups: Option<&Groups>) -> io::Result<()> {
    let pidfd = pidfd_open(first, PidfdFlags::empty())?;
    inherit::close_streams()?;
    let mut tree = Tree::default();
    let (mut most, mut cpu) = (0, Times::default());
    let mut stopped = None;
    let mut began: Option<Instant> = None;
    loop {
        let left = limits.wall.saturating_sub(began.map(|began| began.elapsed()).unwrap_or_default());
        // Before it begins and once it was ended, there is nothing to look at.
        let pause = if stopped.is_some() || began.is_none() { REST } else { left.min(LOOK) };
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
            if stopped.is_none() {
                inherit::tell_ways(BY_ITSELF);
            }
            break;
        }
        let heard = (stopped.is_none() && ready(1)).then(inherit::hear);
        if heard == Some(Heard::Begin) {
            began = Some(Instant::now());
            continue;
        }
        if stopped.is_some() || (began.is_none() && heard.is_none()) {
            continue;
        }
        let seen = tree.look(first.as_raw_nonzero().get());
        most = most.max(seen.memory);
        cpu = cpu.most(seen.cpu);
        let killed = groups.is_some_and(|groups| groups.look().killed > 0);
        let stop = if heard == Some(Heard::End) {
            Some(Stop::Told)
        } else if began.is_some_and(|began| began.elapsed() >= limits.wall) {
            Some(Stop::Wall)
        } else if killed || limits.memory.is_some_and(|memory| seen.memory > memory) {
            Some(Stop::Memory)
        } else if limits.cpu.is_some_and(|most| cpu.sum() > most) {
            Some(Stop::Cpu)
        } else {
            None
        };
        if let Some(stop) = stop {
            stopped = Some(stop);
            inherit::tell(&Note::Stopped(stop));
            inherit::tell_ways(STOPPED);
            pidfd_send_signal(&pidfd, Signal::KILL)?;
        }
    }
    if let Some(ended) = sys::wait(first.as_raw_nonzero().get())? {
        let counted = groups.map(Groups::look);
        // Of processes that were killed with the first one the kernel counts nothing.
        let cpu = cpu.most(Times { user: ended.user, system: ended.system });
        inherit::tell(&Note::Ended(Used {
            user: cpu.user,
            system: cpu.system,
            polled: most,
            largest: ended.largest,
            counted: counted.map(|counted| counted.peak),
            refused: counted.map_or(0, |counted| counted.refused),
            killed: counted.map_or(0, |counted| counted.killed),
        }));
    }
    Ok(())
}
