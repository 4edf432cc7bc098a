//! Sealed bytes: a header that says the version and the key, a nonce, and the bytes with their tag.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::{Entropy, KeyId, NoRandomness, SealingKey, SecretKey};
use crate::error::ErrorCode;

/// What everything sealed begins with; the last byte is the version.
const MAGIC: [u8; 4] = *b"ice\x01";
const NONCE: usize = 24;
/// The bytes of the tag.
pub(crate) const TAG: usize = 16;
const HEADER: usize = MAGIC.len() + KeyId::BYTES;

/// How many bytes sealing adds: header, nonce and tag.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

/// Why sealed bytes cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// They were not sealed here.
    #[error("the bytes are not sealed")]
    NotSealed,
    /// They were sealed by a newer version: use that.
    #[error("the bytes are sealed in version {found}, this one reads version 1: use a newer ice")]
    Version {
        /// The version they say.
        found: u8,
    },
    /// Some are missing.
    #[error("of the sealed bytes only {found} are there, {least} at least there must be")]
    Cut {
        /// How many there are.
        found: usize,
        /// How many there must be at least.
        least: usize,
    },
    /// They were sealed under another key: give that one.
    #[error("the bytes are sealed under the key {wanted}, not under {given}: give that key")]
    OtherKey {
        /// The key they name.
        wanted: KeyId,
        /// The key that was given.
        given: KeyId,
    },
    /// They were altered or cut, belong to another place, or the key only has the same name.
    #[error("the sealed bytes were altered, or belong to another place")]
    Altered,
}

impl OpenError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotSealed | Self::Cut { .. } | Self::Altered => ErrorCode::SealBroken,
            Self::Version { .. } => ErrorCode::StoreFormat,
            Self::OtherKey { .. } => ErrorCode::KeyUnavailable,
        }
    }
}

/// The key that bytes are sealed under.
///
/// # Errors
/// [`OpenError`] if they are not sealed, cut within the header, or of another version.
pub fn key_of(sealed: &[u8]) -> Result<KeyId, OpenError> {
    let (magic, rest) = sealed.split_first_chunk::<4>().ok_or(OpenError::NotSealed)?;
    let [first @ .., version] = magic;
    let [expected @ .., known] = &MAGIC;
    if first != expected {
        return Err(OpenError::NotSealed);
    }
    if version != known {
        return Err(OpenError::Version { found: *version });
    }
    let id = rest.first_chunk::<{ KeyId::BYTES }>();
    id.map(|id| KeyId::from_bytes(*id)).ok_or(OpenError::Cut { found: sealed.len(), least: OVERHEAD })
}

impl SealingKey {
    /// Seals bytes for a place: only with the same `associated` bytes can they be opened. Adds [`OVERHEAD`] bytes.
    ///
    /// # Errors
    /// [`NoRandomness`] if there is none.
    pub fn seal(
        &self,
        entropy: &dyn Entropy,
        associated: &[u8],
        clear: &[u8],
    ) -> Result<Vec<u8>, NoRandomness> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce)?;
        Ok(self.seal_with(&nonce, associated, clear))
    }

    /// The same with a nonce that follows from key, place and bytes: what is equal gives equal bytes, and is seen to be equal.
    pub(crate) fn seal_equal(&self, associated: &[u8], clear: &[u8]) -> Vec<u8> {
        let mut hasher =
            blake3::Hasher::new_keyed(self.secret().derive("nonces of what stays equal").bytes());
        hasher.update(&(associated.len() as u64).to_le_bytes()).update(associated).update(clear);
        let mut nonce = [0; NONCE];
        hasher.finalize_xof().fill(&mut nonce);
        self.seal_with(&nonce, associated, clear)
    }

    fn seal_with(&self, nonce: &[u8; NONCE], associated: &[u8], clear: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(clear.len() + OVERHEAD);
        sealed.extend_from_slice(&MAGIC);
        sealed.extend_from_slice(self.id().as_bytes());
        let bound = [&sealed, associated].concat();
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(&encrypt(self.secret(), nonce, &bound, clear));
        sealed
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// [`OpenError`] if the bytes are not what was sealed under this key for this place.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let wanted = key_of(sealed)?;
        if wanted != self.id() {
            return Err(OpenError::OtherKey { wanted, given: self.id() });
        }
        let cut = || OpenError::Cut { found: sealed.len(), least: OVERHEAD };
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or_else(cut)?;
        let (nonce, body) =
            rest.split_first_chunk::<NONCE>().filter(|(_, body)| body.len() >= TAG).ok_or_else(cut)?;
        decrypt(self.secret(), nonce, &[header, associated].concat(), body).ok_or(OpenError::Altered)
    }
}

