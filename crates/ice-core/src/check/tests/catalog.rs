//! A catalog to check against.

use crate::blueprint::{KindName, LlmConfig};
use crate::registry::{AgentDefinition, BlueprintSpec, Catalog, ProviderSpec};
use crate::tools::{Effect, ToolSpec};
use crate::value::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn tool(name: &str, input: &str, output: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        version: semver::Version::new(1, 0, 0),
        description: "For tests.".to_owned(),
        input_schema: json(input),
        output_schema: json(output),
        effect: Effect::Pure,
        capabilities: Vec::new(),
    }
}

/// Three tools, two providers, two agents of which one can do nothing, a blueprint; no executors for swarms and monitors.
pub(crate) fn catalog() -> Catalog {
    let unavailable = [KindName::Swarm, KindName::Monitor];
    Catalog {
        tools: vec![
            tool(
                "read_csv",
                r#"{"type":"object","properties":{"path":{"type":"string"},"limit":{"type":["integer","null"],"minimum":1},
                    "text":{"type":"string"}},"required":["path"],"additionalProperties":false}"#,
                r##"{"type":"object","properties":{"rows":{"type":"array","items":{"$ref":"#/$defs/row"}},"count":{"type":"integer"}},
                    "required":["rows"],"$defs":{"row":{"type":"object","additionalProperties":{"type":"string"}}}}"##,
            ),
            tool(
                "hello",
                r#"{"type":"object","properties":{"name":{"type":"string"}}}"#,
                r#"{"type":"object","properties":{"greeting":{"type":"string"}},"additionalProperties":false}"#,
            ),
            tool(
                "take",
                r#"{"type":"object","properties":{"rows":{"type":"array"},"n":{"type":"number"},"where":{"type":"array",
                    "items":{"properties":{"op":{"oneOf":[{"const":"eq"},{"const":"ne"}]}}}}}}"#,
                "true",
            ),
        ],
        providers: vec![
            ProviderSpec { name: "echo".to_owned(), models: None },
            ProviderSpec { name: "openai".to_owned(), models: Some(vec!["gpt-4o".to_owned()]) },
        ],
        agents: vec![
            AgentDefinition {
                llm_config: Some(LlmConfig {
                    provider: Some("echo".to_owned()),
                    model: Some("any".to_owned()),
                    ..LlmConfig::default()
                }),
                ..AgentDefinition::new("helper")
            },
            AgentDefinition { tools: vec!["reed_csv".to_owned()], ..AgentDefinition::new("team.lost") },
        ],
        embedders: Vec::new(),
        code: Vec::new(),
        interpreters: None,
        alert_channels: None,
        blueprints: vec![BlueprintSpec {
            name: "other".to_owned(),
            blueprint_id: "bp_other".parse().unwrap(),
            input_schema: Value::Null,
            nodes: vec!["first".parse().unwrap()],
            workflow_refs: Vec::new(),
        }],
        kinds: KindName::ALL.iter().copied().filter(|kind| !unavailable.contains(kind)).collect(),
    }
}
