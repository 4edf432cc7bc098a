//! A batch of changes that is applied whole or not at all.

use bytes::Bytes;

use super::{Key, Version};

/// What must hold of a key for a batch to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The key has no value.
    Absent,
    /// The key's value was written by this version.
    Version(Version),
}

/// One expectation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The key.
    pub key: Key,
    /// What must hold of it.
    pub expect: Expect,
}

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: Key,
    /// Its new value; absent to delete the key.
    pub value: Option<Bytes>,
}

/// Puts and deletes, and the expectations under which they happen.
///
/// Within a batch a later write to a key wins over an earlier one. Deleting an absent key does nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    writes: Vec<Put>,
    expectations: Vec<Expectation>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many writes.
    #[must_use]
    pub fn with_room(writes: usize) -> Self {
        Self { writes: Vec::with_capacity(writes), expectations: Vec::new() }
    }

    /// Writes a value.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.writes.push(Put { key, value: Some(value.into()) });
        self
    }

    /// Removes a key.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.writes.push(Put { key, value: None });
        self
    }

    /// Demands that the key has no value.
    #[must_use]
    pub fn expect_absent(mut self, key: Key) -> Self {
        self.expectations.push(Expectation { key, expect: Expect::Absent });
        self
    }

    /// Demands that the key's value was written by `version`.
    #[must_use]
    pub fn expect_version(mut self, key: Key, version: Version) -> Self {
        self.expectations.push(Expectation { key, expect: Expect::Version(version) });
        self
    }

    /// Adds the writes and expectations of another batch, after the ones here.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.expectations.extend(other.expectations);
        self
    }

    /// The writes, in order.
    #[must_use]
    pub fn writes(&self) -> &[Put] {
        &self.writes
    }

    /// The expectations.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// Whether the batch writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Takes the batch apart: writes, expectations.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Put>, Vec<Expectation>) {
        (self.writes, self.expectations)
    }
}
