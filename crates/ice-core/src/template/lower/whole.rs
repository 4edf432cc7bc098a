//! A whole template or expression: parsed, sorted into the form that is evaluated fastest, translated.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::machinery::ast::{Expr, Stmt};
use minijinja::machinery::{self, CodeGenerator, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, ErrorKind};

use super::super::engine::{Layout, PathSlot};
use super::super::error::{Place, TemplateError};
use super::super::path::Path;
use super::super::reference::Reference;
use super::super::scan;
use super::super::view::from_engine;
use super::binding::Bindings;
use super::chain::pure_path;
use super::growth::Growth;
use crate::value::Value;

/// A translated source.
pub(in super::super) struct Lowered {
    pub(in super::super) body: Body,
    pub(in super::super) references: Vec<Reference>,
    pub(in super::super) layout: Layout,
}

/// The forms of a template, the fastest first.
pub(in super::super) enum Body {
    /// It is this value.
    Constant(Value),
    /// It is the value at this path.
    Path(Path, Place),
    /// It is text with values at paths in it.
    Parts(Vec<Part>),
    /// It is the value of an expression.
    Value(Instructions<'static>),
    /// It is text.
    Text(Instructions<'static>),
}

/// A piece of text, or a value to be written there.
#[derive(Clone, Debug)]
pub(in super::super) enum Part {
    Text(Arc<str>),
    Path(Path, Place),
}

/// What is known while a source is translated.
pub(super) struct Lower<'s> {
    pub(super) source: &'s str,
    pub(super) bindings: Bindings,
    pub(super) growth: Growth,
    pub(super) layout: Layout,
    pub(super) path_slots: HashMap<PathSlot, usize>,
    pub(super) references: Vec<Reference>,
    /// The names that the template asks whether they are defined.
    pub(super) asked: BTreeSet<String>,
    /// How many `for` are around.
    pub(super) loops: usize,
    /// How many blocks are around.
    pub(super) blocks: usize,
}

impl<'s> Lower<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            bindings: Bindings::default(),
            growth: Growth::default(),
            layout: Layout { source: Arc::from(source), ..Layout::default() },
            path_slots: HashMap::new(),
            references: Vec::new(),
            asked: BTreeSet::new(),
            loops: 0,
            blocks: 0,
        }
    }

    fn finish(mut self, body: Body) -> Lowered {
        for reference in &mut self.references {
            reference.optional |= self.asked.contains(&*reference.name);
        }
        Lowered { body, references: self.references, layout: self.layout }
    }

    fn reference(&mut self, path: &Path, place: &Place) {
        self.references.push(Reference {
            name: Arc::clone(&path.name),
            through_nodes: path.through_nodes,
            path: path.segments.clone(),
            optional: false,
            place: place.clone(),
        });
    }

    /// An expression by itself.
    fn value(mut self, expr: &Expr<'s>) -> Result<Lowered, TemplateError> {
        if let Some((path, span)) = pure_path(expr) {
            let place = self.place(span);
            self.reference(&path, &place);
            return Ok(self.finish(Body::Path(path, place)));
        }
        if let Expr::Const(constant) = expr {
            let value = from_engine(&constant.value).map_err(|error| error.at(|| self.place(expr.span())))?;
            return Ok(self.finish(Body::Constant(value)));
        }
        let node = self.whole(expr)?.node;
        let mut generator = CodeGenerator::new("template", "");
        generator.compile_expr(&node);
        Ok(self.finish(Body::Value(generator.finish().0)))
    }

    /// Text with nothing in it but paths.
    fn parts(&mut self, statements: &[Stmt<'s>]) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        for statement in statements {
            if let Stmt::EmitRaw(raw) = statement {
                parts.push(Part::Text(Arc::from(raw.raw)));
            } else if let Stmt::EmitExpr(written) = statement {
                let (path, span) = pure_path(&written.expr)?;
                parts.push(Part::Path(path, self.place(span)));
            } else {
                return None;
            }
        }
        for part in &parts {
            if let Part::Path(path, place) = part {
                self.reference(path, place);
            }
        }
        Some(parts)
    }
}

/// Translates a template.
pub(in super::super) fn template(source: &str) -> Result<Lowered, TemplateError> {
    scan::check(source, false)?;
    let mut syntax = SyntaxConfig::builder();
    let syntax = syntax.keep_trailing_newline(true).build().map_err(|error| syntax_error(&error, source))?;
    let tree = machinery::parse(source, "template", syntax).map_err(|error| syntax_error(&error, source))?;
    let children = if let Stmt::Template(template) = &tree {
        template.children.as_slice()
    } else {
        std::slice::from_ref(&tree)
    };
    let mut lower = Lower::new(source);
    let written: Vec<&Stmt<'_>> =
        children.iter().filter(|child| !matches!(child, Stmt::EmitRaw(raw) if raw.raw.is_empty())).collect();
    if let [Stmt::EmitExpr(only)] = written.as_slice() {
        return lower.value(&only.expr);
    }
    if let Some(parts) = lower.parts(children) {
        return Ok(lower.finish(Body::Parts(parts)));
    }
    let statements = lower.statements(children)?;
    let mut generator = CodeGenerator::new("template", "");
    for statement in &statements {
        generator.compile_stmt(statement);
    }
    Ok(lower.finish(Body::Text(generator.finish().0)))
}

/// Translates a bare expression.
pub(in super::super) fn expression(source: &str) -> Result<Lowered, TemplateError> {
    scan::check(source, true)?;
    let tree = machinery::parse_expr(source).map_err(|error| syntax_error(&error, source))?;
    Lower::new(source).value(&tree)
}

/// Whether a text is written as an expression, allowed or not.
pub(in super::super) fn is_expression(source: &str) -> bool {
    scan::check(source, true).is_ok() && machinery::parse_expr(source).is_ok()
}

/// Statements of Jinja that templates of ours do not have; the parser does not know them.
const STATEMENTS: [&str; 11] =
    ["macro", "call", "include", "import", "from", "extends", "block", "break", "continue", "trans", "raw"];

/// Our error for one of the parser's.
pub(in super::super) fn syntax_error(error: &Error, source: &str) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let range = error.range().unwrap_or(source.len()..source.len());
    let place = || Place::of(source, range);
    match detail.strip_prefix("unknown statement ") {
        Some(name) if STATEMENTS.contains(&name) => {
            TemplateError::not_allowed(format!("`{name}` is not allowed in templates")).at(place)
        }
        _ if error.kind() == ErrorKind::SyntaxError && detail.contains("recursion limit") => {
            TemplateError::too_large("the template nests too deep").at(place)
        }
        _ => TemplateError::syntax(detail).at(place),
    }
}
