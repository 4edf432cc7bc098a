//! What the templates, expressions and mappings of a node read: whether it is in scope, and whether what is
//! read of it can be there.

use super::frame::{Frame, Name};
use super::names::{Read, Yields, names};
use super::output;
use super::shape::{self, Part, Types};
use super::walk::Checker;
use crate::blueprint::{Form, InputMapping, Node, NodeKind, Text};
use crate::diagnostic::{Finding, Trail, did_you_mean, nearest};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::value::Value;

/// What is known of the value a text yields: a schema and the root its `$ref`s lead into.
#[derive(Clone, Debug)]
pub(super) struct Yielded {
    pub(super) root: Value,
    pub(super) schema: Value,
}

impl Yielded {
    fn text() -> Self {
        let schema = Value::map([("type", Value::from("string"))]);
        Self { root: schema.clone(), schema }
    }

    pub(super) fn types(&self) -> Option<Types> {
        shape::types(&self.root, &self.schema)
    }
}

impl Checker<'_> {
    /// The texts of a node.
    pub(super) fn texts(&mut self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) {
        if let NodeKind::Tool(tool) = &node.kind {
            self.tool_arguments(frame, index, node, tool, at);
            return;
        }
        if let NodeKind::Workflow(workflow) = &node.kind {
            self.workflow_inputs(frame, index, node, workflow, at);
            return;
        }
        node.kind.texts(at, &mut |at, text| {
            let yielded = self.text(frame, index, node, at, text);
            if text.form == Form::Path {
                self.loops_over(at, yielded);
            }
        });
    }

    /// A loop needs a list.
    fn loops_over(&self, at: &Trail<'_>, yielded: Option<Yielded>) {
        if let Some(types) = yielded.and_then(|yielded| yielded.types())
            && !types.intersects(Types::ARRAY)
        {
            let message = format!("a loop needs a list, and this is {}", types.name());
            self.report.add(at, Finding::error(ErrorCode::SchemaMismatch, message));
        }
    }

    /// One text: its syntax, what it reads, and what is known of its value.
    pub(super) fn text(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        at: &Trail<'_>,
        text: Text<'_>,
    ) -> Option<Yielded> {
        if text.source.trim().is_empty() {
            return None;
        }
        let (reads, yields) = match names(text) {
            Ok(found) => found,
            Err(finding) => {
                self.report.add(at, self.unless_bad_id(text.source, finding));
                return None;
            }
        };
        let mut last = None;
        for read in &reads {
            last = self.read(frame, index, node, at, text.form, read);
        }
        match yields {
            Yields::Read => last,
            Yields::Text => Some(Yielded::text()),
            Yields::Itself | Yields::Unknown => None,
        }
    }

    /// What is wrong with a text that may be so only because it names a node whose id is not valid.
    fn unless_bad_id(&self, source: &str, finding: Finding) -> Finding {
        let is_bad = |id: &&String| !NodeId::is_valid(id) && !id.trim().is_empty() && source.contains(&***id);
        match self.given.ghosts.iter().filter(is_bad).min() {
            Some(id) => finding
                .advise(format!("`{id}` is not a valid id: give its node another one, and write that here")),
            None => finding,
        }
    }

    fn read(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        at: &Trail<'_>,
        form: Form,
        read: &Read,
    ) -> Option<Yielded> {
        let name = &*read.name;
        if form == Form::Part {
            self.part(node, at, read);
            return None;
        }
        let found = if read.only_node { frame.find(name) } else { frame.resolve(index, name) };
        match found {
            // What a recursive node asks after each iteration may be about its own output so far.
            Some(Name::Node { levels: 0, index: other, node: target })
                if form == Form::OpenExpression && other == index =>
            {
                let root = self.outputs.schema(target, &self.catalog)?;
                self.follow(node, at, read, &root)
            }
            Some(Name::Node { levels, index: other, node: target }) => {
                if let Err(own) = frame.depend(index, levels, other) {
                    let message = if own.nested {
                        format!("`{}` reads `{name}`, but is itself a part of it", node.id)
                    } else {
                        format!("`{}` reads its own output", node.id)
                    };
                    let finding = Finding::error(ErrorCode::CyclicToolComposition, message);
                    self.report.add(at, finding.within(Some(read.range.clone())));
                    return None;
                }
                let root = self.outputs.schema(target, &self.catalog)?;
                self.follow(node, at, read, &root)
            }
            Some(Name::Inputs) => {
                let root = self.inputs.clone();
                if root.is_null() { None } else { self.follow(node, at, read, &root) }
            }
            Some(Name::Variable | Name::Mapping) => None,
            None if name == "run" && matches!(node.kind, NodeKind::Monitor(_)) => {
                self.follow(node, at, read, &output::metrics())
            }
            None => {
                let is_known =
                    read.optional || form == Form::OpenExpression || self.given.ghosts.contains(name);
                if !is_known {
                    self.report.add(at, self.unknown(frame, index, node, read));
                }
                None
            }
        }
    }

    /// What writes a part of the context sees nothing else.
    fn part(&self, node: &Node, at: &Trail<'_>, read: &Read) {
        let name = &*read.name;
        let own = at.last_key().unwrap_or_default();
        if name != "value" && name != own && !read.optional {
            let message =
                format!("`{}` reads `{name}`, but a format sees only `value`, which is `{own}`", node.id);
            let finding = Finding::error(ErrorCode::UnknownReference, message);
            self.report.add(at, finding.within(Some(read.range.clone())));
        }
    }

    fn unknown(&self, frame: &Frame<'_>, index: usize, node: &Node, read: &Read) -> Finding {
        let name = &*read.name;
        let shown = read.shown();
        let message = match (name, shown == name) {
            ("nodes", _) => format!(
                "`{}` reads `{shown}`: write the id of a node in quotes, as in `nodes['my-node']`",
                node.id
            ),
            (_, true) => format!("`{}` reads `{name}`, but nothing of that name is in scope", node.id),
            (_, false) => format!("`{}` reads `{shown}`, but nothing named `{name}` is in scope", node.id),
        };
        let finding = Finding::error(ErrorCode::UnknownReference, message).within(Some(read.range.clone()));
        if !self.report.has_room() {
            return finding;
        }
        let declared = self.inputs.get("properties").and_then(Value::as_map);
        let advice = if !frame.is_selected(index, name) && frame.find(name).is_some() {
            Some(format!("add `{name}` to `input_selection`: it leaves out what it does not name"))
        } else if declared.is_some_and(|inputs| inputs.contains_key(name)) {
            Some(format!("`{name}` is an input: write `inputs.{name}`"))
        } else {
            let near = nearest(name, frame.names(index).into_iter().take(1_000));
            near.map(|near| format!("did you mean `{near}`?")).or_else(|| self.where_is(frame, node, name))
        };
        finding.advise(advice)
    }

    /// Follows what is read into a schema.
    fn follow(&mut self, node: &Node, at: &Trail<'_>, read: &Read, root: &Value) -> Option<Yielded> {
        let mut schema = root.clone();
        let mut shown = read.name.to_string();
        for segment in &read.path {
            let next = shape::part(root, &schema, segment);
            let add = |code, problem: String, names: &[String]| {
                let message = format!("`{}` reads `{shown}.{segment}`, but {problem}", node.id);
                let finding = if read.optional {
                    return;
                } else if code == ErrorCode::SchemaMismatch || names.is_empty() {
                    Finding::error(code, message)
                } else {
                    Finding::error(code, message).advise(one_of(segment, names))
                };
                self.report.add(at, finding.within(Some(read.range.clone())));
            };
            match next {
                Part::Known(part) => schema = part,
                Part::Unknown => return None,
                Part::Missing(names) => {
                    add(ErrorCode::UnknownReference, format!("`{shown}` has no `{segment}`"), &names);
                    return None;
                }
                Part::Undeclared(names) => {
                    if !read.optional {
                        let message = format!(
                            "`{}` reads `{shown}.{segment}`, which the schema of `{shown}` does not mention",
                            node.id
                        );
                        let finding = Finding::warning(ErrorCode::UnknownReference, message);
                        let finding = finding.advise(one_of(segment, &names));
                        self.report.add(at, finding.within(Some(read.range.clone())));
                    }
                    return None;
                }
                Part::Indivisible(what) => {
                    add(ErrorCode::SchemaMismatch, format!("`{shown}` is {what}"), &[]);
                    return None;
                }
            }
            shown.push('.');
            shown.push_str(segment);
        }
        Some(Yielded { root: root.clone(), schema })
    }

    /// The names that `context_rules` and `input_selection` list should be in scope.
    pub(super) fn listed_names(&self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) {
        let is_known = |name: &str| frame.resolve(index, name).is_some() || self.given.ghosts.contains(name);
        let unknown = |name: &str| {
            let message = format!("nothing named `{name}` is in scope of `{}`", node.id);
            let near = self.report.has_room().then(|| did_you_mean(name, frame.names(index)));
            Finding::warning(ErrorCode::UnknownReference, message).advise(near.flatten())
        };
        let rules = at.key("context_rules");
        for name in node.base.context_rules.keys().filter(|name| !is_known(name)) {
            self.report.add(&rules.key(name), unknown(name).on_key());
        }
        let selection = at.key("input_selection");
        for (position, name) in node.base.input_selection.iter().flatten().enumerate() {
            if !is_known(name) {
                self.report.add(&selection.index(position), unknown(name));
            }
        }
    }

    /// The output mappings of a node lead into its own output.
    pub(super) fn output_mappings(&mut self, node: &Node, at: &Trail<'_>) {
        if node.base.output_mappings.is_empty() {
            return;
        }
        let Some(root) = self.outputs.own_schema(node, &self.catalog) else { return };
        let at = at.key("output_mappings");
        if let Some(types) = shape::types(&root, &root)
            && !types.intersects(Types::OBJECT)
        {
            let message = format!("`output_mappings` need an object, and the output is {}", types.name());
            self.report.add(&at, Finding::error(ErrorCode::SchemaMismatch, message));
            return;
        }
        for (alias, path) in &node.base.output_mappings {
            let read = Read {
                name: node.id.shared(),
                only_node: true,
                path: path.segments().to_vec(),
                optional: false,
                range: 0..0,
            };
            self.follow(node, &at.key(alias), &read, &root);
        }
    }

    /// The input mappings of a node: each names a node in scope and a part of its output that can be there.
    pub(super) fn mappings(&mut self, frame: &Frame<'_>, index: usize, node: &Node, at: &Trail<'_>) {
        let mappings = at.key("input_mappings");
        for (name, mapping) in &node.base.input_mappings {
            let InputMapping::Source { source_node_id, source_output_key, .. } = mapping else { continue };
            let at = mappings.key(name);
            let node_at = at.key("source_node_id");
            let Some((levels, other)) = self.named(frame, node, source_node_id, &node_at) else { continue };
            if let Err(own) = frame.depend(index, levels, other) {
                let message = if own.nested {
                    format!("`{}` reads `{source_node_id}`, but is itself a part of it", node.id)
                } else {
                    format!("`{}` reads its own output", node.id)
                };
                self.report.add(&node_at, Finding::error(ErrorCode::CyclicToolComposition, message));
                continue;
            }
            let Some(target) = frame.outward().nth(levels).and_then(|frame| frame.nodes.get(other)) else {
                continue;
            };
            let segments = source_output_key.segments();
            let Some(first) = segments.first() else { continue };
            let Some(root) = self.outputs.schema(target, &self.catalog) else { continue };
            let key_at = at.key("source_output_key");
            let declared = shape::dereference(&root, &root).and_then(|schema| schema.get("properties"));
            let declared = declared.and_then(Value::as_map);
            if let Some(declared) = declared
                && !declared.is_empty()
                && !declared.contains_key(first)
                && matches!(shape::part(&root, &root, first), Part::Missing(_) | Part::Undeclared(_))
            {
                let names: Vec<String> = declared.keys().map(|key| (**key).to_owned()).collect();
                let message = format!("the output of `{source_node_id}` has no `{first}`");
                let finding =
                    Finding::error(ErrorCode::SchemaMismatch, message).advise(one_of(first, &names));
                self.report.add(&key_at, finding);
                continue;
            }
            let read = Read {
                name: source_node_id.shared(),
                only_node: true,
                path: segments.to_vec(),
                optional: false,
                range: 0..0,
            };
            self.follow(node, &key_at, &read, &root);
        }
    }
}

/// Advice on a name that must be one of a few.
pub(super) fn one_of(name: &str, names: &[String]) -> Option<String> {
    let near = did_you_mean(name, names.iter().map(String::as_str).take(1_000));
    near.or_else(|| {
        let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > shown.len() { ", …" } else { "" };
        (!shown.is_empty()).then(|| format!("there are {}{more}", shown.join(", ")))
    })
}
