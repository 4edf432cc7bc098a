//! Snapshots were read and accepted: none is left waiting.

use anyhow::Result;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the snapshots.
pub(crate) const GUARD: Guard = Guard { name: "snapshots", about: "no snapshot waits to be accepted", check };

fn check(project: &Project) -> Result<Vec<Finding>> {
    let waits = |file: &&str| file.ends_with(".snap.new") || file.ends_with(".pending-snap");
    Ok(project
        .files()
        .filter(waits)
        .map(|file| Finding::new(file, "read it, then accept or correct it"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn a_waiting_snapshot_is_found() {
        let (_folder, project) =
            project(&[("a/b.snap.new", ""), ("a/c.snap", ""), ("a/.d.rs.pending-snap", "")]);
        assert_eq!(check(&project).unwrap().len(), 2);
    }
}
