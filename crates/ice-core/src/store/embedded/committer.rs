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

/// How much memory a group keeps for the next one, in bytes.
const KEEP_BYTES: usize = WRITE_BYTES * 2;

/// Writes groups until the store closes or a write fails.
pub(super) fn run(shared: &Shared, mut writer: Writer) {
    let mut spare = Group::default();
    loop {
        let (mut state, closing) = wait(shared, &mut writer);
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

        let written = write(shared, &mut writer, &mut group, wants, closing.then_some(last));
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
fn wait<'a>(shared: &'a Shared, writer: &mut Writer) -> (MutexGuard<'a, State>, bool) {
    let mut state = lock(&shared.state);
    let mut deadline = None;
    loop {
        let full = state.group.size() >= WRITE_BYTES;
        if state.wants.any() || state.closing || full || state.failure.is_some() {
            break;
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
) -> Result<(), (&'static str, io::Error)> {
    if !group.is_empty() {
        shared.metrics.batch.record(u32::try_from(group.commits()).unwrap_or(u32::MAX));
        shared.metrics.queue.set(u32::try_from(wants.waiters).unwrap_or(u32::MAX));
        writer.append(group).map_err(|error| ("writing the log", error))?;
    }
    if (wants.sync || wants.mark || closing.is_some()) && !writer.is_synced() {
        let started = Instant::now();
        writer.sync().map_err(|error| ("syncing the log", error))?;
        shared.metrics.sync_seconds.record(started.elapsed());
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
    open.complete(Err(failure.clone()));
    failure
}
