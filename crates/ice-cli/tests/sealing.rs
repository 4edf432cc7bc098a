//! Sealed data folders, and erasing a person from a folder, through the real command.

#[cfg(test)]
mod common;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Desk, Given, HELLO, given};
use rustix::process::Signal;
use serde_json::Value;

/// The person that is erased. Each place has a text of its own that names them.
const PERSON: &str = "Zyxwv Plantedly";
/// What stands for them as well.
const ADDRESS: &str = "zyxwv@planted.example";
/// What is searched for in raw files: the name and the address, and what stands beside them.
const PLANTED: [&str; 8] = [
    "zyxwv",
    "inmemory-4711",
    "ininput-4711",
    "inoutput-4711",
    "inblob-4711",
    "inchat-4711",
    "inschedule-4711",
    "inblueprint-4711",
];

/// A desk whose commands use a key, or none.
#[cfg(test)]
struct Place {
    desk: Desk,
    sealed: bool,
}

#[cfg(test)]
impl Place {
    fn new(sealed: bool) -> Self {
        let desk = Desk::new();
        if sealed {
            desk.ice(&["seal", "key", "seal.key"]).code(0);
        }
        Self { desk, sealed }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.desk.command(args);
        if self.sealed {
            command.env("ICE_SEAL_KEY", "file:seal.key");
        }
        command
    }

    fn ice(&self, args: &[&str]) -> Given {
        given(self.command(args).output().unwrap())
    }

    /// The planted texts that stand in a raw file of the data folder.
    fn found(&self) -> Vec<&'static str> {
        let mut files = Vec::new();
        walk(&self.desk.data(), &mut files);
        let is_in = |text: &str| files.iter().any(|bytes| holds(bytes, text.as_bytes()));
        PLANTED.into_iter().filter(|text| is_in(text)).collect()
    }

    /// Plants the person everywhere, and others beside; gives the runs that must go, and those that must stay.
    fn plant(&self) -> (Vec<String>, Vec<String>) {
        let desk = &self.desk;
        desk.write("hello.yaml", HELLO);
        desk.write(
            "read.yaml",
            "nodes: [{id: r, type: tool, tool_name: read_text, tool_args: {path: seen.txt}}]\n",
        );
        let mut gone = Vec::new();
        let mut run = |args: &[&str]| {
            let document = self.ice(args).code(0).json();
            gone.push(document["id"].as_str().unwrap().to_owned());
        };
        run(&["run", "hello.yaml", "-i", "name=ZYXWV\u{a0}plantedly ininput-4711", "--json"]);
        desk.write("seen.txt", &format!("{ADDRESS} inoutput-4711"));
        run(&["run", "read.yaml", "--ro", ".", "--json"]);
        // Large values are kept as blobs, in parts or whole.
        let line = |at: usize| format!("line {at} of what is said of many people\n");
        let long: String = (0..20_000).map(line).collect();
        desk.write("seen.txt", &format!("{long}{PERSON} inblob-4711\n{long}"));
        run(&["run", "read.yaml", "--ro", ".", "--json"]);
        desk.write(
            "named.yaml",
            &format!("nodes: [{{id: n, type: tool, tool_name: hello, tool_args: {{name: '{PERSON} inblueprint-4711'}}}}]\n"),
        );
        run(&["run", "named.yaml", "--json"]);
        let put = |text: &str, about: &str| {
            self.ice(&["memory", "put", text, "--about", about]).code(0);
        };
        put("likes inmemory-4711", PERSON);
        put(&format!("Ask {ADDRESS} of inmemory-4711"), "Grace Hopper");
        put(&format!("{} {PERSON}", &long[..90_000]), "Somebody Else");
        put("Grace keeps bees", "Grace Hopper");
        self.ice(&["memory", "search", "bees"]).code(0);
        let said = format!("I am {PERSON} inchat-4711.\n/end\n");
        let mut command = self.command(&["chat", "--model", "echo/echo", "--json"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
        given(child.wait_with_output().unwrap());
        for run in self.ice(&["runs", "list", "--json"]).code(0).json().as_array().unwrap() {
            let id = run["id"].as_str().unwrap().to_owned();
            if !gone.contains(&id) {
                let cancelled = self.ice(&["runs", "cancel", &id]);
                assert!(cancelled.code.is_some());
                gone.push(id);
            }
        }
        desk.write(
            "timed.yaml",
            &format!(
                "name: timed\nworkflows: [{{ref: hello.yaml, id: t, schedule: '@yearly', inputs: {{name: '{PERSON} inschedule-4711'}}}}]\n"
            ),
        );
        self.ice(&["network", "run", "timed.yaml", "--scheduled", "--detach"]).code(0);
        // Else the worker in the background is the owner, and does what is asked for.
        let owner = std::fs::read_to_string(self.desk.data().join("LOCK")).unwrap();
        let owner = rustix::process::Pid::from_raw(owner.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(owner, Signal::KILL).unwrap();
        desk.write("seen.txt", "Grace wrote this");
        let mut stay = Vec::new();
        for args in [
            &["run", "hello.yaml", "-i", "name=Grace", "--json"] as &[&str],
            // A longer word is another one.
            &["run", "hello.yaml", "-i", "name=Plantedlyson", "--json"],
            &["run", "read.yaml", "--ro", ".", "--json"],
        ] {
            stay.push(self.ice(args).code(0).json()["id"].as_str().unwrap().to_owned());
        }
        (gone, stay)
    }

    fn erase(&self, more: &[&str]) -> Given {
        let mut args =
            vec!["erase", "--person", PERSON, "--also", ADDRESS, "--also", "inmemory-4711", "--json"];
        args.extend(more);
        self.ice(&args)
    }
}

#[cfg(test)]
fn walk(folder: &Path, files: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.is_file() {
            files.push(std::fs::read(&path).unwrap().to_ascii_lowercase());
        }
    }
}

#[cfg(test)]
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let first = text[0];
    bytes.iter().enumerate().any(|(at, byte)| *byte == first && bytes[at..].starts_with(text))
}

