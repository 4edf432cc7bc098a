//! The texts of a node that name things: templates, expressions and dotted paths.

use crate::diagnostic::Trail;
use crate::value::Value;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text with `{{ }}`.
    Template,
    /// Text with `{{ }}` that writes one part of the context: it sees that part alone, as `value` and under its
    /// own name, the last key of its place.
    Part,
    /// A bare expression.
    Expression,
    /// A bare expression that also sees names the check cannot know.
    OpenExpression,
    /// A name or dotted path, or a template.
    Path,
}

/// A text that names things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'n> {
    pub(crate) source: &'n str,
    pub(crate) form: Form,
}

/// What is called for each text, with its place.
pub(crate) type Visit<'v, 'n> = dyn FnMut(&Trail<'_>, Text<'n>) + 'v;

/// Visits one text.
pub(crate) fn visit_text<'n>(
    field: &str,
    source: &'n str,
    form: Form,
    at: &Trail<'_>,
    visit: &mut Visit<'_, 'n>,
) {
    visit(&at.key(field), Text { source, form });
}

/// Visits every text within a value as a template.
pub(crate) fn visit_value<'n>(field: &str, value: &'n Value, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
    fn walk<'n>(value: &'n Value, at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
        match value {
            Value::String(source) => visit(at, Text { source, form: Form::Template }),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &at.index(index), visit);
                }
            }
            Value::Map(entries) => {
                for (key, item) in entries.iter() {
                    walk(item, &at.key(key), visit);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => {}
        }
    }
    walk(value, &at.key(field), visit);
}
