//! `ice memory`, and runs that remember: through the binary, as owner and as client, killed in between.

#[cfg(test)]
mod common;

use common::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};

/// Writes what it is told into memory, reads it again and sums up.
const NOTE: &str = r#"
blueprint_id: note
nodes:
  - id: write
    type: tool
    tool_name: memory_write
    tool_args: {key: "{{ inputs.key }}", content: "{{ inputs.text }}", tags: [note], about: [Ada]}
  - id: read
    type: tool
    tool_name: memory_read
    tool_args: {key: "{{ inputs.key }}"}
    dependencies: [write]
  - {id: rest, type: tool, tool_name: sleep, tool_args: {seconds: "{{ inputs.seconds | default(0) }}"}, dependencies: [read]}
"#;

/// A model that says of what it was told, and is aware of memory.
const AWARE: &str = r#"
blueprint_id: aware
nodes:
  - id: say
    type: llm
    provider: scripted
    model: script
    memory_aware: true
    prompt: "{{ inputs.q }}"
    llm_config:
      provider: scripted
      model: script
      script:
        turns:
          - {when: {anywhere: is a secret}, times: always, text: a secret}
          - {when: {anywhere: closed on Sundays}, times: always, text: the harbour}
          - {when: {anywhere: '"asked":"Hello there"'}, times: always, text: the session}
          - {times: always, text: nothing}
"#;

#[cfg(test)]
fn keys(entries: &Value) -> Vec<&str> {
    entries.as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap()).collect()
}

#[test]
fn what_is_put_is_found_listed_shown_counted_and_forgotten() {
    let desk = Desk::new();
    desk.ice(&["memory", "list"]).code(0).says("nothing is remembered");
    desk.ice(&["memory", "stats"]).code(0).says("nothing is remembered yet");
    assert_eq!(desk.ice(&["memory", "search", "x", "--json"]).code(0).json(), json!([]));
    let put =
        desk.ice(&["memory", "put", "The harbour is closed", "--key", "harbour", "--tag", "sea"]).code(0);
    put.says("remembered in semantic memory, scope default: about 6 tokens");
    let second = ["memory", "put", "The harbour is open", "--key", "harbour", "--about", "Ada", "--json"];
    let entry = desk.ice(&second).code(0).json();
    assert_eq!((&entry["key"], &entry["account"]["estimated"]), (&json!("harbour"), &json!(true)));
    assert!(entry["source"]["source"].as_str().unwrap().starts_with("cli:"), "{entry}");
    desk.ice(&["memory", "put", "Row.", "--kind", "procedural", "--scope", "team"]).code(0);

    let found = desk.ice(&["memory", "search", "harbour", "--json"]).code(0).json();
    assert_eq!(found[0]["entry"]["id"], entry["id"]);
    let shown = desk.ice(&["memory", "search", "harbour"]).code(0).out;
    assert!(shown.contains("harbour") && shown.contains("The harbour is open"), "{shown}");
    assert_eq!(
        keys(&desk.ice(&["memory", "list", "--json", "--scope", "default"]).code(0).json()),
        ["harbour"]
    );
    let listed = desk.ice(&["memory", "list"]).code(0).out;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let history = desk.ice(&["memory", "show", "harbour", "--history", "--json"]).code(0).json();
    let texts: Vec<_> = history.as_array().unwrap().iter().map(|entry| entry["content"].clone()).collect();
    assert_eq!(texts, ["The harbour is open", "The harbour is closed"]);
    let before = history[1]["until"].as_str().unwrap();
    let learned = history[1]["learned"].as_str().unwrap();
    let then = desk.ice(&["memory", "show", "harbour", "--as-of", learned, "--json"]).code(0).json();
    let expected = if before == learned { &history[0]["content"] } else { &history[1]["content"] };
    assert_eq!(&then[0]["content"], expected);
    let human = desk.ice(&["memory", "show", "harbour"]).code(0).out;
    assert!(human.contains("about Ada") && human.ends_with("The harbour is open\n"), "{human}");
    let stats = desk.ice(&["memory", "stats", "--json"]).code(0).json();
    assert_eq!(
        (&stats[0]["scope"], &stats[0]["kind"], &stats[0]["entries"]),
        (&json!("default"), &json!("semantic"), &json!(1))
    );
    assert_eq!((&stats[0]["past_entries"], &stats[0]["guarantee"]), (&json!(1), &json!("durable")));

    desk.ice(&["memory", "forget", "--scope", "team"])
        .code(2)
        .says("this would forget 1 entry")
        .says("--yes");
    assert_eq!(
        desk.ice(&["memory", "forget", "--scope", "team", "--dry-run", "--json"]).code(0).json()["entries"],
        1
    );
    desk.ice(&["memory", "forget", "--scope", "team", "--yes"]).code(0);
    assert_eq!(desk.ice(&["memory", "forget", "harbour", "--json"]).code(0).json()["entries"], 1);
    desk.ice(&["memory", "show", "harbour"]).code(1).says("error[MEMORY_NOT_FOUND]").says("ice memory list");
    assert_eq!(
        desk.ice(&["memory", "forget", "--person", "ada", "--yes", "--json"]).code(0).json()["entries"],
        1
    );
}

