//! The guards: checks of the sources that need no build. One file each, all of the same shape: a `GUARD`
//! with its name, its purpose and its check, then a test on which it fails.

mod changelog;
mod documents;
mod errors;
mod expectations;
mod generated;
mod guard;
mod layers;
mod legacy;
mod links;
mod list;
mod lockfile;
mod manifests;
mod marks;
mod places;
mod snapshots;

pub(crate) use guard::Guard;
pub(crate) use list::{ALL, find};
