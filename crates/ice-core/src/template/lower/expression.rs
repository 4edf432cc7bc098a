//! Expressions.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CompareOpKind, Expr, Spanned};

use super::super::builtin::{Kind, absent, find};
use super::super::error::TemplateError;
use super::binding::Bound;
use super::chain::{Need, unchain};
use super::growth::{Built, Typed};
use super::tree::{Node, call, constant, operate, variable};
use super::whole::Lower;

/// The most items of a list literal, entries of a map literal.
pub(in super::super) const MAX_LITERAL: usize = 1000;

impl<'s> Lower<'s> {
    /// Translates an expression; an error names its place.
    pub(super) fn expression(&mut self, expr: &Expr<'s>) -> Result<Typed, TemplateError> {
        self.unplaced(expr).map_err(|error| error.at(|| self.place(expr.span())))
    }

    fn unplaced(&mut self, expr: &Expr<'s>) -> Result<Typed, TemplateError> {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.chain(expr, Need::Must),
            Expr::Const(literal) => {
                let node = constant(literal.value.clone(), literal.span());
                Ok(if literal.value.is_number() { Typed::number(node) } else { Typed::plain(node) })
            }
            Expr::Slice(slice) => self.slice(slice),
            Expr::UnaryOp(operation) => self.unary(operation),
            Expr::BinOp(operation) => self.binary(operation),
            Expr::Compare(comparison) => self.comparison(comparison),
            Expr::IfExpr(choice) => self.choice(choice, None),
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => self.test(test),
            Expr::Call(called) => self.call(called),
            Expr::List(list) => self.list(&list.items, list.span()),
            Expr::Tuple(tuple) => self.list(&tuple.items, tuple.span()),
            Expr::Map(map) => self.map(map),
        }
    }

    fn slice(&mut self, slice: &Spanned<ast::Slice<'s>>) -> Result<Typed, TemplateError> {
        let value = self.expression(&slice.expr)?;
        let mut nodes = vec![value.node];
        for bound in [&slice.start, &slice.stop, &slice.step] {
            nodes.push(match bound {
                Some(bound) => self.expression(bound)?.node,
                None => constant(absent(), slice.span()),
            });
        }
        Ok(Typed { node: operate("[:]", nodes, slice.span())?, number: false, built: value.built })
    }

    fn unary(&mut self, operation: &Spanned<ast::UnaryOp<'s>>) -> Result<Typed, TemplateError> {
        let operand = self.expression(&operation.expr)?;
        let (op, number) = match operation.op {
            ast::UnaryOpKind::Not => (ast::UnaryOpKind::Not, false),
            ast::UnaryOpKind::Neg => (ast::UnaryOpKind::Neg, true),
        };
        let node = Expr::UnaryOp(Spanned::new(ast::UnaryOp { op, expr: operand.node }, operation.span()));
        Ok(Typed { node, number, built: Built::Not })
    }

    fn binary(&mut self, operation: &Spanned<ast::BinOp<'s>>) -> Result<Typed, TemplateError> {
        let left = self.expression(&operation.left)?;
        let right = self.expression(&operation.right)?;
        let span = operation.span();
        let ours = match operation.op {
            BinOpKind::Eq => "==",
            BinOpKind::Ne => "!=",
            BinOpKind::Lt => "<",
            BinOpKind::Lte => "<=",
            BinOpKind::Gt => ">",
            BinOpKind::Gte => ">=",
            BinOpKind::In => "in",
            BinOpKind::Add => return self.growing("+", left, right, span),
            BinOpKind::Mul => return self.growing("*", left, right, span),
            BinOpKind::Concat => return self.growing("~", left, right, span),
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                let (number, built) = (left.number && right.number, left.built.or(right.built));
                let node = ast::BinOp { op: operation.op, left: left.node, right: right.node };
                return Ok(Typed { node: Expr::BinOp(Spanned::new(node, span)), number, built });
            }
            BinOpKind::Sub | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem | BinOpKind::Pow => {
                let node = ast::BinOp { op: operation.op, left: left.node, right: right.node };
                return Ok(Typed::number(Expr::BinOp(Spanned::new(node, span))));
            }
        };
        Ok(Typed::plain(operate(ours, vec![left.node, right.node], span)?))
    }

    fn growing(&mut self, name: &str, left: Typed, right: Typed, span: Span) -> Result<Typed, TemplateError> {
        let (number, built) = self.growth.operator(name, &left, &right)?;
        Ok(Typed { node: operate(name, vec![left.node, right.node], span)?, number, built })
    }

    fn comparison(&mut self, comparison: &Spanned<ast::Compare<'s>>) -> Result<Typed, TemplateError> {
        let span = comparison.span();
        let mut nodes = vec![self.expression(&comparison.expr)?.node];
        for part in &comparison.ops {
            let name = match part.op {
                CompareOpKind::Eq => "==",
                CompareOpKind::Ne => "!=",
                CompareOpKind::Lt => "<",
                CompareOpKind::Lte => "<=",
                CompareOpKind::Gt => ">",
                CompareOpKind::Gte => ">=",
                CompareOpKind::In => "in",
                CompareOpKind::NotIn => "not in",
            };
            nodes.push(constant(name, span));
            nodes.push(self.expression(&part.expr)?.node);
        }
        Ok(Typed::plain(operate("chain", nodes, span)?))
    }

    fn choice(
        &mut self,
        choice: &Spanned<ast::IfExpr<'s>>,
        otherwise: Option<Node>,
    ) -> Result<Typed, TemplateError> {
        let test_expr = self.expression(&choice.test_expr)?.node;
        let first = self.expression(&choice.true_expr)?;
        let other = choice.false_expr.as_ref().map(|expr| self.expression(expr)).transpose()?;
        let number = first.number && other.as_ref().is_none_or(|other| other.number);
        let (false_expr, other_built) = match other {
            Some(other) => (Some(other.node), other.built),
            None => (otherwise, Built::Not),
        };
        let node = ast::IfExpr { test_expr, true_expr: first.node, false_expr };
        let node = Expr::IfExpr(Spanned::new(node, choice.span()));
        Ok(Typed { node, number, built: first.built.or(other_built) })
    }

    fn filter(&mut self, filter: &Spanned<ast::Filter<'s>>) -> Result<Typed, TemplateError> {
        let Some(value) = &filter.expr else {
            return Err(TemplateError::syntax(format!("the filter `{}` has nothing to filter", filter.name)));
        };
        let value = match filter.name {
            "default" | "d" => self.softly(value)?,
            _ => self.expression(value)?,
        };
        self.filtered(value, filter)
    }

    /// A filter over a value that is translated already.
    pub(super) fn filtered(
        &mut self,
        value: Typed,
        filter: &Spanned<ast::Filter<'s>>,
    ) -> Result<Typed, TemplateError> {
        let Some(builtin) = find(Kind::Filter, filter.name) else {
            return Err(self.unknown(Kind::Filter, filter.name));
        };
        if builtin.nests {
            self.growth.nest()?;
        }
        let (arguments, built) = self.arguments(builtin, &filter.args, filter.span())?;
        let number = builtin.number && filter.args.is_empty();
        let built = if number { Built::Not } else { value.built.or(built) };
        let nodes = std::iter::once(value.node).chain(arguments).collect();
        Ok(Typed { node: call(builtin, nodes, filter.span()), number, built })
    }

    /// Translates what is asked whether it is there.
    fn softly(&mut self, expr: &Expr<'s>) -> Result<Typed, TemplateError> {
        if matches!(expr, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_)) {
            self.chain(expr, Need::May)
        } else {
            self.expression(expr)
        }
    }

    fn test(&mut self, test: &Spanned<ast::Test<'s>>) -> Result<Typed, TemplateError> {
        let Some(builtin) = find(Kind::Test, test.name) else {
            return Err(self.unknown(Kind::Test, test.name));
        };
        let value = if matches!(test.name, "defined" | "undefined") {
            if let (Expr::Var(name), _) = unchain(&test.expr)
                && self.bindings.of(name.id) != Bound::Yes
            {
                self.asked.insert(name.id.to_owned());
            }
            self.softly(&test.expr)?
        } else {
            self.expression(&test.expr)?
        };
        let (arguments, _) = self.arguments(builtin, &test.args, test.span())?;
        let nodes = std::iter::once(value.node).chain(arguments).collect();
        Ok(Typed::plain(call(builtin, nodes, test.span())))
    }

    fn call(&mut self, called: &Spanned<ast::Call<'s>>) -> Result<Typed, TemplateError> {
        if let Expr::GetAttr(attribute) = &called.expr {
            let of_loop = matches!(&attribute.expr, Expr::Var(name) if name.id == "loop");
            return if of_loop {
                self.loop_method(attribute.name, called)
            } else {
                self.method(attribute, called)
            };
        }
        let Expr::Var(name) = &called.expr else {
            return Err(TemplateError::not_allowed(
                "only functions and methods that are named can be called",
            ));
        };
        if name.id == "loop" {
            return Err(TemplateError::not_allowed("`loop(…)` recurses, which templates do not"));
        }
        let Some(builtin) = find(Kind::Function, name.id) else {
            return Err(self.unknown(Kind::Function, name.id));
        };
        let (arguments, _) = self.arguments(builtin, &called.args, called.span())?;
        Ok(Typed::plain(call(builtin, arguments, called.span())))
    }

    fn method(
        &mut self,
        attribute: &Spanned<ast::GetAttr<'s>>,
        called: &Spanned<ast::Call<'s>>,
    ) -> Result<Typed, TemplateError> {
        let Some(builtin) = find(Kind::Method, attribute.name) else {
            return Err(self.unknown(Kind::Method, attribute.name));
        };
        if builtin.nests {
            self.growth.nest()?;
        }
        let value = self.expression(&attribute.expr)?;
        let (arguments, built) = self.arguments(builtin, &called.args, called.span())?;
        let nodes = std::iter::once(value.node).chain(arguments).collect();
        Ok(Typed { node: call(builtin, nodes, called.span()), number: false, built: value.built.or(built) })
    }

    /// `loop.cycle(a, b)`, the one method of `loop`.
    fn loop_method(&mut self, name: &str, called: &Spanned<ast::Call<'s>>) -> Result<Typed, TemplateError> {
        if self.loops == 0 || name != "cycle" || called.args.is_empty() {
            return Err(TemplateError::not_allowed(
                "`loop` is called only as `loop.cycle(a, b)`, within `for`, with what to cycle through",
            ));
        }
        let span = called.span();
        let mut args = Vec::new();
        let mut built = Built::Not;
        for argument in &called.args {
            let ast::CallArg::Pos(value) = argument else {
                return Err(TemplateError::not_allowed("`loop.cycle` takes its values one after the other"));
            };
            let typed = self.expression(value)?;
            built = built.or(typed.built);
            args.push(ast::CallArg::Pos(typed.node));
        }
        let method = ast::GetAttr { expr: variable("loop", span), name: "cycle" };
        let expr = Expr::GetAttr(Spanned::new(method, span));
        let node = Expr::Call(Spanned::new(ast::Call { expr, args }, span));
        Ok(Typed { node, number: false, built })
    }

    fn list(&mut self, items: &[Expr<'s>], span: Span) -> Result<Typed, TemplateError> {
        self.growth.nest()?;
        if items.len() > MAX_LITERAL {
            return Err(too_many_items(items.len()));
        }
        let mut nodes = Vec::new();
        let mut built = Built::Not;
        for item in items {
            let typed = self.expression(item)?;
            built = built.or(typed.built);
            nodes.push(typed.node);
        }
        Ok(Typed { node: operate("[]", nodes, span)?, number: false, built })
    }

    fn map(&mut self, map: &Spanned<ast::Map<'s>>) -> Result<Typed, TemplateError> {
        self.growth.nest()?;
        if map.keys.len() > MAX_LITERAL {
            return Err(too_many_items(map.keys.len()));
        }
        let mut nodes = Vec::new();
        let mut built = Built::Not;
        for (key, value) in map.keys.iter().zip(&map.values) {
            nodes.push(self.expression(key)?.node);
            let typed = self.expression(value)?;
            built = built.or(typed.built);
            nodes.push(typed.node);
        }
        Ok(Typed { node: operate("{}", nodes, map.span())?, number: false, built })
    }

    /// Translates an expression that is a whole template: an `if` without `else` writes nothing into text,
    /// and as a value is null.
    pub(super) fn whole(&mut self, expr: &Expr<'s>) -> Result<Typed, TemplateError> {
        let Expr::IfExpr(choice) = expr else { return self.expression(expr) };
        let null = if choice.false_expr.is_none() { Some(constant((), choice.span())) } else { None };
        self.choice(choice, null)
    }
}

#[cold]
fn too_many_items(count: usize) -> TemplateError {
    TemplateError::too_large(format!(
        "a list or map literal may have {MAX_LITERAL} items, and this one has {count}"
    ))
}
