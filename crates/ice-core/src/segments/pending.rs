//! What is written to the store for an item until it is in a segment.

use std::sync::Arc;

use super::{Damage, Payload};

/// What is pending for an id.
#[derive(Debug)]
pub enum Pending<T> {
    /// The item.
    Put(Arc<T>),
    /// It was removed; segments may still hold it.
    Removed,
}

impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Put(item) => Self::Put(Arc::clone(item)),
            Self::Removed => Self::Removed,
        }
    }
}

const PUT: u8 = 1;
const REMOVED: u8 = 2;

pub(super) fn encode_put<P: Payload>(payload: &P, item: &P::Item) -> Vec<u8> {
    let mut bytes = vec![PUT];
    bytes.extend_from_slice(&payload.encode(item));
    bytes
}

pub(super) const fn encode_removed() -> &'static [u8] {
    &[REMOVED]
}

pub(super) fn decode<P: Payload>(payload: &P, bytes: &[u8]) -> Result<Pending<P::Item>, Damage> {
    match bytes.split_first() {
        Some((&PUT, item)) => payload.decode(item).map(|item| Pending::Put(Arc::new(item))),
        Some((&REMOVED, [])) => Ok(Pending::Removed),
        Some(_) | None => Err(Damage { what: "what is pending", at: 0 }),
    }
}
