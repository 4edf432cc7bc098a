//! What is remembered as the policy of the memory lets it be: before it is counted, embedded, indexed or written.
//!
//! Names, tags, keys and persons are what entries are found and told apart by. Where such a word is masked or dropped, a hash
//! under a key of the tenant's memory stands in it: what is different stays different, and who asks with the word as it was finds it.

use std::borrow::Cow;
use std::fmt;

use uuid::Uuid;

use super::memory::Memory;
use crate::memory::{
    Detail, Entry, Episode, Fact, Filter, MAX_WORD_BYTES, MemoryError, MemoryKey, Procedure, Scope, Selector,
    Write,
};
use crate::redact::{HashKey, Redactor};
use crate::value::{Map, Value};

/// What a memory does to what it is given; nothing without a redactor.
pub(super) struct Redaction(Option<Both>);

struct Both {
    texts: Redactor,
    /// Hashes where the other masks or drops.
    words: Redactor,
    key: [u8; 32],
}

impl Redaction {
    /// By a redactor, under the secret of a tenant's memory.
    pub(super) fn new(redactor: Option<Redactor>, secret: &[u8; 32]) -> Self {
        let key = blake3::derive_key("ice: words of memory that were redacted", secret);
        let redactor = redactor.filter(|redactor| !redactor.allows_everything());
        Self(redactor.map(|texts| Both { words: texts.hashing(HashKey::new(key)), texts, key }))
    }

    /// How a name may stand in what is kept, beside as it is, if it can be told there: hashes and tokens.
    pub(super) fn traces(&self, name: &str) -> Vec<String> {
        let Some(both) = &self.0 else { return Vec::new() };
        let mut traces = both.texts.traces(name);
        traces.extend(both.words.traces(name));
        traces.push(both.whole(name));
        traces.sort_unstable();
        traces.dedup();
        traces
    }

    /// What is to be remembered.
    pub(super) fn write(&self, write: Write) -> Write {
        let Some(both) = &self.0 else { return write };
        let mut source = write.source;
        both.word(&mut source.source);
        source.idempotency.iter_mut().for_each(|key| both.word(key));
        let Write { key, content, metadata, mut tags, mut subjects, mut detail, .. } = write;
        both.all([&mut tags, &mut subjects]);
        both.detail(&mut detail);
        let key = key.map(|key| both.key(&key).into_owned());
        Write {
            key,
            content: both.value(content),
            metadata: both.map(metadata),
            tags,
            subjects,
            detail,
            source,
            ..write
        }
    }

    /// An entry that comes from elsewhere; whether it has another content now.
    pub(super) fn entry(&self, entry: &mut Entry) -> bool {
        let Some(both) = &self.0 else { return false };
        both.word(&mut entry.source.source);
        entry.source.idempotency.iter_mut().for_each(|key| both.word(key));
        both.all([&mut entry.tags, &mut entry.subjects]);
        both.detail(&mut entry.detail);
        if let Cow::Owned(key) = both.key(&entry.key) {
            entry.key = key;
        }
        entry.metadata = both.map(std::mem::take(&mut entry.metadata));
        self.hash_within(&mut entry.metadata);
        match both.texts.value(&entry.content) {
            Some(content) => {
                entry.content = content;
                true
            }
            None => false,
        }
    }

    /// Of a document or a passage that comes from elsewhere, by whose hash as it was what is redacted could be guessed.
    fn hash_within(&self, metadata: &mut Map) {
        for field in ["source", "passage"] {
            let Some(Value::Map(about)) = metadata.get(field) else { continue };
            let Some(hash) = about.get("hash").and_then(Value::as_str) else { continue };
            let kept = Value::from(&*self.hash(hash));
            let mut about = Map::clone(about);
            about.insert("hash".into(), kept);
            metadata.insert(field.into(), Value::from(about));
        }
    }

    /// What is known of an entry by its kind.
    pub(super) fn detail(&self, detail: &mut Detail) {
        if let Some(both) = &self.0 {
            both.detail(detail);
        }
    }

