//! Typed access to the fields of an object in a document, which collects what is wrong instead of ending at the first
//! problem. A field that is null counts as absent.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Problem;
use crate::blueprint::{AgentLimits, Fields, LlmConfig, Rules, wrong_type};
use crate::diagnostic::{Finding, Step};
use crate::schema::{SchemaError, Validator, normalize};
use crate::value::Value;

/// An object in a document. What is read of a broken field is a stand-in: the document as a whole is then refused.
#[derive(Debug)]
pub struct Object<'o, 'a> {
    fields: &'o mut Fields<'a>,
}

impl<'o, 'a> Object<'o, 'a> {
    pub(super) fn new(fields: &'o mut Fields<'a>) -> Self {
        Self { fields }
    }

    /// The value of a field, of any type.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.fields.any(name)
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.fields.text(name)
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.fields.flag(name, default)
    }

    /// A text that must be there; empty if it is not.
    pub fn required_text(&mut self, name: &'static str) -> String {
        self.fields.required_text(name)
    }

    /// States that a field must be there.
    pub fn require(&mut self, name: &'static str) {
        self.fields.require(name);
    }

    /// A whole number that is not negative.
    pub fn whole(&mut self, name: &'static str) -> Option<u64> {
        self.fields.whole(name)
    }

    /// A list of texts, each of which is read by `read`.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Option<Vec<T>> {
        let texts = self.fields.list(name)?;
        let (trail, report) = (self.fields.trail(), self.fields.context().report);
        let at = trail.key(name);
        let mut parsed = Vec::with_capacity(texts.len());
        for (index, item) in texts.iter().enumerate() {
            match parse(item, &read) {
                Ok(value) => parsed.push(value),
                Err(finding) => report.add(&at.index(index), finding),
            }
        }
        Some(parsed)
    }

    /// A map of texts, each of which is read by `read`, which is given its key as well.
    pub fn parsed_entries<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str, &str) -> Result<T, Problem>,
    ) -> BTreeMap<String, T> {
        let entries = self.fields.entries(name, |value, at, context| {
            let key = at.last_key().unwrap_or_default();
            match parse(value, |text| read(key, text)) {
                Ok(value) => Some(value),
                Err(finding) => {
                    context.report.add(at, finding);
                    None
                }
            }
        });
        entries.into_iter().collect()
    }

    /// One of a few names; the default if it is not there.
    pub fn choice<T: for<'de> Deserialize<'de> + Default>(&mut self, name: &'static str) -> T {
        self.fields.choice(name)
    }

    /// A list of some of a few names.
    pub fn choices<T: for<'de> Deserialize<'de>>(&mut self, name: &'static str) -> Vec<T> {
        self.fields.choices(name)
    }

    /// An object below a field.
    pub fn below<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Object<'_, '_>) -> T) -> Option<T> {
        self.fields.below(name, |fields| read(&mut Object::new(fields)))
    }

    /// A map whose entries are objects, each of which is read by `read`, which is given its key as well.
    pub fn each<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&str, &mut Object<'_, '_>) -> T,
    ) -> BTreeMap<String, T> {
        let entries = self.fields.entries(name, |value, at, context| {
            let mut fields = Fields::of(value, at, context);
            let read = read(at.last_key().unwrap_or_default(), &mut Object::new(&mut fields));
            fields.finish();
            Some(read)
        });
        entries.into_iter().collect()
    }

    /// The settings of a provider of models.
    pub fn settings(&mut self, name: &'static str) -> Option<LlmConfig> {
        let config = self.fields.below(name, LlmConfig::read)?;
        let (trail, report) = (self.fields.trail(), self.fields.context().report);
        config.rules(Rules::new(&trail.key(name), report));
        Some(config)
    }

    /// How far an agent goes by itself.
    pub fn limits(&mut self, name: &'static str) -> AgentLimits {
        let Some(limits) = self.fields.below(name, AgentLimits::read) else { return AgentLimits::default() };
        let (trail, report) = (self.fields.trail(), self.fields.context().report);
        limits.rules(Rules::new(&trail.key(name), report));
        limits
    }

    /// A JSON Schema, in the simple or the full form, as the full form.
    pub fn schema(&mut self, name: &'static str) -> Option<Value> {
        let written = self.fields.any(name)?;
        let normal = normalize(written).and_then(|normal| Validator::compile(&normal).map(|_| normal));
        normal.map_err(|error| self.refuse_schema(name, written, &error)).ok()
    }

    fn refuse_schema(&self, name: &str, written: &Value, error: &SchemaError) {
        let mut place = self.fields.trail().key(name).place();
        let mut here = Some(written);
        let pointer = match error {
            SchemaError::Invalid { path, .. } => path.as_str(),
            SchemaError::TooLarge { .. } => "",
        };
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let index = here.and_then(Value::as_list).and(segment.parse::<usize>().ok());
            here = here.and_then(|here| match index {
                Some(index) => here.item(index),
                None => here.get(&segment),
            });
            place.steps.push(index.map_or_else(|| Step::Key(segment.as_str().into()), Step::Index));
        }
        let finding = Finding::error(error.code(), error.to_string());
        self.fields.context().report.add_at(place, None, Some(name.to_owned()), finding);
    }

    /// Reports something about a field.
    pub fn refuse(&self, name: &str, problem: Problem) {
        self.fields.add(name, problem.finding());
    }

    /// Reports something about the object as a whole.
    pub fn refuse_whole(&self, problem: Problem) {
        self.fields.context().report.add(self.fields.trail(), problem.finding());
    }

    /// Reports that a field holds a value of another type.
    pub fn refuse_type(&self, name: &str, expected: &str, found: &Value) {
        self.fields.add(name, wrong_type(expected, found));
    }
}

