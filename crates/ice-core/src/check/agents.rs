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
        let mut named = agent.tools.iter().chain(&agent.agents);
        if agent.ask_person && named.any(|name| name == AgentDefinition::ASK_PERSON) {
            let message = format!("the agent `{}` asks people, and has another `ask_person`", agent.name);
            let finding = Finding::error(ErrorCode::RuleViolation, message);
            self.report.add(at, finding.advise("its model could not tell them apart".to_owned()));
        }
        for name in &agent.agents {
            let way = |chain: &Chain<'_>| format!("{} → {name}", chain.names.join(" → "));
            let Some(other) = self.catalog.agent(name) else {
                let message = format!("the agent `{}` lets `{name}` work, which there is not", agent.name);
                let known = self.catalog.catalog.agents.iter().map(|agent| agent.name.as_str());
                self.absent(ErrorCode::UnknownAgent, message, name, known, at);
                continue;
            };
            if agent.tools.contains(name) {
                let message =
                    format!("the agent `{}` has a tool and an agent of the name `{name}`", agent.name);
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
                self.report
                    .add(at, finding.advise("set `limits.depth` of the first one, up to 8".to_owned()));
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

#[cfg(test)]
mod tests {
    use crate::blueprint::{Format, read};
    use crate::check::tests::catalog::catalog;
    use crate::registry::AgentDefinition;

    /// What is told of a node with the agent `lead`, which these agents are.
    fn check(agents: &str, node: &str, expected: &[&str]) {
        let mut catalog = catalog();
        for agent in agents.lines() {
            let text = format!("{{llm_config: {{provider: echo, model: m}}, {agent}}}");
            let agent = AgentDefinition::read(&text, Format::Yaml, "agent.yaml");
            assert_eq!(agent.diagnostics.to_string(), "", "{text}");
            catalog.agents.extend(agent.value);
        }
        let text = format!("nodes: [{{id: a, type: agent, package: lead, {node}}}]");
        let found = read(&text, Format::Yaml, "t").check(&catalog).err();
        let found: Vec<String> = found
            .iter()
            .flat_map(|found| found.iter().map(|found| found.to_string()))
            .map(|found| found.split_once(": a: ").map_or(found.clone(), |(_, told)| told.to_owned()))
            .collect();
        assert_eq!(found, expected, "{agents}");
    }

    #[test]
    fn agents_that_let_others_work_are_sound() {
        check("name: lead, agents: [one, two]\nname: one, agents: [two]\nname: two, tools: [hello]", "", &[]);
    }

    #[test]
    fn agents_let_nobody_work_in_a_circle() {
        check(
            "name: lead, agents: [one]\nname: one, agents: [two]\nname: two, agents: [one, lead]",
            "",
            &[
                "package: agents let one another work in a circle: lead → one → two → one",
                "package: agents let one another work in a circle: lead → one → two → lead",
            ],
        );
    }

    #[test]
    fn agents_are_nested_as_deep_as_they_may_be() {
        let agents = "name: lead, agents: [a1]\nname: a1, agents: [a2]\nname: a2, agents: [a3]\nname: a3, agents: [a4]\nname: a4";
        let deep = "package: agents let one another work deeper than they may: lead → a1 → a2 → a3 → a4; set \
                    `limits.depth` of the first one, up to 8";
        check(agents, "", &[deep]);
        let deeper = agents.replace("name: lead", "name: lead, limits: {depth: 4}");
        check(&deeper, "", &[]);
        let message = "package: agents let one another work deeper than they may: lead → a1; set `limits.depth` of the \
                       first one, up to 8";
        check(&deeper, "limits: {depth: 0}", &[message]);
    }

    #[test]
    fn an_agent_that_is_let_work_is_there_and_can_work() {
        check(
            "name: lead, agents: [hello, helpr], tools: [hello]\nname: hello, tools: [reed_csv]",
            "",
            &[
                "package: the agent `lead` has a tool and an agent of the name `hello`; its model could not tell them apart",
                "package: the agent `hello` uses the tool `reed_csv`, which there is not; did you mean `read_csv`?",
                "package: the agent `lead` lets `helpr` work, which there is not; did you mean `helper`?",
            ],
        );
    }

    #[test]
    fn a_node_lets_only_so_many_agents_work() {
        // Four times four times four times four, and those above them.
        let all = |name: &str| format!("agents: [{name}1, {name}2, {name}3, {name}4]");
        let mut agents = vec![format!("name: lead, limits: {{depth: 5}}, {}", all("a"))];
        for (name, next) in [("a", "b"), ("b", "c"), ("c", "d")] {
            agents.extend((1..5).map(|n| format!("name: {name}{n}, {}", all(next))));
        }
        agents.extend((1..5).map(|n| format!("name: d{n}")));
        let mut catalog = catalog();
        for agent in agents {
            let text = format!("{{llm_config: {{provider: echo, model: m}}, {agent}}}");
            catalog.agents.extend(AgentDefinition::read(&text, Format::Yaml, "agent.yaml").value);
        }
        let text = "nodes: [{id: a, type: agent, package: lead}]";
        let found = read(text, Format::Yaml, "t").check(&catalog).unwrap_err().to_string();
        assert!(found.contains("more than 256 agents may be let work: lead → a"), "{found}");
    }
}
