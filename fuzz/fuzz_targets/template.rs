//! A text that is compiled as a template, and as an expression, is rendered within its bounds.
#![no_main]

use std::sync::LazyLock;

use ice_core::template::{Expression, Limits, Template};
use ice_core::value::{Map, Value};
use libfuzzer_sys::fuzz_target;

static SCOPE: LazyLock<Map> = LazyLock::new(|| {
    [
        ("x".into(), Value::from("text")),
        ("n".into(), Value::from(7)),
        ("none".into(), Value::Null),
        ("list".into(), Value::list((0..20).map(Value::from))),
        ("map".into(), Value::map([("a", Value::from(15)), ("b", Value::list([Value::from("c")]))])),
    ]
    .into_iter()
    .collect()
});

const LIMITS: Limits = Limits { steps: 20_000, bytes: 1 << 20 };

fuzz_target!(|source: &str| {
    if let Ok(template) = Template::compile(source) {
        // What is returned may be shared many times over, but what was built is bounded.
        if let Ok(Value::String(text)) = template.render(&*SCOPE, &LIMITS) {
            assert!(text.len() <= LIMITS.bytes.max(source.len()));
        }
    }
    if let Ok(expression) = Expression::compile(source) {
        drop(expression.evaluate(&*SCOPE, &LIMITS));
    }
});
