//! An agent of ten rounds, killed at every record: what cannot be repeated is not, whatever runs beside it.

use serde_json::json;

use crate::world::kit;

/// Ten rounds with tools of every effect, one after the other and together, and another agent that works for it.
const LEAD: &str = r#"{"name": "lead", "tools": ["once", "again", "pure", "undoable"], "agents": ["guide"], "ask_person": true,
    "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
        {"tool_calls": [{"name": "pure", "arguments": {"value": 1}}]},
        {"tool_calls": [{"name": "again", "arguments": {"value": 2}}, {"name": "pure", "arguments": {"value": 2}}]},
        {"tool_calls": [{"name": "once", "arguments": {"value": 3}}]},
        {"tool_calls": [{"name": "again"}, {"name": "again", "arguments": {"value": 4}}, {"name": "again", "arguments": {"value": 5}}]},
        {"tool_calls": [{"name": "again", "arguments": {"value": 6}}, {"name": "once", "arguments": {"value": 6}},
                        {"name": "pure", "arguments": {"value": 6}}, {"name": "once", "arguments": {"value": 7}}]},
        {"tool_calls": [{"name": "guide", "arguments": {"task": "Find it."}}, {"name": "pure", "arguments": {"value": 8}}]},
        {"tool_calls": [{"name": "undoable", "arguments": {"value": 9}}, {"name": "ask_person", "arguments": {"question": "Go on?"}},
                        {"name": "pure", "arguments": {"value": 9}}]},
        {"tool_calls": [{"name": "nothing"}, {"name": "again", "arguments": {"value": 10}}]},
        {"tool_calls": [{"name": "once", "arguments": {"value": 11}}, {"name": "once", "arguments": {"value": 12}}]},
        {"text": "Done."}]}}}"#;

const YAML: &str = "nodes:
- {id: a, type: agent, package: lead, memory_aware: true}
- {id: end, type: tool, tool_name: once, tool_args: {value: '{{ a.response }}'}}";

#[test]
fn an_agent_goes_through_all_its_rounds() {
    let ran = kit().answer("a", "yes").agent(LEAD).run(YAML, json!({}));
    ran.succeeded().has("a.status", "success").has("a.iterations", 10).has("a.response", "Done.");
    // Six of its own, and one of the agent that it lets work.
    ran.called("once", 7);
}

#[test]
fn an_agent_that_is_killed_at_any_record_goes_on_and_does_nothing_twice() {
    let report = kit().answer("a", "yes").agent(LEAD).crash_everywhere(YAML, json!({}));
    println!("{report}");
    assert!(report.records > 60 && report.crashes as u64 > 3 * report.records, "{report}");
    assert!(report.unknown > 0 && report.repeated > 0, "{report}");
}

/// A conversation of three turns, which ends with the calls it may make.
const TALKER: &str = r#"{"name": "talker", "tools": ["once", "again"], "limits": {"tool_calls": 3},
    "llm_config": {"provider": "scripted", "model": "m", "script": {"turns": [
        {"text": "Hello."},
        {"tool_calls": [{"name": "once", "arguments": {"value": 1}}, {"name": "again", "arguments": {"value": 1}}]},
        {"text": "Sent."},
        {"tool_calls": [{"name": "once", "arguments": {"value": 2}}]},
        {"text": "Sent again."},
        {"text": "More.", "tool_calls": [{"name": "once", "arguments": {"value": 3}}]}]}}}"#;

const TALK: &str = "nodes: [{id: a, type: agent, package: talker, multi_turn: true, memory_aware: true, agent_config: {task: Hi}}]";

#[test]
fn a_conversation_that_is_killed_at_any_record_goes_on_and_does_nothing_twice() {
    let ran = kit().answer("a", "Go on.").agent(TALKER).run(TALK, json!({}));
    ran.succeeded()
        .has("a.status", "max_tool_calls_reached")
        .has("a.response", "More.")
        .has("a.iterations", 6);
    ran.called("once", 2);
    let report = kit().answer("a", "Go on.").agent(TALKER).crash_everywhere(TALK, json!({}));
    println!("{report}");
    assert!(report.records > 25 && report.crashes as u64 > 3 * report.records, "{report}");
}

/// An answer that does not follow its schema, and one that does.
const COUNTER: &str = r#"{"turns": [{"text": "Three."}, {"json": {"n": 3}}]}"#;

#[test]
fn an_answer_that_is_mended_survives_a_crash_at_any_record() {
    let yaml = format!(
        "nodes:
- {{id: a, type: llm, provider: scripted, model: m, prompt: How many?, output_schema: {{n: int}}, llm_config: {{script: {COUNTER}}}}}
- {{id: end, type: tool, tool_name: once, tool_args: {{value: '{{{{ a.n }}}}'}}, dependencies: [a]}}"
    );
    kit().run(&yaml, json!({})).succeeded().has("a.n", 3);
    let report = kit().crash_everywhere(&yaml, json!({}));
    println!("{report}");
    assert!(report.records > 6, "{report}");
}
