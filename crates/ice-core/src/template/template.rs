//! Text with values in it.

use std::sync::Arc;

use super::engine::{Program, advise, look_up};
use super::error::{Place, TemplateError};
use super::lower::{self, Body, Lowered, Part};
use super::meter::Meter;
use super::path::Path;
use super::reference::Reference;
use super::scope::{Limits, Scope};
use super::text::Sink;
use crate::value::Value;

/// A compiled template. It is text; one that is a single `{{ expression }}`, without any other character, is
/// that expression's value with its type.
///
/// ```
/// use ice_core::template::{Limits, Template};
/// use ice_core::value::{Map, Value};
///
/// let template = Template::compile("Dear {{ who.name|title }}")?;
/// let scope: Map = [("who".into(), Value::map([("name", Value::from("ada"))]))].into_iter().collect();
/// assert_eq!(template.render(&scope, &Limits::DEFAULT)?, Value::from("Dear Ada"));
/// # Ok::<(), ice_core::template::TemplateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: Arc<str>,
    references: Vec<Reference>,
    form: Form,
}

/// How a template is evaluated.
#[derive(Debug)]
pub(super) enum Form {
    Constant(Value),
    Path(Path, Place),
    Parts(Vec<Part>),
    Value(Program),
    Text(Program),
}

impl Form {
    pub(super) fn new(lowered: Lowered) -> (Self, Vec<Reference>) {
        let form = match lowered.body {
            Body::Constant(value) => Self::Constant(value),
            Body::Path(path, place) => Self::Path(path, place),
            Body::Parts(parts) => Self::Parts(parts),
            Body::Value(instructions) => Self::Value(Program::new(instructions, lowered.layout)),
            Body::Text(instructions) => Self::Text(Program::new(instructions, lowered.layout)),
        };
        (form, lowered.references)
    }

    /// Evaluates; `meter` is asked for only where something is built.
    pub(super) fn evaluate(
        &self,
        scope: &dyn Scope,
        meter: impl FnOnce() -> Arc<Meter>,
    ) -> Result<Value, TemplateError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Path(path, place) => read(path, place, scope),
            Self::Parts(parts) => write_parts(parts, scope, &meter()),
            Self::Value(program) => program.value(scope, &meter()),
            Self::Text(program) => program.text(scope, &meter()).map(Value::from),
        }
    }
}

/// The value at a path. The engine gives the same value or error, only later.
fn read(path: &Path, place: &Place, scope: &dyn Scope) -> Result<Value, TemplateError> {
    match look_up(scope, path) {
        Some(root) if path.segments.is_empty() => Ok(root),
        Some(root) => path.follow(&root).map_err(|error| error.at(|| place.clone())),
        None => Err(advise(TemplateError::unknown_reference(&path.name), scope).at(|| place.clone())),
    }
}

fn write_parts(parts: &[Part], scope: &dyn Scope, meter: &Meter) -> Result<Value, TemplateError> {
    let likely = parts.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 16 }).sum();
    let mut text = String::with_capacity(likely);
    let mut sink = Sink::new(&mut text, meter);
    for part in parts {
        match part {
            Part::Text(text) => sink.push(text)?,
            Part::Path(path, place) => {
                let value = read(path, place, scope)?;
                sink.value(&value).map_err(|error| error.at(|| place.clone()))?;
            }
        }
    }
    Ok(Value::from(text))
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// `TEMPLATE_SYNTAX`, `TEMPLATE_NOT_ALLOWED` or `TEMPLATE_TOO_LARGE`, with the place in `source`.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let tagged = ["{{", "{%", "{#"].iter().any(|start| source.contains(start));
        let (form, references) = if tagged {
            Form::new(lower::template(source)?)
        } else {
            (Form::Constant(Value::from(source)), Vec::new())
        };
        Ok(Self(Arc::new(Compiled { source: Arc::from(source), references, form })))
    }

    /// The text this was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// What the template reads from its scope, in the order of its text; a name may stand several times.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// The value, if it is the same whatever is in scope.
    #[must_use]
    pub fn is_constant(&self) -> Option<&Value> {
        if let Form::Constant(value) = &self.0.form { Some(value) } else { None }
    }

    /// Evaluates the template. A value that is only passed on is shared, not copied.
    ///
    /// # Errors
    /// `UNKNOWN_REFERENCE`, `TEMPLATE_FAILED` or `TEMPLATE_TOO_LARGE`, with the place in the source.
    pub fn render(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, TemplateError> {
        self.0.form.evaluate(scope, || Arc::new(Meter::new(limits)))
    }

    pub(super) fn render_metered(
        &self,
        scope: &dyn Scope,
        meter: &Arc<Meter>,
    ) -> Result<Value, TemplateError> {
        self.0.form.evaluate(scope, || Arc::clone(meter))
    }
}
