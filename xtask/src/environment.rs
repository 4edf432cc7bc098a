//! The environment variables that xtask reads. No other file reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "this is the edge at which xtask reads its environment")]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this runs in CI (`CI=true`), where a missing tool is an error.
pub(crate) fn is_ci() -> bool {
    text("CI").is_some_and(|value| value == "true" || value == "1")
}

/// `CARGO_TARGET_DIR`, if set.
pub(crate) fn target_dir() -> Option<PathBuf> {
    text("CARGO_TARGET_DIR").map(PathBuf::from)
}

/// The folder for caches: `XDG_CACHE_HOME`, else `~/.cache`.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let home = || home_dir().map(|home| home.join(".cache"));
    text("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home)
}

/// The user's home folder.
pub(crate) fn home_dir() -> Option<PathBuf> {
    text("HOME").map(PathBuf::from)
}

/// `ICE_ADVISORY_DB`: the advisory database as a folder or a `.tgz`.
pub(crate) fn advisory_db() -> Option<PathBuf> {
    text("ICE_ADVISORY_DB").map(PathBuf::from)
}

/// The folder of this crate as cargo states it, when cargo runs xtask.
pub(crate) fn manifest_dir() -> Option<PathBuf> {
    text("CARGO_MANIFEST_DIR").map(PathBuf::from)
}

/// `PATH`.
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
