//! Templates of schema version 1.1.0, rewritten when a file is read: `{name}` placeholders as Python's
//! `str.format` has them, and bare names of inputs.

use super::template::Template;
use super::{Expression, Reference};

/// Rewrites a text of version 1.1.0 as a template of today.
///
/// - `{name}`, `{name.attribute}` and `{name[0]}` become `{{ … }}`; the name of an input becomes
///   `inputs.name`, and an id with a hyphen `nodes['my-node']`. `{name:.2f}` keeps its format.
/// - `{{ expression }}` stays, and names of inputs in it become `inputs.name`.
/// - Any other `{{` and `}}` are the escapes of `str.format`, and become single braces.
/// - What is none of these, such as JSON, stays as it is.
#[must_use]
pub fn upgrade(source: &str, is_input_name: &dyn Fn(&str) -> bool) -> String {
    let mut upgraded = Writer::default();
    let mut rest = source;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, here) = rest.split_at(at);
        upgraded.text(before);
        rest = if let Some((tag, after)) = expression_tag(here) {
            upgraded.tag(&qualify(tag, is_input_name));
            after
        } else if let Some(after) = statement(here) {
            upgraded.tag(here.get(..here.len() - after.len()).unwrap_or_default());
            after
        } else if let Some(after) = here.strip_prefix("{{") {
            upgraded.text("{");
            after
        } else if let Some(after) = here.strip_prefix("}}") {
            upgraded.text("}");
            after
        } else if let Some((field, after)) = field(here) {
            upgraded.tag(&field.written(is_input_name));
            after
        } else {
            let (brace, after) = here.split_at(1);
            upgraded.text(brace);
            after
        };
    }
    upgraded.text(rest);
    upgraded.finish()
}

/// Rewrites a bare expression of version 1.1.0: names of inputs become `inputs.name`.
#[must_use]
pub fn upgrade_expression(source: &str, is_input_name: &dyn Fn(&str) -> bool) -> String {
    match Expression::compile(source) {
        Ok(expression) => insert_inputs(source, expression.references(), is_input_name),
        Err(_) => source.to_owned(),
    }
}

/// Text and tags, with text kept from looking like a tag.
#[derive(Default)]
struct Writer {
    done: String,
    /// Text that was not written yet: whether it looks like a tag depends on what follows.
    pending: String,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    fn flush(&mut self) {
        let mut rest = std::mem::take(&mut self.pending);
        // A brace at the end would join with the tag that follows.
        let joined = if rest.ends_with('{') { rest.pop() } else { None };
        if ["{{", "{%", "{#"].iter().any(|start| rest.contains(start)) {
            for start in ["{{", "{%", "{#"] {
                rest = rest.replace(start, &format!("{{\u{0}{}", &start.get(1..).unwrap_or_default()));
            }
            rest = rest.replace("{\u{0}", "{{ '{' }}");
        }
        self.done.push_str(&rest);
        if joined.is_some() {
            self.done.push_str("{{ '{' }}");
        }
    }

    fn tag(&mut self, tag: &str) {
        self.flush();
        self.done.push_str(tag);
    }

    fn finish(mut self) -> String {
        self.pending.push(' ');
        self.flush();
        self.done.pop();
        self.done
    }
}
