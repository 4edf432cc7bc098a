//! The reference of the tools as a page of Markdown, made of their schemas and examples.

use std::fmt::Write;

use ice_core::tools::{Capability, Effect, ToolSpec};
use ice_core::value::Value;

use crate::list::Entry;

/// What stands before the tools.
const PREFACE: &str = "# Built-in tools

What the tools of `ice` take, give and do. This page is generated from their schemas and examples by
`cargo run -p ice-tools --features http,ingest --example reference > docs/tools.md`; a test keeps it true.

Any program can be made a tool beside them: [tools that are commands](command-tools.md).

**Files** are reached only within the folders and files that the run was granted with `--ro PATH` and `--rw PATH`. A
relative path is looked for in each granted place in turn: those of `--ro` first, then those of `--rw`; a file that is
written lies in the first place of `--rw` that has its folder, else in the first of all, where missing folders are
made. A `..` or a link that leads out of the granted folder ends in `PATH_SECURITY_VIOLATION`, a path outside of
everything granted in `GRANT_MISSING`. Links within the folder are followed when reading, never when writing. Pipes,
sockets and devices are not opened.

**Hosts** are reached only if the run was granted them with `--allow-net HOST:PORT`. A name that leads to a private,
loopback, link-local or otherwise special address is refused unless that address was granted itself
(`--allow-net 10.0.0.5:443`).

**Memory** is reached only in the scopes that the run was granted with `--memory SCOPE`, or `--memory SCOPE:ro` to read;
anything else ends in `GRANT_MISSING`. Who wrote an entry is no argument: every entry that a tool writes names the run and the
node, and `ice memory forget --run` takes back what a run wrote. The same call writes once, after a crash as well. What is
read is never taken from the cache of results. Tools in a cage have no memory. See [memory](memory.md).

**Effects** say what happens after a crash in the middle of a call: `pure` and `idempotent` calls are made again, an
`irreversible` one waits for a person. The effect below is the upper bound; tools that can read a file are pure when
they are given a text, tools that write are idempotent unless they append.

**Limits** unless the run sets others: 64 MiB read, 64 MiB written, 100,000 rows, matches, pieces or entries. `query_rows`
may read any number of rows, as it filters and groups while it reads: there the bound is on the rows that are returned,
and on what must be held for them, 5 million cells.
";

