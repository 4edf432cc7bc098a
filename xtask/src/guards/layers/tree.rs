//! The module tree of one target: every module reachable from its root file, with its source.

use std::collections::BTreeMap;

use super::source::{self, Module};
use crate::finding::Finding;

/// A target of a crate: a library or a program.
#[derive(Debug)]
pub(super) struct Tree {
    /// The crate, by the name of its package.
    pub(super) package: String,
    /// Per module path the file it stands in and its contents. The root has the empty path.
    pub(super) modules: BTreeMap<Vec<String>, (String, Module)>,
}

/// Reads the tree below a root file. `text` gives the text of a file by its name below the project's root.
/// Files that are missing or cannot be parsed are findings.
pub(super) fn read(
    package: &str,
    root_file: &str,
    text: &dyn Fn(&str) -> Option<String>,
    findings: &mut Vec<Finding>,
) -> Tree {
    let mut tree = Tree { package: package.to_owned(), modules: BTreeMap::new() };
    let folder = root_file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut open = vec![(Vec::new(), root_file.to_owned(), folder.to_owned())];
    while let Some((path, file, folder)) = open.pop() {
        let modules = match text(&file).map(|text| source::read(&text)) {
            Some(Ok(modules)) => modules,
            Some(Err(error)) => {
                findings.push(Finding::new(file, format!("cannot be parsed: {error}")));
                continue;
            }
            None => {
                findings.push(Finding::new(file, "cannot be read"));
                continue;
            }
        };
        for (inline, module) in modules {
            for (name, line) in &module.outlined {
                let base: Vec<&str> =
                    std::iter::once(folder.as_str()).chain(inline.iter().map(String::as_str)).collect();
                let base = base.join("/");
                let candidates = [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")];
                let child = path.iter().chain(&inline).chain([name]).cloned().collect();
                match candidates.into_iter().find(|candidate| text(candidate).is_some()) {
                    Some(found) => open.push((child, found, format!("{base}/{name}"))),
                    None => findings.push(Finding::at(
                        &file,
                        *line,
                        format!("module `{name}` has no file {base}/{name}.rs or {base}/{name}/mod.rs"),
                    )),
                }
            }
            let path = path.iter().chain(&inline).cloned().collect();
            tree.modules.insert(path, (file.clone(), module));
        }
    }
    tree
}

#[cfg(test)]
pub(super) mod fixture {
    //! Trees from text, for the tests of this guard.

    use super::*;

    /// The tree of a crate `sample` whose files lie in `src/`, the root in `src/lib.rs`.
    pub(in crate::guards::layers) fn tree(files: &[(&str, &str)]) -> Tree {
        let text = |name: &str| {
            files.iter().find(|(file, _)| format!("src/{file}") == name).map(|(_, text)| (*text).to_owned())
        };
        let mut findings = Vec::new();
        let tree = read("sample", "src/lib.rs", &text, &mut findings);
        assert_eq!(findings, []);
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_as_the_compiler_finds_them() {
        let tree = fixture::tree(&[
            ("lib.rs", "mod a; mod b; mod i { mod j; }"),
            ("a.rs", "mod x;"),
            ("a/x.rs", ""),
            ("b/mod.rs", "mod y; #[cfg(test)] mod tests;"),
            ("b/y.rs", ""),
            ("i/j.rs", ""),
        ]);
        let files: Vec<_> =
            tree.modules.iter().map(|(path, (file, _))| (path.join("::"), file.as_str())).collect();
        let expected = [
            ("", "src/lib.rs"),
            ("a", "src/a.rs"),
            ("a::x", "src/a/x.rs"),
            ("b", "src/b/mod.rs"),
            ("b::y", "src/b/y.rs"),
            ("i", "src/lib.rs"),
            ("i::j", "src/i/j.rs"),
        ];
        assert_eq!(files, expected.map(|(path, file)| (path.to_owned(), file)));
    }

    #[test]
    fn a_missing_file_is_a_finding() {
        let mut findings = Vec::new();
        let text = |name: &str| (name == "src/lib.rs").then(|| "mod gone;".to_owned());
        read("sample", "src/lib.rs", &text, &mut findings);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("`gone`"));
    }
}
