//! `--input`: from words on the command line to the inputs of a run.

use std::path::Path;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::schema::Validator;
use ice_core::value::{Map, Value};
use serde::de::IgnoredAny;

use crate::fault::Fault;
use crate::file::{self, MAX_INPUT_BYTES};

const FORMS: &str = "the forms are NAME=VALUE, NAME=@FILE.json and @FILE.json";

/// Puts the inputs together, later ones over earlier ones. `NAME=VALUE` takes the value as JSON if it parses,
/// else as text; `NAME=@FILE` reads the value from a JSON file; `@FILE` reads all inputs from one.
///
/// # Errors
/// [`ErrorCode::Usage`] for what has none of the forms or names no JSON object, and those of reading files.
pub(crate) fn inputs(words: &[String]) -> Result<Value, Fault> {
    let mut inputs = Map::default();
    for word in words {
        if let Some(file) = word.strip_prefix('@') {
            let Value::Map(entries) = json(Path::new(file))? else {
                return Err(Fault::usage(format!("`--input {word}`: the file does not hold a JSON object"))
                    .help("all inputs in one file are an object; one input is NAME=@FILE.json"));
            };
            inputs.extend(entries.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => (name, value),
            Some(_) | None => {
                let shown: String = word.chars().take(80).collect();
                return Err(Fault::usage(format!("`--input {shown}` is not an input")).help(FORMS));
            }
        };
        let value = match value.strip_prefix('@') {
            Some(file) => json(Path::new(file))?,
            None => word_value(name, value)?,
        };
        inputs.insert(Arc::from(name), value);
    }
    Ok(Value::Map(Arc::new(inputs)))
}

/// JSON if it parses, else text. What is JSON but no value of ours, such as a doubled key, is not taken for text.
fn word_value(name: &str, text: &str) -> Result<Value, Fault> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_err() => Ok(Value::string(text)),
        Err(error) => Err(Fault::usage(format!("`--input {name}=…`: {error}"))
            .help("to give it as a text, write it in double quotes, as JSON")),
    }
}

/// How to write the inputs that were taken for JSON though the blueprint wants them as texts: `name=5` gives a number.
/// Nothing if there are none.
pub(crate) fn advice(words: &[String], inputs: &Value, schema: &Value) -> Option<String> {
    let validator = Validator::compile(schema).ok()?;
    let is_wrong = |inputs: &Value, name: &str| {
        let place = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        validator.validate(inputs).err().is_some_and(|found| found.iter().any(|one| one.path == place))
    };
    let ways = words.iter().filter_map(|word| {
        let (name, text) = word.split_once('=').filter(|(name, _)| !name.starts_with('@'))?;
        let given = inputs.get(name)?;
        if given.as_str().is_some() || serde_json::from_str::<Value>(text).ok()? != *given {
            return None;
        }
        let mut as_text = inputs.as_map()?.clone();
        as_text.insert(Arc::from(name), Value::string(text));
        if !is_wrong(inputs, name) || is_wrong(&Value::from(as_text), name) {
            return None;
        }
        let word = format!("{name}={}", Value::string(text)).replace('\'', r"'\''");
        Some(format!("-i '{word}'"))
    });
    let ways: Vec<String> = ways.collect();
    let ways = (!ways.is_empty()).then(|| ways.join(" "))?;
    Some(format!("a value that is JSON is not taken as a text; to give the text, write {ways}"))
}

/// An answer: JSON if it parses, else text; `@FILE` reads it from a JSON file. What begins as an object or a list and is none
/// is not taken for text.
///
/// # Errors
/// Those of reading files; [`ErrorCode::Usage`] for JSON that stands for no value.
pub(crate) fn value(word: &str) -> Result<Value, Fault> {
    if let Some(file) = word.strip_prefix('@') {
        return json(Path::new(file));
    }
    match serde_json::from_str(word) {
        Ok(value) => Ok(value),
        Err(error) if word.trim_start().starts_with(['{', '[']) => {
            Err(Fault::usage(format!("the answer is not valid JSON: {error}"))
                .help("to give it as a text, write it in double quotes, as JSON"))
        }
        Err(_) => Ok(Value::string(word)),
    }
}