/// The page about these tools, in their order.
#[must_use]
pub fn page(entries: &[Entry]) -> String {
    let mut page = PREFACE.to_owned();
    for entry in entries {
        section(&mut page, entry);
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let spec = entry.tool.spec();
    let mut add = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    add(format!("\n## `{}`\n\n{} {}\n", spec.name, spec.description, effect(spec)));
    for (title, schema) in [("Input", &spec.input_schema), ("Output", &spec.output_schema)] {
        add(format!("{title}:\n\n| field | type | meaning |\n|---|---|---|"));
        for row in rows(schema, "") {
            add(row);
        }
        add(String::new());
    }
    let example: Value = serde_json::from_str(entry.example).unwrap_or_default();
    let part = |name: &str| example.get(name).cloned().unwrap_or_default();
    for (name, content) in part("files").as_map().into_iter().flatten() {
        add(format!(
            "Example, with a file `{name}`:\n\n```text\n{}\n```\n",
            content.as_str().unwrap_or_default().trim_end()
        ));
    }
    if let Some(memory) = part("memory").as_list() {
        let lines: Vec<String> = memory.iter().map(ToString::to_string).collect();
        add(format!("Example, with this in memory:\n\n```json\n{}\n```\n", lines.join("\n")));
    }
    for (title, name) in [("Example input", "input"), ("Output", "output")] {
        add(format!("{title}:\n\n```json\n{}\n```", pretty(&part(name))));
        if name == "input" {
            add(String::new());
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn effect(spec: &ToolSpec) -> String {
    let mut text = String::from(match spec.effect {
        Effect::Pure => "Pure",
        Effect::Idempotent => "Idempotent",
        Effect::Compensable => "Compensable",
        Effect::Irreversible => "Irreversible",
    });
    for capability in &spec.capabilities {
        text.push_str(match capability {
            Capability::ReadFiles => "; reads files",
            Capability::WriteFiles => "; writes files",
            Capability::Network => "; connects to hosts",
            Capability::Nondeterminism => "; asks for the time",
            Capability::Memory => "; uses memory",
        });
    }
    text.push('.');
    text
}

/// The rows of a table about the properties of an object, and about those of objects within.
fn rows(schema: &Value, prefix: &str) -> Vec<String> {
    let required = schema.get("required").and_then(Value::as_list).unwrap_or_default();
    let mut properties: Vec<_> =
        schema.get("properties").and_then(Value::as_map).into_iter().flatten().collect();
    // Whether a schema keeps the order of a type's fields depends on how serde_json was built.
    properties.sort_by_key(|(name, _)| (*name).clone());
    let mut rows = Vec::new();
    for (name, property) in properties {
        let field = format!("{prefix}{name}");
        let mut note = String::new();
        if required.iter().any(|item| item.as_str() == Some(name)) {
            if prefix.is_empty() && schema.get("additionalProperties").is_some() {
                note.push_str(" **Required.**");
            }
        } else if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            let _ = write!(note, " Default: `{default}`.");
        }
        let meaning =
            property.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        rows.push(format!("| `{field}` | {} | {meaning}{note} |", type_of(property)).replace("  ", " "));
        let (inner, mark) = match property.get("items") {
            Some(items) => (items, "[]"),
            None => (property, ""),
        };
        rows.extend(self::rows(inner, &format!("{field}{mark}.")));
    }
    rows
}

/// The type of a schema in a few words.
fn type_of(schema: &Value) -> String {
    let words = |list: &Value| {
        let words =
            list.as_list().unwrap_or_default().iter().map(|word| format!("`{word}`").replace('"', ""));
        words.collect::<Vec<_>>()
    };
    let options = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_list);
    if let Some(options) = options {
        let mut names: Vec<String> = options.iter().map(type_of).collect();
        names.dedup();
        return names.join(" or ");
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`").replace('"', "");
    }
    if let Some(values) = schema.get("enum") {
        return words(values).join(" or ");
    }
    match schema.get("type") {
        Some(Value::String(name)) if &**name == "array" => {
            let of = schema.get("items").map(type_of).unwrap_or_default();
            if of.is_empty() { "list".to_owned() } else { format!("list of {of}") }
        }
        Some(Value::String(name)) => (**name).to_owned(),
        Some(list) => words(list).join(" or ").replace('`', ""),
        None => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use ice_core::error::ErrorCode;
    use ice_core::schema::Validator;
    use ice_core::tools::typed::is_tool_name;
    use serde_json::Value as Json;

    use super::*;
    use crate::support::testing::{Bench, call};
    use crate::{all, entries};

    #[test]
    fn every_tool_is_there_once_and_describes_itself() {
        let expected = [
            "chunk_text",
            "extract_text",
            "hash",
            "hello",
            "http_fetch",
            "list_files",
            "memory_forget",
            "memory_read",
            "memory_search",
            "memory_summarize",
            "memory_write",
            "now",
            "query_json",
            "query_rows",
            "read_csv",
            "read_json",
            "read_text",
            "recent_session",
            "regex_extract",
            "sleep",
            "text_stats",
            "write_csv",
            "write_json",
            "write_text",
        ];
        let is_built = |name: &&str| match *name {
            "http_fetch" => cfg!(feature = "http"),
            "extract_text" => cfg!(feature = "ingest"),
            _ => true,
        };
        let expected = expected.into_iter().filter(is_built);
        let tools = all();
        let names: Vec<&str> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
        assert_eq!(names, expected.collect::<Vec<_>>());
        for tool in &tools {
            let spec = tool.spec();
            assert!(is_tool_name(&spec.name) && spec.version.major == 1);
            Validator::compile(&spec.input_schema).unwrap();
            Validator::compile(&spec.output_schema).unwrap();
            assert_eq!(
                spec.input_schema.get("additionalProperties"),
                Some(&Value::Bool(false)),
                "{}",
                spec.name
            );
            for row in rows(&spec.input_schema, "").iter().chain(&rows(&spec.output_schema, "")) {
                assert!(!row.ends_with("|  |") && !row.ends_with("| |"), "{}: {row} says nothing", spec.name);
            }
        }
    }

    /// The arguments that may be anything, by their tool, each with its reason. The check of a blueprint is blind where
    /// an argument has no type.
    const UNTYPED: &[(&str, &str, &str)] = &[
        ("http_fetch", "body", "a body is a text, or any value that is sent as JSON"),
        ("memory_write", "content", "any value can be remembered"),
        ("query_json", "default", "what stands for a missing part is whatever the part is"),
        ("query_json", "value", "any JSON value has parts to ask for"),
        ("query_rows", "where[].value", "a cell is compared with any value"),
        ("query_rows", "where_any[].value", "a cell is compared with any value"),
        ("write_json", "value", "any value can be written as JSON"),
    ];

    #[test]
    fn every_argument_has_a_type_but_for_a_few_with_a_reason() {
        let mut found = Vec::new();
        for tool in all() {
            let spec = tool.spec();
            for row in rows(&spec.input_schema, "") {
                let mut cells = row.split(" | ");
                let field = cells.next().unwrap_or_default().trim_matches(['|', ' ', '`']).to_owned();
                if cells.next().is_some_and(|kind| kind.split(' ').any(|word| word == "any")) {
                    found.push((spec.name.clone(), field));
                }
            }
        }
        let is_there = |name: &str| cfg!(feature = "http") || name != "http_fetch";
        let expected = UNTYPED.iter().filter(|(tool, ..)| is_there(tool));
        let expected: Vec<_> =
            expected.map(|(tool, field, _)| ((*tool).to_owned(), (*field).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn every_example_is_true() {
        for entry in entries() {
            let name = &entry.tool.spec().name;
            let example: Json = serde_json::from_str(entry.example).unwrap();
            if name == "http_fetch" {
                // There is no server: it only has to fit the schemas.
                let fits = |schema: &Value, part: &str| {
                    Validator::compile(schema).unwrap().validate(&Value::from(example[part].clone()))
                };
                assert_eq!(fits(&entry.tool.spec().input_schema, "input"), Ok(()));
                assert_eq!(fits(&entry.tool.spec().output_schema, "output"), Ok(()));
                continue;
            }
            let bench = Bench::new();
            for (file, content) in example["files"].as_object().into_iter().flatten() {
                let path = bench.file(file, content.as_str().unwrap());
                let then = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_000);
                std::fs::File::open(path).unwrap().set_modified(then).unwrap();
            }
            let bench = match example.get("memory") {
                Some(before) => bench.remembering(&["kb"]).await.with(before.as_array().unwrap()).await,
                None if entry.tool.spec().capabilities.contains(&Capability::Memory) => {
                    bench.remembering(&["kb"]).await
                }
                None => bench,
            };
            let output = call(&*entry.tool, &bench.ctx, example["input"].clone()).await;
            assert_eq!(output.as_ref(), Ok(&example["output"]), "{name}");
        }
    }

    #[tokio::test]
    async fn a_cancelled_call_does_nothing() {
        for entry in entries() {
            let example: Json = serde_json::from_str(entry.example).unwrap();
            let bench = Bench::new();
            bench.ctx.cancel.cancel();
            let error = call(&*entry.tool, &bench.ctx, example["input"].clone()).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::RunCancelled, "{}", entry.tool.spec().name);
            assert_eq!(bench.names("."), [""; 0]);
        }
    }

    #[cfg(all(feature = "http", feature = "ingest"))]
    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tools.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == page(&entries()),
            "docs/tools.md is out of date: write it anew as it says at its beginning"
        );
    }
}
