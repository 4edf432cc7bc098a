//! Makes the schema files and their index.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::list::{DOCUMENTS, Document};
use crate::generate::{GeneratedFile, Generator};

const FOLDER: &str = "schemas";

/// The generator of the schemas.
pub(in crate::generate) const GENERATOR: Generator =
    Generator { name: "schemas", folder: Some(FOLDER), make };

fn make() -> Result<Vec<GeneratedFile>> {
    let mut files = Vec::new();
    let mut categories: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for document in DOCUMENTS {
        let schema = schema(document);
        let file = format!("{}.json", document.name);
        let title = schema.get("description").or_else(|| schema.get("title")).cloned();
        categories.entry(document.category).or_default().push(json!({
            "name": document.name,
            "file": file,
            "description": title.unwrap_or_default(),
        }));
        files.push(write(&file, &schema)?);
    }
    let index = json!({ "categories": categories, "total": DOCUMENTS.len() });
    files.push(write("index.json", &index)?);
    Ok(files)
}

/// The schema as draft 2020-12, as documents are written. Its `$id` is the file's own name, so that schemas may
/// refer to one another wherever the folder lies.
fn schema(document: &Document) -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = (document.schema)(generator);
    schema.insert("$id".to_owned(), Value::String(format!("{}.json", document.name)));
    schema.to_value()
}

fn write(file: &str, value: &Value) -> Result<GeneratedFile> {
    let mut text =
        serde_json::to_string_pretty(value).with_context(|| format!("{file} cannot be written"))?;
    text.push('\n');
    Ok(GeneratedFile { name: format!("{FOLDER}/{file}"), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(name: &str) -> Value {
        schema(DOCUMENTS.iter().find(|document| document.name == name).unwrap())
    }

    #[test]
    fn every_schema_is_valid_and_can_be_compiled() {
        for document in DOCUMENTS {
            let schema = schema(document);
            assert_eq!(jsonschema::draft202012::meta::validate(&schema).map_err(|e| e.to_string()), Ok(()));
            assert!(jsonschema::draft202012::new(&schema).is_ok(), "{}", document.name);
        }
    }

    #[test]
    fn names_are_unique_and_the_list_is_sorted() {
        let mut names: Vec<_> = DOCUMENTS.iter().map(|document| (document.category, document.name)).collect();
        let listed = names.clone();
        names.sort_unstable();
        names.dedup();
        assert_eq!(listed, names);
    }

    #[test]
    fn a_schema_takes_good_documents_and_refuses_bad_ones() {
        let grants = jsonschema::draft202012::new(&by_name("Grants")).unwrap();
        assert!(grants.is_valid(&json!({ "read": ["/data"], "hosts": ["api.example.org:443"] })));
        assert!(!grants.is_valid(&json!({ "raed": ["/data"] })));
        let spec = jsonschema::draft202012::new(&by_name("ToolSpec")).unwrap();
        let good = json!({ "name": "t", "version": "1.0.0", "description": "x", "input_schema": {},
            "output_schema": {}, "effect": "pure" });
        assert!(spec.is_valid(&good));
        assert!(!spec.is_valid(&json!({ "name": "t" })));
    }

    /// Blueprints and networks as people write them: without an id, in YAML.
    #[test]
    fn the_examples_fit_the_schemas_of_blueprints_and_networks() {
        let schema = jsonschema::draft202012::new(&by_name("Blueprint")).unwrap();
        let of_networks = jsonschema::draft202012::new(&by_name("Network")).unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let (mut count, mut networks) = (0, 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let document: Value = serde_saphyr::from_str(&text).unwrap();
                let is_network = document.get("workflows").is_some();
                let schema = if is_network { &of_networks } else { &schema };
                let faults: Vec<_> = schema.iter_errors(&document).map(|fault| fault.to_string()).collect();
                assert_eq!(faults, [""; 0], "{}", path.display());
                count += 1;
                networks += usize::from(is_network);
            }
        }
        assert!(count > networks && networks > 0);
        assert!(!schema.is_valid(&json!({ "nodes": [{ "id": "a", "type": "no such kind" }] })));
    }

    #[test]
    fn a_manifest_of_a_tool_fits_its_schema_and_a_broken_one_does_not() {
        let schema = jsonschema::draft202012::new(&by_name("ToolManifest")).unwrap();
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tools/anagrams.yaml");
        let good: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let faults: Vec<_> = schema.iter_errors(&good).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, [""; 0]);
        for (field, wrong) in [
            ("comand", json!(["x"])),
            ("command", json!([])),
            ("command", json!("python3 x.py")),
            ("profile", json!("ruby")),
            ("limits", json!({ "wall": "3 weeks" })),
            ("limits", json!({ "wall_ms": 3 })),
            ("grants", json!({ "raed": [] })),
        ] {
            let mut broken = good.clone();
            broken[field] = wrong;
            assert!(!schema.is_valid(&broken), "{broken}");
        }
        let mut rich = good;
        rich["limits"] = json!({ "wall": 30, "idle": "250 ms", "memory": "1GiB", "processes": 4 });
        rich["grants"] = json!({ "read": ["data"], "hosts": ["api.example.org:443"] });
        assert!(schema.is_valid(&rich));
    }

    #[test]
    fn files_and_index_agree() {
        let files = make().unwrap();
        assert_eq!(files.len(), DOCUMENTS.len() + 1);
        let index: Value = serde_json::from_str(&files.last().unwrap().text).unwrap();
        assert_eq!(index["total"], json!(DOCUMENTS.len()));
        assert_eq!(index["categories"]["store"][0]["file"], json!("Durability.json"));
    }
}
