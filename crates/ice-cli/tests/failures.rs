//! What a run that fails says of the file it was started from.

#[cfg(test)]
mod common;

use common::Desk;

const FLOW: &str = "nodes:
- id: each
  type: loop
  items_source: inputs.items
  body:
  - id: write
    type: llm
    provider: echo
    model: any
    prompt: |
      Grüße,
      {{ 12 / item }} Stück
- id: rows
  type: tool
  tool_name: query_rows
  tool_args:
    rows: [{a: 1}, \"{{ inputs.items.0 }}\"]
- {id: sub, type: workflow, workflow_ref: parts/sub.yaml}
";

const SUB: &str = r#"{"nodes": [
	{"id": "read", "type": "tool", "tool_name": "read_text",
		"tool_args": {"path": "nowhere.txt"}}
]}
"#;

const ARGS: [&str; 4] = ["run", "flow.yaml", "-i", "items=[3, 0, 0]"];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("flow.yaml", FLOW);
    desk.write("parts/sub.yaml", SUB);
    desk
}

#[test]
fn failures_are_drawn_on_the_lines_they_are_about() {
    let given = desk().ice(&ARGS).code(1);
    for block in [
        " --> flow.yaml:12:10
   |
12 |       {{ 12 / item }} Stück
   |          ^^^^^^^^^
",
        ": the input of the tool `query_rows` does not fit: /rows/1: the number is not of type \"object\"
  --> flow.yaml:17:20
   |
17 |     rows: [{a: 1}, \"{{ inputs.items.0 }}\"]
   |                    ^^^^^^^^^^^^^^^^^^^^^^
",
        "error[GRANT_MISSING]: sub.run.read: ",
        " --> parts/sub.yaml:2:9
  |
2 |     {\"id\": \"read\", \"type\": \"tool\", \"tool_name\": \"read_text\",
  |            ^^^^^^
",
        " --> flow.yaml:18:8
   |
18 | - {id: sub, type: workflow, workflow_ref: parts/sub.yaml}
   |        ^^^
",
    ] {
        assert!(given.err.contains(block), "no\n{block}\nin\n{}", given.err);
    }
    // Two items fail at the same place: it is drawn for one, and the other is told in a line.
    assert_eq!(given.err.matches("flow.yaml:12:10").count(), 1, "{}", given.err);
    assert_eq!(
        given.err.matches("body.write: `prompt`: unable to calculate 12 / 0").count(),
        2,
        "{}",
        given.err
    );
}

#[test]
fn the_document_has_the_places_of_failures_too() {
    let desk = desk();
    let args: Vec<&str> = ARGS.into_iter().chain(["--json"]).collect();
    let document = desk.ice(&args).code(1).json();
    let places = |list: &serde_json::Value| {
        let of_one = |found: &serde_json::Value| {
            let position = &found["position"];
            format!("{} {} {}:{}", found["path"], found["field"], position["line"], position["column"])
        };
        let mut places: Vec<String> = list["list"].as_array().unwrap().iter().map(of_one).collect();
        places.sort();
        places
    };
    let diagnostics = document["diagnostics"].as_array().unwrap();
    assert_eq!(diagnostics.len(), 2);
    assert_eq!(diagnostics[0]["source"], "flow.yaml");
    assert_eq!(
        places(&diagnostics[0]),
        [
            r#""each[1].body.write" "prompt" 12:10"#,
            r#""each[2].body.write" "prompt" 12:10"#,
            r#""rows" "tool_args.rows.1" 17:20"#,
            r#""sub" null 18:8"#,
        ]
    );
    assert_eq!(diagnostics[1]["source"], "parts/sub.yaml");
    assert_eq!(places(&diagnostics[1]), [r#""sub.run.read" null 2:9"#]);

    // Who has only the journal has no file to point into.
    let id = document["id"].as_str().unwrap();
    let shown = desk.ice(&["runs", "show", id, "--json"]).code(0).json();
    assert_eq!(shown["failures"], document["failures"]);
    assert!(shown.get("diagnostics").is_none());
    let shown = desk.ice(&["runs", "resume", id]).code(1);
    assert!(!shown.err.contains("flow.yaml:"), "{}", shown.err);
    assert!(shown.err.contains("error[GRANT_MISSING] sub.run.read: "), "{}", shown.err);
}

#[test]
fn a_run_that_another_process_drives_is_told_by_the_file_as_well() {
    let desk = desk();
    let mut worker = desk.start(&["worker"]);
    worker.until_said("ice worker owns");
    desk.ice(&ARGS).code(1).says("--> flow.yaml:12:10").says("--> parts/sub.yaml:2:9");
}

#[test]
fn a_run_that_succeeds_has_no_places() {
    let desk = Desk::new();
    desk.write("hello.yaml", common::HELLO);
    let document = desk.ice(&["run", "hello.yaml", "-i", "name=Ada", "--json"]).code(0).json();
    assert!(document.get("diagnostics").is_none());
}

#[test]
fn what_a_failure_quotes_cannot_draw_over_the_terminal() {
    let desk = Desk::new();
    let path = r#"x\n --> forged.yaml:1:1\u001b[2Jy"#;
    desk.write(
        "a.json",
        &format!(r#"{{"nodes": [{{"id": "a", "type": "tool", "tool_name": "read_text", "tool_args": {{"path": "{path}"}}}}]}}"#),
    );
    let given = desk.ice(&["run", "a.json", "--ro", ".", "--color", "always"]).code(1);
    assert!(given.err.contains("a.json:1:19"), "{}", given.err);
    assert!(!given.err.contains("\u{1b}[2J"), "{:?}", given.err);
}