/// Bytes and their tag, without a header. No nonce may be used twice with one key.
pub(crate) fn encrypt(key: &SecretKey, nonce: &[u8; NONCE], associated: &[u8], clear: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.bytes()));
    let payload = Payload { msg: clear, aad: associated };
    // It only fails beyond 256 GiB, of which no value has a hundredth: an empty answer cannot be opened.
    cipher.encrypt(&XNonce::from(*nonce), payload).unwrap_or_default()
}

/// What [`encrypt`] was given, if nothing was altered.
pub(crate) fn decrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE],
    associated: &[u8],
    body: &[u8],
) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key.bytes()));
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: associated }).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seal::TestEntropy;

    fn key(seed: u64) -> SealingKey {
        SealingKey::of(SecretKey::generate(&TestEntropy::new(seed)).unwrap())
    }

    #[test]
    fn what_is_wrong_with_sealed_bytes_is_said() {
        let sealed = key(1).seal(&TestEntropy::new(2), b"a", b"clear").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        let open = |sealed: &[u8]| key(1).open(b"a", sealed).unwrap_err();
        assert_eq!(open(b""), OpenError::NotSealed);
        assert_eq!(open(b"clear text that was never sealed"), OpenError::NotSealed);
        assert_eq!(open(&sealed[..10]), OpenError::Cut { found: 10, least: OVERHEAD });
        assert_eq!(open(&sealed[..OVERHEAD - 1]), OpenError::Cut { found: OVERHEAD - 1, least: OVERHEAD });
        assert_eq!(open(&[b"ice\x02", &sealed[4..]].concat()), OpenError::Version { found: 2 });
        let other = key(3).open(b"a", &sealed).unwrap_err();
        assert_eq!(other, OpenError::OtherKey { wanted: key(1).id(), given: key(3).id() });
        assert_eq!(key(1).open(b"b", &sealed), Err(OpenError::Altered));
        let same_name = SealingKey::new(key(1).id(), SecretKey::generate(&TestEntropy::new(9)).unwrap());
        assert_eq!(same_name.open(b"a", &sealed), Err(OpenError::Altered));
    }

    #[test]
    fn a_key_is_never_shown() {
        let shown = format!("{:?} {:?}", key(1), key(1).secret());
        assert!(
            shown.contains("SecretKey") && !shown.contains(&format!("{:?}", key(1).secret().bytes())),
            "{shown}"
        );
    }

    #[test]
    fn the_cipher_is_that_of_the_draft() {
        // draft-irtf-cfrg-xchacha-03, A.3.1.
        let mut bytes: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let secret = SecretKey::from_bytes(&mut bytes);
        assert_eq!(bytes, [0; 32], "what was given is wiped");
        let nonce = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let clear = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = encrypt(&secret, &nonce, &associated, clear);
        assert_eq!(sealed[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(
            sealed[sealed.len() - 16..],
            [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49]
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_nothing_altered_is(
            clear in proptest::collection::vec(any::<u8>(), 0..300),
            place in proptest::collection::vec(any::<u8>(), 0..40),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
            length in any::<prop::sample::Index>(),
        ) {
            let key = key(1);
            let sealed = key.seal(&TestEntropy::new(2), &place, &clear).unwrap();
            prop_assert_eq!(key.open(&place, &sealed).unwrap(), clear.clone());
            let mut altered = sealed.clone();
            altered[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(key.open(&place, &altered).is_err());
            prop_assert!(key.open(&place, &sealed[..length.index(sealed.len())]).is_err());
            prop_assert!(key.open(&[&place[..], b"x"].concat(), &sealed).is_err());
            let equal = key.seal_equal(&place, &clear);
            prop_assert_eq!(&equal, &key.seal_equal(&place, &clear));
            prop_assert_eq!(key.open(&place, &equal).unwrap(), clear);
        }

        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(key(1).open(b"", &bytes).is_err());
        }
    }
}
