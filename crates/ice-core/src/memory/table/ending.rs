//! What is selected of a memory: counted, forgotten, erased, taken back, or ended by itself.

use bytes::Bytes;
use futures::future::try_join_all;

use super::memory::Memory;
use super::operation::{Done, Operation};
use super::places::Family;
use super::record::Record;
use super::term::Term;
use super::writer::expired;
use super::{read, select};
use crate::id::RunId;
use crate::memory::{Entry, EntryId, Kind, MemoryError, MemoryKey, Past, Scope, Selector};
use crate::store::Batch;

/// How many entries are selected at once.
const SELECTED: usize = 256;

impl Memory {
    /// Forgets what is current and selected; says how much it was. It stays readable by "as of", except in working memory.
    ///
    /// Many entries are forgotten by several commits, so that a failure may leave some: forget again then.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn forget(&self, selector: &Selector) -> Result<u64, MemoryError> {
        self.each(selector, &[Family::Current], Operation::Forget).await
    }

    /// Removes what is selected for good, current and past: nothing of it can be read. Says how much it was.
    ///
    /// The bytes in the files of the store go when these are compacted, blobs when unreachable ones are collected. Many
    /// entries go by several commits, so that a failure may leave some: erase again then.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn erase(&self, selector: &Selector) -> Result<u64, MemoryError> {
        self.each(selector, &[Family::Current, Family::Past], Operation::Erase).await
    }

    /// Has the indexes written anew, such that nothing is in them of what was erased. The bytes of both go when the blobs that nothing
    /// names are collected and the store is compacted.
    ///
    /// # Errors
    /// [`MemoryError::Index`] or [`MemoryError::Store`]: what was erased may still be in an index.
    pub async fn purge(&self) -> Result<(), MemoryError> {
        match &self.rules().indexes {
            Some(indexes) => indexes.purge().await,
            None => Ok(()),
        }
    }

    /// Removes what makes room, with its idempotency keys.
    pub(in crate::memory) async fn discard(&self, ids: Vec<EntryId>) -> Result<u64, MemoryError> {
        self.do_all(ids, Operation::Drop).await
    }

    /// Takes back all that a run remembered, as if it had never been: what it superseded is current again. The run may
    /// remember nothing more. Says how many entries it were; after a failure or a crash call it again.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn take_back(&self, run: RunId) -> Result<u64, MemoryError> {
        let marker = Batch::new().put(self.rules().places.taken_back(run), Bytes::new());
        let durability = self.rules().durability(Kind::ALL);
        self.rules().store.commit(marker, durability).await?;
        let mut count = 0;
        for family in [Family::Current, Family::Past] {
            loop {
                let ids =
                    select::everywhere(self.rules(), &[family], &Term::Run(run), None, SELECTED).await?.0;
                if ids.is_empty() {
                    break;
                }
                let done = self.do_all(ids, |id| Operation::TakeBack(id, run)).await?;
                if done == 0 {
                    return Err(MemoryError::corrupt(format!(
                        "entries of the run {run} are listed, but not there"
                    )));
                }
                count += done;
            }
        }
        Ok(count)
    }

    /// How much is selected among what is current, and with `past` among what is superseded or forgotten as well. Reads no
    /// entry unless the selection asks for what they are like.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn count(&self, selector: &Selector, past: Past) -> Result<u64, MemoryError> {
        let families: &[Family] = match past {
            Past::Excluded => &[Family::Current],
            Past::Included => &[Family::Current, Family::Past],
        };
        if let Selector::Id(id) = selector {
            let found = read::record(self.rules(), *id).await?;
            let counts = |record: &Record| past == Past::Included || record.entry.is_current(self.now());
            return Ok(u64::from(found.filter(counts).is_some()));
        }
        let (mut count, mut after) = (0, None);
        loop {
            let (ids, next) = select::page(self.rules(), selector, families, after, SELECTED).await?;
            count += ids.len() as u64;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    /// How many entries a run wrote that are still there, current or past: what [`Memory::take_back`] would take back.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn count_of_run(&self, run: RunId) -> Result<u64, MemoryError> {
        let (mut count, mut after) = (0, None);
        let families = [Family::Current, Family::Past];
        loop {
            let (ids, next) =
                select::everywhere(self.rules(), &families, &Term::Run(run), after, SELECTED).await?;
            count += ids.len() as u64;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    /// What a key stands for and stood for: the current entry first, then those before it, the newest first; at most so many.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn history(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        most: usize,
    ) -> Result<Vec<Entry>, MemoryError> {
        let selector = Selector::Key { scope: scope.clone(), kind, key: key.clone() };
        let families = [Family::Current, Family::Past];
        let (mut ids, _) = select::page(self.rules(), &selector, &families, None, most).await?;
        ids.truncate(most);
        let mut entries = Vec::new();
        for id in ids {
            entries.extend(self.by_id(id).await?);
        }
        Ok(entries)
    }

    async fn each(
        &self,
        selector: &Selector,
        families: &[Family],
        operation: fn(EntryId) -> Operation,
    ) -> Result<u64, MemoryError> {
        let (mut count, mut after) = (0, None);
        loop {
            let (ids, next) = select::page(self.rules(), selector, families, after, SELECTED).await?;
            count += self.do_all(ids, operation).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    async fn do_all(
        &self,
        ids: Vec<EntryId>,
        operation: impl Fn(EntryId) -> Operation,
    ) -> Result<u64, MemoryError> {
        let asked = ids.into_iter().map(|id| self.ask(operation(id), None));
        let done = try_join_all(asked).await?;
        Ok(done.into_iter().filter(|done| matches!(done, Done::Gone)).count() as u64)
    }

    /// Removes all that has ended by itself; says how much it was. Writing does so bit by bit.
    ///
    /// # Errors
    /// [`MemoryError::Store`] if the store fails.
    pub async fn sweep(&self) -> Result<u64, MemoryError> {
        let mut count = 0;
        loop {
            let operations = expired(self.rules(), self.now(), SELECTED).await?;
            if operations.is_empty() {
                return Ok(count);
            }
            let found =
                try_join_all(operations.into_iter().map(|operation| self.ask(operation, None))).await?;
            let gone = found.into_iter().filter(|done| matches!(done, Done::Gone)).count();
            count += gone as u64;
            if gone == 0 {
                return Ok(count);
            }
        }
    }
}
