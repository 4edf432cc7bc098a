//! What a generated blueprint must give, by plain recursion.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::generate::{Kind, Node, Scope, Tool};

/// How a node ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Given(Json),
    Failed,
    Skipped { failed: bool },
}

impl Outcome {
    fn value(&self) -> Json {
        match self {
            Self::Given(value) => value.clone(),
            Self::Failed | Self::Skipped { .. } => Json::Null,
        }
    }
}

/// Evaluates blueprints.
pub(crate) struct Oracle<'s> {
    pub(crate) sub: &'s Scope,
    /// Whether what depends on a failed node runs nevertheless.
    pub(crate) always: bool,
    /// Whether a node failed so far.
    pub(crate) failed: Cell<bool>,
}

/// The names in scope, with their values.
type Names = BTreeMap<String, Json>;

/// What a tool gives for its input.
pub(crate) fn give(id: &str, reads: &[Json]) -> Json {
    let mut sum = id.bytes().map(u64::from).sum::<u64>();
    for read in reads {
        for byte in plain(read).to_string().bytes() {
            sum = (sum * 31 + u64::from(byte)) % 1_000_003;
        }
    }
    json!(sum)
}

/// A value in which failed branches say no more than that, its fields in the order of their names: that in which JSON keeps them
/// is not the same in every build.
pub(crate) fn plain(value: &Json) -> Json {
    match value {
        Json::Object(entries) if entries.contains_key("branch_error") => json!({ "branch_error": true }),
        Json::Object(entries) => {
            let sorted: BTreeMap<_, _> =
                entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
            sorted.into_iter().collect()
        }
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

impl Oracle<'_> {
    /// The outputs of the nodes that succeed, and whether any fails.
    pub(crate) fn run(&self, scope: &Scope, names: &Names) -> (Json, bool) {
        let outcomes = self.scope(scope, names);
        (given(&outcomes), self.failed.get())
    }

    /// The outputs of all nodes, null for those that were skipped, and whether one fails.
    fn within(&self, scope: &Scope, names: &Names) -> (Map<String, Json>, bool) {
        let outcomes = self.scope(scope, names);
        let all = outcomes.iter().map(|(id, outcome)| (id.clone(), outcome.value()));
        (all.collect(), fails(&outcomes))
    }

    fn scope(&self, scope: &Scope, names: &Names) -> Vec<(String, Outcome)> {
        let mut names = names.clone();
        let mut outcomes: Vec<(String, Outcome)> = Vec::new();
        for node in &scope.0 {
            if let Kind::Recursive { .. } = node.kind {
                names.extend(bound(&node.id, 1, Json::Null));
            }
        }
        for node in &scope.0 {
            let outcome = match self.skips(node, &outcomes) {
                Some(skipped) => skipped,
                None => self.node(scope, node, &names, &outcomes),
            };
            // Variables of loops come before ids.
            if !["item", "loop_index", "branch_index"].contains(&node.id.as_str()) {
                names.insert(node.id.clone(), outcome.value());
            }
            outcomes.push((node.id.clone(), outcome));
        }
        outcomes
    }

    fn skips(&self, node: &Node, outcomes: &[(String, Outcome)]) -> Option<Outcome> {
        if let Some((condition, branch)) = node.when {
            match &outcomes[condition].1 {
                Outcome::Given(value) if value["result"] == json!(branch) => {}
                Outcome::Given(_) => return Some(Outcome::Skipped { failed: false }),
                Outcome::Skipped { failed } => return Some(Outcome::Skipped { failed: *failed }),
                Outcome::Failed => return Some(Outcome::Skipped { failed: true }),
            }
        }
        let ends: Vec<&Outcome> = node.dependencies.iter().map(|at| &outcomes[*at].1).collect();
        let blocks = |end: &&Outcome| matches!(end, Outcome::Failed | Outcome::Skipped { failed: true });
        if !self.always && ends.iter().any(blocks) {
            return Some(Outcome::Skipped { failed: true });
        }
        let skipped = !ends.is_empty() && ends.iter().all(|end| matches!(end, Outcome::Skipped { .. }));
        skipped.then_some(Outcome::Skipped { failed: false })
    }

    fn node(&self, scope: &Scope, node: &Node, names: &Names, outcomes: &[(String, Outcome)]) -> Outcome {
        match &node.kind {
            Kind::Tool(tool) => self.tool(node, tool, names),
            Kind::Monitor { .. } => Outcome::Given(json!({ "metric_evaluated": "run.nodes_succeeded > 1" })),
            Kind::Human { .. } => Outcome::Given(json!({ "approved": true, "response": null })),
            Kind::Condition { truth, on_true, on_false } => {
                let (path, other) = if *truth { (on_true, on_false) } else { (on_false, on_true) };
                match self.within(path, names) {
                    (_, true) => Outcome::Failed,
                    (mut outputs, false) => {
                        for node in &other.0 {
                            outputs.entry(node.id.clone()).or_insert(Json::Null);
                        }
                        Outcome::Given(json!({
                            "result": truth, "branch": truth.to_string(), "branch_outputs": outputs,
                        }))
                    }
                }
            }
            Kind::Loop { items, body, .. } => {
                let mut results = Vec::new();
                for (index, item) in
                    crate::generate::inputs()["items"][items].as_array().unwrap().iter().enumerate()
                {
                    let mut names = names.clone();
                    names.insert("item".into(), item.clone());
                    names.insert("loop_index".into(), json!(index));
                    let outcomes = self.scope(body, &names);
                    let last = outcomes.last().unwrap().1.value();
                    results.push(if fails(&outcomes) { Json::Null } else { last });
                }
                Outcome::Given(json!(results))
            }
            Kind::Parallel { branches, .. } => {
                let mut results = Vec::new();
                let mut merged: Map<String, Json> = Map::default();
                let ids = branches.iter().flat_map(|branch| &branch.0).map(|node| node.id.clone());
                let mut lists: BTreeMap<String, Vec<Json>> = ids.map(|id| (id, Vec::new())).collect();
                for (index, branch) in branches.iter().enumerate() {
                    let mut names = names.clone();
                    names.insert("branch_index".into(), json!(index));
                    let (outputs, failed) = self.within(branch, &names);
                    if failed {
                        results.push(json!({ "branch_error": true }));
                        continue;
                    }
                    for (id, output) in &outputs {
                        lists.entry(id.clone()).or_default().push(output.clone());
                    }
                    results.push(json!(outputs));
                }
                for (id, mut outputs) in lists {
                    let one = outputs.len() < 2;
                    merged.insert(id, if one { outputs.pop().into() } else { json!(outputs) });
                }
                Outcome::Given(json!({ "branch_results": results, "merged": merged }))
            }
            Kind::Recursive { .. } => self.recursive(scope, node, names, outcomes),
            Kind::Workflow { x } => {
                let names = Names::from([("x".into(), json!(x))]);
                match self.within(self.sub, &names) {
                    (_, true) => Outcome::Failed,
                    (outputs, false) => Outcome::Given(json!(outputs)),
                }
            }
        }
    }

    /// `outcomes` are those of the nodes before it.
    fn recursive(
        &self,
        scope: &Scope,
        node: &Node,
        names: &Names,
        outcomes: &[(String, Outcome)],
    ) -> Outcome {
        let Kind::Recursive { sources, most, until, preserve } = &node.kind else { panic!("{node:?}") };
        let again = between(scope, node, sources);
        let mut iteration = 1;
        loop {
            let so_far = if *preserve && iteration > 1 { json!(iteration - 1) } else { Json::Null };
            let mut names = names.clone();
            names.extend(bound(&node.id, iteration, so_far));
            let mut outcomes = outcomes.to_vec();
            if iteration > 1 {
                for at in &again {
                    let again = &scope.0[*at];
                    let outcome = match self.skips(again, &outcomes) {
                        Some(skipped) => skipped,
                        None => self.node(scope, again, &names, &outcomes),
                    };
                    names.insert(again.id.clone(), outcome.value());
                    outcomes[*at].1 = outcome;
                }
            }
            let skips = iteration > 1 && self.skips(node, &outcomes).is_some();
            let x = Names::from([("x".into(), names[&scope.0[sources[0]].id].clone())]);
            let (result, mut failed) = match skips {
                true => (Json::Null, false),
                false => {
                    let (outputs, failed) = self.within(self.sub, &x);
                    (json!(outputs), failed)
                }
            };
            failed |= iteration > 1 && again.iter().any(|at| outcomes[*at].1 == Outcome::Failed);
            if failed {
                return Outcome::Failed;
            }
            let converged = until.is_some_and(|until| iteration >= until);
            if converged || iteration == *most {
                let reason = if converged { "condition_met" } else { "max_iterations_reached" };
                let outputs = again.iter().map(|at| &scope.0[*at].id);
                let outputs: Map<String, Json> = outputs.map(|id| (id.clone(), names[id].clone())).collect();
                return Outcome::Given(json!({
                    "converged": converged, "reason": reason, "iterations": iteration, "result": result,
                    "final_context": {
                        "iteration": iteration, "node_id": node.id, "result": result, "outputs": outputs,
                    },
                }));
            }
            iteration += 1;
        }
    }

    fn tool(&self, node: &Node, tool: &Tool, names: &Names) -> Outcome {
        let repeatable = ["pure", "idempotent"].contains(&tool.name);
        let attempts = if tool.unknown && !repeatable { 1 } else { node.max_attempts };
        if tool.fails >= attempts {
            self.failed.set(true);
            return Outcome::Failed;
        }
        let reads: Vec<Json> = tool.reads.iter().map(|name| names[name].clone()).collect();
        Outcome::Given(give(&node.id, &reads))
    }
}

/// What an iteration binds, as far as it is read.
fn bound(id: &str, iteration: u64, so_far: Json) -> [(String, Json); 2] {
    [(format!("{id}_context.iteration"), json!(iteration)), (format!("{id}.iterations"), so_far)]
}

/// The siblings on the ways from a node back to its sources, these included.
fn between(scope: &Scope, node: &Node, sources: &[usize]) -> Vec<usize> {
    fn leads(scope: &Scope, from: usize, sources: &[usize]) -> bool {
        sources.contains(&from)
            || scope.0[from].dependencies.iter().any(|before| leads(scope, *before, sources))
    }
    let mut found = std::collections::BTreeSet::new();
    let mut open: Vec<usize> = node.dependencies.clone();
    while let Some(at) = open.pop() {
        if leads(scope, at, sources) && found.insert(at) {
            open.extend(&scope.0[at].dependencies);
        }
    }
    found.into_iter().collect()
}

fn fails(outcomes: &[(String, Outcome)]) -> bool {
    outcomes.iter().any(|(_, outcome)| *outcome == Outcome::Failed)
}

fn given(outcomes: &[(String, Outcome)]) -> Json {
    let given = outcomes.iter().filter_map(|(id, outcome)| match outcome {
        Outcome::Given(value) => Some((id.clone(), value.clone())),
        Outcome::Failed | Outcome::Skipped { .. } => None,
    });
    Json::Object(given.collect())
}
