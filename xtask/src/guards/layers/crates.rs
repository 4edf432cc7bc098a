//! Which crate of the workspace uses which.

use std::collections::BTreeSet;

use super::rules::{CrateRules, FILE, Rules};
use crate::finding::Finding;

/// A crate of the workspace and the other ones its manifest names.
#[derive(Debug, Default)]
pub(super) struct Crate {
    /// Its name.
    pub(super) name: String,
    /// Its manifest, below the project's root.
    pub(super) manifest: String,
    /// Crates of the workspace it builds with.
    pub(super) uses: BTreeSet<String>,
    /// Crates of the workspace only its tests use.
    pub(super) test_uses: BTreeSet<String>,
}

/// Compares the edges between crates with those allowed.
pub(super) fn check(rules: &Rules, crates: &[Crate], findings: &mut Vec<Finding>) {
    for found in crates {
        let Some(allowed) = rules.crates.get(&found.name) else {
            let name = &found.name;
            findings.push(Finding::new(
                FILE,
                format!("crate `{name}` is not known here: add [crates.{name}] with what it may use"),
            ));
            continue;
        };
        if allowed.planned {
            findings.push(Finding::new(FILE, format!("[crates.{}] is there: remove `planned`", found.name)));
        }
        edges(found, allowed, findings);
    }
    for (name, allowed) in &rules.crates {
        if !allowed.planned && !crates.iter().any(|found| found.name == *name) {
            findings.push(Finding::new(
                FILE,
                format!("[crates.{name}] is not in the workspace: remove it, or say `planned = true`"),
            ));
        }
    }
}

fn edges(found: &Crate, allowed: &CrateRules, findings: &mut Vec<Finding>) {
    let name = &found.name;
    for used in found.uses.iter().filter(|used| !allowed.uses.contains(used)) {
        findings.push(Finding::new(
            &found.manifest,
            format!(
                "{name} must not depend on {used}; it may use {:?} ({FILE}, [crates.{name}])",
                allowed.uses
            ),
        ));
    }
    for used in &found.test_uses {
        if used != name && !allowed.test_uses.contains(used) && !allowed.uses.contains(used) {
            findings.push(Finding::new(
                &found.manifest,
                format!("the tests of {name} must not depend on {used}; add it to `test_uses` in {FILE}"),
            ));
        }
    }
    for (list, needed, listed) in
        [("uses", &found.uses, &allowed.uses), ("test_uses", &found.test_uses, &allowed.test_uses)]
    {
        for used in listed.iter().filter(|used| !needed.contains(*used)) {
            let advice = if list == "uses" && found.test_uses.contains(used) {
                "only its tests do: move it to `test_uses`"
            } else {
                "remove it"
            };
            let message =
                format!("[crates.{name}] `{list}` names {used}, which {name} does not need: {advice}");
            findings.push(Finding::new(FILE, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_edges(uses: &[&str], test_uses: &[&str]) -> Vec<String> {
        let rules =
            Rules::parse("[io]\n[crates.a]\nuses = [\"b\"]\ntest_uses = [\"t\"]\n[crates.b]\nuses = []")
                .unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let manifest = |name: &str| format!("crates/{name}/Cargo.toml");
        let crates = [
            Crate { name: "a".into(), manifest: manifest("a"), uses: set(uses), test_uses: set(test_uses) },
            Crate { name: "b".into(), manifest: manifest("b"), ..Crate::default() },
        ];
        let mut findings = Vec::new();
        check(&rules, &crates, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn allowed_edges_pass() {
        assert_eq!(check_edges(&["b"], &["t", "b", "a"]), [""; 0]);
    }

    #[test]
    fn an_edge_that_nothing_needs_is_found() {
        let unneeded = |list, used, advice| {
            format!("layers.toml: [crates.a] `{list}` names {used}, which a does not need: {advice}")
        };
        assert_eq!(check_edges(&[], &["t"]), [unneeded("uses", "b", "remove it")]);
        assert_eq!(
            check_edges(&[], &["b"]),
            [
                unneeded("uses", "b", "only its tests do: move it to `test_uses`"),
                unneeded("test_uses", "t", "remove it")
            ]
        );
    }

    #[test]
    fn an_edge_that_is_not_listed_is_found() {
        let found = check_edges(&["b", "c"], &["t", "d"]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("crates/a/Cargo.toml: a must not depend on c"), "{found:?}");
        assert!(found[1].contains("the tests of a must not depend on d"), "{found:?}");
    }

    #[test]
    fn unknown_and_vanished_crates_are_found() {
        let rules = Rules::parse(
            "[io]\n[crates.gone]\nuses = []\n[crates.soon]\nuses = []\nplanned = true\n\
             [crates.here]\nuses = []\nplanned = true",
        )
        .unwrap();
        let named = |name: &str| Crate { name: name.into(), ..Crate::default() };
        let crates = [named("fresh"), named("here")];
        let mut findings = Vec::new();
        check(&rules, &crates, &mut findings);
        let found: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`fresh`") && found[1].contains("[crates.here]"), "{found:?}");
        assert!(found[2].contains("[crates.gone]"), "{found:?}");
    }
}
