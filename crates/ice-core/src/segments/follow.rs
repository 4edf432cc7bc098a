//! A handle's view, kept in step with the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use ahash::AHashMap;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::error::SegmentError;
use super::manifest::{Manifest, Named};
use super::view::Part;
use super::{Damage, ItemId, Payload, Pending, Place, Rows, View, pending};
use crate::store::{BlobStore, Entry, Store, StoreError, Version, Watch, WatchEvent};

/// How often a view is read anew because others changed the manifest meanwhile.
const ATTEMPTS: u32 = 32;
/// Keys read at once.
const PAGE: usize = 1_024;
/// Parts of a segment that are read side by side.
const SIDE_BY_SIDE: usize = 4;

/// What a view is read from.
#[derive(Debug)]
pub(super) struct Origin<P: Payload> {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) place: Place,
    pub(super) payload: Arc<P>,
}

/// The newest view, and what is known to have changed since. Whatever is dropped half way is made up for by the next call.
pub(super) struct Follower<P: Payload> {
    view: Arc<View<P>>,
    watch: Watch,
    changed: BTreeSet<ItemId>,
    stale: bool,
    /// A segment of the next manifest that is in memory already.
    new: Option<Part<P::Segment>>,
}

impl<P: Payload> std::fmt::Debug for Follower<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("changed", &self.changed)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

impl<P: Payload> Follower<P> {
    pub(super) async fn begin(origin: &Origin<P>) -> Result<Self, SegmentError> {
        let watch = origin.store.watch(origin.place.root(), None);
        let view = Arc::new(origin.read(&[]).await?);
        Ok(Self { view, watch, changed: BTreeSet::new(), stale: false, new: None })
    }

    /// The view as of now: all that was committed before is in it.
    pub(super) async fn catch_up(&mut self, origin: &Origin<P>) -> Result<Arc<View<P>>, SegmentError> {
        self.drain(origin);
        if !self.stale {
            self.read_changed(origin).await?;
        }
        if self.stale {
            let known: Vec<_> = self.view.parts().iter().chain(&self.new).cloned().collect();
            self.view = Arc::new(origin.read(&known).await?);
            self.changed.clear();
            self.new = None;
            self.stale = false;
        }
        Ok(Arc::clone(&self.view))
    }

    /// Remembers a segment that a manifest names which was just written.
    pub(super) fn know(&mut self, part: Part<P::Segment>) {
        self.new = Some(part);
    }

    fn drain(&mut self, origin: &Origin<P>) {
        while let Some(event) = self.watch.next().now_or_never() {
            match event {
                Some(WatchEvent::Changed(change)) => match origin.place.id_of(&change.key) {
                    Some(id) => {
                        self.changed.insert(id);
                    }
                    // The manifest.
                    None => self.stale = true,
                },
                Some(WatchEvent::Gap { .. }) => self.stale = true,
                None => {
                    // What is watched after the end of a watch begins now: what was missed is read.
                    self.watch = origin.store.watch(origin.place.root(), None);
                    self.stale = true;
                    break;
                }
            }
        }
    }

    async fn read_changed(&mut self, origin: &Origin<P>) -> Result<(), SegmentError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut read = Vec::with_capacity(self.changed.len());
        for id in &self.changed {
            let key = origin.place.item(*id);
            match origin.store.get(&key).await? {
                Some(found) => read.push((*id, origin.decode(&key, &found.value)?)),
                // It went into a segment; the manifest says into which.
                None => {
                    self.stale = true;
                    return Ok(());
                }
            }
        }
        let view = Arc::make_mut(&mut self.view);
        read.into_iter().for_each(|(id, pending)| view.apply(&*origin.payload, id, pending));
        self.changed.clear();
        Ok(())
    }
}

impl<P: Payload> Origin<P> {
    fn decode(&self, key: &crate::store::Key, value: &[u8]) -> Result<Pending<P::Item>, SegmentError> {
        pending::decode(&*self.payload, value)
            .map_err(|damage| SegmentError::Damaged { place: format!("the key {key}"), damage })
    }

