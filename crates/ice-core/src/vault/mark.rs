//! What says of a store whether it is sealed, and under which key.

use super::SealError;
use crate::seal::{Entropy, KeyId, NoRandomness, SealingKey, key_of};
use crate::store::{Key, KeyBuilder, Store, Version};

/// What is sealed in a mark: nothing that is not known.
const WORD: &[u8] = b"sealed";

/// Whether a store is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// There is nothing in it: it becomes sealed when it is first opened under a key, and is in clear once something is written without.
    Empty,
    /// What is in it is in clear.
    Clear,
    /// It is sealed.
    Sealed {
        /// Under this key.
        key: KeyId,
    },
    /// It is sealed, and the master key is being changed, which was not finished.
    Rotating {
        /// The key it was sealed under before.
        from: KeyId,
        /// The key it is going to be sealed under.
        to: KeyId,
    },
}

impl Seal {
    /// Whether a store is sealed. It takes no key to know.
    ///
    /// # Errors
    /// [`SealError`] if the store fails, or what says so cannot be read.
    pub async fn of(store: &dyn Store) -> Result<Self, SealError> {
        let Some(mark) = Mark::read(store, mark()).await? else {
            let nothing = store.scan(&KeyBuilder::root().key(), None, 1).await?.is_empty();
            return Ok(if nothing { Self::Empty } else { Self::Clear });
        };
        Ok(match Mark::read(store, rotation()).await? {
            Some(rotation) => Self::Rotating { from: mark.key, to: rotation.key },
            None => Self::Sealed { key: mark.key },
        })
    }

    /// Checks that it may be opened without a key.
    ///
    /// # Errors
    /// [`SealError::Sealed`] or [`SealError::Rotating`].
    pub const fn expect_clear(self) -> Result<(), SealError> {
        match self {
            Self::Empty | Self::Clear => Ok(()),
            Self::Sealed { key } => Err(SealError::Sealed { wanted: key }),
            Self::Rotating { from, to } => Err(SealError::Rotating { from, to }),
        }
    }
}

/// Where it says that a store is sealed.
pub(super) fn mark() -> Key {
    KeyBuilder::root().folder("seal").leaf("mark")
}

/// Where it says that the master key is being changed.
pub(super) fn rotation() -> Key {
    KeyBuilder::root().folder("seal").leaf("rotation")
}

/// A mark as it stands in a store: sealed by the key that it names, so that this can be checked.
pub(super) struct Mark {
    place: Key,
    value: bytes::Bytes,
    pub(super) key: KeyId,
    pub(super) version: Version,
}

impl Mark {
    pub(super) async fn read(store: &dyn Store, place: Key) -> Result<Option<Self>, SealError> {
        let Some(found) = store.get(&place).await? else { return Ok(None) };
        let key = key_of(&found.value).map_err(SealError::Broken)?;
        Ok(Some(Self { place, value: found.value, key, version: found.version }))
    }

    /// Checks that a key is the one that the mark was made with.
    pub(super) fn check(&self, key: &SealingKey) -> Result<(), SealError> {
        if key.id() != self.key {
            return Err(SealError::OtherKey { wanted: self.key, given: key.id() });
        }
        key.open(self.place.as_bytes(), &self.value).map(drop).map_err(SealError::Broken)
    }

    /// The bytes of a new one.
    pub(super) fn make(
        place: &Key,
        key: &SealingKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, NoRandomness> {
        key.seal(entropy, place.as_bytes(), WORD)
    }
}
