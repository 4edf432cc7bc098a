//! Texts that nobody would write on purpose: no panic, no hang, a code for each.

use proptest::prelude::*;

use super::arbitrary::blueprint;
use crate::blueprint::{Format, MAX_TEXT_BYTES, Reading, read, read_value};
use crate::check::tests::catalog::catalog;
use crate::diagnostic::Diagnostics;
use crate::error::ErrorCode;
use crate::value::Value;

/// Reads and checks in every notation, on a stack as small as that of a thread pool.
fn survive(text: &str) -> Vec<Diagnostics> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(2 << 20);
        let run = || {
            [Format::Json, Format::Yaml, Format::Auto].map(|format| found(&read(text, format, "t"))).to_vec()
        };
        builder.spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

fn found(reading: &Reading) -> Diagnostics {
    assert_eq!(reading.blueprint.is_none(), reading.diagnostics.has_errors());
    if let Some(blueprint) = &reading.blueprint {
        let written = serde_json::to_string(&**blueprint).unwrap();
        let again = read(&written, Format::Json, "again");
        assert_eq!(again.blueprint.as_ref(), Some(blueprint), "{}", again.diagnostics);
    }
    match reading.check(&catalog()) {
        Ok(checked) => checked.warnings().clone(),
        Err(found) => {
            assert!(found.has_errors(), "refused without an error");
            found
        }
    }
}

fn codes(text: &str, format: Format) -> Vec<ErrorCode> {
    found(&read(text, format, "t")).iter().map(|diagnostic| diagnostic.code).collect()
}

/// The one diagnostic of a text.
fn only(text: &str, format: Format) -> String {
    let found = found(&read(text, format, "t"));
    assert_eq!(found.len(), 1, "{found}");
    found.to_string()
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        survive(&text);
    }

    #[test]
    fn no_text_of_the_notations_panics(text in "(nodes|id|type|tool|loop|a|1|9e999|[-:,{}\\[\\]\"'&*!|>#%@`~ \n\t\\\\]){0,60}") {
        survive(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_change_to_a_blueprint_panics(
        blueprint in blueprint(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "(\\PC|[{}\\[\\]:,\"0-9])?", 0_usize..3), 1..6),
        as_yaml in any::<bool>(),
    ) {
        let mut text = if as_yaml {
            serde_saphyr::to_string(&blueprint).unwrap()
        } else {
            serde_json::to_string_pretty(&blueprint).unwrap()
        };
        for (at, with, length) in cuts {
            let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
            let start = starts[at.index(starts.len())];
            let end = text[start..].char_indices().nth(length).map_or(text.len(), |(offset, _)| start + offset);
            text.replace_range(start..end, &with);
        }
        survive(&text);
    }

    #[test]
    fn no_value_panics(blueprint in blueprint(), at in "(nodes|type|id|metadata)", with in "\\PC{0,4}") {
        let mut document = Value::from_serialize(&blueprint).unwrap().as_map().unwrap().clone();
        document.insert(at.into(), Value::from(with));
        found(&read_value(Value::from(document), "t"));
    }
}

#[test]
fn syntax_errors_have_a_line_and_a_column_in_characters() {
    assert_eq!(
        only("{\"nodes\": [\n  {\"ä\": tru}\n]}", Format::Json),
        "t:2:12: error[BLUEPRINT_SYNTAX]: this is not valid JSON: expected ident"
    );
    assert_eq!(
        only("{\"nodes\": []} x", Format::Json),
        "t:1:15: error[BLUEPRINT_SYNTAX]: this is not valid JSON: trailing characters"
    );
    assert_eq!(
        only("{", Format::Json),
        "t:1:1: error[BLUEPRINT_SYNTAX]: this is not valid JSON: EOF while parsing an object"
    );
    insta::assert_snapshot!(
        [
            "nodes: [\n",
            "nodes:\n  - id: a\n   type: tool\n",
            "nodes:\n\t- id: a\n",
            "a: *x\n",
            "a: 1\n---\nb: 2\n",
            "a: \"x\n",
            "{\"nodes\": [1 2]}",
        ]
        .map(|text| only(text, Format::Auto))
        .join("\n")
    );
}

#[test]
fn what_is_no_object_is_no_blueprint() {
    for text in ["null", "3", "[]", "- 1", "text"] {
        assert_eq!(codes(text, Format::Yaml), [ErrorCode::WrongType], "{text}");
    }
    assert_eq!(codes("{}", Format::Auto), [ErrorCode::MissingField]);
    assert_eq!(codes("nodes: []", Format::Auto), [ErrorCode::RuleViolation]);
    assert_eq!(codes("nodes: 3", Format::Auto), [ErrorCode::WrongType]);
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let node = "\"id\": \"a\", \"type\": \"tool\", \"tool_name\": \"hello\"";
    assert_eq!(
        only(&format!("{{\"nodes\": [{{{node},\n \"retries\": 1, \"retries\": 2}}]}}"), Format::Json),
        "t:2:16: error[BLUEPRINT_SYNTAX]: nodes.0.retries: the key `retries` stands twice; \
         remove or rename one of them"
    );
    assert_eq!(
        only("nodes:\n- id: a\n  type: tool\n  tool_name: hello\n  id: a\n", Format::Yaml),
        "t:5:3: error[BLUEPRINT_SYNTAX]: nodes.0.id: the key `id` stands twice; remove or rename one of them"
    );
}

