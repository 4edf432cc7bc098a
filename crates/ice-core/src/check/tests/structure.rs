//! What a sound blueprint resolves to.

use super::catalog::catalog;
use crate::blueprint::{CodeEngine, CodeLanguage, Format, read};
use crate::check::{Checked, CheckedNode, CheckedScope};
use crate::registry::{CodeSpec, InterpreterSpec};

fn checked(text: &str) -> Checked {
    read(text, Format::Auto, "test").check(&catalog()).unwrap_or_else(|found| panic!("{found}"))
}

/// Ids with what they depend on, nested scopes in brackets.
fn shown(text: &str) -> String {
    fn scope(nodes: &[crate::blueprint::Node], checked: &CheckedScope) -> String {
        assert_eq!(nodes.len(), checked.nodes.len());
        let shown = nodes.iter().zip(&checked.nodes).map(|(node, checked)| {
            let CheckedNode { dependencies, outer, back, repeats, scopes } = checked;
            let mut text = node.id.to_string();
            if !dependencies.is_empty() {
                let ids: Vec<&str> = dependencies.iter().map(|at| nodes[*at].id.as_str()).collect();
                text += &format!("({})", ids.join(" "));
            }
            for outer in outer {
                text += &format!("^{}:{}", outer.levels, outer.index);
            }
            for back in back {
                text += &format!("~{}", nodes[*back].id);
            }
            for again in repeats {
                text += &format!("@{}", nodes[*again].id);
            }
            for ((_, nested), checked) in node.kind.scopes().into_iter().zip(scopes) {
                text += &format!("[{}]", scope(nested, checked));
            }
            text
        });
        shown.collect::<Vec<_>>().join(", ")
    }
    let checked = checked(text);
    scope(&checked.blueprint().nodes, checked.scope())
}

/// What is wrong with nodes, in YAML.
fn found(nodes: &str) -> Vec<String> {
    let found = read(&format!("nodes:\n{nodes}"), Format::Yaml, "t").check(&catalog()).unwrap_err();
    found.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
}

#[test]
fn a_node_without_an_id_is_checked_whole() {
    assert_eq!(
        found(
            "- 3\n\
             - {type: tool, tool_name: helo, tool_args: {name: '{{ qq.x }}', far: '{{ nodes1 }}'}}\n\
             - {type: llm, provider: echo, model: any, temperature: 9, dependencies: [gone]}\n"
        ),
        [
            "2:3: error[WRONG_TYPE]: nodes[0]: expected an object, found the number 3",
            "3:3: error[MISSING_FIELD]: nodes[1]: id: the field `id` is missing",
            "3:27: error[UNKNOWN_TOOL]: nodes[1]: tool_name: there is no tool `helo`; did you mean `hello`?",
            "3:55: error[UNKNOWN_REFERENCE]: nodes[1]: tool_args.name: `nodes[1]` reads `qq.x`, \
             but nothing named `qq` is in scope",
            "3:74: error[UNKNOWN_REFERENCE]: nodes[1]: tool_args.far: `nodes[1]` reads `nodes1`, \
             but nothing of that name is in scope",
            "4:3: error[MISSING_FIELD]: nodes[2]: id: the field `id` is missing",
            "4:3: error[MISSING_FIELD]: nodes[2]: prompt: the field `prompt` is missing",
            "4:56: error[OUT_OF_RANGE]: nodes[2]: temperature: `temperature` must lie between 0 and 2, not 9",
            "4:74: error[UNKNOWN_NODE]: nodes[2]: dependencies.0: `nodes[2]` names the node `gone`, \
             but there is none of that id in scope",
        ]
    );
    // In what is nested as well, told by the place in the document and not by that among what could be read.
    assert_eq!(
        found(
            "- id: par\n  type: parallel\n  branches:\n  - [3]\n  - [true, {type: tool, tool_name: helo}]\n\
             - type: condition\n  expression: inputs.x\n  true_path:\n  - {type: tool, tool_name: helo}\n"
        ),
        [
            "5:6: error[WRONG_TYPE]: par.branches[0].nodes[0]: expected an object, found the number 3",
            "6:6: error[WRONG_TYPE]: par.branches[1].nodes[0]: expected an object, found true",
            "6:12: error[MISSING_FIELD]: par.branches[1].nodes[1]: id: the field `id` is missing",
            "6:36: error[UNKNOWN_TOOL]: par.branches[1].nodes[1]: tool_name: there is no tool `helo`; did you mean `hello`?",
            "7:3: error[MISSING_FIELD]: nodes[1]: id: the field `id` is missing",
            "10:5: error[MISSING_FIELD]: nodes[1].true.nodes[0]: id: the field `id` is missing",
            "10:29: error[UNKNOWN_TOOL]: nodes[1].true.nodes[0]: tool_name: there is no tool `helo`; did you mean `hello`?",
        ]
    );
    // The first dialect names the nodes of a body by their ids, and lists all of them in one list.
    assert_eq!(
        found(
            "- {id: a, type: loop, items_source: x, body_nodes: [b]}\n\
             - {id: b, type: tool, tool_name: hello}\n\
             - {type: tool, tool_name: helo}\n\
             - {type: loop, items_source: x, body_nodes: [zz]}\n"
        ),
        [
            "4:3: error[MISSING_FIELD]: nodes[2]: id: the field `id` is missing",
            "4:27: error[UNKNOWN_TOOL]: nodes[2]: tool_name: there is no tool `helo`; did you mean `hello`?",
            "5:3: error[RULE_VIOLATION]: nodes[3]: body: a loop needs at least one node in its `body`",
            "5:3: error[MISSING_FIELD]: nodes[3]: id: the field `id` is missing",
            "5:46: error[UNKNOWN_NODE]: nodes[3]: body_nodes.0: there is no node `zz`",
        ]
    );
}

