//! Each bound: what still passes it, and what does not.

use super::scope;
use crate::error::ErrorCode;
use crate::template::{Limits, Template, ValueTemplate};
use crate::value::{Map, Value};

fn passes(source: &str) {
    let outcome = Template::compile(source).and_then(|template| template.render(&scope(), &Limits::DEFAULT));
    assert!(outcome.is_ok(), "{}: {}", source.chars().take(80).collect::<String>(), outcome.unwrap_err());
}

fn refused(source: &str) {
    let error = Template::compile(source).expect_err("it is refused");
    assert_eq!(error.code(), ErrorCode::TemplateTooLarge, "{error}");
    assert!(error.place().is_some(), "{error}");
}

fn stopped(source: &str, limits: Limits) {
    let error = Template::compile(source).unwrap().render(&scope(), &limits).expect_err("it is stopped");
    assert_eq!(error.code(), ErrorCode::TemplateTooLarge, "{error}");
}

#[test]
fn growing_operators_are_counted() {
    passes(&format!("{{{{ name{} }}}}", " ~ n".repeat(16)));
    refused(&format!("{{{{ name{} }}}}", " ~ n".repeat(17)));
    refused(&format!("{{% set a %}}{}{{% endset %}}", "{{ n ~ n }}".repeat(17)));
    // Numbers do not grow.
    passes(&format!("{{{{ n{} }}}}", " + 1".repeat(60)));
    passes(&format!("{{{{ 1{} }}}}", " * (n|int)".repeat(3)));
    refused(&format!("{{{{ n{} }}}}", " + n".repeat(17)));
}

#[test]
fn growing_operators_do_not_build_on_each_other() {
    refused("{% set a = n ~ n %}{{ a ~ a }}");
    refused("{% set a = n ~ n %}{% set b = a %}{{ b + 'x' }}");
    refused("{% set a %}{{ n ~ n }}{% endset %}{{ a ~ a }}");
    refused("{% with a = n ~ n %}{{ a ~ a }}{% endwith %}");
    refused("{% for a in [n ~ n] %}{{ a ~ a }}{% endfor %}");
    refused("{% for i in list %}{% set a = a|default('') ~ i %}{% endfor %}");
    refused("{% for i in list %}{{ b ~ i }}{% set b = name ~ i %}{% endfor %}");
    passes("{% set a = n ~ n %}{{ a }}{{ a|upper }}{{ a == 'x' }}");
    passes("{% set a = n + 1 %}{{ a * 2 + a }}");
    passes("{% set a = n|float + f|float %}{{ a * 1.5 }}");
    passes("{% set a = name ~ n %}{{ a|length + 1 }}");
}

#[test]
fn what_nests_is_counted() {
    passes(&format!("{}x", "{% set a = [n] %}".repeat(100)));
    refused(&format!("{}x", "{% set a = [n] %}".repeat(101)));
    refused(&format!("{{{{ list{} }}}}", "|batch(1)".repeat(101)));
    let blocks = |count| format!("{}x{}", "{% if n %}".repeat(count), "{% endif %}".repeat(count));
    passes(&blocks(31));
    let error = Template::compile(&blocks(32)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TemplateTooLarge);
    passes(&format!("{{% if n > 9 %}}{}{{% endif %}}", "{% elif n > 8 %}".repeat(100)));
}

#[test]
fn names_and_literals_are_counted() {
    let sets = |count| (0..count).map(|at| format!("{{% set a{at} = 1 %}}")).collect::<String>();
    passes(&sets(1_000));
    assert_eq!(Template::compile(&sets(1_001)).unwrap_err().code(), ErrorCode::TemplateTooLarge);
    let reads = |count| (0..count).map(|at| format!("{{{{ a{at}|d }}}}")).collect::<String>();
    passes(&reads(1_000));
    refused(&reads(1_001));
    passes(&format!("{{{{ [{}] }}}}", "n, ".repeat(1_000)));
    refused(&format!("{{{{ [{}] }}}}", "n, ".repeat(1_001)));
    refused(&format!("{{{{ {{{}}} }}}}", "'a': n, ".repeat(1_001)));
    passes("{{ range(10000)|length }}");
    stopped("{{ range(10001)|length }}", Limits::DEFAULT);
}

#[test]
fn steps_and_bytes_are_counted() {
    let source = "{% for i in range(100) %}x{% endfor %}";
    let render = |steps, bytes| Template::compile(source).unwrap().render(&scope(), &Limits { steps, bytes });
    assert!(render(10_000, 10_000).is_ok());
    assert!(render(100, 10_000).is_err());
    assert!(render(10_000, 100).is_err());
    stopped("{{ text }}{{ text }}", Limits { steps: 100, bytes: 37 });
    stopped("{{ list|sort }}", Limits { steps: 5, bytes: 10_000 });
    stopped("{{ text|upper }}", Limits { steps: 100, bytes: 10 });
}

#[test]
fn a_value_shares_one_account() {
    let one = Value::from("{{ text }}{{ text }}");
    let limits = Limits { steps: 100, bytes: 150 };
    let render = |value: &Value| ValueTemplate::compile(value).unwrap().render(&scope(), &limits);
    assert!(render(&Value::list([one.clone()])).is_ok());
    assert!(render(&Value::list(std::iter::repeat_n(one, 5))).is_err());
    let one = Value::from("{{ n if yes else 0 }}");
    assert!(render(&Value::list([one.clone()])).is_ok());
    assert!(render(&Value::list(std::iter::repeat_n(one, 50))).is_err());
    let deep = (0..200).fold(Value::from("{{ n }}"), |inner, _| Value::list([inner]));
    assert_eq!(ValueTemplate::compile(&deep).unwrap_err().code(), ErrorCode::TemplateTooLarge);
}

#[test]
fn values_that_nest_too_deep_are_not_walked() {
    let deep = (0..200).fold(Value::Null, |inner, _| Value::list([inner]));
    let scope: Map = [("deep".into(), deep.clone())].into_iter().collect();
    let render = |source: &str| Template::compile(source).unwrap().render(&scope, &Limits::DEFAULT);
    assert_eq!(render("{{ deep }}"), Ok(deep));
    for source in [
        "{{ deep }}!",
        "{{ deep|tojson }}",
        "{{ deep == [deep][0][0] }}",
        "{{ deep < [[]] }}",
        "{{ [deep, deep] }}",
    ] {
        assert_eq!(
            render(source).map_err(|error| error.code()),
            Err(ErrorCode::TemplateTooLarge),
            "{source}"
        );
    }
}
