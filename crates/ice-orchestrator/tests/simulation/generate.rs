//! Blueprints made of a sequence of bytes: fewer and smaller bytes make simpler blueprints.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

/// What may be generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    /// `any` and `race`, time-outs, attempts that never end: the result depends on the order.
    pub(crate) unordered: bool,
    /// Nodes that fail.
    pub(crate) failures: bool,
}

/// Nodes that are siblings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope(pub(crate) Vec<Node>);

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    /// Indices of earlier siblings.
    pub(crate) dependencies: Vec<usize>,
    /// A condition among the earlier siblings, and the result under which the node runs.
    pub(crate) when: Option<(usize, bool)>,
    pub(crate) max_attempts: u32,
    pub(crate) timeout: Option<u64>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Tool(Tool),
    Condition {
        truth: bool,
        on_true: Scope,
        on_false: Scope,
    },
    Loop {
        items: usize,
        parallel: bool,
        side_by_side: Option<usize>,
        body: Scope,
    },
    Parallel {
        wait: &'static str,
        side_by_side: Option<usize>,
        branches: Vec<Scope>,
    },
    /// A question that takes one answer; escalated once if its time is up.
    Human {
        escalates: bool,
    },
    /// The blueprint `sub`, with `x` as its input.
    Workflow {
        x: i64,
    },
    /// Watches for nodes that succeed, and does something about the second or third one.
    Monitor {
        tells: bool,
        action: &'static str,
    },
    /// The blueprint `sub` again and again, with the output of the first source as its `x`.
    Recursive {
        /// Indices of earlier siblings it depends on, at least one.
        sources: Vec<usize>,
        most: u64,
        /// The iteration with which it converges, if it does.
        until: Option<u64>,
        preserve: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// The registered tool, named after its effect.
    pub(crate) name: &'static str,
    /// Names it reads: siblings it depends on, loop variables, nodes further out.
    pub(crate) reads: Vec<String>,
    /// So many attempts fail.
    pub(crate) fails: u32,
    /// Whether failures leave it unknown what happened.
    pub(crate) unknown: bool,
    /// Seconds until it ends; none for never.
    pub(crate) seconds: Option<u64>,
}

/// Makes a blueprint of bytes.
pub(crate) struct Generator<'b> {
    bytes: std::slice::Iter<'b, u8>,
    wishes: Wishes,
    left: usize,
    in_sub: bool,
}

impl<'b> Generator<'b> {
    pub(crate) fn new(bytes: &'b [u8], wishes: Wishes, most: usize) -> Self {
        Self { bytes: bytes.iter(), wishes, left: most, in_sub: false }
    }

    fn pick(&mut self, options: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % options
    }

    /// True once in `n` times; never without bytes.
    fn rarely(&mut self, n: usize) -> bool {
        self.pick(n) == n - 1
    }

    /// The scope of the blueprint `sub`.
    pub(crate) fn sub(&mut self) -> Scope {
        self.in_sub = true;
        let scope = self.scope(1, &["x".to_owned()], 2);
        self.in_sub = false;
        scope
    }

    /// `names` are the loop variables and outer nodes that are in scope.
    pub(crate) fn scope(&mut self, depth: usize, names: &[String], most: usize) -> Scope {
        let mut nodes: Vec<Node> = Vec::new();
        let count = 1 + self.pick(most);
        for index in 0..count {
            if self.left == 0 && index > 0 {
                break;
            }
            self.left = self.left.saturating_sub(1);
            let node = self.node(depth, index, &nodes, names);
            if let Kind::Recursive { sources, .. } = &node.kind {
                for source in sources {
                    if let Kind::Tool(tool) = &mut nodes[*source].kind {
                        tool.reads.push(format!("{}_context.iteration", node.id));
                        tool.reads.push(format!("{}.iterations", node.id));
                    }
                }
            }
            nodes.push(node);
        }
        Scope(nodes)
    }

