//! Single mistakes, each in one field of an otherwise sound node: told once, with its code, on its line.

use crate::blueprint::{Format, read};
use crate::check::tests::catalog::catalog;
use crate::error::ErrorCode;

/// What a field takes.
#[derive(Clone, Copy, Debug)]
enum Takes {
    Text,
    Required,
    Flag,
    Whole,
    Positive,
    Number,
    NotNegative,
    Texts,
    Ids,
    Object,
    Objects,
    Paths,
    Choice,
}

impl Takes {
    /// Values it does not take.
    fn mistakes(self) -> &'static [(&'static str, ErrorCode)] {
        use ErrorCode::{InvalidId, OutOfRange, WrongType};
        match self {
            Self::Text => &[("3", WrongType), ("[x]", WrongType), ("{x: y}", WrongType), ("true", WrongType)],
            Self::Required => {
                &[("3", WrongType), ("[x]", WrongType), ("' '", OutOfRange), ("''", OutOfRange)]
            }
            Self::Flag => &[("'true'", WrongType), ("1", WrongType), ("yes", WrongType)],
            Self::Whole => &[("-1", OutOfRange), ("1.5", WrongType), ("'3'", WrongType), ("[]", WrongType)],
            Self::Positive => &[("0", OutOfRange), ("-1", OutOfRange), ("x", WrongType), ("0.5", WrongType)],
            Self::Number => {
                &[("'1'", WrongType), ("[1]", WrongType), ("99", OutOfRange), ("-99", OutOfRange)]
            }
            Self::NotNegative => &[("much", WrongType), ("-0.5", OutOfRange)],
            Self::Texts => &[("x", WrongType), ("[3]", WrongType), ("{}", WrongType)],
            Self::Ids => &[("x", WrongType), ("[3]", WrongType), ("['a b']", InvalidId), ("['']", InvalidId)],
            Self::Object => &[("x", WrongType), ("[1]", WrongType), ("3", WrongType)],
            Self::Objects => &[("x", WrongType), ("[3]", WrongType), ("{}", WrongType)],
            Self::Paths => &[("x", WrongType), ("{a: 3}", WrongType), ("[a]", WrongType)],
            Self::Choice => &[("nonsense", OutOfRange), ("3", WrongType), ("[]", WrongType)],
        }
    }
}

/// The fields every kind has.
const BASE: &[(&str, Takes)] = &[
    ("name", Takes::Text),
    ("dependencies", Takes::Ids),
    ("metadata", Takes::Object),
    ("provider", Takes::Text),
    ("timeout_seconds", Takes::Positive),
    ("retries", Takes::Whole),
    ("backoff_seconds", Takes::NotNegative),
    ("retry_policy", Takes::Object),
    ("input_schema", Takes::Object),
    ("output_schema", Takes::Object),
    ("input_mappings", Takes::Object),
    ("output_mappings", Takes::Paths),
    ("use_cache", Takes::Flag),
    ("input_selection", Takes::Texts),
    ("output_selection", Takes::Texts),
    ("context_rules", Takes::Object),
];

