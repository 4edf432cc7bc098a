//! Watching over a run from outside: its time, its memory, and whether anybody still wants it.

use std::io::{self, PipeReader};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::group::Groups;
use super::inherit::{self, Heard, Said};
use super::sys;
use super::tree::{Seen, Times, Tree};
use crate::policy::Limits;
use crate::report::{SetupFailure, Stage};
use crate::wire::{BY_ITSELF, Note, SETUP, STOPPED, Spec, Stop, Used};

/// How often the processes are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How long to sleep while there is nothing to look at.
const REST: Duration = Duration::from_secs(60);

/// How far a run is, each with the time from which its limit counts.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nobody wants it yet, which may last.
    Waiting,
    /// It is wanted, and being made.
    Making(Instant),
    /// The program runs.
    Running(Instant),
    /// It was ended, and its processes are going.
    Ending,
    /// It has ended by itself, which was told; the first process is going.
    Left,
}

impl Phase {
    /// How much of its time is left; none if it has none to keep to.
    fn left(self, limits: &Limits) -> Option<Duration> {
        match self {
            Self::Waiting | Self::Ending | Self::Left => None,
            Self::Making(since) => Some(SETUP.saturating_sub(since.elapsed())),
            Self::Running(since) => Some(limits.wall.saturating_sub(since.elapsed())),
        }
    }

    fn is_over(self, limits: &Limits) -> bool {
        self.left(limits).is_some_and(|left| left.is_zero())
    }
}

/// Waits until all processes of the run have ended, and ends them if one of the limits is reached. What comes over `heard`
/// tells that the program begins, and that nothing is left of it.
pub(super) fn run(spec: &Spec, first: Pid, heard: &PipeReader, groups: Option<&Groups>) -> io::Result<()> {
    let limits = &spec.limits;
    // Nobody listens where there are no ways out.
    let tell_ways = |how| {
        if !spec.ways.is_empty() {
            inherit::tell_ways(how);
        }
    };
    let pidfd = pidfd_open(first, PidfdFlags::empty())?;
    inherit::close_streams()?;
    let mut tree = Tree::default();
    let (mut most, mut cpu) = (0, Times::default());
    let (mut phase, mut is_silent) = (Phase::Waiting, false);
    let tell_end = |used: Used, most: u64, cpu: Times| {
        let counted = groups.map(Groups::look);
        // Of processes that were killed with the first one the kernel counts nothing.
        let cpu = cpu.most(Times { user: used.user, system: used.system });
        inherit::tell(&Note::Ended(Used {
            user: cpu.user,
            system: cpu.system,
            polled: most,
            largest: used.largest,
            counted: counted.map(|counted| counted.peak),
            refused: counted.map_or(0, |counted| counted.refused),
            killed: counted.map_or(0, |counted| counted.killed),
        }));
    };
    loop {
        // Before it begins and once it was ended, there is nothing to look at.
        let pause = match phase {
            Phase::Waiting | Phase::Ending | Phase::Left => REST,
            Phase::Making(_) => phase.left(limits).unwrap_or(REST),
            Phase::Running(_) => phase.left(limits).unwrap_or(REST).min(LOOK),
        };
        let socket = inherit::socket();
        let is_ending = matches!(phase, Phase::Ending | Phase::Left);
        // What is heard of no more is replaced by what ends this anyway: an end that was seen would be seen for ever.
        let mut fds = [
            PollFd::new(&pidfd, PollFlags::IN),
            if is_ending { PollFd::new(&pidfd, PollFlags::IN) } else { PollFd::new(&socket, PollFlags::IN) },
            if is_ending || is_silent {
                PollFd::new(&pidfd, PollFlags::IN)
            } else {
                PollFd::new(heard, PollFlags::IN)
            },
        ];
        let timeout = Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(pause.subsec_nanos()),
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [ended, told, said] = fds.map(|fd| !fd.revents().is_empty());
        if ended {
            if !is_ending {
                tell_ways(BY_ITSELF);
            }
            break;
        }
        if is_ending {
            continue;
        }
        let mut begun = false;
        match said.then(|| inherit::said(heard)) {
            Some(Said::Begun) => (phase, begun) = (Phase::Running(Instant::now()), true),
            Some(Said::Left(used)) => {
                tell_ways(BY_ITSELF);
                tell_end(used, most, cpu);
                phase = Phase::Left;
                continue;
            }
            Some(Said::Nothing) => is_silent = true,
            None => {}
        }
        let asked = told.then(inherit::hear);
        if matches!(phase, Phase::Waiting) && asked == Some(Heard::Begin) {
            phase = Phase::Making(Instant::now());
        }
        // What has just begun has used nothing yet, and to look at it now would slow its beginning down.
        let is_due = matches!(phase, Phase::Running(_)) && !begun;
        let seen = if is_due { tree.look(first.as_raw_nonzero().get()) } else { Seen::default() };
        most = most.max(seen.memory);
        cpu = cpu.most(seen.cpu);
        let killed = is_due && groups.is_some_and(|groups| groups.look().killed > 0);
        let stop = if asked == Some(Heard::End) {
            Some(Stop::Told)
        } else if phase.is_over(limits) {
            if matches!(phase, Phase::Making(_)) {
                let what = format!("making the cage took longer than {} s", SETUP.as_secs());
                inherit::tell(&Note::Failed(SetupFailure::new(Stage::Launcher, what)));
            }
            Some(Stop::Wall)
        } else if killed || limits.memory.is_some_and(|memory| seen.memory > memory) {
            Some(Stop::Memory)
        } else if limits.cpu.is_some_and(|most| cpu.sum() > most) {
            Some(Stop::Cpu)
        } else {
            None
        };
        if let Some(stop) = stop {
            phase = Phase::Ending;
            inherit::tell(&Note::Stopped(stop));
            tell_ways(STOPPED);
            pidfd_send_signal(&pidfd, Signal::KILL)?;
        }
    }
    let ended = sys::wait(first.as_raw_nonzero().get())?;
    if let Some(ended) = ended.filter(|_| !matches!(phase, Phase::Left)) {
        let (user, system, largest) = (ended.user, ended.system, ended.largest);
        tell_end(Used { user, system, largest, ..Used::default() }, most, cpu);
    }
    Ok(())
}
