use proptest::prelude::*;
use serde_json::json;

use super::bounds::MAX_DEPTH;
use super::*;
use crate::value::{BlobHash, BlobRef};

fn compile(schema: serde_json::Value) -> Validator {
    Validator::compile(&Value::from(schema)).unwrap()
}

fn check(schema: serde_json::Value, value: serde_json::Value, expected: &[&str]) {
    let found = compile(schema.clone()).validate(&Value::from(value.clone()));
    let found: Vec<String> = found.err().unwrap_or_default().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{schema} {value}");
}

#[test]
fn violations_name_their_place_and_not_the_value() {
    let schema = json!({
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"type": "object",
            "properties": {"n": {"type": "integer", "maximum": 5}}, "required": ["n"]}}},
        "additionalProperties": false,
    });
    check(schema.clone(), json!({"rows": [{"n": 1}]}), &[]);
    check(
        schema,
        json!({"rows": [{"n": "secret"}, {}, {"n": 7}], "more": 1}),
        &[
            "/rows/0/n: the string is not of type \"integer\"",
            "/rows/1: \"n\" is a required property",
            "/rows/2/n: the number is greater than the maximum of 5",
            "the top: Additional properties are not allowed ('more' was unexpected)",
        ],
    );
    check(
        json!({"prefixItems": [{}], "items": false}),
        json!([1, 2]),
        &["/1: False schema does not allow the number"],
    );
    check(
        json!({"propertyNames": {"maxLength": 2}}),
        json!({"abc": 1}),
        &["the top: \"abc\" is longer than 2 characters"],
    );
    check(json!({"enum": [1, "a"]}), json!("b"), &["the top: must be one of `1`, `a`"]);
}

#[test]
fn a_choice_is_told_with_all_that_it_allows_and_the_nearest() {
    let each = |names: &[&str]| -> Vec<serde_json::Value> {
        names.iter().map(|name| json!({"type": "string", "const": name, "description": "x"})).collect()
    };
    let ops = json!({"oneOf": each(&["eq", "ne", "starts_with"])});
    let list = "must be one of `eq`, `ne`, `starts_with`";
    let told = |text: &str| format!("{list}{text}");
    for (value, expected) in [
        (json!("equals"), told(" (did you mean `eq`?)")),
        (json!("startswith"), told(" (did you mean `starts_with`?)")),
        (json!("NE"), told(" (did you mean `ne`?)")),
        (json!("secret"), told("")),
        (json!(3), told("")),
        (json!([]), told("")),
    ] {
        check(ops.clone(), value.clone(), &[&format!("the top: {expected}")]);
        let optional = json!({"anyOf": [ops.clone(), {"type": "null"}]});
        check(optional.clone(), value, &[&format!("the top: {expected}")]);
        check(optional, json!(null), &[]);
    }
    check(
        json!({"anyOf": [{"enum": ["a"]}, {"const": 2}], "properties": {}}),
        json!("x"),
        &["the top: must be one of `a`, `2`"],
    );
    let many: Vec<_> = (0..30).collect();
    let shown: Vec<_> = many.iter().take(20).map(|n| format!("`{n}`")).collect();
    check(
        json!({"enum": many}),
        json!("x"),
        &[&format!("the top: must be one of {} and 10 more", shown.join(", "))],
    );
}

#[test]
fn a_choice_between_schemas_is_not_told_as_one_between_values() {
    let found = "the string is not valid under any of the schemas listed in the 'anyOf' keyword";
    check(
        json!({"anyOf": [{"const": "a"}, {"type": "integer"}]}),
        json!("x"),
        &[&format!("the top: {found}")],
    );
    check(
        json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
        json!("x"),
        &[&format!("the top: {found}")],
    );
}

#[test]
fn equality_is_by_value() {
    check(json!({"const": {"a": [1, {"b": 2.0}]}}), json!({"a": [1.0, {"b": 2}]}), &[]);
    check(json!({"const": 1}), json!(true), &["the top: 1 was expected"]);
    check(
        json!({"uniqueItems": true}),
        json!([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]),
        &["the top: the array has non-unique elements"],
    );
    check(json!({"uniqueItems": true}), json!([{"a": 1}, {"a": 2}, "a", "b"]), &[]);
}

