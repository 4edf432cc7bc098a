//! A program that has no descriptors left. It is the only test of its file: what it lowers is that of the whole process.
#![cfg(target_os = "linux")]

use ice_sandbox::{Command, ResourceSandbox, SandboxError, SandboxPolicy, Stage};
use rlimit::Resource;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn without_descriptors_for_its_ways_out_no_command_runs() {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    let endpoint = "a.example:80".parse().unwrap();
    let pool = sandbox.pool(SandboxPolicy::builder().connect(endpoint).build().unwrap(), 1);
    pool.filled().await;
    let (before, hard) = Resource::NOFILE.get().unwrap();
    // No number is left below that of the first one.
    Resource::NOFILE.set(1, hard).unwrap();
    let spawned = pool.spawn(&Command::new("true"), &CancellationToken::new()).await;
    Resource::NOFILE.set(before, hard).unwrap();
    let Err(SandboxError::Setup(failure)) = spawned else { panic!("{spawned:?}") };
    assert_eq!((failure.stage, failure.errno), (Stage::Ways, Some(libc::EMFILE)), "{failure}");
}
