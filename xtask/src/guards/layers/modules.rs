//! Which module of a crate uses which: downwards only.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::Target;
use super::rules::{CrateRules, FILE, Rules, segments};
use super::tree::Tree;
use crate::finding::Finding;

/// Compares the edges between the modules of one target with the tiers of its crate. `excepted` collects the
/// exceptions that were needed, by their position.
pub(super) fn check(
    rules: &Rules,
    crate_rules: &CrateRules,
    tree: &Tree,
    excepted: &mut BTreeSet<usize>,
    findings: &mut Vec<Finding>,
) {
    let Some(tiers) = Tiers::of(crate_rules) else { return };
    for (path, (file, module)) in &tree.modules {
        let Some(from) = tiers.place(path) else {
            if path.len() == 1 {
                findings.push(unplaced(&tree.package, path, file));
            }
            continue;
        };
        // One finding per edge of a file: the first place, and how many there are.
        let mut upward: BTreeMap<&[String], (usize, usize, Place<'_>)> = BTreeMap::new();
        for found in &module.uses {
            for target in tree.resolve(path, &found.path) {
                let Target::Internal(target) = target else { continue };
                if found.glob && target.is_empty() {
                    let message = "a glob import of the crate root hides which modules are used: name them";
                    findings.push(Finding::at(file, found.line, message));
                }
                let Some(to) = tiers.place(&target) else { continue };
                // A module may always use those inside of it.
                if to.path == from.path || to.tier < from.tier || target.starts_with(path) {
                    continue;
                }
                match exception(rules, &tree.package, path, &target) {
                    Some(index) => {
                        excepted.insert(index);
                    }
                    None => {
                        let entry = upward.entry(to.path).or_insert((found.line, 0, to));
                        entry.0 = entry.0.min(found.line);
                        entry.1 += 1;
                    }
                }
            }
        }
        for (line, count, to) in upward.into_values() {
            findings.push(Finding::at(file, line, refusal(&tree.package, from, to, count)));
        }
    }
}

/// The exception that covers an edge, by its position.
fn exception(rules: &Rules, package: &str, from: &[String], to: &[String]) -> Option<usize> {
    let covers = |address: &str, path: &[String]| {
        let parts = segments(address);
        parts.split_first().is_some_and(|(owner, module)| owner == package && path.starts_with(module))
    };
    rules.exceptions.iter().position(|exception| covers(&exception.from, from) && covers(&exception.to, to))
}

/// Entries of the tiers that no target of the crate has, and planned ones that are there.
pub(super) fn check_entries(
    name: &str,
    crate_rules: &CrateRules,
    trees: &[&Tree],
    findings: &mut Vec<Finding>,
) {
    let is_there = |module: &str| trees.iter().any(|tree| tree.modules.contains_key(&segments(module)));
    for module in crate_rules.tiers.iter().flatten().flatten() {
        if !is_there(module) && !crate_rules.planned_modules.contains(module) {
            findings.push(Finding::new(
                FILE,
                format!("{name}::{module} does not exist: remove it from the tiers, or add it to `planned_modules`"),
            ));
        }
    }
    for module in &crate_rules.planned_modules {
        if !crate_rules.tiers.iter().flatten().flatten().any(|entry| entry == module) {
            findings.push(Finding::new(FILE, format!("planned module {name}::{module} stands in no tier")));
        }
        if is_there(module) {
            findings.push(Finding::new(
                FILE,
                format!("{name}::{module} is there: take it out of `planned_modules`"),
            ));
        }
    }
}

/// Exceptions that nothing needs, or that give no reason.
pub(super) fn check_exceptions(rules: &Rules, excepted: &BTreeSet<usize>, findings: &mut Vec<Finding>) {
    for (index, exception) in rules.exceptions.iter().enumerate() {
        let edge = format!("{} -> {}", exception.from, exception.to);
        if !excepted.contains(&index) {
            findings.push(Finding::new(FILE, format!("the exception {edge} is not needed: remove it")));
        }
        if exception.reason.trim().is_empty() {
            findings.push(Finding::new(FILE, format!("the exception {edge} gives no reason")));
        }
    }
}

fn unplaced(package: &str, path: &[String], file: &str) -> Finding {
    let module = path.join("::");
    Finding::new(file, format!("module `{module}` stands in no tier: add it to [crates.{package}] in {FILE}"))
}

fn refusal(package: &str, from: Place<'_>, to: Place<'_>, count: usize) -> String {
    let relation = if to.tier == from.tier { "beside" } else { "above" };
    let (from, to) = (address(package, from.path), address(package, to.path));
    format!(
        "{from} uses {to}, which stands {relation} it ({count} times in this file): move the code, turn the edge \
         round by a port, or change {FILE}"
    )
}

fn address(package: &str, path: &[String]) -> String {
    format!("{package}::{}", path.join("::"))
}

/// An entry of the tiers.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    path: &'a [String],
    tier: usize,
}

struct Tiers {
    entries: Vec<(Vec<String>, usize)>,
}

impl Tiers {
    fn of(rules: &CrateRules) -> Option<Self> {
        let tiers = rules.tiers.as_ref()?;
        let entries = tiers
            .iter()
            .enumerate()
            .flat_map(|(tier, modules)| modules.iter().map(move |module| (segments(module), tier)));
        Some(Self { entries: entries.collect() })
    }