#[test]
fn a_blob_is_checked_as_its_reference_object() {
    let blob = BlobRef { hash: BlobHash::of(b"x"), media_type: "image/png".to_owned(), size: 7 };
    let value = Value::map([("image", Value::Blob(Arc::new(blob)))]);
    let schema = |inner: serde_json::Value| json!({"properties": {"image": inner}});
    assert_eq!(
        compile(schema(json!({
            "type": "object",
            "required": ["$blob"],
            "properties": {"$blob": {"pattern": "^[0-9a-f]{64}$"}, "media_type": {"const": "image/png"},
                           "size": {"type": "integer", "maximum": 7, "enum": [7]}},
            "additionalProperties": false,
        })))
        .validate(&value),
        Ok(())
    );
    let found =
        compile(schema(json!({"properties": {"size": {"maximum": 6}, "media_type": {"const": "a"}}})));
    assert_eq!(found.validate(&value).unwrap_err().len(), 2);
    assert!(compile(schema(json!({"type": "string"}))).validate(&value).is_err());
}

#[test]
fn nothing_outside_of_the_schema_is_read() {
    for schema in [
        json!({"$defs": {"x": {"$id": "http://a/b", "$ref": "c"}}}),
        json!({"$defs": {"x": {"$anchor": "a"}, "y": {"$anchor": "a"}}, "type": "string"}),
        json!({"properties": {"a": {"$id": "http://a/b", "type": "string"}}}),
    ] {
        assert!(matches!(Validator::compile(&Value::from(schema)), Err(SchemaError::Invalid { .. })));
    }
    check(
        json!({"properties": {"$id": {"type": "string"}, "id": {"const": "x"}}}),
        json!({"$id": "a", "id": "x"}),
        &[],
    );
    check(json!({"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "null"}}}), json!(null), &[]);
    for reference in ["http://127.0.0.1:1/s.json", "file:///etc/passwd", "other.json", "#/$defs/missing"] {
        let error = Validator::compile(&Value::from(json!({"$ref": reference}))).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{reference}: {error}");
    }
    check(
        json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}}),
        json!("a"),
        &["the top: the string is not of type \"number\""],
    );
}

#[test]
fn bad_schemas_are_refused() {
    for schema in [
        json!({"type": "strng", "properties": {}}),
        json!({"type": "string", "pattern": "("}),
        json!({"type": "string", "pattern": "(?=a)b"}),
        json!({"type": "string", "pattern": "(a{1000}){1000}"}),
        json!({"type": "object", "minProperties": "many"}),
        json!({"$schema": "https://json-schema.org/draft/nowhere", "type": "string"}),
    ] {
        let found = Validator::compile(&Value::from(schema.clone()));
        assert!(matches!(found, Err(SchemaError::Invalid { .. })), "{schema}: {found:?}");
    }
    let large = json!({"type": "string", "description": "x".repeat(1 << 20)});
    assert!(matches!(Validator::compile(&Value::from(large)), Err(SchemaError::TooLarge { .. })));
    let mut deep = json!({"type": "string"});
    for _ in 0..MAX_DEPTH {
        deep = json!({"not": deep});
    }
    assert!(matches!(Validator::compile(&Value::from(deep)), Err(SchemaError::TooLarge { .. })));
}

#[test]
fn references_that_multiply_are_refused() {
    let doubling = |levels: usize| {
        let mut definitions = serde_json::Map::default();
        for level in 0..levels {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
        }
        definitions.insert(format!("d{levels}"), json!({"type": "string"}));
        Value::from(json!({"$ref": "#/$defs/d0", "$defs": definitions}))
    };
    assert!(matches!(Validator::compile(&doubling(60)), Err(SchemaError::TooLarge { .. })));
    let validator = Validator::compile(&doubling(8)).unwrap();
    assert_eq!(validator.validate(&Value::from("a")), Ok(()));
    assert!(validator.validate(&Value::from(1)).is_err());
    let mut chain = serde_json::Map::default();
    for level in 0..5_000 {
        chain.insert(format!("d{level}"), json!({"$ref": format!("#/$defs/d{}", level + 1)}));
    }
    let chain = Value::from(json!({"$ref": "#/$defs/d0", "$defs": chain}));
    assert!(matches!(Validator::compile(&chain), Err(SchemaError::TooLarge { .. })));
}

