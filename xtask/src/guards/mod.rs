//! The guards: checks of the sources that need no build. One file each, all of the same shape: a `GUARD`
//! with its name, its purpose and its check, then a test on which it fails.

mod guard;
mod layers;
mod list;

pub(crate) use guard::Guard;
pub(crate) use list::{ALL, find};
