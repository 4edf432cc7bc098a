//! Lines of memory that are being taken in, piece by piece.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::memory::{Imported, Importer, Memory};
use ice_core::time::Moment;
use uuid::Uuid;

use super::MemoryResponse;
use crate::control::{ImportPiece, Refusal, Response, piece};
use crate::engine::Engine;

/// The most imports at a time.
const MAX_ARRIVALS: usize = 8;
/// How long nothing may come before an import makes way for another.
const IDLE: Duration = Duration::from_secs(60);
/// The most bytes of a line.
const MAX_LINE_BYTES: usize = 16 << 20;

/// What is being taken in. An import of which a piece is being read is not among it.
#[derive(Debug, Default)]
pub(in crate::control) struct Arrivals(Mutex<HashMap<(Tenant, Uuid), Arrival>>);

#[derive(Debug)]
struct Arrival {
    importer: Importer,
    /// The begin of a line whose end has not come.
    line: Vec<u8>,
    /// How many bytes have come.
    bytes: u64,
    /// When the last piece did.
    at: Moment,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Tenant, Uuid), Arrival>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what is coming for a tenant: entries that were taken in stay.
    pub(in crate::control) fn discard(&self, tenant: &Tenant) {
        self.lock().retain(|(owner, _), _| owner != tenant);
    }

    /// Takes a piece. The import ends if anything is wrong with it, or if the future is dropped; entries that were taken in
    /// before stay, and another import passes over them.
    pub(super) async fn take(
        &self,
        engine: &Engine,
        memory: &Memory,
        sent: ImportPiece,
    ) -> Result<Response, Refusal> {
        let ImportPiece { upload: id, offset, data, last } = sent;
        let key = (memory.tenant().clone(), id);
        let known = self.lock().remove(&key);
        let mut arrival = match known {
            Some(arrival) => arrival,
            None if offset == 0 => {
                self.make_room(engine.now())?;
                Arrival { importer: memory.importer(), line: Vec::new(), bytes: 0, at: engine.now() }
            }
            None => {
                let message = format!("nothing comes under {id} any more: begin anew with offset 0");
                return Err(Refusal::new(ErrorCode::InputInvalid, message));
            }
        };
        let bytes = piece::read(&data, offset, arrival.bytes)?;
        arrival.push(&bytes).await?;
        arrival.bytes += bytes.len() as u64;
        if last {
            let Imported { added, skipped } = arrival.finish().await?;
            return Ok(Response::Memory(MemoryResponse::Imported { added, skipped }));
        }
        arrival.at = engine.now();
        let bytes = arrival.bytes;
        self.lock().insert(key, arrival);
        Ok(Response::Received { bytes })
    }

    /// Gives up what nothing has come of for long.
    fn make_room(&self, now: Moment) -> Result<(), Refusal> {
        let mut arrivals = self.lock();
        arrivals.retain(|_, arrival| now.since(arrival.at) <= IDLE);
        if arrivals.len() < MAX_ARRIVALS {
            return Ok(());
        }
        let message = format!("memory is being imported {MAX_ARRIVALS} times already: try again in a moment");
        Err(Refusal::new(ErrorCode::LimitExceeded, message))
    }
}

impl Arrival {
    async fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let mut part = parts.next().unwrap_or_default();
        for next in parts {
            self.line.extend_from_slice(part);
            self.take_line().await?;
            part = next;
        }
        self.line.extend_from_slice(part);
        if self.line.len() > MAX_LINE_BYTES {
            let message = format!("a line has more than {MAX_LINE_BYTES} bytes");
            return Err(Refusal::new(ErrorCode::MemoryInvalid, message));
        }
        Ok(())
    }

    async fn take_line(&mut self) -> Result<(), Refusal> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8(line)
            .map_err(|_| Refusal::new(ErrorCode::MemoryInvalid, "what is imported is no UTF-8"))?;
        Ok(self.importer.line(&line).await?)
    }

    async fn finish(mut self) -> Result<Imported, Refusal> {
        if !self.line.is_empty() {
            self.take_line().await?;
        }
        Ok(self.importer.finish().await?)
    }
}