#[test]
fn a_schema_that_doubles_with_each_level_of_the_value_ends() {
    let twice = json!({"properties": {"a": {"$ref": "#"}}});
    let validator = compile(json!({"allOf": [twice, twice], "type": ["object", "string"]}));
    let nested = |leaf: Value| (0..60).fold(leaf, |inner, _| Value::map([("a", inner)]));
    assert_eq!(validator.validate(&nested(Value::from("leaf"))), Ok(()));
    assert_eq!(
        validator.validate(&nested(Value::from(1))).unwrap_err(),
        [whole("the value does not fit the schema".to_owned())]
    );
}

#[test]
fn a_recursive_schema_does_not_follow_a_value_without_end() {
    let nested = |levels: usize| (0..levels).fold(Value::empty_map(), |inner, _| Value::map([("a", inner)]));
    let validator = compile(json!({"properties": {"a": {"$ref": "#"}}, "type": "object"}));
    assert_eq!(validator.validate(&nested(MAX_DEPTH - 1)), Ok(()));
    assert_eq!(
        validator.validate(&nested(MAX_DEPTH)).unwrap_err(),
        [whole("the value nests deeper than 128 levels".to_owned())]
    );
    assert_eq!(compile(json!({"$ref": "#"})).validate(&Value::from("a")), Ok(()));
    // The longest chain at each level: fewer levels, and the stack of a small thread still suffices.
    let mut chain = json!({"properties": {"a": {"$ref": "#"}}, "type": "object"});
    for _ in 0..60 {
        chain = json!({"allOf": [chain]});
    }
    let validator = compile(chain);
    let limit = validator.extent.value_depth.unwrap();
    assert!((8..32).contains(&limit), "{limit}");
    assert_eq!(validator.validate(&nested(limit - 1)), Ok(()));
    assert!(validator.validate(&nested(limit)).is_err());
    let wrong = |levels| (0..levels).fold(Value::from(1), |inner, _| Value::map([("a", inner)]));
    assert!(validator.validate(&wrong(limit - 1)).is_err());
}

#[test]
fn a_large_value_reports_one_violation_and_many_are_cut() {
    let validator = compile(json!({"items": {"type": "string"}}));
    let some = Value::list((0..100_u32).map(Value::from));
    assert_eq!(validator.validate(&some).unwrap_err().len(), MAX_VIOLATIONS);
    let many = Value::list((0..300_000_u32).map(Value::from));
    assert_eq!(validator.validate(&many).unwrap_err().len(), 1);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Into::into),
        (-3_i64..3).prop_map(Into::into),
        (-3_i32..3).prop_map(|n| json!(f64::from(n) / 2.0)),
        "[ab]{0,2}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|entries| json!(entries)),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["string", "integer", "number", "boolean", "object", "array", "null"])
            .prop_map(|name| json!({"type": name})),
        any_json().prop_map(|value| json!({"const": value})),
        prop::collection::vec(any_json(), 1..3).prop_map(|values| json!({"enum": values})),
        Just(json!({"uniqueItems": true, "minItems": 1})),
        Just(json!({"required": ["a"], "maxProperties": 1})),
        Just(json!({"pattern": "^a", "minimum": 0.5, "multipleOf": 1})),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"anyOf": [a, b]})),
            inner.clone().prop_map(|a| json!({"not": a})),
            inner.clone().prop_map(|a| json!({"items": a})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"properties": {"a": a}, "additionalProperties": b})),
            inner.prop_map(|a| json!({"propertyNames": {"maxLength": 1}, "unevaluatedProperties": a})),
        ]
    })
}

proptest! {
    #[test]
    fn checking_in_place_agrees_with_checking_a_copy(schema in any_schema(), json in any_json()) {
        let reference = jsonschema::options().with_pattern_options(PatternOptions::regex()).build(&schema).unwrap();
        let found = compile(schema).validate(&Value::from(json.clone()));
        prop_assert_eq!(found.is_ok(), reference.is_valid(&json));
    }
}
