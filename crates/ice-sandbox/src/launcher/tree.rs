//! What the processes of a run use together, as /proc shows it from outside.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::kin::Kin;

/// Processes looked at, at most: more than any run may have.
const MOST: usize = 1 << 16;

/// What was seen at one look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Bytes of memory that no file backs, and of the tables that say where it is.
    pub(super) memory: u64,
    /// CPU time, with that of processes that have ended.
    pub(super) cpu: Times,
}

/// CPU time in the program and in the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) user: Duration,
    pub(super) system: Duration,
}

impl Times {
    pub(super) fn sum(self) -> Duration {
        self.user + self.system
    }

    fn plus(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    /// The one that is more in all.
    pub(super) fn most(self, other: Self) -> Self {
        if other.sum() > self.sum() { other } else { self }
    }
}

/// The processes of a run, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By number and start: numbers are given again.
    alive: HashMap<(i32, u64), Times>,
    /// What those had used that were alive once, when they were seen last.
    ended: Times,
}

impl Tree {
    /// Looks at the processes below the first one of a run, and at that itself.
    pub(super) fn look(&mut self, first: i32) -> Seen {
        let mut memory = 0;
        let (mut own, mut waited) = (Times::default(), Times::default());
        let mut before = std::mem::take(&mut self.alive);
        let mut pids = vec![first];
        let (mut at, kin) = (0, Kin::new());
        while let Some(pid) = pids.get(at).copied() {
            at += 1;
            memory += anonymous(pid).unwrap_or(0);
            if let Some(used) = used(pid) {
                own = own.plus(used.own);
                waited = waited.plus(used.waited);
                before.remove(&(pid, used.start));
                self.alive.insert((pid, used.start), used.own);
            }
            let room = MOST.saturating_sub(pids.len());
            pids.extend(kin.children(pid).into_iter().take(room));
        }
        for gone in before.into_values() {
            self.ended = self.ended.plus(gone);
        }
        // A process that nobody waits for adds its time to nobody's. Neither sum is more than was used.
        Seen { memory, cpu: own.plus(waited).most(own.plus(self.ended)) }
    }
}

fn anonymous(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // Tables may be many though what they point to is little: a page that was only read is that of all zeros.
    let counted = ["RssAnon:", "RssShmem:", "VmPTE:"];
    let kib = status.lines().filter(|line| counted.iter().any(|name| line.starts_with(name)));
    Some(kib.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1_024)
}

struct Used {
    own: Times,
    /// By children that it has waited for.
    waited: Times,
    start: u64,
}

fn used(pid: i32) -> Option<Used> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Counted from the third of all, which is the first after the name.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let time = |number| Some(Duration::from_millis(field(number)?.saturating_mul(1_000) / per_second));
    Some(Used {
        own: Times { user: time(14)?, system: time(15)? },
        waited: Times { user: time(16)?, system: time(17)? },
        start: field(22)?,
    })
}
