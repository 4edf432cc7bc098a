//! Values that go in and come out.

use super::{check, code, scope};
use crate::error::ErrorCode;
use crate::template::{Expression, Limits, Template, ValueTemplate};
use crate::value::{Map, Value};

#[test]
fn text_without_tags_is_itself() {
    check("plain {text} \n", r#""plain {text} \n""#);
    assert!(Template::compile("x").unwrap().is_constant().is_some());
    assert!(Template::compile("{{ x }}").unwrap().is_constant().is_none());
}

#[test]
fn one_expression_keeps_its_type() {
    check("{{ n }}", "3");
    check("{{ prev.rows[0] }}", r#"{"id":2,"kind":"b"}"#);
    check("{{n}}", "3");
    check("{{ n -}} \n", "3");
    check("\n {{- n }}", "3");
    check("{{ n + 1 }}", "4");
    check("{{ n > 2 }}", "true");
    check("{{ [n, 'x', none, {'k': f}] }}", r#"[3,"x",null,{"k":1.5}]"#);
    check("{{ nothing }}", "null");
    check("{{ 'x' if n > 5 }}", "null");
    check("{{ 5 }}", "5");
    check("{# note #}{{ n }}", "3");
    check("{{ n }}{{ n }}", r#""33""#);
    check("{{ n }}.", r#""3.""#);
}

#[test]
fn white_space_around_an_expression_makes_it_text() {
    check("{{ 'one' }}\n", r#""one\n""#);
    check("{{ n }}\n", r#""3\n""#);
    check(" {{ n }}", r#"" 3""#);
    check("{{ n + 1 }}\n\n", r#""4\n\n""#);
    check("{# note #}\n{{ n }}", r#""\n3""#);
    let lines = Value::list(["{{ n }}\n".into(), "{{ n }}".into()]);
    let rendered = ValueTemplate::compile(&lines).unwrap().render(&scope(), &Limits::DEFAULT).unwrap();
    assert_eq!(rendered, Value::list(["3\n".into(), Value::from(3)]));
}

#[test]
fn text_keeps_its_line_ends() {
    check("a {{ n }}\n", r#""a 3\n""#);
    check("a {% if yes %}b{% endif %}\n", r#""a b\n""#);
}

#[test]
fn paths_lead_into_values() {
    check("{{ prev.rows.1.id }}", "1");
    check("{{ prev['rows'][-1]['kind'] }}", r#""b""#);
    check("{{ nodes['my-node'].x[1] }}", "20");
    check("{{ nodes.prev.title }}", r#""One""#);
    check("{{ digits.0 }}", r#""zero""#);
    check("{{ digits['0'] }}", r#""zero""#);
    check("{{ prev.rows['0'].id }}", "2");
    check("{{ list[n - 1] }}", "2");
    check("{{ digits[name[0:1]] }}", "2");
    check("{{ picture.media_type }} {{ picture.size }}", r#""image/png 9""#);
    check("{{ (list|sort)[0] }}", "1");
}

#[test]
fn whatever_null_is_asked_is_null() {
    check("{{ nothing.a.b[0] }}", "null");
    check("{{ nothing.a is none }}", "true");
    check("{{ nothing.a == none }}", "true");
    check("{{ nothing.a.b|default('y', true) }}", r#""y""#);
    check("{{ nothing.a|default('y') }}", "null");
    check("{{ nothing.a }}.", r#""None.""#);
    check("{% for x in nothing %}x{% else %}none{% endfor %}", r#""none""#);
    check("{% set x = nothing %}{{ x.a.b is none }}.", r#""True.""#);
    check("{{ (nothing or nothing).a }}", "null");
}

#[test]
fn what_is_not_there_is_named() {
    check(
        "{{ nmae }}",
        "UNKNOWN_REFERENCE: nothing named `nmae` is in scope; did you mean `name`? (line 1, column 4 of the template)",
    );
    check(
        "a\n {{ prev.titel }}!",
        "TEMPLATE_FAILED: `prev` has no attribute `titel`: it is an object with the keys title, rows; did you mean \
         `title`? (line 2, column 5 of the template)",
    );
    check(
        "{{ prev.rows[7].id + 1 }}",
        "TEMPLATE_FAILED: `prev.rows` has no item 7: it is an array of 3 items (line 1, column 4 of the template)",
    );
    check(
        "{% for row in prev.rows %}{{ row.knd }}{% endfor %}",
        "TEMPLATE_FAILED: `row` has no attribute `knd`: it is an object with the keys id, kind; did you mean \
         `kind`? (line 1, column 30 of the template)",
    );
    code("{{ name.x }}", ErrorCode::TemplateFailed);
    code("{{ []|first }}", ErrorCode::TemplateFailed);
    code("{{ missing is none }}", ErrorCode::UnknownReference);
    code("{% if n > 5 %}{% set x = 1 %}{% endif %}{{ x }}", ErrorCode::UnknownReference);
}

#[test]
fn absence_can_be_asked() {
    check("{{ missing is defined }}", "false");
    check("{{ missing.a.b is undefined }}", "true");
    check("{{ prev.titel is defined }}", "false");
    check("{{ prev.title is defined }}", "true");
    check("{{ missing|default('d') }}", r#""d""#);
    check("{{ prev.titel|d(n) }}", "3");
    check("{{ []|first|default('none') }}", r#""none""#);
    check("{% for row in prev.rows %}{{ row.x|default('-') }}{% endfor %}", r#""---""#);
    check("{% if n > 5 %}{% set x = 1 %}{% endif %}{{ x is defined }}", r#""False""#);
    check("{% if n < 5 %}{% set x = 1 %}{% endif %}{{ x }}", r#""1""#);
}

#[test]
fn values_pass_through_shared() {
    let big = Value::list((0..10_000).map(Value::from));
    let scope: Map = [("big".into(), Value::map([("inner", big.clone())]))].into_iter().collect();
    let limits = Limits { steps: 100, bytes: 100 };
    for source in
        ["{{ big.inner }}", "{{ big['inn' ~ 'er'] }}", "{{ big.inner if true }}", "{{ big.inner or 1 }}"]
    {
        let rendered = Template::compile(source).unwrap().render(&scope, &limits).unwrap();
        match (&rendered, &big) {
            (Value::List(rendered), Value::List(big)) => {
                assert!(std::sync::Arc::ptr_eq(rendered, big), "{source} copied")
            }
            _ => panic!("{source} gave {rendered}"),
        }
    }
}

#[test]
fn expressions_are_tested_for_truth() {
    let test = |source: &str| {
        Expression::compile(source).and_then(|expression| expression.test(&scope(), &Limits::DEFAULT))
    };
    assert_eq!(test("n > 2 and name == 'ada'"), Ok(true));
    assert_eq!(test("nothing"), Ok(false));
    assert_eq!(test("prev.rows"), Ok(true));
    assert_eq!(test("[]"), Ok(false));
    assert_eq!(test("0.0"), Ok(false));
    assert_eq!(test("nope").unwrap_err().code(), ErrorCode::UnknownReference);
    assert_eq!(Expression::compile("n >").unwrap_err().code(), ErrorCode::TemplateSyntax);
    assert_eq!(Expression::compile("{{ n }} > 2").unwrap_err().code(), ErrorCode::TemplateSyntax);
}

#[test]
fn value_templates_render_their_strings() {
    let value: Value = serde_json::from_str(
        r#"{"query": "{{ name }}", "limit": "{{ n }}", "fixed": {"a": [1, "two"]}, "rows": ["{{ prev.rows[0].id }}!", 2]}"#,
    )
    .unwrap();
    let template = ValueTemplate::compile(&value).unwrap();
    let rendered = template.render(&scope(), &Limits::DEFAULT).unwrap();
    assert_eq!(rendered.to_string(), r#"{"query":"ada","limit":3,"fixed":{"a":[1,"two"]},"rows":["2!",2]}"#);
    match (rendered.get("fixed"), value.get("fixed")) {
        (Some(Value::Map(rendered)), Some(Value::Map(original))) => {
            assert!(std::sync::Arc::ptr_eq(rendered, original));
        }
        _ => panic!("fixed is gone"),
    }
    let paths: Vec<&str> = template.templates().map(|(path, _)| path).collect();
    assert_eq!(paths, ["query", "limit", "rows.0"]);
    assert_eq!(template.references().count(), 3);
    assert_eq!(ValueTemplate::compile(&Value::from(5)).unwrap().is_constant(), Some(&Value::from(5)));

    let broken: Value = serde_json::from_str(r#"{"a": ["{{"], "b": "{{ x|nosuch }}"}"#).unwrap();
    let (_, errors) = ValueTemplate::compile_all(&broken);
    let places: Vec<_> = errors.iter().filter_map(crate::template::TemplateError::within_path).collect();
    assert_eq!(places, ["a.0", "b"]);
    let missing: Value = serde_json::from_str(r#"{"a": ["{{ nmae }}"]}"#).unwrap();
    let error = ValueTemplate::compile(&missing).unwrap().render(&scope(), &Limits::DEFAULT).unwrap_err();
    assert_eq!((error.within_path(), error.near()), (Some("a.0"), Some("name")));
}