#[test]
fn odd_input_is_told_and_remembers_nothing() {
    let desk = Desk::new();
    desk.ice(&["memory", "put", "  "]).code(2).says("the text is empty");
    desk.ice(&["memory", "put", "x", "--kind", "sematic"]).code(2).says("kind of memory");
    desk.ice(&["memory", "put", "x", "--importance", "11"])
        .code(1)
        .says("error[MEMORY_INVALID]")
        .says("between 0 and 10");
    desk.ice(&["memory", "put", "{", "--parse"]).code(2).says("the text is no JSON");
    desk.ice(&["memory", "search", "x", "--as-of", "yesterday"]).code(2).says("2026-01-31");
    desk.ice(&["memory", "forget"]).code(2);
    desk.ice(&["memory", "import", "none.jsonl"]).code(2).says("none.jsonl");
    desk.write("wrong.jsonl", "{\"no\": 1}\n");
    desk.ice(&["memory", "import", "wrong.jsonl"]).code(1).says("line 1 of the import");
    assert_eq!(desk.ice(&["memory", "list", "--json"]).code(0).json(), json!([]));
}

#[test]
fn the_file_of_memory_sets_budgets_and_what_is_wrong_in_it_is_told_with_its_place() {
    let desk = Desk::new();
    desk.write("memory.toml", "[budgets.small]\nentries = 1\n");
    let with_file = |words: &[&str]| {
        let mut command = desk.command(words);
        common::given(command.env("ICE_MEMORY", desk.path("memory.toml")).output().unwrap())
    };
    with_file(&["memory", "put", "one", "--scope", "small"]).code(0);
    with_file(&["memory", "put", "two", "--scope", "small"])
        .code(1)
        .says("error[BUDGET_EXCEEDED]")
        .says("scope small");
    desk.write("memory.toml", "[semantic]\nguarante = \"durable\"\n");
    with_file(&["memory", "list"]).code(1).says("memory.toml:2:1").says("did you mean `guarantee`?");
    desk.write("memory.toml", "[working]\nguarantee = \"durable\"\n");
    with_file(&["memory", "put", "x", "--kind", "working"])
        .code(1)
        .says("error[MEMORY_GUARANTEE]")
        .says("it offers");
    // Found by meaning, with the embedder that needs nobody.
    let hash = "[semantic]\nguarantee = \"vectorised\"\nembedding_provider = \"hash\"\nembedding_dim = 256\n";
    desk.write("memory.toml", hash);
    with_file(&["memory", "put", "Negotiating prices takes patience"]).code(0);
    let found = with_file(&["memory", "search", "negotiation of a price"]).code(0).out;
    assert!(found.contains("takes patience"), "{found}");
    desk.write("memory.toml", "[semantic]\nguarantee = \"vectorised\"\nembedding_provider = \"acme\"\n");
    with_file(&["memory", "put", "x"]).code(1).says("this program knows `hash`, `openai` and `ollama`");
}

#[test]
fn a_run_remembers_in_the_scopes_that_it_was_granted_and_its_writes_can_be_taken_back() {
    let desk = Desk::new();
    desk.write("note.yaml", NOTE);
    let run = ["run", "note.yaml", "-i", "key=fact:a", "-i", "text=first", "--json"];
    let refused = desk.ice(&run).code(1).json();
    assert_eq!(refused["failure"]["code"], "GRANT_MISSING", "{refused}");
    let read_only = desk.ice(&[&run[..], &["--memory", "kb:ro"]].concat()).code(1).json();
    assert_eq!(read_only["failure"]["code"], "GRANT_MISSING", "{read_only}");
    desk.ice(&["memory", "put", "before", "--key", "fact:a", "--scope", "kb"]).code(0);
    let done = desk.ice(&[&run[..], &["--memory", "kb"]].concat()).code(0).json();
    let entry = &done["output"]["read"]["entry"];
    assert_eq!(
        (&entry["content"], &entry["run"], &entry["node"]),
        (&json!("first"), &done["id"], &json!("write"))
    );
    assert_eq!(done["options"]["grants"]["memory"], json!(["kb"]), "{done}");
    let listed = desk.ice(&["memory", "list", "--run", "last", "--json"]).code(0).json();
    assert_eq!(keys(&listed), ["fact:a"]);
    desk.ice(&["memory", "forget", "--run", "last"]).code(2).says("this would forget 1 entry");
    desk.ice(&["memory", "forget", "--run", "last", "--yes"]).code(0).says("");
    let again = desk.ice(&["memory", "show", "fact:a", "--json"]).code(0).json();
    assert_eq!((again.as_array().unwrap().len(), &again[0]["content"]), (1, &json!("before")));
}

