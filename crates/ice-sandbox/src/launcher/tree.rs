//! What the processes of a run use together, as /proc shows it from outside.

use std::fs;
use std::time::Duration;

/// Processes looked at, at most: more than any run may have.
const MOST: usize = 1 << 16;

/// What was seen at one look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Bytes of memory that no file backs.
    pub(super) memory: u64,
    /// CPU time, with that of processes that have ended.
    pub(super) cpu: Duration,
}

/// Looks at the processes below the first one of a run, and at that itself.
pub(super) fn look(first: i32) -> Seen {
    let mut seen = Seen::default();
    let mut pids = vec![first];
    let mut at = 0;
    while let Some(pid) = pids.get(at).copied() {
        at += 1;
        seen.memory += memory(pid).unwrap_or(0);
        seen.cpu += cpu(pid).unwrap_or_default();
        let room = MOST.saturating_sub(pids.len());
        pids.extend(children(pid).into_iter().take(room));
    }
    seen
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = status.lines().filter(|line| line.starts_with("RssAnon:") || line.starts_with("RssShmem:"));
    Some(kib.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1_024)
}

fn cpu(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let fields = stat.rsplit_once(')')?.1;
    // utime, stime, cutime, cstime: fields 14 to 17 of all, 12 to 15 after the name.
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks.saturating_mul(1_000) / per_second.max(1)))
}
