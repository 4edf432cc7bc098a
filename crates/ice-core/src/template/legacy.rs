//! Templates of schema version 1.1.0, rewritten when a file is read: `{name}` placeholders as Python's
//! `str.format` has them, and bare names of inputs.

use super::expression::Expression;
use super::reference::Reference;
use super::scan::MAX_SOURCE;
use super::template::Template;

/// The longest `{{ }}` that is looked at as an expression.
const LONGEST: usize = 4096;
/// Words that an expression does not read as names.
const KEYWORDS: [&str; 15] = [
    "and", "else", "false", "False", "if", "in", "is", "loop", "none", "None", "not", "or", "self", "true",
    "True",
];

/// Rewrites a text of version 1.1.0 as a template of today.
///
/// - `{name}`, `{name.attribute}` and `{name[0]}` become `{{ … }}`; the name of an input becomes
///   `inputs.name`, and an id with a hyphen is asked of `nodes`. `{name:.2f}` keeps its format.
/// - `{{ expression }}` stays, and names of inputs in it become `inputs.name`.
/// - Any other `{{` and `}}` are the escapes of `str.format`, and become single braces.
/// - A text that `str.format` would refuse, such as JSON, keeps all its braces; only placeholders of inputs
///   are rewritten in it. A text with `{% %}` is a template of today already, but for the names of inputs.
///   A text too long to be a template stays as it is.
#[must_use]
pub fn upgrade(source: &str, is_input_name: &dyn Fn(&str) -> bool) -> String {
    if source.len() > MAX_SOURCE {
        return source.to_owned();
    }
    if source.contains("{%")
        && let Ok(template) = Template::compile(source)
    {
        return insert_inputs(source, template.references(), is_input_name);
    }
    let pieces = read(source);
    let is_format = !pieces.iter().any(|piece| matches!(piece, Piece::Brace(_)));
    let mut upgraded = String::new();
    let mut text = String::new();
    for piece in pieces {
        let tag = match piece {
            Piece::Text(plain) | Piece::Brace(plain) => {
                text.push_str(plain);
                continue;
            }
            Piece::Escape(doubled) => {
                text.push_str(if is_format { doubled.get(1..).unwrap_or_default() } else { doubled });
                continue;
            }
            Piece::Field(_, field) if is_format || is_input_name(field.name) => {
                format!("{{{{ {} }}}}", field.expression(is_input_name))
            }
            Piece::Field(written, _) => {
                text.push_str(written);
                continue;
            }
            Piece::Tag(tag) => qualify(tag, is_input_name),
        };
        push_text(&mut upgraded, &text, true);
        text.clear();
        upgraded.push_str(&tag);
    }
    push_text(&mut upgraded, &text, false);
    upgraded
}

/// Rewrites a bare expression of version 1.1.0: names of inputs become `inputs.name`.
#[must_use]
pub fn upgrade_expression(source: &str, is_input_name: &dyn Fn(&str) -> bool) -> String {
    match Expression::compile(source) {
        Ok(expression) => insert_inputs(source, expression.references(), is_input_name),
        Err(_) => source.to_owned(),
    }
}

