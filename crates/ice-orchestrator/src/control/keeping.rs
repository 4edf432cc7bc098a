//! Bytes that inputs are going to name: how they come piece by piece, and how they are held until a run names them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::llm::MAX_SHOWN_BYTES;
use ice_core::mention::Mentions;
use ice_core::store::BlobGuard;
use ice_core::time::Moment;
use ice_core::value::{BlobHash, BlobRef, Value};
use uuid::Uuid;

use super::{BlobPiece, Caller, Refusal, Response, piece};
use crate::engine::{Engine, RunError};

/// The most blobs that are coming at a time: each may take [`MAX_SHOWN_BYTES`] of memory.
const MAX_COMING: usize = 8;
/// The most that are held for runs to come.
const MAX_HELD: usize = 1_024;
/// How long nothing may come of a blob before it makes way for another.
const IDLE: Duration = Duration::from_secs(60);
/// How long a blob is held that no run names.
const HELD: Duration = Duration::from_secs(600);

/// The blobs that are coming, and those that are held. One that a piece is being read of is not among them.
#[derive(Debug, Default)]
pub(super) struct Keeping(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    coming: HashMap<(Tenant, Uuid), Coming>,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Coming {
    bytes: Vec<u8>,
    /// When the last piece came.
    at: Moment,
}

/// Keeps a blob from being collected.
#[derive(Debug)]
struct Held {
    tenant: Tenant,
    hash: BlobHash,
    at: Moment,
    #[expect(dead_code, reason = "it is dropped when the blob need not be held any more")]
    guard: BlobGuard,
}

impl Keeping {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece. The blob is given up if anything is wrong with it. After the last one it is durable, and held.
    pub(super) async fn take(
        &self,
        engine: &Engine,
        caller: &Caller,
        sent: BlobPiece,
    ) -> Result<Response, Refusal> {
        let BlobPiece { upload, offset, data, last } = sent;
        let key = (caller.tenant.clone(), upload);
        let mut bytes = self.begun(engine, &key, offset)?;
        let come = bytes.len() as u64;
        let more = piece::read(&data, offset, come)?;
        if come + more.len() as u64 > MAX_SHOWN_BYTES {
            let message =
                format!("there are more than {MAX_SHOWN_BYTES} bytes, the most that a model is shown");
            return Err(Refusal::new(ErrorCode::LimitExceeded, message));
        }
        bytes.extend_from_slice(&more);
        let at = engine.now();
        if !last {
            let come = bytes.len() as u64;
            self.lock().coming.insert(key, Coming { bytes, at });
            return Ok(Response::Received { bytes: come });
        }
        let size = bytes.len() as u64;
        let (guard, durability) = (engine.blobs().enter(), engine.blobs().durability());
        let hash =
            engine.blobs().put(&guard, Bytes::from(bytes), durability).await.map_err(RunError::from)?;
        self.lock().held.push(Held { tenant: caller.tenant.clone(), hash, at, guard });
        Ok(Response::Kept { blob: hash, size })
    }

    /// What has come of a blob, if there is room for it.
    fn begun(&self, engine: &Engine, key: &(Tenant, Uuid), offset: u64) -> Result<Vec<u8>, Refusal> {
        self.tidy(engine);
        let mut state = self.lock();
        if let Some(coming) = state.coming.remove(key) {
            return Ok(coming.bytes);
        }
        if offset != 0 {
            let message = format!("nothing comes under {} any more: begin anew with offset 0", key.1);
            return Err(Refusal::new(ErrorCode::InputInvalid, message));
        }
        if state.coming.len() >= MAX_COMING || state.held.len() >= MAX_HELD {
            let message = format!(
                "{MAX_COMING} blobs are coming already, or {MAX_HELD} wait for runs to name them: try again in a moment"
            );
            return Err(Refusal::new(ErrorCode::LimitExceeded, message));
        }
        Ok(Vec::new())
    }

    /// Gives up what nothing has come of for long, and what no run names.
    pub(super) fn tidy(&self, engine: &Engine) {
        let now = engine.now();
        let mut state = self.lock();
        state.coming.retain(|_, coming| now.since(coming.at) <= IDLE);
        state.held.retain(|held| now.since(held.at) <= HELD);
    }

    /// Holds nothing of a tenant's any more that names somebody.
    pub(super) async fn forget(
        &self,
        engine: &Engine,
        tenant: &Tenant,
        mentions: &Mentions,
    ) -> Result<(), Refusal> {
        let held: Vec<BlobHash> = {
            let mut state = self.lock();
            state.coming.retain(|(owner, _), coming| owner != tenant || !mentions.in_bytes(&coming.bytes));
            state.held.iter().filter(|held| held.tenant == *tenant).map(|held| held.hash).collect()
        };
        for hash in held {
            let bytes = engine.blobs().get(&hash, None).await.map_err(RunError::from)?;
            if mentions.in_bytes(&bytes) {
                self.lock().held.retain(|held| held.hash != hash || held.tenant != *tenant);
            }
        }
        Ok(())
    }

    /// A run names these blobs from now on: each is held once less.
    pub(super) fn release(&self, tenant: &Tenant, named: &[BlobRef]) {
        let mut state = self.lock();
        for blob in named {
            let found = state.held.iter().position(|held| held.hash == blob.hash && held.tenant == *tenant);
            if let Some(found) = found {
                state.held.swap_remove(found);
            }
        }
    }
}

/// The blobs that inputs name.
///
/// # Errors
/// [`ErrorCode::InputInvalid`] if one of them is not here, or is of another size.
pub(super) async fn named(engine: &Engine, inputs: &Value) -> Result<Vec<BlobRef>, Refusal> {
    let mut blobs = Vec::new();
    walk(inputs, &mut blobs);
    for BlobRef { hash, size, .. } in &blobs {
        let problem = match engine.blobs().size(hash).await.map_err(RunError::from)? {
            Some(found) if found == *size => continue,
            Some(found) => format!("has {found} bytes, not {size}"),
            None => "is not here: send it again".to_owned(),
        };
        let message = format!("the inputs name the blob {hash}, which {problem}");
        return Err(Refusal::new(ErrorCode::InputInvalid, message));
    }
    Ok(blobs)
}

fn walk(value: &Value, blobs: &mut Vec<BlobRef>) {
    match value {
        Value::Blob(blob) => blobs.push((**blob).clone()),
        Value::List(items) => items.iter().for_each(|item| walk(item, blobs)),
        Value::Map(entries) => entries.values().for_each(|value| walk(value, blobs)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