#[test]
fn a_node_with_a_bad_id_is_checked_without_a_name() {
    let rule = "is not a valid node id: a letter or `_`, then at most 63 letters, digits, `_` or `-`";
    assert_eq!(
        found(
            "- {id: 9x, type: tool, tool_name: helo, tool_args: {name: '{{ qq.x }}'}, output_schema: {type: strng}}\n\
             - {id: b, type: tool, tool_name: hello, tool_args: {name: \"{{ nodes['9x'].y }}\"}, dependencies: [9x]}\n\
             - {id: c, type: tool, tool_name: hello, tool_args: {name: '{{ 9x.y }}'}}\n"
        ),
        [
            format!("2:8: error[INVALID_ID]: nodes[0]: id: `9x` {rule}"),
            "2:35: error[UNKNOWN_TOOL]: nodes[0]: tool_name: there is no tool `helo`; did you mean `hello`?".to_owned(),
            "2:63: error[UNKNOWN_REFERENCE]: nodes[0]: tool_args.name: `nodes[0]` reads `qq.x`, \
             but nothing named `qq` is in scope"
                .to_owned(),
            "2:89: error[INVALID_SCHEMA]: nodes[0]: output_schema: the schema is not valid at /type: `strng` is no type: \
             write str, int, float, bool, dict, list, list[…] or any"
                .to_owned(),
            "4:64: error[TEMPLATE_SYNTAX]: c: tool_args.name: unexpected identifier, expected end of variable block; \
             `9x` is not a valid id: give its node another one, and write that here"
                .to_owned(),
        ]
    );
    // Of several nodes without a name none is taken for another, and what is nested in them is checked as well.
    let body = "[{id: 'a b', type: tool, tool_name: hello}, {id: deep, type: tool, tool_name: helo}]";
    assert_eq!(
        found(&format!(
            "- {{id: 'a b', type: loop, items_source: inputs.x, body: {body}}}\n\
             - {{id: 'a b', type: tool, tool_name: hello}}\n",
        )),
        [
            format!("2:8: error[INVALID_ID]: nodes[0]: id: `a b` {rule}"),
            format!("2:63: error[INVALID_ID]: nodes[0].body.nodes[0]: id: `a b` {rule}"),
            "2:135: error[UNKNOWN_TOOL]: nodes[0].body.deep: tool_name: there is no tool `helo`; did you mean `hello`?".to_owned(),
            format!("3:8: error[INVALID_ID]: nodes[1]: id: `a b` {rule}"),
        ]
    );
}

#[test]
fn dependencies_come_from_lists_templates_and_mappings() {
    let text = r#"
nodes:
- {id: a, type: tool, tool_name: hello, tool_args: {name: "{{ c.greeting }}"}}
- {id: b, type: tool, tool_name: hello, dependencies: [c, a, c]}
- {id: c, type: tool, tool_name: hello}
- id: d
  type: tool
  tool_name: hello
  tool_args: {name: "{{ prev }} {{ nodes['a'].greeting }}"}
  input_mappings: {prev: {source_node_id: b, source_output_key: greeting}, a: 3}
"#;
    assert_eq!(shown(text), "a(c), b(a c), c, d(a b)");
}

