//! The port for randomness that nobody can guess: keys and nonces.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The system gave no randomness. Nothing is sealed without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness ({what}): nothing can be sealed")]
pub struct NoRandomness {
    /// What the system says.
    pub what: String,
}

/// Fills bytes at random. Tests replace it.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`NoRandomness`] if there is none; `bytes` are not to be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The randomness of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|error| NoRandomness { what: error.to_string() })
    }
}

/// Bytes that follow from a seed: the same seed gives the same ones. For tests alone.
#[derive(Clone, Debug)]
pub struct TestEntropy(u64, Arc<AtomicU64>);

impl TestEntropy {
    /// Begins with a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed, Arc::default())
    }
}

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let count = self.1.fetch_add(1, Ordering::SeqCst);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes()).update(&count.to_le_bytes()).finalize_xof().fill(bytes);
        Ok(())
    }
}
