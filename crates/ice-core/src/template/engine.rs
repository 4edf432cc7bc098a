//! The engine: runs translated templates against a scope, within limits.
//!
//! The engine has no filters, tests or functions of its own: whatever can grow or take long is a call of
//! one of our operations, which finds the meter of the evaluation through the root of the context.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::{self, Instructions};
use minijinja::value::{Object, ObjectRepr, Value as Engine};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::builtin::{Builtin, Call};
use super::error::{Place, TemplateError};
use super::meter::Meter;
use super::path::{MAX_ADVICE, Path, find, weight};
use super::scope::{Limits, Scope};
use super::sharing::pay_for_repeats;
use super::text::Sink;
use super::view::{from_engine, to_engine, undefined};
use crate::near::nearest;
use crate::value::Value;

/// A translated template or expression.
pub(super) struct Program {
    pub(super) instructions: Instructions<'static>,
    pub(super) layout: Arc<Layout>,
    environment: Environment<'static>,
}

/// What a program reads from its scope.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) source: Arc<str>,
    /// The paths, by their slot.
    pub(super) paths: Vec<PathSlot>,
    /// The names the program may bind itself, by their slot.
    pub(super) locals: Vec<Arc<str>>,
}

/// A path that a program reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PathSlot {
    pub(super) path: Path,
    /// Whether its absence is an undefined value instead of an error.
    pub(super) soft: bool,
}

impl Program {
    pub(super) fn new(instructions: Instructions<'static>, layout: Layout) -> Self {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(false);
        environment.set_fuel(Some(Limits::DEFAULT.steps));
        environment.set_formatter(emit);
        Self { instructions, layout: Arc::new(layout), environment }
    }

    /// Runs an expression for its value.
    pub(super) fn value(&self, scope: &dyn Scope, meter: &Arc<Meter>) -> Result<Value, TemplateError> {
        let held = self.run(scope, meter, &mut String::new())?;
        let held = held.ok_or_else(|| TemplateError::failed("the expression has no value"))?;
        let value = from_engine(&held);
        // From here on, what was built has no owner but the value.
        drop(held);
        value
            .and_then(|value| pay_for_repeats(meter, &value).map(|()| value))
            .map_err(|error| error.at(|| Place::of(&self.layout.source, 0..self.layout.source.len())))
    }

    /// Runs a template for its text.
    pub(super) fn text(&self, scope: &dyn Scope, meter: &Arc<Meter>) -> Result<String, TemplateError> {
        let mut text = String::new();
        self.run(scope, meter, &mut text)?;
        Ok(text)
    }

    fn run(
        &self,
        scope: &dyn Scope,
        meter: &Arc<Meter>,
        text: &mut String,
    ) -> Result<Option<Engine>, TemplateError> {
        let steps = meter.limits().steps;
        let metered;
        let environment = if steps == Limits::DEFAULT.steps {
            &self.environment
        } else {
            let mut own = self.environment.clone();
            own.set_fuel(Some(steps));
            metered = own;
            &metered
        };
        let root = Root {
            roots: self.layout.paths.iter().map(|slot| look_up(scope, &slot.path)).collect(),
            locals: self.layout.locals.iter().map(|name| scope.lookup(name)).collect(),
            layout: Arc::clone(&self.layout),
            meter: Arc::clone(meter),
        };
        let blocks = BTreeMap::new();
        let outcome = machinery::eval(
            environment,
            &self.instructions,
            Engine::from_object(root),
            &blocks,
            &mut machinery::make_string_output(text),
            AutoEscape::None,
        );
        match outcome {
            Ok((value, state)) => {
                let (taken, _) = state.fuel_levels().unwrap_or_default();
                meter.instructions(taken)?;
                Ok(value)
            }
            Err(error) => Err(self.explain(&error, scope, meter)),
        }
    }

