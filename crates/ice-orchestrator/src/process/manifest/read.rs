//! Reading the fields of a manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ice_core::document::{Object, Problem};
use ice_core::error::ErrorCode;
use ice_core::process::{HostGrant, SecretDelivery};
use ice_core::tools::typed::{InvalidTool, is_tool_name};
use ice_core::value::Value;

use super::{ManifestGrants, ToolManifest, any_object, limits, paths};

/// The most that a tool may write to standard output: it is held in memory as a whole.
pub(super) const MAX_OUTPUT_BYTES: u64 = 256 << 20;

/// The variables that every call sets.
const RESERVED: &str = "ICE_";

/// Reads a manifest that lies in `folder`.
pub(super) fn manifest(object: &mut Object<'_, '_>, folder: &Path) -> ToolManifest {
    let name = name(object);
    let version = version(object, &name);
    let description = description(object, &name);
    let (command, is_own) = command(object, folder);
    let profile = object.choice("profile");
    let effect = object.choice("effect");
    let mut capabilities = object.choices("capabilities");
    capabilities.sort_unstable();
    capabilities.dedup();
    let input_schema = object.schema("input_schema").unwrap_or_else(any_object);
    let output_schema = object.schema("output_schema").unwrap_or_else(Value::empty_map);
    let mut grants = object.below("grants", |grants| read_grants(grants, folder)).unwrap_or_default();
    grants.read.insert(0, folder.to_owned());
    if is_own {
        grants.execute.insert(0, folder.to_owned());
    }
    for paths in [&mut grants.read, &mut grants.write, &mut grants.execute] {
        let mut seen = std::collections::BTreeSet::new();
        paths.retain(|path| seen.insert(path.clone()));
    }
    let environment = environment(object);
    let secrets = secrets(object, &environment);
    let limits = object.below("limits", limits::read).unwrap_or_default();
    ToolManifest {
        name,
        version,
        description,
        command,
        profile,
        effect,
        capabilities,
        input_schema,
        output_schema,
        grants,
        environment,
        secrets,
        limits,
    }
}

fn name(object: &mut Object<'_, '_>) -> String {
    let name = object.required_text("name");
    if object.value("name").is_some_and(|written| written.as_str().is_some()) && !is_tool_name(&name) {
        let shown = name.chars().take(80).collect();
        object.refuse("name", Problem::new(ErrorCode::InvalidId, InvalidTool::Name(shown).to_string()));
    }
    name
}

fn version(object: &mut Object<'_, '_>, name: &str) -> semver::Version {
    object.require("version");
    let text = match object.value("version") {
        // A version with one point is a number in YAML.
        Some(Value::Number(number)) => number.to_string(),
        Some(
            Value::Null | Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Blob(_),
        ) => match object.text("version") {
            Some(text) => text,
            None => return semver::Version::new(0, 0, 0),
        },
        None => return semver::Version::new(0, 0, 0),
    };
    semver::Version::parse(&text).unwrap_or_else(|_| {
        let version = text.chars().take(80).collect();
        let error = InvalidTool::Version { name: name.to_owned(), version };
        object.refuse("version", Problem::new(ErrorCode::OutOfRange, error.to_string()));
        semver::Version::new(0, 0, 0)
    })
}

fn description(object: &mut Object<'_, '_>, name: &str) -> String {
    let description = object.required_text("description");
    let is_blank = description.trim().is_empty();
    if is_blank && object.value("description").is_some_and(|written| written.as_str().is_some()) {
        let error = InvalidTool::Description(name.to_owned());
        object.refuse("description", Problem::new(ErrorCode::OutOfRange, error.to_string()));
    }
    description.trim_end().to_owned()
}

