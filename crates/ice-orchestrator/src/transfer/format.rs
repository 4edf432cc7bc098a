//! The lines of a run's file, and how long things in it may be.

use ice_core::id::RunId;
use ice_core::store::MAX_VALUE_BYTES;
use ice_core::store::blob::MAX_BLOB_BYTES;
use ice_core::value::BlobHash;
use serde::{Deserialize, Serialize};

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The longest line that is not the bytes of a part: 4 KiB.
pub const MAX_LINE_BYTES: usize = 4 << 10;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub ice_run: u32,
    /// The run.
    pub run: RunId,
    /// How many records its journal has.
    pub records: u64,
    /// The version of the records.
    pub journal: u32,
    /// The version of the engine that wrote the file, for people.
    pub engine: String,
}

/// The line before the bytes of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// The plan the run is bound to, as JSON.
    Plan {
        /// The hash of its bytes.
        hash: BlobHash,
        /// Its bytes.
        size: u64,
    },
    /// A blob that the journal needs.
    Blob {
        /// The hash of its bytes.
        hash: BlobHash,
        /// Its bytes.
        size: u64,
    },
    /// A piece of the journal.
    Chunk {
        /// The number of its first record.
        first: u64,
        /// Its bytes.
        size: u64,
    },
}

impl Part {
    /// Its bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match self {
            Self::Plan { size, .. } | Self::Blob { size, .. } | Self::Chunk { size, .. } => *size,
        }
    }

    /// The most bytes a part of this kind may have: what the store that it came from takes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        match self {
            Self::Plan { .. } | Self::Chunk { .. } => MAX_VALUE_BYTES as u64,
            Self::Blob { .. } => MAX_BLOB_BYTES,
        }
    }
}

/// What the last line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many parts there are.
    pub parts: u64,
    /// The hash of everything before the last line.
    pub digest: BlobHash,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    pub(super) end: End,
}
