//! What README.md shows is what there is.

#[cfg(test)]
mod common;

use common::{Desk, given, project};

/// The most lines of what is shown first.
#[cfg(test)]
const SHORT: usize = 20;

/// The first block of a language.
#[cfg(test)]
fn block(readme: &str, language: &str) -> String {
    let start = readme.find(&format!("\n```{language}\n")).unwrap() + language.len() + 5;
    let rest = &readme[start..];
    rest[..rest.find("\n```").unwrap() + 1].to_owned()
}

#[cfg(test)]
fn file(name: &str) -> String {
    std::fs::read_to_string(project().join(name)).unwrap()
}

#[test]
fn the_blocks_are_the_files() {
    let readme = file("README.md");
    let blueprint = file("examples/invite.yaml");
    assert_eq!(block(&readme, "yaml"), blueprint[blueprint.find("schema_version").unwrap()..]);
    // That it compiles is seen to by cargo: it is an example of its crate.
    let program = file("crates/ice-orchestrator/examples/embed.rs");
    assert_eq!(block(&readme, "rust"), program[program.find("use ").unwrap()..]);
    for language in ["yaml", "rust"] {
        assert!(block(&readme, language).lines().count() <= SHORT, "{language}");
    }
    let desk = Desk::new();
    let graph = desk.command(["graph", "examples/invite.yaml"]).current_dir(project()).output().unwrap();
    assert_eq!(block(&readme, "mermaid"), given(graph).code(0).out);
}

#[test]
fn the_commands_do_what_is_said() {
    let readme = file("README.md");
    let desk = Desk::new();
    let shell =
        readme.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).flat_map(str::lines);
    for line in shell.filter(|line| line.starts_with("ice ")) {
        let line = line.replace("-o invite.svg", &format!("-o {}", desk.path("invite.svg").display()));
        let given = given(
            std::process::Command::new("sh")
                .args(["-c", &line.replacen("ice ", "\"$ICE\" ", 1)])
                .current_dir(project())
                .env("ICE", env!("CARGO_BIN_EXE_ice"))
                .env("ICE_DATA", desk.data())
                .output()
                .unwrap(),
        );
        let given = given.code(0);
        if line.contains("run examples") {
            assert_eq!(given.json()["plan"]["text"], "The hall is booked, 3 letters are out.");
        }
    }
    assert!(desk.read("invite.svg").starts_with("<svg"));
    let first = readme.lines().find_map(|line| line.strip_prefix("cargo run -p ice-cli -- ")).unwrap();
    let out = desk.path("");
    let out = out.to_str().unwrap();
    let first: Vec<&str> = first.split(' ').map(|word| if word == "target" { out } else { word }).collect();
    given(desk.command(first).current_dir(project()).output().unwrap()).code(0);
    assert!(desk.read("airports.md").starts_with("# Airports"));
}

#[test]
fn the_page_of_the_command_names_every_command_and_exit_code() {
    let page = file("docs/cli.md");
    let desk = Desk::new();
    let help = desk.ice(&["--help"]).code(0).out;
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        assert!(page.contains(&format!("`ice {command}")), "{command}");
    }
    for code in ["0", "1", "2", "3", "4", "130"] {
        assert!(page.contains(&format!("\n| {code} | ")), "{code}");
    }
}
