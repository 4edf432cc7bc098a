//! A JSON value whose strings are templates.

use std::sync::Arc;

use super::compare::{MAX_DEPTH, too_deep};
use super::error::TemplateError;
use super::meter::{ENTRY, Meter};
use super::reference::Reference;
use super::scope::{Limits, Scope};
use super::template::Template;
use crate::value::{Map, Value};

/// A compiled value. What holds no template is shared by every result; keys of maps are no templates.
#[derive(Clone, Debug)]
pub struct ValueTemplate {
    root: Node,
    strings: Vec<(Arc<str>, Template)>,
}

#[derive(Clone, Debug)]
enum Node {
    Constant(Value),
    Template(Template, Arc<str>),
    List(Arc<[Node]>),
    Map(Arc<[(Arc<str>, Node)]>),
}

impl ValueTemplate {
    /// Compiles a value.
    ///
    /// # Errors
    /// That of the first string that is no template, with [its path](TemplateError::within_path);
    /// `TEMPLATE_TOO_LARGE` for a value that nests too deep.
    pub fn compile(value: &Value) -> Result<Self, TemplateError> {
        let (compiled, mut errors) = Self::compile_all(value);
        if errors.is_empty() { Ok(compiled) } else { Err(errors.swap_remove(0)) }
    }

    /// Compiles a value and collects every error; a string that is no template stays as it is.
    #[must_use]
    pub fn compile_all(value: &Value) -> (Self, Vec<TemplateError>) {
        let mut compiler = Compiler { strings: Vec::new(), errors: Vec::new() };
        let root = compiler.node(value, "", MAX_DEPTH);
        (Self { root, strings: compiler.strings }, compiler.errors)
    }

    /// The templates within, each with the path of its string, for example `rows.0.title`.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.strings.iter().map(|(path, template)| (&**path, template))
    }

    /// What all templates within read from their scope.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.strings.iter().flat_map(|(_, template)| template.references())
    }

    /// The value, if it is the same whatever is in scope.
    #[must_use]
    pub const fn is_constant(&self) -> Option<&Value> {
        if let Node::Constant(value) = &self.root { Some(value) } else { None }
    }

    /// Evaluates every template within; the limits hold for all of them together.
    ///
    /// # Errors
    /// As [`Template::render`], with [the path](TemplateError::within_path) of the string.
    pub fn render(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, TemplateError> {
        match &self.root {
            Node::Constant(value) => Ok(value.clone()),
            Node::Template(template, _) => template.render(scope, limits).map_err(|error| error.within("")),
            Node::List(_) | Node::Map(_) => render(&self.root, scope, &Arc::new(Meter::new(limits))),
        }
    }
}

fn render(node: &Node, scope: &dyn Scope, meter: &Arc<Meter>) -> Result<Value, TemplateError> {
    match node {
        Node::Constant(value) => Ok(value.clone()),
        Node::Template(template, path) => {
            template.render_metered(scope, meter).map_err(|error| error.within(path))
        }
        Node::List(nodes) => {
            meter.list(nodes.len())?;
            let items: Result<Vec<Value>, TemplateError> =
                nodes.iter().map(|node| render(node, scope, meter)).collect();
            items.map(Value::from)
        }
        Node::Map(nodes) => {
            meter.grow_by(nodes.len(), ENTRY)?;
            let entry = |(key, node): &(Arc<str>, Node)| Ok((Arc::clone(key), render(node, scope, meter)?));
            let entries = nodes.iter().map(entry).collect::<Result<_, TemplateError>>()?;
            Ok(Value::from(Map::of_distinct(entries)))
        }
    }
}

struct Compiler {
    strings: Vec<(Arc<str>, Template)>,
    errors: Vec<TemplateError>,
}

impl Compiler {
    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Node {
        let Some(depth) = depth.checked_sub(1) else {
            self.errors.push(too_deep().within(path));
            return Node::Constant(Value::Null);
        };
        match value {
            Value::String(text) => self.string(text, path),
            Value::List(items) => {
                let nodes: Vec<Node> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.node(item, &below(path, &index.to_string()), depth))
                    .collect();
                if all_constant(&nodes) { Node::Constant(value.clone()) } else { Node::List(nodes.into()) }
            }
            Value::Map(entries) => {
                let nodes: Vec<(Arc<str>, Node)> = entries
                    .iter()
                    .map(|(key, item)| (Arc::clone(key), self.node(item, &below(path, key), depth)))
                    .collect();
                if all_constant(nodes.iter().map(|(_, node)| node)) {
                    Node::Constant(value.clone())
                } else {
                    Node::Map(nodes.into())
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Blob(_) => Node::Constant(value.clone()),
        }
    }

    fn string(&mut self, text: &Arc<str>, path: &str) -> Node {
        match Template::compile(text) {
            Ok(template) if template.is_constant() == Some(&Value::String(Arc::clone(text))) => {
                Node::Constant(Value::String(Arc::clone(text)))
            }
            Ok(template) => {
                let path: Arc<str> = Arc::from(path);
                self.strings.push((Arc::clone(&path), template.clone()));
                Node::Template(template, path)
            }
            Err(error) => {
                self.errors.push(error.within(path));
                Node::Constant(Value::String(Arc::clone(text)))
            }
        }
    }
}

fn below(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

fn all_constant<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> bool {
    nodes.into_iter().all(|node| matches!(node, Node::Constant(_)))
}
