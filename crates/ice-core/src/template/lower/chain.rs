//! Names and the ways into them: `a.b[0]`, `nodes['my-node'].x`, `row[column]`.

use std::sync::Arc;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, Expr, Spanned};

use super::super::builtin::{Kind, find};
use super::super::engine::{MAX_SLOTS, PathSlot, Slot, follow};
use super::super::error::{Place, TemplateError};
use super::super::path::Path;
use super::super::reference::{Reference, Segment};
use super::binding::Bound;
use super::growth::Typed;
use super::tree::{apply, constant, operate, variable};
use super::whole::Lower;
use crate::near::nearest;

/// The names under which every node can be read.
pub(super) const NODES: &str = "nodes";
/// Names a template cannot bind.
pub(super) const RESERVED: [&str; 2] = [NODES, "inputs"];

const LOOP_ATTRIBUTES: [&str; 9] =
    ["index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"];

/// One step: known before the template runs, or computed.
pub(super) enum Step<'e, 's> {
    Static(Segment),
    Computed(&'e Expr<'s>),
}

/// Whether absence is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is.
    Must,
    /// It is an undefined value: the template asks whether it is there.
    May,
}

/// What a chain of attributes and subscripts begins with, and its steps.
pub(super) fn unchain<'e, 's>(expr: &'e Expr<'s>) -> (&'e Expr<'s>, Vec<Step<'e, 's>>) {
    let mut steps = Vec::new();
    let mut base = expr;
    loop {
        base = if let Expr::GetAttr(attribute) = base {
            steps.push(Step::Static(Segment::Key(Arc::from(attribute.name))));
            &attribute.expr
        } else if let Expr::GetItem(item) = base {
            steps.push(match static_segment(&item.subscript_expr) {
                Some(segment) => Step::Static(segment),
                None => Step::Computed(&item.subscript_expr),
            });
            &item.expr
        } else {
            break;
        };
    }
    steps.reverse();
    (base, steps)
}

fn static_segment(subscript: &Expr<'_>) -> Option<Segment> {
    if let Expr::Const(constant) = subscript {
        return match constant.value.to_str() {
            Some(key) => Some(Segment::Key(key)),
            None => whole(constant).map(Segment::Index),
        };
    }
    let Expr::UnaryOp(operation) = subscript else { return None };
    let (ast::UnaryOpKind::Neg, Expr::Const(constant)) = (&operation.op, &operation.expr) else {
        return None;
    };
    whole(constant).and_then(i64::checked_neg).map(Segment::Index)
}

fn whole(constant: &ast::Const) -> Option<i64> {
    if constant.value.is_integer() { constant.value.as_i64() } else { None }
}

/// The static path that an expression is, if it is nothing else.
pub(super) fn pure_path(expr: &Expr<'_>) -> Option<(Path, Span)> {
    let (base, steps) = unchain(expr);
    let Expr::Var(name) = base else { return None };
    let mut segments = Vec::new();
    for step in steps {
        match step {
            Step::Static(segment) => segments.push(segment),
            Step::Computed(_) => return None,
        }
    }
    let path = match name.id {
        "loop" => return None,
        NODES => {
            if segments.is_empty() {
                return None;
            }
            match segments.remove(0) {
                Segment::Key(id) => Path { name: id, through_nodes: true, segments },
                Segment::Index(_) => return None,
            }
        }
        name => Path { name: Arc::from(name), through_nodes: false, segments },
    };
    Some((path, cover(name.span(), expr.span())))
}

/// The place of a span of the parser's, which counted lines and columns already, up to what 16 bits hold.
pub(in super::super) fn place_of(source: &str, span: Span) -> Place {
    let range = span.start_offset as usize..span.end_offset as usize;
    if span.start_line == u16::MAX || span.start_col == u16::MAX || span.start_line == 0 {
        return Place::of(source, range);
    }
    Place { range, line: usize::from(span.start_line), column: usize::from(span.start_col) + 1 }
}

