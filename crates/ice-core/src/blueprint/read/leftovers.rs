//! What is left of an object when its fields were read: the names nobody asked for, and the fields that are not there.

use indexmap::IndexMap;

use super::fields::Fields;
use super::node::DecodedScope;
use super::synonyms;
use crate::diagnostic::{Finding, did_you_mean, nearest};
use crate::error::ErrorCode;
use crate::value::Value;

impl<'a> Fields<'a> {
    /// Reports the fields that are not known and those that are missing. A missing field that an unknown one
    /// was probably meant to be is told once.
    pub(crate) fn finish(mut self) -> Vec<DecodedScope> {
        let mut missing = std::mem::take(&mut self.missing);
        for key in self.unknown() {
            let absent = self.known.iter().copied().filter(|name| !self.has(name));
            let near = nearest_or_meant(key, absent);
            self.report_unknown(key, near, &mut missing);
        }
        self.report_missing(&missing);
        self.scopes
    }

    /// Reports the fields that are missing, and those that were probably meant to be them. What other fields are right
    /// is not known.
    pub(super) fn give_up(mut self) {
        let mut missing = std::mem::take(&mut self.missing);
        for key in self.unknown() {
            if let Some(near) = nearest_or_meant(key, missing.iter().copied()) {
                self.report_unknown(key, Some(near), &mut missing);
            }
        }
        self.report_missing(&missing);
    }

    /// The names nobody asked for.
    fn unknown(&self) -> impl Iterator<Item = &'a str> {
        let keys = self.entries.into_iter().flat_map(|entries| entries.keys()).map(|key| &**key);
        keys.filter(|key| !self.known.contains(key))
    }

    /// Reports a name nobody asked for, and that it was meant to be an absent field.
    fn report_unknown(&self, key: &str, meant: Option<&'static str>, missing: &mut Vec<&'static str>) {
        if let Some(meant) = meant {
            missing.retain(|name| *name != meant);
            self.context().report.tell_elsewhere(self.trail().key(meant).place().steps);
        }
        let advice = meant.map(|name| format!("did you mean `{name}`?"));
        let advice = advice.or_else(|| did_you_mean(key, self.known.iter().copied()));
        let finding = Finding::error(ErrorCode::UnknownField, format!("unknown field `{key}`"));
        self.context().report.add(&self.trail().key(key), finding.on_key().advise(advice));
    }

    fn report_missing(&self, missing: &[&str]) {
        for name in missing {
            let message = format!("the field `{name}` is missing");
            self.add(name, Finding::error(ErrorCode::MissingField, message));
        }
    }

    /// The fields nobody asked for, kept as they are.
    pub(crate) fn rest(&mut self) -> IndexMap<String, Value> {
        let missing = std::mem::take(&mut self.missing);
        self.report_missing(&missing);
        let entries = self.entries.take().into_iter().flatten();
        entries
            .filter(|(key, value)| !self.known.contains(&&***key) && !value.is_null())
            .map(|(key, value)| ((**key).to_owned(), value.clone()))
            .collect()
    }
}

/// The field among those that are absent that a name was probably meant to be.
fn nearest_or_meant(key: &str, absent: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
    synonyms::meant(key, absent.clone()).or_else(|| nearest(key, absent))
}
