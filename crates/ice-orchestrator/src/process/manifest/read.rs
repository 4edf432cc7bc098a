//! Reading the fields of a manifest.

use std::collections::BTreeMap;
use std::path::Path;

use ice_core::document::{Object, Problem};
use ice_core::error::ErrorCode;
use ice_core::manifest::{self, ManifestGrants};
use ice_core::process::SecretDelivery;
use ice_core::tools::typed::{InvalidTool, is_tool_name};
use ice_core::value::Value;

use super::{ToolManifest, any_object};

/// Reads a manifest that lies in `folder`.
pub(super) fn tool(object: &mut Object<'_, '_>, folder: &Path) -> ToolManifest {
    let name = name(object);
    let version = version(object, &name);
    let description = description(object, &name);
    let (command, is_own) = manifest::command(object, folder);
    let profile = object.choice("profile");
    let effect = object.choice("effect");
    let mut capabilities = object.choices("capabilities");
    capabilities.sort_unstable();
    capabilities.dedup();
    let input_schema = object.schema("input_schema").unwrap_or_else(any_object);
    let output_schema = object.schema("output_schema").unwrap_or_else(Value::empty_map);
    let grants = ManifestGrants::read(object, folder, is_own);
    let environment = manifest::environment(object);
    let secrets = secrets(object, &environment);
    let limits = object.below("limits", manifest::limits).unwrap_or_default();
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

fn secrets(
    object: &mut Object<'_, '_>,
    environment: &BTreeMap<String, String>,
) -> BTreeMap<String, SecretDelivery> {
    let written = object.value("secrets").and_then(Value::as_map).cloned().unwrap_or_default();
    let is_variable = |name: &str| written.get(name).and_then(Value::as_str) == Some("variable");
    object.parsed_entries("secrets", |name, value| {
        manifest::variable(name)?;
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