    /// A key as it is kept.
    pub(super) fn key<'k>(&self, key: &'k MemoryKey) -> Cow<'k, MemoryKey> {
        self.0.as_ref().map_or(Cow::Borrowed(key), |both| both.key(key))
    }

    /// Refuses a scope in which the policy finds something: scopes are kept as they are.
    pub(super) fn check(&self, scope: &Scope) -> Result<(), MemoryError> {
        let found = self.0.as_ref().and_then(|both| {
            let found = both.texts.findings(scope.as_str());
            found.first().map(|finding| finding.label.to_owned())
        });
        let Some(label) = found else { return Ok(()) };
        let problem = format!(
            "the policy of this memory finds something of the kind `{label}` in its name, which would be kept as it is: \
             name the scope in another way"
        );
        Err(MemoryError::invalid("the scope", problem))
    }

    /// A name as it is kept, that may be longer than a word.
    fn name<'n>(&self, name: &'n str, most: usize) -> Cow<'n, str> {
        let Some(both) = &self.0 else { return Cow::Borrowed(name) };
        let kept = both.words.text(name);
        if matches!(kept, Cow::Owned(_)) && kept.len() > most { Cow::Owned(both.whole(name)) } else { kept }
    }

    /// The hash of something as it is kept: where there is a redactor under a key, so that nobody finds out by it what was redacted.
    fn hash<'h>(&self, hash: &'h str) -> Cow<'h, str> {
        let Some(both) = &self.0 else { return Cow::Borrowed(hash) };
        let keyed = blake3::keyed_hash(&both.key, hash.as_bytes()).to_hex();
        // A pattern of the policy may fit digits, too: what it leaves is told apart all the same.
        let mut keyed = keyed.to_string();
        both.word(&mut keyed);
        Cow::Owned(keyed)
    }

    /// What is asked for, in the words that are kept.
    pub(super) fn filter<'f>(&self, filter: &'f Filter) -> Cow<'f, Filter> {
        let Some(both) = self.0.as_ref().filter(|_| *filter != Filter::default()) else {
            return Cow::Borrowed(filter);
        };
        let mut filter = filter.clone();
        let Filter { types, participants, tags, subjects, entities, .. } = &mut filter;
        both.all([types, participants, tags, subjects, entities]);
        let Filter { outcome, domain, relation, target, category, context, .. } = &mut filter;
        let words = [outcome, domain, relation, target, category, context];
        words.into_iter().flatten().for_each(|word| both.word(word));
        filter.metadata = both.map(std::mem::take(&mut filter.metadata));
        Cow::Owned(filter)
    }

    /// What is selected, in the words that are kept.
    pub(super) fn selector<'s>(&self, selector: &'s Selector) -> Cow<'s, Selector> {
        let Some(both) = &self.0 else { return Cow::Borrowed(selector) };
        match selector {
            Selector::Id(_) => Cow::Borrowed(selector),
            Selector::Key { scope, kind, key } => {
                let key = both.key(key).into_owned();
                Cow::Owned(Selector::Key { scope: scope.clone(), kind: *kind, key })
            }
            Selector::Like { scope, kind, filter } => {
                let filter = Box::new(self.filter(filter).into_owned());
                Cow::Owned(Selector::Like { scope: scope.clone(), kind: *kind, filter })
            }
            Selector::Person(name) => {
                let mut name = name.clone();
                both.word(&mut name);
                Cow::Owned(Selector::Person(name))
            }
        }
    }
}

impl Both {
    fn value(&self, value: Value) -> Value {
        self.texts.value(&value).unwrap_or(value)
    }

    fn map(&self, map: Map) -> Map {
        if map.is_empty() {
            return map;
        }
        let map = Value::from(map);
        let clean = self.texts.value(&map);
        clean.as_ref().unwrap_or(&map).as_map().cloned().unwrap_or_default()
    }

