//! Files within granted folders, reached by handles of these folders.
//!
//! A path never leaves the folder it was found in: the kernel resolves it beneath the folder's handle, links
//! included, and there is no moment between a check and a use. Only regular files are opened; a pipe or device
//! is refused before anything could wait for it.

mod beneath;
mod candidate;
mod reading;
mod refusal;
mod walking;
mod writing;

pub(crate) use reading::open_read;
pub(crate) use walking::{Entry, EntryKind, Found, Walk, walk};
pub(crate) use writing::{WriteMode, write};
