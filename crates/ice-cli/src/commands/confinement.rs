//! `--isolation`, `--waive` and the limits: how what a run executes outside of the engine's own code is held.

use std::time::Duration;

use clap::{Args, ValueEnum};
use ice_core::process::{Grants, Isolation, Limits};
use ice_core::quantity::{bytes, span};
use ice_orchestrator::journal::RunOptions;
use ice_sandbox::{Layer, SandboxPolicy};

use crate::fault::Fault;

/// How tools and code are held.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cages")]
pub(crate) struct ConfinementArgs {
    /// Where tools that touch files or the network do their work [default: process]
    #[arg(long, value_name = "WHERE")]
    isolation: Option<Where>,
    /// A layer of cages that is done without if this machine does not have it: `ice doctor` names them
    #[arg(long, value_name = "LAYER")]
    waive: Vec<Layer>,
    /// The most memory of each execution in a cage: a number, with KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    cage_memory: Option<u64>,
    /// The most CPU time of each execution in a cage, for example 30s
    #[arg(long, value_name = "TIME", value_parser = span)]
    cage_cpu: Option<Duration>,
    /// The most time on the clock of each execution in a cage, for example 5m
    #[arg(long, value_name = "TIME", value_parser = span)]
    cage_time: Option<Duration>,
}

/// Where tools do their work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Where {
    /// In a process of their own, in a cage
    Process,
    /// Inside of the engine's process: nothing but their own care holds them to their grants
    InProcess,
}

impl ConfinementArgs {
    /// Whether cages can be given these grants and limits: better now than node by node.
    ///
    /// # Errors
    /// [`Fault`] that says which cannot be.
    pub(crate) fn check(&self, grants: &Grants) -> Result<(), Fault> {
        if self.isolation == Some(Where::InProcess) {
            return Ok(());
        }
        let policy = SandboxPolicy::builder().limit(|limits| {
            limits.memory = self.cage_memory.or(limits.memory);
            limits.cpu = self.cage_cpu.or(limits.cpu);
            limits.wall = self.cage_time.unwrap_or(limits.wall);
        });
        let policy = grants.read.iter().fold(policy, |policy, path| policy.read(path));
        let policy = grants.write.iter().fold(policy, |policy, path| policy.write(path));
        policy.build().map(drop).map_err(|error| {
            Fault::usage(error.to_string())
                .help("tools work in cages; `--isolation in-process` does without for tools")
        })
    }

    /// What whoever starts the run should know of what was given.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        (self.isolation == Some(Where::InProcess)).then_some(
            "tools that touch files or the network run inside of the engine's process: nothing but their own care holds them \
             to their grants",
        )
    }

    /// Writes what was given into the options of a run.
    pub(crate) fn apply(&self, options: &mut RunOptions) {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        options.isolation = match self.isolation {
            Some(Where::Process) | None => Isolation::Process,
            Some(Where::InProcess) => Isolation::InProcess,
        };
        options.waive = self.waive.iter().map(ToString::to_string).collect();
        options.limits = Limits {
            memory_bytes: self.cage_memory,
            cpu_ms: self.cage_cpu.map(millis),
            wall_ms: self.cage_time.map(millis),
            ..Limits::default()
        };
    }
}
