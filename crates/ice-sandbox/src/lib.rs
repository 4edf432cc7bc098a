//! A cage for child processes on Linux.
//!
//! A command runs in namespaces of its own (user, pid, net, ipc, uts, mount, cgroup), in a root that holds nothing but
//! what it was granted, without privileges, under limits, behind Landlock and seccomp. Nothing of it outlives its run. If
//! a layer cannot be had, nothing runs, unless the policy names the layer that is done without.
//!
//! ```no_run
//! use ice_sandbox::{Command, ResourceSandbox, SandboxPolicy, Verdict};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), ice_sandbox::SandboxError> {
//! let sandbox = ResourceSandbox::new()?;
//! let policy = SandboxPolicy::builder().read("/srv/data").build()?;
//! let command = Command::new("wc").arg("-l").arg("/srv/data/rows.csv");
//! let report = sandbox.run(&command, &policy, &CancellationToken::new()).await;
//! assert_eq!(report.verdict, Verdict::Ok);
//! # Ok(())
//! # }
//! ```
//!
//! # The launcher
//! The cage is made by a small process of its own, so that nothing has to be done between fork and exec of the caller,
//! however large that is. It is found, in this order: at the path given to
//! [`ResourceSandbox::with_launcher`]; as the file `ice-sandbox-launcher` beside the running program, or in the folder
//! above it; in the running program itself, if that calls [`init`] as the first line of its `main`, or is built with the
//! feature `auto-init`, which does so before `main`.
//!
//! # Granting folders of the system
//! Programs and libraries (`/usr`, `/bin`, `/lib` and the like) are there without a grant. Granting them again, or a part of
//! them, for reading takes nothing away: what is there can still be run. A granted `/etc` or `/tmp` takes the place of the
//! one that the cage has otherwise; the hosts of the ways out stay in `/etc/hosts`. A policy is not built
//! ([`PolicyError::Path`], which says what to do instead) that grants `/`, `/proc`, `/dev`, `/sys` or `/cage`, or a folder of
//! the system for writing: `/usr`, `/bin`, `/sbin`, `/lib`, `/etc`, `/nix` with all below, `/var` and `/run` themselves.
//!
//! # What it needs
//! Linux 5.13 or later on x86-64 or aarch64, with unprivileged user namespaces or root. Elsewhere everything compiles
//! and says that there is no sandbox.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

mod command;
mod error;
mod layer;
mod policy;
mod report;
mod secret;

#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod launcher;
#[cfg(target_os = "linux")]
mod wire;

pub use command::{Command, SEARCH_PATH};
pub use error::{PolicyError, SandboxError};
pub use layer::Layer;
pub use policy::{Access, Delivery, Endpoint, Grant, Limits, PolicyBuilder, Profile, SandboxPolicy, Secret};
pub use report::{
    Absent, Broken, Capabilities, End, MemorySource, Output, RunReport, SetupFailure, Side, Stage, Stream,
    Traffic, Usage, Verdict,
};

pub use secret::{SecretBytes, SecretError, SecretRef, Secrets};

#[cfg(target_os = "linux")]
pub use host::{Caged, Masked, ResourceSandbox, WarmPool};
#[cfg(target_os = "linux")]
pub use launcher::{NAME as LAUNCHER_NAME, init, launcher_main};
