//! The blueprints in `examples/` pass the check of the `ice` command itself. That they run, and what comes
//! out, is tested in `crates/ice-cli/tests/examples.rs`.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::command::Runner;
use crate::console;
use crate::project::Project;

/// The manifests of the tools that examples call beside the built-in ones.
const TOOLS: &str = "examples/tools";

/// Validates every blueprint in `examples/`.
pub(super) fn examples(project: &Project, runner: &Runner) -> Result<bool> {
    let files = blueprints(project)?;
    if files.is_empty() {
        bail!("examples/ holds no blueprint");
    }
    if !runner.run("cargo", &["build", "--quiet", "--package", "ice-cli"])? {
        return Ok(false);
    }
    let ice = runner.target().join("debug/ice");
    let mut good = true;
    for file in &files {
        good &= runner.run(&ice.to_string_lossy(), &["validate", "--tools", TOOLS, file])?;
    }
    console::say(&format!("{} blueprints", files.len()));
    Ok(good)
}

/// The files in `examples/` that are blueprints: documents with a list of nodes.
fn blueprints(project: &Project) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in project.files_ending(&["json", "yaml", "yml"]).filter(|file| file.starts_with("examples/")) {
        let Some(text) = project.read_text(file)? else { continue };
        let document = serde_saphyr::from_str::<Value>(&text);
        if document.is_ok_and(|document| document.get("nodes").is_some_and(Value::is_array)) {
            found.push(file.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn blueprints_are_told_from_data() {
        let (_folder, project) = project(&[
            ("examples/a/b.yaml", "nodes:\n  - id: x\n"),
            ("examples/a/b.json", "{\"nodes\": []}"),
            ("examples/a/rows.json", "[1]"),
            ("docs/c.yaml", "nodes: []"),
        ]);
        assert_eq!(blueprints(&project).unwrap(), ["examples/a/b.json", "examples/a/b.yaml"]);
    }
}
