//! One call of a built-in: its arguments, and the meter that pays for it.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value as Engine};

use super::super::compare::is_true;
use super::super::error::TemplateError;
use super::super::meter::{ITEM, Meter};
use super::super::path;
use super::super::reference::Segment;
use super::super::text::text_of;
use super::super::view::{from_engine, undefined};
use super::table::{Builtin, Kind};
use crate::value::{Value, describe};

/// What a built-in returns: a value, or nothing, which is undefined.
pub(super) type Outcome = Result<Option<Value>, TemplateError>;

/// Marks an argument that was not given.
#[derive(Debug)]
struct Absent;

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The value that stands for an argument that was not given.
pub(in super::super) fn absent() -> Engine {
    Engine::from_object(Absent)
}

/// A call. Arguments stand at the places of the parameters, the value itself at 0.
pub(in super::super) struct Call<'a> {
    builtin: &'static Builtin,
    pub(super) meter: &'a Meter,
    arguments: &'a [Engine],
}

impl<'a> Call<'a> {
    pub(in super::super) const fn new(
        builtin: &'static Builtin,
        meter: &'a Meter,
        arguments: &'a [Engine],
    ) -> Self {
        Self { builtin, meter, arguments }
    }

    /// Does the work.
    pub(in super::super) fn run(&self) -> Outcome {
        self.meter.work(1)?;
        (self.builtin.run)(self)
    }

    /// Does the work of another built-in for `value`, with this call's arguments from `first` on.
    pub(super) fn delegate(&self, to: &'static Builtin, value: Engine, first: usize) -> Outcome {
        let mut arguments = vec![value];
        arguments.extend(self.arguments.get(first..).unwrap_or_default().iter().cloned());
        Call::new(to, self.meter, &arguments).run()
    }

    pub(super) const fn count(&self) -> usize {
        self.arguments.len()
    }

    fn given(&self, index: usize) -> Option<&'a Engine> {
        self.arguments.get(index).filter(|value| value.downcast_object_ref::<Absent>().is_none())
    }

    /// Whether the argument is there, but is an undefined value.
    pub(super) fn is_undefined(&self, index: usize) -> bool {
        self.given(index).is_none_or(Engine::is_undefined)
    }

    /// The argument as text, if it is text, without taking it.
    pub(super) fn as_str(&self, index: usize) -> Option<&'a str> {
        self.given(index).and_then(Engine::as_str)
    }

    /// The argument.
    pub(super) fn value(&self, index: usize) -> Result<Value, TemplateError> {
        self.given(index).map_or_else(|| Err(undefined()), from_engine)
    }

    /// The argument, if it was given.
    pub(super) fn optional(&self, index: usize) -> Result<Option<Value>, TemplateError> {
        self.given(index).map(from_engine).transpose()
    }

    /// The argument as text: a string, or the text of a number or bool.
    pub(super) fn text(&self, index: usize) -> Result<Cow<'a, str>, TemplateError> {
        if let Some(text) = self.as_str(index) {
            return Ok(Cow::Borrowed(text));
        }
        match self.value(index)? {
            value @ (Value::Number(_) | Value::Bool(_) | Value::String(_)) => {
                Ok(Cow::Owned((*text_of(self.meter, &value)?).to_owned()))
            }
            value @ (Value::Null | Value::List(_) | Value::Map(_) | Value::Blob(_)) => {
                Err(self.wants(index, "text", &value))
            }
        }
    }

    /// The argument as text, if it was given and is not null.
    pub(super) fn optional_text(&self, index: usize) -> Result<Option<Cow<'a, str>>, TemplateError> {
        match self.given(index) {
            None => Ok(None),
            Some(value) if value.is_none() => Ok(None),
            Some(_) => self.text(index).map(Some),
        }
    }

    /// The argument as a whole number, or `default`.
    pub(super) fn integer(&self, index: usize, default: i64) -> Result<i64, TemplateError> {
        match self.optional(index)? {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_i64().ok_or_else(|| self.wants(index, "a whole number", &value)),
        }
    }

    /// The argument as a number of things, at least 1.
    pub(super) fn positive(&self, index: usize) -> Result<usize, TemplateError> {
        let value = self.value(index)?;
        match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
            Some(count) if count > 0 => Ok(count),
            Some(_) | None => Err(self.wants(index, "a whole number from 1", &value)),
        }
    }

    /// Whether the argument is true; an absent one is not.
    pub(super) fn flag(&self, index: usize) -> Result<bool, TemplateError> {
        Ok(self.optional(index)?.is_some_and(|value| is_true(&value)))
    }

    /// The items of an argument, of which only few are looked at.
    pub(super) fn visible(&self, index: usize) -> Result<Arc<Vec<Value>>, TemplateError> {
        if let Value::List(items) = self.value(index)? { Ok(items) } else { self.items(index) }
    }

    /// The items of an argument: those of a list, the keys of a map, the characters of a text; none of null.
    pub(super) fn items(&self, index: usize) -> Result<Arc<Vec<Value>>, TemplateError> {
        let value = self.value(index)?;
        Ok(match value {
            Value::List(items) => {
                self.meter.work(items.len())?;
                items
            }
            Value::Null => Arc::default(),
            Value::Map(entries) => {
                self.meter.list(entries.len())?;
                Arc::new(entries.keys().map(|key| Value::String(Arc::clone(key))).collect())
            }
            Value::String(text) => {
                self.meter.list(text.len())?;
                self.meter.grow_by(text.len(), ITEM)?;
                let mut buffer = [0; 4];
                Arc::new(text.chars().map(|c| Value::string(&*c.encode_utf8(&mut buffer))).collect())
            }
            value @ (Value::Bool(_) | Value::Number(_) | Value::Blob(_)) => {
                return Err(self.wants(index, "a list", &value));
            }
        })
    }

    /// The attribute of an item, if it has it.
    pub(super) fn attribute(
        &self,
        item: &Value,
        segments: &[Segment],
    ) -> Result<Option<Value>, TemplateError> {
        self.meter.work(path::weight(segments))?;
        Ok(path::find(item, segments))
    }

    /// The attribute of an item, which must have it.
    pub(super) fn required(&self, item: &Value, segments: &[Segment]) -> Result<Value, TemplateError> {
        self.attribute(item, segments)?.ok_or_else(|| {
            let path: Vec<String> = segments.iter().map(Segment::to_string).collect();
            self.fails(&format!("found no `{}` in an item that is {}", path.join("."), describe(item)))
        })
    }

    /// How a message names the built-in.
    pub(super) fn name(&self) -> String {
        self.builtin.written()
    }

    #[cold]
    pub(super) fn wants(&self, index: usize, what: &str, value: &Value) -> TemplateError {
        // A function has no value before its parameters.
        let at = if self.builtin.kind == Kind::Function { Some(index) } else { index.checked_sub(1) };
        let parameter = match at.and_then(|at| self.builtin.parameters.get(at)) {
            Some(parameter) if *parameter != "*" => {
                format!(" as `{}`", parameter.trim_end_matches(['?', '=']))
            }
            Some(_) | None => String::new(),
        };
        self.fails(&format!("takes {what}{parameter}, and was given {}", describe(value)))
    }

    #[cold]
    pub(super) fn fails(&self, why: &str) -> TemplateError {
        TemplateError::failed(format!("{} {why}", self.name()))
    }
}