    fn node(&mut self, depth: usize, index: usize, before: &[Node], names: &[String]) -> Node {
        let mut dependencies: Vec<usize> = (0..before.len()).filter(|_| self.rarely(3)).collect();
        let is_condition = |at: &usize| matches!(before[*at].kind, Kind::Condition { .. });
        let condition = dependencies.iter().copied().find(is_condition);
        let when = condition.filter(|_| self.rarely(2)).map(|at| (at, self.rarely(2)));
        if when.is_none() && self.rarely(6) {
            dependencies.clear();
        }
        let id = format!("{}{index}", ["a", "b", "c", "d"][depth]);
        let visible: Vec<String> =
            names.iter().cloned().chain(dependencies.iter().map(|at| before[*at].id.clone())).collect();
        let deep = depth >= 3 || self.left == 0;
        let kind = match if deep { 0 } else { self.pick(13) } {
            4 => Kind::Human { escalates: self.rarely(2) },
            5 => Kind::Condition {
                truth: self.rarely(2),
                on_true: if self.rarely(4) { Scope::default() } else { self.scope(depth + 1, &visible, 2) },
                on_false: if self.rarely(2) { Scope::default() } else { self.scope(depth + 1, &visible, 2) },
            },
            6 => {
                let mut inner = visible.clone();
                inner.extend(["item".to_owned(), "loop_index".to_owned()]);
                let parallel = self.rarely(2);
                Kind::Loop {
                    items: self.pick(4),
                    parallel,
                    side_by_side: (parallel && self.rarely(2)).then(|| 1 + self.pick(2)),
                    body: self.scope(depth + 1, &inner, 2),
                }
            }
            7 => {
                let mut inner = visible.clone();
                inner.push("branch_index".to_owned());
                let waits = if self.wishes.unordered { ["all", "any", "race"] } else { ["all"; 3] };
                let wait = waits[self.pick(3)];
                let branches = (0..1 + self.pick(3)).map(|_| self.scope(depth + 1, &inner, 2)).collect();
                Kind::Parallel { wait, side_by_side: self.rarely(3).then(|| 1 + self.pick(2)), branches }
            }
            9..=11 if !self.in_sub && !dependencies.is_empty() => {
                let first = dependencies[0];
                let others: Vec<usize> = dependencies.iter().skip(1).copied().collect();
                let others = others.into_iter().filter(|_| self.rarely(2));
                Kind::Recursive {
                    sources: std::iter::once(first).chain(others.collect::<Vec<_>>()).collect(),
                    most: 1 + self.pick(3) as u64,
                    until: self.rarely(3).then(|| 1 + self.pick(3) as u64),
                    preserve: !self.rarely(3),
                }
            }
            12 => {
                let actions =
                    if self.wishes.unordered { ["alert_only", "pause", "abort"] } else { ["alert_only"; 3] };
                Kind::Monitor { tells: self.rarely(2), action: actions[self.pick(3)] }
            }
            8 if !self.in_sub => Kind::Workflow { x: self.pick(5) as i64 },
            _ => Kind::Tool(self.tool(visible)),
        };
        let fails = self.wishes.failures || self.wishes.unordered;
        Node {
            id,
            dependencies,
            when,
            max_attempts: if fails { 1 + self.pick(3) as u32 } else { 1 },
            timeout: (self.wishes.unordered && self.rarely(5)).then(|| 1 + self.pick(4) as u64),
            kind,
        }
    }

    fn tool(&mut self, names: Vec<String>) -> Tool {
        let never = self.wishes.unordered && self.rarely(12);
        Tool {
            name: ["pure", "idempotent", "compensable", "irreversible"][self.pick(4)],
            reads: names.into_iter().filter(|_| self.rarely(2)).collect(),
            fails: if self.wishes.failures && self.rarely(4) { [1, 2, 9][self.pick(3)] } else { 0 },
            unknown: self.rarely(3),
            seconds: (!never).then(|| self.pick(4) as u64),
        }
    }
}

