//! From a checked blueprint and the real things behind its specs to a plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use ice_core::blueprint::{
    BackoffStrategy, Blueprint, ConditionNode, InputMapping, KindName, LlmConfig, LlmNode, LoopNode, Node,
    NodeBase, NodeKind, ParallelNode, RetryPolicy, ToolNode, VersionLock, WorkflowNode,
};
use ice_core::check::{Checked, CheckedScope, check};
use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_core::id::BlueprintId;
use ice_core::llm::{LlmProvider, Request};
use ice_core::path::NodePath;
use ice_core::registry::{Catalog, Registry};
use ice_core::schema::{SchemaError, Validator};
use ice_core::template::{Expression, Template, TemplateError, ValueTemplate};
use ice_core::tools::{Capability, Tool};
use ice_core::value::{BlobHash, Map, Value};
use indexmap::{IndexMap, IndexSet};

use super::graph_utils::dependents;
use super::model::{
    ConditionPlan, Items, LlmOutput, LlmPlan, LoopPlan, Mapping, NodeIndex, NodeInput, ParallelPlan, Plan,
    PlanNode, Scope, ScopeIndex, ToolPlan, Work, WorkflowPlan,
};
use crate::executors::builtin;
use crate::journal::{PinnedModel, PinnedPlan, PinnedTool, PinnedWorkflow};

/// The deepest nesting of sub-workflows.
const MAX_WORKFLOW_DEPTH: usize = 16;

/// Why a checked blueprint cannot be made a plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompileError {
    /// A kind of node has no executor.
    #[error("the node `{node}` is of the kind `{kind}`, which this engine cannot execute")]
    Kind {
        /// The node.
        node: NodePath,
        /// Its kind.
        kind: KindName,
    },
    /// Something a node names is not registered.
    #[error("the node `{node}` names the {what} `{name}`, which is not registered")]
    Unknown {
        /// The node.
        node: NodePath,
        /// What kind of thing is named.
        what: &'static str,
        /// Its name.
        name: String,
        /// The code.
        code: ErrorCode,
    },
    /// Sub-workflows run each other in a circle, or nest too deep.
    #[error("sub-workflows nest in a circle or too deep: {chain}")]
    Nesting {
        /// The names, outermost first.
        chain: String,
    },
    /// A template cannot be compiled.
    #[error("the field `{field}` of the node `{node}`: {error}")]
    Template {
        /// The node.
        node: NodePath,
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        error: TemplateError,
    },
    /// A schema cannot be compiled.
    #[error("a schema of {what}: {error}")]
    Schema {
        /// Whose schema.
        what: String,
        /// What is wrong.
        #[source]
        error: SchemaError,
    },
    /// A sub-blueprint does not pass its check.
    #[error("the blueprint `{name}` is not valid:\n{diagnostics}")]
    Blueprint {
        /// Its name.
        name: String,
        /// What is wrong.
        diagnostics: Diagnostics,
    },
    /// The blueprint cannot be written as JSON.
    #[error("the blueprint cannot be kept: {0}")]
    Document(String),
}

impl CompileError {
    /// The code of the failure.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Kind { .. } => ErrorCode::NodeKindUnavailable,
            Self::Unknown { code, .. } => *code,
            Self::Nesting { .. } => ErrorCode::CyclicToolComposition,
            Self::Template { error, .. } => error.code(),
            Self::Schema { error, .. } => error.code(),
            Self::Blueprint { .. } => ErrorCode::RuleViolation,
            Self::Document(_) => ErrorCode::Unknown,
        }
    }
}

/// Compiles a checked blueprint with the tools, providers and sub-blueprints of a registry.
///
/// # Errors
/// [`CompileError`], the first problem found.
pub fn compile(checked: &Checked, registry: &Registry) -> Result<Arc<Plan>, CompileError> {
    compile_locked(checked, None, registry)
}

/// As [`compile`], and keeps with the plan the lock of the document that the blueprint was read from.
///
/// # Errors
/// [`CompileError`], the first problem found.
pub fn compile_locked(
    checked: &Checked,
    lock: Option<&VersionLock>,
    registry: &Registry,
) -> Result<Arc<Plan>, CompileError> {
    let mut compiler = Compiler {
        registry,
        catalog: None,
        done: HashMap::new(),
        chain: Vec::new(),
        validators: HashMap::new(),
    };
    compiler.plan(checked, lock)
}

