//! Statements: text, `{{ }}`, `for`, `if`, `with`, `set` and `filter`.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, Expr, Spanned, Stmt};

use super::super::error::TemplateError;
use super::binding::Bindings;
use super::chain::RESERVED;
use super::growth::{Built, Typed};
use super::tree::{Node, constant, emit, operate, variable};
use super::whole::Lower;

/// The deepest blocks.
pub(in super::super) const MAX_BLOCKS: usize = 32;
/// What a captured block is bound to until its filter has run. No template can write this name.
const CAPTURE: &str = "captured block";

type Statements = Vec<Stmt<'static>>;

impl<'s> Lower<'s> {
    pub(super) fn statements(&mut self, statements: &[Stmt<'s>]) -> Result<Statements, TemplateError> {
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            return Err(TemplateError::too_large(format!("blocks may nest {MAX_BLOCKS} deep")));
        }
        let mut translated = Vec::new();
        for statement in statements {
            self.statement(statement, &mut translated)?;
        }
        self.blocks -= 1;
        Ok(translated)
    }

    fn statement(&mut self, statement: &Stmt<'s>, into: &mut Statements) -> Result<(), TemplateError> {
        match statement {
            Stmt::Template(template) => into.extend(self.statements(&template.children)?),
            // Text is written by the same way as values, so that all of it is counted.
            Stmt::EmitRaw(raw) => into.push(emit(constant(raw.raw, raw.span()), raw.span())),
            Stmt::EmitExpr(written) => {
                let node = self.expression(&written.expr)?.node;
                into.push(emit(node, written.expr.span()));
            }
            Stmt::ForLoop(looped) => into.push(self.for_loop(looped)?),
            Stmt::IfCond(condition) => into.push(self.condition(condition)?),
            Stmt::WithBlock(with) => into.push(self.with(with)?),
            Stmt::Set(assignment) => {
                let value = self.expression(&assignment.expr)?;
                let (target, expr) = self.assign(&assignment.target, value, assignment.span())?;
                into.push(Stmt::Set(Spanned::new(ast::Set { target, expr }, assignment.span())));
            }
            Stmt::SetBlock(captured) => self.capture(captured, into)?,
            Stmt::FilterBlock(filtered) => self.filter_block(filtered, into)?,
            Stmt::AutoEscape(block) => {
                return Err(TemplateError::not_allowed("`autoescape` is not allowed: nothing is escaped")
                    .at(|| self.place(block.span())));
            }
            Stmt::Do(called) => {
                return Err(TemplateError::not_allowed("`do` is not allowed: calls have no side effects")
                    .at(|| self.place(called.span())));
            }
        }
        Ok(())
    }