impl Scope {
    /// The nodes as the document of a blueprint.
    pub(crate) fn to_json(&self) -> Json {
        let siblings = &self.0;
        siblings.iter().map(|node| node.to_json(siblings)).collect()
    }
}

impl Node {
    fn to_json(&self, siblings: &[Self]) -> Json {
        let ids: Vec<&str> = self.dependencies.iter().map(|at| siblings[*at].id.as_str()).collect();
        let mut fields = Map::default();
        fields.insert("id".into(), json!(self.id));
        fields.insert("dependencies".into(), json!(ids));
        if let Some((condition, branch)) = self.when {
            fields.insert("when".into(), json!({ "condition": siblings[condition].id, "branch": branch }));
        }
        let policy = json!({ "max_attempts": self.max_attempts, "backoff_seconds": 1.0 });
        fields.insert("retry_policy".into(), policy);
        if let Some(seconds) = self.timeout {
            fields.insert("timeout_seconds".into(), json!(seconds));
        }
        let own = match &self.kind {
            Kind::Tool(tool) => {
                json!({ "type": "tool", "tool_name": tool.name, "tool_args": tool.args(&self.id) })
            }
            Kind::Condition { truth, on_true, on_false } => json!({
                "type": "condition", "expression": format!("inputs.{truth}"),
                "true_path": on_true.to_json(), "false_path": on_false.to_json(),
            }),
            Kind::Loop { items, parallel, side_by_side, body } => json!({
                "type": "loop", "items_source": format!("inputs.items.{items}"), "parallel": parallel,
                "max_concurrency": side_by_side, "body": body.to_json(),
            }),
            Kind::Parallel { wait, side_by_side, branches } => json!({
                "type": "parallel", "wait_strategy": wait, "max_concurrency": side_by_side,
                "branches": branches.iter().map(Scope::to_json).collect::<Vec<_>>(),
            }),
            Kind::Human { escalates } => json!({
                "type": "human", "prompt_message": "and?", "approval_type": "input_required",
                "escalation_path": escalates.then_some("boss"), "output_selection": ["approved", "response"],
            }),
            Kind::Recursive { sources, most, until, preserve } => {
                let ids: Vec<&str> = sources.iter().map(|at| siblings[*at].id.as_str()).collect();
                let key = format!("{}_context", self.id);
                json!({
                    "type": "recursive", "workflow_ref": "sub", "recursive_sources": ids, "max_iterations": most,
                    "convergence_condition": until.map(|until| format!("{key}.iteration >= {until}")),
                    "preserve_context": preserve, "context_key": key,
                    "input_mappings": { "x": { "source_node_id": ids[0], "source_output_key": "." } },
                })
            }
            Kind::Monitor { tells, action } => json!({
                "type": "monitor", "metric_expression": "run.nodes_succeeded > 1", "check_interval_seconds": 2,
                "alert_channels": tells.then_some(["slack"]), "action_on_trigger": action,
                "output_selection": ["metric_evaluated"],
            }),
            Kind::Workflow { x } => {
                json!({ "type": "workflow", "workflow_ref": "sub", "config_overrides": { "x": x } })
            }
        };
        fields.extend(own.as_object().cloned().unwrap_or_default());
        fields.retain(|_, value| !value.is_null());
        Json::Object(fields)
    }
}

impl Tool {
    fn args(&self, id: &str) -> Json {
        let reads: Vec<String> = self.reads.iter().map(|name| read(name)).collect();
        json!({
            "id": id, "reads": reads, "fails": self.fails, "unknown": self.unknown, "seconds": self.seconds,
        })
    }
}

/// A template that is one name.
fn read(name: &str) -> String {
    let mut text = String::new();
    let root = if name == "x" { "inputs." } else { "" };
    write!(text, "{{{{ {root}{name} }}}}").unwrap();
    text
}

/// The inputs of every run: lists of 0 to 3 items, and two truths.
pub(crate) fn inputs() -> Json {
    json!({ "items": [[], [10], [20, 21], [30, 31, 32]], "true": true, "false": false })
}