/// The command with absolute paths, and whether its program lies in the manifest's folder.
fn command(object: &mut Object<'_, '_>, folder: &Path) -> (Vec<String>, bool) {
    object.require("command");
    if let Some(written @ Value::String(_)) = object.value("command") {
        let message = format!(
            "expected a list, found {}",
            if written.as_str() == Some("") { "nothing" } else { "text" }
        );
        let problem = Problem::new(ErrorCode::WrongType, message);
        object.refuse("command", problem.advise("write each word as an item: [python3, ./tool.py]"));
        return (Vec::new(), false);
    }
    let first = object.value("command").and_then(|written| written.item(0)).and_then(Value::as_str);
    let is_own = first.is_some_and(|program| program.starts_with("./"));
    let command = object.parsed("command", |word| argument(word, folder)).unwrap_or_default();
    if object.value("command").and_then(Value::as_list).is_some_and(<[Value]>::is_empty) {
        let problem = Problem::new(ErrorCode::OutOfRange, "the command is empty");
        object.refuse("command", problem.advise("name a program: [python3, ./tool.py]"));
    }
    if let Some(program) = first {
        let is_odd = program.contains('/') && !program.starts_with('/') && !is_own;
        let problem = if program.is_empty() {
            Some(Problem::new(ErrorCode::OutOfRange, "the program is empty"))
        } else if is_odd {
            let problem = Problem::new(
                ErrorCode::OutOfRange,
                "a program is a name, an absolute path, or begins with `./`",
            );
            Some(problem.advise(format!("write ./{program} for one below the manifest's folder")))
        } else {
            None
        };
        if let Some(problem) = problem {
            object.refuse("command", problem);
        }
    }
    (command, is_own)
}

fn argument(word: &str, folder: &Path) -> Result<String, Problem> {
    if word.contains('\0') {
        return Err(Problem::new(ErrorCode::OutOfRange, "an argument has no NUL characters"));
    }
    if !word.starts_with("./") {
        return Ok(word.to_owned());
    }
    let path = paths::resolve(folder, word)?;
    path.into_os_string().into_string().map_err(|_| {
        let problem =
            Problem::new(ErrorCode::OutOfRange, "the manifest's folder has a name that is not UTF-8");
        problem.advise("move the manifest")
    })
}

fn read_grants(object: &mut Object<'_, '_>, folder: &Path) -> ManifestGrants {
    let mut all = |name| -> Vec<PathBuf> {
        object.parsed(name, |written| paths::resolve(folder, written)).unwrap_or_default()
    };
    let (read, write, execute) = (all("read"), all("write"), all("execute"));
    let hosts = object.parsed("hosts", host).unwrap_or_default();
    ManifestGrants { read, write, execute, hosts }
}

fn host(written: &str) -> Result<HostGrant, Problem> {
    let grant: HostGrant =
        written.parse().map_err(|error| Problem::new(ErrorCode::OutOfRange, format!("{error}")))?;
    if grant.host.starts_with("*.") {
        let problem =
            Problem::new(ErrorCode::OutOfRange, "a cage is given hosts by their names, not by a pattern");
        return Err(problem.advise("name each host"));
    }
    Ok(grant)
}

fn environment(object: &mut Object<'_, '_>) -> BTreeMap<String, String> {
    object.parsed_entries("environment", |name, value| {
        variable(name)?;
        if value.contains('\0') {
            return Err(Problem::new(ErrorCode::OutOfRange, "a variable has no NUL characters"));
        }
        Ok(value.to_owned())
    })
}

fn secrets(
    object: &mut Object<'_, '_>,
    environment: &BTreeMap<String, String>,
) -> BTreeMap<String, SecretDelivery> {
    let written = object.value("secrets").and_then(Value::as_map).cloned().unwrap_or_default();
    let is_variable = |name: &str| written.get(name).and_then(Value::as_str) == Some("variable");
    object.parsed_entries("secrets", |name, value| {
        variable(name)?;
        let (delivery, variable) = match value {
            "file" => (SecretDelivery::File, format!("{name}_FILE")),
            "variable" => (SecretDelivery::Variable, name.to_owned()),
            _ => {
                let problem =
                    Problem::new(ErrorCode::OutOfRange, "a secret is given in a `file` or in a `variable`");
                return Err(
                    problem.advise("only how it is given stands here, never what it is nor where it is kept")
                );
            }
        };
        if environment.contains_key(&variable) {
            let message = format!("the variable `{variable}` of this secret stands in `environment` as well");
            return Err(Problem::new(ErrorCode::OutOfRange, message));
        }
        if variable != name && is_variable(&variable) {
            let message = format!("the secret `{variable}` has the variable of this one's file");
            return Err(Problem::new(ErrorCode::OutOfRange, message));
        }
        Ok(delivery)
    })
}

/// Checks the name of a variable.
fn variable(name: &str) -> Result<(), Problem> {
    let refused = |message: String| Err(Problem::new(ErrorCode::OutOfRange, message));
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(is_first) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return refused(format!(
            "`{}` is no name of a variable: write letters, digits and `_`",
            name.escape_debug()
        ));
    }
    if name.starts_with(RESERVED) {
        return refused(format!(
            "`{name}` is set by ice: variables that begin with `{RESERVED}` are its own"
        ));
    }
    Ok(())
}
