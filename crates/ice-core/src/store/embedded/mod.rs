//! The store on disk: the log is the truth, a table in memory holds what changed lately, and an index holds
//! the rest once it no longer fits into memory.
//!
//! # Who does what
//! - A caller of `commit` checks its expectations and encodes its batch into the open group, under one short
//!   lock. A `Buffered` commit is done with that.
//! - The *committer* thread writes one group after the other, syncs if somebody waits for that, and
//!   acknowledges.
//! - The *keeper* thread moves what is old from the table into the index, writes checkpoints, and removes
//!   segments of the log in which nothing is alive, after it has copied what little was.
//!
//! # The folder
//! `LOCK` (held by the owner, with its process id), `FORMAT`, `MARK` and `log/` (see [`log`](super::log)),
//! `checkpoint/`, `INDEX` (says that the index is whole, and up to which place of the log; absent while it is
//! being written), `index/` (sled), and `damaged/` and `index.discarded/` (what was moved aside).
//!
//! A checkpoint, the log from its place on and the segments before it that it relies on are enough to make
//! everything else. The index is thrown away
//! whenever it is not known to be whole: when it was being written as the process ended, when it cannot be
//! opened, when a block of it is damaged or missing.
//!
//! # After a failure
//! A write or sync that fails poisons the store: what was waiting is refused, and so is every later commit;
//! reading goes on. So does a folder that was removed or replaced, which is looked for whenever the mark is
//! synced. Opening again is clean: what can be read of the log is written and synced once more.

mod ack;
mod alive;
mod behind;
mod block;
mod checkpoint;
mod commit;
mod committer;
mod folder;
mod index;
mod keeper;
mod open;
mod options;
mod purge;
mod read;
mod rebuild;
mod shared;
mod store;
mod table;

pub use options::EmbeddedOptions;
pub use store::EmbeddedStore;

#[cfg(test)]
mod tests;
