//! Files of runs that are being brought here, piece by piece.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::time::Moment;
use uuid::Uuid;

use super::{Caller, ImportPiece, Refusal, Response, piece};
use crate::engine::{Arrived, Engine, Import};

/// The most files that are brought here at a time.
const MAX_UPLOADS: usize = 8;

/// How long nothing may come of a file before it makes way for another.
const IDLE: Duration = Duration::from_secs(60);

/// The files whose pieces are coming. A file that a piece is being read of is not among them.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<HashMap<(Tenant, Uuid), Upload>>);

#[derive(Debug)]
struct Upload {
    import: Import,
    /// How many bytes have come.
    bytes: u64,
    /// When the last piece did.
    at: Moment,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Tenant, Uuid), Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece. The file is given up if anything is wrong with it, or if the future is dropped.
    pub(super) async fn take(
        &self,
        engine: &Engine,
        caller: &Caller,
        sent: ImportPiece,
    ) -> Result<Response, Refusal> {
        let ImportPiece { upload: id, offset, data, last } = sent;
        let Caller { tenant, principal } = caller;
        let key = (tenant.clone(), id);
        let invalid = |message: String| Refusal::new(ErrorCode::InputInvalid, message);
        let known = self.lock().remove(&key);
        let mut upload = match known {
            Some(upload) => upload,
            None if offset == 0 => {
                self.make_room(engine).await?;
                Upload { import: engine.import(tenant, principal), bytes: 0, at: engine.now() }
            }
            None => {
                let message = format!("no file comes under {id} any more: begin anew with offset 0");
                return Err(invalid(message));
            }
        };
        let bytes = match piece::read(&data, offset, upload.bytes) {
            Ok(bytes) => bytes,
            Err(refusal) => {
                upload.import.discard().await;
                return Err(refusal);
            }
        };
        upload.import.push(&bytes).await?;
        upload.bytes += bytes.len() as u64;
        if last {
            let Arrived { run, status, was_here } = upload.import.finish().await?;
            return Ok(Response::Imported { run, status, was_here });
        }
        upload.at = engine.now();
        let bytes = upload.bytes;
        self.lock().insert(key, upload);
        Ok(Response::Received { bytes })
    }

    /// Gives up what is coming for a tenant.
    pub(super) async fn discard(&self, tenant: &Tenant) {
        let coming: Vec<Upload> = {
            let mut uploads = self.lock();
            uploads.extract_if(|(owner, _), _| owner == tenant).map(|(_, upload)| upload).collect()
        };
        for upload in coming {
            upload.import.discard().await;
        }
    }

    /// Gives up what nothing has come of for long.
    async fn make_room(&self, engine: &Engine) -> Result<(), Refusal> {
        let now = engine.now();
        let idle: Vec<Upload> = {
            let mut uploads = self.lock();
            uploads.extract_if(|_, upload| now.since(upload.at) > IDLE).map(|(_, upload)| upload).collect()
        };
        for upload in idle {
            upload.import.discard().await;
        }
        if self.lock().len() < MAX_UPLOADS {
            return Ok(());
        }
        let message = format!("{MAX_UPLOADS} files are being imported already: try again in a moment");
        Err(Refusal::new(ErrorCode::LimitExceeded, message))
    }
}

#[cfg(test)]
mod tests;
