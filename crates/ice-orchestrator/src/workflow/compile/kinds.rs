//! What the nodes of each kind do, compiled.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::{
    ApprovalType, CodeEngine, CodeNode, ConditionNode, HumanNode, LlmConfig, LlmNode, LoopNode, MonitorNode,
    Node, NodeBase, NodeKind, ParallelNode, ToolNode, WorkflowNode,
};
use ice_core::check::CheckedScope;
use ice_core::error::ErrorCode;
use ice_core::id::NodeId;
use ice_core::llm::Request;
use ice_core::path::NodePath;
use ice_core::registry::CodeBody;
use ice_core::schema::Validator;
use ice_core::template::{Expression, Template, TemplateError, ValueTemplate};
use ice_core::tools::Tool;
use ice_core::value::{Map, Value};
use indexmap::IndexSet;

use super::{CompileError, Compiler, Parts, is_empty, validator, within};
use crate::journal::{PinnedModel, Question};
use crate::telemetry::tool_seconds;
use crate::workflow::model::{
    CodePlan, ConditionPlan, HumanPlan, Items, LlmOutput, LlmPlan, LoopPlan, MonitorPlan, ParallelPlan, Plan,
    ToolPlan, Work, WorkflowPlan,
};

/// The provider of models if nothing says which.
const DEFAULT_PROVIDER: &str = "openai";

/// A tool under its name, with its schemas, absent where they accept everything.
pub(super) struct NamedTool {
    pub(super) tool: Arc<dyn Tool>,
    pub(super) name: Arc<str>,
    pub(super) input: Option<Validator>,
    pub(super) output: Option<Validator>,
}

