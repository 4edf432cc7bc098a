//! Reading the manifests of folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ice_core::blueprint::{Format, MAX_TEXT_BYTES};
use ice_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use ice_core::document::{self, Object, Problem, Reading};
use ice_core::error::ErrorCode;
use ice_orchestrator::process::ToolManifest;

use super::{Broken, Installed, InstalledServer, Manifests, shown};
use crate::fault::Fault;
use crate::file;
use crate::servers;

/// The most manifests of a folder.
const MOST: usize = 1_000;

/// Reads every manifest of these folders. `taken` are the names that no manifest may have.
///
/// # Errors
/// [`Fault`] if a folder cannot be listed. What is wrong with a manifest is in the result.
pub(crate) fn read(folders: Vec<PathBuf>, taken: &BTreeSet<&str>) -> Result<Manifests, Fault> {
    let mut found = Manifests::default();
    let mut known: BTreeMap<(String, semver::Version), PathBuf> = BTreeMap::new();
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in &folders {
        for file in files(folder, "manifests of tools")? {
            let mut reading = match text(&file) {
                Ok((text, home)) => {
                    let (format, name) = (Format::of_name(&shown(&file)), shown(&file));
                    document::read(&text, format, &name, "manifest", |object| Manifest::of(object, &home))
                }
                Err(fault) => {
                    found.broken.push(unreadable(&file, &fault));
                    continue;
                }
            };
            match &reading.value {
                Some(Manifest::Tool(manifest)) => {
                    let key = (manifest.name.clone(), manifest.version.clone());
                    match clash(&key, known.get(&key), taken) {
                        Some(problem) => reading.refuse("name", problem),
                        None => drop(known.insert(key, file.clone())),
                    }
                }
                Some(Manifest::Server(name, Some(_))) => {
                    let name = name.clone();
                    if let Some(other) = named.insert(name.clone(), file.clone()) {
                        let message = format!("a server `{name}` stands in {} already", other.display());
                        let problem = Problem::new(ErrorCode::RegistryConflict, message);
                        reading.refuse("name", problem.advise("use another name, or remove one of them"));
                    }
                }
                Some(Manifest::Server(_, None)) | None => {}
            }
            let Reading { value, diagnostics, .. } = &reading;
            match value {
                Some(Manifest::Tool(manifest)) => {
                    found.installed.push(Installed { file, manifest: (**manifest).clone() });
                }
                Some(Manifest::Server(_, Some(manifest))) => {
                    found.servers.push(InstalledServer { file, manifest: (**manifest).clone() });
                }
                Some(Manifest::Server(_, None)) | None => {
                    let (text, diagnostics) = (reading.text().to_owned(), diagnostics.clone());
                    found.broken.push(Broken { text, diagnostics });
                }
            }
        }
    }
    found.folders = folders;
    Ok(found)
}

/// What a manifest is of.
#[derive(Clone, Debug)]
enum Manifest {
    Tool(Box<ToolManifest>),
    /// A server by its name; nothing more where there are no servers, which is told.
    Server(String, Option<Box<servers::Manifest>>),
}

impl Manifest {
    fn of(object: &mut Object<'_, '_>, folder: &Path) -> Self {
        if !servers::is_one(object) {
            return Self::Tool(Box::new(ToolManifest::of(object, folder)));
        }
        let name =
            object.value("name").and_then(ice_core::value::Value::as_str).unwrap_or_default().to_owned();
        Self::Server(name, servers::read(object, folder).map(Box::new))
    }
}

/// The files of a folder that hold data, sorted by name. What lies deeper is none. `what` they should be.
pub(crate) fn files(folder: &Path, what: &str) -> Result<Vec<PathBuf>, Fault> {
    let failed = |error: &std::io::Error| Fault::file("list", folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if matches!(ending, Some("yaml" | "yml" | "json")) && !is_hidden && !path.is_dir() {
            files.push(path);
        }
    }
    if files.len() > MOST {
        let message = format!("{} has {} {what}; at most {MOST} are read", folder.display(), files.len());
        return Err(Fault::usage(message).help("is this the right folder?"));
    }
    files.sort_unstable();
    Ok(files)
}

/// The text of a manifest, and the folder that it really lies in: what it names lies there, too.
fn text(file: &Path) -> Result<(String, PathBuf), Fault> {
    let real = file.canonicalize().map_err(|error| Fault::file("find", file, &error))?;
    let bytes = file::read(&real, MAX_TEXT_BYTES as u64)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(ErrorCode::BlueprintSyntax, format!("this is not text: byte {at} is not UTF-8"))
            .help("a manifest is JSON or YAML, written in UTF-8")
    })?;
    Ok((text, real.parent().unwrap_or(Path::new("/")).to_owned()))
}

