//! The properties by which entries are listed.

use crate::id::RunId;
use crate::memory::query::day;
use crate::memory::{Detail, Entry, Filter};
use crate::value::Value;

/// The longest value of metadata that is listed, in bytes.
const MAX_VALUE_BYTES: usize = 256;

/// One property of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term {
    /// Being there at all.
    All,
    Type(String),
    Participant(String),
    Tag(String),
    Date(String),
    Outcome(String),
    Domain(String),
    Entity(String),
    Relation(String),
    Target(String),
    Category(String),
    Context(String),
    /// A field of the metadata and its value as JSON.
    Metadata(String, String),
    /// A person it is about, in whatever scope and of whatever kind it is.
    Person(String),
    /// The run that wrote it, in whatever scope and of whatever kind it is.
    Run(RunId),
}

/// The properties whose values are listed.
pub(super) const FACETS: [fn(String) -> Term; 8] = [
    Term::Type,
    Term::Tag,
    Term::Outcome,
    Term::Domain,
    Term::Entity,
    Term::Relation,
    Term::Category,
    Term::Context,
];

impl Term {
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Type(_) => "type",
            Self::Participant(_) => "participant",
            Self::Tag(_) => "tag",
            Self::Date(_) => "date",
            Self::Outcome(_) => "outcome",
            Self::Domain(_) => "domain",
            Self::Entity(_) => "entity",
            Self::Relation(_) => "relation",
            Self::Target(_) => "target",
            Self::Category(_) => "category",
            Self::Context(_) => "context",
            Self::Metadata(..) => "metadata",
            Self::Person(_) => "person",
            Self::Run(_) => "run",
        }
    }

    pub(super) fn value(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Type(text)
            | Self::Participant(text)
            | Self::Tag(text)
            | Self::Date(text)
            | Self::Outcome(text)
            | Self::Domain(text)
            | Self::Entity(text)
            | Self::Relation(text)
            | Self::Target(text)
            | Self::Category(text)
            | Self::Context(text)
            | Self::Person(text) => text.clone(),
            // The name of a field may hold anything, so that its length divides the two.
            Self::Metadata(field, value) => format!("{}:{field}{value}", field.len()),
            Self::Run(run) => run.to_string(),
        }
    }

    /// Whether it is listed for all scopes and kinds together.
    pub(super) const fn is_everywhere(&self) -> bool {
        match self {
            Self::Person(_) | Self::Run(_) => true,
            Self::All
            | Self::Type(_)
            | Self::Participant(_)
            | Self::Tag(_)
            | Self::Date(_)
            | Self::Outcome(_)
            | Self::Domain(_)
            | Self::Entity(_)
            | Self::Relation(_)
            | Self::Target(_)
            | Self::Category(_)
            | Self::Context(_)
            | Self::Metadata(..) => false,
        }
    }

    /// Whether its values are listed, too.
    pub(super) const fn has_facet(&self) -> bool {
        match self {
            Self::Type(_)
            | Self::Tag(_)
            | Self::Outcome(_)
            | Self::Domain(_)
            | Self::Entity(_)
            | Self::Relation(_)
            | Self::Category(_)
            | Self::Context(_) => true,
            Self::All
            | Self::Participant(_)
            | Self::Date(_)
            | Self::Target(_)
            | Self::Metadata(..)
            | Self::Person(_)
            | Self::Run(_) => false,
        }
    }

    /// The person of a name, however it is written: upper and lower case and spaces do not count.
    pub(super) fn person(name: &str) -> Self {
        let words: Vec<&str> = name.split_whitespace().collect();
        Self::Person(words.join(" ").to_lowercase())
    }

    fn metadata(field: &str, value: &Value) -> Option<Self> {
        match value {
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Null => {
                let json = value.to_string();
                (json.len() <= MAX_VALUE_BYTES).then(|| Self::Metadata(field.to_owned(), json))
            }
            Value::List(_) | Value::Map(_) | Value::Blob(_) => None,
        }
    }

    /// All properties of an entry, each once.
    pub(super) fn of(entry: &Entry) -> Vec<Self> {
        let mut terms = vec![Self::All];
        match &entry.detail {
            Detail::Working(_) => {}
            Detail::Episodic(episode) => {
                terms.push(Self::Type(episode.episode_type.clone()));
                terms.push(Self::Date(day(entry.time())));
                terms.push(Self::Outcome(episode.outcome.clone()));
                terms.extend(episode.participants.iter().cloned().map(Self::Participant));
            }
            Detail::Semantic(fact) => {
                terms.push(Self::Type(fact.fact_type.clone()));
                terms.push(Self::Domain(fact.domain.clone()));
                for entity in &fact.entities {
                    terms.push(Self::Entity(entity.clone()));
                    terms.push(Self::person(entity));
                }
                for relationship in &fact.relationships {
                    terms.push(Self::Relation(relationship.relation.clone()));
                    terms.push(Self::Target(relationship.target.clone()));
                    terms.push(Self::person(&relationship.target));
                }
            }
            Detail::Procedural(procedure) => {
                terms.push(Self::Type(procedure.procedure_type.clone()));
                terms.push(Self::Domain(procedure.domain.clone()));
                terms.push(Self::Category(procedure.category.clone()));
                terms.extend(procedure.contexts.iter().cloned().map(Self::Context));
            }
        }
        terms.extend(entry.tags.iter().cloned().map(Self::Tag));
        terms.extend(entry.metadata.iter().filter_map(|(field, value)| Self::metadata(field, value)));
        terms.extend(entry.subjects.iter().map(|name| Self::person(name)));
        terms.extend(entry.source.run.map(Self::Run));
        terms.sort_unstable();
        terms.dedup();
        terms
    }

    /// The properties that a filter asks for: of each group one.
    pub(super) fn wanted(filter: &Filter) -> Vec<Vec<Self>> {
        let mut groups: Vec<Vec<Self>> = Vec::new();
        let any = [
            filter.types.iter().cloned().map(Self::Type).collect::<Vec<_>>(),
            filter.entities.iter().cloned().map(Self::Entity).collect(),
        ];
        groups.extend(any.into_iter().filter(|group| !group.is_empty()));
        let one = [
            filter.date.clone().map(Self::Date),
            filter.outcome.clone().map(Self::Outcome),
            filter.domain.clone().map(Self::Domain),
            filter.relation.clone().map(Self::Relation),
            filter.target.clone().map(Self::Target),
            filter.category.clone().map(Self::Category),
            filter.context.clone().map(Self::Context),
            filter.run.map(Self::Run),
        ];
        let all = (one.into_iter().flatten())
            .chain(filter.participants.iter().cloned().map(Self::Participant))
            .chain(filter.tags.iter().cloned().map(Self::Tag))
            .chain(filter.metadata.iter().filter_map(|(field, value)| Self::metadata(field, value)))
            .chain(filter.subjects.iter().map(|name| Self::person(name)));
        groups.extend(all.map(|term| vec![term]));
        // The lists of persons and runs hold entries of other scopes and kinds as well.
        if groups.iter().flatten().all(Self::is_everywhere) {
            groups.push(vec![Self::All]);
        }
        groups
    }
}
