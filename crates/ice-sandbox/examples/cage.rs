//! Runs a command in a cage and tells how it went:
//!
//!     cargo run -p ice-sandbox --example cage -- ls -la /

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use ice_sandbox::{Command, Profile, ResourceSandbox, SandboxPolicy};
    use tokio_util::sync::CancellationToken;

    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("which command?")?;
    let policy = SandboxPolicy::of(Profile::Shell).build()?;
    let command = Command::new(program).args(arguments);
    let report = ResourceSandbox::new()?.run(&command, &policy, &CancellationToken::new()).await;
    print!("{}", report.stdout.text());
    eprint!("{}", report.stderr.text());
    eprintln!("{:#?}\n{:#?}\n{:?}", report.verdict, report.usage, report.not_enforced);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {}
