//! `--input`: from words on the command line to the inputs of a run.

use std::path::Path;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::MAX_SHOWN_BYTES;
use ice_core::schema::Validator;
use ice_core::value::{Map, Value};
use serde::de::IgnoredAny;

use crate::fault::Fault;
use crate::file::{self, MAX_INPUT_BYTES};
use crate::pictures::{self, KINDS, MAX_ALL_BYTES, Pictures};

const FORMS: &str = "the forms are NAME=VALUE, NAME=@FILE and @FILE.json";

/// The inputs of a run, and the pictures that they name.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) values: Value,
    pub(crate) pictures: Pictures,
}

/// Puts the inputs together, later ones over earlier ones. `NAME=VALUE` takes the value as JSON if it parses, else as text;
/// `NAME=@FILE` reads a picture or JSON from a file; `@FILE` reads all inputs from one.
///
/// # Errors
/// As [`settings`]; [`ErrorCode::FileTooLarge`] if the pictures are.
pub(crate) fn inputs(words: &[String]) -> Result<Inputs, Fault> {
    let mut pictures = Pictures::default();
    let values = together(words, &mut |path| picture_or_json(path, &mut pictures))?;
    Ok(Inputs { values, pictures })
}

/// Settings, written as inputs are, without pictures.
///
/// # Errors
/// [`ErrorCode::Usage`] for what has none of the forms or names no JSON object, and those of reading files.
pub(crate) fn settings(words: &[String]) -> Result<Value, Fault> {
    together(words, &mut json)
}

fn together(words: &[String], read: &mut dyn FnMut(&Path) -> Result<Value, Fault>) -> Result<Value, Fault> {
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
            Some(file) => read(Path::new(file))?,
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

/// A file that begins as a picture does is one; any other is JSON.
fn picture_or_json(path: &Path, pictures: &mut Pictures) -> Result<Value, Fault> {
    let bytes = file::read(path, MAX_INPUT_BYTES)?;
    let Some(media_type) = pictures::media_type(&bytes) else {
        return serde_json::from_slice(&bytes).map_err(|error| {
            let message =
                format!("{} begins as no picture does, and is not valid JSON: {error}", path.display());
            let help = format!("a picture is a file of {KINDS}; to give a text, write NAME=TEXT");
            Fault::new(ErrorCode::InputInvalid, message).help(help)
        });
    };
    let too_large = |what: String, most: u64| {
        let message = format!("{what} more than {} MiB", most >> 20);
        Err(Fault::new(ErrorCode::FileTooLarge, message).help("give a smaller picture"))
    };
    if bytes.len() as u64 > MAX_SHOWN_BYTES {
        return too_large(format!("{} is a picture of", path.display()), MAX_SHOWN_BYTES);
    }
    let value = pictures.add(media_type, bytes);
    if pictures.bytes() > MAX_ALL_BYTES {
        return too_large("the pictures have together".to_owned(), MAX_ALL_BYTES);
    }
    Ok(value)
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
            Ok(inputs) => inputs.values.to_string(),
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
            advice(&words, &inputs(&words).unwrap().values, &Value::from(schema.clone()))
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
                "INPUT_INVALID: {} begins as no picture does, and is not valid JSON: EOF while parsing a value at line 1 column 3",
                bad.display()
            ),
        );
        check(
            &["x=@/nowhere/x.json"],
            "FILE_UNREADABLE: cannot read /nowhere/x.json: there is no such file or folder",
        );
    }

    #[test]
    fn a_file_that_begins_as_a_picture_is_one_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (small, large) = (path("a.json"), path("large.png"));
        std::fs::write(&small, b"\x89PNG\r\n\x1a\n").unwrap();
        let hash = ice_core::value::BlobHash::of(b"\x89PNG\r\n\x1a\n");
        let blob = format!(r#"{{"$blob":"{hash}","media_type":"image/png","size":8}}"#);
        check(&[&format!("x=@{}", small.display())], &format!(r#"{{"x":{blob}}}"#));
        let words = [format!("x=@{}", small.display()), format!("y=@{}", small.display())];
        let inputs = inputs(&words).unwrap();
        assert!(matches!(inputs.values.get("y"), Some(Value::Blob(_))));
        assert_eq!(inputs.pictures.bytes(), 8);
        // Settings of agents are JSON.
        assert!(settings(&words).unwrap_err().message.contains("is not valid JSON"));

        let mut bytes = b"GIF89a".to_vec();
        bytes.resize(MAX_SHOWN_BYTES as usize + 1, 0);
        std::fs::write(&large, &bytes).unwrap();
        let word = format!("x=@{}", large.display());
        let expected = format!("FILE_TOO_LARGE: {} is a picture of more than 20 MiB", large.display());
        check(&[&word], &expected);
        bytes.pop();
        let most = |n: u8| {
            bytes[7] = n;
            let file = path(&format!("{n}.gif"));
            std::fs::write(&file, &bytes).unwrap();
            format!("x{n}=@{}", file.display())
        };
        let words: Vec<String> = (0..17).map(most).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        check(&words, "FILE_TOO_LARGE: the pictures have together more than 320 MiB");
    }

    #[test]
    fn words_without_a_form_are_refused() {
        check(&["name"], "USAGE: `--input name` is not an input");
        check(&["=1"], "USAGE: `--input =1` is not an input");
    }
}
