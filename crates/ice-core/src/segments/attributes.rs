//! What an item is filtered by.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::damage::put_text;
use super::{Damage, Reading};
use crate::time::Moment;

/// What an item is filtered by. Nothing of it is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    /// The scope that it belongs to.
    pub scope: String,
    /// What kind of thing it is.
    pub kind: String,
    /// Its tags, in any order.
    pub tags: Vec<String>,
    /// When it happened, or was written.
    pub time: Option<Moment>,
    /// Anything else, by name.
    pub fields: BTreeMap<String, String>,
}

const NO_TIME: i64 = i64::MIN;

impl Attributes {
    /// The terms by which it is found, each once.
    pub(super) fn terms(&self) -> BTreeSet<String> {
        let mut terms: BTreeSet<String> = self.tags.iter().map(|tag| tag_term(tag)).collect();
        terms.extend(self.fields.iter().map(|(name, value)| field_term(name, value)));
        terms.extend((!self.scope.is_empty()).then(|| scope_term(&self.scope)));
        terms.extend((!self.kind.is_empty()).then(|| kind_term(&self.kind)));
        terms
    }

    pub(super) fn millis(&self) -> i64 {
        millis(self.time)
    }

    /// Writes them as bytes, for what is pending.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.scope);
        put_text(out, &self.kind);
        out.extend_from_slice(&self.millis().to_le_bytes());
        let mut count =
            |count: usize| out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        count(self.tags.len());
        count(self.fields.len());
        self.tags.iter().for_each(|tag| put_text(out, tag));
        for (name, value) in &self.fields {
            put_text(out, name);
            put_text(out, value);
        }
    }

    /// Reads what [`Attributes::encode`] has written.
    ///
    /// # Errors
    /// [`Damage`] if it is something else.
    pub fn decode(reading: &mut Reading<'_>) -> Result<Self, Damage> {
        let (scope, kind) = (reading.text("a scope")?.to_owned(), reading.text("a kind")?.to_owned());
        let time = moment(i64::from_le_bytes(reading.array("a time")?));
        let (tags, fields) = (reading.count("a number of tags")?, reading.count("a number of fields")?);
        let tags = (0..tags).map(|_| reading.text("a tag").map(str::to_owned)).collect::<Result<_, _>>()?;
        let mut read = || Ok((reading.text("a field")?.to_owned(), reading.text("a value")?.to_owned()));
        let fields = (0..fields).map(|_| read()).collect::<Result<_, Damage>>()?;
        Ok(Self { scope, kind, tags, time, fields })
    }
}

pub(super) fn millis(time: Option<Moment>) -> i64 {
    time.map_or(NO_TIME, Moment::as_millis)
}

pub(super) fn moment(millis: i64) -> Option<Moment> {
    (millis != NO_TIME).then(|| Moment::from_millis(millis))
}

pub(super) fn scope_term(scope: &str) -> String {
    format!("s{scope}")
}

pub(super) fn kind_term(kind: &str) -> String {
    format!("k{kind}")
}

pub(super) fn tag_term(tag: &str) -> String {
    format!("t{tag}")
}

/// The length of the name stands first, so that names and values never merge.
pub(super) fn field_term(name: &str, value: &str) -> String {
    format!("f{}:{name}{value}", name.len())
}