/// From the start of one span to the end of another.
fn cover(first: Span, last: Span) -> Span {
    Span {
        start_line: first.start_line,
        start_col: first.start_col,
        start_offset: first.start_offset,
        ..last
    }
}

impl<'s> Lower<'s> {
    /// A name with the way into it.
    pub(super) fn chain(&mut self, expr: &Expr<'s>, need: Need) -> Result<Typed, TemplateError> {
        let (base, steps) = unchain(expr);
        let Expr::Var(name) = base else {
            let typed = self.expression(base)?;
            return self.follow(typed, base.span(), &steps, expr.span(), need);
        };
        let span = cover(name.span(), expr.span());
        match (name.id, self.bindings.of(name.id)) {
            ("loop", _) => {
                self.loop_attribute(&steps, name.span(), span).map_err(|error| error.at(|| self.place(span)))
            }
            (id, Bound::Yes) => {
                let node = variable(self.local(id)?, name.span());
                let local = self.growth.variable(id, node);
                self.follow(local, name.span(), &steps, span, need)
            }
            (id, Bound::Perhaps) => {
                self.refer(
                    Path { name: Arc::from(id), through_nodes: false, segments: Vec::new() },
                    true,
                    span,
                );
                let node = variable(self.local(id)?, name.span());
                let node = match need {
                    Need::May => node,
                    Need::Must => operate("known", vec![node, constant(id, name.span())], name.span())?,
                };
                let local = self.growth.variable(id, node);
                self.follow(local, name.span(), &steps, span, need)
            }
            (_, Bound::No) => self.outer(name, &steps, span, need),
        }
    }

    /// A name from outside.
    fn outer(
        &mut self,
        name: &Spanned<ast::Var<'s>>,
        steps: &[Step<'_, 's>],
        span: Span,
        need: Need,
    ) -> Result<Typed, TemplateError> {
        let mut segments = Vec::new();
        for step in steps {
            let Step::Static(segment) = step else { break };
            segments.push(segment.clone());
        }
        let known = segments.len();
        let path = if name.id == NODES {
            if !matches!(segments.first(), Some(Segment::Key(_))) {
                return Err(TemplateError::not_allowed(
                    "`nodes` is asked for a node by its id, as in `nodes['my-node'].text`",
                )
                .at(|| self.place(span)));
            }
            match segments.remove(0) {
                Segment::Key(id) => Path { name: id, through_nodes: true, segments },
                Segment::Index(index) => {
                    Path { name: Arc::from(index.to_string()), through_nodes: true, segments }
                }
            }
        } else {
            Path { name: Arc::from(name.id), through_nodes: false, segments }
        };
        self.refer(path.clone(), need == Need::May, span);
        let slot = Slot::Path(self.path_slot(PathSlot { path, soft: need == Need::May })?);
        let node = variable(slot.name().ok_or_else(too_many_names)?, span);
        let rest = steps.get(known..).unwrap_or_default();
        // In a loop, a name that the template binds later reads like a name from outside.
        let read = Typed { number: false, ..self.growth.variable(name.id, node) };
        self.follow(read, span, rest, span, need)
    }

    /// The remaining steps, taken when the template runs.
    fn follow(
        &mut self,
        base: Typed,
        base_span: Span,
        steps: &[Step<'_, 's>],
        span: Span,
        need: Need,
    ) -> Result<Typed, TemplateError> {
        if steps.is_empty() {
            return Ok(base);
        }
        let written = self.written(base_span);
        let known: Option<Vec<Segment>> = steps
            .iter()
            .map(|step| if let Step::Static(segment) = step { Some(segment.clone()) } else { None })
            .collect();
        if let Some(segments) = known {
            let path = Path { name: Arc::from(written), through_nodes: false, segments };
            let node = apply(follow(path, need == Need::May), vec![base.node], span);
            return Ok(Typed { node, number: false, built: base.built });
        }
        let mut arguments = vec![base.node, constant(written, base_span)];
        let mut built = base.built;
        for step in steps {
            arguments.push(match step {
                Step::Static(Segment::Key(key)) => constant(Arc::clone(key), span),
                Step::Static(Segment::Index(index)) => constant(*index, span),
                Step::Computed(expr) => {
                    let typed = self.expression(expr)?;
                    built = built.or(typed.built);
                    typed.node
                }
            });
        }
        let name = if need == Need::May { ".?" } else { "." };
        Ok(Typed { node: operate(name, arguments, span)?, number: false, built })
    }

