//! A run as one file.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use ice_core::id::{RunId, Tenant};
use ice_core::store::{Key, StoreError};
use ice_core::value::BlobHash;

use super::bound::Bound;
use super::{Engine, RunError};
use crate::journal::codec::References;
use crate::journal::{RECORD_VERSION, ReadError, keys};
use crate::transfer::{Header, Packer, Part, VERSION};

/// The most bytes that are handed out at a time: 1 MiB.
const PIECE: usize = 1 << 20;

/// A run that is written out as one file, piece by piece. Holds a chunk of the journal and one large list or map of it at most,
/// and of a blob one piece.
pub struct Export {
    engine: Engine,
    tenant: Tenant,
    run: RunId,
    /// None once the last line was given.
    packer: Option<Packer>,
    /// What is ready to be handed out.
    ready: VecDeque<Bytes>,
    /// The blobs that are left, and their sizes.
    blobs: VecDeque<(BlobHash, u64)>,
    /// The blob that is being handed out, its size, and how much of it was.
    blob: Option<(BlobHash, u64, u64)>,
    /// The chunk that came last.
    after: Option<Key>,
    /// Records from this number on came after the export began.
    upto: u64,
}

impl Engine {
    /// A run as one file, as it is now: its plan, its journal and every blob that they need. Anybody who holds the file has the
    /// inputs, prompts and outputs of the run; secrets are not in it, as journals do not have them, and neither is what was
    /// sent to the run and not taken up yet. The same run gives the same bytes.
    ///
    /// # Errors
    /// [`RunError::NotFound`], and [`RunError::Journal`] if the journal cannot be read.
    pub async fn export(&self, tenant: &Tenant, run: RunId) -> Result<Export, RunError> {
        self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let (mut bound, mut references) = (Bound::default(), References::default());
        let mut upto = 0;
        let (folder, mut after) = (keys::journal(tenant, run), None);
        while let Some(entry) = self.inner.store.scan(&folder, after.as_ref(), 1).await?.into_iter().next() {
            let first = entry.key.number_after(&folder).unwrap_or(upto);
            if first != upto {
                return Err(ReadError::Hole { run, from: upto, to: first }.into());
            }
            let damaged = |source| ReadError::Damaged { run, number: first, source };
            for record in references.read(&entry.value).map_err(damaged)? {
                bound.see(upto, &record.body);
                upto += 1;
            }
            while let Some((hash, is_pack)) = references.take_open() {
                let bytes = self.inner.blobs.get(&hash, None).await?;
                references.supply(hash, is_pack, &bytes).map_err(damaged)?;
            }
            after = Some(entry.key);
        }
        let empty = || RunError::record(run, "its journal", &"it does not begin with a manifest");
        let plan = bound.to.ok_or_else(empty)?.plan;
        let document = self.inner.store.get(&keys::plan(tenant, plan)).await?;
        let missing = || RunError::record(run, "its plan", &"it is not in the store");
        let document = document.ok_or_else(missing)?.value;
        let (needed, named) = references.into_blobs();
        let mut blobs = VecDeque::new();
        for hash in needed.union(&named) {
            match self.inner.blobs.size(hash).await? {
                Some(size) => blobs.push_back((*hash, size)),
                None if needed.contains(hash) => {
                    return Err(StoreError::BlobMissing { hash: hash.to_string() }.into());
                }
                // What a value merely names need not be there: an input can name whatever it likes.
                None => {}
            }
        }
        let mut export = Export {
            engine: self.clone(),
            tenant: tenant.clone(),
            run,
            packer: Some(Packer::default()),
            ready: VecDeque::new(),
            blobs,
            blob: None,
            after: None,
            upto,
        };
        let header = Header {
            ice_run: VERSION,
            run,
            records: upto,
            journal: RECORD_VERSION,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        export.pack(|packer| packer.header(&header).map(|line| vec![line]))?;
        export.whole(&Part::Plan { hash: plan, size: document.len() as u64 }, &document)?;
        Ok(export)
    }
}

impl Export {
    /// The run.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The next piece, of 1 MiB at most; nothing at the end. After an error, or if the future was dropped, the rest cannot be
    /// had any more.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed; [`RunError::NotFound`] if the run was removed meanwhile.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RunError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if let Some(blob) = self.blob.take() {
                self.blob_piece(blob).await?;
            } else if let Some((hash, size)) = self.blobs.pop_front() {
                self.pack(|packer| packer.part(&Part::Blob { hash, size }).map(|line| vec![line]))?;
                self.blob = Some((hash, size, 0));
            } else if self.packer.is_none() {
                return Ok(None);
            } else {
                self.chunk().await?;
            }
        }
    }

    async fn blob_piece(&mut self, (hash, size, from): (BlobHash, u64, u64)) -> Result<(), RunError> {
        let to = size.min(from + PIECE as u64);
        if from < to {
            let bytes = self.engine.blobs().get(&hash, Some(from..to)).await?;
            self.pack(|packer| Ok(vec![packer.bytes(bytes)]))?;
        }
        if to < size {
            self.blob = Some((hash, size, to));
            return Ok(());
        }
        self.pack(|packer| Ok(vec![packer.end_part()]))
    }

    /// The next chunk of the journal, or the last line.
    async fn chunk(&mut self) -> Result<(), RunError> {
        let folder = keys::journal(&self.tenant, self.run);
        let found = self.engine.store().scan(&folder, self.after.as_ref(), 1).await?.into_iter().next();
        let first = found.as_ref().and_then(|entry| entry.key.number_after(&folder));
        match (found, first) {
            (Some(entry), Some(first)) if first < self.upto => {
                self.whole(&Part::Chunk { first, size: entry.value.len() as u64 }, &entry.value)?;
                self.after = Some(entry.key);
                Ok(())
            }
            (None, _) if self.after.is_none() => Err(RunError::NotFound(self.run)),
            (Some(_) | None, _) => {
                // Of a run that was removed meanwhile there may have been less than there was.
                let head = self.engine.inner.head(&self.tenant, self.run).await?;
                head.ok_or(RunError::NotFound(self.run))?;
                let Some(packer) = self.packer.take() else { return Ok(()) };
                let last = packer.end().map_err(|error| RunError::record(self.run, "its file", &error))?;
                self.ready.push_back(last);
                Ok(())
            }
        }
    }

    /// A part that is in memory.
    fn whole(&mut self, part: &Part, bytes: &Bytes) -> Result<(), RunError> {
        self.pack(|packer| {
            let mut pieces = vec![packer.part(part)?];
            let mut from = 0;
            while from < bytes.len() {
                let to = bytes.len().min(from + PIECE);
                pieces.push(packer.bytes(bytes.slice(from..to)));
                from = to;
            }
            pieces.push(packer.end_part());
            Ok(pieces)
        })
    }

    fn pack(
        &mut self,
        pack: impl FnOnce(&mut Packer) -> Result<Vec<Bytes>, serde_json::Error>,
    ) -> Result<(), RunError> {
        let Some(packer) = &mut self.packer else { return Ok(()) };
        let pieces = pack(packer).map_err(|error| RunError::record(self.run, "its file", &error))?;
        self.ready.extend(pieces);
        Ok(())
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("run", &self.run).finish_non_exhaustive()
    }
}