    fn for_loop(&mut self, looped: &Spanned<ast::ForLoop<'s>>) -> Result<Stmt<'static>, TemplateError> {
        let span = looped.span();
        if looped.recursive {
            return Err(
                TemplateError::not_allowed("`recursive` loops are not allowed").at(|| self.place(span))
            );
        }
        let mut items = self.expression(&looped.iter)?;
        if looped.filter_expr.is_some() {
            items.node = operate("kept", vec![items.node], span)?;
        }
        // The items of a list of numbers may be anything.
        items.number = false;
        let before = self.bindings.clone();
        self.bindings.push();
        self.loops += 1;
        let (target, iter) = self.bind(&looped.target, items, "rows", looped.iter.span())?;
        let filter_expr = looped.filter_expr.as_ref().map(|filter| self.expression(filter)).transpose()?;
        let body = self.loop_body(&looped.body)?;
        self.loops -= 1;
        self.bindings = before;
        let else_body = self.branch(&looped.else_body)?;
        let filter_expr = filter_expr.map(|filter| filter.node);
        let node = ast::ForLoop { target, iter, filter_expr, recursive: false, body, else_body };
        Ok(Stmt::ForLoop(Spanned::new(node, span)))
    }

    /// The body of a loop. What its end binds, its start may read: where a growing operator bound anything,
    /// the body of the outermost loop is looked at a second time with that in mind.
    fn loop_body(&mut self, body: &[Stmt<'s>]) -> Result<Statements, TemplateError> {
        let (mark, references, bindings) = (self.growth.mark(), self.references.len(), self.bindings.clone());
        let translated = self.statements(body)?;
        if self.loops > 1 || self.growth.mark().built == mark.built {
            return Ok(translated);
        }
        self.growth.rewind(&mark);
        self.references.truncate(references);
        self.bindings = bindings;
        self.statements(body)
    }

    /// Statements that may be run or not.
    fn branch(&mut self, statements: &[Stmt<'s>]) -> Result<Statements, TemplateError> {
        let before = self.bindings.clone();
        let translated = self.statements(statements)?;
        self.bindings = Bindings::join(&before, &self.bindings);
        Ok(translated)
    }

    fn condition(&mut self, condition: &Spanned<ast::IfCond<'s>>) -> Result<Stmt<'static>, TemplateError> {
        let expr = self.expression(&condition.expr)?.node;
        let before = self.bindings.clone();
        let true_body = self.statements(&condition.true_body)?;
        let after_true = std::mem::replace(&mut self.bindings, before);
        let false_body = match condition.false_body.as_slice() {
            // An `elif` is no deeper than its `if`.
            [Stmt::IfCond(next)] => vec![self.condition(next)?],
            statements => self.statements(statements)?,
        };
        self.bindings = Bindings::join(&after_true, &self.bindings);
        let node = ast::IfCond { expr, true_body, false_body };
        Ok(Stmt::IfCond(Spanned::new(node, condition.span())))
    }

    fn with(&mut self, with: &Spanned<ast::WithBlock<'s>>) -> Result<Stmt<'static>, TemplateError> {
        self.bindings.push();
        let mut assignments = Vec::new();
        for (target, value) in &with.assignments {
            let typed = self.expression(value)?;
            assignments.push(self.assign(target, typed, value.span())?);
        }
        let body = self.statements(&with.body)?;
        self.bindings.pop();
        Ok(Stmt::WithBlock(Spanned::new(ast::WithBlock { assignments, body }, with.span())))
    }

    /// `set name` … `endset`
    fn capture(
        &mut self,
        captured: &Spanned<ast::SetBlock<'s>>,
        into: &mut Statements,
    ) -> Result<(), TemplateError> {
        let span = captured.span();
        let Expr::Var(name) = &captured.target else {
            return Err(TemplateError::not_allowed("a block is bound to one name").at(|| self.place(span)));
        };
        let value = self.captured(&captured.body, captured.filter.as_ref(), span, into)?;
        let (target, expr) = self.assign(&captured.target, value, name.span())?;
        into.push(Stmt::Set(Spanned::new(ast::Set { target, expr }, span)));
        Ok(())
    }

    /// `filter name` … `endfilter`
    fn filter_block(
        &mut self,
        filtered: &Spanned<ast::FilterBlock<'s>>,
        into: &mut Statements,
    ) -> Result<(), TemplateError> {
        let value = self.captured(&filtered.body, Some(&filtered.filter), filtered.span(), into)?;
        into.push(emit(value.node, filtered.span()));
        Ok(())
    }

    /// The text of a block, through a filter.
    fn captured(
        &mut self,
        body: &[Stmt<'s>],
        filter: Option<&Expr<'s>>,
        span: Span,
        into: &mut Statements,
    ) -> Result<Typed, TemplateError> {
        let before = self.growth.mark();
        let slot = self.local(CAPTURE)?;
        let body = self.statements(body)?;
        let target = variable(slot, span);
        into.push(Stmt::SetBlock(Spanned::new(ast::SetBlock { target, filter: None, body }, span)));
        let built = if self.growth.mark().growing > before.growing { Built::Here } else { Built::Not };
        let text = Typed { node: variable(slot, span), number: false, built };
        let Some(filter) = filter else { return Ok(text) };
        self.filter_chain(text, filter).map_err(|error| error.at(|| self.place(span)))
    }

    /// The filters of a block: the innermost has no value of its own.
    fn filter_chain(&mut self, text: Typed, filter: &Expr<'s>) -> Result<Typed, TemplateError> {
        let Expr::Filter(filter) = filter else {
            return Err(TemplateError::syntax("a block takes filters"));
        };
        let value = match &filter.expr {
            None => text,
            Some(inner) => self.filter_chain(text, inner)?,
        };
        self.filtered(value, filter)
    }

    fn assign(&mut self, target: &Expr<'s>, value: Typed, span: Span) -> Result<(Node, Node), TemplateError> {
        self.bind(target, value, "unpack", span)
    }

    /// Binds one name, or several at once: then the value is checked to have as many parts.
    fn bind(
        &mut self,
        target: &Expr<'s>,
        mut value: Typed,
        check: &str,
        span: Span,
    ) -> Result<(Node, Node), TemplateError> {
        if let Expr::Var(name) = target {
            return Ok((self.bind_name(name, &value)?, value.node));
        }
        let Expr::List(names) = target else {
            return Err(self.cannot_bind("only names can be bound, not attributes", target.span()));
        };
        let width = names.items.len();
        if width == 0 {
            return Err(self.cannot_bind("there is no name to bind to", names.span()));
        }
        value.number = false;
        let mut items = Vec::new();
        for item in &names.items {
            let Expr::Var(name) = item else {
                return Err(self.cannot_bind("names are bound as `a, b`, without nesting", names.span()));
            };
            items.push(self.bind_name(name, &value)?);
        }
        let target = Expr::List(Spanned::new(ast::List { items }, names.span()));
        Ok((target, operate(check, vec![value.node, constant(width, span)], span)?))
    }

    #[cold]
    fn cannot_bind(&self, why: &str, span: Span) -> TemplateError {
        TemplateError::not_allowed(why).at(|| self.place(span))
    }

    fn bind_name(&mut self, name: &Spanned<ast::Var<'s>>, value: &Typed) -> Result<Node, TemplateError> {
        if RESERVED.contains(&name.id) {
            return Err(TemplateError::not_allowed(format!("`{}` is reserved; take another name", name.id))
                .at(|| self.place(name.span())));
        }
        self.bindings.bind(name.id);
        self.growth.bind(name.id, value);
        Ok(variable(self.local(name.id)?, name.span()))
    }
}
