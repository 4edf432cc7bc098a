//! Properties of templates over random sources: none panics, overflows the stack of a runtime's thread,
//! runs without end or builds more than it may; the fast forms mean what the engine means; and the engine
//! with our built-ins means what it means with its own.
#![expect(clippy::unwrap_used, reason = "a failing test is a panic")]

use std::time::{Duration, Instant};

use ice_core::error::ErrorCode;
use ice_core::template::{Expression, Limits, Template, TemplateError, legacy};
use ice_core::value::{Map, Value};
use minijinja::{Environment, UndefinedBehavior};
use proptest::prelude::*;

/// The scope's keys are sorted, for the engine sorts the keys of its own maps.
const SCOPE: &str = r#"{
    "a": {"b": [1, 2.5, {"c": "text"}], "n": 7, "z": null},
    "b": true,
    "l": [3, "x", null, [1, 2], {"k": "v"}],
    "n": 4,
    "none": null,
    "s": "some Text, and more",
    "w": ["b", "A", "c", "a"]
}"#;

fn scope() -> Map {
    serde_json::from_str::<Value>(SCOPE).unwrap().as_map().unwrap().clone()
}

const LIMITS: Limits = Limits { steps: 20_000, bytes: 1 << 20 };

/// Runs on a thread with the stack that the threads of the runtime have.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

/// Compiles and renders a source, and checks that it ends as it may.
fn survives(source: String) -> Result<(), TestCaseError> {
    let started = Instant::now();
    let outcome = on_a_small_stack({
        let source = source.clone();
        move || {
            let _ = Expression::compile(&source).and_then(|expression| expression.test(&scope(), &LIMITS));
            let _ = legacy::upgrade(&source, &|name| name == "n");
            let template = Template::compile(&source)?;
            // Twice, for a rendering leaves nothing behind.
            let first = template.render(&scope(), &LIMITS);
            let second = template.render(&scope(), &LIMITS);
            assert_eq!(first, second, "{source}");
            first
        }
    });
    prop_assert!(started.elapsed() < Duration::from_secs(20), "{source} took {:?}", started.elapsed());
    match outcome {
        Ok(value) => {
            // A value of the scope is passed on for nothing; whatever is built is counted.
            let most = LIMITS.bytes + Value::from(scope()).weight(usize::MAX) + source.len();
            prop_assert!(value.weight(2 * most) <= most, "{source}");
            Ok(())
        }
        Err(error) => {
            let known = [
                ErrorCode::TemplateSyntax,
                ErrorCode::TemplateNotAllowed,
                ErrorCode::TemplateTooLarge,
                ErrorCode::TemplateFailed,
                ErrorCode::UnknownReference,
            ];
            prop_assert!(known.contains(&error.code()), "{source}: {error}");
            if let Some(place) = error.place() {
                prop_assert!(source.get(place.range.clone()).is_some(), "{source}: {place:?}");
            }
            Ok(())
        }
    }
}

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
fn expression() -> BoxedStrategy<String> {
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
fn template() -> BoxedStrategy<String> {
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
fn soup() -> BoxedStrategy<String> {
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

fn outcome(source: &str) -> Result<Value, (ErrorCode, String)> {
    Template::compile(source)
        .and_then(|template| template.render(&scope(), &Limits::DEFAULT))
        .map_err(|error: TemplateError| (error.code(), error.message().to_owned()))
}

proptest! {
    #[test]
    fn any_text_is_survived(source in "\\PC{0,60}|[{}%#a-z'\"()\\[\\]|.,:~+*/<>=! \\n-]{0,60}") {
        survives(source)?;
    }

    #[test]
    fn any_order_of_the_languages_pieces_is_survived(source in soup()) {
        survives(source)?;
    }

    #[test]
    fn any_expression_is_survived(source in expression()) {
        survives(format!("{{{{ {source} }}}}"))?;
    }

    #[test]
    fn any_template_is_survived(source in template()) {
        survives(source)?;
    }

    #[test]
    fn a_path_by_itself_means_what_the_engine_means(
        root in "a|b|l|n|none|s|missing|nodes\\['a'\\]|nodes\\.l",
        steps in prop::collection::vec("\\.(b|c|n|z|k|0|2|9)|\\['(b|c|k|2|é)'\\]|\\[(0|2|-1|-9|4)\\]", 0..4),
    ) {
        let path = root + &steps.concat();
        prop_assert_eq!(outcome(&format!("{{{{ {path} }}}}")), outcome(&format!("{{{{ {path} if true }}}}")));
        prop_assert_eq!(
            outcome(&format!("x{{{{ {path} }}}}")),
            outcome(&format!("{{% if true %}}x{{{{ {path} }}}}{{% endif %}}"))
        );
        // The same by a variable of the template, but for how the way there is written.
        let code = |source: String| outcome(&source).map_err(|(code, _)| code);
        if !path.starts_with("nodes") {
            let rest = steps.concat();
            let name = &path[..path.len() - rest.len()];
            prop_assert_eq!(
                code(format!("x{{{{ {path} }}}}")),
                code(format!("{{% set v = {name} %}}x{{{{ v{rest} }}}}"))
            );
        }
    }

    /// What both can do, both do alike: our built-ins, and the engine's own.
    #[test]
    fn the_engines_own_built_ins_agree(source in template()) {
        // What is meant to differ: keys of maps are text, tuples lists, attributes of null null.
        let differs = ["{(", "(1, 2)", "zip", "dictsort", "items", "groupby", "range", "none", ".z", "[::", "tojson", "int"];
        if differs.iter().any(|piece| source.contains(piece)) {
            return Ok(());
        }
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        engine.set_fuel(Some(20_000));
        let json: serde_json::Value = serde_json::from_str(SCOPE).unwrap();
        let theirs = engine.render_str(&format!("{source}."), minijinja::Value::from(minijinja::value::Serde(json)));
        let ours = outcome(&format!("{source}."));
        if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
            // Theirs are lazy, and do not print.
            if theirs.contains("<iterator>") {
                return Ok(());
            }
            prop_assert_eq!(ours.as_str().unwrap(), theirs.as_str(), "{}", source);
        }
    }
}
