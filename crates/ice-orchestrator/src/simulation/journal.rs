//! The journal of a simulated run: encoded chunks, of which a part is durable.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::value::BlobHash;

use crate::journal::codec::{Chunk, Decoder, Encoder, Reading};
use crate::journal::{Body, Record};
use crate::replay::Replay;
use crate::workflow::Plan;
use crate::workflow::runtime::{State, apply};

/// The journal of a simulated run.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Encoded, but not written.
    open: Chunk,
    encoder: Encoder,
    chunks: Vec<Written>,
    /// Of the chunks, so many are durable.
    synced: usize,
    blobs: HashMap<BlobHash, Bytes>,
}

#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    records: u64,
}

/// Folds records one after the other, each through its bytes.
#[derive(Debug, Default)]
pub(super) struct Folder {
    decoder: Decoder,
    pub(super) state: Option<State>,
    /// Decides everything again, if that is compared.
    pub(super) replay: Option<Replay>,
    /// The number of the record with which the run was moved to its plan.
    moved: u64,
}

impl Folder {
    /// One that compares each record with what a replay decides.
    pub(super) fn comparing(plan: &Arc<Plan>) -> Self {
        Self::moved_at(plan, 0)
    }

    /// The same for a run that was moved to its plan with the record of this number.
    pub(super) fn moved_at(plan: &Arc<Plan>, moved: u64) -> Self {
        let replay = Replay::new(Arc::clone(plan)).moved_at(moved);
        Self { replay: Some(replay), moved, ..Self::default() }
    }

    /// Folds a chunk in.
    pub(super) fn fold(
        &mut self,
        plan: &Arc<Plan>,
        bytes: &[u8],
        blobs: &HashMap<BlobHash, Bytes>,
    ) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut chunk = Reading::begin(&mut self.decoder, bytes).map_err(|error| text(&error))?;
        while let Some(hash) = chunk.needs(&mut self.decoder).map_err(|error| text(&error))? {
            let bytes = blobs.get(&hash).ok_or_else(|| format!("the blob {hash} is missing"))?;
            chunk.supply(&mut self.decoder, bytes).map_err(|error| text(&error))?;
        }
        for record in chunk.into_records() {
            if let Some(replay) = &mut self.replay {
                replay
                    .push(&record)
                    .map_err(|divergence| format!("a replay parts from the journal: {divergence}"))?;
            }
            match (&mut self.state, record.body) {
                (None, Body::Manifest(manifest)) => {
                    self.state = Some(State::new(manifest, Arc::clone(plan), record.at));
                }
                (None, _) => return Err("the journal does not begin with a manifest".to_owned()),
                (Some(state), body) => {
                    apply(state, &Record { at: record.at, body }).map_err(|error| text(&error))?;
                }
            }
        }
        Ok(())
    }
}

impl Journal {
    /// A journal of these chunks, all of them durable.
    pub(super) fn of(chunks: &[Vec<u8>], plan: &Arc<Plan>) -> Result<Self, String> {
        let (mut journal, mut folder) = (Self::default(), Folder::default());
        let mut number = 0;
        for bytes in chunks {
            folder.fold(plan, bytes, &journal.blobs)?;
            let next = folder.state.as_ref().map(State::next_number).unwrap_or_default();
            journal.chunks.push(Written { bytes: bytes.clone(), records: next - number });
            number = next;
        }
        journal.synced = journal.chunks.len();
        Ok(journal)
    }

    /// Adds a record to what is to be written; gives its bytes.
    pub(super) fn push(&mut self, record: &Record) -> Result<Vec<u8>, String> {
        let at = self.open.bytes.len();
        self.encoder.push(record.at, &record.body, &mut self.open).map_err(|error| error.to_string())?;
        for blob in self.open.blobs.drain(..) {
            self.blobs.insert(BlobHash::of(&blob), blob);
        }
        Ok(self.open.bytes.get(at..).unwrap_or_default().to_vec())
    }

    pub(super) const fn blobs(&self) -> &HashMap<BlobHash, Bytes> {
        &self.blobs
    }

    /// Whether something waits to be written.
    pub(super) const fn has_open(&self) -> bool {
        self.open.records > 0
    }

    /// Whether something is not durable.
    pub(super) const fn has_unsynced(&self) -> bool {
        self.has_open() || self.synced < self.chunks.len()
    }

    /// Writes what waits.
    pub(super) fn write(&mut self) {
        if self.has_open() {
            let chunk = std::mem::take(&mut self.open);
            self.chunks.push(Written { bytes: chunk.bytes, records: chunk.records });
        }
    }

    /// Writes what waits and makes everything durable.
    pub(super) fn sync(&mut self) {
        self.write();
        self.synced = self.chunks.len();
    }

    /// Something else is made durable, and with it all that was written before.
    pub(super) const fn sync_written(&mut self) {
        self.synced = self.chunks.len();
    }

    /// Records before this number are written, for others to see.
    pub(super) fn visible(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.records).sum()
    }

    /// Chunks, and how many of them are durable.
    pub(super) const fn written(&self) -> (usize, usize) {
        (self.chunks.len(), self.synced)
    }

    /// Records before this number are durable.
    pub(super) fn durable(&self) -> u64 {
        self.chunks.iter().take(self.synced).map(|chunk| chunk.records).sum()
    }

    /// The process ends: all but the first `kept` chunks are lost.
    pub(super) fn crash(&mut self, kept: usize) {
        self.open = Chunk::default();
        self.chunks.truncate(kept.max(self.synced));
        self.synced = self.chunks.len();
    }

    /// The state that follows from the written chunks. What is written next continues them.
    pub(super) fn recover(&mut self, plan: &Arc<Plan>) -> Result<State, String> {
        let folder = self.fold_written(plan, Folder::default())?;
        self.encoder = Encoder::resume(folder.decoder.known());
        folder.state.ok_or_else(|| "the journal is empty".to_owned())
    }

    /// A folder at the end of what is written, which compares if this one does.
    pub(super) fn folder(&self, plan: &Arc<Plan>, like: &Folder) -> Result<Folder, String> {
        let fresh =
            if like.replay.is_some() { Folder::moved_at(plan, like.moved) } else { Folder::default() };
        self.fold_written(plan, fresh)
    }

    /// The state that follows from everything, written or not.
    pub(super) fn fold(&self, plan: &Arc<Plan>) -> Result<State, String> {
        let folder = self.fold_all(plan, Folder::default())?;
        folder.state.ok_or_else(|| "the journal is empty".to_owned())
    }

    /// A folder at the end of everything, written or not.
    pub(super) fn fold_all(&self, plan: &Arc<Plan>, folder: Folder) -> Result<Folder, String> {
        let mut folder = self.fold_written(plan, folder)?;
        folder.fold(plan, &self.open.bytes, &self.blobs)?;
        Ok(folder)
    }

    fn fold_written(&self, plan: &Arc<Plan>, mut folder: Folder) -> Result<Folder, String> {
        for chunk in &self.chunks {
            folder.fold(plan, &chunk.bytes, &self.blobs)?;
        }
        Ok(folder)
    }

    /// The written chunks.
    pub(super) fn into_chunks(self) -> Vec<Vec<u8>> {
        self.chunks.into_iter().map(|chunk| chunk.bytes).collect()
    }
}
