//! Sealing: bytes that only who holds a key can read, and that nobody can alter or put elsewhere unseen.
//!
//! XChaCha20-Poly1305 (RFC 8439, with nonces of 24 bytes as in draft-irtf-cfrg-xchacha), so that nonces may be drawn at random.
//!
//! ```
//! use ice_core::seal::{OpenError, SealingKey, SecretKey, SystemEntropy};
//!
//! let key = SealingKey::of(SecretKey::generate(&SystemEntropy).unwrap());
//! let sealed = key.seal(&SystemEntropy, b"t/local/a", b"personal").unwrap();
//! assert_eq!(key.open(b"t/local/a", &sealed).unwrap(), b"personal");
//! assert!(matches!(key.open(b"t/local/b", &sealed), Err(OpenError::Altered)), "it belongs elsewhere");
//! ```

mod entropy;
mod hex;
mod key;
mod provider;
mod sealed;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use entropy::{Entropy, NoRandomness, SystemEntropy, TestEntropy};
pub use hex::InvalidKeyText;
pub use key::{KeyId, SealingKey, SecretKey};
pub use provider::{KeyError, KeyName, KeyProvider};
pub use sealed::{OVERHEAD, OpenError, key_of};
pub(crate) use sealed::{TAG, decrypt, encrypt};
