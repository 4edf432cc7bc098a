//! `Cargo.lock` says what the manifests ask for.

use anyhow::Result;
use cargo_metadata::MetadataCommand;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the lock file.
pub(crate) const GUARD: Guard = Guard { name: "lockfile", about: "Cargo.lock is up to date", check };

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut command = MetadataCommand::new();
    command.current_dir(project.root()).other_options(["--locked".to_owned()]);
    match command.exec() {
        Ok(_) => Ok(Vec::new()),
        Err(cargo_metadata::Error::CargoMetadata { stderr }) => Ok(vec![Finding::new(
            "Cargo.lock",
            format!("run any cargo command and commit it: {}", stderr.trim()),
        )]),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const MANIFEST: &str = "[package]\nname = 'sample'\nversion = '0.2.0'\nedition = '2024'\n[workspace]\n";

    fn check_lock(version: &str) -> Vec<Finding> {
        let lock = format!("version = 4\n\n[[package]]\nname = \"sample\"\nversion = \"{version}\"\n");
        let (_folder, project) =
            project(&[("Cargo.toml", MANIFEST), ("Cargo.lock", &lock), ("src/lib.rs", "")]);
        check(&project).unwrap()
    }

    #[test]
    fn an_old_lock_is_found() {
        assert_eq!(check_lock("0.2.0"), []);
        assert_eq!(check_lock("0.1.0").len(), 1);
    }
}
