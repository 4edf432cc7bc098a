//! From a checked blueprint and the real things behind its specs to a plan.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ahash::{AHashMap, AHashSet};
use ice_core::blueprint::{Blueprint, KindName, Node, VersionLock};
use ice_core::check::{Checked, CheckedScope, check};
use ice_core::error::ErrorCode;
use ice_core::id::BlueprintId;
use ice_core::llm::LlmProvider;
use ice_core::path::NodePath;
use ice_core::process::{Home, Isolation};
use ice_core::registry::{Catalog, RegisteredCode, Registry};
use ice_core::schema::Validator;
use ice_core::tools::Tool;
use ice_core::value::{BlobHash, Value};
use indexmap::IndexMap;

use self::node::plan_node;
use super::graph_utils::dependents;
use super::model::{NodeIndex, Plan, Scope, ScopeIndex};
use crate::executors::builtin;
use crate::journal::{PinnedAgent, PinnedCode, PinnedModel, PinnedPlan, PinnedTool, PinnedWorkflow};

mod agents;
mod error;
mod kinds;
mod node;
mod recursive;
mod sub_agents;
mod swarms;

pub use error::CompileError;

/// The deepest nesting of sub-workflows.
const MAX_WORKFLOW_DEPTH: usize = 16;

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
    code: AHashMap<Arc<str>, Arc<RegisteredCode>>,
    workflows: IndexMap<String, Arc<Plan>>,
    models: Vec<PinnedModel>,
    agents: Vec<PinnedAgent>,
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
        let mut agents = parts.agents;
        agents.sort_by(|one, other| one.key().cmp(&other.key()));
        agents.dedup();
        parts.kinds.sort_unstable();
        parts.kinds.dedup();
        let mut tools: Vec<PinnedTool> = parts.tools.values().map(pinned_tool).collect();
        tools.sort();
        let mut code: Vec<PinnedCode> = parts.code.values().map(pinned_code).collect();
        code.sort();
        let workflow = |(name, plan): (&String, &Arc<Plan>)| PinnedWorkflow {
            name: name.clone(),
            plan: plan.pinned.clone(),
        };
        let pinned = PinnedPlan {
            blueprint: document,
            lock: lock.cloned(),
            workflows: parts.workflows.iter().map(workflow).collect(),
            tools,
            code,
            models,
            agents,
            kinds: parts.kinds,
        };
        let document: Arc<[u8]> =
            serde_json::to_vec(&pinned).map_err(|e| CompileError::Document(e.to_string()))?.into();
        for plan in parts.workflows.values() {
            parts.tools.extend(plan.tools.iter().map(|(name, tool)| (Arc::clone(name), Arc::clone(tool))));
            parts.code.extend(plan.code.iter().map(|(name, code)| (Arc::clone(name), Arc::clone(code))));
            parts.providers.extend(plan.providers.iter().map(|(name, p)| (Arc::clone(name), Arc::clone(p))));
        }
        let budgets = parts.workflows.values().any(|plan| plan.budgets)
            || parts.scopes.iter().flat_map(|scope| &scope.nodes).any(|node| !node.budget.is_unlimited());
        Ok(Arc::new(Plan {
            input_names: input_names(&blueprint.input_schema),
            blueprint,
            budgets,
            scopes: parts.scopes,
            inputs,
            unconfined: unconfined(&parts.tools),
            seconds: OnceLock::new(),
            tools: parts.tools,
            code: parts.code,
            providers: parts.providers,
            alerts: self.registry.alerts.clone(),
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
        recursive::repeats(&mut compiled, &checked.nodes, &mut parts.scopes);
        if let Some(scope) = parts.scopes.get_mut(index.0 as usize) {
            *scope = Scope { nodes: compiled, by_id };
        }
        Ok(index)
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

fn within(path: &NodePath, name: &str) -> NodePath {
    format!("{path}.{name}").parse().unwrap_or_else(|_| path.clone())
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

/// The names that a schema allows, if it refuses others.
fn input_names(schema: &Value) -> Option<AHashSet<Arc<str>>> {
    let schema = ice_core::schema::normalize(schema).ok()?;
    let is_closed = schema.get("additionalProperties").and_then(Value::as_bool) == Some(false);
    let names = schema.get("properties").and_then(Value::as_map);
    (is_closed && schema.get("patternProperties").is_none())
        .then(|| names.into_iter().flat_map(|names| names.keys().cloned()).collect())
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

fn pinned_code(code: &Arc<RegisteredCode>) -> PinnedCode {
    PinnedCode { name: code.name.to_string(), hash: code.hash() }
}

/// Under which isolation nothing but a tool's own care holds it to what was granted, and its memory and time to bounds.
fn unconfined(tools: &AHashMap<Arc<str>, Arc<dyn Tool>>) -> Vec<Isolation> {
    let is_free = |isolation: &Isolation| {
        tools.values().any(|tool| tool.spec().reaches_outside() && tool.home(*isolation) == Home::InProcess)
    };
    [Isolation::Process, Isolation::InProcess].into_iter().filter(is_free).collect()
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
            budgets: false,
            blueprint: Arc::new(blueprint),
            scopes: vec![Scope::default()],
            inputs: None,
            input_names: None,
            tools: AHashMap::new(),
            code: AHashMap::new(),
            providers: AHashMap::new(),
            alerts: ice_core::alert::Alerts::default(),
            pinned: PinnedPlan {
                blueprint: Value::Null,
                lock: None,
                workflows: Vec::new(),
                tools: Vec::new(),
                code: Vec::new(),
                models: Vec::new(),
                agents: Vec::new(),
                kinds: Vec::new(),
            },
            document: Arc::from([]),
            hash: BlobHash::of(&[]),
            unconfined: Vec::new(),
            seconds: OnceLock::new(),
        }
    }
}
