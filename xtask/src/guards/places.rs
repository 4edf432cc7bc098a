//! Nothing in the project names a place on the machine it is worked on.

use anyhow::Result;

use super::Guard;
use crate::environment;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the places.
pub(crate) const GUARD: Guard =
    Guard { name: "places", about: "no file names a folder of the machine it was written on", check };

/// Names that stand for anybody.
const ANYBODY: &[&str] = &["user", "you", "alice", "bob", "me"];
const HOMES: &[&str] = &["/home/", "/Users/"];

fn check(project: &Project) -> Result<Vec<Finding>> {
    let own = [
        Some(project.root().to_path_buf()),
        project.root().parent().map(Into::into),
        environment::home_dir(),
    ];
    // `/`, `/root` or `/tmp` alone name no particular machine.
    let own: Vec<String> = own
        .into_iter()
        .flatten()
        .filter(|path| path.components().count() > 2)
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let mut findings = Vec::new();
    for file in project.files() {
        let Some(text) = project.read_text(file)? else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            let place =
                own.iter().find(|place| line.contains(place.as_str())).cloned().or_else(|| home(line));
            if let Some(place) = place {
                findings.push(Finding::at(
                    file,
                    number,
                    format!("`{place}` is a place on one machine: write a relative path"),
                ));
            }
        }
    }
    Ok(findings)
}

/// The home folder of somebody that a line names.
fn home(line: &str) -> Option<String> {
    HOMES.iter().find_map(|prefix| {
        line.match_indices(prefix).find_map(|(at, _)| {
            let starts_a_path =
                !line.get(..at)?.ends_with(|c: char| c.is_alphanumeric() || "_.-/".contains(c));
            let name: String = line
                .get(at + prefix.len()..)?
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            (starts_a_path && !name.is_empty() && !ANYBODY.contains(&name.as_str()))
                .then(|| format!("{prefix}{name}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn places_of_this_machine_are_found() {
        let (folder, _) = project(&[]);
        let text = format!("fine\nsee {}/x\n", folder.path().display());
        std::fs::write(folder.path().join("a.md"), text).unwrap();
        let found = check(&Project::at(folder.path()).unwrap()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, Some(2));
    }

    #[test]
    fn homes_of_somebody_are_found_and_of_anybody_are_not() {
        let stranger = concat!("/ho", "me/zoe");
        assert_eq!(home(&format!("at {stranger}/src")), Some(stranger.to_owned()));
        for fine in ["/home/you/ice", "docs/home/page.md", "a/home/x", "/home/<name>"] {
            assert_eq!(home(fine), None, "{fine}");
        }
    }
}