#[test]
fn yaml_types_are_what_they_look_like() {
    let text = "nodes:\n- {id: a, type: tool, tool_name: hello}\n\
                metadata: {a: no, b: on, c: 0777, d: 1.10, e: ~, f: 0x10, g: yes, h: 2026-11-22, i: 1e3}\n";
    let reading = read(text, Format::Yaml, "t");
    assert_eq!(
        reading.blueprint.unwrap().metadata.to_string(),
        r#"{"a":"no","b":"on","c":"0777","d":1.1,"e":null,"f":16,"g":"yes","h":"2026-11-22","i":1000.0}"#
    );
}

#[test]
fn numbers_that_others_read_differently_are_refused() {
    let all = |number: &str| {
        let yaml = format!("nodes: [{{id: a, type: tool, tool_name: hello}}]\nmetadata: {{n: {number}}}\n");
        let json = format!(
            "{{\"nodes\": [{{\"id\": \"a\", \"type\": \"tool\", \"tool_name\": \"hello\"}}],\"metadata\": {{\"n\": {number}}}}}"
        );
        [codes(&yaml, Format::Yaml), codes(&json, Format::Json)]
    };
    for bad in [
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e999",
    ] {
        assert_eq!(all(bad), [[ErrorCode::NumberNotPortable], [ErrorCode::NumberNotPortable]], "{bad}");
    }
    for good in ["9007199254740992", "-9007199254740992", "1e20", "1.5e300", "0.1"] {
        assert_eq!(all(good), [[], []], "{good}");
    }
    for bad in [".inf", "-.inf", ".nan"] {
        let yaml = format!("nodes: [{{id: a, type: tool, tool_name: hello}}]\nmetadata: {{n: {bad}}}\n");
        assert_eq!(codes(&yaml, Format::Yaml), [ErrorCode::NumberNotPortable], "{bad}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let large = format!("nodes: []\n#{}", "x".repeat(MAX_TEXT_BYTES));
    assert_eq!(codes(&large, Format::Yaml), [ErrorCode::BlueprintTooLarge]);
    let nested = |depth: usize| {
        let open = "{\"x\":[".repeat(depth / 2);
        let close = "]}".repeat(depth / 2);
        format!(
            "{{\"nodes\":[{{\"id\":\"a\",\"type\":\"tool\",\"tool_name\":\"hello\"}}],\"metadata\":{open}{close}}}"
        )
    };
    assert_eq!(codes(&nested(62), Format::Json), []);
    assert_eq!(codes(&nested(62), Format::Yaml), []);
    for depth in [66, 100, 1_000, 100_000] {
        assert_eq!(codes(&nested(depth), Format::Json), [ErrorCode::BlueprintTooLarge], "{depth}");
        assert_eq!(codes(&nested(depth), Format::Yaml), [ErrorCode::BlueprintTooLarge], "{depth}");
    }
    survive(&"[".repeat(1_000_000));
    survive(&"- ".repeat(1_000_000));
    survive(&"{a: ".repeat(100_000));
}

#[test]
fn a_small_bomb_of_aliases_ends_at_once() {
    // 64 times 1,000 values in less than 6 KiB: far below what the parser itself lets pass.
    let list = vec!["x"; 1_000].join(", ");
    let bomb = |times: usize| {
        let names = vec!["*a"; times].join(", ");
        format!(
            "nodes: [{{id: a, type: tool, tool_name: hello}}]\nmetadata: {{a: &a [{list}], b: [{names}]}}\n"
        )
    };
    let found = only(&bomb(64), Format::Yaml);
    assert!(found.contains("error[BLUEPRINT_TOO_LARGE]: the document repeats itself too often"), "{found}");
    assert_eq!(codes(&bomb(40), Format::Yaml), [], "what repeats itself less is read");
}

#[test]
fn a_document_without_aliases_may_have_as_many_values_as_fit() {
    let dense = |count: usize| {
        let zeros = "0,".repeat(count);
        format!(
            "{{\"nodes\":[{{\"id\":\"a\",\"type\":\"tool\",\"tool_name\":\"hello\"}}],\"metadata\":{{\"a\":[{zeros}0]}}}}"
        )
    };
    assert_eq!(codes(&dense(2_000_000), Format::Json), []);
    assert_eq!(codes(&dense(400_000), Format::Yaml), []);
}

#[test]
fn aliases_cannot_make_a_bomb() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![before; 9].join(", "));
    }
    assert_eq!(codes(&bomb, Format::Yaml), [ErrorCode::BlueprintTooLarge]);
    let honest = "nodes:\n- &n {id: a, type: tool, tool_name: hello}\n- {<<: *n, id: b}\n";
    assert_eq!(codes(honest, Format::Yaml), []);
}

