//! The data folder: where it is, who owns it, and how to reach the owner.

mod access;
mod blobs;
mod folder;
mod link;
mod owner;
mod remote;
mod seal;

pub(crate) use access::{access, glance};
pub(crate) use folder::DataFolder;
pub(crate) use link::{Answers, Link, LinkError, refused};
pub(crate) use owner::{Owner, Role};
pub(crate) use remote::{Remote, socket_fault};
pub(crate) use seal::{KeyPlace, Raw, look, seal_fault};
