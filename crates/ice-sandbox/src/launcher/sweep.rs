//! Ending what a run has left where no pid namespace does that: the launcher is the parent of all that lose theirs.

use std::io;

use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

use super::{kin, sys};

/// After so many rounds the processes start others faster than they can be ended.
const MOST_ROUNDS: usize = 100_000;

/// Makes this process the parent of all descendants that lose theirs.
pub(super) fn adopt() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Ends all descendants. Only children are killed, whose numbers are not given again before they are waited for; those
/// below them become children by that.
pub(super) fn sweep() -> io::Result<()> {
    for _ in 0..MOST_ROUNDS {
        for child in kin::own()?.into_iter().filter_map(Pid::from_raw) {
            // One that has ended already is waited for all the same.
            let _ = kill_process(child, Signal::KILL);
        }
        if sys::wait(-1)?.is_none() {
            return Ok(());
        }
    }
    Err(io::Error::other("processes of the run go on starting others"))
}