#[test]
fn of_many_mistakes_some_are_told_and_the_others_counted() {
    let mut text = String::from("nodes:\n");
    for n in 0..3_000 {
        text += &format!(
            "- {{id: node{n}, type: tool, tool_nam: read, dependencies: [nod{n}], tool_args: {{a: '{{{{ nop{n} }}}}'}}}}\n"
        );
    }
    let found = found(&read(&text, Format::Yaml, "t"));
    assert!(found.len() <= 400, "{}", found.len());
    assert!(found.omitted() > 8_000, "{}", found.omitted());
}

#[test]
fn nesting_of_scopes_is_bounded() {
    let mut json = "{\"id\":\"x\",\"type\":\"tool\",\"tool_name\":\"hello\"}".to_owned();
    for level in 0..29 {
        json = format!(
            "{{\"id\":\"l{level}\",\"type\":\"loop\",\"items_source\":\"inputs.x\",\"item_var\":\"i{level}\",\"body\":[{json}]}}"
        );
    }
    survive(&format!("{{\"nodes\":[{json}]}}"));
    assert_eq!(codes(&format!("{{\"nodes\":[{json}]}}"), Format::Json), []);
}

#[test]
fn aliases_of_long_texts_do_not_multiply_memory() {
    let text = format!("a: &x {}\nb: [{}]\n", "y".repeat(1 << 20), vec!["*x"; 900].join(", "));
    assert_eq!(codes(&text, Format::Yaml), [ErrorCode::BlueprintTooLarge]);
}

/// The diagnostics of a YAML text.
fn told(text: &str) -> String {
    read(text, Format::Yaml, "t").diagnostics.to_string()
}

#[test]
fn an_empty_file_is_called_empty() {
    for text in ["", " \n\n", "# only a note\n", "---\n# a note\n...\n", "\u{feff}"] {
        for format in [Format::Json, Format::Yaml, Format::Auto] {
            if format == Format::Json && !text.trim_start_matches('\u{feff}').trim().is_empty() {
                continue;
            }
            let told = read(text, format, "t").diagnostics.to_string();
            assert_eq!(
                told, "t:1:1: error[BLUEPRINT_SYNTAX]: the file is empty; write a blueprint into it",
                "{text:?}"
            );
        }
    }
    assert_eq!(told("~"), "t:1:1: error[WRONG_TYPE]: expected an object, found null");
}

#[test]
fn tags_that_mean_nothing_are_told_at_their_place() {
    let node = "{id: a, type: tool, tool_name: hello}";
    assert_eq!(
        told(&format!("nodes: !!python/object:os.system\n- {node}\n")),
        "t:1:8: error[BLUEPRINT_SYNTAX]: the tag `!!python/object:os.system` has no meaning in a blueprint; \
         remove it"
    );
    assert_eq!(
        told(&format!("metadata:\n  a: !own 1\nnodes: [!own {node}]\n")),
        "t:2:6: error[BLUEPRINT_SYNTAX]: the tag `!own` has no meaning in a blueprint; remove it\n\
         t:3:9: error[BLUEPRINT_SYNTAX]: the tag `!own` has no meaning in a blueprint; remove it"
    );
    let known = format!(
        "nodes: !!seq\n- !!map {node}\nmetadata: {{a: !!str 1, b: !!int 2, c: !!bool true, d: '!x', e: ! 4}}\n"
    );
    let reading = read(&known, Format::Yaml, "t");
    assert_eq!(reading.diagnostics.to_string(), "");
    assert_eq!(
        reading.blueprint.unwrap().metadata.to_string(),
        r#"{"a":"1","b":2,"c":true,"d":"!x","e":"4"}"#
    );
}

#[test]
fn a_number_too_large_is_told_once() {
    for (number, field) in [
        ("99999999999999999999", "llm_config: {max_tokens: N}"),
        ("9007199254740993", "llm_config: {max_tokens: N}"),
        ("-99999999999999999999", "retries: N"),
    ] {
        let field = field.replace('N', number);
        let text = format!("nodes:\n- {{id: a, type: llm, provider: echo, model: m, prompt: x, {field}}}\n");
        let diagnostics = read(&text, Format::Yaml, "t").diagnostics;
        let told: Vec<(ErrorCode, &str)> = diagnostics
            .iter()
            .map(|found| (found.code, found.advice.as_deref().unwrap_or_default()))
            .collect();
        let advice = "write a smaller number; what is no amount, such as an id, is text in quotes";
        assert_eq!(told, [(ErrorCode::NumberNotPortable, advice)], "{text}");
    }
    let text =
        "nodes:\n- {id: a, type: llm, provider: echo, model: m, prompt: x, llm_config: {max_tokens: 1e30}}\n";
    assert_eq!(codes(text, Format::Yaml), [ErrorCode::OutOfRange]);
}
