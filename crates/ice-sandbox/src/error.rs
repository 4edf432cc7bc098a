//! Errors of this crate: what is wrong with a policy, and why there is no sandbox.

use std::path::PathBuf;

use crate::report::SetupFailure;

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A limit is zero or too large.
    #[error("the limit {limit} is {value}; it must be {must}")]
    Limit {
        /// Its name.
        limit: &'static str,
        /// What was given.
        value: String,
        /// What is possible.
        must: &'static str,
    },
    /// A path that cannot be granted.
    #[error("the path {} cannot be granted: {why}; {instead}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why not.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// An endpoint that cannot be granted.
    #[error("the endpoint `{endpoint}` cannot be granted: {why}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why not.
        why: &'static str,
    },
    /// A secret that cannot be given so.
    #[error("the secret `{name}` cannot be given: {why}")]
    Secret {
        /// Its name in the cage.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A name or value that no environment can hold.
    #[error(
        "`{name}` cannot be set in the environment: a name is not empty and has no `=`, and neither has a NUL byte"
    )]
    Environment {
        /// The name.
        name: String,
    },
}

/// Why there is no sandbox, or why one could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SandboxError {
    /// The policy is not valid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No launcher was found.
    #[error(
        "no launcher of cages was found: {looked}. Give its path, install `ice-sandbox-launcher` beside the program, call \
         `ice_sandbox::init()` as the first line of `main`, or build with the feature `auto-init`"
    )]
    NoLauncher {
        /// Where it was looked for.
        looked: String,
    },
    /// It was cancelled before the command ran.
    #[error("cancelled before the command ran")]
    Cancelled,
    /// The cage could not be made; the command did not run.
    #[error(transparent)]
    Setup(#[from] SetupFailure),
}
