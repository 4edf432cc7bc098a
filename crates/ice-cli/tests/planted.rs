//! Values that must not be seen, planted into all that a run takes and gives, and looked for in everything that comes out of it and
//! in every file that it leaves. With redaction switched off the same look finds them: a test that could not fail would say nothing.
//! The command has no recorder of metrics, so that nothing of them comes out of it; their labels are names and codes.
#![cfg(all(target_os = "linux", feature = "otel"))]

#[cfg(test)]
mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{Desk, Given, given, project};
use serde_json::{Value, json};

/// Of persons: what stands for it in texts, and what must not be seen of it.
const PERSONS: [(&str, &str); 10] = [
    ("write to ada.planted@example.org", "ada.planted@example.org"),
    ("call +49 30 90182055", "90182055"),
    ("card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("account DE89 3704 0044 0532 0130 00", "3704 0044 0532"),
    ("born on 12 April 1985", "12 April 1985"),
    ("Dear Mrs Grace Plantedson, hello", "Plantedson"),
    ("asked from 81.2.69.142", "81.2.69.142"),
    ("my SSN is 508-62-0138", "508-62-0138"),
    // Of a stream the number and the name have passed when the word for the street comes, but not all of it.
    ("lives at 42 Plantview Road, London", "42 Plantview Road"),
    ("see https://grace:pl4nt3dw0rd@files.example.org/x", "pl4nt3dw0rd"),
];

/// Secrets that are known: by a variable of models, of a collector, and granted to a run.
const KEY: &str = "kn0wn-7f3a9c1e5b2d8840";
const COLLECTOR: &str = "c0llector-9d8c7b6a5f4e";
const GRANTED: &str = "gr4nted-5e4d3c2b1a09";
/// Secrets in the formats of services, which nobody has said to be secret.
const FORMATS: [&str; 2] = [
    "ghp_PLANTED0123456789abcdefghij012345678",
    "sk-ant-api03-PLANTED0123456789abcdefghijklmnopqrstuvwxyz0123456789",
];

/// How a data folder is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    /// Journals are exact, so that what nobody has said to be secret stands in the files.
    Clear,
    /// Nothing at all that is planted stands in the files.
    Sealed,
}

#[cfg(test)]
fn note() -> String {
    let persons = PERSONS.map(|(said, _)| said).join("; ");
    format!("{persons}; use {} or {} now", FORMATS[0], FORMATS[1])
}

/// What must be seen nowhere, by what it is.
#[cfg(test)]
fn planted() -> Vec<&'static str> {
    let persons = PERSONS.iter().map(|(_, planted)| *planted);
    persons.chain(FORMATS).chain([KEY, COLLECTOR, GRANTED]).collect()
}

#[cfg(test)]
fn found_in(text: &str) -> BTreeSet<&'static str> {
    planted().into_iter().filter(|planted| text.contains(planted)).collect()
}

/// What stands in the files of a folder, by file.
#[cfg(test)]
fn found_under(folder: &Path) -> Vec<(String, BTreeSet<&'static str>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(found_under(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let in_it: BTreeSet<_> = planted()
                .into_iter()
                .filter(|planted| bytes.windows(planted.len()).any(|window| window == planted.as_bytes()))
                .collect();
            if !in_it.is_empty() {
                found.push((path.display().to_string(), in_it));
            }
        }
    }
    found
}

/// A server that reads requests and answers each; it ends with the process of the tests.
#[cfg(test)]
fn serve(
    answer: impl Fn(&str, &[u8]) -> (&'static str, &'static str, String) + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || while one(stream.as_ref().unwrap(), &*answer).is_some() {});
        }
    });
    port
}

/// Takes one request and answers it.
#[cfg(test)]
fn one(
    mut stream: &TcpStream,
    answer: &(impl Fn(&str, &[u8]) -> (&'static str, &'static str, String) + ?Sized),
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = said.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, kind, text) = answer(&first, &body);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    None
}

