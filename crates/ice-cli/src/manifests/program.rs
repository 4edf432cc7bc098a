//! Whether the program of a manifest is there for a cage to run.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ice_orchestrator::process::ToolManifest;
use ice_sandbox::SEARCH_PATH;

use crate::environment::Environment;

/// The folders of the system whose programs every cage can run.
const SYSTEM: [&str; 4] = ["/usr", "/bin", "/sbin", "/nix/store"];

/// Why the program of a manifest cannot be run in a cage, as far as that shows without trying.
pub(crate) fn missing(manifest: &ToolManifest, environment: &Environment) -> Option<String> {
    let program = manifest.command.first()?;
    if program.contains('/') {
        at(manifest, Path::new(program))
    } else {
        named(manifest, program, environment)
    }
}

fn at(manifest: &ToolManifest, program: &Path) -> Option<String> {
    let found = match program.metadata() {
        Ok(found) => found,
        Err(error) => return Some(format!("{}: {}", program.display(), crate::fault::plain(&error))),
    };
    let granted = manifest.grants.execute.iter().map(PathBuf::as_path);
    let mut runs = granted.chain(SYSTEM.map(Path::new));
    if !found.is_file() {
        Some(format!("{} is not a file", program.display()))
    } else if found.permissions().mode() & 0o111 == 0 {
        Some(format!("{0} may not be run: chmod +x {0}", program.display()))
    } else if !runs.any(|folder| program.starts_with(folder)) {
        Some(format!("{} is not below what `grants.execute` names", program.display()))
    } else {
        None
    }
}

fn named(manifest: &ToolManifest, program: &str, environment: &Environment) -> Option<String> {
    let path = manifest.environment.get("PATH").map_or(SEARCH_PATH, String::as_str);
    if std::env::split_paths(path).any(|folder| folder.join(program).is_file()) {
        return None;
    }
    Some(match environment.find(program) {
        Some(elsewhere) => format!(
            "`{program}` is not found in {path}; name {} whole, and grant it with `grants.execute`",
            elsewhere.display()
        ),
        None => format!("`{program}` is not found in {path}"),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use ice_core::blueprint::Format;

    use super::*;

    fn check(program: &str, mode: u32, more: &str, expected: Option<&str>) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for folder in ["tools", "far"] {
            let file = root.join(folder).join("run");
            std::fs::create_dir(root.join(folder)).unwrap();
            std::fs::write(&file, "#!/bin/sh").unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        let root = root.display().to_string();
        let text = format!("name: a\nversion: 1.0.0\ndescription: A.\ncommand: [{program}]\n{more}");
        let text = text.replace("ROOT", &root);
        let read = ToolManifest::read(&text, Format::Yaml, "a.yaml", &Path::new(&root).join("tools"));
        let manifest = read.value.unwrap_or_else(|| panic!("{}", read.diagnostics));
        let environment = Environment { path: Some(format!("{root}/far").into()), ..Environment::default() };
        let found = missing(&manifest, &environment).map(|why| why.replace(&root, "ROOT"));
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn programs_are_there_or_it_is_told_why_not() {
        check("sh", 0o755, "", None);
        check("/bin/sh", 0o755, "", None);
        check("./run", 0o755, "", None);
        check("./run", 0o644, "", Some("ROOT/tools/run may not be run: chmod +x ROOT/tools/run"));
        check("./none", 0o755, "", Some("ROOT/tools/none: there is no such file or folder"));
        check("ROOT/far/run", 0o755, "", Some("ROOT/far/run is not below what `grants.execute` names"));
        check("ROOT/far/run", 0o755, "grants: {execute: [ROOT/far]}", None);
        check("ROOT/far", 0o755, "", Some("ROOT/far is not a file"));
        check("run", 0o755, "environment: {PATH: ROOT/far}", None);
        let advice = format!(
            "`run` is not found in {SEARCH_PATH}; name ROOT/far/run whole, and grant it with `grants.execute`"
        );
        check("run", 0o755, "", Some(&advice));
        check(
            "no_such_program",
            0o755,
            "",
            Some(&format!("`no_such_program` is not found in {SEARCH_PATH}")),
        );
    }
}