fn unreadable(file: &Path, fault: &Fault) -> Broken {
    let mut diagnostic = Diagnostic::new(fault.code, Severity::Error, fault.message.clone());
    diagnostic.advice.clone_from(&fault.help);
    Broken { text: String::new(), diagnostics: Diagnostics::new([diagnostic], 0).of_source(&shown(file)) }
}

/// Why a tool cannot have this name and version.
fn clash(
    (name, version): &(String, semver::Version),
    known: Option<&PathBuf>,
    taken: &BTreeSet<&str>,
) -> Option<Problem> {
    let conflict = |message: String| Problem::new(ErrorCode::RegistryConflict, message);
    if taken.contains(name.as_str()) {
        let problem = conflict(format!("`{name}` is the name of a built-in tool"));
        return Some(problem.advise(format!("use another one, for example `my.{name}`")));
    }
    let other = known?;
    let problem = conflict(format!("`{name}@{version}` stands in {} already", other.display()));
    Some(problem.advise("use another name or version, or remove one of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: NAME\nversion: 1.0.0\ndescription: A.\ncommand: [./run]\n";

    fn check(files: &[(&str, &str)], installed: &[&str], broken: &[&str]) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let found = read(vec![root.clone()], &BTreeSet::from(["hello"])).unwrap();
        let names: Vec<&str> = found.installed.iter().map(|one| one.manifest.name.as_str()).collect();
        assert_eq!(names, installed);
        let root = format!("{}/", root.display());
        let told: Vec<String> =
            found.broken.iter().map(|one| one.diagnostics.to_string().replace(&root, "")).collect();
        assert_eq!(told, broken);
        assert_eq!(found.fault().is_some(), !broken.is_empty());
        for one in &found.installed {
            assert_eq!(one.manifest.command, [format!("{root}run")]);
        }
    }

    #[test]
    fn manifests_of_a_folder_are_read_in_order_and_nothing_else() {
        let named = |name: &str| GOOD.replace("NAME", name);
        check(
            &[
                ("b.yaml", &named("b")),
                ("a.yml", &named("a")),
                ("c.json", r#"{"name": "c", "version": "1.0.0", "description": "C.", "command": ["./run"]}"#),
                ("run", "#!/bin/sh"),
                (".hidden.yaml", "odd: ["),
                ("below/d.yaml", "odd: ["),
                ("folder.yaml/x", ""),
            ],
            &["a", "b", "c"],
            &[],
        );
    }

    #[test]
    fn every_problem_of_every_file_is_told() {
        check(
            &[
                ("a.yaml", &GOOD.replace("NAME", "a")),
                ("b.yaml", &GOOD.replace("NAME", "a")),
                ("c.yaml", &GOOD.replace("NAME", "hello").replace("1.0.0", "9.0.0")),
                ("d.yaml", &GOOD.replace("NAME", "D").replace("command", "comand")),
                ("e.yaml", "name: [\n"),
                ("f.yaml", &GOOD.replace("NAME", "a").replace("1.0.0", "2.0.0")),
            ],
            &["a", "a"],
            &[
                "b.yaml:1:7: error[REGISTRY_CONFLICT]: name: `a@1.0.0` stands in a.yaml already; use another name or \
                 version, or remove one of them",
                "c.yaml:1:7: error[REGISTRY_CONFLICT]: name: `hello` is the name of a built-in tool; use another one, \
                 for example `my.hello`",
                "d.yaml:1:7: error[INVALID_ID]: name: `D` is no name for a tool: lower-case letters, digits and `_`, \
                 beginning with a letter, with at most one `.` after a namespace, and 64 bytes in all\nd.yaml:4:1: \
                 error[UNKNOWN_FIELD]: comand: unknown field `comand`; did you mean `command`?",
                "e.yaml:1:7: error[BLUEPRINT_SYNTAX]: this is not valid YAML: unclosed bracket '['",
            ],
        );
    }

    #[test]
    fn a_linked_manifest_names_what_lies_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for folder in ["tools", "far"] {
            std::fs::create_dir(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("far/a.yaml"), GOOD.replace("NAME", "a")).unwrap();
        std::os::unix::fs::symlink(root.join("far/a.yaml"), root.join("tools/a.yaml")).unwrap();
        std::os::unix::fs::symlink(root.join("none"), root.join("tools/b.yaml")).unwrap();
        let found = read(vec![root.join("tools")], &BTreeSet::new()).unwrap();
        assert_eq!(found.installed[0].manifest.command, [shown(&root.join("far/run"))]);
        assert_eq!(found.installed[0].file, root.join("tools/a.yaml"));
        assert!(found.broken[0].diagnostics.to_string().contains("there is no such file"));
    }
}
