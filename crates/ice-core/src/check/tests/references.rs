//! What templates, mappings and arguments may name, and what is told if they name something else.

use super::catalog::catalog;
use crate::blueprint::{Format, read};
use crate::registry::{BlueprintSpec, Catalog};

/// Everything found, without positions.
fn found_with(catalog: &Catalog, nodes: &str) -> Vec<String> {
    let text = format!(
        "blueprint_id: own\ninput_schema: {{type: object, properties: {{url: {{type: string}}, n: {{type: integer}}, \
         rows: {{type: array}}}}}}\nnodes:\n{nodes}"
    );
    let found = match read(&text, Format::Yaml, "t").check(catalog) {
        Ok(checked) => checked.warnings().clone(),
        Err(found) => found,
    };
    let shown = found.into_iter().map(|mut diagnostic| {
        diagnostic.position = None;
        diagnostic.to_string()
    });
    shown.collect()
}

fn found(nodes: &str) -> Vec<String> {
    found_with(&catalog(), nodes)
}

/// What is found about one expression that is put into text, beside a few other nodes.
fn reads(expression: &str) -> Vec<String> {
    let prompt = format!("x {{{{ {expression} }}}}");
    let prompt = serde_json::to_string(&prompt).unwrap();
    found(&format!(
        "- {{id: file, type: tool, tool_name: read_csv, tool_args: {{path: x}}}}\n\
         - {{id: my-file, type: tool, tool_name: read_csv, tool_args: {{path: x}}}}\n\
         - {{id: ask, type: llm, provider: echo, model: m, prompt: hi, output_schema: {{answer: str}}}}\n\
         - {{id: plain, type: llm, provider: echo, model: m, prompt: hi}}\n\
         - id: test\n  type: condition\n  expression: inputs.n > 3\n  true_path: [{{id: inner, type: tool, tool_name: hello}}]\n\
         - id: par\n  type: parallel\n  branches: [[{{id: left, type: tool, tool_name: hello}}]]\n\
         - id: each\n  type: loop\n  items_source: file.rows\n  body: [{{id: step, type: tool, tool_name: hello}}]\n\
         - {{id: who, type: human, prompt_message: hi, approval_type: input_required, output_schema: {{name: str}}}}\n\
         - {{id: ok, type: human, prompt_message: hi}}\n\
         - {{id: free, type: tool, tool_name: take, output_mappings: {{short: a.b}}}}\n\
         - id: it\n  type: llm\n  provider: echo\n  model: m\n  prompt: {prompt}\n  input_mappings: {{mapped: 3}}\n"
    ))
}

#[test]
fn what_is_in_scope_and_can_be_there_is_read() {
    for expression in [
        "file.rows",
        "file.rows[0].name",
        "file.rows.0.name",
        "nodes['my-file'].rows",
        "ask.answer",
        "ask.text ~ ask.model",
        "plain.response",
        "who.response.name",
        "ok.approved and ok.response == 'approve'",
        "test.result",
        "test.branch_outputs.inner.greeting",
        "par.merged.left.greeting",
        "par.branch_results[0]",
        "each[0].greeting",
        "free.anything.at['all']",
        "free.short",
        "inputs.url",
        "mapped.x",
        "inputs",
        "gone|default('x')",
        "'x' if gone is defined else 'y'",
        "file.rows|length",
        "[r.name for r in file.rows]|length if false else 1",
    ] {
        // Comprehensions are not part of the language: that one is a syntax error, all others are fine.
        let found = reads(expression);
        assert_eq!(found.len(), usize::from(expression.contains(" for ")), "{expression}: {found:?}");
    }
}

