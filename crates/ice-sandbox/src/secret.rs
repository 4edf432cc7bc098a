//! Secrets, which a policy names but does not hold: what they are called, who knows them, and what is known of them.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The most that a secret may have, in bytes.
pub(crate) const MAX_SECRET: usize = 64 << 10;

/// Where files with secrets are in a cage.
pub(crate) const FOLDER: &str = "/cage/.secrets";

/// What a secret is called by those who keep it, such as `env:API_TOKEN`. It says nothing of what the secret is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretRef(String);

impl SecretRef {
    /// A reference, in whatever form the [`Secrets`] that are asked understand.
    #[must_use]
    pub fn new(reference: impl Into<String>) -> Self {
        Self(reference.into())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a secret is. It is never shown, and overwritten once it is dropped.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes it over.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// Why a secret cannot be had. Says nothing of what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Whoever knows what secrets are. A function from a reference to a result is one, if it need not wait.
///
/// ```
/// use ice_sandbox::{SecretBytes, SecretError, SecretRef, Secrets};
///
/// fn all(secrets: impl Secrets) {}
///
/// all(|reference: &SecretRef| match reference.as_str() {
///     "vault:token" => Ok(SecretBytes::new("t0p5ecret")),
///     _ => Err(SecretError("there is no such secret".to_owned())),
/// });
/// ```
#[async_trait]
pub trait Secrets: Send + Sync {
    /// What is called so, as it is now. Asked once for each secret of each run, before anything is started; dropped if the
    /// run is cancelled meanwhile.
    ///
    /// # Errors
    /// [`SecretError`] if there is no such secret, or it cannot be had.
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretBytes, SecretError>;
}

#[async_trait]
impl<F> Secrets for F
where
    F: Fn(&SecretRef) -> Result<SecretBytes, SecretError> + Send + Sync,
{
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretBytes, SecretError> {
        self(reference)
    }
}
