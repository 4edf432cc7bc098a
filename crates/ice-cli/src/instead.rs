//! Another model for everything a blueprint asks one: `--model`, or `ICE_MODEL`.

use ice_core::error::ErrorCode;
use ice_orchestrator::control::{Assembled, Document, DocumentKind, Notation};
use serde_json::{Value as Json, json};

use crate::fault::Fault;
use crate::load::Loaded;

/// The fields in which nodes stand.
const SCOPES: [&str; 8] =
    ["nodes", "body", "body_nodes", "branches", "true_path", "false_path", "true_branch", "false_branch"];

/// The settings that mean the same to every model.
const KEPT: [&str; 8] =
    ["provider", "model", "temperature", "max_tokens", "top_p", "stop_sequences", "timeout", "max_retries"];

/// Whether a node names a provider of models.
pub(crate) fn asks(blueprint: &Assembled, provider: &str) -> bool {
    fn names(json: &Json, provider: &str) -> bool {
        match json {
            Json::Array(items) => items.iter().any(|item| names(item, provider)),
            Json::Object(fields) => {
                let own = fields.get("provider").or_else(|| fields.get("llm_config")?.get("provider"));
                own.and_then(Json::as_str) == Some(provider)
                    || SCOPES
                        .iter()
                        .filter_map(|scope| fields.get(*scope))
                        .any(|nodes| names(nodes, provider))
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        }
    }
    blueprint.parts.iter().any(|part| names(&Json::from(&part.reading.document), provider))
}

/// A model that is asked instead of those that are named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instead<'m> {
    pub(crate) provider: &'m str,
    pub(crate) model: &'m str,
}

impl Instead<'_> {
    /// The documents of a valid blueprint with this model in every `llm` node and every agent.
    ///
    /// # Errors
    /// [`Fault`] if one of them cannot be written again.
    pub(crate) fn applied(self, loaded: &Loaded) -> Result<Vec<Document>, Fault> {
        let unwritable = |error: serde_json::Error| {
            Fault::new(ErrorCode::BlueprintInvalid, format!("an agent cannot be written again: {error}"))
        };
        let mut documents = Vec::with_capacity(loaded.documents.len());
        for document in &loaded.documents {
            let json = match document.kind {
                DocumentKind::Blueprint => {
                    let mut parts = loaded.assembled.parts.iter();
                    parts.find(|part| part.name == document.name).map(|part| {
                        let mut json = Json::from(&part.reading.document);
                        self.walk(&mut json);
                        json
                    })
                }
                DocumentKind::Agent => {
                    let mut agents = loaded.assembled.agents.iter();
                    let agent = agents.find(|agent| agent.name == document.name);
                    let definition = agent.and_then(|agent| agent.reading.value.as_ref());
                    let json = definition.map(serde_json::to_value).transpose().map_err(unwritable)?;
                    json.map(|mut json| {
                        self.set(&mut json);
                        // They are those of journals, and no document has them.
                        if let Some(fields) = json.as_object_mut() {
                            fields.remove("rules");
                        }
                        json
                    })
                }
                // It names blueprints, which are documents of their own.
                DocumentKind::Network => None,
            };
            documents.push(match json {
                Some(json) => {
                    Document { text: json.to_string(), notation: Notation::Json, ..document.clone() }
                }
                None => document.clone(),
            });
        }
        Ok(documents)
    }

    /// Visits the nodes of a scope and of those within.
    fn walk(self, json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Json::Object(fields) => {
                let kind = fields.get("type").and_then(Json::as_str);
                // Members of swarms are agents, and these are documents of their own.
                if matches!(kind, Some("llm" | "agent")) {
                    self.set(json);
                    return;
                }
                for scope in SCOPES {
                    if let Some(nodes) = fields.get_mut(scope) {
                        self.walk(nodes);
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    fn set(self, json: &mut Json) {
        let Some(fields) = json.as_object_mut() else { return };
        let settings = fields.entry("llm_config").or_insert_with(|| json!({}));
        if !settings.is_object() {
            *settings = json!({});
        }
        settings["provider"] = json!(self.provider);
        settings["model"] = json!(self.model);
        if let Some(settings) = settings.as_object_mut() {
            // The others are meant for the model that is not asked.
            settings.retain(|name, _| KEPT.contains(&name.as_str()));
        }
    }
}