    /// Reads manifest, segments and what is pending, all of one moment. `known` are segments that are in memory already.
    pub(super) async fn read(&self, known: &[Part<P::Segment>]) -> Result<View<P>, SegmentError> {
        let mut held: Vec<Part<P::Segment>> = known.to_vec();
        for _ in 0..ATTEMPTS {
            let (manifest, version) = self.manifest().await?;
            let mut parts = Vec::with_capacity(manifest.segments.len());
            let mut is_gone = false;
            for named in &manifest.segments {
                match self.part(&held, named).await {
                    Ok(part) => parts.push(part),
                    // A newer manifest took its place, and it was collected: that one is read then.
                    Err(SegmentError::Store(StoreError::BlobMissing { .. }))
                        if self.is_newer(version).await? =>
                    {
                        is_gone = true;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            held.clone_from(&parts);
            if is_gone {
                continue;
            }
            let mut view = View { manifest: Arc::new(manifest), version, parts, pending: AHashMap::new() };
            self.each_pending(usize::MAX, |_, id, pending| view.apply(&*self.payload, id, pending)).await?;
            // What is pending goes only with a new manifest: if there is none, nothing was missed.
            if !self.is_newer(version).await? {
                return Ok(view);
            }
        }
        Err(SegmentError::Busy { attempts: ATTEMPTS })
    }

    pub(super) async fn manifest(&self) -> Result<(Manifest, Version), SegmentError> {
        let key = self.place.manifest();
        let Some(found) = self.store.get(&key).await? else {
            let damage = Damage { what: "a manifest", at: 0 };
            return Err(SegmentError::Damaged { place: format!("the key {key}"), damage });
        };
        Ok((Manifest::decode(&key, &found.value)?, found.version))
    }

    async fn is_newer(&self, version: Version) -> Result<bool, SegmentError> {
        Ok(self.store.get(&self.place.manifest()).await?.is_none_or(|found| found.version != version))
    }

    /// What is pending, in the order of ids, at most so many.
    pub(super) async fn each_pending(
        &self,
        most: usize,
        mut see: impl FnMut(&Entry, ItemId, Pending<P::Item>),
    ) -> Result<(), SegmentError> {
        let (mut after, mut left) = (None, most);
        loop {
            let page = self.store.scan(self.place.pending(), after.as_ref(), left.min(PAGE)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for entry in &page {
                if let Some(id) = self.place.id_of(&entry.key) {
                    see(entry, id, self.decode(&entry.key, &entry.value)?);
                }
            }
            left -= page.len();
            if left == 0 {
                return Ok(());
            }
        }
    }

    async fn part(&self, held: &[Part<P::Segment>], named: &Named) -> Result<Part<P::Segment>, SegmentError> {
        let held = held.iter().find(|held| held.named.parts == named.parts);
        let lost = match held {
            Some(held) if held.named.dead == named.dead => Arc::clone(&held.lost),
            Some(_) | None => Arc::new(self.lost(named).await?),
        };
        let segment = match held {
            Some(held) => held.shared(),
            None => Arc::new(self.open(named).await?),
        };
        Ok(Part::new(named.clone(), segment, lost))
    }

    async fn lost(&self, named: &Named) -> Result<Rows, SegmentError> {
        let rows = named.rows as usize;
        let Some(hash) = named.dead else { return Ok(Rows::none(rows)) };
        let bytes = self.blobs.get(&hash, None).await?;
        let lost = Rows::decode(&bytes).and_then(|lost| match lost.length() == rows {
            true => Ok(lost),
            false => Err(Damage { what: "as many rows as the manifest says", at: 0 }),
        });
        lost.map_err(|damage| SegmentError::Damaged { place: format!("the blob {hash}"), damage })
    }

    pub(super) async fn open(&self, named: &Named) -> Result<P::Segment, SegmentError> {
        let reads: Vec<_> = named.parts.iter().map(|hash| self.blobs.get(hash, None)).collect();
        let parts = stream::iter(reads).buffered(SIDE_BY_SIDE).try_collect::<Vec<_>>().await?;
        let (payload, rows) = (Arc::clone(&self.payload), named.rows as usize);
        let opened = offload(move || {
            let segment = payload.open(parts)?;
            match payload.rows(&segment) == rows {
                true => Ok(segment),
                false => Err(Damage { what: "as many rows as the manifest says", at: 0 }),
            }
        });
        let damaged = |damage| {
            let blobs: Vec<String> = named.parts.iter().map(ToString::to_string).collect();
            SegmentError::Damaged { place: format!("the segment in blobs {}", blobs.join(", ")), damage }
        };
        opened.await?.map_err(damaged)
    }
}

/// Computes off the async threads, or in place where there is no runtime.
pub(crate) async fn offload<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SegmentError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Ok(act());
    }
    tokio::task::spawn_blocking(act).await.map_err(|ended| match ended.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => SegmentError::CutShort,
    })
}
