//! A text that was parsed, before anything is made of it.

use super::format::{Parsed, parse};
use super::reading::MAX_TEXT_BYTES;
use super::seed::{Notes, not_portable};
use super::{Format, Source};
use crate::diagnostic::{Diagnostic, Position, Report, Severity};
use crate::error::ErrorCode;
use crate::value::Value;

/// A text that was parsed, with what is wrong with its keys and numbers.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) document: Value,
    pub(crate) source: Source,
    pub(crate) report: Report,
}

/// A text of which nothing can be made.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) source: Source,
    pub(crate) error: Box<Diagnostic>,
}

impl Written {
    /// Parses a text. `what` is what should be in it, for who finds it empty.
    pub(crate) fn parse(text: &str, format: Format, name: &str, what: &str) -> Result<Self, Unreadable> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the text has {} bytes; at most {MAX_TEXT_BYTES} are read", text.len());
            let source = Source::new(name, "", format);
            let error = Diagnostic::new(ErrorCode::BlueprintTooLarge, Severity::Error, message);
            return Err(Unreadable { source, error: Box::new(error) });
        }
        let (report, notes) = (Report::default(), Notes::for_text(text.len()));
        let Parsed { format, value } = parse(text, format, &report, &notes);
        let source = Source::new(name, text, format);
        let document = match value {
            _ if is_empty(text, format) => {
                let advice = Some(format!("write a {what} into it"));
                let position = Some(Position { line: 1, column: 1, length: 1 });
                let error = Diagnostic::new(ErrorCode::BlueprintSyntax, Severity::Error, "the file is empty");
                return Err(Unreadable { source, error: Box::new(Diagnostic { position, advice, ..error }) });
            }
            Ok(document) => document,
            Err(error) => return Err(Unreadable { source, error }),
        };
        match format {
            Format::Yaml | Format::Auto => super::tags::check(text, &report),
            Format::Json => {}
        }
        for (place, written) in source.texts_at(notes.take_large()) {
            if written.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) {
                let finding = not_portable(written);
                let steps: Vec<String> = place.steps.iter().map(ToString::to_string).collect();
                report.add_at(place, None, Some(steps.join(".")), finding);
            }
        }
        Ok(Self { document, source, report })
    }
}

/// Whether there is nothing in a text but white space and, in YAML, comments and the marks of a document.
fn is_empty(text: &str, format: Format) -> bool {
    let means_nothing = |line: &str| {
        let is_mark = || line.starts_with('#') || matches!(line, "---" | "...");
        line.is_empty() || (format != Format::Json && is_mark())
    };
    text.lines().all(|line| means_nothing(line.trim()))
}
