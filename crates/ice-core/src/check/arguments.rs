//! The arguments of a tool against the schema of its input, as far as they are known before a run.

use super::frame::Frame;
use super::reads::{Yielded, one_of};
use super::shape::{self, Types};
use super::walk::Checker;
use crate::blueprint::{Form, Node, Text, ToolNode, visit_value};
use crate::diagnostic::{Finding, Trail};
use crate::error::ErrorCode;
use crate::tools::ToolSpec;
use crate::value::Value;

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
    pub(super) fn arguments(
        &mut self,
        frame: &Frame<'_>,
        index: usize,
        node: &Node,
        tool: &ToolNode,
        at: &Trail<'_>,
    ) {
        let spec = self.catalog.tool(&tool.tool_name);
        let list = at.key("tool_args");
        for (name, value) in tool.tool_args.as_map().into_iter().flatten() {
            let argument = self.argument(frame, index, node, &list, name, value);
            if let Some(spec) = spec {
                self.against_schema(spec, &list.key(name), name, value, argument);
            }
        }
        if let Some(spec) = spec {
            self.missing(spec, node, tool, at);
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
            let is_constant = !super::names::is_template(source);
            let before = self.report.errors();
            let yielded = self.text(frame, index, node, &list.key(name), text);
            return match yielded {
                _ if self.report.errors() > before => Argument::Unknown,
                Some(yielded) => Argument::Typed(yielded),
                None if is_constant => Argument::Constant,
                None => Argument::Unknown,
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
        spec: &ToolSpec,
        at: &Trail<'_>,
        name: &str,
        value: &Value,
        argument: Argument,
    ) {
        let root = &spec.input_schema;
        let whole = shape::dereference(root, root);
        let property = whole.and_then(|schema| schema.get("properties")).and_then(|all| all.get(name));
        let Some(property) = property else {
            if whole.and_then(|schema| schema.get("additionalProperties")) == Some(&Value::Bool(false)) {
                let names = property_names(whole);
                let message = format!("the tool `{}` has no argument `{name}`", spec.name);
                let finding = Finding::error(ErrorCode::UnknownField, message).on_key();
                self.report.add(at, finding.advise(one_of(name, &names)));
            }
            return;
        };
        match argument {
            Argument::Constant => {
                for violation in self.schemas.violations(root, property, value) {
                    let inner = violation.path.trim_start_matches('/').replace('/', ".");
                    let place = if inner.is_empty() { String::new() } else { format!("at {inner}, ") };
                    let problem = violation.message;
                    let message =
                        format!("the tool `{}` cannot take this `{name}`: {place}{problem}", spec.name);
                    self.report.add(at, Finding::error(ErrorCode::SchemaMismatch, message));
                }
            }
            Argument::Typed(yielded) => self.fits(spec, at, name, yielded.types(), property),
            Argument::Of(types) => self.fits(spec, at, name, Some(types), property),
            Argument::Unknown => {}
        }
    }

    /// Two sets of types that have nothing in common cannot fit.
    fn fits(&self, spec: &ToolSpec, at: &Trail<'_>, name: &str, given: Option<Types>, property: &Value) {
        if let (Some(given), Some(taken)) = (given, shape::types(&spec.input_schema, property))
            && !given.intersects(taken)
        {
            let message = format!(
                "the argument `{name}` of the tool `{}` is {}, and this is {}",
                spec.name,
                taken.name(),
                given.name()
            );
            self.report.add(at, Finding::error(ErrorCode::SchemaMismatch, message));
        }
    }

    /// The arguments a tool needs are given, as arguments or by an input mapping of that name.
    fn missing(&self, spec: &ToolSpec, node: &Node, tool: &ToolNode, at: &Trail<'_>) {
        let root = &spec.input_schema;
        let whole = shape::dereference(root, root);
        let required = whole.and_then(|schema| schema.get("required")).and_then(Value::as_list);
        for name in required.unwrap_or_default().iter().filter_map(Value::as_str) {
            let is_given = tool.tool_args.get(name).is_some() || node.base.input_mappings.contains_key(name);
            if !is_given {
                let message = format!("the tool `{}` needs the argument `{name}`", spec.name);
                self.report.add(&at.key("tool_args"), Finding::error(ErrorCode::MissingField, message));
            }
        }
    }
}

fn property_names(schema: Option<&Value>) -> Vec<String> {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_map);
    properties.into_iter().flatten().map(|(name, _)| (**name).to_owned()).collect()
}
