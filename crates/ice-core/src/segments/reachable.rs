//! Which blobs indexes are made of, for the collection of those that nothing names.

use std::collections::HashSet;

use super::manifest::Manifest;
use super::place::notices;
use super::{Damage, Place, SegmentError};
use crate::id::Tenant;
use crate::store::{Key, Store};
use crate::value::BlobHash;

/// Keys read at once.
const PAGE: usize = 256;

/// Every blob that an index of a tenant names. Reads the manifests, and no blob.
///
/// # Errors
/// [`SegmentError::Damaged`] if a manifest cannot be read: nothing may be collected then.
pub async fn reachable(store: &dyn Store, tenant: &Tenant) -> Result<HashSet<BlobHash>, SegmentError> {
    let (notices, mut after, mut named) = (notices(tenant), None, HashSet::new());
    loop {
        let page = store.scan(&notices, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(named) };
        after = Some(last.key.clone());
        for entry in &page {
            let manifest = place(&entry.key, &entry.value)?.manifest();
            if let Some(found) = store.get(&manifest).await? {
                named.extend(Manifest::decode(&manifest, &found.value)?.blobs());
            }
        }
    }
}

fn place(key: &Key, value: &[u8]) -> Result<Place, SegmentError> {
    let place =
        str::from_utf8(value).ok().and_then(|text| Key::new(text).ok()).and_then(|key| Place::new(key).ok());
    place.ok_or_else(|| SegmentError::Damaged {
        place: format!("the key {key}"),
        damage: Damage { what: "the place of an index", at: 0 },
    })
}