#[cfg(test)]
fn ids(document: &Value) -> Vec<String> {
    let mut ids: Vec<String> = document
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap_or_else(|| id["id"].as_str().unwrap()).to_owned())
        .collect();
    ids.sort();
    ids
}

/// The machine goes off in the middle of an erasure, again and again: a little later each time, until a call comes to its end.
/// `told` is what is there to be erased.
#[cfg(test)]
fn kill_erasures(place: &Place, told: &Value) {
    let began = Instant::now();
    place.erase(&["--dry-run"]).code(0);
    // So long it looks before it removes anything.
    let looks = began.elapsed();
    let (mut pause, mut killed, mut within) = (looks / 3, 0, 0);
    for _ in 0..100 {
        let mut child = place
            .command(&["erase", "--person", PERSON, "--also", ADDRESS, "--also", "inmemory-4711", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::park_timeout(pause);
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::KILL).unwrap();
        let status = child.wait().unwrap();
        if status.signal().is_none() {
            assert!(status.success(), "{status}");
            break;
        }
        killed += 1;
        let left = place.erase(&["--dry-run"]).code(0).json();
        let is_begun = ["runs", "memory", "schedules"].iter().any(|what| left[what] != told[what]);
        within += u32::from(is_begun);
        pause += if is_begun { looks / 8 } else { looks / 20 + Duration::from_millis(1) };
    }
    assert!(within > 0, "of {killed} kills none came after the first removal and before the end");
}

#[cfg(test)]
fn a_person_is_erased_everywhere(sealed: bool) {
    let place = Place::new(sealed);
    let (mut gone, mut stay) = place.plant();
    gone.sort();
    stay.sort();
    if sealed {
        assert_eq!(place.found(), [""; 0], "nothing planted is in clear");
    } else {
        assert_eq!(place.found(), PLANTED, "the scan finds what is there");
    }
    let told = place.erase(&["--dry-run"]).code(0).json();
    assert_eq!((ids(&told["runs"]), &told["memory"]), (gone.clone(), &Value::from(3)));
    assert_eq!(told["schedules"], serde_json::json!(["timed/t"]));
    place.erase(&[]).code(2).says("say `--yes`");
    assert_eq!(ids(&place.ice(&["runs", "list", "--json"]).json()).len(), gone.len() + stay.len());

    kill_erasures(&place, &told);
    let erased = place.erase(&["--yes"]).code(0).json();
    assert_eq!(
        (&erased["complete"], &erased["compacted"]),
        (&Value::from(true), &Value::from(true)),
        "{erased}"
    );
    assert_eq!(place.found(), [""; 0], "nothing of the person is left: {erased}");
    assert_eq!(ids(&place.ice(&["runs", "list", "--json"]).code(0).json()), stay);
    let found = place.ice(&["memory", "search", "bees"]).code(0);
    assert!(found.out.contains("Grace keeps bees"), "{found:?}");
    place.ice(&["runs", "show", &stay[2]]).code(0);
    let again = place.erase(&["--yes"]).code(0).json();
    assert_eq!((&again["runs"], &again["memory"]), (&serde_json::json!([]), &Value::from(0)));
    place.ice(&["run", "hello.yaml", "-i", "name=Grace"]).code(0);
    place.ice(&["run", "named.yaml"]).code(0);
}

#[test]
fn a_person_is_erased_from_a_folder_in_clear() {
    a_person_is_erased_everywhere(false);
}

#[test]
fn a_person_is_erased_from_a_sealed_folder() {
    a_person_is_erased_everywhere(true);
}

#[test]
fn memory_that_would_be_kept_in_clear_elsewhere_is_refused_beside_a_sealed_folder() {
    let place = Place::new(true);
    let redis = "backend = \"redis\"\nconnection_params = { url = \"redis://127.0.0.1:1/0\" }\n";
    let kinds = ["semantic", "episodic", "procedural"].map(|kind| format!("[{kind}]\n{redis}"));
    place.desk.write("memory.toml", &kinds.concat());
    let put = |file: &str| {
        let mut command = place.command(&["memory", "put", "Ada likes tea"]);
        given(command.env("ICE_MEMORY", file).output().unwrap())
    };
    put("memory.toml").code(1).says("memory.toml").says("the data folder is sealed").says("embedded");
    place.desk.write("here.toml", "");
    put("here.toml").code(0);
}

#[test]
fn what_has_not_ended_is_named_and_stays() {
    let place = Place::new(false);
    place.desk.write(
        "ask.yaml",
        "input_schema: {name: str}\nnodes: [{id: q, type: human, prompt_message: 'Is {{ inputs.name }} right?'}]\n",
    );
    let started = place.ice(&["run", "ask.yaml", "-i", "name=Zyxwv Plantedly", "--json"]).code(4).json();
    let id = started["id"].as_str().unwrap();
    let told = place.erase(&["--yes"]).code(1).json();
    assert_eq!((ids(&told["unended"]), &told["complete"]), (vec![id.to_owned()], &Value::from(false)));
    place.ice(&["runs", "cancel", id]).code(0);
    place.erase(&["--yes"]).code(0);
    place.ice(&["runs", "show", id]).code(1).says("RUN_NOT_FOUND");
    assert_eq!(place.found(), [""; 0]);
    place.ice(&["erase", "--person", "x", "--yes"]).code(2).says("at least two letters");
}

#[test]
fn a_folder_opens_as_what_it_is_and_as_nothing_else() {
    let desk = Desk::new();
    desk.write("hello.yaml", HELLO);
    let made = desk.ice(&["seal", "key", "one.key"]).code(0);
    let one = made.out.trim().to_owned();
    assert_eq!(std::fs::metadata(desk.path("one.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let text = desk.read("one.key");
    assert!(!made.out.contains(text.trim()) && !made.err.contains(text.trim()), "the key is shown to nobody");
    desk.ice(&["seal", "key", "one.key"]).code(2).says("name a file that is not there");
    assert_eq!(desk.read("one.key"), text);
    desk.ice(&["seal", "key", "two.key"]).code(0);

    let run = ["run", "hello.yaml", "-i", "name=Ada"];
    fn with(key: &str) -> Vec<&str> {
        vec!["--seal-key", key, "run", "hello.yaml", "-i", "name=Ada"]
    }
    desk.ice(&["seal", "status"]).code(0);
    desk.ice(&with("one.key")).code(2).says("env:VARIABLE or file:PATH");
    desk.ice(&with("file:none.key")).code(1).says("KEY_UNAVAILABLE");
    desk.ice(&with("file:hello.yaml")).code(1).says("64 hexadecimal digits");
    assert!(!desk.data().join("FORMAT").exists(), "nothing was opened");
    desk.ice(&with("file:one.key")).code(0);
    assert!(desk.ice(&["seal", "status"]).code(0).out.contains(&one));
    desk.ice(&run).code(1).says("SEAL_MISMATCH").says(&one);
    desk.ice(&["runs", "list"]).code(1).says("SEAL_MISMATCH");
    desk.ice(&with("file:two.key")).code(1).says("SEAL_MISMATCH").says(&one);
    let through = given(
        desk.command(run).env("ICE_SEAL_KEY", "env:MY_KEY").env("MY_KEY", text.trim()).output().unwrap(),
    );
    through.code(0);

    // The key is changed.
    desk.ice(&["seal", "key", "three.key"]).code(0);
    let rotate = ["--seal-key", "file:one.key", "seal", "rotate", "--to", "file:two.key"];
    desk.ice(&["seal", "rotate", "--to", "file:two.key"]).code(2).says("nothing names the present key");
    desk.ice(&["--seal-key", "file:two.key", "seal", "rotate", "--to", "file:three.key"])
        .code(1)
        .says("SEAL_MISMATCH");
    let keys = desk.ice(&[&rotate[..], &["--json"]].concat()).code(0).json()["keys"].as_u64().unwrap();
    assert!(keys >= 3, "that of the tenant and of two runs: {keys}");
    assert_eq!(desk.ice(&[&rotate[..], &["--json"]].concat()).code(0).json()["keys"], 0);
    desk.ice(&with("file:one.key")).code(1).says("SEAL_MISMATCH");
    let listed = desk.ice(&["--seal-key", "file:two.key", "runs", "list", "--json"]).code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);

    // What is in clear stays in clear.
    let clear = Desk::new();
    clear.write("hello.yaml", HELLO);
    clear.ice(&run).code(0);
    clear.ice(&["seal", "key", "one.key"]).code(0);
    clear.ice(&with("file:one.key")).code(1).says("SEAL_MISMATCH").says("in clear");
    clear.ice(&run).code(0);
    assert!(clear.ice(&["seal", "status", "--json"]).code(0).json()["state"] == "clear");
}

#[test]
fn everything_works_on_a_sealed_folder_and_moves_out_of_one_in_clear() {
    let (from, to) = (Place::new(false), Place::new(true));
    from.desk.write("hello.yaml", HELLO);
    to.desk.write("hello.yaml", HELLO);
    let id = from.ice(&["run", "hello.yaml", "-i", "name=Ada", "--json"]).code(0).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    from.ice(&["memory", "put", "Ada likes tea", "--about", "Ada"]).code(0);
    let (run, memory) = (to.desk.path("run.ice"), to.desk.path("memory.jsonl"));
    from.ice(&["runs", "export", &id, run.to_str().unwrap()]).code(0);
    let lines = from.ice(&["memory", "export"]).code(0).out;
    std::fs::write(&memory, lines).unwrap();
    to.ice(&["runs", "import", run.to_str().unwrap()]).code(0);
    to.ice(&["memory", "import", memory.to_str().unwrap()]).code(0);
    assert!(to.ice(&["memory", "search", "tea"]).code(0).out.contains("Ada likes tea"));
    to.ice(&["runs", "show", &id]).code(0);
    to.ice(&["runs", "replay", &id]).code(0);
    to.ice(&["runs", "fork", &id, "--at", "greet"]).code(0);
    to.ice(&["runs", "events", &id]).code(0);
    let mut worker = common::Running::new(to.command(&["worker"]));
    worker.until_said("owns");
    assert!(to.ice(&["seal", "status"]).code(0).out.contains("sealed under"));
    to.ice(&["run", "hello.yaml", "-i", "name=Ada"]).code(0);
    worker.signal(Signal::TERM);
    worker.finish();
    let pruned = to.ice(&["runs", "prune", "--older-than", "0s", "--json"]).code(0).json();
    assert_eq!(pruned["runs"].as_array().unwrap().len(), 3, "{pruned}");
    // Its key is destroyed: it does not come back.
    to.ice(&["runs", "import", run.to_str().unwrap()]).code(1).says("KEY_DESTROYED");
}
