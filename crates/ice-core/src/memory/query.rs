//! What is asked of a memory: by which properties, as of when, how much of it.

use std::fmt;
use std::str::FromStr;

use super::{Detail, Entry, EntryId, Kind, MemoryKey, Scope};
use crate::id::{InvalidId, RunId};
use crate::time::Moment;
use crate::value::{Map, Value};

/// The most entries of one page.
pub const MAX_PAGE: usize = 1_000;

/// As of when something is read: what was known then, and what was true then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsOf {
    /// What was known at this moment; now if absent.
    pub known: Option<Moment>,
    /// Only facts that were true at this moment. The last one learned that covers it holds. Other kinds are not asked when
    /// they were true.
    pub true_at: Option<Moment>,
}

impl AsOf {
    /// What is known now.
    pub const NOW: Self = Self { known: None, true_at: None };

    /// What was known at a moment.
    #[must_use]
    pub const fn known(moment: Moment) -> Self {
        Self { known: Some(moment), true_at: None }
    }

    /// What was true at a moment, as far as is known now.
    #[must_use]
    pub const fn true_at(moment: Moment) -> Self {
        Self { known: None, true_at: Some(moment) }
    }

    /// Whether nothing but what is current can be meant.
    #[must_use]
    pub const fn is_now(&self) -> bool {
        self.known.is_none() && self.true_at.is_none()
    }
}

/// What entries must be like; all of it holds at once. Names are compared exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of these types, of an episode, a fact or a procedure.
    pub types: Vec<String>,
    /// All of these take part.
    pub participants: Vec<String>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// About all of these persons.
    pub subjects: Vec<String>,
    /// An episode that happened on this day in UTC, written `2026-01-31`.
    pub date: Option<String>,
    /// An episode that ended so.
    pub outcome: Option<String>,
    /// A fact or a procedure of this field.
    pub domain: Option<String>,
    /// A fact about one of these things.
    pub entities: Vec<String>,
    /// A fact with a relationship of this type.
    pub relation: Option<String>,
    /// A fact with a relationship to this thing.
    pub target: Option<String>,
    /// A procedure of this category.
    pub category: Option<String>,
    /// A procedure for this type of context.
    pub context: Option<String>,
    /// Written by this run.
    pub run: Option<RunId>,
    /// With fields of the metadata that have exactly these values.
    pub metadata: Map,
    /// Not before this moment, by the time that orders entries: when an episode happened, when others were learned.
    pub since: Option<Moment>,
    /// Before this moment, by the same time.
    pub before: Option<Moment>,
    /// A fact at least so sure.
    pub min_confidence: Option<f64>,
    /// A procedure that succeeds at least so often.
    pub min_success_rate: Option<f64>,
    /// At least so important.
    pub min_importance: Option<f64>,
    /// A procedure with prerequisites, or without.
    pub has_prerequisites: Option<bool>,
    /// With this text in the content, its key or its metadata, in upper or lower case. No index helps with it.
    pub contains: Option<String>,
}

