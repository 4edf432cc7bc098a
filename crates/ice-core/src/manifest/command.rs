//! The command of a manifest: a program and its arguments.

use std::path::Path;

use super::paths;
use crate::document::{Object, Problem};
use crate::error::ErrorCode;
use crate::value::Value;

/// Reads the field `command` of a manifest that lies in `folder`: the command with absolute paths, and whether its program
/// lies in that folder.
pub fn command(object: &mut Object<'_, '_>, folder: &Path) -> (Vec<String>, bool) {
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
