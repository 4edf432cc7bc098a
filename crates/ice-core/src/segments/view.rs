//! What an index holds at a moment.

use std::sync::Arc;

use ahash::AHashMap;

use super::manifest::{Manifest, Named};
use super::{ItemId, Payload, Pending, Rows};
use crate::store::Version;

/// What an index holds at a moment: searches read it, and nothing changes it.
#[derive(Debug)]
pub struct View<P: Payload> {
    pub(super) manifest: Arc<Manifest>,
    pub(super) version: Version,
    pub(super) parts: Vec<Part<P::Segment>>,
    pub(super) pending: AHashMap<ItemId, Pending<P::Item>>,
}

/// Where an item stands.
#[derive(Debug)]
pub enum Found<'v, P: Payload> {
    /// It is in no segment yet.
    Pending(&'v P::Item),
    /// In this row of a segment.
    Row(&'v P::Segment, u32),
}

/// A segment, and which of its rows are no more.
#[derive(Debug)]
pub struct Part<S> {
    pub(super) named: Named,
    segment: Arc<S>,
    /// As the manifest says.
    pub(super) lost: Arc<Rows>,
    /// That, and what is pending.
    dead: Arc<Rows>,
}

impl<S> Part<S> {
    pub(super) fn new(named: Named, segment: Arc<S>, lost: Arc<Rows>) -> Self {
        let dead = Arc::clone(&lost);
        Self { named, segment, lost, dead }
    }

    pub(super) fn shared(&self) -> Arc<S> {
        Arc::clone(&self.segment)
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &S {
        &self.segment
    }

    /// The rows of it that are no more.
    #[must_use]
    pub fn dead(&self) -> &Rows {
        &self.dead
    }

    /// The rows that are alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.dead.length() - self.dead.count()
    }
}

impl<S> Clone for Part<S> {
    fn clone(&self) -> Self {
        Self {
            named: self.named.clone(),
            segment: Arc::clone(&self.segment),
            lost: Arc::clone(&self.lost),
            dead: Arc::clone(&self.dead),
        }
    }
}

impl<P: Payload> Clone for View<P> {
    fn clone(&self) -> Self {
        Self {
            manifest: Arc::clone(&self.manifest),
            version: self.version,
            parts: self.parts.clone(),
            pending: self.pending.clone(),
        }
    }
}

impl<P: Payload> View<P> {
    pub(super) fn apply(&mut self, payload: &P, id: ItemId, pending: Pending<P::Item>) {
        // What is pending already masks the segments.
        if self.pending.insert(id, pending).is_none() {
            for part in &mut self.parts {
                if let Some(row) = payload.row_of(&part.segment, id) {
                    Arc::make_mut(&mut part.dead).insert(row);
                }
            }
        }
    }

    /// Where an item stands, if it is there.
    #[must_use]
    pub fn find(&self, payload: &P, id: ItemId) -> Option<Found<'_, P>> {
        match self.pending.get(&id) {
            Some(Pending::Put(item)) => Some(Found::Pending(&**item)),
            Some(Pending::Removed) => None,
            None => self.parts.iter().find_map(|part| {
                let row = payload.row_of(&part.segment, id).filter(|row| !part.dead.contains(*row))?;
                Some(Found::Row(&*part.segment, row))
            }),
        }
    }

    /// The segments.
    #[must_use]
    pub fn parts(&self) -> &[Part<P::Segment>] {
        &self.parts
    }

    /// The items that are in no segment yet, in no order.
    pub fn pending(&self) -> impl Iterator<Item = (ItemId, &P::Item)> {
        self.pending.iter().filter_map(|(id, pending)| match pending {
            Pending::Put(item) => Some((*id, &**item)),
            Pending::Removed => None,
        })
    }

    /// How many changes are in no segment yet, removals included.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(Part::alive).sum::<usize>() + self.pending().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
