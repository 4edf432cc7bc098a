//! The crate that `ice new tool` writes builds as it is, and its own test passes.

#[cfg(test)]
mod common;

use common::{Desk, given, project};

#[test]
fn the_crate_that_is_written_builds_and_passes_its_test() {
    let desk = Desk::new();
    let core = project().join("crates/ice-core");
    desk.ice(&["new", "tool", "word_count", "--ice-core", core.to_str().unwrap()]).code(0);
    // The versions of the workspace, so that nothing is fetched.
    std::fs::copy(project().join("Cargo.lock"), desk.path("word_count/Cargo.lock")).unwrap();
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo
        .args(["test", "--offline", "--manifest-path"])
        .arg(desk.path("word_count/Cargo.toml"))
        // The toolchain of the project, and a folder that the next time finds its dependencies built.
        .current_dir(project())
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/new_tool"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let given = given(cargo.output().unwrap()).code(0);
    assert!(given.out.contains("test tests::words_are_counted ... ok"), "{given:#?}");
}
