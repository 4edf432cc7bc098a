//! The manifest: which blobs an index is made of.

use serde::{Deserialize, Serialize};

use super::{Damage, SegmentError};
use crate::store::Key;
use crate::value::BlobHash;

const FORMAT: u32 = 1;

/// Which segments there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// What the payload's handles agree on.
    pub(super) settings: serde_json::Value,
    pub(super) segments: Vec<Named>,
}

/// A segment by the blobs that it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) parts: Vec<BlobHash>,
    pub(super) rows: u32,
    /// The rows that are no more.
    pub(super) dead: Option<BlobHash>,
    pub(super) dead_rows: u32,
}

impl Manifest {
    pub(super) const fn new(settings: serde_json::Value) -> Self {
        Self { format: FORMAT, settings, segments: Vec::new() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // Strings, numbers and lists: all of it is JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn decode(key: &Key, bytes: &[u8]) -> Result<Self, SegmentError> {
        let damaged = |what| SegmentError::Damaged { place: key.to_string(), damage: Damage { what, at: 0 } };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| damaged("a manifest of segments"))?;
        if manifest.format == FORMAT {
            Ok(manifest)
        } else {
            Err(damaged("a manifest of a format that is known"))
        }
    }

    /// Every blob that it names.
    pub(super) fn blobs(&self) -> impl Iterator<Item = BlobHash> {
        self.segments.iter().flat_map(|named| named.parts.iter().copied().chain(named.dead))
    }
}