/// A model that says all that is planted, in pieces that cut it; asked at `/broken` it refuses, and tells the key it was asked with.
/// What it was asked is kept.
#[cfg(test)]
fn model(asked: Arc<Mutex<String>>) -> u16 {
    serve(move |first, body| {
        asked.lock().unwrap().push_str(&String::from_utf8_lossy(body));
        if first.contains("/broken") {
            let error =
                json!({"error": {"message": format!("the key {KEY} of ada.planted@example.org is no good")}});
            return ("401 Unauthorized", "application/json", error.to_string());
        }
        let said = format!("{}; the key is {KEY}.", note());
        let signs: Vec<char> = said.chars().collect();
        let mut text = String::new();
        for piece in signs.chunks(7) {
            let piece: String = piece.iter().collect();
            let choice = json!({"index": 0, "delta": {"content": piece}, "finish_reason": null});
            write!(text, "data: {}\n\n", json!({"model": "m", "choices": [choice]})).unwrap();
        }
        let end = json!({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
        write!(text, "data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n").unwrap();
        ("200 OK", "text/event-stream", text)
    })
}

const WORKFLOW: &str = r#"
metadata: {draft_name: Planted}
input_schema: {note: str}
nodes:
  - {id: ask, type: llm, provider: local, model: m, prompt: "What of {{ inputs.note }}?", memory_aware: true}
  - {id: bad, type: llm, provider: broken, model: m, prompt: "And of {{ inputs.note }}?"}
  - {id: probe, type: tool, tool_name: probe, tool_args: {note: "{{ inputs.note }}"}}
  - {id: breaks, type: tool, tool_name: breaks, tool_args: {note: "{{ inputs.note }}"}}
  - {id: leaked, type: tool, tool_name: read_text, tool_args: {path: leaked.txt}}
  - {id: missing, type: tool, tool_name: read_text, tool_args: {path: "none of {{ inputs.note }}"}}
  - id: code
    type: code
    dependencies: [probe]
    code: |
      import sys
      print(inputs["probe"]["note"], file=sys.stderr)
      output = [inputs["probe"]["note"]]
  - id: keep
    type: tool
    tool_name: memory_write
    tool_args: {content: "{{ inputs.note }}", key: "note of ada.planted@example.org", tags: ["to ada.planted@example.org"], about: ["ada.planted@example.org"]}
  - {id: found, type: tool, tool_name: memory_search, tool_args: {query: "{{ inputs.note }}"}, dependencies: [keep]}
  - {id: person, type: human, prompt_message: "May this be sent: {{ inputs.note }}", escalation_path: ada.planted@example.org, timeout_seconds: 100000}
"#;

/// A person whose everything is planted, and all that came out of what they did.
struct Planted {
    desk: Desk,
    variables: Vec<(&'static str, String)>,
    /// What commands wrote and spans held.
    seen: String,
    spans: Arc<Mutex<Vec<u8>>>,
    asked: Arc<Mutex<String>>,
}

/// What starts the workflow with an input.
#[cfg(test)]
fn run(input: &str) -> Vec<&str> {
    let words = "run planted.yaml --ro files --memory notes --secret TOKEN=env:PLANTED_TOKEN -i";
    words.split(' ').chain([input]).collect()
}

#[cfg(test)]
impl Planted {
    fn new(policy: &str) -> Self {
        Self::with(policy, Folder::Clear)
    }

    fn with(policy: &str, folder: Folder) -> Self {
        let desk = Desk::new();
        let (spans, asked) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<String>>::default());
        let into = Arc::clone(&spans);
        let sink = serve(move |_, body| {
            into.lock().unwrap().extend_from_slice(body);
            ("200 OK", "application/x-protobuf", String::new())
        });
        let port = model(Arc::clone(&asked));
        let provider = |name: &str, path: &str| {
            format!(
                "[providers.{name}]\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/{path}\"\n\
                 api_key = \"env:PLANTED_KEY\"\n"
            )
        };
        desk.write("models.toml", &format!("{}{}", provider("local", "v1"), provider("broken", "broken/v1")));
        desk.write("redaction.toml", policy);
        desk.write("planted.yaml", WORKFLOW);
        desk.write("files/leaked.txt", &format!("the key {KEY}; {}", note()));
        let tool = |name: &str| {
            format!(
                "name: {name}\nversion: 1.0.0\ndescription: Says it.\ncommand: [python3, ./{name}.py]\nprofile: python\n\
                 effect: pure\nsecrets: {{TOKEN: variable}}\n"
            )
        };
        let begin = "import json, os, sys\nnote = json.load(sys.stdin)['note']\ntoken = os.environ.get('TOKEN', '')\n";
        desk.write("tools/probe.yaml", &tool("probe"));
        desk.write("tools/breaks.yaml", &tool("breaks"));
        desk.write("tools/probe.py", &format!("{begin}print(note, token, file=sys.stderr)\njson.dump({{'note': note, 'token': token}}, sys.stdout)\n"));
        desk.write("tools/breaks.py", &format!("{begin}print(note, token, file=sys.stderr)\nsys.exit(3)\n"));
        let home = |name: &str| desk.path(name).display().to_string();
        let mut variables = vec![
            ("ICE_MODELS", home("models.toml")),
            ("ICE_REDACTION", home("redaction.toml")),
            ("ICE_TOOLS", home("tools")),
            ("PLANTED_KEY", KEY.to_owned()),
            ("PLANTED_TOKEN", GRANTED.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{sink}")),
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{COLLECTOR}")),
            ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true".to_owned()),
        ];
        if folder == Folder::Sealed {
            desk.ice(&["seal", "key", &home("seal.key")]).code(0);
            variables.push(("ICE_SEAL_KEY", format!("file:{}", home("seal.key"))));
        }
        Self { desk, variables, seen: String::new(), spans, asked }
    }

    fn quiet(&self, words: &[&str]) -> Given {
        let mut command = self.desk.command(words);
        command
            .current_dir(self.desk.path(""))
            .envs(self.variables.iter().map(|(name, value)| (*name, value)));
        given(command.output().unwrap())
    }

    /// Does something, and keeps all that came out, in JSON and as text, with and without logs of everything.
    fn ice(&mut self, words: &[&str]) -> Given {
        self.variables.push(("ICE_LOG", "json,debug".to_owned()));
        let done = self.quiet(words);
        self.variables.pop();
        write!(self.seen, "{}{}", done.out, done.err).unwrap();
        done
    }

    /// The whole of it: the workflow and the examples, and every way to look at them.
    fn live(&mut self) {
        let input = format!("note={}", note());
        let asked = self.ice(&run(&input));
        assert!(asked.code == Some(4), "{asked:#?}");
        let comment = note();
        let answered = self.ice(&["runs", "answer", "last", "approve", "--comment", &comment]);
        assert!(answered.code == Some(1), "nodes of it fail, so that it does: {answered:#?}");
        for example in ["hello", "remember", "invite"] {
            let path = project().join(format!("examples/{example}.yaml")).display().to_string();
            let inputs = match example {
                "hello" => vec![format!("name={}", note())],
                "remember" => vec![format!("note={}", note()), format!("question={}", note())],
                _ => vec![format!("guests={}", json!([note()]))],
            };
            let words = inputs.iter().flat_map(|input| ["-i", input]);
            let words: Vec<&str> = ["run", &path, "--memory", "notes"].into_iter().chain(words).collect();
            self.ice(&words).code(0);
        }
        let path = project().join("examples/expense.yaml").display().to_string();
        self.ice(&["run", &path, "-i", "amount=340", "-i", &format!("what={}", note())]).code(4);
        self.ice(&["runs", "answer", "last", "reject"]).code(0);
        self.ice(&["chat", "--model", "local/m", "--message", &note()]).code(0);
        self.ice(&[
            "memory",
            "put",
            &note(),
            "--key",
            "of ada.planted@example.org",
            "--about",
            "ada.planted@example.org",
        ])
        .code(0);
        self.desk.write("notes.txt", &note());
        let taken =
            self.ice(&["memory", "ingest", "notes.txt", "--about", "ada.planted@example.org", "--json"]);
        assert_eq!(taken.code(0).json()["documents"]["new"], json!(1));
        self.look();
    }

    /// Looks at everything there is.
    fn look(&mut self) {
        let listed = self.ice(&["runs", "list", "--json"]).json();
        let runs: Vec<String> =
            listed.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(runs.len(), 6, "{runs:?}");
        for run in &runs {
            for words in [
                &["runs", "show"][..],
                &["runs", "show", "--json"],
                &["runs", "events"],
                &["runs", "events", "--json"],
                &["runs", "replay"],
            ] {
                let words: Vec<&str> = [&words[..2], &[run.as_str()], &words[2..]].concat();
                self.ice(&words);
            }
            self.ice(&["runs", "export", run, "-", "--redacted"]).code(0);
        }
        for words in [
            &["runs", "list"][..],
            &["runs", "diff", &runs[0], &runs[1]],
            &["memory", "list"],
            &["memory", "list", "--json"],
            &["memory", "search", "planted", "--json"],
            &["memory", "show", "of ada.planted@example.org", "--json"],
            &["memory", "stats"],
            &["memory", "export", "-"],
        ] {
            self.ice(words);
        }
    }

    /// What was seen, with the spans.
    fn all(&self) -> String {
        format!("{}{}", self.seen, String::from_utf8_lossy(&self.spans.lock().unwrap()))
    }

    /// Where something stands that was found, for whoever mends it.
    fn around(&self, planted: &str) -> String {
        let all = self.all();
        let at = all.find(planted).unwrap();
        let (from, to) = (
            all.floor_char_boundary(at.saturating_sub(600)),
            all.ceil_char_boundary((at + 200).min(all.len())),
        );
        all[from..to].to_owned()
    }
}

const STRICT: &str =
    "outputs = true\n[views]\nbase = \"strict\"\n[memory]\nbase = \"strict\"\n[prompts]\nbase = \"strict\"\n";

#[test]
fn nothing_that_is_planted_is_seen_and_no_known_secret_is_kept() {
    nothing_is_seen(Folder::Clear);
}

#[test]
fn of_what_is_planted_nothing_is_seen_and_nothing_is_in_the_files_of_a_sealed_folder() {
    nothing_is_seen(Folder::Sealed);
}

#[cfg(test)]
fn nothing_is_seen(folder: Folder) {
    let mut planted = Planted::with(STRICT, folder);
    planted.live();
    let seen = found_in(&planted.all());
    let first = seen.first().map(|found| planted.around(found));
    assert!(seen.is_empty(), "{seen:?} are seen, the first one here: {first:?}");
    assert!(planted.all().contains("[redacted: email]") && planted.all().contains("[redacted: secret]"));
    assert_eq!(found_in(&planted.asked.lock().unwrap()), BTreeSet::new(), "what models are asked");
    // Spans were there, with what was said.
    assert!(String::from_utf8_lossy(&planted.spans.lock().unwrap()).contains("gen_ai.input.messages"));
    let raw = found_under(&planted.desk.data());
    match folder {
        // Journals are exact: what is not known to be secret is in them.
        Folder::Clear => {
            let found: BTreeSet<_> = raw.iter().flat_map(|(_, found)| found).copied().collect();
            let persons: BTreeSet<_> = PERSONS.iter().map(|(_, planted)| *planted).chain(FORMATS).collect();
            assert_eq!(found, persons, "the look finds what is there, and nothing that is known: {raw:?}");
        }
        Folder::Sealed => {
            assert_eq!(raw, [], "the folder is sealed");
            let key = planted.desk.read("seal.key");
            assert!(!planted.all().contains(key.trim()), "nobody tells the key");
            // It is sealed with that key, and there is something in it.
            planted.variables.retain(|(name, _)| *name != "ICE_SEAL_KEY");
            planted.quiet(&["runs", "list"]).says("error[");
        }
    }
}

#[test]
fn without_redaction_all_of_it_is_seen() {
    let off = "[views]\nbase = \"none\"\n[memory]\nbase = \"none\"\n[prompts]\nbase = \"none\"\n";
    let mut planted = Planted::new(off);
    planted.live();
    let mut expected: BTreeSet<_> = self::planted().into_iter().collect();
    // What is known is kept from journals all the same, and nobody tells the key of the collector.
    let never = [KEY, COLLECTOR, GRANTED];
    expected.retain(|one| !never.contains(one));
    let found = found_in(&planted.all());
    assert!(found.is_superset(&expected), "{:?}", expected.difference(&found).collect::<Vec<_>>());
    assert!(found_in(&planted.asked.lock().unwrap()).is_superset(&expected), "models are asked with it");
    let raw =
        found_under(&planted.desk.data()).into_iter().flat_map(|(_, found)| found).collect::<BTreeSet<_>>();
    assert!(raw.is_superset(&expected), "{raw:?}");
    assert!(never.iter().all(|one| !raw.contains(one)), "{raw:?}");
}

#[test]
fn a_secret_that_nobody_knows_is_data_and_is_found() {
    let mut planted = Planted::new("[views]\nbase = \"none\"\n");
    planted.variables.retain(|(name, _)| *name != "PLANTED_KEY");
    planted.desk.write(
        "leaked.yaml",
        "nodes: [{id: n, type: tool, tool_name: read_text, tool_args: {path: leaked.txt}}]",
    );
    planted.ice(&["run", "leaked.yaml", "--ro", "files"]).code(0);
    planted.ice(&["runs", "events", "last", "--json"]).code(0);
    assert!(found_in(&planted.all()).contains(KEY));
    let raw = found_under(&planted.desk.data());
    assert!(raw.iter().any(|(_, found)| found.contains(KEY)), "{raw:?}");
}

#[test]
fn memory_files_hold_nothing_that_its_policy_masks() {
    let check = |policy: &str| {
        let mut planted = Planted::new(policy);
        let about = "ada.planted@example.org";
        let key = format!("of {about}");
        planted
            .ice(&[
                "memory",
                "put",
                &note(),
                "--key",
                &key,
                "--about",
                about,
                "--tag",
                &format!("to {about}"),
            ])
            .code(0);
        let source = Planted::new("[memory]\nbase = \"none\"\n");
        source
            .quiet(&["memory", "put", &format!("{} {KEY}", note()), "--key", "other", "--about", about])
            .code(0);
        let lines = source.quiet(&["memory", "export", "-"]).code(0).out;
        planted.desk.write("all.jsonl", &lines);
        planted.ice(&["memory", "import", "all.jsonl"]).code(0);
        let shown = planted.ice(&["memory", "show", &key, "--json"]).code(0).json();
        assert_eq!(shown.as_array().map(Vec::len), Some(1), "it is found by the key as it was");
        let forgotten =
            planted.quiet(&["memory", "forget", "--person", about, "--dry-run", "--json"]).code(0).json();
        assert_eq!(forgotten["entries"], json!(2), "and by the person");
        // A document whose name, tags and persons are redacted as well is taken in once.
        let name = format!("mail/of {about}.txt");
        planted.desk.write(&name, &note());
        for expected in ["new", "unchanged"] {
            let words = ["memory", "ingest", &name, "--about", about, "--tag", about, "--json"];
            let taken = planted.quiet(&words).code(0).json();
            assert_eq!(taken["documents"][expected], json!(1), "{taken}");
        }
        let words = ["memory", "ingest", "mail", "--prune", "--about", about, "--tag", about, "--json"];
        let taken = planted.quiet(&words).code(0).json();
        assert_eq!(
            (&taken["documents"]["unchanged"], &taken["documents"]["removed"]),
            (&json!(1), &json!(0)),
            "{taken}"
        );
        found_under(&planted.desk.data()).into_iter().flat_map(|(_, found)| found).collect::<BTreeSet<_>>()
    };
    assert_eq!(check(STRICT), BTreeSet::new());
    let exact = check("[memory]\nbase = \"none\"\n");
    assert!(exact.len() >= PERSONS.len() + FORMATS.len(), "{exact:?}");
}

#[test]
fn what_holds_a_known_secret_is_refused_before_it_is_kept() {
    let mut planted = Planted::new(STRICT);
    let input = format!("note=the key is {KEY}");
    let refused = planted.ice(&run(&input));
    let refused = refused
        .code(2)
        .says("error[INPUT_INVALID]")
        .says("the input `note` holds a secret that is known here");
    assert!(!refused.err.contains(KEY), "{refused:#?}");
    let hard = format!("nodes: [{{id: n, type: tool, tool_name: hello, tool_args: {{name: '{KEY}'}}}}]");
    planted.desk.write("hard.yaml", &hard);
    planted.ice(&["run", "hard.yaml"]).code(2).says("`hard.yaml` holds a secret");
    assert!(planted.quiet(&["runs", "list", "--json"]).json().as_array().is_none_or(Vec::is_empty));
    assert!(found_under(&planted.desk.data()).is_empty());
}

#[test]
fn outputs_are_exact_unless_the_policy_says_otherwise() {
    let mail = "ada.planted@example.org";
    let output = |policy: &str| {
        let planted = Planted::new(policy);
        let path = project().join("examples/hello.yaml").display().to_string();
        let run = planted.quiet(&["run", &path, "-i", &format!("name={mail}"), "--json"]).code(0).json();
        assert!(!run["inputs"].to_string().contains(mail), "{run}");
        run["output"].to_string()
    };
    assert!(output("[views]\nbase = \"strict\"\n").contains(mail));
    assert!(!output(STRICT).contains(mail));
}

#[test]
fn a_redacted_copy_is_no_run_to_go_on_with() {
    let planted = Planted::new(STRICT);
    let path = project().join("examples/hello.yaml").display().to_string();
    planted.quiet(&["run", &path, "-i", "name=ada.planted@example.org"]).code(0);
    planted.quiet(&["runs", "export", "last", "copy.jsonl", "--redacted"]).code(0);
    let copy = planted.desk.read("copy.jsonl");
    let lines: Vec<Value> = copy.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["ice_run_redacted"], &lines[1]["t"]), (&json!(1), &json!("manifest")));
    assert!(lines.last().unwrap()["t"] == "ended" && found_in(&copy).is_empty(), "{copy}");
    planted
        .quiet(&["runs", "import", "copy.jsonl"])
        .code(1)
        .says("error[RUN_FILE_INVALID]")
        .says("redacted copy");
    planted.quiet(&["runs", "export", "last", "exact.icerun"]).code(0);
    assert!(std::fs::read(planted.desk.path("exact.icerun")).unwrap().windows(4).any(|at| at == b"ada."));
}

#[test]
fn a_broken_policy_is_told_with_its_place_and_nothing_is_done() {
    let planted = Planted::new("[views]\nbase = \"strict\"\n[views.kinds]\nemial = \"mask\"\n");
    let path = project().join("examples/hello.yaml").display().to_string();
    let told = planted.quiet(&["run", &path, "-i", "name=Ada"]).code(2);
    told.says("error[POLICY_INVALID]").says("redaction.toml:4:1");
    assert!(!planted.desk.data().join("LOCK").exists() || found_under(&planted.desk.data()).is_empty());
}
