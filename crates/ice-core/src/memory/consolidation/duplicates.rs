//! Facts that say the same become one.

use std::collections::HashMap;

use super::Consolidated;
use crate::memory::{
    Detail, Entry, EntryId, Kind, MAX_WORDS, Memory, MemoryError, Provenance, Query, Scope, Write,
};
use crate::text::normal;

/// So many are taken together at once.
const AT_ONCE: usize = 64;

/// What facts have in common that say the same.
type Sameness = [u8; 32];

/// What a fact says, as a digest; nothing if it is no fact or says nothing.
fn sameness(entry: &Entry) -> Option<Sameness> {
    let Detail::Semantic(fact) = &entry.detail else { return None };
    let words = normal(&entry.text());
    if words.is_empty() {
        return None;
    }
    let mut about = fact.clone();
    about.confidence = 1.0;
    about.entities.sort();
    let known = serde_json::to_vec(&(about, &entry.metadata)).ok()?;
    let mut digest = blake3::Hasher::new();
    digest.update(&(words.len() as u64).to_le_bytes()).update(words.as_bytes()).update(&known);
    Some(*digest.finalize().as_bytes())
}

impl Memory {
    pub(super) async fn merge_duplicates(
        &self,
        scope: &Scope,
        dry_run: bool,
        done: &mut Consolidated,
    ) -> Result<(), MemoryError> {
        // The newest of each first.
        let mut same: HashMap<Sameness, Vec<EntryId>> = HashMap::new();
        let mut query = Query::of(scope.clone(), Kind::Semantic).limit(crate::memory::MAX_PAGE);
        loop {
            let page = self.list(&query).await?;
            for entry in &page.entries {
                if let Some(sameness) = sameness(entry) {
                    same.entry(sameness).or_default().push(entry.id);
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let mut groups: Vec<Vec<EntryId>> = same.into_values().filter(|ids| ids.len() > 1).collect();
        groups.sort();
        for group in groups {
            done.duplicates += group.len() as u64 - 1;
            if !dry_run {
                self.merge(&group).await?;
            }
        }
        Ok(())
    }

    /// Writes the first of some entries anew, in the place of all.
    async fn merge(&self, group: &[EntryId]) -> Result<(), MemoryError> {
        let Some((newest, others)) = group.split_first() else { return Ok(()) };
        let mut newest = *newest;
        for others in others.chunks(AT_ONCE) {
            // Each may have changed since it was listed: then it is looked at the next time.
            let Some(kept) = self.current(newest).await? else { return Ok(()) };
            let mut all = Vec::new();
            for id in others {
                all.extend(self.current(*id).await?.filter(|other| sameness(other) == sameness(&kept)));
            }
            if all.is_empty() {
                continue;
            }
            let ids = all.iter().map(|entry| entry.id).collect();
            newest = self.replace(ids, merged(kept, &all)).await?.id;
        }
        Ok(())
    }

    async fn current(&self, id: EntryId) -> Result<Option<Entry>, MemoryError> {
        let now = self.now();
        Ok(self.by_id(id).await?.filter(|entry| entry.is_current(now)))
    }
}

/// One entry for all.
fn merged(kept: Entry, others: &[Entry]) -> Write {
    let mut write = Write::new(kept.content, kept.detail).scope(kept.scope).key(kept.key).tags(kept.tags);
    (write.subjects, write.importance) = (kept.subjects, kept.importance);
    for other in others {
        write.importance = write.importance.max(other.importance);
        write.tags.extend(other.tags.iter().cloned());
        write.subjects.extend(other.subjects.iter().cloned());
        if let (Detail::Semantic(fact), Detail::Semantic(other)) = (&mut write.detail, &other.detail) {
            fact.confidence = fact.confidence.max(other.confidence);
        }
    }
    for words in [&mut write.tags, &mut write.subjects] {
        let mut seen = std::collections::HashSet::new();
        words.retain(|word| seen.insert(word.clone()));
        words.truncate(MAX_WORDS);
    }
    // What runs wrote it is said by the entries that it supersedes, which stay.
    write.source =
        Provenance { source: kept.source.source, model: kept.source.model, ..Provenance::default() };
    write.metadata = kept.metadata;
    write
}
