//! The lines of the sources: covered or not, without what exists only in tests.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use super::lcov;
use crate::project::Project;
use crate::test_only;

/// Files that are shown: those with the most lines that are not covered.
const SHOWN: usize = 40;

/// The lines of a file that hold code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// The file.
    pub(super) file: String,
    /// How many there are.
    pub(super) all: usize,
    /// Those that never ran, sorted.
    pub(super) missed: Vec<usize>,
}

/// Holds counts in the format of lcov against the files of a folder; those with the most missed lines come first.
pub(super) fn read(project: &Project, folder: &str, counts: &str) -> Result<Vec<Lines>> {
    let counts = lcov::read(counts)?;
    let prefix = format!("{folder}/");
    let files: Vec<&str> =
        project.files().filter(|file| file.starts_with(&prefix) && file.ends_with(".rs")).collect();
    let mut tests = Vec::new();
    let mut known = Vec::new();
    for file in &files {
        let found = test_only::read(&project.read(file)?).with_context(|| (*file).to_owned())?;
        tests.extend(found.modules.iter().map(|module| format!("{}/{module}", below(file))));
        known.push((*file, found.lines));
    }
    let mut lines = Vec::new();
    for (file, test_lines) in known {
        let path = project.path(file);
        if let Some(counts) = counts.get(path.to_string_lossy().as_ref())
            && !tests.iter().any(|module| is_of(file, module))
        {
            let counts = || counts.iter().filter(|(line, _)| !test_lines.contains(*line));
            let missed = counts().filter(|(_, times)| **times == 0).map(|(line, _)| *line).collect();
            lines.push(Lines { file: file.to_owned(), all: counts().count(), missed });
        }
    }
    if lines.iter().all(|lines| lines.all == 0) {
        bail!("nothing is counted of {folder}");
    }
    lines.sort_by_key(|lines| std::cmp::Reverse(lines.missed.len()));
    Ok(lines)
}

/// The folder of the modules that a file declares.
fn below(file: &str) -> &str {
    let without = file.strip_suffix(".rs").unwrap_or(file);
    let owner = ["/mod", "/lib", "/main"].into_iter().find_map(|name| without.strip_suffix(name));
    owner.unwrap_or(without)
}

/// Whether a file is the module at this path, or one below it.
fn is_of(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The share of lines that ran, in percent.
#[expect(clippy::cast_precision_loss, reason = "there are fewer lines than a float counts exactly")]
pub(super) fn percent(lines: &[Lines]) -> f64 {
    let (all, missed) = sums(lines);
    if all == 0 { 0.0 } else { 100.0 * (all - missed) as f64 / all as f64 }
}

fn sums(lines: &[Lines]) -> (usize, usize) {
    lines.iter().fold((0, 0), |(all, missed), file| (all + file.all, missed + file.missed.len()))
}

/// The files with the most missed lines, and all of them together.
pub(super) fn table(lines: &[Lines]) -> Vec<String> {
    let row = |missed: usize, all: usize, name: &str| format!("{missed:>6} of {all:>6}  {name}");
    let (all, missed) = sums(lines);
    let shown = lines.iter().take(SHOWN).filter(|file| !file.missed.is_empty());
    std::iter::once("lines that never ran:".to_owned())
        .chain(shown.map(|file| row(file.missed.len(), file.all, &file.file)))
        .chain([row(missed, all, &format!("in {} files", lines.len()))])
        .collect()
}

impl Lines {
    /// The missed lines as `file:first-last`.
    pub(super) fn ranges(&self) -> Vec<String> {
        let missed: BTreeSet<usize> = self.missed.iter().copied().collect();
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for line in missed {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == line => *last = line,
                _ => ranges.push((line, line)),
            }
        }
        ranges.into_iter().map(|(first, last)| format!("{}:{first}-{last}", self.file)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const CODE: &str = "mod inner;\nfn a() {\n    b();\n}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
    const INNER: &str = "fn d() {}\n#[cfg(test)]\nmod tests;\n";

    #[test]
    fn what_exists_only_in_tests_does_not_count() {
        let (_folder, project) = project(&[
            ("crates/a/src/lib.rs", CODE),
            ("crates/a/src/inner.rs", INNER),
            ("crates/a/src/inner/tests.rs", "fn e() {}\n"),
            ("crates/a/src/inner/tests/more.rs", "fn f() {}\n"),
        ]);
        let record = |file: &str, lines: &str| {
            format!("SF:{}\n{lines}\nend_of_record\n", project.path(file).display())
        };
        let counts = [
            record("crates/a/src/lib.rs", "DA:2,1\nDA:3,0\nDA:4,0\nDA:7,0"),
            record("crates/a/src/inner.rs", "DA:1,5"),
            record("crates/a/src/inner/tests.rs", "DA:1,0"),
            record("crates/a/src/inner/tests/more.rs", "DA:1,0"),
        ];
        let lines = read(&project, "crates/a/src", &counts.concat()).unwrap();
        let of = |file: &str, all, missed| Lines { file: format!("crates/a/src/{file}"), all, missed };
        assert_eq!(lines, [of("lib.rs", 3, vec![3, 4]), of("inner.rs", 1, vec![])]);
        assert!((percent(&lines) - 50.0).abs() < f64::EPSILON);
        assert_eq!(lines[0].ranges(), ["crates/a/src/lib.rs:3-4"]);
        assert_eq!(
            table(&lines),
            [
                "lines that never ran:",
                "     2 of      3  crates/a/src/lib.rs",
                "     2 of      4  in 2 files"
            ]
        );
    }

    #[test]
    fn counts_of_other_files_are_an_error() {
        let (_folder, project) = project(&[("crates/a/src/lib.rs", CODE)]);
        let error = read(&project, "crates/a/src", "SF:/elsewhere/lib.rs\nDA:1,1\n").unwrap_err();
        assert!(error.to_string().contains("nothing is counted"), "{error}");
    }
}
