//! How an embedded store is set up.

use crate::store::log::LossPolicy;

/// How an embedded store is set up. The defaults suit a workflow engine on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// What to do when acknowledged commits are lost. Default: refuse.
    pub loss: LossPolicy,
    /// The size at which a segment of the log ends, in bytes. Default: 16 MiB.
    pub segment_bytes: u64,
    /// How much the table may hold in memory, in bytes, before large values leave it and old entries move
    /// to the index. Default: 32 MiB.
    pub table_bytes: usize,
    /// How long the log may grow before the next checkpoint, in bytes; at least as long as the last
    /// checkpoint is. Bounds the time to open after a crash; a clean end leaves less. Default: 64 MiB.
    pub checkpoint_bytes: u64,
    /// The cache of the index, in bytes. Default: 16 MiB.
    pub index_cache_bytes: u64,
    /// Values up to this size are kept with their key, in bytes; longer ones stay in the log. Default: 64.
    pub inline_bytes: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            loss: LossPolicy::default(),
            segment_bytes: 16 << 20,
            table_bytes: 32 << 20,
            checkpoint_bytes: 64 << 20,
            index_cache_bytes: 16 << 20,
            inline_bytes: 64,
        }
    }
}
