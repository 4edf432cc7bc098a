//! Typed access to the fields of an object, which collects what is wrong instead of ending at the first
//! problem. A field that is null counts as absent.

use indexmap::IndexMap;
use serde::Deserialize;

use super::choice::chosen;
use super::node::DecodedScope;
use super::wording::{described, wrong_type};
use crate::blueprint::SchemaVersion;
use crate::blueprint::dialect::LegacyNames;
use crate::diagnostic::{Finding, Report, Trail};
use crate::error::ErrorCode;
use crate::id::NodeId;
use crate::value::{Map, Value, ValuePath};

/// What holds for a whole document.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) report: &'a Report,
    pub(crate) dialect: SchemaVersion,
    /// The names that are no inputs, in a document of the first dialect.
    pub(crate) legacy: Option<LegacyNames>,
}

/// The fields of one object.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(super) entries: Option<&'a Map>,
    trail: &'a Trail<'a>,
    context: &'a Context<'a>,
    pub(super) known: Vec<&'static str>,
    pub(super) missing: Vec<&'static str>,
    /// The nested scopes that were read, in order.
    pub(super) scopes: Vec<DecodedScope>,
}

impl<'a> Fields<'a> {
    /// The fields of a value, which should be an object.
    pub(crate) fn of(value: &'a Value, trail: &'a Trail<'a>, context: &'a Context<'a>) -> Self {
        let entries = value.as_map();
        if entries.is_none() {
            let message = format!("expected an object, found {}", described(value));
            context.report.add(trail, Finding::error(ErrorCode::WrongType, message));
        }
        Self { entries, trail, context, known: Vec::new(), missing: Vec::new(), scopes: Vec::new() }
    }

    /// The document's dialect.
    pub(crate) fn dialect(&self) -> SchemaVersion {
        self.context.dialect
    }

    pub(crate) fn context(&self) -> &'a Context<'a> {
        self.context
    }

    pub(crate) fn trail(&self) -> &'a Trail<'a> {
        self.trail
    }