/// Compiles one blueprint and those it runs.
struct Compiler<'r> {
    registry: &'r Registry,
    catalog: Option<Catalog>,
    done: HashMap<String, Arc<Plan>>,
    chain: Vec<String>,
    validators: HashMap<Arc<str>, (Option<Validator>, Option<Validator>)>,
}

/// What is gathered while a blueprint is compiled.
#[derive(Default)]
struct Parts {
    scopes: Vec<Scope>,
    tools: AHashMap<Arc<str>, Arc<dyn Tool>>,
    providers: AHashMap<Arc<str>, Arc<dyn LlmProvider>>,
    workflows: IndexMap<String, Arc<Plan>>,
    models: Vec<PinnedModel>,
    kinds: Vec<KindName>,
}

impl Compiler<'_> {
    fn plan(&mut self, checked: &Checked, lock: Option<&VersionLock>) -> Result<Arc<Plan>, CompileError> {
        let blueprint = Arc::clone(checked.blueprint());
        let mut parts = Parts::default();
        self.scope(&blueprint.nodes, checked.scope(), None, &mut parts)?;
        let inputs = validator(&blueprint.input_schema, || "the blueprint's inputs".to_owned())?;
        let document =
            Value::from_serialize(&*blueprint).map_err(|e| CompileError::Document(e.to_string()))?;
        let mut models = parts.models;
        models.sort();
        models.dedup();
        parts.kinds.sort_unstable();
        parts.kinds.dedup();
        let mut tools: Vec<PinnedTool> = parts.tools.values().map(pinned_tool).collect();
        tools.sort();
        let workflow = |(name, plan): (&String, &Arc<Plan>)| PinnedWorkflow {
            name: name.clone(),
            plan: plan.pinned.clone(),
        };
        let pinned = PinnedPlan {
            blueprint: document,
            lock: lock.cloned(),
            workflows: parts.workflows.iter().map(workflow).collect(),
            tools,
            models,
            kinds: parts.kinds,
        };
        let document: Arc<[u8]> =
            serde_json::to_vec(&pinned).map_err(|e| CompileError::Document(e.to_string()))?.into();
        for plan in parts.workflows.values() {
            parts.tools.extend(plan.tools.iter().map(|(name, tool)| (Arc::clone(name), Arc::clone(tool))));
            parts.providers.extend(plan.providers.iter().map(|(name, p)| (Arc::clone(name), Arc::clone(p))));
        }
        Ok(Arc::new(Plan {
            blueprint,
            scopes: parts.scopes,
            inputs,
            not_enforced: not_enforced(&parts.tools),
            tools: parts.tools,
            providers: parts.providers,
            hash: BlobHash::of(&document),
            document,
            pinned,
        }))
    }

    /// Compiles the nodes of a scope, and the scopes nested in it after it.
    fn scope(
        &mut self,
        nodes: &[Node],
        checked: &CheckedScope,
        path: Option<&NodePath>,
        parts: &mut Parts,
    ) -> Result<ScopeIndex, CompileError> {
        let index = ScopeIndex(u32::try_from(parts.scopes.len()).unwrap_or(u32::MAX));
        parts.scopes.push(Scope::default());
        let waits = |node: &ice_core::check::CheckedNode| -> Vec<NodeIndex> {
            node.dependencies.iter().filter_map(|at| u32::try_from(*at).ok()).collect()
        };
        let dependencies: Vec<Vec<NodeIndex>> = checked.nodes.iter().map(waits).collect();
        let by_id: IndexMap<_, _, ahash::RandomState> =
            nodes.iter().zip(0_u32..).map(|(node, at)| (node.id.clone(), at)).collect();
        let mut compiled = Vec::with_capacity(nodes.len());
        for (((node, resolved), dependencies), dependents) in
            nodes.iter().zip(&checked.nodes).zip(dependencies.clone()).zip(dependents(&dependencies))
        {
            let path = match path {
                Some(path) => path.child(&node.id),
                None => NodePath::root(&node.id),
            };
            parts.kinds.push(node.kind.name());
            let work = self.work(node, &resolved.scopes, &path, parts)?;
            let when = node.when.as_ref().and_then(|when| Some((*by_id.get(&when.condition)?, when.branch)));
            compiled.push(plan_node(node, &path, work, when, dependencies, dependents)?);
        }
        if let Some(scope) = parts.scopes.get_mut(index.0 as usize) {
            *scope = Scope { nodes: compiled, by_id };
        }
        Ok(index)
    }

    fn work(
        &mut self,
        node: &Node,
        scopes: &[CheckedScope],
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<Work, CompileError> {
        match &node.kind {
            NodeKind::Tool(kind) => self.tool(kind, &node.base, path, parts).map(Work::Tool),
            NodeKind::Llm(kind) => self.llm(kind, &node.base, path, parts).map(Work::Llm),
            NodeKind::Condition(kind) => self.condition(kind, scopes, path, parts).map(Work::Condition),
            NodeKind::Loop(kind) => self.r#loop(kind, scopes, path, parts).map(Work::Loop),
            NodeKind::Parallel(kind) => self.parallel(kind, scopes, path, parts).map(Work::Parallel),
            NodeKind::Workflow(kind) => self.workflow(kind, path, parts).map(Work::Workflow),
            NodeKind::Agent(_)
            | NodeKind::Recursive(_)
            | NodeKind::Code(_)
            | NodeKind::Human(_)
            | NodeKind::Monitor(_)
            | NodeKind::Swarm(_) => Err(CompileError::Kind { node: path.clone(), kind: node.kind.name() }),
        }
    }

    fn tool(
        &mut self,
        kind: &ToolNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<ToolPlan, CompileError> {
        let unknown = || CompileError::Unknown {
            node: path.clone(),
            what: "tool",
            name: kind.tool_name.clone(),
            code: ErrorCode::UnknownTool,
        };
        let tool = self.registry.tools.get(&kind.tool_name, None).ok_or_else(unknown)?;
        let name: Arc<str> = match parts.tools.get_key_value(kind.tool_name.as_str()) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(kind.tool_name.as_str()),
        };
        parts.tools.insert(Arc::clone(&name), Arc::clone(tool));
        let args = ValueTemplate::compile(&kind.tool_args).map_err(template(path, "tool_args"))?;
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
        let declared = validator(&base.input_schema, || format!("the node `{path}`"))?;
        Ok(ToolPlan { tool: Arc::clone(tool), name, args, declared, input, output })
    }

    fn llm(
        &mut self,
        kind: &LlmNode,
        base: &NodeBase,
        path: &NodePath,
        parts: &mut Parts,
    ) -> Result<LlmPlan, CompileError> {
        let config = &kind.llm_config;
        let name = config.provider.as_deref().or(base.provider.as_deref()).unwrap_or("openai");
        let unknown = || CompileError::Unknown {
            node: path.clone(),
            what: "provider",
            name: name.to_owned(),
            code: ErrorCode::UnknownModel,
        };
        let found = self.registry.providers.get(name, None).ok_or_else(unknown)?;
        let provider: Arc<str> = Arc::from(name);
        parts.providers.insert(Arc::clone(&provider), Arc::clone(found));
        let model = Template::compile(config.model.as_deref().unwrap_or(&kind.model))
            .map_err(template(path, "model"))?;
        if let Some(named) = model.is_constant().and_then(Value::as_str) {
            parts.models.push(PinnedModel { provider: name.to_owned(), model: named.to_owned() });
        }
        let declared = [&kind.json_schema, &base.output_schema].into_iter().find(|schema| !is_empty(schema));
        let output = declared.map(|schema| {
            let failed = |error| CompileError::Schema { what: format!("the node `{path}`"), error };
            let schema = ice_core::schema::normalize(schema).map_err(failed)?;
            let validator = Validator::compile(&schema).map_err(failed)?;
            Ok(LlmOutput { schema, validator, coerce: kind.coerce_output_types })
        });
        let output = output.transpose()?;
        let mut rules = Vec::new();
        for (name, rule) in &base.context_rules {
            let custom = kind.format_specifications.get(name).and_then(Value::as_str);
            let custom = custom
                .map(|source| Template::compile(source).map_err(template(path, "format_specifications")));
            rules.push((Arc::from(name.as_str()), rule.clone(), custom.transpose()?));
        }
        let request = Request {
            temperature: config.temperature.or(Some(kind.temperature)),
            max_tokens: config.max_tokens.or(kind.max_tokens),
            top_p: config.top_p,
            stop: config.stop_sequences.clone().unwrap_or_default(),
            output_schema: output.as_ref().map(|output| output.schema.clone()),
            extra: extra(config),
            ..Request::default()
        };
        Ok(LlmPlan {
            provider,
            model,
            prompt: Template::compile(&kind.prompt).map_err(template(path, "prompt"))?,
            request,
            output,
            rules,
            format: kind.output_format.clone(),
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
        let name = &kind.workflow_ref;
        let plan = match self.done.get(name) {
            Some(plan) => Arc::clone(plan),
            None => self.nested(name, path)?,
        };
        parts.workflows.insert(name.clone(), Arc::clone(&plan));
        let overrides = Some(&kind.config_overrides).filter(|overrides| !overrides.is_null());
        let overrides = overrides.map(ValueTemplate::compile).transpose();
        let overrides = overrides.map_err(template(path, "config_overrides"))?;
        let exposed =
            kind.exposed_outputs.iter().map(|(name, path)| (Arc::from(name.as_str()), path.clone()));
        Ok(WorkflowPlan { plan, exposed: exposed.collect(), overrides })
    }

    fn nested(&mut self, name: &str, path: &NodePath) -> Result<Arc<Plan>, CompileError> {
        let circle = self.chain.iter().any(|outer| outer == name);
        self.chain.push(name.to_owned());
        if circle || self.chain.len() > MAX_WORKFLOW_DEPTH {
            return Err(CompileError::Nesting { chain: self.chain.join(" → ") });
        }
        let unknown = || CompileError::Unknown {
            node: path.clone(),
            what: "blueprint",
            name: name.to_owned(),
            code: ErrorCode::UnknownBlueprint,
        };
        let blueprint = &self.registry.blueprints.get(name, None).ok_or_else(unknown)?.blueprint;
        let catalog = self.catalog.get_or_insert_with(|| self.registry.catalog(builtin::KINDS));
        let invalid = |diagnostics| CompileError::Blueprint { name: name.to_owned(), diagnostics };
        let checked = check(blueprint, catalog).map_err(invalid)?;
        let plan = self.plan(&checked, None)?;
        self.chain.pop();
        self.done.insert(name.to_owned(), Arc::clone(&plan));
        Ok(plan)
    }
}

fn plan_node(
    node: &Node,
    path: &NodePath,
    work: Work,
    when: Option<(NodeIndex, bool)>,
    dependencies: Vec<NodeIndex>,
    dependents: Vec<NodeIndex>,
) -> Result<PlanNode, CompileError> {
    let base = &node.base;
    let shared = |name: &String| Arc::<str>::from(name.as_str());
    let mapping = |mapping: &InputMapping| match mapping {
        InputMapping::Source { source_node_id, source_output_key, .. } => {
            Mapping::Source { node: source_node_id.shared(), path: source_output_key.clone() }
        }
        InputMapping::Literal(value) => Mapping::Literal(value.clone()),
    };
    // An llm node's output schema is that of the answer, which its executor checks.
    let output_validator = match &work {
        Work::Llm(_) => None,
        Work::Tool(_) | Work::Condition(_) | Work::Loop(_) | Work::Parallel(_) | Work::Workflow(_) => {
            validator(&base.output_schema, || format!("the node `{path}`"))?
        }
    };
    // What a tool node is given are its arguments, which its executor checks; others are given the mapped names.
    let input = match &node.kind {
        NodeKind::Tool(_) => None,
        NodeKind::Llm(kind) => node_input(base, kind.coerce_input_types, path)?,
        NodeKind::Agent(_)
        | NodeKind::Condition(_)
        | NodeKind::Loop(_)
        | NodeKind::Parallel(_)
        | NodeKind::Recursive(_)
        | NodeKind::Workflow(_)
        | NodeKind::Code(_)
        | NodeKind::Human(_)
        | NodeKind::Monitor(_)
        | NodeKind::Swarm(_) => node_input(base, false, path)?,
    };
    Ok(PlanNode {
        id: node.id.clone(),
        kind: node.kind.name(),
        dependencies,
        dependents,
        when,
        work,
        retry: retry(base),
        timeout: timeout(node),
        mappings: base.input_mappings.iter().map(|(name, from)| (shared(name), mapping(from))).collect(),
        input,
        output_validator,
        output_mappings: base
            .output_mappings
            .iter()
            .map(|(name, path)| (shared(name), path.clone()))
            .collect(),
        output_selection: base.output_selection.as_ref().map(|names| names.iter().map(shared).collect()),
        input_selection: base.input_selection.as_ref().map(|names| names.iter().map(shared).collect()),
    })
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

/// The longest one attempt may take: an attempt of an llm node is one call, which may have a limit of its own.
fn timeout(node: &Node) -> Option<Duration> {
    let of_call = match &node.kind {
        NodeKind::Llm(kind) => kind.llm_config.timeout,
        NodeKind::Tool(_)
        | NodeKind::Agent(_)
        | NodeKind::Condition(_)
        | NodeKind::Loop(_)
        | NodeKind::Parallel(_)
        | NodeKind::Recursive(_)
        | NodeKind::Workflow(_)
        | NodeKind::Code(_)
        | NodeKind::Human(_)
        | NodeKind::Monitor(_)
        | NodeKind::Swarm(_) => None,
    };
    [node.base.timeout_seconds, of_call].into_iter().flatten().min().map(Duration::from_secs)
}

/// The ids of nodes, each once, in file order.
fn ids<'n>(nodes: impl Iterator<Item = &'n Node>) -> Vec<Arc<str>> {
    let unique: IndexSet<Arc<str>> = nodes.map(|node| node.id.shared()).collect();
    unique.into_iter().collect()
}

/// What the mapped names must fit; nothing where none are mapped.
fn node_input(base: &NodeBase, coerce: bool, path: &NodePath) -> Result<Option<NodeInput>, CompileError> {
    if base.input_mappings.is_empty() || is_empty(&base.input_schema) {
        return Ok(None);
    }
    let failed = |error| CompileError::Schema { what: format!("the node `{path}`"), error };
    let schema = ice_core::schema::normalize(&base.input_schema).map_err(failed)?;
    let validator = Validator::compile(&schema).map_err(failed)?;
    Ok(Some(NodeInput { validator, coerce_to: coerce.then_some(schema) }))
}

/// The node's own policy, else `retries` and `backoff_seconds`.
fn retry(base: &NodeBase) -> RetryPolicy {
    base.retry_policy.clone().unwrap_or(RetryPolicy {
        max_attempts: base.retries.saturating_add(1),
        backoff_strategy: BackoffStrategy::Fixed,
        backoff_seconds: base.backoff_seconds,
    })
}

fn within(path: &NodePath, name: &str) -> NodePath {
    format!("{path}.{name}").parse().unwrap_or_else(|_| path.clone())
}

fn template(path: &NodePath, field: &'static str) -> impl Fn(TemplateError) -> CompileError {
    move |error| CompileError::Template { node: path.clone(), field, error }
}

/// Whether a schema says nothing.
fn is_empty(schema: &Value) -> bool {
    match schema {
        Value::Null | Value::Bool(true) => true,
        Value::Map(entries) => entries.is_empty(),
        Value::Bool(false) | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Blob(_) => false,
    }
}

fn validator(schema: &Value, what: impl FnOnce() -> String) -> Result<Option<Validator>, CompileError> {
    if is_empty(schema) {
        return Ok(None);
    }
    Validator::compile(schema).map(Some).map_err(|error| CompileError::Schema { what: what(), error })
}

fn pinned_tool(tool: &Arc<dyn Tool>) -> PinnedTool {
    let spec = tool.spec();
    let mut hasher = blake3::Hasher::new();
    hasher.update(VersionLock::of(&spec.input_schema).as_str().as_bytes());
    hasher.update(VersionLock::of(&spec.output_schema).as_str().as_bytes());
    PinnedTool {
        name: spec.name.clone(),
        major: spec.version.major,
        schemas: BlobHash::from_bytes(*hasher.finalize().as_bytes()),
    }
}

/// What cannot be enforced for tools in process: that files and networks are touched by the tool alone as
/// granted, and its memory and time.
fn not_enforced(tools: &AHashMap<Arc<str>, Arc<dyn Tool>>) -> Vec<String> {
    let outside = tools.values().any(|tool| {
        tool.spec().capabilities.iter().any(|capability| match capability {
            Capability::ReadFiles | Capability::WriteFiles | Capability::Network => true,
            Capability::Nondeterminism => false,
        })
    });
    if outside { vec!["process".to_owned()] } else { Vec::new() }
}

impl Plan {
    /// A plan of no nodes, for runs that cannot be compiled any more.
    pub(crate) fn empty(blueprint: &BlueprintId) -> Self {
        let blueprint = Blueprint {
            blueprint_id: blueprint.clone(),
            schema_version: ice_core::blueprint::SchemaVersion::default(),
            nodes: Vec::new(),
            input_schema: Value::Null,
            metadata: Value::empty_map(),
        };
        Self {
            blueprint: Arc::new(blueprint),
            scopes: vec![Scope::default()],
            inputs: None,
            tools: AHashMap::new(),
            providers: AHashMap::new(),
            pinned: PinnedPlan {
                blueprint: Value::Null,
                lock: None,
                workflows: Vec::new(),
                tools: Vec::new(),
                models: Vec::new(),
                kinds: Vec::new(),
            },
            document: Arc::from([]),
            hash: BlobHash::of(&[]),
            not_enforced: Vec::new(),
        }
    }
}
