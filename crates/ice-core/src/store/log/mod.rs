//! The write-ahead log: the one truth about what was committed.
//!
//! The log is a sequence of frames in segment files. A frame holds the commits of one group: it is written
//! by one call and is there whole or not at all. A place in the log is a number of bytes from its beginning,
//! counting frames only; a segment is named after the place at which it begins.
//!
//! # Layout
//! All numbers are little-endian.
//!
//! A segment begins with 64 bytes: `ICELOG01`, the place of its first frame (8), the number of the last
//! commit before it (8), the chain value before its first frame (16), zeros, and a CRC-32 of all that (4).
//!
//! A frame begins with 64 bytes: `ICEF`, the kind (1: commits), three zeros, the length of the payload (4),
//! a CRC-32 of everything in the frame but this field (4), the frame's own place (8), the first and last
//! commit in it (8 each), the place up to which the log was synced when the frame was made (8), and the
//! chain value (16): the first 16 bytes of the BLAKE3 hash over the chain value before, the header without
//! checksum and chain, and the payload. So a frame that was altered, moved, left out or left over from
//! another life of the file does not fit.
//!
//! # What is noticed
//! `MARK`, a second file, says up to which place and commit the log was synced. It is written after every
//! group and synced by itself at most every quarter of a second, when the log falls idle, and on close.
//! - A frame that does not fit while the mark, or a later frame, proves that it was synced: damage.
//! - A log that ends before the synced place of the mark: a lost tail.
//! - A log that ends between the mark and what was synced after it: not noticed after a loss of power, since
//!   nothing that survived knows of it. This window is what was acknowledged in the last quarter of a second.
//! - A last frame that does not fit and that nothing proves to have been synced: a torn write, dropped.
//!
//! Segments before a checkpoint are not read when opening. That they are there, and as long as the values that are
//! alive in them need, is compared with a list in the checkpoint; damage within such a value is noticed when it is
//! read.
//!
//! Damage and a lost tail are errors with the range of commits, see [`LossPolicy`].

mod broken;
mod extents;
mod frame;
mod group;
mod mark;
mod record;
mod recovery;
mod replay;
mod scan;
mod segment;
mod survey;
mod writer;

pub use record::RecoveredWrite;
pub use recovery::{LossPolicy, RecoveryReport};
pub use scan::{Recovered, RecoveredCommit, recover};

#[cfg(test)]
mod tests;

pub(crate) use extents::{Extents, name as segment_name};
pub(crate) use group::Group;
pub(crate) use mark::{MARK, Mark, MarkState};
pub(crate) use recovery::{Recovery, recover_disk};
pub(crate) use replay::{read_whole, replay_range};
pub(crate) use segment::{FOLDER, Place, ReadError, Segments};
pub(crate) use survey::{Survey, survey};
pub(crate) use writer::{End, RESERVATION, Writer};
