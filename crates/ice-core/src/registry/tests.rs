//! The five calls, for every kind of thing, and the catalog.

use std::sync::Arc;

use async_trait::async_trait;
use semver::{Version, VersionReq};

use crate::blueprint::{Blueprint, KindName};
use crate::embedding::{Dimension, HashEmbedder};
use crate::error::ErrorCode;
use crate::llm::{
    ChunkStream, Estimate, LlmContext, LlmError, LlmErrorKind, LlmProvider, ModelCapabilities, Request,
    Response,
};
use crate::registry::{
    AgentDefinition, Catalog, EmbedderSpec, NamedBlueprint, ProviderSpec, Registry, RegistryError,
};
use crate::tools::{Effect, Tool, ToolContext, ToolError, ToolSpec};
use crate::value::Value;

#[derive(Debug)]
struct Plain(ToolSpec);

#[async_trait]
impl Tool for Plain {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: &ToolContext, input: Value) -> Result<Value, ToolError> {
        Ok(input)
    }
}

#[derive(Debug)]
struct Fixed(&'static str);

#[async_trait]
impl LlmProvider for Fixed {
    fn name(&self) -> &str {
        self.0
    }

    fn capabilities(&self, _: &str) -> Option<ModelCapabilities> {
        None
    }

    fn models(&self) -> Option<Vec<String>> {
        Some(vec!["small-1".to_owned(), "large-1".to_owned()])
    }

    fn estimate(&self, _: &Request) -> Estimate {
        Estimate { input_tokens: 0, max_output_tokens: 0 }
    }

    async fn complete(&self, _: &LlmContext, _: Request) -> Result<Response, LlmError> {
        Err(LlmError::new(LlmErrorKind::Refused, "never answers"))
    }

    async fn stream(&self, _: &LlmContext, _: Request) -> Result<ChunkStream, LlmError> {
        Err(LlmError::new(LlmErrorKind::Refused, "never answers"))
    }
}

fn tool(name: &str, version: &str, about: &str) -> Arc<dyn Tool> {
    Arc::new(Plain(ToolSpec {
        name: name.to_owned(),
        version: version.parse().unwrap(),
        description: about.to_owned(),
        input_schema: Value::empty_map(),
        output_schema: Value::empty_map(),
        effect: Effect::Pure,
        capabilities: Vec::new(),
    }))
}

fn blueprint(text: &str) -> Blueprint {
    serde_json::from_str(text).unwrap()
}

fn stocked() -> Registry {
    let mut registry = Registry::default();
    for (name, version) in
        [("b", "1.2.0"), ("a", "1.0.0"), ("b", "1.10.0"), ("b", "2.0.0-rc.1"), ("x.y", "0.1.0")]
    {
        registry.tools.register(tool(name, version, "does")).unwrap();
    }
    registry.providers.register(Arc::new(Fixed("fixed"))).unwrap();
    registry.embedders.register(Arc::new(HashEmbedder::default())).unwrap();
    registry.agents.register(Arc::new(AgentDefinition::new("critic"))).unwrap();
    let sub = blueprint(
        r#"{"blueprint_id": "bp_1", "nodes": [
            {"id": "z", "type": "loop", "items_source": "inputs.all", "body": [
                {"id": "one", "type": "workflow", "workflow_ref": "deep.yaml"}]},
            {"id": "a", "type": "workflow", "workflow_ref": "also.yaml"}]}"#,
    );
    registry.blueprints.register(NamedBlueprint::new("sub/flow.yaml", sub)).unwrap();
    registry
}

fn version(registry: &Registry, name: &str, requirement: Option<&str>) -> Option<String> {
    let requirement = requirement.map(|text| VersionReq::parse(text).unwrap());
    registry.tools.get(name, requirement.as_ref()).map(|tool| tool.spec().version.to_string())
}

#[test]
fn the_newest_version_that_fits_is_found() {
    let registry = stocked();
    assert_eq!(version(&registry, "b", None).as_deref(), Some("1.10.0"));
    assert_eq!(version(&registry, "b", Some("~1.2")).as_deref(), Some("1.2.0"));
    assert_eq!(version(&registry, "b", Some(">=2.0.0-rc.0")).as_deref(), Some("2.0.0-rc.1"));
    assert_eq!(version(&registry, "b", Some("3")), None);
    assert_eq!(version(&registry, "c", None), None);
    assert!(registry.tools.contains("x.y", None) && !registry.tools.contains("x", None));
}

#[test]
fn a_pre_release_serves_where_there_is_no_release() {
    let mut registry = Registry::default();
    registry.tools.register(tool("t", "1.0.0-alpha.1", "does")).unwrap();
    registry.tools.register(tool("t", "1.0.0-alpha.2", "does")).unwrap();
    assert_eq!(version(&registry, "t", None).as_deref(), Some("1.0.0-alpha.2"));
    let catalog = registry.catalog(&[]);
    assert_eq!(catalog.tool("t", None).unwrap().version.to_string(), "1.0.0-alpha.2");
}

#[test]
fn lists_are_sorted_by_name_and_version() {
    let registry = stocked();
    let keys: Vec<String> =
        registry.tools.list().map(|tool| format!("{}@{}", tool.spec().name, tool.spec().version)).collect();
    assert_eq!(keys, ["a@1.0.0", "b@1.2.0", "b@1.10.0", "b@2.0.0-rc.1", "x.y@0.1.0"]);
}

