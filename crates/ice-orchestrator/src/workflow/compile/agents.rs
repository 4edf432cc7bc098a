//! Agents, compiled: what the node says over what the agent says of itself.

use std::sync::Arc;

use ice_core::blueprint::{AgentLimits, AgentNode, LlmConfig, NodeBase, ToolConfig};
use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::llm::{Request, ToolDefinition};
use ice_core::path::NodePath;
use ice_core::registry::AgentDefinition;
use ice_core::schema::normalize;
use ice_core::template::{Template, ValueTemplate};
use ice_core::value::{Map, Value};
use semver::VersionReq;

use super::kinds::{NamedTool, answer, images, request, template};
use super::sub_agents::Nest;
use super::{CompileError, Compiler, Parts, is_empty, validator};
use crate::executors::MAX_CHOICES;
use crate::journal::{PinnedAgent, PinnedModel};
use crate::workflow::model::{Agent, AgentBounds, AgentPlan, AgentTool, LlmOutput, SubAgent};

/// The most rounds if nothing else is said.
const ROUNDS: u32 = 10;

/// What an agent may call, each with what its model is told of it.
pub(super) struct Crew {
    pub(super) tools: Vec<(ToolDefinition, AgentTool)>,
    pub(super) agents: Vec<(ToolDefinition, SubAgent)>,
}