#[test]
fn what_is_nested_reads_outward_and_binds_what_contains_it() {
    let text = r#"
nodes:
- {id: rows, type: tool, tool_name: read_csv, tool_args: {path: x}}
- {id: other, type: tool, tool_name: hello}
- id: each
  type: loop
  items_source: rows.rows
  item_var: row
  body:
  - {id: first, type: tool, tool_name: hello, tool_args: {name: "{{ row.name }} {{ loop_index }}"}}
  - id: test
    type: condition
    expression: "first.greeting != ''"
    true_path:
    - {id: deep, type: tool, tool_name: hello, tool_args: {name: "{{ first.greeting }}{{ other.greeting }}"}}
    false_path:
    - {id: away, type: tool, tool_name: hello, dependencies: [rows]}
- id: par
  type: parallel
  branches:
  - [{id: x, type: tool, tool_name: hello, tool_args: {name: "{{ branch_index }}"}}]
  - [{id: x, type: tool, tool_name: hello}, {id: y, type: tool, tool_name: hello, dependencies: [x]}]
- {id: end, type: tool, tool_name: hello, tool_args: {name: "{{ par.merged.y }} {{ each[0].branch_outputs.deep }}"}}
"#;
    assert_eq!(
        shown(text),
        "rows, other, each(rows other)[first, test(first)^1:0^1:1[deep^1:0^2:1][away^2:0]], \
         par[x][x, y(x)], end(each par)"
    );
}

#[test]
fn a_recursive_node_may_close_a_circle_through_its_sources() {
    let text = r#"
nodes:
- {id: draft, type: tool, tool_name: hello, dependencies: [improve]}
- {id: improve, type: recursive, agent_package: helper, recursive_sources: [draft], dependencies: [draft, start]}
- {id: start, type: tool, tool_name: hello}
"#;
    assert_eq!(shown(text), "draft, improve(draft start)~draft@draft, start");
}

#[test]
fn a_recursive_node_waits_for_its_sources_and_repeats_what_lies_between() {
    let text = r#"
nodes:
- {id: start, type: tool, tool_name: hello}
- {id: draft, type: tool, tool_name: hello, tool_args: {name: "{{ start.greeting }} {{ again.result or note.greeting }}"}}
- {id: check, type: tool, tool_name: hello, tool_args: {name: "{{ draft.greeting }} {{ recursive_context.iteration }}"}}
- {id: again, type: recursive, workflow_ref: other, recursive_sources: [draft], convergence_condition: "again.iterations > 2 and check.greeting and first", dependencies: [start]}
- {id: note, type: tool, tool_name: hello, tool_args: {name: "{{ again.reason }}"}}
- {id: after, type: tool, tool_name: hello, tool_args: {name: "{{ again.result.first }} {{ check.greeting }}"}}
"#;
    assert_eq!(
        shown(text),
        "start, draft(start note), check(draft), again(start draft check)~draft@draft@check@note, note, after(check again)"
    );
}

#[test]
fn circles_beside_the_sources_and_foreign_contexts_are_told() {
    let circle = "\
- {id: draft, type: tool, tool_name: hello}
- {id: other, type: tool, tool_name: hello, dependencies: [again, draft]}
- {id: again, type: recursive, workflow_ref: other, recursive_sources: [draft], dependencies: [other]}
";
    assert_eq!(
        found(circle),
        [
            "3:3: error[CYCLIC_TOOL_COMPOSITION]: other: cycle: other → again → other; a circle through `again` is legal if it \
          leads through its `recursive_sources`; name a node of it there"
        ]
    );
    let foreign = "\
- {id: draft, type: tool, tool_name: hello}
- {id: again, type: recursive, workflow_ref: other, recursive_sources: [draft, again], convergence_condition: again.done}
- id: each
  type: loop
  items_source: inputs.rows
  body: [{id: x, type: tool, tool_name: hello, tool_args: {name: '{{ recursive_context.iteration }}'}}]
";
    assert_eq!(
        found(foreign),
        [
            "3:80: error[RULE_VIOLATION]: again: recursive_sources.1: `again` leads back to itself anyway; name the nodes \
             before it that are run again",
            "3:111: error[UNKNOWN_REFERENCE]: again: convergence_condition: `again` reads `again.done`, but `again` has no \
             `done`; there are `converged`, `reason`, `iterations`, `final_context`, `result`",
            "7:70: error[UNKNOWN_REFERENCE]: each.body.x: tool_args.name: `x` reads `recursive_context`, which only nodes that \
             are run again have; read the recursive node's output, or name the node in `recursive_sources`",
        ]
    );
}