#[test]
fn what_is_not_is_told_with_advice() {
    let check = |expression: &str, expected: &str| assert_eq!(reads(expression), [expected], "{expression}");
    check(
        "fil.rows",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `fil.rows`, but nothing named `fil` is in scope; \
         did you mean `file`?",
    );
    check(
        "url",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `url`, but nothing of that name is in scope; \
         `url` is an input: write `inputs.url`",
    );
    check(
        "file.row",
        "warning[UNKNOWN_REFERENCE]: it: prompt: `it` reads `file.row`, which the schema of `file` does not mention; \
         did you mean `rows`?",
    );
    check(
        "file.count.x",
        "error[SCHEMA_MISMATCH]: it: prompt: `it` reads `file.count.x`, but `file.count` is a number",
    );
    check(
        "file.rows.name",
        "error[SCHEMA_MISMATCH]: it: prompt: `it` reads `file.rows.name`, but `file.rows` is a list, \
         which has no named parts",
    );
    check(
        "plain.answer",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `plain.answer`, but `plain` has no `answer`; \
         there are `response`, `prompt`, `model`, `usage`, `text`",
    );
    check(
        "ok.aproved",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `ok.aproved`, but `ok` has no `aproved`; \
         did you mean `approved`?",
    );
    check(
        "ok.response.name",
        "error[SCHEMA_MISMATCH]: it: prompt: `it` reads `ok.response.name`, but `ok.response` is text",
    );
    check(
        "test.branch_outputs.innr",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `test.branch_outputs.innr`, but `test.branch_outputs` \
         has no `innr`; did you mean `inner`?",
    );
    check(
        "inner.greeting",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `inner.greeting`, but nothing named `inner` is in scope; \
         `inner` stands within `test`: depend on `test`, read `test.branch_outputs.inner`",
    );
    check(
        "step",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `step`, but nothing of that name is in scope; \
         `step` stands within `each`: depend on `each`, read `each`",
    );
    check(
        "par.merged.right",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `par.merged.right`, but `par.merged` has no `right`; \
         there are `left`",
    );
    check("it.text", "error[CYCLIC_TOOL_COMPOSITION]: it: prompt: `it` reads its own output");
    check(
        "nodes['mapped']",
        "error[UNKNOWN_REFERENCE]: it: prompt: `it` reads `mapped`, but nothing of that name is in scope",
    );
    check(
        "inputs.ulr",
        "warning[UNKNOWN_REFERENCE]: it: prompt: `it` reads `inputs.ulr`, which the schema of `inputs` does not mention; \
         did you mean `url`?",
    );
}

#[test]
fn names_are_found_in_their_order() {
    // A loop variable hides a mapping, a mapping hides a node, and what hides a node is warned of.
    let nodes = "- {id: row, type: tool, tool_name: hello}\n\
                 - id: each\n  type: loop\n  items_source: inputs.rows\n  item_var: row\n\
                 \x20 body:\n  - {id: it, type: tool, tool_name: hello, tool_args: {name: '{{ row.any }}'}, input_mappings: {row: 3}}\n\
                 \x20 - {id: row, type: tool, tool_name: hello}\n\
                 - {id: m, type: tool, tool_name: hello, tool_args: {name: '{{ each.any }}'}, input_mappings: {each: x}}\n";
    assert_eq!(
        found(nodes),
        [
            "warning[DUPLICATE_ID]: each: item_var: the variable `row` of `each` hides the node of that id within it; \
             give `item_var` or the node another name",
            "warning[DUPLICATE_ID]: each.body.row: id: `row` hides the node of that id in a scope around it; \
             give it another id",
            "warning[DUPLICATE_ID]: each.body.row: id: `row` is hidden by the variable of that name; \
             give it another id",
        ]
    );
}

#[test]
fn a_variable_that_hides_a_node_is_warned_of() {
    let tool = |id: &str| format!("{{id: {id}, type: tool, tool_name: hello}}");
    let nodes = |id: &str, container: &str| found(&format!("- {}\n- {{id: c, {container}}}\n", tool(id)));
    let inner = tool("in");
    for (id, container) in [
        ("item", format!("type: loop, items_source: inputs.rows, body: [{inner}]")),
        ("loop_index", format!("type: loop, items_source: inputs.rows, body: [{inner}]")),
        ("branch_index", format!("type: parallel, branches: [[{inner}]]")),
        ("condition_result", format!("type: condition, expression: inputs.n > 1, true_path: [{inner}]")),
    ] {
        let (place, advice) = if id == "item" {
            ("c: item_var", "`item_var` or the node another name")
        } else {
            ("c", "the node another id")
        };
        assert_eq!(
            nodes(id, &container),
            [format!(
                "warning[DUPLICATE_ID]: {place}: the variable `{id}` of `c` hides the node of that id within it; give {advice}"
            )]
        );
        assert_eq!(nodes("other", &container), [""; 0]);
    }
    let nested = "type: loop, items_source: inputs.rows, body: [{id: d, type: loop, items_source: item, body: \
                  [{id: in, type: tool, tool_name: hello}]}]";
    assert_eq!(nodes("other", nested), [""; 0], "a loop within a loop hides no node");
}

