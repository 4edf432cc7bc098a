//! A network beside what there is to build it from: the blueprints of its runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::read::{NAMES, metadata};
use super::{Network, NetworkReading};
use crate::blueprint::Blueprint;
use crate::check::Checked;
use crate::diagnostic::{Diagnostic, Diagnostics, Finding, Report, Trail};
use crate::error::ErrorCode;
use crate::id::{BlueprintId, NodeId};
use crate::path::NodePath;
use crate::registry::Catalog;
use crate::schedule::Timing;

/// A network that passed the check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedNetwork {
    /// The network.
    pub network: Network,
    /// All of it as one blueprint.
    pub checked: Checked,
    /// What is run on demand; empty if every entry has a schedule, or comes after one that has.
    on_demand: BTreeSet<usize>,
    /// What each schedule starts, in file order.
    scheduled: Vec<(usize, BTreeSet<usize>)>,
}

/// What is run together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The entry whose schedule starts it, and when; nothing if it is run on demand.
    pub schedule: Option<(NodeId, Timing)>,
    /// The blueprint: a `workflow` node for each entry.
    pub blueprint: Arc<Blueprint>,
}

impl NetworkReading {
    /// Checks the network, or what could be read of it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its position.
    pub fn check(&self, catalog: &Catalog) -> Result<CheckedNetwork, Diagnostics> {
        let checked = self.blueprint.check(catalog).map_err(renamed)?;
        let Some(network) = &self.network else { return Err(renamed(self.blueprint.diagnostics.clone())) };
        let report = Report::default();
        let graph = Graph::of(&checked);
        let has_schedule =
            |index: &usize| network.workflows.get(*index).is_some_and(|entry| entry.schedule.is_some());
        let mut scheduled = Vec::new();
        for index in (0..network.workflows.len()).filter(has_schedule) {
            let group = graph.started_by(index);
            for other in group.iter().copied().filter(|other| *other > index && has_schedule(other)) {
                two_schedules(network, (index, other), &report);
            }
            scheduled.push((index, group));
        }
        if report.errors() > 0 {
            return Err(renamed(self.blueprint.source.locate(report.finish())));
        }
        let mut on_demand: BTreeSet<usize> = (0..network.workflows.len()).collect();
        for (index, _) in &scheduled {
            for later in graph.reach(&[*index], &graph.dependents) {
                on_demand.remove(&later);
            }
        }
        Ok(CheckedNetwork { network: network.clone(), checked, on_demand, scheduled })
    }
}

/// Says that two entries of one group have schedules.
fn two_schedules(network: &Network, (one, other): (usize, usize), report: &Report) {
    let (Some(first), Some(second)) = (network.workflows.get(one), network.workflows.get(other)) else {
        return;
    };
    let message = format!(
        "`{}` has a schedule of its own, and is run with `{}`, which has one as well",
        second.id, first.id
    );
    let workflows = Trail::START.key("workflows");
    let at = workflows.index(other);
    let finding = Finding::error(ErrorCode::RuleViolation, message);
    let advice = "a schedule starts its entry with all that it needs and all that comes after it: leave one of them out";
    report.add(&at.node_here(&second.id, None).key("schedule"), finding.advise(advice.to_owned()));
}

/// The diagnostics with everything called as it is in the document.
fn renamed(mut diagnostics: Diagnostics) -> Diagnostics {
    // That there are no nodes is told of the workflows.
    diagnostics.retain(|found| found.path.is_some() || found.field.as_deref() != Some("nodes"));
    diagnostics.for_each(|diagnostic: &mut Diagnostic| {
        let unnamed = diagnostic.path.as_ref().and_then(|path| path.as_str().strip_prefix("nodes["));
        if let Some(path) = unnamed.map(|rest| NodePath::from_valid(format!("workflows[{rest}").into())) {
            diagnostic.path = Some(path);
        }
        let (Some(_), Some(field)) = (&diagnostic.path, &diagnostic.field) else { return };
        let (first, rest) =
            field.split_once('.').map_or((field.as_str(), None), |(first, rest)| (first, Some(rest)));
        if let Some((_, written)) = NAMES.iter().find(|(name, _)| *name == first) {
            diagnostic.field =
                Some(rest.map_or_else(|| (*written).to_owned(), |rest| format!("{written}.{rest}")));
        }
    });
    diagnostics
}

impl CheckedNetwork {
    /// What is run on demand: every entry but those that have a schedule and those that come after one that has. Nothing if
    /// there is no such entry.
    #[must_use]
    pub fn on_demand(&self) -> Option<Group> {
        let schedule = None;
        (!self.on_demand.is_empty())
            .then(|| Group { schedule, blueprint: self.blueprint(&self.on_demand, None) })
    }

    /// What each schedule starts, in file order: the entry that has it, all that it needs, and all that comes after it with
    /// what that needs.
    #[must_use]
    pub fn scheduled(&self) -> Vec<Group> {
        let group = |(index, members): &(usize, BTreeSet<usize>)| {
            let entry = self.network.workflows.get(*index)?;
            let schedule = Some((entry.id.clone(), entry.schedule.clone()?));
            Some(Group { schedule, blueprint: self.blueprint(members, Some(&entry.id)) })
        };
        self.scheduled.iter().filter_map(group).collect()
    }

    fn blueprint(&self, members: &BTreeSet<usize>, entry: Option<&NodeId>) -> Arc<Blueprint> {
        let whole = self.checked.blueprint();
        let nodes = members.iter().filter_map(|index| whole.nodes.get(*index)).cloned().collect();
        let name = &self.network.name;
        let id = entry.map_or_else(|| name.to_string(), |entry| format!("{name}.{entry}"));
        Arc::new(Blueprint {
            blueprint_id: BlueprintId::from_valid(&id),
            nodes,
            metadata: metadata(&self.network, entry),
            ..(**whole).clone()
        })
    }
}

/// Which entries wait for which.
struct Graph {
    dependencies: Vec<Vec<usize>>,
    dependents: Vec<Vec<usize>>,
}

impl Graph {
    fn of(checked: &Checked) -> Self {
        let nodes = &checked.scope().nodes;
        let dependencies: Vec<Vec<usize>> = nodes.iter().map(|node| node.dependencies.clone()).collect();
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (index, waits) in dependencies.iter().enumerate() {
            for dependency in waits {
                if let Some(list) = dependents.get_mut(*dependency) {
                    list.push(index);
                }
            }
        }
        Self { dependencies, dependents }
    }

    /// An entry, all that comes after it, and all that these need.
    fn started_by(&self, index: usize) -> BTreeSet<usize> {
        let later: Vec<usize> = self.reach(&[index], &self.dependents).into_iter().collect();
        self.reach(&later, &self.dependencies)
    }

    /// What can be reached from some entries, they included.
    fn reach(&self, from: &[usize], edges: &[Vec<usize>]) -> BTreeSet<usize> {
        let mut reached: BTreeSet<usize> = from.iter().copied().collect();
        let mut open = from.to_vec();
        while let Some(index) = open.pop() {
            for next in edges.get(index).into_iter().flatten() {
                if reached.insert(*next) {
                    open.push(*next);
                }
            }
        }
        reached
    }
}
