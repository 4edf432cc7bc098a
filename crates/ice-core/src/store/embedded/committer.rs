//! The committer: the one thread that writes the log.

use std::io;
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ack::Ack;
use super::commit::WRITE_BYTES;
use super::shared::{Committer, Shared, State, Wants, write_failure};
use crate::store::StoreError;
use crate::store::lock::lock;
use crate::store::log::{Group, Writer};

/// How long commits that nobody waits for may stay in memory.
const LINGER: Duration = Duration::from_millis(5);

/// How long the log must be idle before the mark is synced.
const MARK_IDLE: Duration = Duration::from_millis(20);

/// How long a sync is put off at most for those who are about to commit.
const LONGEST_GATHERING: Duration = Duration::from_millis(2);

/// How much memory a group keeps for the next one, in bytes.
const KEEP_BYTES: usize = WRITE_BYTES * 2;

/// How groups went lately: how many callers waited for the last one, and how long a sync takes.
#[derive(Debug, Default)]
struct Pace {
    waiters: usize,
    sync: Duration,
}

impl Pace {
    /// How many callers to wait for, and how long at most, before a group with `waiters` is written. Those
    /// of the last group have just been woken and are about to commit again; without a little patience the
    /// first of them would be synced alone, with the others waiting for that.
    fn gather(&self, waiters: usize) -> Option<(usize, Duration)> {
        let callers = self.waiters * 3 / 4;
        (waiters < callers).then(|| (callers, (self.sync / 3).min(LONGEST_GATHERING)))
    }
}

/// Writes groups until the store closes or a write fails.
pub(super) fn run(shared: &Shared, mut writer: Writer) {
    let mut spare = Group::default();
    let mut pace = Pace::default();
    loop {
        let (mut state, closing) = wait(shared, &mut writer, &pace);
        if state.failure.is_some() {
            return;
        }
        let mut group = std::mem::replace(&mut state.group, std::mem::take(&mut spare));
        let ack = std::mem::take(&mut state.ack);
        let wants = std::mem::take(&mut state.wants);
        state.in_flight = Some(Arc::clone(&ack));
        state.group_place += group.size() as u64;
        let last = state.last;
        drop(state);

        let written = write(shared, &mut writer, &mut group, wants, closing.then_some(last), &mut pace);
        if let Err((what, error)) = written {
            ack.complete(Err(fail(shared, write_failure(what, &error))));
            return;
        }
        settle(shared, &writer);
        ack.complete(Ok(()));
        if closing {
            return;
        }
        group.clear(KEEP_BYTES);
        spare = group;
    }
}

/// Waits for something to do. Returns whether the store closes, after which there is nothing more.
fn wait<'a>(shared: &'a Shared, writer: &mut Writer, pace: &Pace) -> (MutexGuard<'a, State>, bool) {
    let mut state = lock(&shared.state);
    let mut deadline = None;
    let mut gathered = false;
    loop {
        let full = state.group.size() >= WRITE_BYTES;
        if state.wants.any() || state.closing || full || state.failure.is_some() {
            let patient = state.wants.sync && !gathered && !full && !state.closing;
            let Some((callers, longest)) = pace.gather(state.wants.waiters).filter(|_| patient) else {
                break;
            };
            gathered = true;
            state = sleep(&shared.work, state, Committer::Gathering(callers), Some(longest)).0;
            continue;
        }
        let now = Instant::now();
        if !state.group.is_empty() {
            let deadline = *deadline.get_or_insert(now + LINGER);
            if now >= deadline {
                break;
            }
            state = sleep(&shared.work, state, Committer::Lingering, Some(deadline - now)).0;
        } else if writer.mark_lags() {
            let (woken, idle) = sleep(&shared.work, state, Committer::Idle, Some(MARK_IDLE));
            state = woken;
            if idle && state.group.is_empty() && !state.wants.any() {
                drop(state);
                if let Err(error) = writer.sync_mark() {
                    fail(shared, write_failure("syncing the mark", &error));
                }
                state = lock(&shared.state);
                state.reserved = writer.reserved();
            }
        } else {
            state = sleep(&shared.work, state, Committer::Idle, None).0;
        }
    }
    let closing = state.closing;
    (state, closing)
}

/// Sleeps until woken or for a while; says whether the while is over.
fn sleep<'a>(
    work: &Condvar,
    mut state: MutexGuard<'a, State>,
    how: Committer,
    longest: Option<Duration>,
) -> (MutexGuard<'a, State>, bool) {
    state.committer = how;
    let (mut state, over) = match longest {
        Some(longest) => {
            let (state, timeout) = work.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner);
            (state, timeout.timed_out())
        }
        None => (work.wait(state).unwrap_or_else(PoisonError::into_inner), false),
    };
    state.committer = Committer::Busy;
    (state, over)
}

/// Writes a group, and does what was asked for with it. `closing` is the number given out last.
fn write(
    shared: &Shared,
    writer: &mut Writer,
    group: &mut Group,
    wants: Wants,
    closing: Option<u64>,
    pace: &mut Pace,
) -> Result<(), (&'static str, io::Error)> {
    if !group.is_empty() {
        shared.metrics.batch.record(u32::try_from(group.commits()).unwrap_or(u32::MAX));
        shared.metrics.queue.set(u32::try_from(wants.waiters).unwrap_or(u32::MAX));
        writer.append(group).map_err(|error| ("writing the log", error))?;
    }
    if (wants.sync || wants.mark || closing.is_some()) && !writer.is_synced() {
        let started = Instant::now();
        writer.sync().map_err(|error| ("syncing the log", error))?;
        let took = started.elapsed();
        shared.metrics.sync_seconds.record(took);
        *pace = Pace { waiters: wants.waiters, sync: (pace.sync * 7 + took) / 8 };
    }
    if wants.rotate {
        writer.rotate().map_err(|error| ("syncing the log", error))?;
    }
    let marked = match closing {
        Some(last) => writer.close(last),
        None if wants.mark => writer.sync_mark(),
        None if group.is_empty() => Ok(()),
        None => writer.mark(),
    };
    marked.map_err(|error| ("writing the mark", error))
}

/// Notes what is acknowledged now, shows it to watchers, and calls the keeper if there is upkeep due.
fn settle(shared: &Shared, writer: &Writer) {
    let mut state = lock(&shared.state);
    let end = writer.end();
    state.settled = end;
    state.table.acknowledge(end.seq);
    state.reserved = writer.reserved();
    state.in_flight = None;
    state.publish(&shared.feed);
    let due = end.place >= state.checkpoint_due || state.table.bytes() >= state.spill_due;
    drop(state);
    if due {
        lock(&shared.upkeep).due = true;
        shared.upkeep_due.notify_all();
    }
}

/// Poisons the store.
fn fail(shared: &Shared, failure: StoreError) -> StoreError {
    shared.metrics.poisoned.set(1.0);
    tracing::error!(error = %failure, "the store refuses commits until it is opened again");
    let mut state = lock(&shared.state);
    let failure = state.failure.get_or_insert(failure).clone();
    state.in_flight = None;
    let open: Arc<Ack> = std::mem::take(&mut state.ack);
    drop(state);
    shared.failed.notify_waiters();
    open.complete(Err(failure.clone()));
    failure
}