#[test]
fn containers_set_names_for_what_is_nested_in_them_alone() {
    let of = |name: &str| {
        format!("{{id: it, type: tool, tool_name: hello, tool_args: {{name: 'x{{{{ {name} }}}}'}}}}")
    };
    let nodes = |name: &str| {
        found(&format!(
            "- {{id: l, type: loop, items_source: inputs.rows, body: [{it}]}}\n\
             - {{id: p, type: parallel, branches: [[{it}]]}}\n\
             - {{id: c, type: condition, expression: 'true', true_path: [{it}], false_path: [{it}]}}\n",
            it = of(name)
        ))
    };
    let all = ["l.body.it", "p.branches.it", "c.true.it", "c.false.it"];
    for (name, within) in [
        ("item", &["l.body.it"][..]),
        ("loop_index", &["l.body.it"]),
        ("branch_index", &["p.branches.it"]),
        ("condition_result", &["c.true.it", "c.false.it"]),
    ] {
        let unknown = |at: &&str| {
            format!(
                "error[UNKNOWN_REFERENCE]: {at}: tool_args.name: `it` reads `{name}`, but nothing of that name is in scope"
            )
        };
        let expected: Vec<String> = all.iter().filter(|at| !within.contains(at)).map(unknown).collect();
        assert_eq!(nodes(name), expected, "{name}");
    }
}

#[test]
fn what_is_nested_cannot_read_what_it_is_nested_in() {
    let nodes = "- id: each\n  type: loop\n  items_source: inputs.rows\n  body:\n\
                 \x20 - {id: it, type: tool, tool_name: hello, dependencies: [each], tool_args: {name: '{{ each[0].x }}'}}\n\
                 \x20 - {id: to, type: tool, tool_name: hello, input_mappings: {a: {source_node_id: each, source_output_key: .}}}\n";
    assert_eq!(
        found(nodes),
        [
            "warning[CYCLIC_TOOL_COMPOSITION]: each.body.it: dependencies.0: `it` is within `each` and need not depend on it; \
             remove it",
            "error[CYCLIC_TOOL_COMPOSITION]: each.body.it: tool_args.name: `it` reads `each`, but is itself a part of it",
            "error[CYCLIC_TOOL_COMPOSITION]: each.body.to: input_mappings.a.source_node_id: `to` reads `each`, \
             but is itself a part of it",
        ]
    );
}

#[test]
fn circles_through_bodies_are_told() {
    let nodes = "- {id: a, type: tool, tool_name: hello, dependencies: [each]}\n\
                 - id: each\n  type: loop\n  items_source: inputs.rows\n\
                 \x20 body: [{id: it, type: tool, tool_name: hello, tool_args: {name: '{{ a.greeting }}'}}]\n";
    assert_eq!(
        found(nodes),
        ["error[CYCLIC_TOOL_COMPOSITION]: a: cycle: a → each → a; each node needs the next one; \
             remove one of the dependencies or references"]
    );
}

/// What is found about the arguments of one call.
fn takes(tool: &str, arguments: &str) -> Vec<String> {
    found(&format!(
        "- {{id: file, type: tool, tool_name: read_csv, tool_args: {{path: x}}}}\n\
         - {{id: it, type: tool, tool_name: {tool}, tool_args: {arguments}}}\n"
    ))
}

#[test]
fn arguments_that_fit_are_taken() {
    for (tool, arguments) in [
        ("take", "{rows: '{{ file.rows }}', n: '{{ file.count }}'}"),
        ("take", "{rows: '{{ file.rows[:3] }}', n: '{{ file.count + 1 }}'}"),
        ("take", "{rows: ['{{ file.count }}', 3], n: 2.5, more: true}"),
        ("read_csv", "{path: 'a{{ file.count }}.csv', limit: null}"),
        ("read_csv", "{path: '{{ inputs.url }}', limit: 3}"),
        ("take", "{n: \"{{ file.count -}} \\n\"}"),
        ("read_csv", "{path: \"{{ file.count }}\\n\"}"),
        ("hello", "{name: '{{ nodes[\"file\"].rows[0].any }}'}"),
    ] {
        assert_eq!(takes(tool, arguments), [""; 0], "{tool} {arguments}");
    }
}

