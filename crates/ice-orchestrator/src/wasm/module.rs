//! WebAssembly as it is given, with the name its content has.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// WebAssembly to be run: a core module or a component, in binary or as text. Cheap to clone; keep it, so that its
/// hash is not computed for each run.
#[derive(Clone)]
pub struct Module {
    bytes: Bytes,
    pinned: bool,
    key: Arc<OnceLock<Key>>,
}

/// The name of a module's content. Bounds differ for pinned modules, so a pinned one is kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    hash: blake3::Hash,
    pinned: bool,
}

impl Key {
    /// The hash of the content.
    pub(super) const fn hash(&self) -> &blake3::Hash {
        &self.hash
    }
}

impl Module {
    /// WebAssembly from anywhere: it must keep to the bounds for modules.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), pinned: false, key: Arc::default() }
    }

    /// WebAssembly that is what it should be, down to the last bit: its hash was checked. It may be large.
    pub(super) fn pinned(bytes: Bytes) -> Self {
        Self { bytes, pinned: true, key: Arc::default() }
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether it may pass the bounds for modules.
    pub(super) const fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The name of its content, if it was computed already.
    pub(super) fn known_key(&self) -> Option<Key> {
        self.key.get().copied()
    }

    /// The name of its content. Takes a third of a millisecond per megabyte, the first time.
    pub(super) fn key(&self) -> Key {
        *self.key.get_or_init(|| Key { hash: blake3::hash(&self.bytes), pinned: self.pinned })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, pinned, key } = self;
        f.debug_struct("Module")
            .field("bytes", &bytes.len())
            .field("pinned", pinned)
            .field("key", &key.get())
            .finish()
    }
}