    fn loop_attribute(&self, steps: &[Step<'_, 's>], name: Span, span: Span) -> Result<Typed, TemplateError> {
        if self.loops == 0 {
            return Err(TemplateError::not_allowed("`loop` is there only within `for`"));
        }
        let [Step::Static(Segment::Key(attribute))] = steps else {
            return Err(TemplateError::not_allowed("`loop` is read by its attributes, as in `loop.index`"));
        };
        match LOOP_ATTRIBUTES.into_iter().find(|known| **known == **attribute) {
            Some(attribute) => {
                let node = ast::GetAttr { expr: variable("loop", name), name: attribute };
                Ok(Typed::number(Expr::GetAttr(Spanned::new(node, span))))
            }
            None => Err(TemplateError::not_allowed(format!("`loop` has no attribute `{attribute}`"))
                .with_near(nearest(attribute, LOOP_ATTRIBUTES))),
        }
    }

    fn refer(&mut self, path: Path, optional: bool, span: Span) {
        self.references.push(Reference {
            name: path.name,
            through_nodes: path.through_nodes,
            path: path.segments,
            optional,
            place: self.place(span),
        });
    }

    fn path_slot(&mut self, slot: PathSlot) -> Result<usize, TemplateError> {
        if let Some(index) = self.path_slots.get(&slot) {
            return Ok(*index);
        }
        let index = self.layout.paths.len();
        if index >= MAX_SLOTS {
            return Err(too_many_names());
        }
        self.path_slots.insert(slot.clone(), index);
        self.layout.paths.push(slot);
        Ok(index)
    }

    /// The engine's name of a variable of the template.
    pub(super) fn local(&mut self, name: &str) -> Result<&'static str, TemplateError> {
        let index = match self.layout.locals.iter().position(|known| **known == *name) {
            Some(index) => index,
            None => {
                self.layout.locals.push(Arc::from(name));
                self.layout.locals.len() - 1
            }
        };
        Slot::Local(index).name().ok_or_else(too_many_names)
    }

    /// How a part is written, for messages.
    pub(super) fn written(&self, span: Span) -> String {
        let text = self.source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or_default();
        let mut short: String = text.trim().chars().take(60).collect();
        if short.len() < text.trim().len() {
            short.push('…');
        }
        short
    }

    pub(super) fn place(&self, span: Span) -> Place {
        place_of(self.source, span)
    }

    /// The error for a built-in that does not exist.
    pub(super) fn unknown(&self, kind: Kind, name: &str) -> TemplateError {
        let what = match kind {
            Kind::Filter => "filter",
            Kind::Test => "test",
            Kind::Function => "function",
            Kind::Method => "method",
            Kind::Operator => "operator",
        };
        let hint = match kind {
            Kind::Method | Kind::Function if find(Kind::Filter, name).is_some() => {
                format!("; write it as the filter `|{name}`")
            }
            Kind::Filter | Kind::Test | Kind::Function | Kind::Method | Kind::Operator => String::new(),
        };
        let known = super::super::builtin::TABLE.iter().filter(|builtin| builtin.kind == kind);
        let near = nearest(name, known.map(|builtin| builtin.name));
        TemplateError::not_allowed(format!("there is no {what} `{name}` in templates{hint}")).with_near(near)
    }
}

pub(super) fn too_many_names() -> TemplateError {
    TemplateError::too_large(format!(
        "a template may read {MAX_SLOTS} different paths and bind {MAX_SLOTS} names"
    ))
}