impl Filter {
    /// Whether an entry is like this.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.general(entry) && self.special(entry) && self.contains(entry)
    }

    fn general(&self, entry: &Entry) -> bool {
        let time = entry.time();
        let has_all = |wanted: &[String], given: &[String]| wanted.iter().all(|text| given.contains(text));
        has_all(&self.tags, &entry.tags)
            && has_all(&self.subjects, &entry.subjects)
            && self.run.is_none_or(|run| entry.source.run == Some(run))
            && self.since.is_none_or(|since| since <= time)
            && self.before.is_none_or(|before| time < before)
            && self.min_importance.is_none_or(|least| least <= entry.importance)
            && self.metadata.iter().all(|(key, value)| entry.metadata.get(key) == Some(value))
    }

    /// What only some kinds have: who asks for it gets none of the others.
    fn special(&self, entry: &Entry) -> bool {
        let one = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| given == Some(wanted))
        };
        let any = |wanted: &[String], given: &[String]| {
            wanted.is_empty() || wanted.iter().any(|text| given.contains(text))
        };
        let none = (String::new(), Vec::new());
        let (sort, participants, outcome, date) = match &entry.detail {
            Detail::Episodic(episode) => {
                let date = day(entry.time());
                (&episode.episode_type, &episode.participants, Some(episode.outcome.as_str()), Some(date))
            }
            Detail::Semantic(fact) => (&fact.fact_type, &none.1, None, None),
            Detail::Procedural(procedure) => (&procedure.procedure_type, &none.1, None, None),
            Detail::Working(_) => (&none.0, &none.1, None, None),
        };
        let (fact, procedure) = match &entry.detail {
            Detail::Semantic(fact) => (Some(fact), None),
            Detail::Procedural(procedure) => (None, Some(procedure)),
            Detail::Working(_) | Detail::Episodic(_) => (None, None),
        };
        let domain = fact.map(|fact| &fact.domain).or(procedure.map(|procedure| &procedure.domain));
        let relationships = fact.map(|fact| &fact.relationships[..]).unwrap_or_default();
        (self.types.is_empty() || self.types.contains(sort))
            && self.participants.iter().all(|name| participants.contains(name))
            && one(&self.outcome, outcome)
            && one(&self.date, date.as_deref())
            && one(&self.domain, domain.map(String::as_str))
            && any(&self.entities, fact.map_or(&none.1, |fact| &fact.entities))
            && self.relation.as_ref().is_none_or(|relation| {
                relationships.iter().any(|relationship| relationship.relation == *relation)
            })
            && self
                .target
                .as_ref()
                .is_none_or(|target| relationships.iter().any(|relationship| relationship.target == *target))
            && one(&self.category, procedure.map(|procedure| procedure.category.as_str()))
            && self
                .context
                .as_ref()
                .is_none_or(|context| procedure.is_some_and(|procedure| procedure.contexts.contains(context)))
            && self.min_confidence.is_none_or(|least| fact.is_some_and(|fact| least <= fact.confidence))
            && self
                .min_success_rate
                .is_none_or(|least| procedure.is_some_and(|procedure| least <= procedure.success_rate))
            && self.has_prerequisites.is_none_or(|wanted| {
                procedure.is_some_and(|procedure| procedure.prerequisites.is_empty() != wanted)
            })
    }

    /// Whether the text is looked for in the content, which may be kept outside of the record.
    pub(super) fn contains(&self, entry: &Entry) -> bool {
        let Some(text) = &self.contains else { return true };
        let text = text.to_lowercase();
        let within = |value: &Value| match value.as_str() {
            Some(given) => given.to_lowercase().contains(&text),
            None => value.to_string().to_lowercase().contains(&text),
        };
        within(&entry.content)
            || entry.key.as_str().to_lowercase().contains(&text)
            || entry.metadata.values().any(within)
    }

    /// All but [`Filter::contains`]: what can be told without the content.
    pub(super) fn matches_record(&self, entry: &Entry) -> bool {
        self.general(entry) && self.special(entry)
    }
}

/// The day of a moment in UTC, `2026-01-31`.
pub(super) fn day(moment: Moment) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// What is listed: the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// In these scopes.
    pub scopes: Vec<Scope>,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// Like this.
    pub filter: Filter,
    /// As of when.
    pub as_of: AsOf,
    /// At most so many, at most [`MAX_PAGE`].
    pub limit: usize,
    /// After this place, which a page has given.
    pub after: Option<Cursor>,
}

impl Query {
    /// The entries of a kind in a scope.
    #[must_use]
    pub fn of(scope: Scope, kind: Kind) -> Self {
        Self {
            scopes: vec![scope],
            kinds: vec![kind],
            filter: Filter::default(),
            as_of: AsOf::NOW,
            limit: 10,
            after: None,
        }
    }

    /// Like this.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// At most so many.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// As of when.
    #[must_use]
    pub const fn as_of(mut self, as_of: AsOf) -> Self {
        self.as_of = as_of;
        self
    }
}

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) super::table::Position);

impl Cursor {
    /// The place of an entry: what comes after it comes later in the list.
    #[must_use]
    pub fn at(entry: &Entry) -> Self {
        Self(super::table::Position::new(entry.time(), entry.id))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl FromStr for Cursor {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a place in a list is what a page of it gave";
        super::table::Position::parse(text)
            .map(Self)
            .ok_or_else(|| InvalidId::new("place in a list of memory", text, rule))
    }
}

/// Some entries of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the rest begins, if there may be one.
    pub next: Option<Cursor>,
}

/// Whether what is superseded or forgotten counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It does not.
    Excluded,
    /// It does.
    Included,
}

/// What is to be forgotten or erased.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// One entry.
    Id(EntryId),
    /// What a key stands for.
    Key {
        /// In this scope.
        scope: Scope,
        /// Of this kind.
        kind: Kind,
        /// The key.
        key: MemoryKey,
    },
    /// All that is like this.
    Like {
        /// In this scope.
        scope: Scope,
        /// Of this kind.
        kind: Kind,
        /// Like this.
        filter: Box<Filter>,
    },
    /// All that is about a person, in every scope and of every kind.
    Person(String),
}
