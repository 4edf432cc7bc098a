//! What is to be remembered, and the bounds of it.

use std::time::Duration;

use super::{
    Detail, Entry, Episode, Fact, Kind, MemoryError, MemoryKey, Procedure, Provenance, Scope, Working,
};
use crate::llm::Usd;
use crate::value::{Map, Value};

/// The most bytes of a content, as JSON: 8 MiB.
pub const MAX_CONTENT_BYTES: usize = 8 << 20;
/// The most bytes of the metadata of an entry, as JSON.
pub const MAX_METADATA_BYTES: usize = 16 << 10;
/// The most bytes of a tag, a name, a type and the like.
pub const MAX_WORD_BYTES: usize = 256;
/// The most tags of an entry; the same holds for subjects, participants, entities and the like, and for fields of metadata.
pub const MAX_WORDS: usize = 64;
/// The most bytes of what is known of a procedure, as JSON, its steps included.
pub const MAX_PROCEDURE_BYTES: usize = 256 << 10;

/// What is to be remembered. What has the same tenant, scope, kind and key is superseded.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The scope it belongs to.
    pub scope: Scope,
    /// What it is called; the id of the entry if left out.
    pub key: Option<MemoryKey>,
    /// What is remembered.
    pub content: Value,
    /// What else is to be kept with it.
    pub metadata: Map,
    /// Words by which it is found.
    pub tags: Vec<String>,
    /// The persons it is about; participants are added.
    pub subjects: Vec<String>,
    /// What is known of it by its kind.
    pub detail: Detail,
    /// Where it comes from.
    pub source: Provenance,
    /// How much it matters, from 0 to 10.
    pub importance: f64,
    /// How long it lasts; what its kind says if left out. Facts and procedures last.
    pub ttl: Option<Duration>,
    /// What making it cost, beside the price of its tokens.
    pub cost: Usd,
}

impl Write {
    /// Something of the kind that `detail` says, in the scope `default`.
    #[must_use]
    pub fn new(content: impl Into<Value>, detail: Detail) -> Self {
        Self {
            scope: Scope::default(),
            key: None,
            content: content.into(),
            metadata: Map::default(),
            tags: Vec::new(),
            subjects: Vec::new(),
            detail,
            source: Provenance::default(),
            importance: 1.0,
            ttl: None,
            cost: Usd::ZERO,
        }
    }

    /// Something to have at hand.
    #[must_use]
    pub fn working(content: impl Into<Value>) -> Self {
        Self::new(content, Detail::Working(Working::default()))
    }

    /// Something that happened.
    #[must_use]
    pub fn episode(content: impl Into<Value>, episode: Episode) -> Self {
        Self::new(content, Detail::Episodic(episode))
    }

    /// Something that is known.
    #[must_use]
    pub fn fact(content: impl Into<Value>, fact: Fact) -> Self {
        Self::new(content, Detail::Semantic(fact))
    }

    /// How something is done.
    #[must_use]
    pub fn procedure(content: impl Into<Value>, procedure: Procedure) -> Self {
        Self::new(content, Detail::Procedural(procedure))
    }

    /// Under a key.
    #[must_use]
    pub fn key(mut self, key: MemoryKey) -> Self {
        self.key = Some(key);
        self
    }

    /// In a scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With tags.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// From somewhere.
    #[must_use]
    pub fn source(mut self, source: Provenance) -> Self {
        self.source = source;
        self
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.detail.kind()
    }

    /// Checks every bound, sorts out what is said twice and adds participants to the subjects.
    pub(super) fn checked(mut self) -> Result<Self, MemoryError> {
        distinct(&mut self.tags);
        if let Detail::Episodic(episode) = &self.detail {
            self.subjects.extend(episode.participants.iter().cloned());
        }
        distinct(&mut self.subjects);
        words("tags", &self.tags)?;
        words("subjects", &self.subjects)?;
        within("importance", self.importance, 10.0)?;
        if self.metadata.len() > MAX_WORDS {
            return Err(too_many("fields of the metadata", self.metadata.len(), MAX_WORDS));
        }
        let metadata = self.metadata.iter().map(|(key, value)| key.len() + value.weight(MAX_METADATA_BYTES));
        at_most("the metadata", metadata.sum(), MAX_METADATA_BYTES)?;
        // Deeper values could not be read again.
        if self.content.is_deeper_than(MAX_DEPTH)
            || self.metadata.values().any(|value| value.is_deeper_than(MAX_DEPTH))
        {
            return Err(MemoryError::invalid("the content or metadata", "lists and maps nest too deep"));
        }
        at_most("the content", self.content.weight(MAX_CONTENT_BYTES), MAX_CONTENT_BYTES)?;
        word("the source", &self.source.source)?;
        if let Some(key) = &self.source.idempotency {
            word("the idempotency key", key)?;
        }
        check_detail(&mut self.detail)?;
        Ok(self)
    }
}