    /// Whether a field is present, whatever it holds.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.is_some_and(|entries| entries.get(name).is_some_and(|value| !value.is_null()))
    }

    /// The value of a field, of any type.
    pub(crate) fn any(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.entries?.get(name).filter(|value| !value.is_null())
    }

    /// A field that must be an object, kept as it is; null if absent.
    pub(crate) fn object(&mut self, name: &'static str) -> Value {
        match self.any(name) {
            Some(value @ Value::Map(_)) => value.clone(),
            Some(other) => {
                self.wrong(name, "an object", other);
                Value::Null
            }
            None => Value::Null,
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self.any(name)?;
        if value.as_str().is_none() {
            self.wrong(name, "text", value);
        }
        value.as_str().map(str::to_owned)
    }

    /// A text that must be there; empty if it is not.
    pub(crate) fn required_text(&mut self, name: &'static str) -> String {
        self.require(name);
        self.text(name).unwrap_or_default()
    }

    /// A text that is a template.
    pub(crate) fn template(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(|source| match &self.context.legacy {
            Some(names) => names.template(&source),
            None => source,
        })
    }

    /// A text that is an expression.
    pub(crate) fn expression(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(|source| match &self.context.legacy {
            Some(names) => names.expression(&source),
            None => source,
        })
    }

    /// A text that is an expression and may use names that nobody can know before it is evaluated: in the first dialect only
    /// inputs that are declared become those of the present one.
    pub(crate) fn open_expression(&mut self, name: &'static str) -> Option<String> {
        self.text(name).map(|source| match &self.context.legacy {
            Some(names) => names.open_expression(&source),
            None => source,
        })
    }

    /// A text that is a dotted path or a template. It never is text with values in it, so a line end after it,
    /// as a block of YAML has it, means nothing.
    pub(crate) fn path(&mut self, name: &'static str) -> Option<String> {
        let source = self.text(name)?.trim_end().to_owned();
        Some(match &self.context.legacy {
            Some(names) => names.path(&source),
            None => source,
        })
    }

    /// A value whose texts are templates.
    pub(crate) fn templates(&mut self, name: &'static str) -> Value {
        let value = self.object(name);
        match &self.context.legacy {
            Some(names) => names.value(&value),
            None => value,
        }
    }

    /// States that a field must be there.
    pub(crate) fn require(&mut self, name: &'static str) {
        if self.entries.is_some() && !self.has(name) {
            self.missing.push(name);
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let Some(value) = self.any(name) else { return default };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(name, "true or false", value);
            default
        })
    }

    /// A whole number that is not negative.
    pub(crate) fn whole<N: TryFrom<u64>>(&mut self, name: &'static str) -> Option<N> {
        let value = self.any(name)?;
        let Some(number) = value.as_f64() else {
            self.wrong(name, "a whole number", value);
            return None;
        };
        if number.fract() != 0.0 {
            self.wrong(name, "a whole number", value);
            return None;
        }
        let exact = value.as_u64().or_else(|| (0.0..9e15).contains(&number).then_some(number as u64));
        let fitting = exact.and_then(|whole| N::try_from(whole).ok());
        let at = self.trail.key(name);
        if fitting.is_none() && !self.context.report.tells(&at, ErrorCode::NumberNotPortable) {
            let problem = if number < 0.0 { "must not be negative" } else { "is too large" };
            let message = format!("`{name}` {problem}: {value}");
            self.add(name, Finding::error(ErrorCode::OutOfRange, message));
        }
        fitting
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str) -> Option<f64> {
        let value = self.any(name)?;
        let number = value.as_f64();
        if number.is_none() {
            self.wrong(name, "a number", value);
        }
        number
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.items(name, "text", |value| value.as_str().map(str::to_owned))
    }

    /// A list of texts that are templates.
    pub(crate) fn template_texts(&mut self, name: &'static str) -> Vec<String> {
        let texts = self.texts(name).unwrap_or_default();
        match &self.context.legacy {
            Some(names) => texts.iter().map(|source| names.template(source)).collect(),
            None => texts,
        }
    }

    /// A list whose items are each read from an object.
    pub(crate) fn objects<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Option<Vec<T>> {
        let list = self.list(name)?;
        let at = self.trail.key(name);
        let mut objects = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let at = at.index(index);
            let mut fields = Fields::of(item, &at, self.context);
            objects.push(read(&mut fields));
            fields.finish();
        }
        Some(objects)
    }

    /// A map whose entries are each read by `read`.
    pub(crate) fn entries<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&Value, &Trail<'_>, &Context<'_>) -> Option<T>,
    ) -> IndexMap<String, T> {
        let Some(value) = self.any(name) else { return IndexMap::new() };
        let Some(entries) = value.as_map() else {
            self.wrong(name, "an object", value);
            return IndexMap::new();
        };
        let at = self.trail.key(name);
        let read = |(key, value): (&std::sync::Arc<str>, &Value)| {
            let item = read(value, &at.key(key), self.context)?;
            Some(((**key).to_owned(), item))
        };
        entries.iter().filter(|(_, value)| !value.is_null()).filter_map(read).collect()
    }

    /// A map of dotted paths.
    pub(crate) fn paths(&mut self, name: &'static str) -> IndexMap<String, ValuePath> {
        self.entries(name, |value, at, context| {
            let path = value.as_str().map(ValuePath::from);
            if path.is_none() {
                context.report.add(at, wrong_type("a dotted path", value));
            }
            path
        })
    }

    /// An object below a field.
    pub(crate) fn below<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let value = self.any(name)?;
        if value.as_map().is_none() {
            self.wrong(name, "an object", value);
            return None;
        }
        let at = self.trail.key(name);
        let mut fields = Fields::of(value, &at, self.context);
        let object = read(&mut fields);
        fields.finish();
        Some(object)
    }

    /// One of a few names.
    pub(crate) fn choice<T: for<'de> Deserialize<'de> + Default>(&mut self, name: &'static str) -> T {
        let Some(value) = self.any(name) else { return T::default() };
        let Some(text) = value.as_str() else {
            self.wrong(name, "text", value);
            return T::default();
        };
        chosen(text).unwrap_or_else(|finding| {
            self.add(name, finding);
            T::default()
        })
    }

    /// A list of some of a few names.
    pub(crate) fn choices<T: for<'de> Deserialize<'de>>(&mut self, name: &'static str) -> Vec<T> {
        let Some(list) = self.list(name) else { return Vec::new() };
        let at = self.trail.key(name);
        let mut found = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let read = item.as_str().map(chosen).unwrap_or_else(|| Err(wrong_type("text", item)));
            match read {
                Ok(choice) => found.push(choice),
                Err(finding) => self.context.report.add(&at.index(index), finding),
            }
        }
        found
    }

    /// The id of a node.
    pub(crate) fn node_id(&mut self, name: &'static str) -> Option<NodeId> {
        let text = self.text(name)?;
        NodeId::new(&text)
            .map_err(|error| self.add(name, Finding::error(ErrorCode::InvalidId, error.to_string())))
            .ok()
    }

    /// A list of ids of nodes.
    pub(crate) fn node_ids(&mut self, name: &'static str) -> Vec<NodeId> {
        let Some(list) = self.list(name) else { return Vec::new() };
        let at = self.trail.key(name);
        let ids = list.iter().enumerate();
        ids.filter_map(|(index, item)| read_id(item, &at.index(index), self.context)).collect()
    }

    /// The items of a list.
    pub(crate) fn list(&mut self, name: &'static str) -> Option<&'a [Value]> {
        let value = self.any(name)?;
        if value.as_list().is_none() {
            self.wrong(name, "a list", value);
        }
        value.as_list()
    }

    fn items<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.list(name)?;
        let at = self.trail.key(name);
        let mut items = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            match read(item) {
                Some(value) => items.push(value),
                None => self.context.report.add(&at.index(index), wrong_type(expected, item)),
            }
        }
        Some(items)
    }

    /// Reports something about a field.
    pub(crate) fn add(&self, name: &str, finding: Finding) {
        self.context.report.add(&self.trail.key(name), finding);
    }

    fn wrong(&self, name: &str, expected: &str, found: &Value) {
        let mut finding = wrong_type(expected, found);
        if let Some(text) = found.as_str()
            && (text.parse::<f64>().is_ok() || matches!(text, "true" | "false"))
            && expected != "a list"
            && expected != "an object"
        {
            finding = finding.advise(format!("write {text} without quotes"));
        }
        self.add(name, finding);
    }
}

/// A node id in a list.
pub(super) fn read_id(value: &Value, at: &Trail<'_>, context: &Context<'_>) -> Option<NodeId> {
    let Some(text) = value.as_str() else {
        context.report.add(at, wrong_type("the id of a node", value));
        return None;
    };
    let id = NodeId::new(text);
    id.map_err(|error| context.report.add(at, Finding::error(ErrorCode::InvalidId, error.to_string()))).ok()
}
