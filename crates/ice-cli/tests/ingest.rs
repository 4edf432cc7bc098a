//! `ice memory ingest` and `ice memory consolidate`: through the binary, as owner and as client, killed in between.

#[cfg(test)]
mod common;

use common::Desk;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A page of a PDF that shows a text, with more in its trailer.
#[cfg(test)]
fn pdf(text: &str, trailer: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    let (mut file, mut places) = ("%PDF-1.4\n".to_owned(), String::new());
    for (number, object) in (1..).zip(&objects) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    file.push_str(&format!(
        "xref\n0 5\n0000000000 65535 f \n{places}trailer\n<< /Size 5 /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// A folder with a document of each kind.
#[cfg(test)]
fn library(desk: &Desk) {
    desk.write(
        "lib/notes/harbour.md",
        "# Harbour\n\nThe harbour is closed on Sundays.\n\n## Boats\n\nBoats leave at noon.\n",
    );
    desk.write("lib/mill.txt", "The mill is open.\n");
    desk.write("lib/page.html", "<html><body><h1>Ferry</h1><p>The ferry sails twice.</p></body></html>");
    desk.write("lib/prices.csv", "item,price\nrope,12\nanchor,340\n");
    desk.write("lib/crew.json", r#"{"crew": [{"name": "Ada", "role": "captain"}]}"#);
    std::fs::write(desk.path("lib/chart.pdf"), pdf("The lighthouse is white.", "")).unwrap();
    desk.write("lib/.hidden.md", "hidden");
    desk.write("lib/picture.png", "no text");
}

#[cfg(test)]
fn first(desk: &Desk, query: &str) -> Value {
    desk.ice(&["memory", "search", query, "--json"]).code(0).json()[0]["entry"].clone()
}

#[cfg(test)]
fn counts(report: &Value) -> [u64; 5] {
    ["new", "changed", "unchanged", "removed", "failed"]
        .map(|name| report["documents"][name].as_u64().unwrap())
}

#[test]
fn documents_of_every_kind_are_found_with_file_and_place_and_are_taken_in_once() {
    let desk = Desk::new();
    library(&desk);
    let would = desk.ice(&["memory", "ingest", "lib", "--dry-run", "--json"]).code(0).json();
    assert_eq!((counts(&would), &would["dry_run"]), ([6, 0, 0, 0, 0], &json!(true)));
    assert_eq!(desk.ice(&["memory", "list", "--json"]).code(0).json(), json!([]));
    let report =
        desk.ice(&["memory", "ingest", "lib", "--size", "40", "--overlap", "0", "--json"]).code(0).json();
    assert_eq!((counts(&report), &report["passed_over"]), ([6, 0, 0, 0, 0], &json!(1)));
    let again =
        desk.ice(&["memory", "ingest", "lib", "--size", "40", "--overlap", "0", "--json"]).code(0).json();
    assert_eq!(counts(&again), [0, 0, 6, 0, 0]);
    assert_eq!(again["passages"], json!({"written": 0, "kept": 0, "ended": 0}));

    let boats = first(&desk, "boats noon");
    assert!(boats["metadata"]["document"].as_str().unwrap().ends_with("/lib/notes/harbour.md"), "{boats}");
    assert_eq!(boats["metadata"]["passage"]["start"]["headings"], json!(["Harbour", "Boats"]), "{boats}");
    assert!(boats["source"]["source"].as_str().unwrap().ends_with("harbour.md"));
    let cases = [
        ("mill open", "lib/mill.txt:1"),
        ("lighthouse", "lib/chart.pdf, page 1"),
        ("anchor", "prices.csv, row"),
        ("captain", "crew.json at /crew"),
    ];
    for (query, place) in cases {
        let shown = desk.ice(&["memory", "search", query, "--limit", "1"]).code(0).out;
        assert!(shown.contains(place), "{place}: {shown}");
    }
    assert!(first(&desk, "ferry sails twice")["content"].as_str().unwrap().contains("twice"));
}

#[test]
fn of_a_changed_file_the_old_passages_are_superseded_and_of_one_that_is_gone_only_on_request() {
    let desk = Desk::new();
    library(&desk);
    let words = ["memory", "ingest", "lib", "--root", "lib", "--scope", "kb", "--json"];
    desk.ice(&words).code(0);
    desk.write("lib/mill.txt", "The mill is shut.\n");
    std::fs::remove_file(desk.path("lib/crew.json")).unwrap();
    let changed = desk.ice(&words).code(0).json();
    assert_eq!(counts(&changed), [0, 1, 4, 0, 0]);
    let history = desk.ice(&["memory", "show", "passage:mill.txt#0", "--history", "--json"]).code(0).json();
    assert_eq!(
        (&history[0]["content"], &history[1]["content"]),
        (&json!("The mill is shut."), &json!("The mill is open."))
    );
    let captain = ["memory", "search", "captain", "--json"];
    assert!(!desk.ice(&captain).code(0).json().as_array().unwrap().is_empty());
    let prune = [&words[..], &["--prune"]].concat();
    let would = desk.ice(&[&prune[..], &["--dry-run"]].concat()).code(0).json();
    assert_eq!(counts(&would), [0, 0, 5, 1, 0]);
    assert_eq!(counts(&desk.ice(&prune).code(0).json()), [0, 0, 5, 1, 0]);
    assert_eq!(desk.ice(&captain).code(0).json(), json!([]));
    // Elsewhere nothing goes, and what is not chosen but there stays.
    desk.write("other/a.md", "x");
    let elsewhere =
        ["memory", "ingest", "lib", "--root", "lib", "--scope", "kb", "--json", "--prune", "--glob", "*.md"];
    assert_eq!(counts(&desk.ice(&elsewhere).code(0).json()), [0, 0, 1, 0, 0]);
    std::fs::remove_file(desk.path("lib/mill.txt")).unwrap();
    let one = ["memory", "ingest", "lib/mill.txt", "--root", "lib", "--scope", "kb", "--json"];
    let missing = desk.ice(&one).code(1).json();
    assert_eq!(missing["failures"][0]["code"], json!("FILE_UNREADABLE"), "{missing}");
    assert_eq!(counts(&desk.ice(&[&one[..], &["--prune"]].concat()).code(0).json()), [0, 0, 0, 1, 0]);
    let human = desk.ice(&words[..7]).code(0);
    assert!(
        human.out.contains("0 documents taken in (0 new, 0 changed), 4 unchanged, 1 of other kinds"),
        "{human:?}"
    );
}

#[test]
fn bad_files_are_told_each_with_its_reason_and_the_rest_goes_on() {
    let desk = Desk::new();
    desk.write("lib/good.md", "All is well.");
    std::fs::write(desk.path("lib/binary.txt"), [0xff, 0xfe, 0xfd, 0x00, 0xd8]).unwrap();
    std::fs::write(desk.path("lib/latin.txt"), b"caf\xe9").unwrap();
    desk.write("lib/broken.json", "{\"a\": ");
    desk.write("lib/broken.pdf", "%PDF-1.7 nothing");
    let encrypt = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (01234567890123456789012345678901) \
                   /U (01234567890123456789012345678901) >> /ID [(0123456789012345) (0123456789012345)]";
    std::fs::write(desk.path("lib/locked.pdf"), pdf("secret", encrypt)).unwrap();
    std::fs::write(desk.path("lib/scan.pdf"), pdf("", "")).unwrap();
    std::fs::File::create(desk.path("lib/huge.txt")).unwrap().set_len(65 << 20).unwrap();
    desk.write("lib/empty.txt", "");
    let given = desk.ice(&["memory", "ingest", "lib", "lib/good.md", "gone.md", "--json"]).code(1);
    let report = given.json();
    assert_eq!(counts(&report), [2, 0, 0, 0, 8], "{report}");
    let failures = report["failures"].as_array().unwrap();
    let reason = |name: &str| {
        let found = failures.iter().find(|failure| failure["file"].as_str().unwrap().ends_with(name));
        let found = found.unwrap_or_else(|| panic!("{name}: {report}"));
        format!("{}: {}", found["code"].as_str().unwrap(), found["reason"].as_str().unwrap())
    };
    assert!(reason("latin.txt").contains("DATA_INVALID"), "{}", reason("latin.txt"));
    assert!(reason("binary.txt").contains("DATA_INVALID"), "{}", reason("binary.txt"));
    assert!(reason("broken.json").contains("DATA_INVALID"), "{}", reason("broken.json"));
    assert!(reason("broken.pdf").contains("the PDF cannot be read"), "{}", reason("broken.pdf"));
    assert!(reason("locked.pdf").contains("PDF"), "{}", reason("locked.pdf"));
    assert!(reason("scan.pdf").contains("no text in it"), "{}", reason("scan.pdf"));
    assert!(reason("huge.txt").contains("FILE_TOO_LARGE"), "{}", reason("huge.txt"));
    assert!(reason("gone.md").contains("no such file"), "{}", reason("gone.md"));
    assert_eq!(first(&desk, "well")["content"], json!("All is well."));
    let human = desk.ice(&["memory", "ingest", "lib", "--glob", "broken*"]).code(1);
    human.says("broken.json: DATA_INVALID: ").says("broken.pdf: DATA_INVALID: ");
    desk.ice(&["memory", "ingest", "lib/latin.txt", "--encoding", "latin1"]).code(0);
    desk.write("lib/strange.xyz", "Strange.");
    desk.ice(&["memory", "ingest", "lib/strange.xyz"])
        .code(1)
        .says("does not say what kind of document it is");
    desk.ice(&["memory", "ingest", "lib/strange.xyz", "--format", "text"]).code(0);
    desk.ice(&["memory", "ingest", "lib", "--format", "word"]).code(2).says("it is one of text, markdown");
    desk.ice(&["memory", "ingest", "lib", "--overlap", "1000"])
        .code(2)
        .says("`overlap` must be less than `size`");
    desk.ice(&["memory", "ingest", "lib", "--glob", "["]).code(2).says("the pattern cannot be read");
    desk.write("config.toml", "[budgets.small]\nentries = 3\n");
    let mut command = desk.command([
        "memory",
        "ingest",
        "lib/good.md",
        "lib/empty.txt",
        "lib/strange.xyz",
        "--scope",
        "small",
        "--format",
        "text",
    ]);
    let refused = common::given(command.env("ICE_MEMORY", desk.path("config.toml")).output().unwrap());
    refused.code(1).says("error[BUDGET_EXCEEDED]").says("goes on where it was");
}

#[test]
fn what_was_killed_in_the_middle_goes_on_and_nothing_is_there_twice() {
    let desk = Desk::new();
    let (files, passages) = (30, 40);
    for file in 0..files {
        let text: String =
            (0..passages).map(|number| format!("Paragraph {number} of file {file}.\n\n")).collect();
        desk.write(&format!("lib/{file}.txt"), &text);
    }
    let words = ["-v", "memory", "ingest", "lib", "--size", "30", "--overlap", "0", "--json"];
    let mut killed = desk.start(&words);
    killed.until_said("new, 40 passages");
    killed.signal(Signal::KILL);
    killed.finish();
    let report = desk.ice(&words).code(0).json();
    let [new, changed, unchanged, ..] = counts(&report);
    assert_eq!(new + changed + unchanged, files, "{report}");
    assert!(unchanged > 0 && new + changed > 0, "{report}");
    let stats = desk.ice(&["memory", "stats", "--json"]).code(0).json();
    assert_eq!(
        (&stats[0]["entries"], &stats[0]["past_entries"]),
        (&json!(files * passages + files), &json!(0)),
        "{stats}"
    );
    assert_eq!(counts(&desk.ice(&words).code(0).json()), [0, 0, files, 0, 0]);
}

#[test]
fn a_client_hands_documents_to_the_owner_and_tidies_up_there() {
    let desk = Desk::new();
    library(&desk);
    let worker = desk.start(&["worker", "--json"]);
    let wait = || desk.ice(&["runs", "list", "--json"]).code(0);
    wait();
    assert_eq!(counts(&desk.ice(&["memory", "ingest", "lib", "--json"]).code(0).json()), [6, 0, 0, 0, 0]);
    assert!(first(&desk, "lighthouse")["content"].as_str().unwrap().contains("lighthouse"));
    for text in ["Blue is a colour.", "blue is a colour"] {
        desk.ice(&["memory", "put", text]).code(0);
    }
    for number in 0..3 {
        let text = format!("Ada sailed {number} times. The harbour was calm.");
        desk.ice(&["memory", "put", &text, "--kind", "episodic"]).code(0);
    }
    let plan = ["memory", "consolidate", "--summarize", "--older-than", "0s", "--least", "3"];
    desk.ice(&[&plan[..], &["--dry-run"]].concat()).code(0);
    let done = desk.ice(&[&plan[..], &["--forget", "episodic=0s", "--json"]].concat()).code(0).json();
    assert_eq!(
        (&done["duplicates"], &done["summaries"], &done["forgotten"]),
        (&json!(1), &json!(1), &json!(3)),
        "{done}"
    );
    let nothing = desk.ice(&plan).code(0);
    assert_eq!(nothing.out, "nothing was to be done\n");
    desk.ice(&["memory", "consolidate", "--model", "nobody/m"])
        .code(3)
        .says("there is no provider of models `nobody`");
    desk.ice(&["memory", "consolidate", "--below", "1"]).code(2).says("nothing is to go");
    desk.ice(&["memory", "consolidate", "--budget", "1"]).code(2).says("--model");
    worker.signal(Signal::TERM);
    worker.finish().code(0);
}
