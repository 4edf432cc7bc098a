//! What a conversation begins with: a blueprint of one agent.

use ice_core::blueprint::Format;
use ice_core::registry::AgentDefinition;
use ice_core::value::Value;
use ice_orchestrator::control::Document;
use ice_orchestrator::journal::RunOptions;
use serde_json::{Value as Json, json};

use super::as_file;
use crate::agents;
use crate::commands::run::MODELS;
use crate::fault::Fault;
use crate::input;
use crate::load::{self, Loaded};
use crate::shell::Shell;

/// The node of a conversation.
const NODE: &str = "chat";
/// The input that is said first.
pub(super) const MESSAGE: &str = "message";
/// The agent of a model by itself.
const BY_ITSELF: &str = "assistant";

/// What the command line says of a conversation.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) agent: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) system: Option<&'a str>,
    pub(super) tools: &'a [String],
    pub(super) settings: &'a [String],
}

/// A conversation that can begin.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) documents: Vec<Document>,
    pub(super) options: RunOptions,
    /// Who it is with: `guide · openai/gpt-4.1-mini`.
    pub(super) with: String,
}

impl Opening<'_> {
    /// Reads the agent and what it needs, and checks it all.
    ///
    /// # Errors
    /// [`Fault`] if there is no such agent, nothing names a model, or something is wrong with them.
    pub(super) fn prepare(&self, shell: &Shell) -> Result<Prepared, Fault> {
        let given = match self.agent {
            Some(agent) => as_file(agent).map(|file| agents::named(&file)).transpose()?,
            None => Some(Document::agent("the agent", self.by_itself().to_string())),
        };
        let name = match (&given, self.agent) {
            (Some(document), _) => name_of(document).unwrap_or_else(|| BY_ITSELF.to_owned()),
            (None, agent) => agent.unwrap_or(BY_ITSELF).to_owned(),
        };
        let blueprint = self.blueprint(&name)?;
        let given: Vec<Document> = given.into_iter().collect();
        let mut loaded =
            load::load_made(Document::new("the conversation", blueprint.to_string()), given, &shell.toolbox)?;
        let read = |loaded: &Loaded| {
            let mut agents = loaded.assembled.agents.iter().filter_map(|agent| agent.reading.value.as_ref());
            agents.find(|agent| agent.name == name).cloned()
        };
        let Some(agent) = read(&loaded) else {
            // An agent that cannot be read is told with its lines.
            if loaded.assembled.agents.iter().any(|agent| agent.reading.value.is_none()) {
                loaded.tell(&shell.screen);
                return Err(loaded.fault());
            }
            return Err(Fault::usage(format!("there is no agent `{name}`")).help(
                "agents are looked for in the folder `agents`, and in those that `--agents` names; or name a file",
            ));
        };
        let own = agent.llm_config.as_ref().and_then(|own| Some((own.provider.clone()?, own.model.clone()?)));
        let model = match (self.model, own) {
            (Some(model), _) => {
                loaded.instead(model, &shell.toolbox)?;
                model.to_owned()
            }
            (None, Some((provider, model))) => format!("{provider}/{model}"),
            (None, None) => return Err(Fault::usage("nothing says which model is asked").help(MODELS)),
        };
        if loaded.assembled.checked.is_none() {
            loaded.tell(&shell.screen);
            return Err(loaded.fault());
        }
        let with = if self.agent.is_some() { format!("{name} · {model}") } else { model };
        Ok(Prepared { documents: loaded.documents, options: RunOptions::default(), with })
    }

    fn by_itself(&self) -> Json {
        let system = self.system.map(|system| {
            let mut system = json!(system);
            literal(&mut system);
            system
        });
        json!({"name": BY_ITSELF, "tools": self.tools, "system_prompt": system})
    }

    fn blueprint(&self, agent: &str) -> Result<Json, Fault> {
        let mut config = match Json::from(&input::settings(self.settings)?) {
            Json::Object(settings) => settings,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                serde_json::Map::new()
            }
        };
        for value in config.values_mut() {
            literal(value);
        }
        config.insert("task".to_owned(), json!(format!("{{{{ inputs.{MESSAGE} }}}}")));
        Ok(json!({
            "schema_version": "1.2.0",
            "metadata": {"draft_name": format!("Chat with {agent}")},
            "input_schema": {"type": "object", "properties": {MESSAGE: {"type": "string"}}, "required": [MESSAGE]},
            "nodes": [{"id": NODE, "type": "agent", "package": agent, "multi_turn": true, "agent_config": config}],
        }))
    }
}

/// Has templates give a text as it is.
fn literal(value: &mut Json) {
    match value {
        Json::String(text) if text.contains(['{', '}']) => {
            let quoted = Value::from(text.as_str()).to_string();
            *text = format!("{{{{ {quoted} }}}}");
        }
        Json::Array(items) => items.iter_mut().for_each(literal),
        Json::Object(fields) => fields.values_mut().for_each(literal),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn name_of(document: &Document) -> Option<String> {
    let format = Format::of_name(&document.name);
    AgentDefinition::read(&document.text, format, &document.name).value.map(|agent| agent.name)
}
