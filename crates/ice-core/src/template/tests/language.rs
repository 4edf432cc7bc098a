//! Statements, operators and built-ins.

use super::{check, code};
use crate::error::ErrorCode;

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
