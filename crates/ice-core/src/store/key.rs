//! Keys: text in segments, so that a prefix names a family.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::id::Tenant;

/// A key of the store: 1 to 512 bytes of UTF-8 in segments divided by `/`, ordered bytewise.
///
/// Build keys from segments. Numbers that must sort are written by [`Key::number`] as 16 hex digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// A key that is empty, too long or has an empty segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store key must have 1 to {} bytes, not {length}", Key::MAX_BYTES)]
pub struct InvalidKey {
    /// The length that was found, in bytes.
    pub length: usize,
}

impl Key {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Checks and takes a text.
    ///
    /// # Errors
    /// [`InvalidKey`] if it is empty or longer than [`Key::MAX_BYTES`].
    pub fn new(text: &str) -> Result<Self, InvalidKey> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidKey { length: text.len() });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The root of everything that belongs to a tenant: `t/<tenant>/`.
    #[must_use]
    pub fn tenant(tenant: &Tenant) -> Self {
        KeyBuilder::tenant(tenant).key()
    }

    /// This key with a segment and a closing `/`: a prefix. A `/` within the segment becomes `%2F`, a `%`
    /// becomes `%25`, so that segments never merge.
    #[must_use]
    pub fn folder(&self, segment: &str) -> Self {
        KeyBuilder::below(self).folder(segment).key()
    }

    /// This prefix with a last segment: a full key. Escaped as in [`Key::folder`].
    #[must_use]
    pub fn leaf(&self, segment: &str) -> Self {
        KeyBuilder::below(self).leaf(segment)
    }

    /// The prefix above this one, which is a prefix too.
    #[must_use]
    pub fn parent(&self) -> Self {
        let above = self.0.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
        Self(Arc::from(if above.is_empty() { String::new() } else { format!("{above}/") }))
    }

    /// This prefix with a number as last segment, 16 hex digits, so that keys sort by it.
    #[must_use]
    pub fn number(&self, number: u64) -> Self {
        KeyBuilder::below(self).number(number)
    }

    /// The number that [`Key::number`] wrote after `prefix`.
    #[must_use]
    pub fn number_after(&self, prefix: &Self) -> Option<u64> {
        let digits = self.0.strip_prefix(&*prefix.0)?;
        (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A key that is put together in one go: as [`Key::folder`] and its like, without a key for each step.
#[derive(Debug)]
pub struct KeyBuilder(String);

impl KeyBuilder {
    /// Begins outside of every tenant, with nothing.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Begins at the root of everything that belongs to a tenant: `t/<tenant>/`.
    #[must_use]
    pub fn tenant(tenant: &Tenant) -> Self {
        let mut text = String::with_capacity(96);
        text.push_str("t/");
        text.push_str(tenant.as_str());
        text.push('/');
        Self(text)
    }

    fn below(prefix: &Key) -> Self {
        let mut text = String::with_capacity(prefix.0.len() + 48);
        text.push_str(&prefix.0);
        Self(text)
    }

    fn push(&mut self, segment: &str) {
        // Looks at all bytes without an early end: many at a time then.
        if segment.bytes().fold(false, |found, byte| found | (byte == b'/') | (byte == b'%')) {
            self.0.push_str(&segment.replace('%', "%25").replace('/', "%2F"));
        } else {
            self.0.push_str(segment);
        }
    }

    /// Adds a segment and a closing `/`.
    #[must_use]
    pub fn folder(mut self, segment: &str) -> Self {
        self.push(segment);
        self.0.push('/');
        self
    }

    /// Ends with a segment.
    #[must_use]
    pub fn leaf(mut self, segment: &str) -> Key {
        self.push(segment);
        self.key()
    }

    /// Ends with a number, 16 hex digits.
    #[must_use]
    pub fn number(mut self, number: u64) -> Key {
        let mut digits = [0; 16];
        for (shift, digit) in (0..16).rev().zip(&mut digits) {
            let value = (number >> (shift * 4) & 0xf) as u8;
            *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        }
        // They are digits.
        self.0.push_str(str::from_utf8(&digits).unwrap_or_default());
        self.key()
    }

    /// Ends as a prefix.
    #[must_use]
    pub fn key(self) -> Key {
        Key(Arc::from(self.0))
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_never_merge_and_numbers_sort() {
        let root = Key::tenant(&Tenant::default());
        assert_eq!(root.folder("run").leaf("a/b%").as_str(), "t/local/run/a%2Fb%25");
        let journal = root.folder("j");
        assert!(journal.number(9) < journal.number(10));
        assert_eq!(journal.number(0xabc).number_after(&journal), Some(0xabc));
        assert_eq!(journal.leaf("x").number_after(&journal), None);
    }
}
