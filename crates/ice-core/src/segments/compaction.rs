//! Moving what is pending into segments, and segments into larger ones.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::error::{SegmentError, failed};
use super::follow::offload;
use super::manifest::{Manifest, Named};
use super::view::Part;
use super::{Index, ItemId, Payload, Pending, Rows, Source, View};
use crate::store::{Batch, BlobGuard, CommitError, Key, Version};
use crate::value::BlobHash;

/// How often a compaction is begun anew because somebody else's was first, and its commit because items were written anew.
const ATTEMPTS: u32 = 8;
/// Beyond so many segments the smallest are merged, whatever their size.
const MOST_SEGMENTS: usize = 10;

/// Which segments a compaction merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Those that are not much larger than what is added to them, and those of which half is dead: each item is written anew a few
    /// times in its life.
    Due,
    /// All, so that nothing of what was removed is left in a blob that the manifest names. The blobs of before go with the next
    /// collection.
    All,
}

/// What a compaction has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Pending changes that are in segments now.
    pub taken: usize,
    /// Segments that others took the place of.
    pub merged: usize,
    /// Rows that were written.
    pub rows: usize,
}

/// A pending change that goes into a segment.
struct Taken<T> {
    key: Key,
    version: Version,
    id: ItemId,
    pending: Pending<T>,
}

impl<P: Payload> Index<P> {
    /// Whether so much is pending that compaction is due.
    ///
    /// # Errors
    /// As [`Index::view`].
    pub async fn is_due(&self) -> Result<bool, SegmentError> {
        Ok(self.view().await?.pending_count() >= self.options().pending)
    }