#[test]
fn the_same_thing_twice_is_fine_and_another_is_a_conflict() {
    let mut registry = stocked();
    registry.tools.register(tool("a", "1.0.0", "does")).unwrap();
    let conflict = registry.tools.register(tool("a", "1.0.0", "does something else")).unwrap_err();
    assert_eq!(conflict, RegistryError::Conflict { what: "tool", key: "a@1.0.0".to_owned() });
    assert_eq!(conflict.code(), ErrorCode::RegistryConflict);
    assert_eq!(
        registry.providers.register(Arc::new(Fixed("fixed"))).unwrap_err().to_string(),
        "another provider is already registered as `fixed`: use another name or version, or remove it first"
    );

    let present = registry.embedders.get("hash", None).unwrap().clone();
    registry.embedders.register(present).unwrap();
    assert_eq!(
        registry.embedders.register(Arc::new(HashEmbedder::default())).unwrap_err(),
        RegistryError::Conflict { what: "embedder", key: "hash".to_owned() }
    );

    let critic = AgentDefinition::new("critic");
    registry.agents.register(Arc::new(critic.clone())).unwrap();
    let other = AgentDefinition { system_prompt: Some("Be strict.".to_owned()), ..critic };
    assert!(registry.agents.register(Arc::new(other)).is_err());

    let present = registry.blueprints.get("sub/flow.yaml", None).unwrap().clone();
    registry.blueprints.register(present).unwrap();
    let other = blueprint(r#"{"blueprint_id": "bp_2", "nodes": []}"#);
    assert!(registry.blueprints.register(NamedBlueprint::new("sub/flow.yaml", other)).is_err());
}

#[test]
fn names_follow_the_rule_of_their_kind() {
    let mut registry = Registry::default();
    for bad in ["", "A", "1a", "a-b", "a.b.c", ".a", "a.", "ä", &"a".repeat(65)] {
        let refused = registry.tools.register(tool(bad, "1.0.0", "does")).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidId, "{bad}");
    }
    for bad in ["", "Fixed", "a b"] {
        assert!(registry.providers.register(Arc::new(Fixed(bad))).is_err(), "{bad}");
    }
    for bad in ["", "1a", "a/b"] {
        assert!(registry.agents.register(Arc::new(AgentDefinition::new(bad))).is_err(), "{bad}");
    }
    let empty = blueprint(r#"{"blueprint_id": "bp_2", "nodes": []}"#);
    for bad in ["", " a", "a\nb", &"a".repeat(1_025)] {
        assert!(registry.blueprints.register(NamedBlueprint::new(bad, empty.clone())).is_err(), "{bad}");
    }
    let nothing = Catalog { alert_channels: Some(Vec::new()), ..Catalog::default() };
    assert_eq!(registry.catalog(&[]), nothing);
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let mut registry = stocked();
    let before = registry.clone();
    assert_eq!(registry.tools.remove("b", Some(&Version::new(1, 2, 0))).len(), 1);
    assert_eq!(registry.tools.remove("b", Some(&Version::new(9, 9, 9))).len(), 0);
    assert_eq!(registry.tools.remove("b", None).len(), 2);
    assert_eq!(registry.tools.remove("b", None).len(), 0);
    assert_eq!(registry.providers.remove("fixed", None).len(), 1);
    assert!(!registry.tools.contains("b", None) && !registry.providers.contains("fixed", None));
    assert_eq!(before.tools.list().count(), 5);
    assert!(before.providers.contains("fixed", None));
}

#[test]
fn the_catalog_is_the_registry_as_data() {
    let kinds = [KindName::Tool, KindName::Llm, KindName::Tool];
    let catalog = stocked().catalog(&kinds);
    let read: Catalog = serde_json::from_str(&serde_json::to_string(&catalog).unwrap()).unwrap();
    assert_eq!(read, catalog);
    assert_eq!(catalog.kinds, [KindName::Tool, KindName::Llm]);
    assert!(catalog.executes(KindName::Llm) && !catalog.executes(KindName::Human));

    let models = vec!["small-1".to_owned(), "large-1".to_owned()];
    assert_eq!(catalog.providers, [ProviderSpec { name: "fixed".to_owned(), models: Some(models) }]);
    let dimension = Dimension::new(256).unwrap();
    let hash = EmbedderSpec { name: "hash".to_owned(), model: "hash-1-256".to_owned(), dimension };
    assert_eq!(catalog.embedder("hash"), Some(&hash));
    assert_eq!(catalog.embedders, [hash]);
    assert!(catalog.provider("fixed").unwrap().offers("small-1"));
    assert!(!catalog.provider("fixed").unwrap().offers("small-2"));
    assert_eq!(catalog.near_models("fixed", "smal-1"), ["small-1"]);
    assert_eq!(catalog.near_tools("B"), ["b"]);
    assert_eq!(catalog.near_providers("fixd"), ["fixed"]);
    assert_eq!(catalog.near_agents("critc"), ["critic"]);
    assert_eq!(catalog.near_blueprints("flow.yaml"), ["sub/flow.yaml"]);

    let requirement = VersionReq::parse("~1.2").unwrap();
    assert_eq!(catalog.tool("b", None).unwrap().version, Version::new(1, 10, 0));
    assert_eq!(catalog.tool("b", Some(&requirement)).unwrap().version, Version::new(1, 2, 0));
    assert_eq!(catalog.agent("critic", None).unwrap().version, Version::new(1, 0, 0));
    assert!(catalog.agent("critic", Some(&VersionReq::parse("2").unwrap())).is_none());

    let spec = catalog.blueprint("sub/flow.yaml").unwrap();
    assert_eq!(spec.nodes.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!(spec.workflow_refs, ["also.yaml", "deep.yaml"]);
}

#[test]
fn a_provider_without_a_list_takes_any_model() {
    let open = ProviderSpec { name: "echo".to_owned(), models: None };
    assert!(open.offers("whatever"));
}
