//! Where the outside world is touched: only at the addresses that are listed.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::Target;
use super::rules::{FILE, IoFreedom, IoRules, Rules, segments};
use super::tree::Tree;
use crate::finding::Finding;

/// Compares the I/O of one target with the addresses allowed. `needed` collects the addresses that were
/// needed, as (kind, address).
pub(super) fn check(
    rules: &Rules,
    tree: &Tree,
    needed: &mut BTreeSet<(String, String)>,
    findings: &mut Vec<Finding>,
) {
    if rules.crates.get(&tree.package).is_some_and(|rules| rules.io == IoFreedom::Free) {
        return;
    }
    for (kind, io) in &rules.io {
        let kinds = Kind::of(io);
        for (path, (file, module)) in &tree.modules {
            for (what, line) in kinds.found_in(tree, path, module) {
                match allowed_at(io, &tree.package, path) {
                    Some(address) => {
                        needed.insert((kind.clone(), address.to_owned()));
                    }
                    None => {
                        findings.push(Finding::at(file, line, refusal(kind, io, &what, &tree.package, path)));
                    }
                }
            }
        }
    }
}

/// Addresses that nothing needs, or that give no reason.
pub(super) fn check_addresses(
    rules: &Rules,
    needed: &BTreeSet<(String, String)>,
    findings: &mut Vec<Finding>,
) {
    for (kind, io) in &rules.io {
        for (address, reason) in io.at.iter().chain(&io.planned_at) {
            if reason.trim().is_empty() {
                findings.push(Finding::new(FILE, format!("[io.{kind}] {address} gives no reason")));
            }
            let owner = address.split("::").next().unwrap_or_default();
            if !rules.crates.contains_key(owner) {
                findings.push(Finding::new(FILE, format!("[io.{kind}] {address} names no known crate")));
            }
        }
        for address in
            io.planned_at.keys().filter(|address| needed.contains(&(kind.clone(), (*address).clone())))
        {
            findings.push(Finding::new(
                FILE,
                format!("[io.{kind}.planned_at] {address} is there: move it to [io.{kind}.at]"),
            ));
        }
        for address in io.at.keys() {
            if !needed.contains(&(kind.clone(), address.clone())) {
                findings.push(Finding::new(
                    FILE,
                    format!(
                        "[io.{kind}.at] {address} does none: remove it, or move it to [io.{kind}.planned_at]"
                    ),
                ));
            }
        }
    }
}

/// The longest listed address that covers a module.
fn allowed_at<'a>(io: &'a IoRules, package: &str, path: &[String]) -> Option<&'a str> {
    let covers = |address: &str| {
        let parts = segments(address);
        parts.split_first().is_some_and(|(owner, module)| owner == package && path.starts_with(module))
    };
    let addresses: BTreeMap<usize, &'a str> = io
        .at
        .keys()
        .chain(io.planned_at.keys())
        .filter(|address| covers(address))
        .map(|address| (address.len(), address.as_str()))
        .collect();
    addresses.into_values().next_back()
}

fn refusal(kind: &str, io: &IoRules, what: &str, package: &str, path: &[String]) -> String {
    let here = std::iter::once(package).chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("::");
    let places: Vec<&str> = io.at.keys().map(String::as_str).collect();
    let places = if places.is_empty() { "nowhere".to_owned() } else { places.join(", ") };
    format!(
        "`{what}` is {kind} I/O, and {here} may do none (allowed: {places}): take it through a port, or add the \
         address with its reason to [io.{kind}.at] in {FILE}"
    )
}

/// The patterns of one kind, split.
struct Kind<'a> {
    paths: Vec<Vec<String>>,
    except: Vec<Vec<String>>,
    methods: &'a [String],
}

impl<'a> Kind<'a> {
    fn of(io: &'a IoRules) -> Self {
        let split = |paths: &[String]| paths.iter().map(|path| segments(path)).collect();
        Self { paths: split(&io.paths), except: split(&io.except), methods: &io.methods }
    }

    fn found_in(&self, tree: &Tree, path: &[String], module: &super::source::Module) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for used in &module.uses {
            for target in tree.resolve(path, &used.path) {
                if let Target::External(target) = target
                    && self.matches(&target, used.glob)
                {
                    let suffix = if used.glob { "::*" } else { "" };
                    found.push((format!("{}{suffix}", target.join("::")), used.line));
                }
            }
        }
        for (name, line) in module.methods.iter().filter(|(name, _)| self.methods.contains(name)) {
            found.push((format!(".{name}()"), *line));
        }
        found
    }

    /// A path is of this kind if it is listed or lies below a listed one; a glob import also if a listed one
    /// lies below it.
    fn matches(&self, path: &[String], glob: bool) -> bool {
        self.paths.iter().any(|listed| path.starts_with(listed) || (glob && listed.starts_with(path)))
            && !self.except.iter().any(|pure| path.starts_with(pure))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::*;

    const RULES: &str = "
        [crates.sample]
        uses = []
        [io.disk]
        paths = ['std::fs', 'std::process']
        except = ['std::process::ExitCode']
        methods = ['canonicalize']
        at = { 'sample::store::disk' = 'the store' }
        [io.clock]
        paths = ['std::time::SystemTime::now']
    ";

    fn check_files(store: &str, other: &str) -> Vec<String> {
        check_with(RULES, store, other)
    }

    fn check_with(rules: &str, store: &str, other: &str) -> Vec<String> {
        let rules = Rules::parse(rules).unwrap();
        let tree = tree(&[
            ("lib.rs", "mod store; mod other;"),
            ("store/mod.rs", "pub mod disk;"),
            ("store/disk.rs", store),
            ("other.rs", other),
        ]);
        let (mut needed, mut findings) = (BTreeSet::new(), Vec::new());
        check(&rules, &tree, &mut needed, &mut findings);
        check_addresses(&rules, &needed, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    const STORE: &str = "pub use std::fs;";

    #[test]
    fn io_at_its_address_passes() {
        let pure = "use std::process::ExitCode; use std::time::{Duration, SystemTime}; \
                    #[cfg(test)] mod tests { use std::fs; }";
        assert_eq!(check_files(STORE, pure), [""; 0]);
    }

    #[test]
    fn io_elsewhere_is_found_however_it_is_written() {
        for text in [
            "use std::fs;",
            "use std::{fs::File};",
            "fn f() { ::std::fs::read(x); }",
            "use std as s; fn f() { s::fs::read(x); }",
            "fn f() { crate::store::disk::fs::read(x); }",
            "use std::*;",
            "fn f() { println!(\"{}\", std::fs::read(x)); }",
            "fn f() { x.canonicalize(); }",
            "use std::time::SystemTime; fn f() { SystemTime::now(); }",
            "use std::time as t; fn f() { g(t::SystemTime::now) }",
        ] {
            let found = check_files(STORE, text);
            assert!(!found.is_empty(), "{text}");
            assert!(found[0].starts_with("src/other.rs:1: `"), "{found:?}");
        }
    }

    #[test]
    fn a_planned_address_that_is_needed_is_found() {
        let rules = RULES.replace("at = {", "planned_at = {");
        let found = check_with(&rules, STORE, "");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("[io.disk.planned_at] sample::store::disk is there"), "{found:?}");
        assert_eq!(check_with(&rules, "", ""), [""; 0]);
    }

    #[test]
    fn an_address_without_io_is_found() {
        let found = check_files("", "");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("[io.disk.at] sample::store::disk does none"), "{found:?}");
    }
}
