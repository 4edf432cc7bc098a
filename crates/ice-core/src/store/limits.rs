//! The bounds that every store of this crate sets on what it takes.

use super::{Batch, CommitError, Durability, Offers, StoreError};

/// The largest value, in bytes: 16 MiB. What is larger belongs into the blob store.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// The largest batch, in bytes, keys and values together: 32 MiB.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

impl Offers {
    /// Refuses what exceeds this offer, for whoever implements the port. Returns the bytes of all keys and values.
    ///
    /// # Errors
    /// [`StoreError::Durability`] or [`StoreError::TooLarge`].
    pub fn check(&self, batch: &Batch, durability: Durability) -> Result<usize, CommitError> {
        check_offer(batch, durability, self)
    }
}

/// Refuses what exceeds a store's offer. Returns the bytes of all keys and values.
pub(crate) fn check_offer(
    batch: &Batch,
    durability: Durability,
    offers: &Offers,
) -> Result<usize, CommitError> {
    if durability > offers.durability {
        return Err(StoreError::Durability { wanted: durability, offered: offers.durability }.into());
    }
    let mut total = 0_usize;
    for put in batch.writes() {
        let size = put.value.as_ref().map_or(0, bytes::Bytes::len);
        if size > offers.max_value_bytes {
            let limit = offers.max_value_bytes;
            return Err(StoreError::TooLarge { what: "a value", size, limit }.into());
        }
        total = total.saturating_add(size).saturating_add(put.key.as_bytes().len());
    }
    if total > offers.max_batch_bytes {
        let limit = offers.max_batch_bytes;
        return Err(StoreError::TooLarge { what: "a batch", size: total, limit }.into());
    }
    Ok(total)
}