    /// Our own error out of the engine's, with its place and with advice from the scope.
    #[cold]
    fn explain(&self, error: &Error, scope: &dyn Scope, meter: &Meter) -> TemplateError {
        let ours = std::error::Error::source(error).and_then(|source| source.downcast_ref::<TemplateError>());
        let explained = match (ours, error.kind()) {
            (Some(ours), _) => ours.clone(),
            (None, ErrorKind::OutOfFuel) => meter.too_many_steps(),
            (None, ErrorKind::UndefinedError) => undefined(),
            (None, kind) => {
                TemplateError::failed(error.detail().map_or_else(|| kind.to_string(), str::to_owned))
            }
        };
        let range = error.range().unwrap_or(0..self.layout.source.len());
        advise(explained, scope).at(|| Place::of(&self.layout.source, range))
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// The value of a path's root name.
pub(super) fn look_up(scope: &dyn Scope, path: &Path) -> Option<Value> {
    if path.through_nodes { scope.lookup_node(&path.name) } else { scope.lookup(&path.name) }
}

/// Adds the nearest name in scope to an error about a name that is not.
#[cold]
pub(super) fn advise(error: TemplateError, scope: &dyn Scope) -> TemplateError {
    let Some(unknown) = error.unknown_name() else { return error };
    let names = scope.names();
    let near = nearest(unknown, names.iter().map(|name| &**name).take(MAX_ADVICE));
    error.with_near(near)
}

/// The root of an evaluation's context: what was looked up for it, and its meter.
#[derive(Debug)]
struct Root {
    roots: Vec<Option<Value>>,
    locals: Vec<Option<Value>>,
    layout: Arc<Layout>,
    meter: Arc<Meter>,
}

/// The name under which operations find the root. No template can write it.
const ROOT: &str = "#";

impl Object for Root {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Engine> {
        if key == ROOT {
            return Some(Engine::from_dyn_object(Arc::clone(self)));
        }
        match Slot::read(key)? {
            Slot::Path(index) => {
                let slot = self.layout.paths.get(index)?;
                if let Err(error) = self.meter.work(weight(&slot.path.segments)) {
                    return Some(to_invalid(error));
                }
                let root = self.roots.get(index)?.as_ref();
                match (root, slot.soft) {
                    (Some(root), false) => Some(match slot.path.follow(root) {
                        Ok(value) => to_engine(&value),
                        Err(error) => to_invalid(error),
                    }),
                    (Some(root), true) => find(root, &slot.path.segments).as_ref().map(to_engine),
                    (None, false) => Some(to_invalid(TemplateError::unknown_reference(&slot.path.name))),
                    (None, true) => None,
                }
            }
            Slot::Local(index) => self.locals.get(index)?.as_ref().map(to_engine),
        }
    }
}

/// A name in a translated template: the engine wants `'static` names, so they are numbers in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A path read from the scope.
    Path(usize),
    /// A name the template may bind.
    Local(usize),
}

/// The most slots of each kind in one template.
pub(super) const MAX_SLOTS: usize = 1000;

static NAMES: [[u8; 4]; 2 * MAX_SLOTS] = slot_names();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated by the compiler")]
const fn slot_names() -> [[u8; 4]; 2 * MAX_SLOTS] {
    let mut names = [[b'p'; 4]; 2 * MAX_SLOTS];
    let mut index = 0;
    while index < 2 * MAX_SLOTS {
        let number = index % MAX_SLOTS;
        names[index][0] = if index < MAX_SLOTS { b'p' } else { b'l' };
        names[index][1] = b'0' + (number / 100) as u8;
        names[index][2] = b'0' + (number / 10 % 10) as u8;
        names[index][3] = b'0' + (number % 10) as u8;
        index += 1;
    }
    names
}

impl Slot {
    /// The engine's name of the slot; none beyond [`MAX_SLOTS`].
    pub(super) fn name(self) -> Option<&'static str> {
        let at = match self {
            Self::Path(index) if index < MAX_SLOTS => index,
            Self::Local(index) if index < MAX_SLOTS => MAX_SLOTS + index,
            Self::Path(_) | Self::Local(_) => return None,
        };
        std::str::from_utf8(NAMES.get(at)?).ok()
    }

