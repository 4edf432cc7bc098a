//! The fuzz targets of `fuzz/`, each run for a bounded time.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::step::Outcome;
use crate::command::Runner;
use crate::console;
use crate::project::Project;
use crate::setup::CARGO_FUZZ;

const MANIFEST: &str = "fuzz/Cargo.toml";

/// Builds the targets and runs each for `seconds`. `chosen` names some of them; none means all.
pub(crate) fn fuzz(project: &Project, runner: &Runner, seconds: u64, chosen: &[String]) -> Result<Outcome> {
    let targets = targets(&project.read(MANIFEST)?)?;
    if let Some(unknown) = chosen.iter().find(|name| !targets.contains(name)) {
        anyhow::bail!("there is no fuzz target `{unknown}`; there are {}", targets.join(", "));
    }
    let wanted: Vec<&String> =
        targets.iter().filter(|name| chosen.is_empty() || chosen.contains(name)).collect();
    if runner.take("cargo", &["+nightly", "--version"]).is_err() {
        let advice = "rustup toolchain install nightly --profile minimal";
        return Ok(Outcome::Missing(format!("there is no nightly toolchain: {advice}")));
    }
    Outcome::with_tool(runner, &CARGO_FUZZ, || build_and_run(project, runner, seconds, &wanted))
}

fn build_and_run(project: &Project, runner: &Runner, seconds: u64, wanted: &[&String]) -> Result<Outcome> {
    let build = runner.target().join("fuzz");
    let folder = build.to_string_lossy();
    if !runner.run("cargo", &["+nightly", "fuzz", "build", "--target-dir", &folder])? {
        console::warn("the fuzz targets do not build");
        return Ok(Outcome::Failed);
    }
    let mut good = true;
    for target in wanted {
        good &= run(project, runner, target, seconds)?;
    }
    Ok(good.into())
}

/// Runs one target. Seeds are read from `fuzz/seeds/<target>`; what is found grows in the build folder.
fn run(project: &Project, runner: &Runner, target: &str, seconds: u64) -> Result<bool> {
    let build = runner.target().join("fuzz");
    let (corpus, artifacts) = (build.join("corpus").join(target), build.join("artifacts").join(target));
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let seeds = format!("fuzz/seeds/{target}");
    let (build, corpus) = (text(&build), text(&corpus));
    let time = format!("-max_total_time={seconds}");
    let prefix = format!("-artifact_prefix={}/", text(&artifacts));
    let mut arguments = vec!["+nightly", "fuzz", "run", "--target-dir", &build, target, &corpus];
    if project.contains_folder(&seeds) {
        arguments.push(&seeds);
    }
    // An input that takes ten seconds or a gigabyte is a finding as well.
    arguments.extend([
        "--",
        &time,
        &prefix,
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-max_len=65536",
        "-print_final_stats=1",
        "-verbosity=0",
        "-print_funcs=0",
    ]);
    let good = runner.run("cargo", &arguments)?;
    if !good {
        console::warn(&format!("fuzz target {target} failed; the input is in {}", artifacts.display()));
    }
    Ok(good)
}

/// The names of the programs that a manifest declares.
fn targets(manifest: &str) -> Result<Vec<String>> {
    let manifest: Table = manifest.parse().with_context(|| format!("{MANIFEST} is not valid"))?;
    let programs = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let names = programs.filter_map(|program| program.get("name")?.as_str().map(str::to_owned));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        anyhow::bail!("{MANIFEST} declares no [[bin]]");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn targets_are_read_from_the_manifest() {
        assert_eq!(targets("[[bin]]\nname = 'a'\n[[bin]]\nname = 'b'\n").unwrap(), ["a", "b"]);
        assert!(targets("[package]\nname = 'x'").is_err());
    }

    #[test]
    fn an_unknown_target_is_refused() {
        let (_folder, project) = project(&[(MANIFEST, "[[bin]]\nname = 'a'\n")]);
        let error = fuzz(&project, &Runner::new(&project), 1, &["b".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no fuzz target `b`; there are a");
    }
}
