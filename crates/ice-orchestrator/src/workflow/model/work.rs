//! What each kind of node was compiled to.

use std::sync::Arc;
use std::time::Duration;

use ice_core::blueprint::{
    ActionOnTrigger, AlertChannel, ContextRule, CoordinationStrategy, KindName, WaitStrategy,
};
use ice_core::llm::Request;
use ice_core::schema::Validator;
use ice_core::template::{Expression, Template, TemplateError, ValueTemplate};
use ice_core::tools::{Capability, Tool};
use ice_core::value::{Map, Value, ValuePath};
use metrics::Histogram;

use super::{Agent, Plan, ScopeIndex};
use crate::journal::Question;

/// What a node does, compiled.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Tool(ToolPlan),
    Llm(LlmPlan),
    Agent(AgentPlan),
    Swarm(SwarmPlan),
    Code(CodePlan),
    Condition(ConditionPlan),
    Loop(LoopPlan),
    Parallel(ParallelPlan),
    Workflow(WorkflowPlan),
    Recursive(RecursivePlan),
    Human(HumanPlan),
    Monitor(MonitorPlan),
}

impl Work {
    /// Whether it reaches the outside, and so counts as an attempt under way.
    pub(crate) const fn is_leaf(&self) -> bool {
        match self {
            Self::Tool(_) | Self::Llm(_) | Self::Agent(_) | Self::Swarm(_) | Self::Code(_) => true,
            Self::Condition(_)
            | Self::Loop(_)
            | Self::Parallel(_)
            | Self::Workflow(_)
            | Self::Recursive(_)
            | Self::Human(_)
            | Self::Monitor(_) => false,
        }
    }

    /// Whether it is done in several steps, each of which is kept.
    pub(crate) const fn has_steps(&self) -> bool {
        match self {
            Self::Agent(_) | Self::Swarm(_) => true,
            Self::Llm(plan) => plan.memory,
            Self::Tool(_)
            | Self::Code(_)
            | Self::Condition(_)
            | Self::Loop(_)
            | Self::Parallel(_)
            | Self::Workflow(_)
            | Self::Recursive(_)
            | Self::Human(_)
            | Self::Monitor(_) => false,
        }
    }

    pub(crate) const fn kind(&self) -> KindName {
        match self {
            Self::Tool(_) => KindName::Tool,
            Self::Llm(_) => KindName::Llm,
            Self::Agent(_) => KindName::Agent,
            Self::Swarm(_) => KindName::Swarm,
            Self::Code(_) => KindName::Code,
            Self::Condition(_) => KindName::Condition,
            Self::Loop(_) => KindName::Loop,
            Self::Parallel(_) => KindName::Parallel,
            Self::Workflow(_) => KindName::Workflow,
            Self::Recursive(_) => KindName::Recursive,
            Self::Human(_) => KindName::Human,
            Self::Monitor(_) => KindName::Monitor,
        }
    }
}

/// A tool node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct ToolPlan {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) name: Arc<str>,
    pub(crate) args: ValueTemplate,
    /// What the node itself says of its arguments, if it does.
    pub(crate) declared: Option<Validator>,
    /// The tool's schemas; absent where they accept everything.
    pub(crate) input: Option<Validator>,
    pub(crate) output: Option<Validator>,
    /// Where the time of its calls is counted.
    pub(crate) seconds: Histogram,
}

/// An llm node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct LlmPlan {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Template,
    /// The field that names the model.
    pub(crate) model_field: &'static str,
    pub(crate) prompt: Template,
    /// What is shown after the prompt.
    pub(crate) images: Vec<Template>,
    /// Everything of the request that does not depend on the run.
    pub(crate) request: Request,
    pub(crate) output: Option<LlmOutput>,
    pub(crate) rules: Vec<(Arc<str>, ContextRule, Option<Template>)>,
    pub(crate) format: Option<String>,
    /// Whether it is told what was said before in its session.
    pub(crate) memory: bool,
}

/// An agent node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct AgentPlan {
    pub(crate) agent: Agent,
    /// What the agent is told of itself sees it as `config`.
    pub(crate) config: ValueTemplate,
    /// What is shown after the task.
    pub(crate) images: Vec<Template>,
    pub(crate) output: Option<LlmOutput>,
    /// The ids of the nodes it waits for by its own word.
    pub(crate) dependencies: Vec<Arc<str>>,
    /// Whether it is told what was said before in its session.
    pub(crate) memory: bool,
    /// Whether a person speaks after each answer, until they end it.
    pub(crate) multi_turn: bool,
}

/// A swarm node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct SwarmPlan {
    /// At least two, in file order.
    pub(crate) members: Vec<Member>,
    pub(crate) strategy: CoordinationStrategy,
    pub(crate) max_rounds: u32,
    /// The confidence that is enough, 0.5 to 1.
    pub(crate) threshold: f64,
    /// What a member proposes.
    pub(crate) proposal: LlmOutput,
    /// What a member bids.
    pub(crate) bid: LlmOutput,
    /// The ids of the nodes it waits for by its own word.
    pub(crate) dependencies: Vec<Arc<str>>,
}