/// A field of a node: JSON if it parses, else text, which templates are; `@FILE` reads it from a JSON file.
///
/// # Errors
/// Those of reading files.
pub(crate) fn field(word: &str) -> Result<Value, Fault> {
    match word.strip_prefix('@') {
        Some(file) => json(Path::new(file)),
        None => Ok(serde_json::from_str(word).unwrap_or_else(|_| Value::string(word))),
    }
}

fn json(path: &Path) -> Result<Value, Fault> {
    let bytes = file::read(path, MAX_INPUT_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Fault::new(ErrorCode::InputInvalid, format!("{} is not valid JSON: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: &str) {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let found = match inputs(&words) {
            Ok(value) => value.to_string(),
            Err(fault) => format!("{}: {}", fault.code, fault.message),
        };
        assert_eq!(found, expected, "{words:?}");
    }

    #[test]
    fn values_are_json_if_they_parse_and_text_otherwise() {
        check(&[], "{}");
        check(
            &["a=1", "b=x y", "c=[true,null]", "d=", "e=1.2.3"],
            r#"{"a":1,"b":"x y","c":[true,null],"d":"","e":"1.2.3"}"#,
        );
        check(&["a=b=c"], r#"{"a":"b=c"}"#);
        check(&["a=\"@x\""], r#"{"a":"@x"}"#);
        check(&["a=1", "a=2"], r#"{"a":2}"#);
        check(&["a=[draft] x", "b={not json}"], r#"{"a":"[draft] x","b":"{not json}"}"#);
        let twice = "USAGE: `--input a=…`: the key `b` stands twice at line 1 column 13";
        check(&[r#"a={"b":1,"b":2}"#], twice);
        check(&["a=1e999"], "USAGE: `--input a=…`: number out of range at line 1 column 5");
    }

    #[test]
    fn a_text_that_was_taken_for_json_is_told_with_the_way_to_write_it() {
        let schema = serde_json::json!({"name": "str", "n": "int", "any": "any"});
        let advise = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            advice(&words, &inputs(&words).unwrap(), &Value::from(schema.clone()))
        };
        let way = |way: &str| {
            Some(format!("a value that is JSON is not taken as a text; to give the text, write {way}"))
        };
        assert_eq!(advise(&["name=5", "n=1", "any=2"]), way("-i 'name=\"5\"'"));
        assert_eq!(advise(&["name=1", "name=[\"it's\"]"]), way(r#"-i 'name="[\"it'\''s\"]"'"#));
        assert_eq!(advise(&["name=Ada", "n=x"]), None);
        assert_eq!(advise(&["name=Ada", "n=1.5", "other=3"]), None);
    }

    #[test]
    fn files_give_one_input_or_all() {
        let folder = tempfile::tempdir().unwrap();
        let (all, list, bad) =
            (folder.path().join("all.json"), folder.path().join("list.json"), folder.path().join("bad"));
        std::fs::write(&all, r#"{"x": 1, "y": {"z": [2]}}"#).unwrap();
        std::fs::write(&list, "[1, 2]").unwrap();
        std::fs::write(&bad, "[1,").unwrap();
        check(&[&format!("@{}", all.display()), "x=9"], r#"{"x":9,"y":{"z":[2]}}"#);
        check(&[&format!("rows=@{}", list.display())], r#"{"rows":[1,2]}"#);
        let word = format!("@{}", list.display());
        check(&[&word], &format!("USAGE: `--input {word}`: the file does not hold a JSON object"));
        check(
            &[&format!("x=@{}", bad.display())],
            &format!(
                "INPUT_INVALID: {} is not valid JSON: EOF while parsing a value at line 1 column 3",
                bad.display()
            ),
        );
        check(
            &["x=@/nowhere/x.json"],
            "FILE_UNREADABLE: cannot read /nowhere/x.json: there is no such file or folder",
        );
    }

    #[test]
    fn words_without_a_form_are_refused() {
        check(&["name"], "USAGE: `--input name` is not an input");
        check(&["=1"], "USAGE: `--input =1` is not an input");
    }
}
