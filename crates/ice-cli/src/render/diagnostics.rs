//! Diagnostics drawn on the line of the file they are about.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use ice_core::diagnostic::{Diagnostic, Diagnostics, Position, Severity};

use super::text::number;

/// Longer lines are shown without what stands beyond this many characters; what is marked further right is
/// named by line and column only.
const LONGEST_LINE: usize = 2_000;

/// The diagnostics of one text, each drawn on its line, with an empty line between them.
pub(crate) fn draw(text: &str, diagnostics: &Diagnostics) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let name = diagnostics.source().unwrap_or("the document");
    let mut drawn: Vec<String> = diagnostics.iter().map(|one| draw_one(name, &lines, one)).collect();
    if diagnostics.omitted() > 0 {
        drawn.push(format!("… and {} more", number(diagnostics.omitted() as u64)));
    }
    drawn.join("\n\n")
}

/// A failure of a node on its line, with the path of the node in front: it may have failed in one of many repetitions.
/// `name` is called the text as its own diagnostics are.
pub(crate) fn draw_failure(text: &str, of_text: &Diagnostics, mut failure: Diagnostic) -> String {
    let path = failure.path.as_ref().map(|path| format!("{path}: ")).unwrap_or_default();
    failure.message.insert_str(0, &path);
    let lines: Vec<&str> = text.lines().collect();
    draw_one(of_text.source().unwrap_or("the document"), &lines, &failure)
}

fn draw_one(name: &str, lines: &[&str], diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(message(diagnostic)).id(diagnostic.code.name());
    let mut group = match diagnostic.position.map(|position| (position, marked(lines, position))) {
        Some((position, Some((line, span)))) => title.element(
            Snippet::source(line)
                .line_start(position.line as usize)
                .path(name)
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        Some((position, None)) => title
            .element(Origin::path(name).line(position.line as usize).char_column(position.column as usize)),
        None => title.element(Origin::path(name)),
    };
    if let Some(advice) = &diagnostic.advice {
        group = group.element(Level::HELP.message(advice.as_str()));
    }
    Renderer::styled().render(&[group])
}

/// The message, with the node in front where the line alone does not say which one it is.
fn message(diagnostic: &Diagnostic) -> String {
    match (&diagnostic.path, diagnostic.position) {
        (Some(path), None) => format!("`{path}`: {}", diagnostic.message),
        (Some(_) | None, _) => diagnostic.message.clone(),
    }
}

/// The line of a position and the bytes in it that are meant.
fn marked<'t>(lines: &[&'t str], position: Position) -> Option<(&'t str, std::ops::Range<usize>)> {
    let line = lines.get((position.line as usize).checked_sub(1)?).copied()?;
    let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let first = (position.column as usize).checked_sub(1)?;
    if first > LONGEST_LINE {
        return None;
    }
    let shown = line.get(..byte(LONGEST_LINE)).unwrap_or(line);
    let (start, end) = (byte(first), byte(first.saturating_add(position.length as usize)));
    Some((shown, start.min(shown.len())..end.min(shown.len())))
}

#[cfg(test)]
mod tests {
    use ice_core::error::ErrorCode;

    use super::*;

    fn check(text: &str, position: Option<(u32, u32, u32)>, advice: Option<&str>, expected: &[&str]) {
        let mut diagnostic =
            Diagnostic::new(ErrorCode::UnknownField, Severity::Error, "unknown field `promt`");
        diagnostic.position = position.map(|(line, column, length)| Position { line, column, length });
        diagnostic.advice = advice.map(str::to_owned);
        let mut list = Diagnostics::default().of_source("a.yaml");
        list.push(diagnostic);
        let plain = anstream::adapter::strip_str(&draw(text, &list)).to_string();
        assert_eq!(plain.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_line_is_shown_with_what_is_meant_and_the_advice() {
        check(
            "a: 1\nñ: {promt: x}\n",
            Some((2, 5, 5)),
            Some("did you mean `prompt`?"),
            &[
                "error[UNKNOWN_FIELD]: unknown field `promt`",
                " --> a.yaml:2:5",
                "  |",
                "2 | ñ: {promt: x}",
                "  |     ^^^^^",
                "  |",
                "  = help: did you mean `prompt`?",
            ],
        );
    }

    #[test]
    fn what_has_no_line_is_told_without_one() {
        check("", None, None, &["error[UNKNOWN_FIELD]: unknown field `promt`", "--> a.yaml"]);
        check(
            "a: 1",
            Some((9, 1, 1)),
            None,
            &["error[UNKNOWN_FIELD]: unknown field `promt`", "--> a.yaml:9:1"],
        );
    }

    #[test]
    fn a_position_at_or_behind_the_end_of_a_line_is_drawn() {
        for (column, length) in [(4, 1), (5, 1), (9, 9), (1, u32::MAX)] {
            let mut list = Diagnostics::default().of_source("a.yaml");
            let mut diagnostic = Diagnostic::new(ErrorCode::BlueprintSyntax, Severity::Error, "odd");
            diagnostic.position = Some(Position { line: 1, column, length });
            list.push(diagnostic);
            assert!(draw("a: é", &list).contains("a: é"), "{column}");
        }
        let long = "x".repeat(100_000);
        let mut list = Diagnostics::default().of_source("a.yaml");
        let mut diagnostic = Diagnostic::new(ErrorCode::BlueprintSyntax, Severity::Error, "odd");
        diagnostic.position = Some(Position { line: 1, column: 90_000, length: 3 });
        list.push(diagnostic);
        assert!(draw(&long, &list).len() < 1_000);
    }
}