impl Compiler<'_> {
    pub(super) fn agent(
        &mut self,
        kind: &AgentNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<AgentPlan, CompileError> {
        let found = self.named_agent(&kind.names(), kind.constraint().as_ref(), path, parts)?;
        let schema = Some(&base.output_schema).filter(|schema| !is_empty(schema));
        let output = schema.map(|schema| answer("output_schema", schema, true, path)).transpose()?;
        let settings = kind.settings(base, Some(&found));
        let tools = match &kind.tools {
            Some(tools) => self.tools_of_node(tools, path, parts)?,
            None => self.tools_of_agent(&found.tools, path, parts)?,
        };
        let rounds = AgentLimits { rounds: Some(kind.max_iterations), ..AgentLimits::default() };
        let limits = found.limits.within(kind.limits).within(rounds);
        let nothing = Value::empty_map();
        let config = if kind.agent_config.is_null() { &nothing } else { &kind.agent_config };
        let agent = self.working(&found, &settings, tools, output.as_ref(), limits, path, parts)?;
        Ok(AgentPlan {
            agent,
            config: ValueTemplate::compile(config).map_err(template(path, "agent_config"))?,
            images: images(&kind.images, path)?,
            output,
            dependencies: base.dependencies.iter().map(NodeId::shared).collect(),
            memory: kind.memory_aware,
            multi_turn: kind.multi_turn,
        })
    }

    /// The agent of the first of these names that is registered, which the plan is bound to from now on.
    pub(super) fn named_agent(
        &self,
        names: &[String],
        constraint: Option<&VersionReq>,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Arc<AgentDefinition>, CompileError> {
        let registered = &self.registry.agents;
        let name = names.iter().find(|name| registered.contains(name, None));
        let found = name.and_then(|name| registered.get(name, constraint));
        let found = found.ok_or_else(|| CompileError::Unknown {
            node: path.clone(),
            what: "agent",
            name: names.last().cloned().unwrap_or_default(),
            code: ErrorCode::UnknownAgent,
        })?;
        let pinned = PinnedAgent::of(found);
        parts.agents.push(pinned.map_err(|error| CompileError::Document(error.to_string()))?);
        Ok(Arc::clone(found))
    }

    /// An agent with all it needs to work.
    #[expect(clippy::too_many_arguments, reason = "each is a part of one agent, and all are needed at once")]
    pub(super) fn working(
        &mut self,
        found: &AgentDefinition,
        settings: &LlmConfig,
        tools: Vec<(ToolDefinition, AgentTool)>,
        output: Option<&LlmOutput>,
        limits: AgentLimits,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Agent, CompileError> {
        let depth = limits.depth.unwrap_or(AgentLimits::DEPTH);
        let agents = self.sub_agents(found, settings, (&mut Nest::of(found), depth), path, parts)?;
        self.made(found, settings, Crew { tools, agents }, output, limits, path, parts)
    }

    /// An agent with what it may call.
    #[expect(clippy::too_many_arguments, reason = "each is a part of one agent, and all are needed at once")]
    pub(super) fn made(
        &self,
        found: &AgentDefinition,
        settings: &LlmConfig,
        crew: Crew,
        output: Option<&LlmOutput>,
        limits: AgentLimits,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Agent, CompileError> {
        let provider = self.named_provider(settings.provider.as_deref(), path, parts)?;
        let model = settings.model.clone().ok_or_else(|| CompileError::Unknown {
            node: path.clone(),
            what: "model of the agent",
            name: found.name.clone(),
            code: ErrorCode::UnknownModel,
        })?;
        parts.models.push(PinnedModel { provider: provider.to_string(), model: model.clone() });
        self.fallbacks(settings, &provider, path, parts)?;
        let (mut definitions, tools): (Vec<_>, Vec<_>) = crew.tools.into_iter().unzip();
        let (others, agents): (Vec<_>, Vec<_>) = crew.agents.into_iter().unzip();
        definitions.extend(others);
        definitions.extend(found.ask_person.then(person));
        let system_prompt = found.system_prompt.as_deref().map(Template::compile);
        Ok(Agent {
            name: Arc::from(found.name.as_str()),
            provider,
            system_prompt: system_prompt.transpose().map_err(template(path, "package"))?,
            request: Request {
                model,
                tools: definitions,
                timeout_ms: settings.timeout.map(|seconds| seconds.saturating_mul(1_000)),
                ..request(settings, output)
            },
            tools,
            agents,
            asks: found.ask_person,
            bounds: AgentBounds {
                rounds: limits.rounds.unwrap_or(ROUNDS),
                tool_calls: limits.tool_calls,
                tokens: limits.tokens,
                cost: limits.cost_usd,
                repeats: found.repeats(&limits),
                result_bytes: found
                    .result_bytes(&limits)
                    .map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
            },
            marks_data: found.rules > 0,
        })
    }

    /// The tools that an agent names itself, as they are.
    pub(super) fn tools_of_agent(
        &mut self,
        names: &[String],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Vec<(ToolDefinition, AgentTool)>, CompileError> {
        let mut tools = Vec::with_capacity(names.len());
        for name in names {
            let NamedTool { tool, name, input, output } = self.named_tool(name, path, parts)?;
            let spec = tool.spec();
            let definition = ToolDefinition {
                name: spec.name.clone(),
                description: spec.description.clone(),
                input_schema: spec.input_schema.clone(),
            };
            tools.push((definition, AgentTool { tool, name, offered: None, input, output }));
        }
        Ok(tools)
    }

    /// The tools that a node names, with the parameters that it offers.
    fn tools_of_node(
        &mut self,
        configs: &[ToolConfig],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Vec<(ToolDefinition, AgentTool)>, CompileError> {
        let mut tools = Vec::with_capacity(configs.len());
        for config in configs {
            let NamedTool { tool, name, input, output } = self.named_tool(&config.name, path, parts)?;
            let spec = tool.spec();
            let schema = offered(config, path)?;
            let what = || format!("the tool `{name}` of the node `{path}`");
            let checked = schema.as_ref().map(|schema| validator(schema, what)).transpose()?.flatten();
            let definition = ToolDefinition {
                name: spec.name.clone(),
                description: config.description.clone().unwrap_or_else(|| spec.description.clone()),
                input_schema: schema.unwrap_or_else(|| spec.input_schema.clone()),
            };
            tools.push((definition, AgentTool { tool, name, offered: checked, input, output }));
        }
        Ok(tools)
    }
}

/// The tool with which a model asks a person.
fn person() -> ToolDefinition {
    let text =
        |about: &str| Value::map([("type", Value::from("string")), ("description", Value::from(about))]);
    let question = text("What is asked, with all that is needed to answer it.");
    let choices = Value::map([
        ("type", Value::from("array")),
        ("items", text("An answer that can be chosen.")),
        ("maxItems", Value::from(MAX_CHOICES as u64)),
    ]);
    let description =
        "Asks a person, and gives what is answered. It may take long: ask only what you cannot find out.";
    ToolDefinition {
        name: AgentDefinition::ASK_PERSON.to_owned(),
        description: description.to_owned(),
        input_schema: Value::map([
            ("type", Value::from("object")),
            ("properties", Value::map([("question", question), ("choices", choices)])),
            ("required", Value::list([Value::from("question")])),
            ("additionalProperties", Value::Bool(false)),
        ]),
    }
}

/// The schema of what a model may set; nothing if the node says nothing of it: then it is all that the tool takes.
fn offered(config: &ToolConfig, path: &NodePath) -> Result<Option<Value>, CompileError> {
    let Some(parameters) = config.parameters.as_map().filter(|parameters| !parameters.is_empty()) else {
        return Ok(None);
    };
    let what = || format!("the tool `{}` of the node `{path}`", config.name);
    let mut properties = Map::with_capacity(parameters.len());
    for (name, schema) in parameters {
        let normal = normalize(&Value::map([("it", schema.clone())]));
        let normal = normal.map_err(|error| CompileError::Schema { what: what(), error })?;
        let schema = normal.get("properties").and_then(|properties| properties.get("it")).unwrap_or(schema);
        properties.insert(Arc::clone(name), schema.clone());
    }
    let required = config.required.iter().map(|name| Value::from(name.as_str()));
    Ok(Some(Value::map([
        ("type", Value::from("object")),
        ("properties", Value::from(properties)),
        ("required", Value::list(required)),
        ("additionalProperties", Value::Bool(false)),
    ])))
}
