//! What templates mean, through the public interface.

use crate::error::ErrorCode;
use crate::template::{Expression, Limits, Segment, Template, ValueTemplate};
use crate::value::{BlobHash, BlobRef, Map, Value};

fn scope() -> Map {
    let mut scope: Map = serde_json::from_str::<Value>(
        r#"{
            "name": "ada", "n": 3, "f": 1.5, "yes": true, "nothing": null, "empty": "",
            "prev": {"title": "One", "rows": [{"id": 2, "kind": "b"}, {"id": 1, "kind": "a"}, {"id": 3, "kind": "b"}]},
            "my-node": {"x": [10, 20]},
            "text": "the quick brown fox", "list": [3, 1, 2], "digits": {"0": "zero", "b": 1, "a": 2}
        }"#,
    )
    .unwrap()
    .as_map()
    .unwrap()
    .clone();
    let blob = BlobRef { hash: BlobHash::of(b"x"), media_type: "image/png".into(), size: 9 };
    scope.insert("picture".into(), Value::Blob(blob.into()));
    scope
}

/// The rendered value as JSON, or the error's code and text.
fn render(source: &str) -> String {
    match Template::compile(source).and_then(|template| template.render(&scope(), &Limits::DEFAULT)) {
        Ok(value) => value.to_string(),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

fn check(source: &str, expected: &str) {
    assert_eq!(render(source), expected, "{source}");
}

fn code(source: &str, expected: ErrorCode) {
    match Template::compile(source).and_then(|template| template.render(&scope(), &Limits::DEFAULT)) {
        Ok(value) => panic!("{source} gave {value}"),
        Err(error) => assert_eq!(error.code(), expected, "{source}: {error}"),
    }
}

#[test]
fn text_without_tags_is_itself() {
    check("plain {text} \n", r#""plain {text} \n""#);
    assert!(Template::compile("x").unwrap().is_constant().is_some());
    assert!(Template::compile("{{ x }}").unwrap().is_constant().is_none());
}

#[test]
fn one_expression_keeps_its_type() {
    check("{{ n }}", "3");
    check("  {{ prev.rows[0] }}\n", r#"{"id":2,"kind":"b"}"#);
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
        "UNKNOWN_REFERENCE: nothing named `nmae` is in scope; did you mean `name`? (line 1, column 4)",
    );
    check(
        "a\n {{ prev.titel }}!",
        "TEMPLATE_FAILED: `prev` has no attribute `titel`: it is an object with the keys title, rows; did you mean \
         `title`? (line 2, column 5)",
    );
    check(
        "{{ prev.rows[7].id + 1 }}",
        "TEMPLATE_FAILED: `prev.rows` has no item 7: it is an array of 3 items (line 1, column 4)",
    );
    check(
        "{% for row in prev.rows %}{{ row.knd }}{% endfor %}",
        "TEMPLATE_FAILED: `row` has no attribute `knd`: it is an object with the keys id, kind; did you mean \
         `kind`? (line 1, column 30)",
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
fn statements_do_what_jinja_does() {
    check(
        "{% for row in prev.rows|sort(attribute='id') if row.kind == 'b' %}{{ loop.index }}{{ row.id }},{% endfor %}",
        r#""12,23,""#,
    );
    check("{% for k, v in digits|dictsort %}{{ k }}={{ v }};{% endfor %}", r#""0=zero;a=2;b=1;""#);
    check("{% for k in digits %}{{ k }}{% endfor %}", r#""0ba""#);
    check("{% for c in 'ab' %}{{ loop.cycle('x', 'y') }}{{ c }}{% endfor %}", r#""xayb""#);
    check("{% set a, b = [1, 2] %}{{ b }}{{ a }}", r#""21""#);
    check("{% with a = n, b = a + 1 %}{{ b }}{% endwith %}", r#""4""#);
    check("{% set x %}a{{ n }}{% endset %}{{ x|upper }}", r#""A3""#);
    check("{% set x | upper %}a{% endset %}{{ x }}", r#""A""#);
    check("{% filter upper|replace('A', 'b') %}a{{ name }}{% endfilter %}", r#""bbDb""#);
    check("{% if n == 1 %}1{% elif n == 3 %}3{% else %}x{% endif %}", r#""3""#);
    check("{% raw %}{{ n }}{% endraw %}{{ n }}", r#""{{ n }}3""#);
    check("{% for i in range(1, 8, 3) %}{{ i }} {% endfor %}", r#""1 4 7 ""#);
    check("a {%- if yes -%}  b  {%- endif %} c", r#""ab c""#);
    code("{% set a, b = [1] %}{{ a }}", ErrorCode::TemplateFailed);
    code("{% for a, b in list %}{% endfor %}", ErrorCode::TemplateFailed);
}

#[test]
fn operators_do_what_jinja_does() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("7 // 2", "3"),
        ("-7 % 3", "2"),
        ("7 / 2", "3.5"),
        ("2 ** 10", "1024"),
        ("2 ** -1", "0.5"),
        ("'a' ~ 1 ~ none ~ true", r#""a1NoneTrue""#),
        ("'a' + 'b'", r#""ab""#),
        ("[1] + [2]", "[1,2]"),
        ("'ab' * 2", r#""abab""#),
        ("2 * [1]", "[1,1]"),
        ("1.5 + 1", "2.5"),
        ("-n", "-3"),
        ("not n", "false"),
        ("n and name", r#""ada""#),
        ("empty or 'x'", r#""x""#),
        ("1 == 1.0", "true"),
        ("true == 1", "true"),
        ("'1' == 1", "false"),
        ("[1, {'a': 2}] == [1, {'a': 2.0}]", "true"),
        ("'b' > 'a'", "true"),
        ("1 < n <= 3", "true"),
        ("1 < n < 3", "false"),
        ("1 < 2 in [2, 3] ", "true"),
        ("'qui' in text", "true"),
        ("2 in list", "true"),
        ("9 not in list", "true"),
        ("'a' in digits", "true"),
        ("text[4:9]", r#""quick""#),
        ("text[::-1][:3]", r#""xof""#),
        ("text[-3:]", r#""fox""#),
        ("list[::2]", "[3,2]"),
        ("list[::-1]", "[2,1,3]"),
        ("list[5:]", "[]"),
        ("list[0:2:-1]", "[]"),
        ("list[2:0:-1]", "[2,1]"),
        ("'x' if n > 1 else 'y'", r#""x""#),
        ("digits.get('q', 7)", "7"),
        ("digits.items()", r#"[["0","zero"],["b",1],["a",2]]"#),
        ("digits.keys()|join(' ')", r#""0 b a""#),
        ("digits.values()", r#"["zero",1,2]"#),
        ("18446744073709551615", "18446744073709551615"),
        ("(1, 2)", "[1,2]"),
    ] {
        check(&format!("{{{{ {expression} }}}}"), expected);
    }
    for expression in [
        "1 + 'a'",
        "name + 1",
        "1 / 0",
        "1 // 0",
        "9223372036854775807 * 9",
        "2 ** 500",
        "1e308 * 10",
        "'a' * -1",
        "name.upper",
        "2 in n",
        "-name",
        "list[0:2:0]",
        "digits[1.5]",
    ] {
        code(&format!("{{{{ {expression} }}}}"), ErrorCode::TemplateFailed);
    }
}

#[test]
fn filters_do_what_jinja_does() {
    for (expression, expected) in [
        ("-2|abs", "2"),
        ("prev|attr('title')", r#""One""#),
        ("[1, 2, 3]|batch(2)", "[[1,2],[3]]"),
        ("[1, 2, 3]|batch(2, 0)", "[[1,2],[3,0]]"),
        ("''|bool", "false"),
        ("'hELLO wORLD'|capitalize", r#""Hello world""#),
        ("[1]|chain([2], 'ab')", r#"[1,2,"a","b"]"#),
        ("digits|dictsort(by='key')|map('first')|join", r#""0ab""#),
        ("list|first + list|last", "5"),
        ("'3.5'|float", "3.5"),
        ("'x'|float(0)", "0"),
        ("'%s is %05.1f%% of %-4d|'|format(name, 12.345, 7)", r#""ada is 012.3% of 7   |""#),
        ("'%e %x %+d'|format(12345.678, 255, 3)", r#""1.234568e+04 ff +3""#),
        ("prev.rows|groupby('kind')|map('first')", r#"["a","b"]"#),
        ("(prev.rows|groupby('kind'))[1][1]|map(attribute='id')", "[2,3]"),
        ("'a\nb\n\nc'|indent(2)", r#""a\n  b\n\n  c""#),
        ("'a\nb'|indent(width=2, first=true)", r#""  a\n  b""#),
        ("'42'|int + '0x'|int(0) + 'ff'|int(base=16) + 3.9|int", "300"),
        ("list|join(', ')", r#""3, 1, 2""#),
        ("prev.rows|join('-', attribute='id')", r#""2-1-3""#),
        ("text|length + list|count + digits|length", "25"),
        ("'a\nb'|lines", r#"["a","b"]"#),
        ("'ab'|list", r#"["a","b"]"#),
        ("'ÄB'|lower", r#""äb""#),
        ("['a', 'b']|map('upper')", r#"["A","B"]"#),
        ("['a', 'b']|map('replace', 'a', 'x')", r#"["x","b"]"#),
        ("[1.25, 2.5]|map('round', precision=1)", "[1.3,2.5]"),
        ("prev.rows|map(attribute='id')", "[2,1,3]"),
        ("prev.rows|map(attribute='no', default='-')", r#"["-","-","-"]"#),
        ("list|min + list|max", "4"),
        ("['b', 'A']|min", r#""A""#),
        ("list|reject('odd')", "[2]"),
        ("list|select('gt', 1)", "[3,2]"),
        ("prev.rows|selectattr('kind', 'eq', 'a')", r#"[{"id":1,"kind":"a"}]"#),
        ("prev.rows|rejectattr('kind', '==', 'b')|length", "1"),
        ("[0, 1, '']|select", "[1]"),
        ("prev.rows|selectattr('no', 'defined')", "[]"),
        ("'aXa'|replace('a', '<>')", r#""<>X<>""#),
        ("list|reverse", "[2,1,3]"),
        ("'abc'|reverse", r#""cba""#),
        ("2.567|round(1)", "2.6"),
        ("2.1|round(method='ceil')", "3.0"),
        ("1250|round(-2)", "1300"),
        ("-1250|round(-2)", "-1300"),
        ("[1, 2, 3, 4, 5]|slice(2)", "[[1,2,3],[4,5]]"),
        ("[1, 2, 3, 4, 5]|slice(2, 0)", "[[1,2,3],[4,5,0]]"),
        ("['b', 'A', 'c']|sort", r#"["A","b","c"]"#),
        ("['b', 'A', 'c']|sort(reverse=true)", r#"["c","b","A"]"#),
        ("['b', 'A']|sort(case_sensitive=true)", r#"["A","b"]"#),
        ("prev.rows|sort(attribute='kind,id')|map(attribute='id')", "[1,2,3]"),
        ("[1, 'x', none, true, [1]]|sort", r#"[null,true,1,"x",[1]]"#),
        ("'a,b,c'|split(',')", r#"["a","b","c"]"#),
        ("'a,b,c'|split(',', 1)", r#"["a","b,c"]"#),
        ("' a  b '|split", r#"["a","b"]"#),
        ("' a  b c '|split(none, 1)", r#"["a","b c "]"#),
        ("12|string", r#""12""#),
        ("list|sum", "6"),
        ("prev.rows|sum('id')", "6"),
        ("[0.5, 1]|sum(start=1)", "2.5"),
        ("'don\\'t stop-now'|title", r#""Don't Stop-Now""#),
        ("{'a': [1, none, '<x>']}|tojson", r#""{\"a\": [1, null, \"<x>\"]}""#),
        ("{'a': 1}|tojson(indent=1)", r#""{\n \"a\": 1\n}""#),
        ("'  x '|trim", r#""x""#),
        ("'xxaxx'|trim('x')", r#""a""#),
        ("['a', 'A', 'b', 'a']|unique", r#"["a","b"]"#),
        ("[1, 2, 1.0]|unique", "[1,2]"),
        ("[1, 2, 3]|zip(['a', 'b'])", r#"[[1,"a"],[2,"b"]]"#),
        ("nothing|length", "0"),
    ] {
        check(&format!("{{{{ {expression} }}}}"), expected);
    }
    for expression in [
        "list|upper",
        "nothing|upper",
        "n|length",
        "'x'|int",
        "'x'|sum",
        "list|join(attribute='x')",
        "list|batch(0)",
        "'%d'|format('x')",
        "'%s'|format",
        "'%q'|format(1)",
        "'a'|format(1)",
        "list|map",
        "list|first|attr('x')",
        "2.5|round(method='up')",
        "digits|dictsort(by='x')",
        "'a'|indent(2000)",
        "picture|tojson(indent=1000)",
    ] {
        code(&format!("{{{{ {expression} }}}}"), ErrorCode::TemplateFailed);
    }
}

#[test]
fn tests_do_what_jinja_does() {
    for (expression, expected) in [
        ("n is odd and 4 is even and n is not even", true),
        ("9 is divisibleby 3", true),
        ("9 is divisibleby(0)", false),
        ("n is number and n is integer and n is int and f is float", true),
        ("name is string and list is sequence and digits is mapping and text is iterable", true),
        ("yes is true and yes is boolean and false is false", true),
        ("1 is true", false),
        ("text is startingwith 'the' and text is endingwith('fox')", true),
        ("name is lower and 'A' is upper", true),
        ("n is eq 3 and n is ne 4 and n is lt 4 and n is le 3 and n is gt 2 and n is ge 3", true),
        ("n is equalto 3 and n is lessthan 4 and n is greaterthan 2", true),
        ("n is in [1, 3]", true),
        ("nothing is none and n is not none", true),
    ] {
        check(&format!("{{{{ {expression} }}}}"), &expected.to_string());
    }
}

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