    /// Moves what is pending into a segment, merged with those that `merge` says. Searches and writes go on meanwhile. Dropping it
    /// changes nothing, and ends the work soon.
    ///
    /// # Errors
    /// [`SegmentError::Busy`] if others compacted all the time, [`SegmentError::Store`] if store or blobs failed.
    pub async fn compact(&self, merge: Merge) -> Result<Compacted, SegmentError> {
        let _one_at_a_time = self.inner().compacting.lock().await;
        let (mut all, mut attempts) = (Compacted::default(), 0);
        loop {
            match self.round(merge).await {
                Ok((done, is_all)) => {
                    all.taken += done.taken;
                    all.merged += done.merged;
                    all.rows += done.rows;
                    if is_all {
                        return Ok(all);
                    }
                }
                Err(SegmentError::Busy { .. }) if attempts < ATTEMPTS => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// One segment. Says whether all that was pending is in it.
    async fn round(&self, merge: Merge) -> Result<(Compacted, bool), SegmentError> {
        let view = self.view().await?;
        let most = self.most_at_once();
        let taken = self.take(most).await?;
        let is_all = taken.len() < most;
        // As long as more is to come, not all is written anew for it.
        let merge = if is_all { merge } else { Merge::Due };
        let dead = self.dead(&view, &taken);
        let fresh = taken.iter().filter(|taken| matches!(taken.pending, Pending::Put(_))).count();
        let alive: Vec<_> = dead.iter().map(|dead| (dead.length() - dead.count(), dead.count())).collect();
        let chosen = plan(&alive, fresh, merge, self.payload().max_rows());
        if taken.is_empty() && chosen.is_empty() {
            return Ok((Compacted::default(), is_all));
        }
        let rows =
            fresh + chosen.iter().filter_map(|at| alive.get(*at)).map(|(alive, _)| alive).sum::<usize>();
        let done = Compacted { taken: taken.len(), merged: chosen.len(), rows };
        let (kept, merged): (Vec<_>, Vec<_>) =
            view.parts.iter().zip(dead).enumerate().partition(|(at, _)| !chosen.contains(at));
        let sources = merged.into_iter().map(|(_, (part, dead))| (part.shared(), dead)).collect();
        let bytes = self.merge(sources, &taken, rows).await?;

        let guard = self.inner().origin.blobs.enter();
        let mut manifest = Manifest::new(view.manifest.settings.clone());
        for (_, (part, dead)) in kept {
            manifest.segments.push(self.named_anew(&guard, part, &dead).await?);
        }
        let mut new = None;
        if rows > 0 {
            let named = self.keep(&guard, &bytes, rows).await?;
            manifest.segments.push(named.clone());
            new = Some(named);
        }
        self.commit(&view, &manifest, taken).await?;
        drop(guard);
        if let Some(named) = new {
            self.adopt(named, bytes).await?;
        }
        Ok((done, is_all))
    }

    /// As many as one commit can remove again.
    fn most_at_once(&self) -> usize {
        let key = self.place().root().as_bytes().len() + 64;
        let most = self.inner().origin.store.offers().max_batch_bytes / 2 / key;
        self.options().at_once.min(most).min(self.payload().max_rows()).max(1)
    }

    async fn take(&self, most: usize) -> Result<Vec<Taken<P::Item>>, SegmentError> {
        let mut taken = Vec::new();
        let see = |entry: &crate::store::Entry, id, pending| {
            taken.push(Taken { key: entry.key.clone(), version: entry.version, id, pending });
        };
        self.inner().origin.each_pending(most, see).await?;
        Ok(taken)
    }

    /// The rows of each segment that are no more once what was taken is in a newer one.
    fn dead(&self, view: &View<P>, taken: &[Taken<P::Item>]) -> Vec<Rows> {
        let dead = |part: &Part<P::Segment>| {
            let mut dead = Rows::clone(&part.lost);
            for taken in taken {
                if let Some(row) = self.payload().row_of(part.segment(), taken.id) {
                    dead.insert(row);
                }
            }
            dead
        };
        view.parts.iter().map(dead).collect()
    }

    async fn merge(
        &self,
        sources: Vec<(Arc<P::Segment>, Rows)>,
        taken: &[Taken<P::Item>],
        rows: usize,
    ) -> Result<Vec<Bytes>, SegmentError> {
        if rows == 0 {
            return Ok(Vec::new());
        }
        let items: Vec<(ItemId, Arc<P::Item>)> = taken
            .iter()
            .filter_map(|taken| match &taken.pending {
                Pending::Put(item) => Some((taken.id, Arc::clone(item))),
                Pending::Removed => None,
            })
            .collect();
        let payload = Arc::clone(self.payload());
        let cancel = CancellationToken::new();
        let _ends_with_the_call = cancel.clone().drop_guard();
        offload(move || {
            let sources: Vec<_> =
                sources.iter().map(|(segment, dead)| Source { segment: &**segment, dead }).collect();
            let items: Vec<_> = items.iter().map(|(id, item)| (*id, &**item)).collect();
            payload.merge(&sources, &items, &cancel)
        })
        .await
    }

    /// A segment that stays, with the rows of it that are no more.
    async fn named_anew(
        &self,
        guard: &BlobGuard,
        part: &Part<P::Segment>,
        dead: &Rows,
    ) -> Result<Named, SegmentError> {
        let mut named = part.named.clone();
        if *dead != *part.lost {
            named.dead = Some(self.put_blob(guard, dead.encode().into()).await?);
            named.dead_rows = u32::try_from(dead.count()).unwrap_or(u32::MAX);
        }
        Ok(named)
    }

    async fn keep(&self, guard: &BlobGuard, bytes: &[Bytes], rows: usize) -> Result<Named, SegmentError> {
        let mut parts = Vec::with_capacity(bytes.len());
        for bytes in bytes {
            parts.push(self.put_blob(guard, bytes.clone()).await?);
        }
        Ok(Named { parts, rows: u32::try_from(rows).unwrap_or(u32::MAX), dead: None, dead_rows: 0 })
    }

    async fn put_blob(&self, guard: &BlobGuard, bytes: Bytes) -> Result<BlobHash, SegmentError> {
        let durability = self.options().durability.unwrap_or_default();
        Ok(self.inner().origin.blobs.put(guard, bytes, durability).await?)
    }

    /// The new manifest, and what was taken goes. What was written anew meanwhile stays pending: it goes before the segment.
    async fn commit(
        &self,
        view: &View<P>,
        manifest: &Manifest,
        mut taken: Vec<Taken<P::Item>>,
    ) -> Result<(), SegmentError> {
        let (key, bytes) = (self.place().manifest(), Bytes::from(manifest.encode()));
        for _ in 0..ATTEMPTS {
            let batch =
                Batch::new().expect_version(key.clone(), view.version).put(key.clone(), bytes.clone());
            let batch = taken.iter().fold(batch, |batch, taken| {
                batch.expect_version(taken.key.clone(), taken.version).delete(taken.key.clone())
            });
            let durability = self.options().durability.unwrap_or_default();
            match self.inner().origin.store.commit(batch, durability).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { key: found, .. }) if found == key => break,
                Err(CommitError::Conflict { .. }) => {
                    let mut now = AHashMap::new();
                    let see = |entry: &crate::store::Entry, id, _| {
                        now.insert(id, entry.version);
                    };
                    self.inner().origin.each_pending(usize::MAX, see).await?;
                    taken.retain(|taken| now.get(&taken.id) == Some(&taken.version));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(SegmentError::Busy { attempts: ATTEMPTS })
    }

    /// Takes the new segment from memory: it need not be read.
    async fn adopt(&self, named: Named, bytes: Vec<Bytes>) -> Result<(), SegmentError> {
        let (payload, rows) = (Arc::clone(self.payload()), named.rows as usize);
        if let Ok(segment) = offload(move || payload.open(bytes)).await? {
            let part = Part::new(named, Arc::new(segment), Arc::new(Rows::none(rows)));
            self.inner().follower.lock().await.know(part);
        }
        Ok(())
    }
}

/// Which segments to merge, of which `parts` says how many rows are alive and dead, with so many new rows.
fn plan(parts: &[(usize, usize)], fresh: usize, merge: Merge, max_rows: usize) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..parts.len()).collect();
    let of = |at: usize| parts.get(at).copied().unwrap_or_default();
    by_size.sort_by_key(|at| of(*at));
    let (mut sum, mut chosen) = (fresh, Vec::new());
    for at in by_size {
        let (alive, dead) = of(at);
        let is_due = match merge {
            Merge::All => true,
            Merge::Due => {
                alive <= sum.saturating_mul(2) || dead > alive || parts.len() - chosen.len() > MOST_SEGMENTS
            }
        };
        if is_due && sum.saturating_add(alive) <= max_rows {
            sum += alive;
            chosen.push(at);
        }
    }
    // One that stays what it is.
    match chosen.as_slice() {
        [only] if fresh == 0 && of(*only).1 == 0 => Vec::new(),
        _ => chosen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_merged_when_they_are_not_much_larger_than_what_comes() {
        let due = |parts: &[(usize, usize)], fresh| plan(parts, fresh, Merge::Due, 1_000);
        assert_eq!(due(&[(100, 0), (10, 0)], 5), [1]);
        assert_eq!(due(&[(30, 0), (10, 0)], 5), [1, 0]);
        // Half of it is dead.
        assert_eq!(due(&[(100, 101), (300, 10)], 1), [0]);
        assert_eq!(due(&[(100, 0)], 0), [] as [usize; 0]);
        // Too large together.
        assert_eq!(due(&[(600, 0), (400, 0)], 300), [1]);
        let many: Vec<_> = (0..14).map(|at| (10 << (2 * at), 0)).collect();
        assert_eq!(plan(&many, 1, Merge::Due, usize::MAX), [0, 1, 2, 3]);
        assert_eq!(plan(&[(600, 0), (300, 0), (9, 1)], 0, Merge::All, 1_000), [2, 1, 0]);
        assert_eq!(plan(&[(600, 0)], 0, Merge::All, 1_000), [] as [usize; 0]);
        assert_eq!(plan(&[(600, 1)], 0, Merge::All, 1_000), [0]);
    }
}
