//! What a memory holds of a name beside its entries: values of properties, and names of scopes that are counted.

use std::collections::HashMap;

use super::counters;
use super::memory::Memory;
use super::places::Family;
use super::term::{FACETS, Term};
use crate::memory::{Kind, MemoryError, Scope};
use crate::mention::{Mentions, NoName};
use crate::store::{Entry as Stored, Key};

/// How many keys are read at once.
const PAGE: usize = 1_000;

/// The values of one property, in one kind of a scope.
struct Listed {
    scope: Scope,
    kind: Kind,
    make: fn(String) -> Term,
}

impl Memory {
    /// Looks for names, as they are and as the redactor of the memory has them kept: hashes and tokens. What it masks or drops in a
    /// content is the same for all, and nobody is found by it.
    ///
    /// ```
    /// use ice_core::memory::{Memory, MemoryOptions, Write};
    /// use ice_core::redact::{Preset, Redactor};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let options = MemoryOptions::in_memory().redactor(Redactor::preset(Preset::Strict)?);
    /// let memory = Memory::open(options).await?;
    /// let entry = memory.remember(Write::working("Likes tea").tags(["from ada@example.org".to_owned()])).await?;
    /// assert!(!entry.tags[0].contains("ada"));
    /// assert!(memory.mentions_of(["ada@example.org"])?.in_text(&entry.tags[0]));
    /// memory.close().await;
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoName`] if one of them is too short, or there is none.
    pub fn mentions_of<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Mentions, NoName> {
        let mut all = Vec::new();
        for name in names {
            all.push(name.to_owned());
            all.extend(self.rules().redaction.traces(name));
        }
        Mentions::of(all.iter().map(String::as_str))
    }

    /// Removes what names somebody and belongs to no entry: values of properties that no entry has any more, and counters of
    /// scopes in which nothing is left. Says how many it were. Erase the entries before.
    ///
    /// # Errors
    /// [`MemoryError::Store`] if the store fails or what it holds is damaged: what was removed so far stays removed.
    pub async fn erase_mentions(&self, mentions: &Mentions) -> Result<u64, MemoryError> {
        let rules = self.rules();
        let mut known = HashMap::new();
        for (scope, kind) in self.usage().await?.into_keys() {
            for make in FACETS {
                let folder = rules.places.facets(&scope, kind, make(String::new()).field());
                known.insert(folder, Listed { scope: scope.clone(), kind, make });
            }
        }
        let (root, mut after, mut gone) = (rules.places.all_facets(), None::<Key>, 0);
        loop {
            let page = rules.store.scan(&root, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|stored| stored.key.clone());
            for stored in page {
                // What is of no scope that is counted was written meanwhile, and is in use.
                let Some(listed) = folder_of(&stored.key).and_then(|folder| known.get(&folder)) else {
                    continue;
                };
                let value = String::from_utf8_lossy(&stored.value).into_owned();
                let is_meant = mentions.in_text(listed.scope.as_str()) || mentions.in_text(&value);
                if is_meant && !self.is_used(listed, value).await? {
                    // Whoever writes an entry with this value writes the value anew: then it stays.
                    gone += counters::remove(rules, &[stored]).await?;
                }
            }
            if is_last {
                break;
            }
        }
        Ok(gone + counters::forget(rules, |scope| mentions.in_text(scope.as_str())).await?)
    }

    /// How many values that are kept in the store name somebody. Reads all of them; not what is in blobs and in indexes, which
    /// [`Memory::purge`] writes anew.
    ///
    /// # Errors
    /// [`MemoryError::Store`] if the store fails.
    pub async fn mentions_left(&self, mentions: &Mentions) -> Result<u64, MemoryError> {
        let (places, mut after, mut left) = (&self.rules().places, None::<Key>, 0);
        loop {
            let page = self.rules().store.scan(places.all(), after.as_ref(), PAGE).await?;
            left += page
                .iter()
                .filter(|stored| places.may_be_text(&stored.key) && names(mentions, stored))
                .count() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
                Some(_) | None => return Ok(left),
            }
        }
    }

    /// Whether an entry, current or past, has a value.
    async fn is_used(&self, listed: &Listed, value: String) -> Result<bool, MemoryError> {
        let (rules, term) = (self.rules(), (listed.make)(value));
        for family in [Family::Current, Family::Past] {
            let list = rules.places.list(family, &listed.scope, listed.kind, &term);
            if !rules.store.scan(&list, None, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn folder_of(key: &Key) -> Option<Key> {
    let (folder, _) = key.as_str().rsplit_once('/')?;
    Key::new(&format!("{folder}/")).ok()
}

fn names(mentions: &Mentions, stored: &Stored) -> bool {
    match serde_json::from_slice(&stored.value) {
        Ok(json) => mentions.in_json(&json),
        Err(_) => mentions.in_bytes(&stored.value),
    }
}
