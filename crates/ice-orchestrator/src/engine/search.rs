//! Looking through all that a tenant has for what names somebody.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Mutex;

use futures::TryStreamExt;
use ice_core::id::{RunId, Tenant};
use ice_core::memory::{Entry, EntryId, ExportWhat, MemoryError};
use ice_core::mention::Mentions;
use ice_core::store::{Key, StoreError, Version, inbox};
use ice_core::value::{BlobHash, Value};
use serde::Serialize;

use super::erase::Erased;
use super::schedules::Found;
use super::{Engine, RunError};
use crate::journal::{Body, keys, values_mut};

/// How many keys are read at once.
const PAGE: usize = 256;

/// A search through what a tenant has.
pub(super) struct Search<'e> {
    engine: &'e Engine,
    tenant: &'e Tenant,
    mentions: Mentions,
    /// The blobs that were read: many runs may name one.
    blobs: Mutex<HashMap<BlobHash, bool>>,
}

impl<'e> Search<'e> {
    pub(super) fn new(engine: &'e Engine, tenant: &'e Tenant, mentions: Mentions) -> Self {
        Self { engine, tenant, mentions, blobs: Mutex::default() }
    }

    /// The pinned plans that name them.
    pub(super) async fn plans(&self) -> Result<Vec<(BlobHash, Version)>, RunError> {
        let (folder, mut found, mut after) = (keys::plans(self.tenant), Vec::new(), None::<Key>);
        loop {
            let page = self.engine.inner.store.scan(&folder, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|entry| entry.key.clone());
            for entry in page {
                let hash =
                    entry.key.as_str().strip_prefix(folder.as_str()).and_then(|hash| hash.parse().ok());
                if let Some(hash) = hash.filter(|_| self.in_json(&entry.value)) {
                    found.push((hash, entry.version));
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    /// The schedules that name them, or are bound to one of these plans.
    pub(super) async fn schedules(&self, plans: &HashSet<BlobHash>) -> Result<Vec<Found>, RunError> {
        let mut found = Vec::new();
        for one in self.engine.schedules_of(self.tenant, None).await? {
            let schedule = &one.2;
            if plans.contains(&schedule.plan)
                || self.in_whole(schedule)?
                || self.in_value(&schedule.inputs).await?
            {
                found.push(one);
            }
        }
        Ok(found)
    }

    /// The runs that name them, or are bound to one of these plans.
    pub(super) async fn runs(&self, plans: &HashSet<BlobHash>, erased: &mut Erased) -> Result<(), RunError> {
        let (mut runs, mut after) = (Vec::new(), None::<Key>);
        let folder = keys::heads(self.tenant);
        loop {
            let page = self.engine.inner.store.scan(&folder, after.as_ref(), PAGE).await?;
            runs.extend(
                page.iter().filter_map(|entry| {
                    entry.key.as_str().strip_prefix(folder.as_str()).and_then(keys::run_of)
                }),
            );
            if page.len() < PAGE {
                break;
            }
            after = page.last().map(|entry| entry.key.clone());
        }
        for run in runs {
            let found = match self.in_run(plans, run).await {
                Ok(found) => found,
                Err(error) if error.is_unreadable() => {
                    tracing::warn!(%run, %error, "the run cannot be looked through");
                    erased.unreadable.push(run);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match found {
                Some(true) => erased.runs.push(run),
                Some(false) => erased.unended.push(run),
                None => {}
            }
        }
        Ok(())
    }

    /// Nothing if a run does not name them; else whether it has ended.
    async fn in_run(&self, plans: &HashSet<BlobHash>, run: RunId) -> Result<Option<bool>, RunError> {
        let Some((head, _)) = self.engine.inner.head(self.tenant, run).await? else { return Ok(None) };
        let named = plans.contains(&head.plan)
            || self.in_whole(&head)?
            || self.in_inbox(run).await?
            || self.in_journal(plans, run).await?;
        Ok(named.then(|| head.summary.status.is_final()))
    }

    async fn in_inbox(&self, run: RunId) -> Result<bool, RunError> {
        let (folder, mut after) = (keys::inbox(self.tenant, run), 0);
        loop {
            let page = inbox::read(&*self.engine.inner.store, &folder, after, PAGE).await?;
            if page.iter().any(|message| self.in_json(&message.payload)) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = last.number,
                Some(_) | None => return Ok(false),
            }
        }
    }

    async fn in_journal(&self, plans: &HashSet<BlobHash>, run: RunId) -> Result<bool, RunError> {
        let mut reader = self.engine.reader(self.tenant, run);
        loop {
            let records = reader.read().await?;
            if records.is_empty() {
                return Ok(false);
            }
            for numbered in records {
                let mut body = numbered.record.body;
                if let Body::Manifest(manifest) = &body
                    && plans.contains(&manifest.plan)
                {
                    return Ok(true);
                }
                // A value may hold another many times over, which its JSON would write out.
                let mut taken = Vec::new();
                for value in values_mut(&mut body).into_iter().flatten() {
                    taken.push(std::mem::take(value));
                }
                for value in &taken {
                    if self.in_value(value).await? {
                        return Ok(true);
                    }
                }
                if self.in_whole(&body)? {
                    return Ok(true);
                }
            }
        }
    }

    /// The entries of memory that name them, current and past. What has ended by itself goes before.
    pub(super) async fn entries(&self) -> Result<Vec<EntryId>, RunError> {
        let memory = self.engine.memory(self.tenant).await?;
        memory.sweep().await?;
        let mut lines = pin!(memory.export(ExportWhat { past: true, ..ExportWhat::default() }));
        let (mut found, mut is_header) = (Vec::new(), true);
        while let Some(line) = lines.try_next().await? {
            if std::mem::take(&mut is_header) {
                continue;
            }
            let odd = |error: serde_json::Error| {
                MemoryError::Store(StoreError::Corrupt { what: format!("an entry of memory: {error}") })
            };
            let entry: Entry = serde_json::from_str(&line).map_err(odd)?;
            if self.in_json(line.as_bytes()) || self.in_value(&entry.content).await? {
                found.push(entry.id);
            }
        }
        Ok(found)
    }

    /// Whether a value names them, or a blob that it refers to does.
    async fn in_value(&self, value: &Value) -> Result<bool, RunError> {
        let mut blobs = Vec::new();
        if self.mentions.in_value_and(value, &mut |blob| blobs.push(blob.hash)) {
            return Ok(true);
        }
        for hash in blobs {
            if self.in_blob(hash).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn in_blob(&self, hash: BlobHash) -> Result<bool, RunError> {
        let lock = || self.blobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = lock().get(&hash).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let named = match self.engine.inner.blobs.get(&hash, None).await {
            Ok(bytes) => self.mentions.in_bytes(&bytes),
            // What is not there names nobody.
            Err(StoreError::BlobMissing { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        lock().insert(hash, named);
        Ok(named)
    }

    /// Whether bytes that should be JSON name them.
    fn in_json(&self, bytes: &[u8]) -> bool {
        match serde_json::from_slice(bytes) {
            Ok(json) => self.mentions.in_json(&json),
            Err(_) => self.mentions.in_bytes(bytes),
        }
    }

    /// Whether anything names them that something says of itself.
    fn in_whole(&self, what: &impl Serialize) -> Result<bool, RunError> {
        let odd = |error| RunError::Inputs(format!("they cannot be looked through: {error}"));
        Ok(self.mentions.in_json(&serde_json::to_value(what).map_err(odd)?))
    }
}