#[test]
fn arguments_that_cannot_fit_are_told() {
    let check = |tool: &str, arguments: &str, expected: &str| {
        assert_eq!(takes(tool, arguments), [expected], "{tool} {arguments}");
    };
    check(
        "take",
        "{rows: '{{ file.count }}'}",
        "error[SCHEMA_MISMATCH]: it: tool_args.rows: the argument `rows` of the tool `take` is a list, \
         and this is a number",
    );
    check(
        "take",
        "{n: 'about {{ file.count }}'}",
        "error[SCHEMA_MISMATCH]: it: tool_args.n: the argument `n` of the tool `take` is a number, and this is text",
    );
    check(
        "take",
        "{n: \"{{ file.count }}\\n\"}",
        "error[SCHEMA_MISMATCH]: it: tool_args.n: the argument `n` of the tool `take` is a number, and this is text",
    );
    check(
        "take",
        "{n: {x: '{{ file.count }}'}}",
        "error[SCHEMA_MISMATCH]: it: tool_args.n: the argument `n` of the tool `take` is a number, \
         and this is an object",
    );
    check(
        "read_csv",
        "{path: x, limit: 0}",
        "error[SCHEMA_MISMATCH]: it: tool_args.limit: the tool `read_csv` cannot take this `limit`: \
         the number is less than the minimum of 1",
    );
    check(
        "read_csv",
        "{}",
        "error[MISSING_FIELD]: it: tool_args: the tool `read_csv` needs the argument `path`",
    );
    check(
        "read_csv",
        "{path: x, limt: 3}",
        "error[UNKNOWN_FIELD]: it: tool_args.limt: the tool `read_csv` has no argument `limt`; did you mean `limit`?",
    );
}

#[test]
fn a_choice_deep_within_an_argument_is_told_on_its_own_line() {
    let text = "nodes:\n- id: a\n  type: tool\n  tool_name: take\n  tool_args:\n    where:\n    - column: x\n      op: equals\n";
    let found = read(text, Format::Yaml, "t").check(&catalog()).unwrap_err();
    assert_eq!(
        found.to_string(),
        "t:8:11: error[SCHEMA_MISMATCH]: a: tool_args.where.0.op: the tool `take` cannot take this `where`: \
         at 0.op, must be one of `eq`, `ne` (did you mean `eq`?)"
    );
}

#[test]
fn a_mapping_is_not_an_argument() {
    assert_eq!(
        found("- {id: it, type: tool, tool_name: read_csv, input_mappings: {path: x}}\n"),
        ["error[MISSING_FIELD]: it: tool_args: the tool `read_csv` needs the argument `path`; \
             pass the mapping on: `path: \"{{ path }}\"`"]
    );
}