/// A member of a swarm.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) role: Arc<str>,
    pub(crate) agent: Agent,
    /// What the agent is told of itself sees it as `config`.
    pub(crate) config: Value,
}

/// The declared shape of an answer.
#[derive(Clone, Debug)]
pub(crate) struct LlmOutput {
    /// The field that declares it.
    pub(crate) field: &'static str,
    pub(crate) schema: Value,
    pub(crate) validator: Validator,
    pub(crate) coerce: bool,
}

/// A code node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct CodePlan {
    /// Everything of the request that does not depend on the run.
    pub(crate) request: Map,
    pub(crate) capabilities: Vec<Capability>,
    /// The ids of the nodes it waits for by its own word.
    pub(crate) dependencies: Vec<Arc<str>>,
}

/// A condition, compiled.
#[derive(Clone, Debug)]
pub(crate) struct ConditionPlan {
    pub(crate) expression: Expression,
    /// The nested scopes; absent where a path is empty.
    pub(crate) on_true: Option<ScopeIndex>,
    pub(crate) on_false: Option<ScopeIndex>,
    /// The ids of both paths, each once.
    pub(crate) ids: Vec<Arc<str>>,
}

/// A loop, compiled.
#[derive(Clone, Debug)]
pub(crate) struct LoopPlan {
    pub(crate) items: Items,
    pub(crate) item: Arc<str>,
    pub(crate) body: ScopeIndex,
    pub(crate) max_iterations: Option<usize>,
    /// The most iterations side by side: 1 for a sequential loop.
    pub(crate) limit: usize,
}

/// Where a loop's items come from.
#[derive(Clone, Debug)]
pub(crate) enum Items {
    /// A name in scope and a path into its value.
    Path(Arc<str>, ValuePath),
    /// A template.
    Template(Template),
}

impl Items {
    /// Reads `items_source`: a dotted path, or a template if it has braces.
    pub(crate) fn compile(source: &str) -> Result<Self, TemplateError> {
        if source.contains("{{") || source.contains("{%") {
            return Template::compile(source).map(Self::Template);
        }
        let (root, path) = source.trim().split_once('.').unwrap_or((source.trim(), "."));
        Ok(Self::Path(Arc::from(root), ValuePath::from(path)))
    }
}

/// A parallel node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct ParallelPlan {
    pub(crate) branches: Vec<ScopeIndex>,
    /// The ids of all branches, each once.
    pub(crate) ids: Vec<Arc<str>>,
    pub(crate) max_concurrency: Option<usize>,
    pub(crate) merge: bool,
    pub(crate) wait: WaitStrategy,
}

impl ParallelPlan {
    pub(crate) fn limit(&self) -> usize {
        self.max_concurrency.unwrap_or(usize::MAX)
    }
}

/// A human node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct HumanPlan {
    pub(crate) message: Template,
    /// Everything of the question that does not depend on the run.
    pub(crate) question: Question,
}

/// A monitor, compiled.
#[derive(Clone, Debug)]
pub(crate) struct MonitorPlan {
    pub(crate) expression: Expression,
    /// The expression as it is written.
    pub(crate) source: Arc<str>,
    pub(crate) action: ActionOnTrigger,
    pub(crate) channels: Vec<AlertChannel>,
    /// The time between two looks.
    pub(crate) interval: Duration,
    /// The most looks.
    pub(crate) most: Option<u64>,
    /// How long it watches at most.
    pub(crate) timeout: Option<Duration>,
}

/// A workflow node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct WorkflowPlan {
    pub(crate) plan: Arc<Plan>,
    pub(crate) exposed: Vec<(Arc<str>, ValuePath)>,
    pub(crate) overrides: Option<ValueTemplate>,
    /// The name of a further input: the context of the recursive node that repeats it.
    pub(crate) context: Option<Arc<str>>,
}

/// A recursive node, compiled.
#[derive(Clone, Debug)]
pub(crate) struct RecursivePlan {
    pub(crate) id: Arc<str>,
    pub(crate) condition: Option<Expression>,
    /// The most iterations, at least 1.
    pub(crate) max_iterations: u32,
    /// Whether each iteration sees the one before, and under which name.
    pub(crate) preserve: bool,
    pub(crate) key: Arc<str>,
    /// The scope of the first iteration: `run` alone.
    pub(crate) first: ScopeIndex,
    /// The scope of the others: the nodes that are run again, and `run` after them.
    pub(crate) again: ScopeIndex,
    /// The ids of the nodes that are run again.
    pub(crate) repeats: Vec<Arc<str>>,
    /// What every iteration ends with, under the id of the node itself.
    pub(crate) run: Box<Work>,
}
