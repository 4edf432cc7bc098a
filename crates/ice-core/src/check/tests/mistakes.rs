//! A file full of mistakes: every one is told, at its line.

use super::catalog::catalog;
use crate::blueprint::{Format, read};
use crate::diagnostic::Diagnostics;

/// The diagnostics with the line and the marked characters below each.
fn rendered(text: &str, diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&diagnostic.to_string());
        out.push('\n');
        if let Some(position) = diagnostic.position {
            let line = text.lines().nth(position.line as usize - 1).unwrap_or_default();
            let marks = "^".repeat(position.length as usize);
            let indent = " ".repeat(position.column as usize - 1);
            out.push_str(&format!("    {line}\n    {indent}{marks}\n"));
        }
    }
    out
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let text = include_str!("mistakes.yaml");
    let reading = read(text, Format::Auto, "mistakes.yaml");
    let found = reading.check(&catalog()).unwrap_err();
    insta::assert_snapshot!(rendered(text, &found));
}
