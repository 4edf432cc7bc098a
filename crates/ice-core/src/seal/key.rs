//! Keys, and what they are called.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Entropy, NoRandomness};

/// 32 bytes that are shown to nobody, and are wiped from memory with the last copy.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey([u8; Self::BYTES]);

impl SecretKey {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;

    /// A fresh key.
    ///
    /// # Errors
    /// [`NoRandomness`] if there is none.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoRandomness> {
        let mut key = Self([0; Self::BYTES]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    /// A key from its bytes, which are wiped.
    #[must_use]
    pub fn from_bytes(bytes: &mut [u8; Self::BYTES]) -> Self {
        let key = Self(*bytes);
        bytes.zeroize();
        key
    }

    /// Another key for another purpose: from it nobody finds this one or those for other purposes (`derive_key` of BLAKE3).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let context = format!("ice 2026-11-28 {purpose}");
        Self(blake3::derive_key(&context, &self.0))
    }

    /// The bytes, for who seals with them or wraps them.
    pub(crate) const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// What a key is called. It says nothing of what the key is, and stands in clear in everything that is sealed under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; Self::BYTES]);

impl KeyId {
    /// How many bytes it has.
    pub const BYTES: usize = 16;

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

/// A key with what it is called: seals and opens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SealingKey {
    id: KeyId,
    key: Arc<SecretKey>,
}

impl SealingKey {
    /// A key that was given this id.
    #[must_use]
    pub fn new(id: KeyId, key: SecretKey) -> Self {
        Self { id, key: Arc::new(key) }
    }

    /// A key whose id follows from it.
    #[must_use]
    pub fn of(key: SecretKey) -> Self {
        let digest = key.derive("id of a key");
        let mut id = [0; KeyId::BYTES];
        id.iter_mut().zip(digest.bytes()).for_each(|(slot, byte)| *slot = *byte);
        Self::new(KeyId(id), key)
    }

    /// What it is called.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The key itself.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.key
    }
}
