//! What a command in a cage may do, as the command line says it.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ice_core::quantity::{bytes, span};
use ice_sandbox::{
    Access, Delivery, Endpoint, Layer, Limits, PolicyError, Profile, SandboxPolicy, SecretRef,
};

use crate::commands::grants;
use crate::fault::Fault;
use crate::secrets::named_for;

/// What a command in a cage may do. Nothing but to run, by default.
#[derive(Clone, Debug, Args)]
pub(crate) struct PolicyArgs {
    /// What kind of program it is: its limits and environment to begin with [default: binary]
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    profile: Option<Profile>,
    /// A folder or file that it may read
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    ro: Vec<PathBuf>,
    /// A folder or file that it may read and write
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    rw: Vec<PathBuf>,
    /// A folder or file that it may read and run
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    exec: Vec<PathBuf>,
    /// A host and port that it may connect to, over TCP; an address that is not public only if it is named itself
    #[arg(long, value_name = "HOST:PORT", help_heading = "Grants")]
    allow_net: Vec<Endpoint>,
    /// A variable of its environment: NAME=VALUE, or NAME alone to take it over from here if it is set
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = "Grants")]
    env: Vec<String>,
    /// A secret that it is given in a file in memory, whose path stands in its variable NAME_FILE: that in a variable here,
    /// or in a file
    // It is looked at later: a parser would repeat what is wrong, which may be the secret itself.
    #[arg(long, value_name = "NAME=env:VAR|file:PATH", help_heading = "Grants")]
    secret: Vec<String>,
    /// A secret that it is given in its variable NAME
    #[arg(long, value_name = "NAME=env:VAR|file:PATH", help_heading = "Grants")]
    secret_env: Vec<String>,
    /// Do without a layer if this machine does not have it
    #[arg(long, value_name = "LAYER", value_parser = layers(), hide_possible_values = true)]
    waive: Vec<Layer>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// How much it may use. Sizes have KiB, MiB or GiB (K, M, G) behind them, times ms, s, m, h or d.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// The most memory of all its processes together [default: 512MiB, 1GiB for node and jvm]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
    /// The most CPU time of all its processes together [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = span)]
    cpu: Option<Duration>,
    /// The most time on the clock [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = span)]
    timeout: Option<Duration>,
    /// The most time without any output [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = span)]
    idle: Option<Duration>,
    /// The most processes and threads at a time [default: 64, 256 for jvm]
    #[arg(long, value_name = "N")]
    processes: Option<u64>,
    /// The largest file that it may write [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    file_size: Option<u64>,
    /// What fits into its working folder, which is in memory [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    workspace: Option<u64>,
    /// The most that it may write to standard output, and to standard error [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_output: Option<u64>,
}

fn profiles() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::as_str)).try_map(|name| name.parse::<Profile>())
}

fn layers() -> impl TypedValueParser<Value = Layer> {
    PossibleValuesParser::new(Layer::ALL.map(Layer::as_str)).try_map(|name| name.parse::<Layer>())
}

impl PolicyArgs {
    /// The policy, with absolute paths.
    ///
    /// # Errors
    /// [`Fault`] if a path does not exist, or something cannot be granted or limited so.
    pub(crate) fn policy(&self) -> Result<SandboxPolicy, Fault> {
        let mut policy = SandboxPolicy::of(self.profile.unwrap_or_default());
        let grants = [
            ("--ro", Access::Read, &self.ro),
            ("--rw", Access::Write, &self.rw),
            ("--exec", Access::Execute, &self.exec),
        ];
        for (option, access, paths) in grants {
            for path in paths {
                policy = policy.grant(granted(path, option)?, access);
            }
        }
        for endpoint in &self.allow_net {
            policy = policy.connect(endpoint.clone());
        }
        for variable in &self.env {
            policy = match variable.split_once('=') {
                Some((name, value)) => policy.environment(name, value),
                None => policy.inherit(variable),
            };
        }
        for (option, secrets, delivery) in [
            ("--secret", &self.secret, Delivery::File),
            ("--secret-env", &self.secret_env, Delivery::Variable),
        ] {
            for text in secrets {
                let (name, place) = named_for(option, text)?;
                policy = policy.secret_as(name, SecretRef::new(place), delivery);
            }
        }
        for layer in &self.waive {
            policy = policy.waive(*layer);
        }
        policy.limit(|limits| self.limits.apply(limits)).build().map_err(|error| refused(&error))
    }
}

impl LimitArgs {
    fn apply(&self, limits: &mut Limits) {
        if let Some(memory) = self.memory {
            limits.memory = Some(memory);
            // What may be used can be had.
            limits.address_space = limits.address_space.map(|space| space.max(memory));
        }
        limits.cpu = self.cpu.or(limits.cpu);
        limits.wall = self.timeout.unwrap_or(limits.wall);
        limits.idle = self.idle.or(limits.idle);
        limits.processes = self.processes.unwrap_or(limits.processes);
        limits.file_size = self.file_size.unwrap_or(limits.file_size);
        limits.workspace = self.workspace.unwrap_or(limits.workspace);
        limits.output = self.max_output.unwrap_or(limits.output);
    }
}

/// What is wrong with a policy, in the words of the command line.
fn refused(error: &PolicyError) -> Fault {
    Fault::usage(match error {
        PolicyError::Limit { limit, value, must } => {
            let option = match *limit {
                "wall" => "timeout".to_owned(),
                "output" => "max-output".to_owned(),
                other => other.replace('_', "-"),
            };
            format!("`--{option}` is {value}; it must be {must}")
        }
        PolicyError::Path { .. }
        | PolicyError::Endpoint { .. }
        | PolicyError::Environment { .. }
        | PolicyError::Secret { .. } => error.to_string(),
    })
}

/// A granted path as it is called in the cage: absolute, but with the names it was given, so that those who use these
/// names find it there.
fn granted(path: &Path, option: &str) -> Result<PathBuf, Fault> {
    let found = path.metadata().and_then(|_| absolute(path));
    found.map_err(|error| grants::nothing(option, path, &error))
}

/// The path from the root on. Only where it goes upwards are its links followed.
pub(super) fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    if path.components().any(|part| part == Component::ParentDir) {
        path.canonicalize()
    } else {
        std::path::absolute(path)
    }
}
