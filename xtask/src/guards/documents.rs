//! JSON, YAML and TOML files can be parsed.

use anyhow::Result;

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the documents.
pub(crate) const GUARD: Guard =
    Guard { name: "documents", about: "JSON, YAML and TOML files can be parsed", check };

/// Folders whose files may be broken on purpose, or are yet to be filled in.
const EXEMPT: &[&str] = &["fixtures", "corpus", "invalid", "templates"];

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in project.files_ending(&["json", "jsonl", "yaml", "yml", "toml"]) {
        if file.split('/').any(|part| EXEMPT.contains(&part)) {
            continue;
        }
        let Some(text) = project.read_text(file)? else {
            findings.push(Finding::new(file, "is not UTF-8"));
            continue;
        };
        if let Err(message) = parse(file, &text) {
            findings.push(Finding::new(file, format!("cannot be parsed: {message}")));
        }
    }
    Ok(findings)
}

fn parse(file: &str, text: &str) -> Result<(), String> {
    type Any = serde_json::Value;
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => serde_json::from_str::<Any>(text).map(drop).map_err(|error| error.to_string()),
        Some("jsonl") => (1..).zip(text.lines()).try_for_each(|(number, line)| {
            serde_json::from_str::<Any>(line).map(drop).map_err(|error| format!("line {number}: {error}"))
        }),
        Some("toml") => toml::from_str::<toml::Table>(text).map(drop).map_err(|error| error.to_string()),
        _ => serde_saphyr::from_multiple::<Any>(text).map(drop).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn broken_documents_are_found() {
        let (_folder, project) = project(&[
            ("a.json", "{"),
            ("a.jsonl", "{}\n{\n"),
            ("a.yaml", "a: [1"),
            ("a.toml", "a ="),
            ("tests/fixtures/a.json", "{"),
        ]);
        let found: Vec<_> = check(&project).unwrap().into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["a.json", "a.jsonl", "a.toml", "a.yaml"]);
    }

    #[test]
    fn good_documents_pass() {
        let (_folder, project) = project(&[
            ("a.json", "{\"a\": 1}"),
            ("a.jsonl", "{}\n[]\n"),
            ("a.yml", "a: 1\n---\nb: 2\n"),
            ("a.toml", "a = 1"),
        ]);
        assert_eq!(check(&project).unwrap(), []);
    }
}
