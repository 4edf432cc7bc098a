//! The examples on real input, as the README says to run them.

#[cfg(test)]
mod common;

use common::{Desk, Given, given, project};
use serde_json::Value;

#[cfg(test)]
fn run(desk: &Desk, args: &[&str]) -> Given {
    given(desk.command([&["run", "--json"], args].concat()).current_dir(project()).output().unwrap())
}

#[test]
fn hello_greets() {
    let desk = Desk::new();
    let document = run(&desk, &["examples/hello.yaml", "--input", "name=Ada"]).code(0).json();
    assert_eq!(document["output"]["repeat"]["text"], "Hello, Ada!");
    assert_eq!(document["nodes"].as_array().unwrap().len(), 2);
}

#[test]
fn guide_asks_its_tools_and_mends_what_it_gets_wrong() {
    let desk = Desk::new();
    let document = run(&desk, &["examples/guide.yaml", "--ro", "examples/data"]).code(0).json();
    let guide = &document["output"]["guide"];
    assert_eq!((&guide["status"], &guide["iterations"]), (&Value::from("success"), &Value::from(2)));
    let first = &guide["tool_history"][0]["output"]["rows"][0];
    // Counted from the file itself, without ice.
    let csv = std::fs::read_to_string(project().join("examples/data/airports.csv")).unwrap();
    let anchorage = csv.lines().filter(|line| line.contains(",Anchorage,AK,USA,")).count();
    assert_eq!((&first["city"], &first["airports"]), (&Value::from("Anchorage"), &Value::from(anchorage)));
    assert!(guide["tool_history"][1]["error"].as_str().unwrap().contains("no tool `count_cities`"));
}

#[test]
fn remember_finds_what_it_wrote_and_later_runs_find_it_too() {
    let desk = Desk::new();
    let remember = |note: &str, question: &str| {
        let (note, question) = (format!("note={note}"), format!("question={question}"));
        let words = ["examples/remember.yaml", "--memory", "notes", "-i", &note, "-i", &question];
        run(&desk, &words).code(0).json()
    };
    let first = remember("The harbour is closed on Sundays.", "When is the harbour closed?");
    assert_eq!(first["output"]["found"]["count"], 1);
    let second = remember("Boats leave at noon.", "When do boats leave the harbour?");
    assert_eq!(second["output"]["found"]["count"], 2);
    let answer = second["output"]["answer"]["text"].as_str().unwrap();
    assert!(
        answer.contains("- The harbour is closed on Sundays.") && answer.contains("I know of 2"),
        "{answer}"
    );
    let listed = given(desk.command(["memory", "list", "--scope", "notes", "--json"]).output().unwrap());
    assert_eq!(listed.code(0).json().as_array().unwrap().len(), 2);
}

#[test]
fn root_converges() {
    let desk = Desk::new();
    let document = run(&desk, &["examples/root.yaml", "--input", "n=2"]).code(0).json();
    let root = &document["output"]["root"];
    assert_eq!((&root["converged"], &root["iterations"]), (&Value::from(true), &Value::from(5)));
    assert_eq!(
        document["output"]["answer"]["text"],
        "The square root of 2 is about 1.4142, after 5 iterations."
    );
    let paths: Vec<&str> =
        document["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect();
    assert!(paths.contains(&"root[4].guess") && paths.contains(&"root[4].root.run.step"), "{paths:?}");
    let graph = given(desk.command(["graph", "examples/root.yaml"]).current_dir(project()).output().unwrap());
    assert!(graph.out.contains("repeat"), "{graph:#?}");
    given(desk.command(["runs", "events", "last"]).output().unwrap()).code(0);
}

#[test]
fn airports_makes_a_report_from_real_data() {
    let desk = Desk::new();
    let out = desk.path("");
    let out = out.to_str().unwrap();
    let document =
        run(&desk, &["examples/airports.yaml", "--ro", "examples/data", "--rw", out]).code(0).json();
    assert_eq!(document["output"]["read"]["count"], 3376);
    assert_eq!(document["output"]["large"]["result"], true);
    assert_eq!(document["output"]["each_state"].as_array().unwrap().len(), 12);
    // Counted from the file itself, without ice.
    let csv = std::fs::read_to_string(project().join("examples/data/airports.csv")).unwrap();
    let alaska = csv.lines().filter(|line| line.contains(",AK,USA,")).count();
    let report = desk.read("airports.md");
    assert!(report.contains(&format!("| 1 | AK | {alaska} |")), "{report}");
    assert_eq!(report.lines().filter(|line| line.starts_with("| ") && line.contains(" to ")).count(), 12);
}

#[test]
fn spread_computes_in_python_and_javascript() {
    for program in ["/usr/bin/python3", "/usr/bin/node"] {
        if !std::path::Path::new(program).exists() {
            println!("skipped: there is no {program}");
            return;
        }
    }
    let desk = Desk::new();
    let document = run(&desk, &["examples/spread.yaml", "--ro", "examples/data"]).code(0).json();
    let widest = document["output"]["widest"].as_array().unwrap();
    assert_eq!(widest.len(), 5);
    // From the lowest to the highest latitude that the file has for Alaska.
    assert!(widest[0].as_str().unwrap().starts_with("AK: 19.41 degrees, 263 airports"), "{widest:?}");
    assert!(document.get("not_enforced").is_none());
}

#[test]
fn digest_reads_every_markdown_file_of_the_repository() {
    let desk = Desk::new();
    let out = desk.path("");
    let out = out.to_str().unwrap();
    let document = run(&desk, &["examples/digest.yaml", "--ro", ".", "--rw", out]).code(0).json();
    let digest = desk.read("digest.md");
    let lines: Vec<&str> = digest.lines().filter(|line| line.starts_with("- **")).collect();
    let files: usize = document["output"]["each_folder"]
        .as_array()
        .unwrap()
        .iter()
        .map(|section| {
            section["text"].as_str().unwrap().lines().filter(|line| line.starts_with("- **")).count()
        })
        .sum();
    assert_eq!(lines.len(), files);
    let pages = std::fs::read_dir(project().join("docs/errors")).unwrap().count();
    assert!(lines.len() > pages, "{} lines, {pages} pages of errors alone", lines.len());
    assert!(lines.iter().any(|line| line.contains("docs/errors/USAGE.md")), "{digest}");
    let nodes = document["nodes"].as_array().unwrap();
    let kinds = |kind: &str| nodes.iter().filter(|node: &&Value| node["kind"] == kind).count();
    assert_eq!(kinds("workflow"), files);
}
