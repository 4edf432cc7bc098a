//! A server's tools, resources and prompts as tools of ice.

mod call;
mod prompt;
mod resource;

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::plain;
use ice_core::registry::near_names;
use ice_core::tools::{Effect, Tool, ToolError, ToolSpec};
use ice_core::value::Value;

use super::error::Error;
use super::manifest::ToolOverride;
use super::names::{whole, word};
use super::offer::{Offer, OfferedTool};
use super::server::{Server, Tools};

pub use call::McpTool;
pub use prompt::PromptTool;
pub use resource::ResourceTool;

/// What the tools for resources and for prompts are called after the name of the server.
const READ_RESOURCE: &str = "read_resource";
const GET_PROMPT: &str = "get_prompt";

/// The tools of a server that offers this.
pub(super) fn of(server: &Server, offer: Arc<Offer>) -> Result<Tools, Error> {
    let mut taken = Taken { server, by: BTreeMap::new() };
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    unknown(server, &offer)?;
    for offered in &offer.tools {
        let known = server.manifest().known(&offered.name);
        if known.enabled {
            let name = taken.take(&offered.name, &known)?;
            let spec = spec(server, name, offered, known);
            tools.push(Arc::new(McpTool::new(server.clone(), spec, offered)));
        }
    }
    let known = |name: &str| Some(server.manifest().known(name)).filter(|known| known.enabled);
    if let (Some(resources), Some(known)) = (&offer.resources, known(READ_RESOURCE)) {
        let name = taken.take(READ_RESOURCE, &known)?;
        tools.push(Arc::new(ResourceTool::new(server.clone(), name, &known, resources)));
    }
    if let (Some(prompts), Some(known)) = (&offer.prompts, known(GET_PROMPT)) {
        let name = taken.take(GET_PROMPT, &known)?;
        tools.push(Arc::new(PromptTool::new(server.clone(), name, &known, prompts)));
    }
    Ok(Tools { tools, left_out: offer.left_out.clone(), offer })
}

/// Refuses what the manifest says of a tool that there is none of: a misspelt name would leave on what was to be off.
fn unknown(server: &Server, offer: &Offer) -> Result<(), Error> {
    let names = || {
        let tools = offer.tools.iter().map(|tool| tool.name.as_str());
        tools.chain(offer.left_out.iter().map(|(name, _)| name.as_str())).chain([READ_RESOURCE, GET_PROMPT])
    };
    for name in server.manifest().tools.keys() {
        if !names().any(|known| known == name) {
            let near = near_names(name, names());
            let near = near.first().map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let why = format!(
                "its manifest names the tool `{}`, which it does not have{near}",
                plain::line(name, 128)
            );
            return Err(Error::unusable(server.name(), why));
        }
    }
    Ok(())
}

/// The names that are taken, each with the tool that has it.
struct Taken<'s> {
    server: &'s Server,
    by: BTreeMap<String, String>,
}

impl Taken<'_> {
    fn take(&mut self, tool: &str, known: &ToolOverride) -> Result<String, Error> {
        let shown = plain::line(tool, 128);
        let word = known.name.clone().unwrap_or_else(|| word(tool));
        let advice = format!("write `tools: {{'{shown}': {{name: another_name}}}}` into its manifest");
        let Some(name) = whole(self.server.name(), &word) else {
            let why = format!("its tool `{shown}` has too long a name: {advice}");
            return Err(Error::unusable(self.server.name(), why));
        };
        if let Some(other) = self.by.insert(name.clone(), shown.clone()) {
            let why = format!("its tools `{other}` and `{shown}` would both be called `{name}`: {advice}");
            return Err(Error::unusable(self.server.name(), why));
        }
        Ok(name)
    }
}

fn spec(server: &Server, name: String, offered: &OfferedTool, known: ToolOverride) -> ToolSpec {
    let description = if offered.description.is_empty() {
        format!(
            "`{}` of the MCP server `{}`, which says no more of it.",
            plain::line(&offered.name, 128),
            server.name()
        )
    } else {
        offered.description.clone()
    };
    ToolSpec {
        name,
        version: server.manifest().version.clone(),
        description,
        input_schema: offered.input_schema.clone(),
        output_schema: offered.output_schema.clone().unwrap_or_else(Value::empty_map),
        effect: known.effect.unwrap_or(Effect::Irreversible),
        capabilities: known.capabilities,
    }
}

/// A tool of ours that reads what the server has: reading again does no harm, unless the manifest says so.
fn reading(
    server: &Server,
    name: String,
    known: &ToolOverride,
    description: String,
    [input, output]: [serde_json::Value; 2],
) -> ToolSpec {
    ToolSpec {
        name,
        version: server.manifest().version.clone(),
        description,
        input_schema: Value::from(input),
        output_schema: Value::from(output),
        effect: known.effect.unwrap_or(Effect::Idempotent),
        capabilities: known.capabilities.clone(),
    }
}

/// The text that such a tool cannot do without.
fn required<'i>(spec: &ToolSpec, input: &'i Value, field: &str) -> Result<&'i str, ToolError> {
    input.get(field).and_then(Value::as_str).ok_or_else(|| {
        let message = format!("`{}` needs a `{field}`", spec.name);
        ToolError::refused(ErrorCode::ToolInputInvalid, message)
    })
}

/// The end of a description: what there is, as far as it is known.
fn listed(what: &str, named: &[super::offer::Named]) -> String {
    if named.is_empty() {
        return String::new();
    }
    let each = named.iter().map(|one| match one.about.as_str() {
        "" => format!("\n- {}", one.name),
        about => format!("\n- {}: {about}", one.name),
    });
    format!("\n{what}:{}", each.collect::<String>())
}