fn parse<T>(value: &Value, read: impl FnOnce(&str) -> Result<T, Problem>) -> Result<T, Finding> {
    let Some(text) = value.as_str() else {
        let finding = wrong_type("text", value);
        return Err(match value {
            Value::Number(_) | Value::Bool(_) => finding.advise(format!("write it in quotes: \"{value}\"")),
            Value::Null | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => finding,
        });
    };
    read(text).map_err(Problem::finding)
}

#[cfg(test)]
mod tests {
    use crate::blueprint::Format;
    use crate::document::{Object, Problem, read};
    use crate::error::ErrorCode;

    /// What is told of a text that is read so.
    fn check<T>(text: &str, by: impl FnOnce(&mut Object<'_, '_>) -> T, expected: &str) {
        let reading = read(text, Format::Auto, "t", "thing", by);
        assert_eq!(reading.diagnostics.to_string(), expected, "{text}");
        assert_eq!(reading.value.is_some(), expected.is_empty());
    }

    fn short(text: &str) -> Result<usize, Problem> {
        let long = || Problem::new(ErrorCode::OutOfRange, "too long").advise("write less");
        if text.len() < 4 { Ok(text.len()) } else { Err(long()) }
    }

    #[test]
    fn texts_in_lists_and_maps_are_parsed_each_at_its_place() {
        check("a: [x, yy]\n", |object| object.parsed("a", short), "");
        check(
            "a:\n- x\n- 3\n- long text\n",
            |object| object.parsed("a", short),
            "t:3:3: error[WRONG_TYPE]: a.1: expected text, found the number 3; write it in quotes: \"3\"\n\
             t:4:3: error[OUT_OF_RANGE]: a.2: too long; write less",
        );
        check(
            "m: {k: long text}\n",
            |object| object.parsed_entries("m", |_, text| short(text)),
            "t:1:8: error[OUT_OF_RANGE]: m.k: too long; write less",
        );
    }

    #[test]
    fn objects_in_maps_are_read_each_at_its_place() {
        let text = "m:\n  a: {on: true}\n  b: {on: 3}\n  c: {off: true}\n  d: x\n";
        let told = "t:3:11: error[WRONG_TYPE]: m.b.on: expected true or false, found the number 3\n\
                    t:4:7: error[UNKNOWN_FIELD]: m.c.off: unknown field `off`\n\
                    t:5:6: error[WRONG_TYPE]: m.d: expected an object, found the text \"x\"";
        check(text, |object| object.each("m", |_, each| each.flag("on", false)), told);
        let named = |name: &str, each: &mut Object<'_, '_>| {
            if name == "odd" {
                each.refuse_whole(Problem::new(ErrorCode::OutOfRange, "it is odd"));
            }
            (name.len(), each.text("t"))
        };
        check(
            "m: {odd: {}}\n",
            |object| object.each("m", named),
            "t:1:10: error[OUT_OF_RANGE]: m.odd: it is odd",
        );
        let reading = read("m: {ab: {t: x}}\n", Format::Auto, "t", "thing", |object| object.each("m", named));
        assert_eq!(reading.value.unwrap(), [("ab".to_owned(), (2, Some("x".to_owned())))].into());
    }

    #[test]
    fn what_nobody_asks_for_is_told_at_every_depth() {
        check(
            "a: {b: x, cc: y}\n",
            |object| object.below("a", |below| (below.text("b"), below.text("ccc"))),
            "t:1:11: error[UNKNOWN_FIELD]: a.cc: unknown field `cc`; did you mean `ccc`?",
        );
        check(
            "# nothing\n",
            |_| (),
            "t:1:1: error[BLUEPRINT_SYNTAX]: the file is empty; write a thing into it",
        );
        check("[1]", |_| (), "t:1:1: error[WRONG_TYPE]: expected an object, found a list");
    }

    #[test]
    fn a_schema_is_made_whole_or_refused_where_it_is_wrong() {
        check("s: {name: str}\n", |object| object.schema("s"), "");
        let reading = read("s: {name: str}\n", Format::Auto, "t", "thing", |object| object.schema("s"));
        assert_eq!(reading.value.unwrap().unwrap().get("type").unwrap().as_str(), Some("object"));
        check(
            "s:\n  who: {name: strng}\n",
            |object| object.schema("s"),
            "t:2:15: error[INVALID_SCHEMA]: s: the schema is not valid at /who/name: `strng` is no type: write str, \
             int, float, bool, dict, list, list[…] or any",
        );
        check(
            "s: {type: object, required: [1]}\n",
            |object| object.schema("s"),
            "t:1:30: error[INVALID_SCHEMA]: s: the schema is not valid at /required/0: 1 is not of type \"string\"",
        );
    }

    #[test]
    fn what_shows_later_is_told_at_its_field() {
        let mut reading = read("name: x\n", Format::Yaml, "t", "thing", |object| object.text("name"));
        reading.refuse("name", Problem::new(ErrorCode::RegistryConflict, "it is taken"));
        assert_eq!(reading.diagnostics.to_string(), "t:1:7: error[REGISTRY_CONFLICT]: name: it is taken");
        assert_eq!((reading.value.clone(), reading.text()), (None, "name: x\n"));
    }
}
