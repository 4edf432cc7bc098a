//! Bringing a run here that was exported elsewhere. Everything is looked at before anything of it can be seen.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::store::BlobGuard;
use ice_core::value::BlobHash;

use super::prune::Uncollected;
use super::{Engine, RunError};
use crate::journal::{PinnedPlan, RECORD_VERSION, ReadError, RunStatus};
use crate::transfer::{Header, Item, Part, TransferError, Unpacker};
use crate::workflow::{Plan, compile_to_read};

mod arrival;
mod contents;

use contents::Contents;

/// The most bytes of a journal without its blobs: 512 MiB, as much as the values of a run may take by default.
const MAX_JOURNAL_BYTES: usize = 512 << 20;

/// A run that is brought here, from the bytes of its file as they come.
///
/// Blobs are kept in the blob store as they come, where nothing names them until the run is there; the plan and the chunks
/// of the journal are held in memory. [`Self::push`] that fails removes what was kept; so does [`Self::discard`]. What a
/// process leaves that ends in between goes with the next [`Engine::prune`] that removes a run.
pub struct Import {
    engine: Engine,
    tenant: Tenant,
    by: Principal,
    unpacker: Unpacker,
    header: Option<Header>,
    /// The document of the plan, by its hash, and what it says.
    plan: Option<(BlobHash, Bytes, Arc<Plan>)>,
    /// The blobs of the file.
    blobs: HashSet<BlobHash>,
    /// Keeps them from being collected. None once the import is over.
    guard: Option<BlobGuard>,
    /// Whether any of them was not here before.
    is_fresh: bool,
    contents: Option<Contents>,
    /// The chunks, by the number of their first record.
    chunks: Vec<(u64, Bytes)>,
    chunk_bytes: usize,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The run.
    pub run: RunId,
    /// Where it stands here.
    pub status: RunStatus,
    /// Whether it was here before, just so.
    pub was_here: bool,
}

impl Engine {
    /// Begins to bring a run here: its file follows, in pieces of any size, and then [`Import::finish`]. The run becomes one
    /// of this tenant, whosever it was. Its idempotency key stays what it was started with and stands for no run here.
    #[must_use]
    pub fn import(&self, tenant: &Tenant, by: &Principal) -> Import {
        Import {
            engine: self.clone(),
            tenant: tenant.clone(),
            by: by.clone(),
            unpacker: Unpacker::default(),
            header: None,
            plan: None,
            blobs: HashSet::new(),
            guard: Some(self.inner.blobs.enter()),
            is_fresh: false,
            contents: None,
            chunks: Vec::new(),
            chunk_bytes: 0,
        }
    }
}