    fn word(&self, word: &mut String) {
        let Cow::Owned(clean) = self.words.text(word) else { return };
        *word = if clean.len() <= MAX_WORD_BYTES { clean } else { self.whole(word) };
    }

    fn all<const N: usize>(&self, lists: [&mut Vec<String>; N]) {
        lists.into_iter().flatten().for_each(|word| self.word(word));
    }

    /// What stands for a word as a whole, where there is no room for what stands in it.
    fn whole(&self, word: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, word.as_bytes()).to_hex();
        format!("[custom:{}]", hash.get(..16).unwrap_or_default())
    }

    fn key<'k>(&self, key: &'k MemoryKey) -> Cow<'k, MemoryKey> {
        // The id of an entry, for which no key was given.
        if Uuid::try_parse(key.as_str()).is_ok() {
            return Cow::Borrowed(key);
        }
        let mut word = key.as_str().to_owned();
        self.word(&mut word);
        if word == key.as_str() {
            return Cow::Borrowed(key);
        }
        // What is put in a key has no control characters, and it is short.
        MemoryKey::new(&word)
            .or_else(|_| MemoryKey::new(&self.whole(key.as_str())))
            .map_or(Cow::Borrowed(key), Cow::Owned)
    }

    fn detail(&self, detail: &mut Detail) {
        match detail {
            Detail::Working(_) => {}
            Detail::Episodic(Episode {
                episode_type,
                participants,
                outcome,
                sentiment,
                at: _,
                expires: _,
            }) => {
                [episode_type, outcome, sentiment].into_iter().for_each(|word| self.word(word));
                self.all([participants]);
            }
            Detail::Semantic(Fact {
                fact_type,
                domain,
                entities,
                relationships,
                confidence: _,
                valid: _,
            }) => {
                [fact_type, domain].into_iter().for_each(|word| self.word(word));
                self.all([entities]);
                for relationship in relationships {
                    self.word(&mut relationship.relation);
                    self.word(&mut relationship.target);
                }
            }
            Detail::Procedural(procedure) => self.procedure(procedure),
        }
    }

    fn procedure(&self, procedure: &mut Procedure) {
        let Procedure { name, category, procedure_type, domain, steps, contexts, prerequisites, .. } =
            procedure;
        [name, category, procedure_type, domain].into_iter().for_each(|word| self.word(word));
        self.all([contexts, prerequisites]);
        for step in steps {
            *step = self.value(std::mem::take(step));
        }
        procedure.applicable_when = self.map(std::mem::take(&mut procedure.applicable_when));
        for outcome in &mut procedure.outcomes {
            outcome.note = self.value(std::mem::take(&mut outcome.note));
        }
    }
}

/// How documents are kept.
impl Memory {
    /// The name of something as it is kept, if it has so many bytes at most.
    pub(in crate::memory) fn kept_name<'n>(&self, name: &'n str, most: usize) -> Cow<'n, str> {
        self.rules().redaction.name(name, most)
    }

    /// The hash of something as it is kept.
    pub(in crate::memory) fn kept_hash<'h>(&self, hash: &'h str) -> Cow<'h, str> {
        self.rules().redaction.hash(hash)
    }

    /// A key as it is kept.
    pub(in crate::memory) fn kept_key(&self, key: &MemoryKey) -> MemoryKey {
        self.rules().redaction.key(key).into_owned()
    }

    /// What is to be remembered, as it is kept.
    pub(in crate::memory) fn kept(&self, write: Write) -> Write {
        self.rules().redaction.write(write)
    }
}

/// A write as it is kept, if it is within the bounds both as it was given and as it is kept.
pub(super) fn checked(redaction: &Redaction, write: Write) -> Result<Write, MemoryError> {
    let write = write.checked()?;
    redaction.check(&write.scope)?;
    if redaction.0.is_none() { Ok(write) } else { redaction.write(write).checked() }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("redacts", &self.0.is_some()).finish_non_exhaustive()
    }
}
