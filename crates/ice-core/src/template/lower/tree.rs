//! Making nodes of the engine's tree.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, CallArg, Expr, Spanned, Stmt};
use minijinja::value::Value as Engine;

use super::super::builtin::{Builtin, Kind, find};
use super::super::engine::operation;
use super::super::error::TemplateError;

/// A node of the new tree: it borrows nothing from the source.
pub(super) type Node = Expr<'static>;

pub(super) fn constant(value: impl Into<Engine>, span: Span) -> Node {
    Expr::Const(Spanned::new(ast::Const { value: value.into() }, span))
}

pub(super) fn variable(slot: &'static str, span: Span) -> Node {
    Expr::Var(Spanned::new(ast::Var { id: slot }, span))
}

/// A call of a built-in.
pub(super) fn call(builtin: &'static Builtin, arguments: Vec<Node>, span: Span) -> Node {
    apply(operation(builtin), arguments, span)
}

/// A call of a value.
pub(super) fn apply(callable: Engine, arguments: Vec<Node>, span: Span) -> Node {
    let expr = constant(callable, span);
    let args = arguments.into_iter().map(CallArg::Pos).collect();
    Expr::Call(Spanned::new(ast::Call { expr, args }, span))
}

/// A call of an operator of ours.
pub(super) fn operate(name: &str, arguments: Vec<Node>, span: Span) -> Result<Node, TemplateError> {
    match find(Kind::Operator, name) {
        Some(builtin) => Ok(call(builtin, arguments, span)),
        None => Err(TemplateError::not_allowed(format!("`{name}` is no operator"))),
    }
}

pub(super) fn emit(expr: Node, span: Span) -> Stmt<'static> {
    Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, span))
}
