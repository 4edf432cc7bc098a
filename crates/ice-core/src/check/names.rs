//! What a text reads: templates, expressions and dotted paths brought into one form.

use std::ops::Range;
use std::sync::Arc;

use crate::blueprint::{Form, Text};
use crate::diagnostic::Finding;
use crate::error::ErrorCode;
use crate::template::{Expression, Segment, Template, TemplateError};

/// A name that a text reads.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// The first name.
    pub(super) name: Arc<str>,
    /// Whether it can only be a node, as in `nodes['my-node']`.
    pub(super) only_node: bool,
    /// What follows it, as far as it is known.
    pub(super) path: Vec<Arc<str>>,
    /// Whether the text copes with its absence.
    pub(super) optional: bool,
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
}

impl Read {
    /// The name with what follows it: `a.rows.0`.
    pub(super) fn shown(&self) -> String {
        let mut shown = self.name.to_string();
        for segment in &self.path {
            shown.push('.');
            shown.push_str(segment);
        }
        shown
    }
}

/// What a text yields, as far as that is known without running it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yields {
    /// The text itself: it has no template in it.
    Itself,
    /// Text, whatever is put into it.
    Text,
    /// The value of the one name it reads.
    Read,
    /// Something.
    Unknown,
}

/// The names a text reads and what it yields.
pub(super) fn names(text: Text<'_>) -> Result<(Vec<Read>, Yields), Finding> {
    match text.form {
        Form::Template | Form::Part if !text.source.contains('{') => Ok((Vec::new(), Yields::Itself)),
        Form::Template | Form::Part => of_template(text.source),
        Form::Path if is_template(text.source) => of_template(text.source),
        Form::Path => of_path(text.source).map(|read| (vec![read], Yields::Read)),
        Form::Expression | Form::OpenExpression => {
            let expression = Expression::compile(text.source).map_err(|error| {
                let finding = failed(error);
                let in_braces = ["{{", "{%"].iter().any(|mark| text.source.trim_start().starts_with(mark));
                let advice = "an expression is written without `{{ }}`".to_owned();
                if in_braces { finding.advise(advice) } else { finding }
            })?;
            Ok((expression.references().iter().map(read).collect(), Yields::Unknown))
        }
    }
}

/// Whether a text has a template in it.
pub(super) fn is_template(source: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| source.contains(mark))
}

fn of_template(source: &str) -> Result<(Vec<Read>, Yields), Finding> {
    let template = Template::compile(source).map_err(failed)?;
    let reads: Vec<Read> = template.references().iter().map(read).collect();
    let inner = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let yields = match (inner, reads.as_slice()) {
        _ if !is_template(source) => Yields::Itself,
        (Some(inner), [only]) if source.get(only.range.clone()) == Some(inner.trim()) => Yields::Read,
        (Some(_), _) => Yields::Unknown,
        (None, _) => {
            // White space around a tag makes it text, unless a hyphen in the tag takes it away.
            let (start, end) = (source.trim_start(), source.trim_end());
            let first = if start == source { ["{{", "{%", "{#"] } else { ["{{-", "{%-", "{#-"] };
            let last = if end == source { ["}}", "%}", "#}"] } else { ["-}}", "-%}", "-#}"] };
            let begins = first.iter().any(|mark| start.starts_with(mark));
            let ends = last.iter().any(|mark| end.ends_with(mark));
            if begins && ends { Yields::Unknown } else { Yields::Text }
        }
    };
    Ok((reads, yields))
}

fn read(reference: &crate::template::Reference) -> Read {
    Read {
        name: Arc::clone(&reference.name),
        only_node: reference.through_nodes,
        path: reference
            .path
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => Arc::clone(key),
                Segment::Index(index) => Arc::from(index.to_string()),
            })
            .collect(),
        optional: reference.optional,
        range: reference.place.range.clone(),
    }
}

fn failed(error: TemplateError) -> Finding {
    let advice = error.near().map(|near| format!("did you mean `{near}`?"));
    let range = error.place().map(|place| place.range.clone());
    Finding::error(error.code(), error.message()).advise(advice).within(range)
}

/// A name or dotted path: `rows`, `inputs.rows`, `my-node.rows.0`.
fn of_path(source: &str) -> Result<Read, Finding> {
    let trimmed = source.trim();
    let is_word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !trimmed.split('.').all(is_word) {
        let message = format!("`{source}` is not a name or dotted path");
        let advice = format!("write an expression as a template: `{{{{ {trimmed} }}}}`");
        return Err(Finding::error(ErrorCode::TemplateSyntax, message).advise(advice));
    }
    let start = source.len() - source.trim_start().len();
    let mut parts = trimmed.split('.').map(Arc::from);
    Ok(Read {
        name: parts.next().unwrap_or_default(),
        only_node: false,
        path: parts.collect(),
        optional: false,
        range: start..start + trimmed.len(),
    })
}