    /// The entry that covers a module: the longest one its path begins with.
    fn place(&self, path: &[String]) -> Option<Place<'_>> {
        self.entries
            .iter()
            .filter(|(entry, _)| path.starts_with(entry))
            .max_by_key(|(entry, _)| entry.len())
            .map(|(entry, tier)| Place { path: entry, tier: *tier })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::*;

    const RULES: &str = "
        [io]
        [crates.sample]
        uses = []
        tiers = [['low'], ['middle', 'beside'], ['top::inner'], ['top']]
    ";

    fn check_files(rules: &str, files: &[(&str, &str)]) -> Vec<String> {
        let rules = Rules::parse(rules).unwrap();
        let crate_rules = &rules.crates["sample"];
        let tree = tree(files);
        let (mut excepted, mut findings) = (BTreeSet::new(), Vec::new());
        check(&rules, crate_rules, &tree, &mut excepted, &mut findings);
        check_entries("sample", crate_rules, &[&tree], &mut findings);
        check_exceptions(&rules, &excepted, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    fn sample(low: &str, middle: &str, top: &str) -> Vec<String> {
        let files = [
            ("lib.rs", "pub mod low; pub mod middle; pub mod beside; pub mod top; pub use top::Face;"),
            ("low.rs", low),
            ("middle.rs", middle),
            ("beside.rs", ""),
            ("top/mod.rs", top),
            ("top/inner.rs", ""),
        ];
        check_files(RULES, &files)
    }

    #[test]
    fn looking_down_passes() {
        let tests_may = "use crate::low::X; #[cfg(test)] mod tests { use crate::top::Y; }";
        assert_eq!(sample("", tests_may, "mod inner; pub use inner::Face; use crate::middle;"), [""; 0]);
    }

    #[test]
    fn looking_up_or_beside_is_found() {
        let top = "mod inner; pub use inner::Face;";
        let up = sample("fn f() { crate::middle::g() }", "", top);
        assert_eq!(up.len(), 1);
        assert!(
            up[0].starts_with("src/low.rs:1: sample::low uses sample::middle, which stands above"),
            "{up:?}"
        );
        let beside = sample("", "use super::beside;", top);
        assert!(beside[0].contains("stands beside it"), "{beside:?}");
        let through_root = sample("use crate::Face;", "", top);
        assert!(through_root[0].contains("uses sample::top::inner"), "{through_root:?}");
        let glob = sample("use crate::*;", "", top);
        assert!(glob[0].contains("glob import of the crate root"), "{glob:?}");
    }

    #[test]
    fn an_edge_is_named_once_per_file() {
        let found =
            sample("use crate::middle;\nfn f() { middle::g() }", "", "mod inner; pub use inner::Face;");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("src/low.rs:1: ") && found[0].contains("(2 times in this file)"),
            "{found:?}"
        );
    }

    #[test]
    fn a_parent_uses_what_is_inside_of_it() {
        let rules = "[io]\n[crates.sample]\nuses = []\ntiers = [['top'], ['top::inner']]";
        let files = |inner: &'static str| {
            [
                ("lib.rs", "mod top;"),
                ("top/mod.rs", "mod inner; pub use inner::Face;"),
                ("top/inner.rs", inner),
            ]
        };
        assert_eq!(check_files(rules, &files("")), [""; 0]);
        assert_eq!(check_files(rules, &files("use super::Other;")), [""; 0]);
    }

    #[test]
    fn unknown_and_vanished_modules_are_found() {
        let found = check_files(RULES, &[("lib.rs", "mod fresh;"), ("fresh.rs", "")]);
        assert!(
            found[0].contains("module `fresh` stands in no tier: add it to [crates.sample]"),
            "{found:?}"
        );
        assert!(found[1].contains("sample::low does not exist"), "{found:?}");
    }

    #[test]
    fn a_planned_module_that_is_there_is_found() {
        let rules = |planned: &str| {
            format!(
                "[io]\n[crates.sample]\nuses = []\ntiers = [['low'], ['soon']]\nplanned_modules = [{planned}]"
            )
        };
        let files = [("lib.rs", "mod low;"), ("low.rs", "")];
        assert_eq!(check_files(&rules("'soon'"), &files), [""; 0]);
        assert!(check_files(&rules("'soon', 'low'"), &files)[0].contains("sample::low is there"));
        assert!(
            check_files(&rules("'soon', 'never'"), &files)[0].contains("sample::never stands in no tier")
        );
    }

    #[test]
    fn an_exception_must_be_needed_and_give_a_reason() {
        let with = |reason: &str| {
            format!(
                "{RULES}\n[[exceptions]]\nfrom = 'sample::low'\nto = 'sample::top::inner'\nreason = '{reason}'\n"
            )
        };
        let files = |low: &'static str| {
            [
                ("lib.rs", "mod low; mod middle; mod beside; mod top;"),
                ("low.rs", low),
                ("middle.rs", ""),
                ("beside.rs", ""),
                ("top/mod.rs", "mod inner;"),
                ("top/inner.rs", ""),
            ]
        };
        assert_eq!(check_files(&with("until the port is there"), &files("use crate::top::inner;")), [""; 0]);
        let wider = check_files(&with("x"), &files("use crate::top::inner; use crate::top;"));
        assert!(wider.len() == 1 && wider[0].contains("uses sample::top,"), "{wider:?}");
        assert!(check_files(&with("x"), &files(""))[0].contains("is not needed"));
        assert!(check_files(&with(" "), &files("use crate::top::inner;"))[0].contains("gives no reason"));
    }
}
