//! What templates mean, through the public interface.

mod compile;
mod language;
mod limits;
mod values;

use crate::error::ErrorCode;
use crate::template::{Limits, Template};
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
fn compiled_forms_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Template>();
    shared::<crate::template::Expression>();
    shared::<crate::template::ValueTemplate>();
}
