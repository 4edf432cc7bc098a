//! What a rendering costs, beside the floor: a look-up in a hash map and a clone of what it found.
#![expect(clippy::expect_used, reason = "a benchmark of something that fails shows nothing")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ice_core::template::{Expression, Limits, Scope, Template, ValueTemplate};
use ice_core::value::Value;

struct Names(HashMap<Arc<str>, Value>);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.keys().cloned().collect()
    }
}

fn names() -> Names {
    let rows =
        Value::list((0..100).map(|id| Value::map([("id", Value::from(id)), ("kind", Value::from("a"))])));
    let prev = Value::map([("title", Value::from("A title")), ("score", Value::from(7)), ("rows", rows)]);
    Names([("prev".into(), prev), ("name".into(), Value::from("ada"))].into_iter().collect())
}

fn templates(criterion: &mut Criterion) {
    let names = names();
    let mut group = criterion.benchmark_group("template");
    group.bench_function("floor: look up and clone", |bencher| {
        bencher.iter(|| black_box(names.0.get(black_box("prev")).cloned()));
    });
    let mut render = |name: &str, source: &str| {
        let template = Template::compile(source).expect("the source compiles");
        group.bench_function(name, |bencher| {
            bencher.iter(|| template.render(black_box(&names), &Limits::DEFAULT).expect("it renders"));
        });
    };
    render("constant", "a text without tags");
    render("name", "{{ prev }}");
    render("path", "{{ prev.rows[7].id }}");
    render("text with paths", "Title: {{ prev.title }}, score {{ prev.score }}, by {{ name }}.");
    render("text with a filter", "Title: {{ prev.title|upper }}");
    render("expression", "{{ prev.score + 1 }}");
    render("loop over 100 rows", "{% for row in prev.rows %}{{ row.id }}:{{ row.kind }} {% endfor %}");
    let condition = Expression::compile("prev.score > 5 and name == 'ada'").expect("the source compiles");
    group.bench_function("condition", |bencher| {
        bencher.iter(|| condition.test(black_box(&names), &Limits::DEFAULT).expect("it evaluates"));
    });
    let arguments = Value::map([("input", Value::from("{{ prev }}")), ("limit", Value::from(5))]);
    let arguments = ValueTemplate::compile(&arguments).expect("the value compiles");
    group.bench_function("arguments", |bencher| {
        bencher.iter(|| arguments.render(black_box(&names), &Limits::DEFAULT).expect("it renders"));
    });
    group.bench_function("compile an expression", |bencher| {
        bencher.iter(|| {
            Expression::compile(black_box("prev.score > 5 and name == 'ada'")).expect("it compiles")
        });
    });
    group.finish();
}

criterion_group!(benches, templates);
criterion_main!(benches);
