//! Writing and reading gives the same blueprint, and the same lock whatever the layout.

use proptest::prelude::*;

use super::arbitrary::blueprint;
use crate::blueprint::{Blueprint, Format, Reading, VersionLock, read};
use crate::value::{Map, Value};

fn reread(text: &str, format: Format) -> Reading {
    let reading = read(text, format, "test");
    assert_eq!(reading.diagnostics.to_string(), "", "{text}");
    reading
}

/// The same document with the keys the other way round and nulls put in.
fn rearranged(value: &Value) -> Value {
    match value {
        Value::Map(entries) => {
            let mut turned: Map =
                entries.iter().rev().map(|(key, value)| (key.clone(), rearranged(value))).collect();
            turned.insert_new("zz_null", || Value::Null);
            Value::from(turned)
        }
        Value::List(items) => Value::list(items.iter().map(rearranged)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => value.clone(),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(blueprint in blueprint()) {
        let json = serde_json::to_string(&blueprint).unwrap();
        let reading = reread(&json, Format::Json);
        prop_assert_eq!(&*reading.blueprint.clone().unwrap(), &blueprint);
        prop_assert_eq!(serde_json::from_str::<Blueprint>(&json).unwrap(), blueprint.clone());
        let pretty = reread(&serde_json::to_string_pretty(&blueprint).unwrap(), Format::Auto);
        prop_assert_eq!(&pretty.lock, &reading.lock);
    }

    #[test]
    fn yaml_says_the_same_as_json(blueprint in blueprint()) {
        let reading = reread(&serde_json::to_string(&blueprint).unwrap(), Format::Json);
        let yaml = serde_saphyr::to_string(&blueprint).unwrap();
        let from_yaml = reread(&yaml, Format::Yaml);
        prop_assert_eq!(&from_yaml.document, &reading.document, "{}", yaml);
        prop_assert_eq!(from_yaml.lock, reading.lock);
        prop_assert_eq!(&*from_yaml.blueprint.unwrap(), &blueprint);
    }

    #[test]
    fn the_lock_does_not_see_the_order_of_keys_nor_nulls(blueprint in blueprint()) {
        let document = Value::from_serialize(&blueprint).unwrap();
        let turned = rearranged(&document);
        prop_assert_eq!(VersionLock::of(&document), VersionLock::of(&turned));
        let text = serde_json::to_string(&turned).unwrap();
        prop_assert_eq!(read(&text, Format::Json, "test").lock, Some(VersionLock::of(&document)));
    }
}