#[test]
fn a_node_that_is_aware_of_memory_is_told_its_session_and_what_fits_in_granted_scopes() {
    let desk = Desk::new();
    desk.write("aware.yaml", AWARE);
    desk.ice(&["memory", "put", "The harbour is closed on Sundays.", "--key", "harbour", "--scope", "kb"])
        .code(0);
    desk.ice(&["memory", "put", "The harbour is a secret.", "--scope", "other"]).code(0);
    let run = |words: &[&str]| {
        let all = [&["run", "aware.yaml", "--json", "-i", "session=ada"], words].concat();
        desk.ice(&all).code(0).json()["output"]["say"]["text"].clone()
    };
    assert_eq!(run(&["-i", "q=Hello there"]), "nothing");
    assert_eq!(run(&["-i", "q=When is the harbour closed?"]), "the session");
    assert_eq!(run(&["-i", "q=When is the harbour closed?", "--memory", "kb:ro"]), "the harbour");
    let replayed = desk.ice(&["runs", "replay", "last"]).code(0);
    assert!(!replayed.err.contains("diverge"), "{replayed:#?}");
    let sessions =
        desk.ice(&["memory", "list", "--scope", "sessions", "--about", "ada", "--json"]).code(0).json();
    assert_eq!(sessions.as_array().unwrap().len(), 3, "{sessions}");
}

#[test]
fn what_a_killed_process_acknowledged_is_there_and_a_call_writes_once() {
    let desk = Desk::new();
    desk.write("note.yaml", NOTE);
    let words =
        ["run", "note.yaml", "-i", "key=fact:a", "-i", "text=kept", "-i", "seconds=60", "--memory", "kb"];
    let mut running = desk.start(&words);
    let id = running.run_id();
    running.until_said("read");
    // As a client of the process that is going to die.
    desk.ice(&["memory", "put", "of a client", "--key", "client", "--scope", "kb"]).code(0);
    running.signal(Signal::KILL);
    running.finish();
    let listed = desk.ice(&["memory", "list", "--scope", "kb", "--json"]).code(0).json();
    let mut found = keys(&listed);
    found.sort_unstable();
    assert_eq!(found, ["client", "fact:a"]);
    let history = desk.ice(&["memory", "show", "fact:a", "--history", "--json"]).code(0).json();
    assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
    desk.ice(&["runs", "cancel", &id]).code(0);
}

#[test]
fn two_processes_write_at_once_and_nothing_is_lost() {
    let desk = Desk::new();
    let mut worker = desk.start(&["worker"]);
    worker.until_said("worker");
    let commands: Vec<_> = (0..8)
        .map(|number| {
            let text = format!("text {number}");
            desk.start(&["memory", "put", &text, "--key", &format!("k{}", number % 4)])
        })
        .collect();
    commands.into_iter().for_each(|command| {
        command.finish().code(0);
    });
    let listed = desk.ice(&["memory", "list", "--json"]).code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 4);
    let stats = desk.ice(&["memory", "stats", "--json"]).code(0).json();
    assert_eq!((&stats[0]["entries"], &stats[0]["past_entries"]), (&json!(4), &json!(4)));
    worker.signal(Signal::TERM);
    worker.finish();
}

#[test]
fn memory_goes_from_one_data_folder_to_another_in_a_file() {
    let (here, there) = (Desk::new(), Desk::new());
    for number in 0..5 {
        here.ice(&["memory", "put", &format!("text {number}"), "--key", &format!("k{number}")]).code(0);
    }
    here.ice(&["memory", "put", "newer", "--key", "k0"]).code(0);
    here.ice(&["memory", "export", "all.jsonl", "--past"]).code(0).says("exported");
    here.ice(&["memory", "export", "all.jsonl"]).code(2).says("is there already");
    let lines = here.read("all.jsonl");
    assert_eq!(lines.lines().count(), 7);
    there.write("all.jsonl", &lines);
    let imported = there.ice(&["memory", "import", "all.jsonl", "--json"]).code(0).json();
    assert_eq!(imported, json!({"added": 6, "skipped": 0}));
    let again = there.ice(&["memory", "import", "all.jsonl", "--json"]).code(0).json();
    assert_eq!(again, json!({"added": 0, "skipped": 6}));
    let history = there.ice(&["memory", "show", "k0", "--history", "--json"]).code(0).json();
    assert_eq!(history.as_array().unwrap().len(), 2);
    let out = there.ice(&["memory", "export", "--scope", "default"]).code(0).out;
    assert_eq!(out.lines().count(), 6);
}
