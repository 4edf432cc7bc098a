//! Whether the agents that an agent may let work are there, can work, and let nobody work in a circle.

use super::known::Place;
use super::walk::Checker;
use crate::blueprint::{AgentLimits, LlmConfig};
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;
use crate::registry::AgentDefinition;

/// A chain of agents, each of which lets the next one work.
struct Chain<'c> {
    names: Vec<&'c str>,
    /// How many may still be let work below the node.
    left: usize,
}

impl Checker<'_> {
    /// Checks the agents below that of a node, which may be nested as deep as its limits and those of the node say.
    pub(super) fn lets_work(
        &self,
        agent: &AgentDefinition,
        limits: &AgentLimits,
        settings: &LlmConfig,
        node: &Trail<'_>,
    ) {
        let depth = agent.limits.within(*limits).depth.unwrap_or(AgentLimits::DEPTH);
        let mut chain = Chain { names: vec![&agent.name], left: AgentDefinition::MAX_BELOW };
        self.below(agent, settings, depth, &mut chain, node);
    }

    fn below<'c>(
        &'c self,
        agent: &'c AgentDefinition,
        settings: &LlmConfig,
        depth: u32,
        chain: &mut Chain<'c>,
        node: &Trail<'_>,
    ) {
        let at = &node.key("package");
        for name in &agent.agents {
            let way = |chain: &Chain<'_>| format!("{} → {name}", chain.names.join(" → "));
            let Some(other) = self.catalog.agent(name) else {
                let message = format!("the agent `{}` lets `{name}` work, which there is not", agent.name);
                let known = self.catalog.catalog.agents.iter().map(|agent| agent.name.as_str());
                self.absent(ErrorCode::UnknownAgent, message, name, known, at);
                continue;
            };
            if agent.tools.contains(name) {
                let message = format!("the agent `{}` has a tool and an agent of the name `{name}`", agent.name);
                let finding = Finding::error(ErrorCode::RuleViolation, message);
                self.report.add(at, finding.advise("its model could not tell them apart".to_owned()));
            }
            if chain.names.contains(&name.as_str()) {
                let message = format!("agents let one another work in a circle: {}", way(chain));
                self.report.add(at, Finding::error(ErrorCode::CyclicToolComposition, message));
                continue;
            }
            if depth == 0 {
                let message = format!("agents let one another work deeper than they may: {}", way(chain));
                let finding = Finding::error(ErrorCode::OutOfRange, message);
                self.report.add(at, finding.advise("set `limits.depth` of the first one, up to 8".to_owned()));
                continue;
            }
            if chain.left == 0 {
                let most = AgentDefinition::MAX_BELOW;
                let message = format!("more than {most} agents may be let work: {}", way(chain));
                self.report.add(at, Finding::error(ErrorCode::OutOfRange, message));
                return;
            }
            chain.left -= 1;
            let settings = other.settings_below(settings);
            self.works(other, true, &settings, at);
            if let Some(model) = settings.model.as_deref() {
                let place = Place::Node("package");
                self.model((settings.provider.as_deref(), place), (model, place), node);
            }
            let further = (depth - 1).min(other.limits.depth.unwrap_or(AgentLimits::DEPTH));
            chain.names.push(&other.name);
            self.below(other, &settings, further, chain, node);
            chain.names.pop();
        }
    }
}
