//! The project's commands: `cargo xtask <command>`. What each does stands in its own file; this one only
//! dispatches.

mod cli;
mod command;
mod console;
mod environment;
mod finding;
mod generate;
mod guards;
mod project;
mod setup;
mod steps;
mod test_only;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::warn(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
