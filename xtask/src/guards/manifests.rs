//! Crates take version, licence, lints and dependencies from the workspace.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the manifests.
pub(crate) const GUARD: Guard =
    Guard { name: "manifests", about: "crates inherit package fields, lints and dependencies", check };

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];
const DEPENDENCIES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in project.files_ending(&["toml"]).filter(|file| is_member(file)) {
        let manifest = parse(project, file)?;
        inspect(file, &manifest, &mut findings);
    }
    toolchain(project, &mut findings)?;
    Ok(findings)
}

/// `fuzz/` is a workspace of its own and cannot inherit.
fn is_member(file: &str) -> bool {
    let parts: Vec<&str> = file.split('/').collect();
    matches!(parts[..], ["crates", _, "Cargo.toml"] | ["xtask" | "tests", "Cargo.toml"])
}

fn parse(project: &Project, file: &str) -> Result<Table> {
    project.read(file)?.parse().with_context(|| format!("{file} is not valid"))
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

fn inspect(file: &str, manifest: &Table, findings: &mut Vec<Finding>) {
    let package = manifest.get("package").and_then(Value::as_table);
    for field in INHERITED {
        if !inherits(package.and_then(|package| package.get(*field))) {
            findings.push(Finding::new(file, format!("write `{field}.workspace = true` under [package]")));
        }
    }
    if !inherits(manifest.get("lints")) {
        findings.push(Finding::new(file, "write `workspace = true` under [lints]"));
    }
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = std::iter::once(manifest)
        .chain(targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table)));
    for table in tables {
        for kind in DEPENDENCIES {
            for (name, dependency) in table.get(*kind).and_then(Value::as_table).into_iter().flatten() {
                if !inherits(Some(dependency)) {
                    let message = format!(
                        "[{kind}] {name}: declare it in the root Cargo.toml, and write `{name}.workspace = true` here"
                    );
                    findings.push(Finding::new(file, message));
                }
            }
        }
    }
}

/// The toolchain is a release of the version the workspace states.
fn toolchain(project: &Project, findings: &mut Vec<Finding>) -> Result<()> {
    const ROOT: &str = "Cargo.toml";
    const TOOLCHAIN: &str = "rust-toolchain.toml";
    let (root, toolchain) = (parse(project, ROOT)?, parse(project, TOOLCHAIN)?);
    let text = |table: &Table, keys: &[&str]| -> Option<String> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))?.as_str().map(str::to_owned)
    };
    let stated = text(&root, &["workspace", "package", "rust-version"]).unwrap_or_default();
    let channel = text(&toolchain, &["toolchain", "channel"]).unwrap_or_default();
    if stated.is_empty() || !(channel == stated || channel.starts_with(&format!("{stated}."))) {
        let message = format!("channel {channel:?} is not the workspace's rust-version {stated:?}");
        findings.push(Finding::new(TOOLCHAIN, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const ROOT: (&str, &str) = ("Cargo.toml", "[workspace.package]\nrust-version = '1.95'\n");
    const GOOD: &str = "[package]\nname = 'a'\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
        [dependencies]\nx = { workspace = true, optional = true }\n[lints]\nworkspace = true\n";

    fn check_with(manifest: &str, channel: &str) -> Vec<String> {
        let toolchain = format!("[toolchain]\nchannel = '{channel}'");
        let (_folder, project) =
            project(&[ROOT, ("rust-toolchain.toml", &toolchain), ("crates/a/Cargo.toml", manifest)]);
        check(&project).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_that_inherits_passes() {
        assert_eq!(check_with(GOOD, "1.95.0"), [""; 0]);
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        let found = check_with(&GOOD.replace("license.workspace = true", "license = 'MIT'"), "1.95.0");
        assert_eq!(found, ["crates/a/Cargo.toml: write `license.workspace = true` under [package]"]);
        let found = check_with(&GOOD.replace("[lints]\nworkspace = true", ""), "1.95.0");
        assert_eq!(found, ["crates/a/Cargo.toml: write `workspace = true` under [lints]"]);
        let unix = format!("{GOOD}[target.'cfg(unix)'.dependencies]\ny = '1'\n");
        let found = check_with(&unix, "1.95.0");
        assert!(found.len() == 1 && found[0].contains("[dependencies] y: declare it"), "{found:?}");
    }

    #[test]
    fn another_toolchain_is_found() {
        assert!(check_with(GOOD, "1.96.0")[0].starts_with("rust-toolchain.toml: channel"));
    }
}
