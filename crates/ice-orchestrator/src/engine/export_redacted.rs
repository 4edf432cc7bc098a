//! A run as it may be seen, as one file for whoever looks into a failure: lines of JSON, which no engine takes for a run.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ice_core::id::{RunId, Tenant};
use ice_core::value::Value;
use serde::Serialize;

use super::{Engine, RunError};
use crate::journal::{Outputs, RECORD_VERSION, Reader, Record, keys};

/// The most bytes that are handed out at a time: 1 MiB.
const PIECE: usize = 1 << 20;
/// The version of the format.
const VERSION: u32 = 1;

/// The first line.
#[derive(Serialize)]
struct Header {
    /// The version of the format. A file that begins so is not one of a run that can be gone on with.
    ice_run_redacted: u32,
    run: RunId,
    journal: u32,
    engine: &'static str,
    plan: Value,
}

/// Every other line.
#[derive(Serialize)]
struct Line<'r> {
    number: u64,
    #[serde(flatten)]
    record: &'r Record,
}

/// A run that is written out as it may be seen, piece by piece. Blobs are named and not in it.
pub struct RedactedExport {
    engine: Engine,
    reader: Reader,
    ready: VecDeque<Bytes>,
}

impl Engine {
    /// A run as it may be [seen](super::EngineBuilder::views), outputs included, as one file: a line of JSON with what it is and
    /// its plan, then one for each record. It cannot be brought back as a run.
    ///
    /// # Errors
    /// [`RunError::NotFound`], and [`RunError::Store`] if the store failed.
    pub async fn export_redacted(&self, tenant: &Tenant, run: RunId) -> Result<RedactedExport, RunError> {
        let (head, _) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let document = self.inner.store.get(&keys::plan(tenant, head.plan)).await?;
        let missing = || RunError::record(run, "its plan", &"it is not in the store");
        let document = document.ok_or_else(missing)?.value;
        let plan =
            serde_json::from_slice(&document).map_err(|error| RunError::record(run, "its plan", &error))?;
        let header = Header {
            ice_run_redacted: VERSION,
            run,
            journal: RECORD_VERSION,
            engine: env!("CARGO_PKG_VERSION"),
            plan: self.inner.views.value(plan),
        };
        let reader = Reader::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.blobs), tenant, run);
        let mut export = RedactedExport { engine: self.clone(), reader, ready: VecDeque::new() };
        export.line(&header, run)?;
        Ok(export)
    }
}

impl RedactedExport {
    /// The next piece, of 1 MiB at most; nothing at the end.
    ///
    /// # Errors
    /// [`RunError::Journal`] if the journal cannot be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RunError> {
        if self.ready.is_empty() {
            let engine = self.engine.clone();
            for numbered in self.reader.read().await? {
                let record = engine.inner.views.record(&numbered.record, Outputs::Redacted);
                let line = Line { number: numbered.number, record: &record };
                self.line(&line, self.reader.run())?;
            }
        }
        Ok(self.ready.pop_front())
    }

    fn line(&mut self, line: &impl Serialize, run: RunId) -> Result<(), RunError> {
        let mut line = serde_json::to_vec(line).map_err(|error| RunError::record(run, "a record", &error))?;
        line.push(b'\n');
        let line = Bytes::from(line);
        let pieces =
            (0..line.len()).step_by(PIECE).map(|from| line.slice(from..line.len().min(from + PIECE)));
        self.ready.extend(pieces);
        Ok(())
    }
}

impl fmt::Debug for RedactedExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactedExport").field("run", &self.reader.run()).finish_non_exhaustive()
    }
}