/// Checks an entry that comes from elsewhere, as if it were written now.
pub(super) fn check_entry(entry: &Entry) -> Result<(), MemoryError> {
    let write = Write {
        scope: entry.scope.clone(),
        key: Some(entry.key.clone()),
        content: entry.content.clone(),
        metadata: entry.metadata.clone(),
        tags: entry.tags.clone(),
        subjects: entry.subjects.clone(),
        detail: entry.detail.clone(),
        source: entry.source.clone(),
        importance: entry.importance,
        ttl: None,
        cost: Usd::ZERO,
    };
    write.checked()?;
    if entry.until.is_some_and(|until| until < entry.learned) {
        return Err(MemoryError::invalid("the end of the entry", "it is before the entry was learned"));
    }
    Ok(())
}

/// How deep contents may nest.
const MAX_DEPTH: u8 = 64;

/// Checks every bound of what is known of an entry by its kind.
pub(super) fn check_detail(detail: &mut Detail) -> Result<(), MemoryError> {
    match detail {
        Detail::Working(_) => Ok(()),
        Detail::Episodic(episode) => {
            distinct(&mut episode.participants);
            words("participants", &episode.participants)?;
            word("the type of the episode", &episode.episode_type)?;
            word("the outcome of the episode", &episode.outcome)?;
            word("the sentiment of the episode", &episode.sentiment)
        }
        Detail::Semantic(fact) => self::fact(fact),
        Detail::Procedural(procedure) => self::procedure(procedure),
    }
}

fn fact(fact: &mut Fact) -> Result<(), MemoryError> {
    distinct(&mut fact.entities);
    words("entities", &fact.entities)?;
    word("the type of the fact", &fact.fact_type)?;
    word("the domain of the fact", &fact.domain)?;
    within("the confidence of the fact", fact.confidence, 1.0)?;
    if fact.relationships.len() > MAX_WORDS {
        return Err(too_many("relationships", fact.relationships.len(), MAX_WORDS));
    }
    for relationship in &fact.relationships {
        word("the type of a relationship", &relationship.relation)?;
        word("the target of a relationship", &relationship.target)?;
        within("the strength of a relationship", relationship.strength, 1.0)?;
    }
    if let (Some(from), Some(until)) = (fact.valid.from, fact.valid.until)
        && until <= from
    {
        let problem = format!("it ends at {until}, which is not after its begin, {from}");
        return Err(MemoryError::invalid("the time in which the fact is true", problem));
    }
    Ok(())
}

fn procedure(procedure: &mut Procedure) -> Result<(), MemoryError> {
    distinct(&mut procedure.contexts);
    distinct(&mut procedure.prerequisites);
    word("the name of the procedure", &procedure.name)?;
    word("the category of the procedure", &procedure.category)?;
    word("the type of the procedure", &procedure.procedure_type)?;
    word("the domain of the procedure", &procedure.domain)?;
    words("contexts", &procedure.contexts)?;
    words("prerequisites", &procedure.prerequisites)?;
    within("the success rate of the procedure", procedure.success_rate, 1.0)?;
    if procedure.applicable_when.len() > MAX_WORDS {
        return Err(too_many("conditions of the procedure", procedure.applicable_when.len(), MAX_WORDS));
    }
    let steps = procedure.steps.iter().chain(procedure.applicable_when.values());
    let (mut bytes, mut deep) = (0, false);
    for value in steps {
        bytes += value.weight(MAX_PROCEDURE_BYTES);
        deep |= value.is_deeper_than(MAX_DEPTH);
    }
    if deep {
        return Err(MemoryError::invalid("the steps or conditions of the procedure", "they nest too deep"));
    }
    at_most("the steps and conditions of the procedure", bytes, MAX_PROCEDURE_BYTES)?;
    for outcome in &procedure.outcomes {
        within("the score of an outcome", outcome.success_score, 1.0)?;
    }
    let extra = procedure.outcomes.len().saturating_sub(Procedure::MAX_OUTCOMES);
    procedure.outcomes.drain(..extra);
    Ok(())
}

/// Keeps the first of what is said more than once.
fn distinct(texts: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
}

fn words(what: &str, texts: &[String]) -> Result<(), MemoryError> {
    if texts.len() > MAX_WORDS {
        return Err(too_many(what, texts.len(), MAX_WORDS));
    }
    texts.iter().try_for_each(|text| word(&format!("one of the {what}"), text))
}

pub(super) fn word(what: &str, text: &str) -> Result<(), MemoryError> {
    if text.trim().is_empty() {
        return Err(MemoryError::invalid(what, "it is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(MemoryError::invalid(what, "it has control characters"));
    }
    at_most(what, text.len(), MAX_WORD_BYTES)
}

fn at_most(what: &str, bytes: usize, most: usize) -> Result<(), MemoryError> {
    if bytes > most {
        return Err(MemoryError::invalid(
            what,
            format!("it has {bytes} bytes or more, at most {most} are kept"),
        ));
    }
    Ok(())
}

fn within(what: &str, number: f64, most: f64) -> Result<(), MemoryError> {
    if !(0.0..=most).contains(&number) {
        return Err(MemoryError::invalid(what, format!("it is {number}, and must lie between 0 and {most}")));
    }
    Ok(())
}

fn too_many(what: &str, number: usize, most: usize) -> MemoryError {
    MemoryError::invalid(what, format!("there are {number}, at most {most} are kept"))
}