impl Import {
    /// Takes further bytes of the file, and looks at what is complete with them. After an error, or if the future was
    /// dropped, the import is over.
    ///
    /// # Errors
    /// [`RunError::File`] or [`RunError::Unsound`] with what is wrong with them, [`RunError::Journal`] if they were written by
    /// a newer version, [`RunError::Plan`] if the plan cannot be read here, [`RunError::Store`] if the store failed.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        let taken = self.take(bytes).await;
        if taken.is_err() {
            self.give_up().await;
        }
        taken
    }

    /// The end of the file: whatever it has is there now, all at once, or nothing of it. A run that has ended is as it was;
    /// another is parked with `RUN_IMPORTED` until [`Engine::resume`] goes on with it.
    ///
    /// # Errors
    /// As [`Self::push`]; [`RunError::Exists`] if a run of this id is here that is not as the file has it.
    pub async fn finish(mut self) -> Result<Arrived, RunError> {
        let arrived = self.arrive().await;
        match &arrived {
            Ok(Arrived { was_here: false, .. }) => {}
            Ok(_) | Err(_) => self.give_up().await,
        }
        arrived
    }

    /// Lets go of what has come so far.
    pub async fn discard(mut self) {
        self.give_up().await;
    }

    async fn give_up(&mut self) {
        // While this writer is in flight nothing of it is collected.
        let was_open = self.guard.take().is_some();
        if was_open
            && std::mem::take(&mut self.is_fresh)
            && let Err(Uncollected { error, .. }) = self.engine.collect_blobs().await
        {
            tracing::warn!(%error, "blobs of a run that was not imported stay until runs are pruned");
        }
    }

    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), RunError> {
        if self.guard.is_none() {
            return Err(RunError::Closing);
        }
        while let Some(item) = self.unpacker.next(&mut bytes)? {
            match item {
                Item::Header(header) => self.begin(header)?,
                Item::Part(Part::Plan { hash, .. }, document) => self.plan(hash, document)?,
                Item::Part(Part::Blob { hash, .. }, blob) => self.blob(hash, blob).await?,
                Item::Part(Part::Chunk { first, .. }, chunk) => self.chunk(first, chunk).await?,
                Item::End(_) => {}
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn begin(&mut self, header: Header) -> Result<(), RunError> {
        let Header { run, journal, .. } = header;
        self.header = Some(header);
        if journal > RECORD_VERSION { Err(ReadError::Newer { run, found: journal }.into()) } else { Ok(()) }
    }

    fn run(&self) -> Result<RunId, RunError> {
        let header = self.header.as_ref();
        header.map(|header| header.run).ok_or_else(|| TransferError::Foreign.into())
    }

    fn unsound(&self, what: impl Into<String>) -> RunError {
        match self.run() {
            Ok(run) => RunError::Unsound { run, what: what.into() },
            Err(error) => error,
        }
    }

    fn plan(&mut self, hash: BlobHash, document: Bytes) -> Result<(), RunError> {
        let run = self.run()?;
        if self.plan.is_some() {
            return Err(self.unsound("it has two plans"));
        }
        if BlobHash::of(&document) != hash {
            return Err(self.unsound("its plan is not what its hash names"));
        }
        let pinned: PinnedPlan = serde_json::from_slice(&document)
            .map_err(|error| self.unsound(format!("its plan cannot be read: {error}")))?;
        let plan = compile_to_read(&pinned, &self.engine.inner.registry).map_err(|failure| {
            // What nothing here has a part in is wrong with the file.
            if failure.code == ErrorCode::JournalCorrupt {
                return self.unsound(format!("its plan cannot be read: {}", failure.message));
            }
            RunError::Plan { run, failure: Box::new(failure) }
        })?;
        self.plan = Some((hash, document, plan));
        Ok(())
    }

    async fn blob(&mut self, hash: BlobHash, bytes: Bytes) -> Result<(), RunError> {
        if self.contents.is_some() {
            return Err(self.unsound("a blob comes after the journal"));
        }
        if BlobHash::of(&bytes) != hash {
            return Err(self.unsound(format!("the blob {hash} is not what its hash names")));
        }
        let blobs = &self.engine.inner.blobs;
        let Some(guard) = &self.guard else { return Err(RunError::Closing) };
        self.is_fresh |= blobs.size(&hash).await?.is_none();
        blobs.put(guard, bytes, blobs.durability()).await?;
        self.blobs.insert(hash);
        Ok(())
    }

    async fn chunk(&mut self, first: u64, bytes: Bytes) -> Result<(), RunError> {
        let run = self.run()?;
        let Some((_, _, plan)) = &self.plan else {
            return Err(self.unsound("its journal comes before its plan"));
        };
        self.chunk_bytes = self.chunk_bytes.saturating_add(bytes.len());
        if self.chunk_bytes > MAX_JOURNAL_BYTES {
            return Err(
                self.unsound(format!("its journal has more than {MAX_JOURNAL_BYTES} bytes, the limit"))
            );
        }
        let plan = Arc::clone(plan);
        let contents = self.contents.get_or_insert_with(|| Contents::new(run, plan));
        contents.read(first, &bytes, &self.blobs, &*self.engine.inner.blobs).await?;
        self.chunks.push((first, bytes));
        Ok(())
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("header", &self.header).finish_non_exhaustive()
    }
}