#[test]
fn a_monitor_sees_the_metrics_of_the_run_and_no_others() {
    let monitors = "\
- {id: a, type: monitor, metric_expression: 'run.tokens > 5 and run.nodes > 1'}
- {id: b, type: monitor, metric_expression: 'run.cost_usd > b.checks_performed', alert_channels: [slack, sms]}
- {id: c, type: tool, tool_name: hello, tool_args: {name: '{{ run.tokens }}{{ a.checks }}'}}
";
    let catalog = crate::registry::Catalog {
        alert_channels: Some(vec![crate::blueprint::AlertChannel::Sms]),
        kinds: crate::blueprint::KindName::ALL.to_vec(),
        ..catalog()
    };
    let found = read(&format!("nodes:\n{monitors}"), Format::Yaml, "t").check(&catalog).unwrap_err();
    let found: Vec<String> = found.into_iter().map(|diagnostic| diagnostic.to_string()).collect();
    assert_eq!(
        found,
        [
            "2:65: error[UNKNOWN_REFERENCE]: a: metric_expression: `a` reads `run.nodes`, but `run` has no `nodes`; there are \
             `elapsed_seconds`, `tokens`, `cost_usd`, `nodes_succeeded`, `nodes_failed`, `attempts`",
            "3:61: error[CYCLIC_TOOL_COMPOSITION]: b: metric_expression: `b` reads its own output",
            "3:99: warning[RULE_VIOLATION]: b: alert_channels.0: nobody takes on alerts of the channel `slack`: they are \
             logged, not sent; register who does, or remove the channel",
            "4:63: error[UNKNOWN_REFERENCE]: c: tool_args.name: `c` reads `run.tokens`, but nothing named `run` is in scope",
            "4:79: error[UNKNOWN_REFERENCE]: c: tool_args.name: `c` reads `a.checks`, but `a` has no `checks`; there are \
             `monitoring_active`, `checks_performed`, `triggers_fired`, `alerts_sent`, `action_taken`, `final_status`, \
             `monitoring_duration_seconds`, `metric_evaluated`, …",
        ]
    );
}

#[test]
fn bare_names_of_a_convergence_condition_of_the_first_dialect_are_inputs_only_if_they_are_declared() {
    let text = r#"
schema_version: "1.1.0"
input_schema: {properties: {most: {type: integer}}}
nodes:
- {id: draft, type: tool, tool_name: hello, tool_args: {name: "{recursive_context}"}}
- {id: again, type: recursive, workflow_ref: other, recursive_sources: [draft], convergence_condition: "score > most"}
"#;
    let checked = checked(text);
    let crate::blueprint::NodeKind::Recursive(again) = &checked.blueprint().nodes[1].kind else { panic!() };
    assert_eq!(again.convergence_condition.as_deref(), Some("score > inputs.most"));
}

#[test]
fn the_first_dialect_is_checked_in_its_upgraded_form() {
    let text = r#"
schema_version: "1.1.0"
nodes:
- {id: test, type: condition, expression: "1 > 0", true_branch: [yes], false_branch: [no]}
- {id: yes, type: tool, tool_name: hello}
- {id: no, type: tool, tool_name: hello}
- {id: each, type: loop, items_source: items, body_nodes: [inner, outer], dependencies: [test]}
- {id: outer, type: loop, items_source: item, item_var: part, body_nodes: [leaf], dependencies: [each]}
- {id: inner, type: tool, tool_name: hello, dependencies: [each]}
- {id: leaf, type: tool, tool_name: hello, dependencies: [outer]}
- {id: par, type: parallel, branches: [[p, q], [r]]}
- {id: p, type: tool, tool_name: hello}
- {id: q, type: tool, tool_name: hello, dependencies: [p]}
- {id: r, type: tool, tool_name: hello, dependencies: [yes]}
"#;
    assert_eq!(
        shown(text),
        "test[][], yes(test), no(test), each(test)[inner, outer[leaf]], par(yes)[p, q(p)][r^1:1]"
    );
}

#[test]
fn a_thousand_nodes_in_a_chain_are_checked_without_a_deep_stack() {
    let mut text = String::from("{\"nodes\":[{\"id\":\"n0\",\"type\":\"tool\",\"tool_name\":\"hello\"}");
    for n in 1..20_000 {
        let before = n - 1;
        text += &format!(
            ",{{\"id\":\"n{n}\",\"type\":\"tool\",\"tool_name\":\"hello\",\"dependencies\":[\"n{before}\"]}}"
        );
    }
    text += "]}";
    let checked = checked(&text);
    assert_eq!(checked.scope().nodes[19_999].dependencies, [19_998]);
}