/// The name of a kind, the lines of a sound node, and the fields of the kind.
type Kind = (&'static str, &'static [&'static str], &'static [(&'static str, Takes)]);

/// Every kind.
const KINDS: &[Kind] = &[
    ("tool", &["tool_name: hello"], &[("tool_name", Takes::Required), ("tool_args", Takes::Object)]),
    (
        "llm",
        &["model: gpt-4o", "prompt: hi", "provider: echo"],
        &[
            ("model", Takes::Required),
            ("prompt", Takes::Required),
            ("images", Takes::Texts),
            ("llm_config", Takes::Object),
            ("temperature", Takes::Number),
            ("max_tokens", Takes::Positive),
            ("format_specifications", Takes::Object),
            ("coerce_output_types", Takes::Flag),
            ("coerce_input_types", Takes::Flag),
            ("output_format", Takes::Text),
            ("json_schema", Takes::Object),
        ],
    ),
    (
        "agent",
        &["package: helper"],
        &[
            ("package", Takes::Required),
            ("agent_attr", Takes::Text),
            ("model", Takes::Text),
            ("version_constraint", Takes::Text),
            ("agent_config", Takes::Object),
            ("images", Takes::Texts),
            ("tools", Takes::Objects),
            ("memory", Takes::Object),
            ("max_iterations", Takes::Positive),
            ("llm_config", Takes::Object),
        ],
    ),
    (
        "condition",
        &["expression: '1 > 0'"],
        &[("expression", Takes::Required), ("true_path", Takes::Objects)],
    ),
    (
        "loop",
        &["items_source: inputs.x", "body: [{id: y, type: tool, tool_name: hello}]"],
        &[
            ("items_source", Takes::Required),
            ("item_var", Takes::Text),
            ("body", Takes::Objects),
            ("max_iterations", Takes::Positive),
            ("parallel", Takes::Flag),
        ],
    ),
    (
        "parallel",
        &["branches: [[{id: y, type: tool, tool_name: hello}]]"],
        &[
            ("branches", Takes::Objects),
            ("max_concurrency", Takes::Positive),
            ("merge_outputs", Takes::Flag),
            ("wait_strategy", Takes::Choice),
        ],
    ),
    (
        "recursive",
        &["agent_package: helper", "recursive_sources: [first]"],
        &[
            ("recursive_sources", Takes::Ids),
            ("convergence_condition", Takes::Text),
            ("max_iterations", Takes::Positive),
            ("agent_package", Takes::Required),
            ("preserve_context", Takes::Flag),
            ("context_key", Takes::Text),
        ],
    ),
    (
        "workflow",
        &["workflow_ref: other"],
        &[
            ("workflow_ref", Takes::Required),
            ("exposed_outputs", Takes::Paths),
            ("config_overrides", Takes::Object),
        ],
    ),
    (
        "code",
        &["code: x = 1"],
        &[
            ("language", Takes::Choice),
            ("code", Takes::Required),
            ("sandbox", Takes::Flag),
            ("imports", Takes::Texts),
            ("engine", Takes::Choice),
            ("module", Takes::Text),
        ],
    ),
    (
        "human",
        &["prompt_message: Sure?"],
        &[
            ("prompt_message", Takes::Required),
            ("approval_type", Takes::Choice),
            ("choices", Takes::Texts),
            ("escalation_path", Takes::Text),
        ],
    ),
    (
        "monitor",
        &["metric_expression: inputs.x > 3"],
        &[
            ("metric_expression", Takes::Required),
            ("action_on_trigger", Takes::Choice),
            ("check_interval_seconds", Takes::Positive),
        ],
    ),
    (
        "swarm",
        &["agents: [{package: helper, role: a}, {package: helper, role: b}]"],
        &[
            ("agents", Takes::Objects),
            ("coordination_strategy", Takes::Choice),
            ("max_rounds", Takes::Positive),
            ("consensus_threshold", Takes::Number),
        ],
    ),
];

/// The errors of a file with one node before the one of interest, as line and code; and the line on which
/// `field` stands.
fn errors(kind: &str, lines: &[&str], field: &str) -> (Vec<(u32, ErrorCode)>, u32) {
    let mut text =
        format!("nodes:\n- id: first\n  type: tool\n  tool_name: hello\n- id: it\n  type: {kind}\n");
    for line in lines {
        text += &format!("  {line}\n");
    }
    let found = match read(&text, Format::Yaml, "t").check(&catalog()) {
        Ok(_) => Vec::new(),
        Err(found) => {
            let line =
                |error: &crate::diagnostic::Diagnostic| error.position.map_or(0, |position| position.line);
            found.errors().map(|error| (line(error), error.code)).collect()
        }
    };
    let at = text.lines().collect::<Vec<_>>().iter().rposition(|line| line.trim_start().starts_with(field));
    (found, u32::try_from(at.map_or(0, |at| at + 1)).unwrap())
}

#[test]
fn a_wrong_value_is_told_on_its_line() {
    let mut tried = 0;
    for (kind, sound, own) in KINDS {
        assert_eq!(errors(kind, sound, "id").0, [], "{kind}");
        for (field, takes) in own.iter().chain(BASE) {
            for (value, code) in takes.mistakes() {
                let wrong = format!("{field}: {value}");
                let mut lines: Vec<&str> =
                    sound.iter().copied().filter(|line| !line.starts_with(&format!("{field}:"))).collect();
                lines.push(&wrong);
                let (found, line) = errors(kind, &lines, field);
                let place_only: Vec<(u32, ErrorCode)> =
                    found.iter().copied().filter(|(at, _)| *at != line).collect();
                assert_eq!(place_only, [], "{kind}: {wrong}");
                assert!(found.contains(&(line, *code)), "{kind}: {wrong}: {found:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 800, "{tried}");
}

#[test]
fn an_unknown_field_is_told_on_its_line_with_the_field_that_was_meant() {
    for (kind, sound, own) in KINDS {
        for (field, _) in own.iter().chain(BASE) {
            // Two letters the wrong way round.
            let mut letters: Vec<char> = field.chars().collect();
            letters.swap(1, 2);
            let wrong: String = letters.into_iter().collect();
            if wrong == *field {
                continue;
            }
            let line = format!("{wrong}: 1");
            let mut lines: Vec<&str> =
                sound.iter().copied().filter(|line| !line.starts_with(&format!("{field}:"))).collect();
            lines.push(&line);
            let (found, at) = errors(kind, &lines, &wrong);
            assert!(found.contains(&(at, ErrorCode::UnknownField)), "{kind}: {wrong}: {found:?}");
            let text = format!("nodes: [{{id: a, type: {kind}, {wrong}: 1}}]");
            let shown = read(&text, Format::Yaml, "t").diagnostics.to_string();
            let advice = format!("unknown field `{wrong}`; did you mean `{field}`?");
            assert!(shown.contains(&advice), "{advice} in {shown}");
            assert!(!shown.contains(&format!("the field `{field}` is missing")), "told twice: {shown}");
        }
    }
}

#[test]
fn a_missing_field_is_told_at_its_node() {
    let required = [
        ("tool", "tool_name"),
        ("llm", "model"),
        ("llm", "prompt"),
        ("agent", "package"),
        ("condition", "expression"),
        ("loop", "items_source"),
        ("loop", "body"),
        ("parallel", "branches"),
        ("workflow", "workflow_ref"),
        ("human", "prompt_message"),
        ("monitor", "metric_expression"),
        ("swarm", "agents"),
    ];
    for (kind, field) in required {
        let sound = KINDS.iter().find(|(name, _, _)| *name == kind).unwrap().1;
        let rest: Vec<&str> =
            sound.iter().copied().filter(|line| !line.starts_with(&format!("{field}:"))).collect();
        assert_eq!(errors(kind, &rest, "id").0, [(5, ErrorCode::MissingField)], "{kind}.{field}");
    }
}

#[test]
fn what_does_not_go_together_is_told() {
    use ErrorCode::{InvalidId, OutOfRange, RuleViolation, UnknownField, WrongType};
    let check = |kind: &str, lines: &[&str], field: &str, code: ErrorCode| {
        let (found, line) = errors(kind, lines, field);
        assert_eq!(found, [(line, code)], "{kind} {lines:?}");
    };
    check("human", &["prompt_message: x", "auto_approve_after: 3"], "auto_approve_after", RuleViolation);
    check(
        "human",
        &["prompt_message: x", "timeout_seconds: 3", "auto_approve_after: 3"],
        "auto_approve_after",
        RuleViolation,
    );
    check("human", &["prompt_message: x", "approval_type: choice", "choices: [a]"], "choices", RuleViolation);
    check(
        "human",
        &["prompt_message: x", "approval_type: choice", "choices: [a, b, a]"],
        "choices",
        RuleViolation,
    );
    check("code", &["code: x", "sandbox: false"], "sandbox", RuleViolation);
    check("code", &["language: python"], "- id: it", RuleViolation);
    check("swarm", &["agents: [{package: helper, role: a}]"], "agents", RuleViolation);
    check(
        "swarm",
        &["agents: [{package: helper, role: a}, {package: helper, role: a}]"],
        "agents",
        RuleViolation,
    );
    check(
        "swarm",
        &["agents: [{package: helper, role: a}, {package: helper, role: b, weight: 3}]"],
        "agents",
        UnknownField,
    );
    check("recursive", &["recursive_sources: [first]"], "- id: it", RuleViolation);
    check(
        "recursive",
        &["recursive_sources: [first]", "agent_package: helper", "workflow_ref: other"],
        "workflow_ref",
        RuleViolation,
    );
    check("recursive", &["agent_package: helper"], "- id: it", RuleViolation);
    check("parallel", &["branches: []"], "branches", RuleViolation);
    check("parallel", &["branches: [[]]"], "branches", RuleViolation);
    check("loop", &["items_source: inputs.x", "body: []"], "body", RuleViolation);
    let body = "body: [{id: y, type: tool, tool_name: hello}]";
    check("loop", &["items_source: inputs.x", body, "item_var: loop_index"], "item_var", RuleViolation);
    check("loop", &["items_source: inputs.x", body, "item_var: inputs"], "item_var", InvalidId);
    check("loop", &["items_source: inputs.x", body, "item_var: a-b"], "item_var", InvalidId);
    check("agent", &["package: helper", "version_constraint: new"], "version_constraint", RuleViolation);
    check("agent", &["package: helper", "llm_config: {top_p: 2}"], "llm_config", OutOfRange);
    check("agent", &["package: helper", "llm_config: {openai_api_key: x}"], "llm_config", RuleViolation);
    check("tool", &["tool_name: hello", "input_mappings: {nodes: 3}"], "input_mappings", InvalidId);
    check("tool", &["tool_name: hello", "retry_policy: {max_attempts: 0}"], "retry_policy", OutOfRange);
    check(
        "tool",
        &["tool_name: hello", "retry_policy: {backoff_strategy: slow}"],
        "retry_policy",
        OutOfRange,
    );
    check("tool", &["tool_name: hello", "context_rules: {a: {format: pdf}}"], "context_rules", OutOfRange);
    check("tool", &["tool_name: hello", "context_rules: {a: 3}"], "context_rules", WrongType);
    check(
        "monitor",
        &["metric_expression: inputs.x", "alert_channels: [email, pigeon]"],
        "alert_channels",
        OutOfRange,
    );
}

#[test]
fn old_names_of_kinds_have_advice_of_their_own() {
    for (old, new) in [("ai", "llm"), ("prebuilt", "agent"), ("subdag", "workflow"), ("skill", "tool")] {
        assert_eq!(
            read(&format!("nodes: [{{id: a, type: {old}, foo: 1}}]"), Format::Yaml, "t")
                .diagnostics
                .to_string(),
            format!(
                "t:1:23: error[UNKNOWN_KIND]: a: type: there is no kind of node `{old}`; \
                 `{old}` was the name of `{new}` in earlier versions: write `type: {new}`"
            )
        );
    }
}

#[test]
fn an_amount_of_money_that_is_none_is_told_how_one_is_written() {
    for (written, found) in [
        ("-1", "the number -1"),
        ("\"1e30\"", "the text \"1e30\""),
        ("\"0.1234567890123\"", "the text \"0.1234567890123\""),
        ("18446745", "the number 18446745"),
    ] {
        let node = "type: llm, provider: echo, model: echo, prompt: hi";
        let yaml = format!("nodes: [{{id: a, {node}, budget: {{cost_usd: {written}}}}}]");
        let told = read(&yaml, Format::Yaml, "t").diagnostics.to_string();
        let expected = format!(
            "expected an amount of US dollars such as \"0.15\", found {found}; write digits with at most 12 decimals, in \
             quotes: \"0\" to \"18446744\""
        );
        assert!(told.contains(&expected), "{told}");
    }
}