/// A piece of a text of version 1.1.0.
enum Piece<'t> {
    Text(&'t str),
    /// A brace that `str.format` would stumble over.
    Brace(&'t str),
    /// `{{` or `}}`.
    Escape(&'t str),
    /// `{name}`, and what it says.
    Field(&'t str, Field<'t>),
    /// `{{ expression }}`, `{% … %}` or `{# … #}`.
    Tag(&'t str),
}

fn read(source: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, here) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        let (piece, length) = read_brace(here);
        pieces.push(piece);
        rest = here.get(length..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The piece at the start of a text that begins with a brace, and its length.
fn read_brace(here: &str) -> (Piece<'_>, usize) {
    let first = |length: usize| here.get(..length).unwrap_or(here);
    if let Some(length) = expression_tag(here).or_else(|| other_tag(here)) {
        return (Piece::Tag(first(length)), length);
    }
    if here.starts_with("{{") || here.starts_with("}}") {
        return (Piece::Escape(first(2)), 2);
    }
    match Field::read(here) {
        Some((field, length)) => (Piece::Field(first(length), field), length),
        None => (Piece::Brace(first(1)), 1),
    }
}

/// The length of a `{{ expression }}` at the start of a text.
fn expression_tag(here: &str) -> Option<usize> {
    let inner = here.strip_prefix("{{")?;
    let near = inner.get(..inner.floor_char_boundary(LONGEST))?;
    near.match_indices('}').take(8).map(|(at, _)| at).find_map(|at| {
        near.get(at..)?.strip_prefix("}}")?;
        let within = near.get(..at)?;
        let within = within.strip_prefix(['-', '+']).unwrap_or(within);
        let within = within.strip_suffix(['-', '+']).unwrap_or(within);
        // A quick no to what only opens, again and again.
        let only_opens = within.contains("{{") && !within.contains(['\'', '"']);
        (!only_opens && super::lower::is_expression(within)).then_some(at + 4)
    })
}

/// The length of a `{% … %}` or `{# … #}` at the start of a text.
fn other_tag(here: &str) -> Option<usize> {
    let end = if here.starts_with("{%") {
        "%}"
    } else if here.starts_with("{#") {
        "#}"
    } else {
        return None;
    };
    here.get(2..)?.find(end).map(|at| at + 4)
}

/// A `{name.attribute[index]:format}`.
struct Field<'t> {
    name: &'t str,
    steps: Vec<&'t str>,
    format: Option<&'t str>,
}

impl<'t> Field<'t> {
    /// Reads a field at the start of a text, with its length.
    fn read(here: &'t str) -> Option<(Self, usize)> {
        let inner = here.strip_prefix('{')?;
        let inner = inner.get(..inner.find(['{', '}'])?)?;
        here.get(1 + inner.len()..)?.strip_prefix('}')?;
        let (path, format) = match inner.split_once(':') {
            Some((path, format)) => (path, Some(format).filter(|format| !format.is_empty())),
            None => (inner, None),
        };
        let path = path.strip_suffix("!s").unwrap_or(path);
        if !format.is_none_or(is_format) {
            return None;
        }
        let end = path.find(|c: char| !is_name_character(c)).unwrap_or(path.len());
        let (name, mut rest) = path.split_at(end);
        if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return None;
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step = if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(|c: char| !is_name_character(c)).unwrap_or(after.len());
                let (step, after) = after.split_at(end);
                rest = after;
                step
            } else {
                let (step, after) = rest.strip_prefix('[')?.split_once(']')?;
                rest = after;
                step
            };
            if step.is_empty() || step.chars().any(char::is_control) {
                return None;
            }
            steps.push(step);
        }
        Some((Self { name, steps, format }, inner.len() + 2))
    }

    /// The expression that reads the same.
    fn expression(&self, is_input_name: &dyn Fn(&str) -> bool) -> String {
        let mut written = if is_input_name(self.name) {
            format!("inputs{}", step(self.name))
        } else if self.name.contains('-') || KEYWORDS.contains(&self.name) {
            format!("nodes['{}']", self.name)
        } else {
            self.name.to_owned()
        };
        for part in &self.steps {
            written.push_str(&step(part));
        }
        match self.format {
            None => written,
            Some(format) => format!("'%{format}'|format({written})"),
        }
    }
}

const fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

/// A step of a path as it is written in an expression.
fn step(part: &str) -> String {
    if part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("[{part}]");
    }
    let is_word = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !part.starts_with(|first: char| first.is_ascii_digit());
    if is_word {
        format!(".{part}")
    } else {
        format!("['{}']", part.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// The formats that the filter `format` knows: `05d`, `.2f`, `8s`.
fn is_format(format: &str) -> bool {
    let Some(kind) = format.chars().next_back() else { return false };
    let digits = format.get(..format.len() - kind.len_utf8()).unwrap_or_default();
    let (width, precision) = digits.split_once('.').unwrap_or((digits, "0"));
    let short = |digits: &str| digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    "sdfeExXo".contains(kind) && short(width) && !precision.is_empty() && short(precision)
}

/// Appends text so that none of it looks like the start of a tag.
fn push_text(to: &mut String, text: &str, tag_follows: bool) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().or(if tag_follows { Some('{') } else { None });
        if character == '{' && matches!(next, Some('{' | '%' | '#')) {
            to.push_str("{{ '{' }}");
        } else {
            to.push(character);
        }
    }
}

/// A tag whose names of inputs are qualified.
fn qualify(tag: &str, is_input_name: &dyn Fn(&str) -> bool) -> String {
    match Template::compile(tag) {
        Ok(template) => insert_inputs(tag, template.references(), is_input_name),
        Err(_) => tag.to_owned(),
    }
}

fn insert_inputs(source: &str, references: &[Reference], is_input_name: &dyn Fn(&str) -> bool) -> String {
    let mut places: Vec<usize> = references
        .iter()
        .filter(|reference| !reference.through_nodes && is_input_name(&reference.name))
        .map(|reference| reference.place.range.start)
        .collect();
    places.sort_unstable();
    places.dedup();
    let mut upgraded = String::new();
    let mut from = 0;
    for place in places {
        upgraded.push_str(source.get(from..place).unwrap_or_default());
        upgraded.push_str("inputs.");
        from = place;
    }
    upgraded.push_str(source.get(from..).unwrap_or_default());
    upgraded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Limits;
    use crate::value::{Map, Value};

    fn is_input(name: &str) -> bool {
        matches!(name, "topic" | "my-in" | "in")
    }

    fn check(source: &str, expected: &str) {
        assert_eq!(upgrade(source, &is_input), expected, "{source}");
    }

    #[test]
    fn placeholders_become_expressions() {
        check("About {topic}: {fetch.text}", "About {{ inputs.topic }}: {{ fetch.text }}");
        check("{rows[0][name].x}", "{{ rows[0].name.x }}");
        check("{my-node.x} {my-in} {in}", "{{ nodes['my-node'].x }} {{ inputs['my-in'] }} {{ inputs.in }}");
        check("{a[it's]}", "{{ a['it\\'s'] }}");
        check(
            "{score:.2f} {name!s} {n:05d} {x:}",
            "{{ '%.2f'|format(score) }} {{ name }} {{ '%05d'|format(n) }} {{ x }}",
        );
        check("{not}", "{{ nodes['not'] }}");
    }

    #[test]
    fn escapes_become_braces() {
        check(r#"{{"a": 1}} {topic}"#, r#"{"a": 1} {{ inputs.topic }}"#);
        check("{{{topic}}}", "{{ '{' }}{{ inputs.topic }}}");
        check("{{{{", "{{ '{' }}{");
        check("{{% x", "{{ '{' }}% x");
    }

    #[test]
    fn expressions_stay() {
        check("{{ topic }} {{ fetch.text|upper }}", "{{ inputs.topic }} {{ fetch.text|upper }}");
        check("{{ inputs.topic }}", "{{ inputs.topic }}");
        check("{{ topic ~ x.topic ~ 'topic' }}", "{{ inputs.topic ~ x.topic ~ 'topic' }}");
        check("{{ {'a': {'b': topic}} }}", "{{ {'a': {'b': inputs.topic}} }}");
        check("{{ '}}' ~ topic }}", "{{ '}}' ~ inputs.topic }}");
        check("{{ x|nosuch }}", "{{ x|nosuch }}");
        check("{% for topic in x %}{{ topic }}{% endfor %}", "{% for topic in x %}{{ topic }}{% endfor %}");
        check(
            "{% for t in topic %}{{ t }}{topic}{% endfor %}",
            "{% for t in inputs.topic %}{{ t }}{topic}{% endfor %}",
        );
        assert_eq!(upgrade_expression("topic.x > n", &is_input), "inputs.topic.x > n");
        assert_eq!(upgrade_expression("topic >", &is_input), "topic >");
    }

    #[test]
    fn what_is_no_format_keeps_its_braces() {
        check(r#"{"a": {"b": 1}}"#, r#"{"a": {"b": 1}}"#);
        check(r#"{"q": "{topic}", "r": "{other}"}"#, r#"{"q": "{{ inputs.topic }}", "r": "{other}"}"#);
        check("{} {0} {a b} {x!r} {x:>10}", "{} {0} {a b} {x!r} {x:>10}");
        check("a } b { c", "a } b { c");
    }

    fn part() -> impl Strategy<Value = (String, String)> {
        let literal = prop_oneof![
            Just("{"),
            Just("}"),
            Just("{\"a\": 1}"),
            Just("{%"),
            Just("{#"),
            Just("x: y,"),
            Just("é\n"),
            Just("%}"),
        ];
        prop_oneof![
            literal.prop_map(|text| (text.replace('{', "{{").replace('}', "}}"), text.to_owned())),
            Just(("{topic}".to_owned(), "T".to_owned())),
            Just(("{node.rows[1]}".to_owned(), "2".to_owned())),
            Just(("{my-node}".to_owned(), "M".to_owned())),
        ]
    }

    proptest! {
        #[test]
        fn a_format_string_means_what_it_meant(parts in prop::collection::vec(part(), 0..8)) {
            let source: String = parts.iter().map(|(source, _)| source.as_str()).collect();
            let expected: String = parts.iter().map(|(_, text)| text.as_str()).collect();
            let upgraded = upgrade(&source, &is_input);
            let scope: Map = [
                ("inputs".into(), Value::map([("topic", Value::from("T"))])),
                ("node".into(), Value::map([("rows", Value::list([Value::from(1), Value::from(2)]))])),
                ("my-node".into(), Value::from("M")),
            ].into_iter().collect();
            let rendered = Template::compile(&upgraded)
                .and_then(|template| template.render(&scope, &Limits::DEFAULT))
                .map_err(|error| TestCaseError::fail(format!("{source} -> {upgraded}: {error}")))?;
            let rendered = rendered.as_str().map_or_else(|| rendered.to_string(), str::to_owned);
            prop_assert_eq!(rendered, expected, "{} -> {}", source, upgraded);
        }

        #[test]
        fn no_text_panics(source in ".{0,40}|[{}%#a.\\[\\]:' \\-]{0,30}") {
            let _ = upgrade(&source, &is_input);
            let _ = upgrade_expression(&source, &is_input);
        }

        #[test]
        fn a_template_of_today_stays(names in prop::collection::vec("(a|b|inputs\\.topic|nodes\\['x-y'\\])(\\.z)?", 0..5)) {
            let source: String = names.iter().map(|name| format!("text {{{{ {name}|upper }}}} ")).collect();
            prop_assert_eq!(upgrade(&source, &is_input), source);
        }
    }
}
