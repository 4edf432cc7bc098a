//! The guard itself: reads the workspace and applies the three checks.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package, TargetKind};

use super::crates::Crate;
use super::rules::{CrateRules, FILE, Rules};
use super::tree::Tree;
use super::{crates, io, modules, tree};
use crate::finding::Finding;
use crate::guards::Guard;
use crate::project::Project;

/// The guard of the layers.
pub(crate) const GUARD: Guard =
    Guard { name: "layers", about: "crates, modules and I/O keep to layers.toml", check };

fn check(project: &Project) -> Result<Vec<Finding>> {
    let rules = Rules::parse(&project.read(FILE)?)?;
    let metadata = MetadataCommand::new()
        .current_dir(project.root())
        .no_deps()
        .exec()
        .context("the workspace cannot be read")?;
    let packages = metadata.workspace_packages();
    let mut findings = Vec::new();
    let crates: Vec<Crate> = packages.iter().map(|package| edges(project, package, &packages)).collect();
    crates::check(&rules, &crates, &mut findings);

    let text = |file: &str| project.read(file).ok();
    let mut trees = Vec::new();
    for package in &packages {
        for target in package.targets.iter().filter(|target| is_production(&target.kind)) {
            let root = relative(project, target.src_path.as_std_path());
            trees.push(tree::read(&package.name, &root, &text, &mut findings));
        }
    }
    check_trees(&rules, &trees, &mut findings);
    Ok(findings)
}

fn check_trees(rules: &Rules, trees: &[Tree], findings: &mut Vec<Finding>) {
    let (mut excepted, mut needed) = (BTreeSet::new(), BTreeSet::new());
    let nothing = CrateRules::default();
    for tree in trees {
        let crate_rules = rules.crates.get(&tree.package).unwrap_or(&nothing);
        modules::check(rules, crate_rules, tree, &mut excepted, findings);
        io::check(rules, tree, &mut needed, findings);
    }
    for (name, crate_rules) in rules.crates.iter().filter(|(_, rules)| !rules.planned) {
        let own: Vec<&Tree> = trees.iter().filter(|tree| tree.package == *name).collect();
        modules::check_entries(name, crate_rules, &own, findings);
    }
    modules::check_exceptions(rules, &excepted, findings);
    io::check_addresses(rules, &needed, findings);
}

/// Libraries and programs; tests, benchmarks, examples and build scripts may do as they like.
fn is_production(kinds: &[TargetKind]) -> bool {
    kinds.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin | TargetKind::ProcMacro))
}

fn edges(project: &Project, package: &Package, packages: &[&Package]) -> Crate {
    let mut found = Crate {
        name: package.name.to_string(),
        manifest: relative(project, package.manifest_path.as_std_path()),
        ..Crate::default()
    };
    for dependency in &package.dependencies {
        if packages.iter().any(|other| other.name.as_str() == dependency.name) {
            let is_for_tests = dependency.kind == DependencyKind::Development;
            let kind = if is_for_tests { &mut found.test_uses } else { &mut found.uses };
            kind.insert(dependency.name.clone());
        }
    }
    found
}

fn relative(project: &Project, path: &std::path::Path) -> String {
    path.strip_prefix(project.root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const LAYERS: &str = "
        [crates.sample]
        uses = []
        tiers = [['low'], ['high']]
        [io.disk]
        paths = ['std::fs']
    ";
    const MANIFEST: &str = "[package]\nname = 'sample'\nversion = '0.1.0'\nedition = '2024'\n[workspace]\n";

    #[test]
    fn a_workspace_is_read_and_its_faults_are_found() {
        let (_folder, project) = project(&[
            (FILE, LAYERS),
            ("Cargo.toml", MANIFEST),
            ("src/lib.rs", "pub mod low; pub mod high;"),
            ("src/low.rs", "use crate::high;\nuse std::fs;"),
            ("src/high.rs", "use crate::low;"),
            ("tests/free.rs", "use std::fs;"),
        ]);
        let found: Vec<_> = check(&project).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("src/low.rs:1: sample::low uses sample::high"), "{found:?}");
        assert!(found[1].starts_with("src/low.rs:2: `std::fs` is disk I/O"), "{found:?}");
    }

    #[test]
    fn a_misspelt_rule_is_refused() {
        let (_folder, project) = project(&[(FILE, "[crates.sample]\nusess = []\n[io]")]);
        assert!(format!("{:#}", check(&project).unwrap_err()).contains("usess"));
    }
}
