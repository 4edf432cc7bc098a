//! The arguments of a call, put at the places of the built-in's parameters.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{CallArg, Expr};

use super::super::builtin::{Builtin, Kind, absent, find};
use super::super::error::TemplateError;
use super::growth::Built;
use super::tree::{Node, constant};
use super::whole::Lower;
use crate::near::nearest;

/// Arguments that were not placed yet.
struct Given<'e, 's> {
    positional: std::slice::Iter<'e, &'e Expr<'s>>,
    named: Vec<(&'s str, &'e Expr<'s>)>,
}

impl<'e, 's> Given<'e, 's> {
    fn take(&mut self, name: &str, by_place: bool) -> Result<Option<&'e Expr<'s>>, TemplateError> {
        let named = self.named.iter().position(|(given, _)| *given == name).map(|at| self.named.remove(at).1);
        let placed = if by_place { self.positional.as_slice().first().copied() } else { None };
        match (named, placed) {
            (Some(_), Some(_)) => Err(TemplateError::syntax(format!("the argument `{name}` is given twice"))),
            (Some(named), None) => Ok(Some(named)),
            (None, _) => Ok(if by_place { self.positional.next().copied() } else { None }),
        }
    }
}

impl<'s> Lower<'s> {
    /// The arguments after the value itself, with a marker for each that was not given.
    pub(super) fn arguments(
        &mut self,
        builtin: &'static Builtin,
        arguments: &[CallArg<'s>],
        span: Span,
    ) -> Result<(Vec<Node>, Built), TemplateError> {
        let mut positional = Vec::new();
        let mut named = Vec::new();
        for argument in arguments {
            match argument {
                CallArg::Pos(value) => positional.push(value),
                CallArg::Kwarg(name, value) => named.push((*name, value)),
                CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                    return Err(TemplateError::not_allowed(
                        "arguments are written out, without `*` and `**`",
                    ));
                }
            }
        }
        let mut given = Given { positional: positional.iter(), named };
        let mut placed = Vec::new();
        self.distribute(builtin, &mut given, &mut placed)?;
        let mut built = Built::Not;
        let mut nodes = Vec::new();
        for argument in placed {
            nodes.push(match argument {
                Placed::Absent => constant(absent(), span),
                Placed::Given(value) => {
                    let typed = self.expression(value)?;
                    built = built.or(typed.built);
                    typed.node
                }
            });
        }
        Ok((nodes, built))
    }

    fn distribute<'e>(
        &mut self,
        builtin: &'static Builtin,
        given: &mut Given<'e, 's>,
        placed: &mut Vec<Placed<'e, 's>>,
    ) -> Result<(), TemplateError> {
        let mut takes_rest = false;
        for parameter in builtin.parameters {
            if *parameter == "*" {
                takes_rest = true;
                continue;
            }
            let name = parameter.trim_end_matches(['?', '=']);
            match given.take(name, !parameter.ends_with('='))? {
                Some(value) => placed.push(Placed::Given(value)),
                None if parameter.ends_with(['?', '=']) => placed.push(Placed::Absent),
                None => return Err(refuse(builtin, &format!("needs `{name}`"))),
            }
        }
        if let (true, Some(kind)) = (takes_rest, builtin.applies) {
            return self.apply(builtin, kind, given, placed);
        }
        if takes_rest {
            placed.extend(given.positional.by_ref().map(|value| Placed::Given(value)));
        }
        if given.positional.next().is_some() {
            return Err(refuse(builtin, "has too many arguments"));
        }
        match given.named.first() {
            None => Ok(()),
            Some((name, _)) => {
                let known = builtin.parameters.iter().map(|parameter| parameter.trim_end_matches(['?', '=']));
                let near = nearest(name, known);
                Err(refuse(builtin, &format!("has no argument `{name}`")).with_near(near))
            }
        }
    }

    /// The name of the built-in that is applied to each item, and its arguments.
    fn apply<'e>(
        &mut self,
        builtin: &'static Builtin,
        kind: Kind,
        given: &mut Given<'e, 's>,
        placed: &mut Vec<Placed<'e, 's>>,
    ) -> Result<(), TemplateError> {
        let Some(name) = given.positional.next() else {
            placed.push(Placed::Absent);
            return match given.named.first() {
                None => Ok(()),
                Some((name, _)) => Err(refuse(builtin, &format!("has no argument `{name}`"))),
            };
        };
        let Expr::Const(constant) = *name else {
            return Err(refuse(builtin, "names what it applies as a literal text, such as `\"upper\"`"));
        };
        let applied = constant.value.as_str().unwrap_or_default();
        let applied = match find(kind, applied) {
            Some(applied) if applied.applies.is_none() => applied,
            Some(_) => {
                let why = format!("{} cannot apply `{applied}`; use `for`", builtin.written());
                return Err(TemplateError::not_allowed(why));
            }
            None => return Err(self.unknown(kind, applied)),
        };
        placed.push(Placed::Given(name));
        self.distribute(applied, given, placed)
    }
}

#[derive(Clone, Copy)]
enum Placed<'e, 's> {
    Absent,
    Given(&'e Expr<'s>),
}

fn refuse(builtin: &Builtin, why: &str) -> TemplateError {
    TemplateError::syntax(format!("{} {why}", builtin.written()))
}
