//! From a text to what is made of it.

use super::{Object, Problem};
use crate::blueprint::{Context, Fields, Format, SchemaVersion, Source, Unreadable, Written};
use crate::diagnostic::{Diagnostics, Report, Trail};

/// What was read of a document.
#[derive(Clone, Debug)]
pub struct Reading<T> {
    /// What was made of it; none if there are errors.
    pub value: Option<T>,
    /// What was found, each with its position.
    pub diagnostics: Diagnostics,
    source: Source,
}

/// Reads a document that is an object. `name` is what diagnostics call the text, for example its file name; `what` is
/// what should be in it. Fields that `read` does not ask for are errors.
pub fn read<T>(
    text: &str,
    format: Format,
    name: &str,
    what: &str,
    read: impl FnOnce(&mut Object<'_, '_>) -> T,
) -> Reading<T> {
    let Written { document, source, report } = match Written::parse(text, format, name, what) {
        Ok(written) => written,
        Err(Unreadable { source, error }) => {
            let diagnostics = Diagnostics::new([*error], 0).of_source(name);
            return Reading { value: None, diagnostics, source };
        }
    };
    let start = Trail::START;
    let context = Context { report: &report, dialect: SchemaVersion::default(), legacy: None };
    let mut fields = Fields::of(&document, &start, &context);
    let value = read(&mut Object::new(&mut fields));
    fields.finish();
    let value = (report.errors() == 0).then_some(value);
    Reading { value, diagnostics: source.locate(report.finish()), source }
}

impl<T> Reading<T> {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// Adds a problem with a field of the document that shows only beside other documents. The value is gone then.
    pub fn refuse(&mut self, field: &str, problem: Problem) {
        let report = Report::default();
        report.add(&Trail::START.key(field), problem.finding());
        self.diagnostics.merge(self.source.locate(report.finish()));
        self.value = None;
    }
}