#[test]
fn other_blueprints_are_checked_as_far_as_their_spec_tells() {
    let spec = |name: &str, id: &str, refs: &[&str]| BlueprintSpec {
        name: name.to_owned(),
        blueprint_id: id.parse().unwrap(),
        input_schema: serde_json::from_str(r#"{"n":"int"}"#).unwrap(),
        nodes: vec!["first".parse().unwrap(), "last".parse().unwrap()],
        workflow_refs: refs.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut catalog = catalog();
    catalog.blueprints = vec![
        spec("sub.yaml", "sub", &[]),
        spec("back", "back", &["middle"]),
        spec("middle", "middle", &["back", "me"]),
        spec("me", "own", &["back"]),
    ];
    let check = |nodes: &str, expected: &[&str]| assert_eq!(found_with(&catalog, nodes), expected, "{nodes}");
    check(
        "- {id: w, type: workflow, workflow_ref: sub.yaml, config_overrides: {n: 3}, exposed_outputs: {x: last.y}}\n",
        &[],
    );
    check(
        "- {id: w, type: workflow, workflow_ref: sub.yaml, config_overrides: {n: x, m: 1}, exposed_outputs: {x: lst.y}}\n\
         - {id: e, type: tool, tool_name: hello, tool_args: {name: '{{ w.y }}'}}\n",
        &[
            "error[SCHEMA_MISMATCH]: w: config_overrides.n: the blueprint `sub.yaml` cannot take this `n`: \
             the string is not of type \"integer\"",
            "error[UNKNOWN_FIELD]: w: config_overrides.m: the blueprint `sub.yaml` has no input `m`; there are `n`",
            "error[UNKNOWN_NODE]: w: exposed_outputs.x: the blueprint `sub.yaml` has no node `lst`; did you mean `last`?",
            "error[UNKNOWN_REFERENCE]: e: tool_args.name: `e` reads `w.y`, but `w` has no `y`; there are `x`",
        ],
    );
    check(
        "- {id: w, type: workflow, workflow_ref: sub.yml}\n",
        &[
            "error[UNKNOWN_BLUEPRINT]: w: workflow_ref: there is no blueprint `sub.yml`; did you mean `sub.yaml`?",
        ],
    );
    check(
        "- {id: w, type: workflow, workflow_ref: back}\n",
        &["error[CYCLIC_TOOL_COMPOSITION]: w: workflow_ref: the blueprint would run itself: \
             me → back → middle → me; repeat with a loop or a recursive node"],
    );
}

#[test]
fn loops_need_lists() {
    let check = |source: &str, expected: &[&str]| {
        let nodes = format!(
            "- {{id: file, type: tool, tool_name: read_csv, tool_args: {{path: x}}}}\n\
             - {{id: each, type: loop, items_source: {source}, body: [{{id: x, type: tool, tool_name: hello}}]}}\n"
        );
        assert_eq!(found(&nodes), expected, "{source}");
    };
    check("file.rows", &[]);
    check("'{{ file.rows[1:] }}'", &[]);
    check("inputs.rows", &[]);
    let is_no_list = "error[SCHEMA_MISMATCH]: each: items_source: a loop needs a list, and this is";
    check("file.count", &[&format!("{is_no_list} a number")]);
    check("inputs.url", &[&format!("{is_no_list} text")]);
    check("'{{ file.count }}'", &[&format!("{is_no_list} a number")]);
    check("\"{{ file.rows }}\\n\"", &[]);
    check("' {{ file.rows }}'", &[&format!("{is_no_list} text")]);
    check("'rows: {{ file.rows }}'", &[&format!("{is_no_list} text")]);
    check(
        "'nodes[\"file\"].rows'",
        &[
            "error[TEMPLATE_SYNTAX]: each: items_source: `nodes[\"file\"].rows` is not a name or dotted path; \
           write an expression as a template: `{{ nodes[\"file\"].rows }}`",
        ],
    );
}

#[test]
fn selections_leave_out_what_they_do_not_name() {
    let nodes = |selection: &str, read: &str| {
        found(&format!(
            "- {{id: a, type: tool, tool_name: hello}}\n\
             - {{id: it, type: tool, tool_name: hello, tool_args: {{name: '{{{{ {read} }}}}'}}, {selection}}}\n"
        ))
    };
    assert_eq!(nodes("input_selection: [a]", "a.greeting"), [""; 0]);
    assert_eq!(nodes("input_selection: []", "inputs.url"), [""; 0]);
    assert_eq!(nodes("input_selection: []", "nodes[''a''].greeting"), [""; 0]);
    assert_eq!(
        nodes("input_selection: [m], input_mappings: {m: 3}", "a.greeting"),
        [
            "error[UNKNOWN_REFERENCE]: it: tool_args.name: `it` reads `a.greeting`, but nothing named `a` is in scope; \
             add `a` to `input_selection`: it leaves out what it does not name"
        ]
    );
    assert_eq!(
        nodes("input_selection: [a, bb]", "a.greeting"),
        ["warning[UNKNOWN_REFERENCE]: it: input_selection.1: nothing named `bb` is in scope of `it`"]
    );
    let kept = |output: &str, read: &str| {
        found(&format!(
            "- {{id: a, type: tool, tool_name: take, {output}}}\n\
             - {{id: it, type: tool, tool_name: hello, tool_args: {{name: '{{{{ {read} }}}}'}}}}\n"
        ))
    };
    assert_eq!(kept("output_selection: [x]", "a.x.y"), [""; 0]);
    assert_eq!(kept("output_mappings: {s: x.y}, output_selection: [s]", "a.s"), [""; 0]);
    assert_eq!(kept("output_mappings: {s: x.y}", "a.other"), [""; 0]);
    let expected =
        "error[UNKNOWN_REFERENCE]: it: tool_args.name: `it` reads `a.z`, but `a` has no `z`; there are `x`";
    assert_eq!(kept("output_selection: [x]", "a.z"), [expected]);
}

#[test]
fn output_mappings_lead_into_the_own_output() {
    let check = |node: &str, expected: &[&str]| assert_eq!(found(node), expected, "{node}");
    check("- {id: a, type: tool, tool_name: hello, output_mappings: {g: greeting}}\n", &[]);
    check(
        "- {id: a, type: tool, tool_name: hello, output_mappings: {g: greting}}\n",
        &[
            "error[UNKNOWN_REFERENCE]: a: output_mappings.g: `a` reads `a.greting`, but `a` has no `greting`; \
           did you mean `greeting`?",
        ],
    );
    check(
        "- id: a\n  type: loop\n  items_source: inputs.rows\n  output_mappings: {first: '0'}\n\
         \x20 body: [{id: x, type: tool, tool_name: hello}]\n",
        &[
            "error[SCHEMA_MISMATCH]: a: output_mappings: `output_mappings` need an object, and the output is a list",
        ],
    );
}

#[test]
fn formats_see_their_part_alone() {
    let nodes = |specification: &str| {
        found(&format!(
            "- {{id: a, type: tool, tool_name: hello}}\n\
             - id: it\n  type: llm\n  provider: echo\n  model: m\n  prompt: '{{{{ a }}}}'\n\
             \x20 context_rules: {{a: {{format: custom}}}}\n  format_specifications: {{a: '{specification}'}}\n"
        ))
    };
    assert_eq!(nodes("<{{ value.greeting }} {{ a.greeting }}>"), [""; 0]);
    assert_eq!(
        nodes("{{ inputs.url }}"),
        ["error[UNKNOWN_REFERENCE]: it: format_specifications.a: `it` reads `inputs`, \
             but a format sees only `value`, which is `a`"]
    );
    assert_eq!(
        found(
            "- {id: it, type: llm, provider: echo, model: m, prompt: hi, context_rules: {rows: {include: false}}}\n"
        ),
        ["warning[UNKNOWN_REFERENCE]: it: context_rules.rows: nothing named `rows` is in scope of `it`"]
    );
}

#[test]
fn settings_without_effect_are_told() {
    let nodes = |config: &str| {
        let node =
            format!("{{id: a, type: llm, provider: echo, model: m, prompt: hi, llm_config: {config}}}");
        found(&format!("- {node}\n"))
    };
    assert_eq!(
        nodes("{max_context_tokens: 9}"),
        ["warning[RULE_VIOLATION]: a: llm_config.max_context_tokens: `max_context_tokens` has no effect"]
    );
    let all = "{base_url: 'http://x', max_retries: 3, timeout: 3, presence_penalty: 1, seed: 1}";
    assert_eq!(nodes(all), [""; 0]);
}

#[test]
fn settings_of_calls_are_checked() {
    let nodes = |config: &str| {
        let node =
            format!("{{id: a, type: llm, provider: echo, model: m, prompt: hi, llm_config: {config}}}");
        found(&format!("- {node}\n"))
    };
    assert_eq!(
        nodes("{base_url: 'localhost:8080', max_retries: 11, fallback_models: [{provider: ecco, model: m}]}"),
        [
            "error[RULE_VIOLATION]: a: llm_config.base_url: `localhost:8080` is no address of a server; \
             write it like `http://localhost:8080/v1`",
            "error[OUT_OF_RANGE]: a: llm_config.max_retries: `max_retries` must lie between 0 and 10, not 11",
            "error[UNKNOWN_MODEL]: a: llm_config.fallback_models: there is no provider of models `ecco`; \
             did you mean `echo`?",
        ]
    );
    assert_eq!(
        nodes("{n: 8, custom_parameters: {api_key: x, messages: []}}"),
        [
            "error[RULE_VIOLATION]: a: llm_config.api_key: a blueprint never holds a key: whoever reads it could use it; \
             remove it; keys belong to the configuration of the provider",
            "error[RULE_VIOLATION]: a: llm_config.n: `n` cannot be set as a further setting: \
             it would take the place of what is checked and reserved",
            "error[RULE_VIOLATION]: a: llm_config.custom_parameters: `messages` cannot be set as a further setting: \
             it would take the place of what is checked and reserved",
        ]
    );
    assert_eq!(nodes("{fallback_models: [{model: other}, {provider: echo, model: third}]}"), [""; 0]);
    let many = ["{model: m}"; 9].join(", ");
    assert_eq!(
        nodes(&format!("{{fallback_models: [{many}]}}")),
        ["error[RULE_VIOLATION]: a: llm_config.fallback_models: 9 models are more than 8"]
    );
}

#[test]
fn an_input_schema_needs_something_to_hold_for() {
    let nodes = |kind: &str, mappings: &str| {
        found(&format!("- {{id: a, {kind}, input_schema: {{x: int}}, input_mappings: {mappings}}}\n"))
    };
    let llm = "type: llm, provider: echo, model: m, prompt: hi";
    let condition = "type: condition, expression: 'true'";
    for kind in [llm, condition] {
        assert_eq!(
            nodes(kind, "{}"),
            [
                "warning[RULE_VIOLATION]: a: input_schema: `input_schema` has no effect: `a` has no `input_mappings`; \
                 map what the node is given, or remove it"
            ]
        );
        assert_eq!(nodes(kind, "{x: 1}"), [""; 0]);
    }
    assert_eq!(nodes("type: tool, tool_name: hello", "{}"), [""; 0]);
}

#[test]
fn an_answer_cannot_have_the_fields_every_output_has() {
    let nodes = |schema: &str| {
        found(&format!("- {{id: a, type: llm, provider: echo, model: m, prompt: hi, {schema}}}\n"))
    };
    let lost = |at: &str, name: &str| {
        format!(
            "error[RULE_VIOLATION]: a: {at}.{name}: the answer's field `{name}` would be lost: \
             the output of every llm node has a `{name}`; give it another name, such as `answer_{name}`"
        )
    };
    for name in ["response", "prompt", "model", "usage"] {
        assert_eq!(nodes(&format!("output_schema: {{n: int, {name}: str}}")), [lost("output_schema", name)]);
        let properties = format!("{{type: object, properties: {{{name}: {{type: string}}}}}}");
        let at = "properties";
        assert_eq!(
            nodes(&format!("output_schema: {properties}")),
            [lost(&format!("output_schema.{at}"), name)]
        );
        // The schema that counts is `json_schema`, if there is one.
        assert_eq!(nodes(&format!("json_schema: {properties}")), [lost(&format!("json_schema.{at}"), name)]);
        assert_eq!(nodes(&format!("json_schema: {{n: int}}, output_schema: {properties}")), [""; 0]);
    }
    // An answer may have its own `text`, and `value` is free.
    assert_eq!(nodes("output_schema: {text: str, value: int, answer_model: str}"), [""; 0]);
}

#[test]
fn an_answer_that_is_no_object_stands_under_value() {
    let nodes = |read: &str| {
        found(&format!(
            "- {{id: a, type: llm, provider: echo, model: m, prompt: hi, output_schema: {{type: array, items: {{type: string}}}}}}\n\
             - {{id: it, type: tool, tool_name: take, tool_args: {{rows: '{{{{ {read} }}}}'}}}}\n"
        ))
    };
    assert_eq!(nodes("a.value"), [""; 0]);
    assert_eq!(
        nodes("a.value[0]"),
        ["error[SCHEMA_MISMATCH]: it: tool_args.rows: the argument `rows` of the tool `take` is a list, \
             and this is text"]
    );
}

#[test]
fn a_long_circle_is_shown_in_part() {
    let circle = |count: usize| {
        let node = |at: usize| {
            format!("- {{id: n{at}, type: tool, tool_name: hello, dependencies: [n{}]}}\n", (at + 1) % count)
        };
        let text = format!("nodes:\n{}", (0..count).map(node).collect::<String>());
        let told = read(&text, Format::Yaml, "t").check(&catalog()).unwrap_err().to_string();
        told.split("cycle: ").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    assert_eq!(circle(9), "n0 → n1 → n2 → n3 → n4 → n5 → n6 → n7 → n8 → n0");
    assert_eq!(circle(3_000), "n0 → n1 → n2 → n3 → n4 → … → n2999 → n0 (3000 nodes)");
}

#[test]
fn an_expression_in_braces_is_told_how_to_write_it() {
    let advice = "an expression is written without `{{ }}`";
    for nodes in [
        "- {id: c, type: condition, expression: '{{ true }}', true_path: []}\n",
        "- {id: c, type: condition, expression: ' {{ inputs.rows }} ', true_path: []}\n",
        "- {id: c, type: condition, expression: '{% if true %}x{% endif %}', true_path: []}\n",
    ] {
        let told = found(nodes);
        let syntax: Vec<&String> = told.iter().filter(|told| told.contains("TEMPLATE_SYNTAX")).collect();
        assert!(syntax.len() == 1 && syntax[0].ends_with(advice), "{told:?}");
    }
    let told = found("- {id: c, type: condition, expression: 'true }}', true_path: []}\n");
    assert!(told.iter().all(|told| !told.contains(advice)), "{told:?}");
}
