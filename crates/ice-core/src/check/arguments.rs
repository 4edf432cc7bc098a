//! The arguments of a tool, and the inputs of another blueprint, against the schema of what they are given to,
//! as far as they are known before a run.

use super::frame::Frame;
use super::reads::{Yielded, one_of};
use super::shape::{self, Types};
use super::walk::Checker;
use crate::blueprint::{Form, Node, Text, ToolNode, WorkflowNode, visit_value};
use crate::diagnostic::{Finding, Report, Trail};
use crate::error::ErrorCode;
use crate::value::Value;

/// What arguments are given to.
#[derive(Clone, Debug)]
struct Taker<'s> {
    /// In words: `the tool `hash``.
    name: String,
    /// What an argument is called: `argument` or `input`.
    word: &'static str,
    /// The schema of all arguments together.
    schema: &'s Value,
}

impl Taker<'_> {
    fn keyword(&self, name: &str) -> Option<&Value> {
        shape::dereference(self.schema, self.schema)?.get(name)
    }
}

/// What is known of an argument.
enum Argument {
    /// Its value.
    Constant,
    /// Its type or schema.
    Typed(Yielded),
    /// The types it can have.
    Of(Types),
    Unknown,
}

impl Checker<'_> {
    /// Checks the texts of a tool's arguments, and the arguments against what the tool takes.
    pub(super) fn tool_arguments(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        tool: &ToolNode,
        at: &Trail<'_>,
    ) {
        let taker = self.catalog.tool(&tool.tool_name).map(|spec| Taker {
            name: format!("the tool `{}`", spec.name),
            word: "argument",
            schema: &spec.input_schema,
        });
        let at = at.key("tool_args");
        self.arguments(frame, index, node, (&at, &tool.tool_args), taker.as_ref());
        let Some(taker) = taker else { return };
        let required = taker.keyword("required").and_then(Value::as_list).unwrap_or_default();
        for name in required.iter().filter_map(Value::as_str) {
            if tool.tool_args.get(name).is_none() {
                let message = format!("{} needs the argument `{name}`", taker.name);
                let is_mapped = node.base.input_mappings.contains_key(name);
                let advice =
                    is_mapped.then(|| format!("pass the mapping on: `{name}: \"{{{{ {name} }}}}\"`"));
                self.report.add(&at, Finding::error(ErrorCode::MissingField, message).advise(advice));
            }
        }
    }

    /// The same for what a workflow node sets of the other blueprint's inputs. What is missing cannot be told:
    /// the other blueprint is given the run's inputs as well.
    pub(super) fn workflow_inputs(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        workflow: &WorkflowNode,
        at: &Trail<'_>,
    ) {
        let spec = self.catalog.blueprint(&workflow.workflow_ref);
        let schema = spec.and_then(|spec| crate::schema::normalize(&spec.input_schema).ok());
        let taker = schema.as_ref().map(|schema| Taker {
            name: format!("the blueprint `{}`", workflow.workflow_ref),
            word: "input",
            schema,
        });
        let at = at.key("config_overrides");
        self.arguments(frame, index, node, (&at, &workflow.config_overrides), taker.as_ref());
    }

    fn arguments(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        (list, arguments): (&Trail<'_>, &Value),
        taker: Option<&Taker<'_>>,
    ) {
        for (name, value) in arguments.as_map().into_iter().flatten() {
            let argument = self.argument(frame, index, node, list, name, value);
            if let Some(taker) = taker {
                self.against_schema(taker, &list.key(name), name, value, argument);
            }
        }
    }

    fn argument(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        list: &Trail<'_>,
        name: &str,
        value: &Value,
    ) -> Argument {
        if let Value::String(source) = value {
            let text = Text { source, form: Form::Template };
            let before = self.report.errors();
            let yielded = self.text(frame, index, node, &list.key(name), text);
            return match yielded {
                _ if self.report.errors() > before => Argument::Unknown,
                Some(yielded) => Argument::Typed(yielded),
                None if super::names::is_template(source) => Argument::Unknown,
                None => Argument::Constant,
            };
        }
        let mut has_templates = false;
        visit_value(name, value, list, &mut |at, text| {
            has_templates |= super::names::is_template(text.source);
            self.text(frame, index, node, at, text);
        });
        if has_templates { Argument::Of(Types::of_value(value)) } else { Argument::Constant }
    }

    fn against_schema(
        &mut self,
        taker: &Taker<'_>,
        at: &Trail<'_>,
        name: &str,
        value: &Value,
        argument: Argument,
    ) {
        let (who, word) = (&taker.name, taker.word);
        let Some(property) = taker.keyword("properties").and_then(|all| all.get(name)) else {
            if taker.keyword("additionalProperties") == Some(&Value::Bool(false))
                && taker.keyword("patternProperties").is_none()
            {
                let properties = taker.keyword("properties").and_then(Value::as_map);
                let names = properties.into_iter().flatten().map(|(name, _)| (**name).to_owned());
                let message = format!("{who} has no {word} `{name}`");
                let finding = Finding::error(ErrorCode::UnknownField, message).on_key();
                self.report.add(at, finding.advise(one_of(name, &names.collect::<Vec<_>>())));
            }
            return;
        };
        match argument {
            Argument::Constant => {
                for violation in self.schemas.violations(taker.schema, property, value) {
                    let inner = violation.path.trim_start_matches('/').replace('/', ".");
                    let place = if inner.is_empty() { String::new() } else { format!("at {inner}, ") };
                    let problem = violation.message;
                    let message = format!("{who} cannot take this `{name}`: {place}{problem}");
                    let finding = Finding::error(ErrorCode::SchemaMismatch, message);
                    add_within(self.report, at, value, &violation.path, finding);
                }
            }
            Argument::Typed(yielded) => self.fits(taker, at, name, yielded.types(), property),
            Argument::Of(types) => self.fits(taker, at, name, Some(types), property),
            Argument::Unknown => {}
        }
    }

    /// Two sets of types that have nothing in common cannot fit.
    fn fits(&self, taker: &Taker<'_>, at: &Trail<'_>, name: &str, given: Option<Types>, property: &Value) {
        if let (Some(given), Some(taken)) = (given, shape::types(taker.schema, property))
            && !given.intersects(taken)
        {
            let (who, word) = (&taker.name, taker.word);
            let (taken, given) = (taken.name(), given.name());
            let message = format!("the {word} `{name}` of {who} is {taken}, and this is {given}");
            self.report.add(at, Finding::error(ErrorCode::SchemaMismatch, message));
        }
    }
}

/// Takes a finding at the part of a value that a JSON Pointer leads to.
fn add_within(report: &Report, at: &Trail<'_>, value: &Value, pointer: &str, finding: Finding) {
    let Some(rest) = pointer.strip_prefix('/') else { return report.add(at, finding) };
    let (segment, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let key = segment.replace("~1", "/").replace("~0", "~");
    if let Some(entry) = value.get(&key) {
        return add_within(report, &at.key(&key), entry, rest, finding);
    }
    let index = key.parse().ok();
    let item = index.and_then(|index: usize| Some((index, value.as_list()?.get(index)?)));
    match item {
        Some((index, item)) => add_within(report, &at.index(index), item, rest, finding),
        None => report.add(at, finding),
    }
}
