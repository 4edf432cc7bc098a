//! The journal of a run that is brought here: it is folded as it comes, and believed in nothing.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::id::RunId;
use ice_core::store::BlobStore;
use ice_core::value::{BlobHash, Value};

use crate::engine::RunError;
use crate::engine::bound::Bound;
use crate::engine::holdings::Holdings;
use crate::engine::prune::Named;
use crate::engine::start::check_ranges;
use crate::journal::codec::{DecodeError, MAX_OBJECT_BYTES, Reading, values};
use crate::journal::{Body, Decoder, Manifest, RECORD_VERSION, ReadError, Record};
use crate::workflow::Plan;
use crate::workflow::runtime::{State, apply};

/// The most items of all lists of a run: as many as 512 MiB hold.
const MAX_ITEMS: usize = (512 << 20) / size_of::<Value>();
/// The deepest nesting of a value: what a node gives, and what is around it in a record.
const MAX_DEPTH: u8 = 160;

/// What a journal says, as far as it has come.
#[derive(Debug)]
pub(super) struct Contents {
    run: RunId,
    plan: Arc<Plan>,
    decoder: Decoder,
    pub(super) state: Option<State>,
    pub(super) manifest: Option<Arc<Manifest>>,
    pub(super) bound: Bound,
    holdings: Holdings,
    /// The blobs that its values name, and those without which it cannot be read.
    named: Named,
    /// The number of the next record.
    pub(super) next: u64,
}

impl Contents {
    pub(super) fn new(run: RunId, plan: Arc<Plan>) -> Self {
        Self {
            run,
            plan,
            decoder: Decoder::doubting(MAX_ITEMS),
            state: None,
            manifest: None,
            bound: Bound::default(),
            holdings: Holdings::new(u64::MAX),
            named: Named::default(),
            next: 0,
        }
    }

    fn unsound(&self, what: impl std::fmt::Display) -> RunError {
        RunError::Unsound { run: self.run, what: what.to_string() }
    }

    /// Takes a chunk in. `known` are the blobs that came with it.
    pub(super) async fn read(
        &mut self,
        first: u64,
        chunk: &Bytes,
        known: &HashSet<BlobHash>,
        blobs: &dyn BlobStore,
    ) -> Result<(), RunError> {
        if first != self.next {
            return Err(self.unsound(format!("record {} is expected, not record {first}", self.next)));
        }
        let run = self.run;
        let unsound = |error: DecodeError| RunError::Unsound { run, what: error.to_string() };
        let mut chunk = Reading::begin(&mut self.decoder, chunk).map_err(unsound)?;
        while let Some(hash) = chunk.needs(&mut self.decoder).map_err(unsound)? {
            let bytes = self.blob(hash, known, blobs).await?;
            chunk.supply(&mut self.decoder, &bytes).map_err(unsound)?;
        }
        chunk.into_records().into_iter().try_for_each(|record| self.fold(record))
    }

    /// A blob without which the journal cannot be read.
    async fn blob(
        &mut self,
        hash: BlobHash,
        known: &HashSet<BlobHash>,
        blobs: &dyn BlobStore,
    ) -> Result<Bytes, RunError> {
        if !known.contains(&hash) {
            return Err(self.unsound(format!("the blob {hash}, which its journal needs, is not in it")));
        }
        self.named.blobs.insert(hash);
        let size = blobs.size(&hash).await?.unwrap_or_default();
        if size > MAX_OBJECT_BYTES as u64 {
            return Err(self.unsound(format!("the object {hash} has {size} bytes, more than any")));
        }
        Ok(blobs.get(&hash, None).await?)
    }

    fn fold(&mut self, record: Record) -> Result<(), RunError> {
        let number = self.next;
        let wrong = |what: String| RunError::Unsound {
            run: self.run,
            what: format!("record {number} cannot be: {what}"),
        };
        self.holdings.admit(&record.body).map_err(|error| wrong(error.to_string()))?;
        if values(&record.body).into_iter().flatten().any(|value| value.is_deeper_than(MAX_DEPTH)) {
            return Err(wrong(format!("its value nests deeper than {MAX_DEPTH} levels")));
        }
        match (&mut self.state, &record.body) {
            (None, Body::Manifest(manifest)) => {
                if manifest.run != self.run {
                    return Err(wrong(format!("it is of the run {}", manifest.run)));
                }
                if manifest.version > RECORD_VERSION {
                    return Err(ReadError::Newer { run: self.run, found: manifest.version }.into());
                }
                check_ranges(&manifest.options).map_err(|error| wrong(error.to_string()))?;
                let manifest = Arc::new((**manifest).clone());
                self.manifest = Some(Arc::clone(&manifest));
                self.state = Some(State::new(manifest, Arc::clone(&self.plan), record.at));
            }
            (None, _) => return Err(wrong("the first record is no manifest".to_owned())),
            (Some(state), _) => apply(state, &record).map_err(|error| wrong(error.what))?,
        }
        self.bound.see(number, &record.body);
        self.named.see(&record.body);
        self.next += 1;
        Ok(())
    }

    /// A blob of the file that the journal does not name.
    pub(super) fn needless<'b>(&self, blobs: &'b HashSet<BlobHash>) -> Option<&'b BlobHash> {
        blobs.iter().find(|hash| !self.named.blobs.contains(hash))
    }
}
