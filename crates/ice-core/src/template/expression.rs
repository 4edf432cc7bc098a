//! A bare expression, as conditions are.

use std::sync::Arc;

use super::compare::is_true;
use super::error::TemplateError;
use super::lower;
use super::meter::Meter;
use super::reference::Reference;
use super::scope::{Limits, Scope};
use super::template::Form;
use crate::value::Value;

/// A compiled expression: what stands within `{{ }}`.
///
/// ```
/// use ice_core::template::{Expression, Limits};
/// use ice_core::value::{Map, Value};
///
/// let condition = Expression::compile("score >= 0.5 and 'draft' not in tags")?;
/// let scope: Map = [("score".into(), Value::from(1)), ("tags".into(), Value::list([]))].into_iter().collect();
/// assert!(condition.test(&scope, &Limits::DEFAULT)?);
/// # Ok::<(), ice_core::template::TemplateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: Arc<str>,
    references: Vec<Reference>,
    form: Form,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// `TEMPLATE_SYNTAX`, `TEMPLATE_NOT_ALLOWED` or `TEMPLATE_TOO_LARGE`, with the place in `source`.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let (form, references) = Form::new(lower::expression(source)?);
        Ok(Self(Arc::new(Compiled { source: Arc::from(source), references, form })))
    }

    /// The text this was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What the expression reads from its scope, in the order of its text; a name may stand several times.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// The value, if it is the same whatever is in scope.
    #[must_use]
    pub fn is_constant(&self) -> Option<&Value> {
        if let Form::Constant(value) = &self.0.form { Some(value) } else { None }
    }

    /// The expression's value.
    ///
    /// # Errors
    /// `UNKNOWN_REFERENCE`, `TEMPLATE_FAILED` or `TEMPLATE_TOO_LARGE`, with the place in the source.
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, TemplateError> {
        self.0.form.evaluate(scope, || Arc::new(Meter::new(limits)))
    }

    /// Whether the expression's value counts as true: not null, false, 0 or empty.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn test(&self, scope: &dyn Scope, limits: &Limits) -> Result<bool, TemplateError> {
        self.evaluate(scope, limits).map(|value| is_true(&value))
    }
}