    fn read(name: &str) -> Option<Self> {
        let (kind, digits) = name.split_at_checked(1)?;
        let index = digits.parse().ok()?;
        match kind {
            "p" => Some(Self::Path(index)),
            "l" => Some(Self::Local(index)),
            _ => None,
        }
    }
}

fn to_error(error: TemplateError) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.message().to_owned()).with_source(error)
}

/// A value that stops the evaluation with an error as soon as it is read.
fn to_invalid(error: TemplateError) -> Engine {
    Engine::from(to_error(error))
}

/// Writes a value into the output; every byte of every template passes here.
fn emit(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Engine) -> Result<(), Error> {
    let meter = meter_of(state)?;
    let mut sink = Sink::new(output, meter);
    if let Some(text) = value.as_str() {
        return sink.push(text).map_err(to_error);
    }
    if value.is_undefined() {
        // Only an `if` without `else` comes here undefined, and writes nothing.
        return Ok(());
    }
    from_engine(value).and_then(|value| sink.value(&value)).map_err(to_error)
}

/// The meter of an evaluation: found through the root once, then kept at hand by the engine.
fn meter_of<'s>(state: &'s mut State<'_, '_>) -> Result<&'s Arc<Meter>, Error> {
    if state.get_extension::<Arc<Meter>>().is_none() {
        let root = state.lookup(ROOT).and_then(|root| root.downcast_object::<Root>());
        let root = root.ok_or_else(lost)?;
        state.get_or_insert_extension(Arc::clone(&root.meter));
    }
    state.get_extension().ok_or_else(lost)
}

#[cold]
fn lost() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the evaluation has lost its context")
}

/// A built-in operation as a value that the engine can call.
#[derive(Debug)]
struct Operation(&'static Builtin);

impl Object for Operation {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Engine]) -> Result<Engine, Error> {
        let meter = meter_of(state)?;
        match Call::new(self.0, meter, args).run() {
            Ok(Some(value)) => Ok(to_engine(&value)),
            Ok(None) => Ok(Engine::UNDEFINED),
            Err(error) => Err(to_error(error)),
        }
    }
}

/// The way into a value that is known before the template runs, as a value that the engine can call.
#[derive(Debug)]
struct Follow {
    /// The name is how the value is written.
    path: Path,
    soft: bool,
}

impl Object for Follow {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Engine]) -> Result<Engine, Error> {
        meter_of(state)?.work(weight(&self.path.segments)).map_err(to_error)?;
        let value = args.first().ok_or_else(lost)?;
        if self.soft {
            if value.is_undefined() {
                return Ok(Engine::UNDEFINED);
            }
            let value = from_engine(value).map_err(to_error)?;
            return Ok(find(&value, &self.path.segments).as_ref().map_or(Engine::UNDEFINED, to_engine));
        }
        let value = from_engine(value).and_then(|value| self.path.follow(&value)).map_err(to_error)?;
        Ok(to_engine(&value))
    }
}

/// The callable value that follows a path into its argument; absence is undefined if it may be.
pub(super) fn follow(path: Path, soft: bool) -> Engine {
    Engine::from_object(Follow { path, soft })
}

/// The callable value of an operation.
pub(super) fn operation(builtin: &'static Builtin) -> Engine {
    Engine::from_object(Operation(builtin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_names_of_their_own() {
        for slot in [Slot::Path(0), Slot::Path(MAX_SLOTS - 1), Slot::Local(0), Slot::Local(407)] {
            assert_eq!(Slot::read(slot.name().unwrap()), Some(slot));
        }
        assert_eq!(Slot::Path(MAX_SLOTS).name(), None);
    }
}
