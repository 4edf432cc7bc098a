//! Keeps procedures and finds them by what they are for.

use super::ProceduralMemory;
use super::analytics::score;
use crate::memory::episodic::{number, text, texts};
use crate::memory::working::key_of;
use crate::memory::{
    AsOf, Detail, Entry, Filter, Kind, MAX_PAGE, MemoryError, MemoryKey, Procedure, Query, Selector, Write,
};
use crate::value::{Map, Value};

/// The most procedures that are put together into one.
const MAX_PARTS: usize = 50;

impl ProceduralMemory {
    /// Remembers a procedure under a key; what was there before stays readable by "as of".
    ///
    /// # Errors
    /// As [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn store(&self, key: &str, procedure: Procedure) -> Result<Entry, MemoryError> {
        let content = Value::map([
            ("name", Value::from(procedure.name.as_str())),
            ("steps", Value::list(procedure.steps.iter().cloned())),
        ]);
        let write = Write::procedure(content, procedure).scope(self.scope.clone()).key(key_of(key)?);
        self.memory.remember(write).await
    }

    /// Remembers a procedure as content and metadata tell it: [`procedure_of`].
    ///
    /// # Errors
    /// As [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn store_content(
        &self,
        key: &str,
        content: Value,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        let (procedure, tags, metadata) = procedure_of(&content, metadata)?;
        let mut write =
            Write::procedure(content, procedure).scope(self.scope.clone()).key(key_of(key)?).tags(tags);
        write.metadata = metadata;
        self.memory.remember(write).await
    }

    /// What a key stands for, now or as of some moment.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn retrieve(&self, key: &str, as_of: AsOf) -> Result<Option<Entry>, MemoryError> {
        self.memory.get_as_of(&self.scope, Kind::Procedural, &key_of(key)?, as_of).await
    }

    /// Forgets a key; says whether there was something.
    ///
    /// # Errors
    /// As [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn delete(&self, key: &str) -> Result<bool, MemoryError> {
        let selector = Selector::Key { scope: self.scope.clone(), kind: Kind::Procedural, key: key_of(key)? };
        Ok(self.memory.forget(&selector).await? > 0)
    }

    /// Procedures like this, the last learned first.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn list(&self, filter: Filter, limit: usize) -> Result<Vec<Entry>, MemoryError> {
        let query = Query::of(self.scope.clone(), Kind::Procedural).filter(filter).limit(limit);
        Ok(self.memory.list(&query).await?.entries)
    }

    /// Procedures that hold a text and are like this, the best first: [`score`]. Looks at the last [`MAX_PAGE`].
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn search(
        &self,
        text: &str,
        limit: usize,
        filter: Filter,
    ) -> Result<Vec<(Entry, f64)>, MemoryError> {
        let contains = Some(text.to_owned()).filter(|text| !text.is_empty());
        let found = self.list(Filter { contains, ..filter }, MAX_PAGE).await?;
        let scored = found.into_iter().filter_map(|entry| {
            let score = score(procedure(&entry)?);
            Some((entry, score))
        });
        let mut scored: Vec<(Entry, f64)> = scored.collect();
        scored.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.key.cmp(&other.0.key)));
        scored.truncate(limit);
        Ok(scored)
    }

    /// The categories of procedures, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn list_categories(&self) -> Result<Vec<String>, MemoryError> {
        self.memory.categories(&self.scope).await
    }

    /// The domains of procedures, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn list_domains(&self) -> Result<Vec<String>, MemoryError> {
        self.memory.domains(&self.scope, Kind::Procedural).await
    }

    /// Puts procedures together into one of the category `composite`: their steps one after another, where a step that is a
    /// template becomes `{"use_template": …}`; the contexts and prerequisites of all; the mean of their success rates.
    ///
    /// # Errors
    /// [`MemoryError::NotFound`] if a key stands for nothing, [`MemoryError::Invalid`] for no keys or more than 50, or as
    /// [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn create_composite_procedure(
        &self,
        keys: &[MemoryKey],
        new_key: &str,
        name: &str,
    ) -> Result<Entry, MemoryError> {
        if !(1..=MAX_PARTS).contains(&keys.len()) {
            let problem = format!("there are {}, and 1 to {MAX_PARTS} can be put together", keys.len());
            return Err(MemoryError::invalid("the keys of procedures", problem));
        }
        let mut composite =
            Procedure { name: name.to_owned(), category: "composite".to_owned(), ..Procedure::default() };
        let mut rates = 0.0;
        for key in keys {
            let found = self.memory.get(&self.scope, Kind::Procedural, key).await?;
            let found = found.ok_or_else(|| self.missing(key))?;
            let Some(part) = procedure(&found) else { continue };
            composite.steps.extend(part.steps.iter().map(composed));
            composite.contexts.extend(part.contexts.iter().cloned());
            composite.prerequisites.extend(part.prerequisites.iter().cloned());
            rates += part.success_rate;
        }
        composite.success_rate = rates / keys.len() as f64;
        self.store(new_key, composite).await
    }

    pub(super) fn missing(&self, key: &MemoryKey) -> MemoryError {
        MemoryError::NotFound { kind: Kind::Procedural, scope: self.scope.clone(), key: key.to_string() }
    }
}

/// A step as a composite has it.
fn composed(step: &Value) -> Value {
    match step.get("template") {
        Some(template) => Value::map([("use_template", template.clone())]),
        None => step.clone(),
    }
}

/// What content and metadata tell of a procedure. The content must be a map with `name`; it may have `steps`, and
/// `applicable_when`. The metadata: `category`, `type`, `domain` (each else `general`), `contexts`, `prerequisites`,
/// `success_rate` (else 0.5) and `tags`. Gives the procedure, its tags and what else the metadata hold.
///
/// # Errors
/// [`MemoryError::Invalid`] if the content is no such map, or something has the wrong type.
pub fn procedure_of(
    content: &Value,
    mut metadata: Map,
) -> Result<(Procedure, Vec<String>, Map), MemoryError> {
    let name = content.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| {
        MemoryError::invalid("the content of a procedure", "it must be a map with a text as `name`")
    })?;
    let mut procedure = Procedure { name: name.to_owned(), ..Procedure::default() };
    if let Some(steps) = content.get("steps") {
        let problem = "`steps` must be a list";
        let steps =
            steps.as_list().ok_or_else(|| MemoryError::invalid("the content of a procedure", problem))?;
        procedure.steps = steps.to_vec();
    }
    if let Some(conditions) = content.get("applicable_when") {
        let problem = "`applicable_when` must be a map";
        let map =
            conditions.as_map().ok_or_else(|| MemoryError::invalid("the content of a procedure", problem))?;
        procedure.applicable_when = map.clone();
    }
    for (field, to) in [
        ("category", &mut procedure.category),
        ("type", &mut procedure.procedure_type),
        ("domain", &mut procedure.domain),
    ] {
        if let Some(text) = text(&mut metadata, field)? {
            *to = text;
        }
    }
    procedure.contexts = texts(&mut metadata, "contexts")?;
    procedure.prerequisites = texts(&mut metadata, "prerequisites")?;
    if let Some(rate) = number(&mut metadata, "success_rate")? {
        procedure.success_rate = rate;
    }
    let tags = texts(&mut metadata, "tags")?;
    Ok((procedure, tags, metadata))
}

/// The procedure of an entry.
pub(super) const fn procedure(entry: &Entry) -> Option<&Procedure> {
    match &entry.detail {
        Detail::Procedural(procedure) => Some(procedure),
        Detail::Working(_) | Detail::Episodic(_) | Detail::Semantic(_) => None,
    }
}
