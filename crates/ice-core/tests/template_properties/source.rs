//! Random sources of templates.

use proptest::prelude::*;

fn choose(options: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(options).prop_map(str::to_owned).boxed()
}

fn atom() -> BoxedStrategy<String> {
    prop_oneof![
        4 => choose(&["a", "b", "l", "n", "none", "s", "w", "i", "missing", "nodes.a", "nodes['l']", "loop.index"]),
        3 => choose(&["0", "1", "-1", "2.5", "9223372036854775807", "1e300", "'x'", "''", "\"a\\nb\"", "true", "[]", "{}"]),
        1 => choose(&["range(3)", "range(1, 9, 2)", "range(-3)", "'a b c'", "[1, 2, 3]", "{'k': 1}", "(1, 2)"]),
    ]
    .boxed()
}

fn filter() -> BoxedStrategy<String> {
    choose(&[
        "abs",
        "attr('b')",
        "batch(2)",
        "batch(2, 0)",
        "bool",
        "capitalize",
        "chain(l)",
        "count",
        "d(1)",
        "default('x', true)",
        "dictsort",
        "dictsort(by='value', reverse=true)",
        "first",
        "float",
        "float(1)",
        "format(1)",
        "format(n, s)",
        "groupby('k')",
        "groupby(0)",
        "indent",
        "indent(2, true)",
        "int",
        "int(0)",
        "items",
        "join",
        "join(', ')",
        "join('-', attribute='k')",
        "last",
        "length",
        "lines",
        "list",
        "lower",
        "map('upper')",
        "map('string')",
        "map(attribute='k', default=0)",
        "max",
        "min",
        "reject('odd')",
        "replace('e', 'ee')",
        "replace('', '-')",
        "reverse",
        "round",
        "round(1)",
        "round(-1, 'floor')",
        "select",
        "select('number')",
        "selectattr('k')",
        "slice(2)",
        "slice(3, 0)",
        "sort",
        "sort(reverse=true)",
        "sort(attribute='k')",
        "split",
        "split(',')",
        "split('e', 1)",
        "string",
        "sum",
        "title",
        "tojson",
        "tojson(indent=1)",
        "trim",
        "trim('s')",
        "unique",
        "upper",
        "zip(w)",
        "nosuch",
        "safe",
    ])
}

fn test() -> BoxedStrategy<String> {
    choose(&[
        "defined",
        "undefined",
        "none",
        "odd",
        "even",
        "number",
        "string",
        "sequence",
        "mapping",
        "iterable",
        "divisibleby(2)",
        "eq(4)",
        "in(l)",
        "lower",
        "upper",
        "true",
        "false",
        "startingwith('s')",
        "nosuch",
    ])
}

/// Text of an expression.
pub(crate) fn expression() -> BoxedStrategy<String> {
    atom()
        .prop_recursive(5, 40, 4, |inner| {
            let binary = choose(&[
                "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in",
                "and", "or",
            ]);
            prop_oneof![
                (inner.clone(), binary, inner.clone())
                    .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("({a} < {b} <= {c})")),
                (inner.clone(), filter()).prop_map(|(value, filter)| format!("({value})|{filter}")),
                (inner.clone(), test()).prop_map(|(value, test)| format!("({value}) is {test}")),
                (inner.clone(), inner.clone()).prop_map(|(value, key)| format!("({value})[{key}]")),
                (inner.clone(), choose(&["b", "n", "z", "c", "k", "0", "items()", "get('n')"]))
                    .prop_map(|(value, key)| format!("({value}).{key}")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(v, from, to)| format!("({v})[{from}:{to}]")),
                (inner.clone(), inner.clone()).prop_map(|(value, step)| format!("({value})[::{step}]")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'a': {a}, 'k': {b}}}")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{({a}): {b}}}")),
                inner.clone().prop_map(|value| format!("not {value}")),
                inner.prop_map(|value| format!("-({value})")),
            ]
        })
        .boxed()
}

/// Text of a template.
pub(crate) fn template() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        choose(&["text ", "\n", "{", "}", "é", "{# note #}", "{% raw %}{{ x }}{% endraw %}"]),
        expression().prop_map(|expression| format!("{{{{ {expression} }}}}")),
        expression().prop_map(|expression| format!("{{{{- {expression} -}}}}")),
        expression().prop_map(|expression| format!("{{% set i = {expression} %}}")),
        expression().prop_map(|expression| format!("{{% set i, j = {expression} %}}")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4).prop_map(|parts| parts.concat());
        prop_oneof![
            body.clone(),
            (expression(), body.clone()).prop_map(|(e, b)| format!("{{% for i in {e} %}}{b}{{% endfor %}}")),
            (expression(), body.clone())
                .prop_map(|(e, b)| format!("{{% for i, j in {e} %}}{b}{{% else %}}{b}{{% endfor %}}")),
            (expression(), expression(), body.clone())
                .prop_map(|(e, f, b)| format!("{{% for i in {e} if {f} %}}{b}{{% endfor %}}")),
            (expression(), body.clone())
                .prop_map(|(e, b)| format!("{{% if {e} %}}{b}{{% else %}}{b}{{% endif %}}")),
            (expression(), expression(), body.clone())
                .prop_map(|(e, f, b)| format!("{{% if {e} %}}{{% elif {f} %}}{b}{{% endif %}}")),
            (expression(), body.clone()).prop_map(|(e, b)| format!("{{% with i = {e} %}}{b}{{% endwith %}}")),
            (filter(), body.clone()).prop_map(|(f, b)| format!("{{% filter {f} %}}{b}{{% endfilter %}}")),
            (filter(), body.clone()).prop_map(|(f, b)| format!("{{% set i | {f} %}}{b}{{% endset %}}")),
            body.prop_map(|b| format!("{{% set i %}}{b}{{% endset %}}{{{{ i }}}}")),
        ]
    })
    .boxed()
}

/// Text out of the pieces of the language, in any order.
pub(crate) fn soup() -> BoxedStrategy<String> {
    let piece = choose(&[
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{-",
        "-%}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        ".",
        ",",
        ":",
        "|",
        "~",
        "+",
        "-",
        "*",
        "**",
        "/",
        "//",
        "%",
        "==",
        "!",
        "!=",
        "<",
        ">=",
        "=",
        "if ",
        "else ",
        "elif ",
        "endif ",
        "for ",
        "in ",
        "endfor ",
        "set ",
        "endset ",
        "with ",
        "endwith ",
        "filter ",
        "endfilter ",
        "recursive ",
        "not ",
        "and ",
        "or ",
        "is ",
        "none ",
        "true ",
        "a ",
        "b ",
        "l ",
        "s ",
        "loop",
        "nodes",
        "range(",
        "1",
        "0x",
        "9e9",
        "99999999999999999999",
        "1_0",
        "\n",
        " ",
        "\t",
        "é",
        "\u{0}",
        "raw",
        "endraw",
        "macro ",
        "defined ",
        "upper",
        "map(",
        "attribute=",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat()).boxed()
}
