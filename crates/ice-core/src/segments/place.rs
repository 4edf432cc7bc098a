//! Where an index stands in the store.

use super::ItemId;
use crate::id::Tenant;
use crate::store::Key;

/// Where an index stands: a prefix below a tenant that nothing else uses.
///
/// ```
/// use ice_core::segments::Place;
/// use ice_core::store::Key;
///
/// let place = Place::new(Key::new("t/local/memory/vectors/")?)?;
/// assert_eq!(place.tenant().as_str(), "local");
/// assert!(Place::new(Key::new("somewhere/else/")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    root: Key,
    tenant: Tenant,
    pending: Key,
}

/// What is no place of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an index stands below a tenant, `t/<tenant>/…/`, in at most {} bytes, and not at `{given}`",
    Place::MAX_BYTES
)]
pub struct InvalidPlace {
    /// What was given.
    pub given: Key,
}

impl Place {
    /// The longest, in bytes.
    pub const MAX_BYTES: usize = 400;

    /// A place.
    ///
    /// # Errors
    /// [`InvalidPlace`] if the prefix does not end with `/`, is not below a tenant, or is too long.
    pub fn new(root: Key) -> Result<Self, InvalidPlace> {
        let text = root.as_str();
        let below = text.strip_prefix("t/").and_then(|rest| rest.split_once('/'));
        let tenant = below
            .filter(|(_, below)| below.len() > 1 && below.ends_with('/'))
            .and_then(|(tenant, _)| tenant.parse().ok());
        match tenant {
            Some(tenant) if text.len() <= Self::MAX_BYTES => {
                let pending = root.folder("p");
                Ok(Self { root, tenant, pending })
            }
            Some(_) | None => Err(InvalidPlace { given: root }),
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The prefix.
    #[must_use]
    pub const fn root(&self) -> &Key {
        &self.root
    }

    pub(super) fn manifest(&self) -> Key {
        self.root.leaf("manifest")
    }

    /// The prefix of what is pending.
    pub(super) const fn pending(&self) -> &Key {
        &self.pending
    }

    pub(super) fn item(&self, id: ItemId) -> Key {
        self.pending.leaf(&id.to_string())
    }

    pub(super) fn id_of(&self, key: &Key) -> Option<ItemId> {
        ItemId::from_hex(key.as_str().strip_prefix(self.pending.as_str())?)
    }

    /// Says of a tenant that there is an index here: its value is the place.
    pub(super) fn notice(&self) -> Key {
        let digest = blake3::hash(self.root.as_bytes()).to_hex();
        notices(&self.tenant).leaf(digest.as_str())
    }
}

/// The prefix of a tenant's notices.
pub(super) fn notices(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("segments")
}
