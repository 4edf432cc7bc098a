//! What a path means: a module of the same crate, or something outside of it.

use super::tree::Tree;

/// Re-exports followed before a path is taken as it is written.
const DEPTH: usize = 12;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// Something in this module of the same crate.
    Internal(Vec<String>),
    /// Something outside of the crate, by its whole path.
    External(Vec<String>),
}

impl Tree {
    /// Everything a path written in `module` may lead to. Imports, renames and re-exports are followed.
    pub(super) fn resolve(&self, module: &[String], path: &[String]) -> Vec<Target> {
        let mut targets = Vec::new();
        self.follow(module, path, DEPTH, &mut targets);
        targets.sort();
        targets.dedup();
        targets
    }

    fn follow(&self, module: &[String], path: &[String], depth: usize, targets: &mut Vec<Target>) {
        let Some((first, rest)) = path.split_first() else { return };
        match first.as_str() {
            "crate" => self.descend(&[], rest, depth, targets),
            "self" => self.descend(module, rest, depth, targets),
            "super" => {
                let parent = module.split_last().map_or(&[][..], |(_, parent)| parent);
                // `super::super` goes on from the parent.
                if rest.first().is_some_and(|next| next == "super") {
                    self.follow(parent, rest, depth, targets);
                } else {
                    self.descend(parent, rest, depth, targets);
                }
            }
            "Self" => {}
            _ if self.knows(module, first) && depth > 0 => self.descend(module, path, depth, targets),
            _ => targets.push(Target::External(path.to_vec())),
        }
    }

    /// Goes down from a module along names of its own.
    fn descend(&self, module: &[String], path: &[String], depth: usize, targets: &mut Vec<Target>) {
        let mut here = module.to_vec();
        for (index, name) in path.iter().enumerate() {
            here.push(name.clone());
            if self.modules.contains_key(&here) {
                continue;
            }
            here.pop();
            let imported = self.modules.get(&here).and_then(|(_, module)| module.names.get(name));
            if let (Some(imported), Some(deeper)) = (imported, depth.checked_sub(1)) {
                let rest = path.get(index + 1..).unwrap_or_default();
                for target in imported {
                    let whole: Vec<String> = target.iter().chain(rest).cloned().collect();
                    // `use regex::regex` names something of the crate `regex`, not of itself.
                    if target.first() == Some(name) {
                        targets.push(Target::External(whole));
                    } else {
                        self.follow(&here, &whole, deeper, targets);
                    }
                }
                return;
            }
            break;
        }
        targets.push(Target::Internal(here));
    }

    fn knows(&self, module: &[String], name: &str) -> bool {
        let mut child = module.to_vec();
        child.push(name.to_owned());
        self.modules.contains_key(&child)
            || self.modules.get(module).is_some_and(|(_, module)| module.names.contains_key(name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::*;

    fn resolve(module: &str, path: &str) -> Vec<String> {
        let tree = tree(&[
            ("lib.rs", "mod a; mod b; pub use a::Thing as Alias;"),
            (
                "a/mod.rs",
                "mod deep; pub use deep::Thing; use std::time; use uuid::Uuid; use std as s; use b::b;",
            ),
            ("a/deep.rs", "pub struct Thing;"),
            ("b.rs", "use crate::Alias; use super::a; use std::fs;"),
        ]);
        let split = |text: &str| super::super::rules::segments(text);
        let module = if module.is_empty() { Vec::new() } else { split(module) };
        tree.resolve(&module, &split(path))
            .into_iter()
            .map(|target| match target {
                Target::Internal(path) => format!("crate::{}", path.join("::")),
                Target::External(path) => path.join("::"),
            })
            .collect()
    }

    #[test]
    fn paths_are_followed_to_where_things_live() {
        for (module, path, expected) in [
            ("b", "Alias", "crate::a::deep"),
            ("b", "crate::Alias", "crate::a::deep"),
            ("b", "a::Thing", "crate::a::deep"),
            ("b", "super::a::deep::Thing", "crate::a::deep"),
            ("a::deep", "super::super::b::f", "crate::b"),
            ("a", "self::deep::Thing", "crate::a::deep"),
            ("a", "deep", "crate::a::deep"),
            ("a", "time::SystemTime::now", "std::time::SystemTime::now"),
            ("a", "s::fs::read", "std::fs::read"),
            ("a", "Uuid::now_v7", "uuid::Uuid::now_v7"),
            ("a", "crate::b::fs::read", "std::fs::read"),
            ("a", "serde::Serialize", "serde::Serialize"),
        ] {
            assert_eq!(resolve(module, path), [expected], "{path} in {module}");
        }
    }

    #[test]
    fn an_import_named_like_its_crate_ends() {
        assert_eq!(resolve("a", "b::c"), ["b::b::c"]);
    }
}
