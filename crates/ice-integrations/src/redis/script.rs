//! The scripts that run in the server, each atomic, and their hashes.

use ::redis::{Cmd, Script};

/// The scripts of this adapter.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) commit: Loaded,
    pub(super) scan: Loaded,
    pub(super) adopt: Loaded,
    pub(super) keep_blob: Loaded,
    pub(super) collect: Loaded,
    pub(super) sweep: Loaded,
}

/// A script that is in the server since the connection was made.
#[derive(Debug)]
pub(super) struct Loaded {
    text: &'static str,
    hash: String,
}

impl Loaded {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }

    /// Calls it with keys; arguments are added by the caller.
    pub(super) fn call(&self, keys: &[&str]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len()).arg(keys);
        command
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            commit: Loaded::new(include_str!("scripts/commit.lua")),
            scan: Loaded::new(include_str!("scripts/scan.lua")),
            adopt: Loaded::new(include_str!("scripts/adopt.lua")),
            keep_blob: Loaded::new(include_str!("scripts/keep_blob.lua")),
            collect: Loaded::new(include_str!("scripts/collect.lua")),
            sweep: Loaded::new(include_str!("scripts/sweep.lua")),
        }
    }
}

impl Scripts {
    /// The commands that bring all scripts into the server.
    pub(super) fn load(&self) -> redis::Pipeline {
        let mut pipeline = redis::pipe();
        for script in [&self.commit, &self.scan, &self.adopt, &self.keep_blob, &self.collect, &self.sweep] {
            pipeline.cmd("SCRIPT").arg("LOAD").arg(script.text);
        }
        pipeline
    }
}
