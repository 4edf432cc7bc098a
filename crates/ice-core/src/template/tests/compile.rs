//! What is known, or refused, before anything runs.

use crate::error::ErrorCode;
use crate::template::{Segment, Template};

#[test]
fn only_what_is_allowed_compiles() {
    for source in [
        "{% macro x() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% call x() %}{% endcall %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% do list.append(1) %}",
        "{% for x in list recursive %}{% endfor %}",
        "{% for x in list %}{{ loop(x) }}{% endfor %}",
        "{% for x in list %}{{ loop }}{% endfor %}",
        "{% for x in list %}{{ loop.cycle() }}{% endfor %}",
        "{% for x in list %}{{ loop.changed(x) }}{% endfor %}",
        "{{ loop.index }}",
        "{% set x.y = 1 %}",
        "{% set nodes = 1 %}",
        "{% for inputs in list %}{% endfor %}",
        "{% set (a, (b, c)) = x %}",
        "{{ namespace() }}",
        "{{ debug() }}",
        "{{ dict(a=1) }}",
        "{{ name.upper() }}",
        "{{ name|safe }}",
        "{{ name|nosuch }}",
        "{{ name is nosuch }}",
        "{{ list|map('nosuch') }}",
        "{{ list|map('map', 'upper') }}",
        "{{ list|select('nosuch') }}",
        "{{ nodes }}",
        "{{ nodes[name] }}",
        "{{ nodes[0] }}",
        "{{ list.x(*list) }}",
        "{{ range(*list) }}",
        "{{ (name)(1) }}",
        "{{ super() }}",
        "{{ self.x() }}",
    ] {
        match Template::compile(source) {
            Ok(_) => panic!("{source} compiled"),
            Err(error) => assert_eq!(error.code(), ErrorCode::TemplateNotAllowed, "{source}: {error}"),
        }
    }
    for source in [
        "{{",
        "{{ 1 +",
        "{% if %}",
        "{% nosuch %}",
        "{{ a b }}",
        "{{ 'x }}",
        "{{ name|replace('a') }}",
        "{{ name|replace('a', 'b', 'c') }}",
        "{{ name|join(x=1) }}",
        "{{ name|join('a', d='b') }}",
        "{{ list|map(name) }}",
    ] {
        match Template::compile(source) {
            Ok(_) => panic!("{source} compiled"),
            Err(error) => assert_eq!(error.code(), ErrorCode::TemplateSyntax, "{source}: {error}"),
        }
    }
    let error = Template::compile("a\n{{ name|uppr }}").unwrap_err();
    let place = error.place().unwrap();
    assert_eq!((place.line, place.column, error.near()), (2, 9, Some("upper")));
    let error = Template::compile("{{ name.upper() }}").unwrap_err();
    assert!(error.message().contains("|upper"), "{error}");
}

fn references(source: &str) -> Vec<String> {
    let template = Template::compile(source).unwrap();
    let written = |reference: &crate::template::Reference| {
        let path: Vec<String> = reference.path.iter().map(Segment::to_string).collect();
        let start = reference.place.range.clone();
        format!(
            "{}{}:{}{} @{}",
            if reference.through_nodes { "nodes/" } else { "" },
            reference.name,
            path.join("."),
            if reference.optional { "?" } else { "" },
            &source[start]
        )
    };
    template.references().iter().map(written).collect()
}

#[test]
fn references_are_known_before_anything_runs() {
    assert_eq!(references("{{ a.b.0.c }}"), ["a:b.0.c @a.b.0.c"]);
    assert_eq!(
        references("{{ nodes['my-node'].x }} {{ b }}"),
        ["nodes/my-node:x @nodes['my-node'].x", "b: @b"]
    );
    assert_eq!(references("{{ a[b.c].d + 1 }}"), ["a: @a[b.c].d", "b:c @b.c"]);
    assert_eq!(
        references("{% for x in rows %}{{ x.y }}{{ z }}{% endfor %}{{ x }}"),
        ["rows: @rows", "z: @z", "x: @x"]
    );
    assert_eq!(references("{% set x = a %}{{ x.b }}"), ["a: @a"]);
    assert_eq!(references("{% if c %}{% set x = 1 %}{% endif %}{{ x }}"), ["c: @c", "x:? @x"]);
    assert_eq!(references("{% if c %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}"), ["c: @c"]);
    assert_eq!(references("{{ a.b|default(c) }}"), ["a:b? @a.b", "c: @c"]);
    assert_eq!(references("{% if a is defined %}{{ a.b }}{% endif %}"), ["a:? @a", "a:b? @a.b"]);
    assert_eq!(references("{% for a in a %}{{ a }}{% endfor %}"), ["a: @a"]);
    assert_eq!(references("{% with a = b %}{{ a }}{% endwith %}{{ a }}"), ["b: @b", "a: @a"]);
}
