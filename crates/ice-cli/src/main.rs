//! The `ice` command: where the crates are put together. Everything a person sees of ice on a terminal is
//! here; what a run is and does is below, in the libraries.

mod agents;
mod args;
mod cage;
mod commands;
mod data;
mod environment;
mod exit;
mod fault;
mod file;
mod input;
mod instead;
mod load;
mod manifests;
mod memory;
mod models;
mod pages;
mod pictures;
mod redaction;
mod render;
mod screen;
mod secrets;
mod servers;
mod shell;
mod signals;
mod stay;
mod telemetry;
mod toolbox;
mod watch;
#[cfg(feature = "wasm")]
mod webassembly;
mod webhook;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::shell::Shell;

/// Runs make and drop many small things on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: what makes cages may have one thread only.
    ice_orchestrator::process::init(ice_tools::all);
    match Cli::try_parse() {
        Ok(cli) => Shell::new(cli.global).run(cli.command),
        Err(error) => args::refuse(&error, std::env::args_os().skip(1)),
    }
    .into()
}
