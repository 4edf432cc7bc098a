use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((".{0,6}", inner), 0..6)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_survives_the_way_in_and_out(json in any_json()) {
        let value = Value::from(json.clone());
        prop_assert_eq!(&serde_json::Value::from(&value), &json);
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}

#[test]
fn a_blob_reference_is_recognised_by_its_exact_shape() {
    let hash = super::super::BlobHash::of(b"x");
    let text = format!(r#"{{"$blob":"{hash}","media_type":"text/plain","size":1}}"#);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(matches!(&value, Value::Blob(blob) if blob.hash == hash));
    assert_eq!(value.to_string(), text);
    let more: Value = serde_json::from_str(&text.replace("}", r#","more":1}"#)).unwrap();
    assert!(matches!(more, Value::Map(_)));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Unit,
    New(i64),
    Tuple(String, Option<bool>),
    Struct { width: f64, id: crate::id::NodeId },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    by_number: std::collections::BTreeMap<u32, char>,
    nested: Option<Box<Everything>>,
    unit: (),
    pair: (i8, u64),
    any: Value,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, Value>,
}

fn everything() -> Everything {
    let inner = Everything {
        shapes: vec![Shape::Unit],
        by_number: [(7, 'x')].into(),
        nested: None,
        unit: (),
        pair: (-1, u64::MAX),
        any: Value::Null,
        more: [("extra".to_owned(), Value::from(vec![Value::from(1)]))].into(),
    };
    Everything {
        shapes: vec![
            Shape::New(-5),
            Shape::Tuple("a".to_owned(), None),
            Shape::Struct { width: 1.5, id: crate::id::NodeId::new("n").unwrap() },
        ],
        any: Value::list([Value::map([("k", Value::from("v"))])]),
        nested: Some(Box::new(inner.clone())),
        ..inner
    }
}

#[test]
fn types_become_values_as_they_become_json() {
    let typed = everything();
    let value = Value::from_serialize(&typed).unwrap();
    assert_eq!(serde_json::Value::from(&value), serde_json::to_value(&typed).unwrap());
    assert_eq!(value.to::<Everything>().unwrap(), typed);
    let texts = Value::map([("a", Value::from("b"))]);
    assert_eq!(texts.to::<std::collections::BTreeMap<&str, &str>>().unwrap()["a"], "b");
}

#[test]
fn values_within_types_are_shared() {
    #[derive(Serialize, Deserialize)]
    struct Outer {
        value: Value,
        list: Vec<Value>,
        option: Option<Value>,
    }
    let big: Arc<str> = Arc::from("x".repeat(1000));
    let leaf = Value::String(Arc::clone(&big));
    let input = Value::map([
        ("value", Value::list([leaf.clone()])),
        ("list", Value::list([leaf.clone()])),
        ("option", leaf.clone()),
    ]);
    let outer: Outer = input.to().unwrap();
    let output = Value::from_serialize(&outer).unwrap();
    assert_eq!(output, input);
    let same = |value: &Value| matches!(value, Value::String(text) if Arc::ptr_eq(text, &big));
    assert!(same(output.get("option").unwrap()));
    assert!(same(output.get("list").unwrap().item(0).unwrap()));
    match (input.get("value").unwrap(), output.get("value").unwrap()) {
        (Value::List(a), Value::List(b)) => assert!(Arc::ptr_eq(a, b)),
        other => panic!("{other:?}"),
    }
    let Value::String(same) = leaf.to::<Value>().unwrap() else { panic!() };
    assert!(Arc::ptr_eq(&same, &big));
}

#[test]
fn a_shape_that_does_not_fit_is_named() {
    let error = |value: serde_json::Value| Value::from(value).to::<Shape>().unwrap_err().to_string();
    assert!(error(serde_json::json!("neu")).contains("unknown variant `neu`"));
    assert!(error(serde_json::json!(1)).contains("found number"));
    assert!(error(serde_json::json!({"new": "x"})).contains("expected i64"));
    assert!(error(serde_json::json!({"new": 1, "unit": null})).contains("single key"));
    assert!(error(serde_json::json!({"tuple": ["a"]})).contains("invalid length"));
    assert!(Value::from_serialize(&std::collections::BTreeMap::from([((1, 2), 3)])).is_err());
}

proptest! {
    #[test]
    fn a_value_read_as_itself_is_itself(json in any_json()) {
        let value = Value::from(json.clone());
        prop_assert_eq!(&value.to::<Value>().unwrap(), &value);
        prop_assert_eq!(&value.to::<serde_json::Value>().unwrap(), &json);
        prop_assert_eq!(&Value::from_serialize(&json).unwrap(), &value);
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    assert!(serde_json::from_str::<Value>(r#"{"a":1,"a":2}"#).is_err());
}
