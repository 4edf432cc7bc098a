//! Every error code is given by something, and has a page that says what it means, shows it, and tells why it
//! happens and what to do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ice_core::error::ErrorCode;

use super::Guard;
use crate::finding::Finding;
use crate::generate::ERROR_INDEX;
use crate::project::Project;

/// The guard of the error pages.
pub(crate) const GUARD: Guard =
    Guard { name: "errors", about: "every error code is given by something and has a page", check };

const FOLDER: &str = "docs/errors";
const WHY: &str = "## Why it happens";
const WHAT_TO_DO: &str = "## What to do";
/// Fewer characters under a heading say nothing.
const LEAST: usize = 40;

/// Codes that are kept whether or not anything gives them: files and programs of the Python system know them.
const KEPT: [ErrorCode; 6] = [
    ErrorCode::CyclicToolComposition,
    ErrorCode::LayerViolation,
    ErrorCode::PathSecurityViolation,
    ErrorCode::ScaffoldValidation,
    ErrorCode::DimensionMismatch,
    ErrorCode::Unknown,
];
/// Where the codes are listed.
const LIST: &str = "crates/ice-core/src/error.rs";

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = ERROR_INDEX.check(project)?;
    findings.extend(idle(project)?);
    let mut expected = BTreeSet::from([format!("{FOLDER}/README.md")]);
    for code in ErrorCode::ALL {
        let file = format!("{FOLDER}/{}.md", code.name());
        if project.contains(&file) {
            let faults = inspect(*code, &project.read(&file)?);
            findings.extend(faults.into_iter().map(|fault| Finding::new(&file, fault)));
        } else {
            let message = format!(
                "is missing: write it like its neighbours (number {}: {})",
                code.number(),
                code.describe()
            );
            findings.push(Finding::new(&file, message));
        }
        expected.insert(file);
    }
    let prefix = format!("{FOLDER}/");
    for file in project.files().filter(|file| file.starts_with(&prefix) && !expected.contains(*file)) {
        findings.push(Finding::new(file, "is the page of no error code: remove it"));
    }
    Ok(findings)
}

/// Codes that nothing gives.
fn idle(project: &Project) -> Result<Vec<Finding>> {
    let mut idle: BTreeMap<String, ErrorCode> = ErrorCode::ALL
        .iter()
        .filter(|code| !KEPT.contains(code))
        .map(|code| (format!("{code:?}"), *code))
        .collect();
    let sources = project.files_ending(&["rs"]).filter(|file| {
        let tests = file.contains("/tests/") || file.ends_with("tests.rs");
        file.starts_with("crates/") && file.contains("/src/") && !tests && *file != LIST
    });
    for file in sources {
        for used in project.read(file)?.split("ErrorCode::").skip(1) {
            let end = used.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(used.len());
            idle.remove(&used[..end]);
        }
    }
    let finding =
        |code: &ErrorCode| Finding::new(LIST, format!("{} is given by nothing: remove it", code.name()));
    Ok(idle.values().map(finding).collect())
}

/// What is wrong with a page.
fn inspect(code: ErrorCode, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut lines = text.lines();
    let title = format!("# {} ({})", code.name(), code.number());
    if lines.next() != Some(title.as_str()) {
        faults.push(format!("must begin with `{title}`"));
    }
    let meaning = lines.find(|line| !line.trim().is_empty());
    if meaning.is_none_or(|meaning| !meaning.starts_with(code.describe())) {
        faults.push(format!(
            "must say first what the code means, in the words of the enum: {}",
            code.describe()
        ));
    }
    if section(text, None).matches("```").count() < 2 {
        faults.push(format!("must show the message in a code block before `{WHY}`"));
    }
    for heading in [WHY, WHAT_TO_DO] {
        if section(text, Some(heading)).trim().len() < LEAST {
            faults.push(format!("needs more under `{heading}`"));
        }
    }
    faults
}

/// The text under a second-level heading, or before the first one.
fn section<'a>(text: &'a str, heading: Option<&str>) -> &'a str {
    let from = match heading {
        None => Some(text),
        Some(heading) => text.split_once(&format!("\n{heading}\n")).map(|(_, rest)| rest),
    };
    let from = from.unwrap_or_default();
    from.split_once("\n## ").map_or(from, |(section, _)| section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const GOOD: &str = "# UNKNOWN_TOOL (1022)\n\nNo tool of this name is registered. More.\n\n```text\nthe message\n```\n\n\
        ## Why it happens\n\nA sentence of a length that explains the matter.\n\n\
        ## What to do\n\nA sentence of a length that says what to do.\n";

    #[test]
    fn a_whole_page_passes() {
        assert_eq!(inspect(ErrorCode::UnknownTool, GOOD), [""; 0]);
    }

    #[test]
    fn what_a_page_lacks_is_found() {
        for (from, to, fault) in [
            ("(1022)", "(1)", "must begin with"),
            ("No tool of", "Some tool of", "must say first"),
            ("```", "", "must show the message"),
            ("A sentence of a length that explains the matter.", "Short.", "under `## Why it happens`"),
            ("## What to do", "## Else", "under `## What to do`"),
        ] {
            let faults = inspect(ErrorCode::UnknownTool, &GOOD.replace(from, to));
            assert!(faults.len() == 1 && faults[0].contains(fault), "{from}: {faults:?}");
        }
    }

    #[test]
    fn missing_and_superfluous_pages_are_found() {
        let (_folder, project) =
            project(&[("docs/errors/UNKNOWN_TOOL.md", GOOD), ("docs/errors/GONE.md", "")]);
        let found: Vec<_> = check(&project).unwrap().into_iter().map(|finding| finding.file).collect();
        // The index and every page but one are missing, one page has no code, and no code is given by anything.
        assert_eq!(found.len(), ErrorCode::ALL.len() + 1 + ErrorCode::ALL.len() - KEPT.len());
        assert!(found.contains(&"docs/errors/GONE.md".to_owned()));
        assert!(!found.contains(&"docs/errors/UNKNOWN_TOOL.md".to_owned()));
    }

    #[test]
    fn a_code_that_nothing_gives_is_found() {
        let (_folder, project) = project(&[
            ("crates/a/src/b.rs", "fail(ErrorCode::UnknownTool)"),
            ("crates/a/src/tests.rs", "assert_eq!(code, ErrorCode::UnknownModel)"),
        ]);
        let found: Vec<_> = idle(&project).unwrap().into_iter().map(|finding| finding.to_string()).collect();
        assert!(!found.iter().any(|finding| finding.contains("UNKNOWN_TOOL ")), "{found:?}");
        assert!(
            found.iter().any(|finding| finding.contains("UNKNOWN_MODEL is given by nothing")),
            "{found:?}"
        );
    }
}
