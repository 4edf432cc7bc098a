//! The guard of the layers: crate edges, module tiers and the addresses of I/O, all against `layers.toml`.
//!
//! It reads the sources as syntax, along the module tree of each target, and follows imports, renames and
//! re-exports. It does not know types: a trait method or a type alias can hide a call from it. The calls that
//! matter most (clock, environment, ids) are therefore forbidden by `clippy.toml` as well.

mod crates;
mod guard;
mod io;
mod modules;
mod resolve;
mod rules;
mod source;
mod tree;

pub(crate) use guard::GUARD;
