//! Which blobs the memory of a tenant names: a collection of unreachable ones must spare them.

use std::collections::HashSet;

use super::places::root;
use crate::id::Tenant;
use crate::store::{Store, StoreError};
use crate::value::BlobHash;

/// How many keys are read at once.
const PAGE: usize = 1_000;

/// The blobs that the entries of a tenant name. Reads one key for each, and no entry.
///
/// # Errors
/// [`StoreError`] if the store fails.
pub async fn reachable(store: &dyn Store, tenant: &Tenant) -> Result<HashSet<BlobHash>, StoreError> {
    let prefix = root(tenant).folder("b");
    let (mut found, mut after) = (HashSet::new(), None);
    loop {
        let page = store.scan(&prefix, after.as_ref(), PAGE).await?;
        for entry in &page {
            let hash =
                entry.key.as_str().strip_prefix(prefix.as_str()).and_then(|rest| rest.split('/').next());
            let hash = hash.and_then(|hash| hash.parse::<BlobHash>().ok());
            let corrupt = || StoreError::Corrupt { what: format!("the name of a blob at `{}`", entry.key) };
            found.insert(hash.ok_or_else(corrupt)?);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            Some(_) | None => return Ok(found),
        }
    }
}