#[test]
fn what_code_names_must_be_there() {
    let mut catalog = catalog();
    let version = semver::Version::new(1, 0, 0);
    let code = |name: &str, language| CodeSpec { name: name.to_owned(), version: version.clone(), language };
    catalog.code = vec![code("sum_up", Some(CodeLanguage::Javascript)), code("fast", None)];
    catalog.interpreters =
        Some(vec![InterpreterSpec { engine: CodeEngine::Process, language: CodeLanguage::Python }]);
    let told = |nodes: &str| -> Vec<String> {
        let reading = read(&format!("nodes:\n{nodes}"), Format::Yaml, "t");
        let told = reading.check(&catalog).map_or_else(|found| found, |checked| checked.warnings().clone());
        told.into_iter().map(|diagnostic| diagnostic.to_string()).collect()
    };
    assert_eq!(
        told(
            "- {id: a, type: code, name: sumup}\n\
             - {id: b, type: code, module: sum_up, engine: wasm}\n\
             - {id: c, type: code, name: fast}\n\
             - {id: d, type: code, module: fast}\n\
             - {id: e, type: code, code: x, module: fast, engine: wasm}\n\
             - {id: f, type: code, code: x, engine: wasm, capabilities: [read_files]}\n"
        )
        .iter()
        .filter(|told| told.contains("error"))
        .collect::<Vec<_>>(),
        [
            "2:29: error[UNKNOWN_CODE]: a: name: no code is registered as `sumup`; did you mean `sum_up`?",
            "3:31: error[UNKNOWN_CODE]: b: module: `sum_up` is registered as source in a language; name it with `name`",
            "4:29: error[UNKNOWN_CODE]: c: name: `fast` is registered as WebAssembly; name it with `module`",
            "5:31: error[RULE_VIOLATION]: d: module: a `module` is WebAssembly, which a process does not run; \
             set `engine: wasm`",
            "6:40: error[RULE_VIOLATION]: e: module: a code node has a `code` or a `module`, not both; remove one of them",
            "7:60: error[RULE_VIOLATION]: f: capabilities: WebAssembly is given no files and no network; \
             remove them, or set `engine: process`",
        ]
    );
    assert_eq!(
        told(
            "- {id: a, type: code, name: sum_up}\n- {id: b, type: code, code: x}\n\
             - {id: c, type: code, code: x, engine: wasm}\n- {id: d, type: code, module: ./x.wasm, engine: wasm}\n\
             - {id: e, type: code, module: fast, engine: wasm}\n"
        ),
        [
            "2:3: warning[INTERPRETER_MISSING]: a: language: this machine has no interpreter of javascript; \
             install it for the whole system, or set `engine: wasm`",
            "4:3: warning[INTERPRETER_MISSING]: c: language: no interpreter of python for WebAssembly is installed; \
             install it, or set `engine: process`",
        ]
    );
}

#[test]
fn an_agent_needs_a_model_its_tools_and_a_version_that_will_do() {
    assert_eq!(
        found(
            "- {id: a, type: agent, package: helpr, model: m}\n\
             - {id: b, type: agent, package: team, agent_attr: lost}\n\
             - {id: c, type: agent, package: helper, version_constraint: '>=2'}\n\
             - {id: d, type: agent, package: team.lost, model: m, tools: [{name: helo, parameters: {}}]}\n\
             - {id: e, type: agent, package: helper, output_schema: {status: str}, memory: {kind: working}}\n"
        ),
        [
            "2:33: error[UNKNOWN_AGENT]: a: package: there is no agent `helpr`; did you mean `helper`?",
            "3:33: error[UNKNOWN_MODEL]: b: package: neither the node nor the agent `team.lost` names a model; set \
             `model`",
            "3:33: error[UNKNOWN_TOOL]: b: package: the agent `team.lost` uses the tool `reed_csv`, which there is not; \
             did you mean `read_csv`?",
            "4:33: error[UNKNOWN_AGENT]: c: package: no version of the agent `helper` meets `>=2`",
            "5:51: error[UNKNOWN_MODEL]: d: model: the provider `openai` has no model `m`; there are `gpt-4o`",
            "5:69: error[UNKNOWN_TOOL]: d: tools.0.name: there is no tool `helo`; did you mean `hello`?",
            "6:65: error[RULE_VIOLATION]: e: output_schema.status: the answer's field `status` would be lost: the output \
             of every agent node has a `status`; give it another name, such as `answer_status`",
            "6:79: warning[RULE_VIOLATION]: e: memory: `memory` has no effect; an agent that is to remember is `memory_aware`",
        ]
    );
    assert_eq!(
        shown(
            "nodes: [{id: a, type: agent, package: helper, agent_attr: other}, {id: b, type: tool, tool_name: take, tool_args: {rows: '{{ a.tool_history }}'}}]"
        ),
        "a, b(a)"
    );
}
