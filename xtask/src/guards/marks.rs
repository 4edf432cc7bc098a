//! Marks that say "not finished": they belong into the issue tracker, not into the sources.

use anyhow::Result;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the marks.
pub(crate) const GUARD: Guard =
    Guard { name: "marks", about: "no marks of unfinished work, no left-over debugging", check };

/// Data may hold any word; these are written by people.
const EXTENSIONS: &[&str] = &["rs", "toml", "md", "yaml", "yml", "sh"];

/// Spelt in halves, so that this file passes its own guard.
const WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];
const MACROS: &[&str] = &[concat!("db", "g!("), concat!("to", "do!("), concat!("unimple", "mented!(")];

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in project.files_ending(EXTENSIONS) {
        let Some(text) = project.read_text(file)? else { continue };
        let is_rust = file.ends_with(".rs");
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = WORDS.iter().find(|word| holds_word(line, word)) {
                let message = format!("`{word}`: finish it, or take it out and say so in an issue");
                findings.push(Finding::at(file, number, message));
            }
            if is_rust && let Some(call) = MACROS.iter().find(|call| line.contains(**call)) {
                findings.push(Finding::at(
                    file,
                    number,
                    format!("`{call}…)` must not be left in the sources"),
                ));
            }
        }
    }
    Ok(findings)
}

/// Whether a word stands in a line, not as a part of a longer one.
fn holds_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn marks_are_found_and_longer_words_are_not() {
        let [first, ..] = WORDS else { panic!("no words") };
        let marked = format!("fine\n// {first}: later\n");
        let longer = format!("const {first}S: u8 = 1; // {}", first.to_lowercase());
        let (_folder, project) = project(&[("a.rs", &marked), ("b.rs", &longer), ("c.csv", &marked)]);
        let found: Vec<_> = check(&project).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a.rs:2: "), "{found:?}");
    }

    #[test]
    fn left_over_debugging_is_found() {
        let text = format!("fn f() {{ {}1); }}", MACROS[0]);
        let (_folder, project) = project(&[("a.rs", &text), ("a.md", &text)]);
        assert_eq!(check(&project).unwrap().len(), 1);
    }
}