impl Compiler<'_> {
    pub(super) fn work(
        &mut self,
        node: &Node,
        scopes: &[CheckedScope],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Work, CompileError> {
        match &node.kind {
            NodeKind::Tool(kind) => self.tool(kind, &node.base, path, parts).map(Work::Tool),
            NodeKind::Llm(kind) => self.llm(kind, &node.base, path, parts).map(Work::Llm),
            NodeKind::Agent(kind) => self.agent(kind, &node.base, path, parts).map(Work::Agent),
            NodeKind::Code(kind) => self.code(kind, &node.base, path, parts).map(Work::Code),
            NodeKind::Condition(kind) => self.condition(kind, scopes, path, parts).map(Work::Condition),
            NodeKind::Loop(kind) => self.r#loop(kind, scopes, path, parts).map(Work::Loop),
            NodeKind::Parallel(kind) => self.parallel(kind, scopes, path, parts).map(Work::Parallel),
            NodeKind::Workflow(kind) => self.workflow(kind, path, parts).map(Work::Workflow),
            NodeKind::Recursive(kind) => {
                self.recursive(kind, &node.base, node.id.shared(), path, parts).map(Work::Recursive)
            }
            NodeKind::Monitor(kind) => monitor(kind, &node.base, path).map(Work::Monitor),
            NodeKind::Human(kind) => human(kind, &node.base, path).map(Work::Human),
            NodeKind::Swarm(kind) => self.swarm(kind, &node.base, path, parts).map(Work::Swarm),
        }
    }

    fn tool(
        &mut self,
        kind: &ToolNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<ToolPlan, CompileError> {
        let args = ValueTemplate::compile(&kind.tool_args).map_err(template(path, "tool_args"))?;
        let NamedTool { tool, name, input, output } = self.named_tool(&kind.tool_name, path, parts)?;
        let declared = validator(&base.input_schema, || format!("the node `{path}`"))?;
        let seconds = tool_seconds(&name);
        Ok(ToolPlan { tool, name, args, declared, input, output, seconds })
    }

    /// The tool of a name, which the plan holds from now on.
    pub(super) fn named_tool(
        &mut self,
        name: &str,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<NamedTool, CompileError> {
        let unknown = || CompileError::Unknown {
            node: path.clone(),
            what: "tool",
            name: name.to_owned(),
            code: ErrorCode::UnknownTool,
        };
        let tool = Arc::clone(self.registry.tools.get(name, None).ok_or_else(unknown)?);
        let name: Arc<str> = match parts.tools.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(name),
        };
        parts.tools.insert(Arc::clone(&name), Arc::clone(&tool));
        let (input, output) = match self.validators.get(&name) {
            Some(known) => known.clone(),
            None => {
                let spec = tool.spec();
                let input = validator(&spec.input_schema, || format!("the tool `{name}`"))?;
                let output = validator(&spec.output_schema, || format!("the tool `{name}`"))?;
                self.validators.insert(Arc::clone(&name), (input.clone(), output.clone()));
                (input, output)
            }
        };
        Ok(NamedTool { tool, name, input, output })
    }

    /// The provider of a name, which the plan holds from now on.
    pub(super) fn named_provider(
        &self,
        name: Option<&str>,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Arc<str>, CompileError> {
        let name = name.unwrap_or(DEFAULT_PROVIDER);
        let unknown = || CompileError::Unknown {
            node: path.clone(),
            what: "provider",
            name: name.to_owned(),
            code: ErrorCode::UnknownModel,
        };
        let found = self.registry.providers.get(name, None).ok_or_else(unknown)?;
        let provider: Arc<str> = Arc::from(name);
        parts.providers.insert(Arc::clone(&provider), Arc::clone(found));
        Ok(provider)
    }

    /// The models that are asked if the first one fails: their providers belong to the plan, which is bound to them.
    pub(super) fn fallbacks(
        &self,
        config: &LlmConfig,
        provider: &str,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<(), CompileError> {
        for fallback in &config.fallback_models {
            let named = fallback.provider.as_deref().unwrap_or(provider);
            let provider = self.named_provider(Some(named), path, parts)?.to_string();
            parts.models.push(PinnedModel { provider, model: fallback.model.clone() });
        }
        Ok(())
    }

    fn llm(
        &mut self,
        kind: &LlmNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<LlmPlan, CompileError> {
        let config = &kind.llm_config;
        let stated = config.provider.as_deref().or(base.provider.as_deref());
        let provider = self.named_provider(stated, path, parts)?;
        let (model_field, model) = match &config.model {
            Some(model) => ("llm_config.model", model),
            None => ("model", &kind.model),
        };
        let model = Template::compile(model).map_err(template(path, model_field))?;
        if let Some(named) = model.is_constant().and_then(Value::as_str) {
            parts.models.push(PinnedModel { provider: provider.to_string(), model: named.to_owned() });
        }
        let declared = [("json_schema", &kind.json_schema), ("output_schema", &base.output_schema)];
        let declared = declared.into_iter().find(|(_, schema)| !is_empty(schema));
        let output = declared
            .map(|(field, schema)| answer(field, schema, kind.coerce_output_types, path))
            .transpose()?;
        let mut rules = Vec::new();
        for (name, rule) in &base.context_rules {
            let custom = kind.format_specifications.get(name).and_then(Value::as_str);
            let custom = custom
                .map(|source| Template::compile(source).map_err(template(path, "format_specifications")));
            rules.push((Arc::from(name.as_str()), rule.clone(), custom.transpose()?));
        }
        self.fallbacks(config, &provider, path, parts)?;
        let request = Request {
            temperature: config.temperature.or(Some(kind.temperature)),
            max_tokens: config.max_tokens.or(kind.max_tokens),
            ..request(config, output.as_ref())
        };
        Ok(LlmPlan {
            provider,
            model,
            model_field,
            prompt: Template::compile(&kind.prompt).map_err(template(path, "prompt"))?,
            images: images(&kind.images, path)?,
            request,
            output,
            rules,
            format: kind.output_format.clone(),
            memory: kind.memory_aware,
        })
    }

    fn code(
        &mut self,
        kind: &CodeNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<CodePlan, CompileError> {
        let mut registered = |name: &str| {
            let unknown = || CompileError::Unknown {
                node: path.clone(),
                what: "code",
                name: name.to_owned(),
                code: ErrorCode::UnknownCode,
            };
            let found = self.registry.code.get(name, None).ok_or_else(unknown)?;
            parts.code.insert(Arc::clone(&found.name), Arc::clone(found));
            match &found.body {
                CodeBody::Source(language, text) => Ok((*language, "code", Value::String(Arc::clone(text)))),
                CodeBody::Module(_) => Ok((kind.language, "module", Value::from(name))),
            }
        };
        let (language, field, what) = match (&kind.code, &kind.module, &base.name) {
            (Some(code), _, _) => (kind.language, "code", Value::from(code.as_str())),
            (None, Some(file), _) if kind.names_a_file() => {
                (kind.language, "file", Value::from(file.as_str()))
            }
            (None, Some(name), _) => registered(name)?,
            (None, None, name) => registered(name.as_deref().unwrap_or_default())?,
        };
        let engine = match kind.engine {
            CodeEngine::Process => "process",
            CodeEngine::Wasm => "wasm",
        };
        let mut request: Map =
            [(Arc::from("engine"), Value::from(engine)), (Arc::from(field), what)].into_iter().collect();
        if field == "code" {
            request.insert(Arc::from("language"), Value::from(language.as_str()));
        }
        if !kind.imports.is_empty() {
            let imports = kind.imports.iter().map(|name| Value::from(name.as_str()));
            request.insert(Arc::from("imports"), Value::list(imports));
        }
        if !kind.capabilities.is_empty() {
            let capabilities = Value::from_serialize(&kind.capabilities);
            request.insert(
                Arc::from("capabilities"),
                capabilities.map_err(|error| CompileError::Document(error.to_string()))?,
            );
        }
        Ok(CodePlan {
            request,
            capabilities: kind.capabilities.clone(),
            dependencies: base.dependencies.iter().map(NodeId::shared).collect(),
        })
    }

    fn condition(
        &mut self,
        kind: &ConditionNode,
        scopes: &[CheckedScope],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<ConditionPlan, CompileError> {
        let expression = Expression::compile(&kind.expression).map_err(template(path, "expression"))?;
        let mut nested = |nodes: &[Node], at: usize, name: &str| match scopes.get(at) {
            Some(scope) if !nodes.is_empty() => {
                let prefix = within(path, name);
                self.scope(nodes, scope, Some(&prefix), parts).map(Some)
            }
            Some(_) | None => Ok(None),
        };
        let on_true = nested(&kind.true_path, 0, "true")?;
        let on_false = nested(&kind.false_path, 1, "false")?;
        let ids = ids(kind.true_path.iter().chain(&kind.false_path));
        Ok(ConditionPlan { expression, on_true, on_false, ids })
    }

    fn r#loop(
        &mut self,
        kind: &LoopNode,
        scopes: &[CheckedScope],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<LoopPlan, CompileError> {
        let items = Items::compile(&kind.items_source).map_err(template(path, "items_source"))?;
        let empty = CheckedScope::default();
        let body =
            self.scope(&kind.body, scopes.first().unwrap_or(&empty), Some(&within(path, "body")), parts)?;
        let side_by_side = kind.max_concurrency.map_or(usize::MAX, |limit| limit as usize);
        Ok(LoopPlan {
            items,
            item: Arc::from(kind.item_var.as_str()),
            body,
            max_iterations: kind.max_iterations.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            limit: if kind.parallel { side_by_side } else { 1 },
        })
    }

    fn parallel(
        &mut self,
        kind: &ParallelNode,
        scopes: &[CheckedScope],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<ParallelPlan, CompileError> {
        let prefix = within(path, "branches");
        let branches = kind.branches.iter().zip(scopes);
        let branches = branches.map(|(nodes, scope)| self.scope(nodes, scope, Some(&prefix), parts));
        Ok(ParallelPlan {
            branches: branches.collect::<Result<_, _>>()?,
            ids: ids(kind.branches.iter().flatten()),
            max_concurrency: kind.max_concurrency.map(|limit| limit as usize),
            merge: kind.merge_outputs,
            wait: kind.wait_strategy,
        })
    }

    fn workflow(
        &mut self,
        kind: &WorkflowNode,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<WorkflowPlan, CompileError> {
        let plan = self.sub_blueprint(&kind.workflow_ref, path, parts)?;
        let overrides = Some(&kind.config_overrides).filter(|overrides| !overrides.is_null());
        let overrides = overrides.map(ValueTemplate::compile).transpose();
        let overrides = overrides.map_err(template(path, "config_overrides"))?;
        let exposed =
            kind.exposed_outputs.iter().map(|(name, path)| (Arc::from(name.as_str()), path.clone()));
        Ok(WorkflowPlan { plan, exposed: exposed.collect(), overrides, context: None })
    }

    /// The plan of another blueprint.
    pub(super) fn sub_blueprint(
        &mut self,
        name: &str,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Arc<Plan>, CompileError> {
        let plan = match self.done.get(name) {
            Some(plan) => Arc::clone(plan),
            None => self.nested(name, path)?,
        };
        parts.workflows.insert(name.to_owned(), Arc::clone(&plan));
        Ok(plan)
    }
}

fn human(kind: &HumanNode, base: &NodeBase, path: &NodePath) -> Result<HumanPlan, CompileError> {
    let failed = |error| CompileError::Schema { what: format!("the node `{path}`"), error };
    let is_data = kind.approval_type == ApprovalType::InputRequired && !is_empty(&base.output_schema);
    let schema =
        is_data.then(|| ice_core::schema::normalize(&base.output_schema)).transpose().map_err(failed)?;
    let is_yes_or_no = kind.approval_type == ApprovalType::ApproveReject;
    Ok(HumanPlan {
        message: Template::compile(&kind.prompt_message).map_err(template(path, "prompt_message"))?,
        question: Question {
            message: String::new(),
            approval_type: kind.approval_type,
            choices: kind
                .choices
                .clone()
                .filter(|_| kind.approval_type == ApprovalType::Choice)
                .unwrap_or_default(),
            schema,
            // Nobody can choose, or say, what somebody else would have.
            auto_approve_after: kind.auto_approve_after.filter(|_| is_yes_or_no),
            timeout_seconds: base.timeout_seconds,
            escalation_path: kind.escalation_path.clone(),
        },
    })
}

fn monitor(kind: &MonitorNode, base: &NodeBase, path: &NodePath) -> Result<MonitorPlan, CompileError> {
    let expression = Expression::compile(&kind.metric_expression);
    let mut channels = kind.alert_channels.clone();
    channels.sort_unstable();
    channels.dedup();
    Ok(MonitorPlan {
        expression: expression.map_err(template(path, "metric_expression"))?,
        source: Arc::from(kind.metric_expression.as_str()),
        action: kind.action_on_trigger,
        channels,
        interval: Duration::from_secs(kind.check_interval_seconds),
        most: kind.most_checks(base.timeout_seconds),
        timeout: base.timeout_seconds.map(Duration::from_secs),
    })
}

/// The declared shape of an answer.
pub(super) fn answer(
    field: &'static str,
    schema: &Value,
    coerce: bool,
    path: &NodePath,
) -> Result<LlmOutput, CompileError> {
    let failed = |error| CompileError::Schema { what: format!("the node `{path}`"), error };
    let schema = ice_core::schema::normalize(schema).map_err(failed)?;
    let validator = Validator::compile(&schema).map_err(failed)?;
    Ok(LlmOutput { field, schema, validator, coerce })
}

/// What settings say of a request.
pub(super) fn request(config: &LlmConfig, output: Option<&LlmOutput>) -> Request {
    Request {
        temperature: config.temperature,
        max_tokens: config.max_tokens,
        top_p: config.top_p,
        stop: config.stop_sequences.clone().unwrap_or_default(),
        output_schema: output.map(|output| output.schema.clone()),
        extra: extra(config),
        base_url: config.base_url.clone(),
        attempts: config.max_retries.map(|retries| retries.saturating_add(1)),
        fallbacks: config.fallback_models.clone(),
        ..Request::default()
    }
}

/// The settings of a provider that have no field of their own in a request; `custom_parameters` win.
fn extra(config: &LlmConfig) -> Value {
    let penalties =
        [("frequency_penalty", config.frequency_penalty), ("presence_penalty", config.presence_penalty)];
    let penalties = penalties
        .into_iter()
        .filter_map(|(name, penalty)| Some((Arc::from(name), Value::try_from(penalty?).ok()?)));
    let further = config.extra.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone()));
    let custom = config.custom_parameters.as_map().into_iter().flatten();
    let custom = custom.map(|(name, value)| (Arc::clone(name), value.clone()));
    let extra: Map = penalties.chain(further).chain(custom).collect();
    if extra.is_empty() { Value::Null } else { Value::from(extra) }
}

/// The ids of nodes, each once, in file order.
fn ids<'n>(nodes: impl Iterator<Item = &'n Node>) -> Vec<Arc<str>> {
    let unique: IndexSet<Arc<str>> = nodes.map(|node| node.id.shared()).collect();
    unique.into_iter().collect()
}

pub(super) fn template(path: &NodePath, field: &'static str) -> impl Fn(TemplateError) -> CompileError {
    move |error| CompileError::Template { node: path.clone(), field, error }
}

/// What a node shows.
pub(super) fn images(sources: &[String], path: &NodePath) -> Result<Vec<Template>, CompileError> {
    sources.iter().map(|source| Template::compile(source).map_err(template(path, "images"))).collect()
}
