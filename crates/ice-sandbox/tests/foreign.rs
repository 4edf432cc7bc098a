//! Programs outside of this workspace that use the crate and are their own launchers: one calls `init`, the other is
//! built with `auto-init`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CALLS_INIT: &str = r#"
fn main() {
    ice_sandbox::init();
    report();
}
"#;

const CALLS_NOTHING: &str = r#"
fn main() {
    report();
}
"#;

/// What both do: run a command in a cage, and say what it wrote and how it ended.
const REPORT: &str = r#"
fn report() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let policy = ice_sandbox::SandboxPolicy::builder().build().unwrap();
    let command = ice_sandbox::Command::new("echo").arg("from a cage");
    let report = runtime.block_on(async {
        let sandbox = ice_sandbox::ResourceSandbox::new().unwrap_or_else(|error| panic!("{error}"));
        sandbox.run(&command, &policy, &Default::default()).await
    });
    print!("{}{:?}", report.stdout.text(), report.verdict);
}
"#;

/// A package of its own in `folder`, built.
fn build(folder: &Path, name: &str, features: &str, main: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = folder.join(name);
    fs::create_dir_all(package.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         ice-sandbox = {{ path = \"{}\", features = [{features}] }}\n\
         tokio = {{ version = \"1\", features = [\"rt\", \"time\", \"net\"] }}\n",
        own.display()
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/main.rs"), format!("{main}{REPORT}")).unwrap();
    // The same versions as here, whatever has come out since.
    fs::copy(own.join("../../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Away from everything else that was built, so that no launcher lies beside it.
    let alone = folder.join(format!("{name}-alone"));
    fs::copy(target.join("debug").join(name), &alone).unwrap();
    alone
}

fn run(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_program_that_calls_init_is_its_own_launcher() {
    let folder = tempfile::tempdir().unwrap();
    let program = build(folder.path(), "calls-init", "", CALLS_INIT);
    assert_eq!(run(&program), "from a cage\nOk");
}

#[test]
fn with_auto_init_a_program_need_not_call_anything() {
    let folder = tempfile::tempdir().unwrap();
    let program = build(folder.path(), "auto-init", "\"auto-init\"", CALLS_NOTHING);
    assert_eq!(run(&program), "from a cage\nOk");
}

#[test]
fn a_program_without_a_launcher_is_told_all_ways_to_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let program = build(folder.path(), "has-none", "", CALLS_NOTHING);
    let said = run(&program);
    for way in ["ice-sandbox-launcher", "init", "beside the program", "auto-init"] {
        assert!(said.contains(way), "{way} is missing in: {said}");
    }
}
