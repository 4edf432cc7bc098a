//! What a run stands on, which outlives engines: stores in memory, or a simulated disk.

use std::sync::Arc;

use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::{Disk, SimDisk};
use ice_core::store::{
    BlobStore, EmbeddedOptions, EmbeddedStore, MemoryBlobs, MemoryStore, Store, StoreError,
};

/// What a run stands on.
#[derive(Clone, Debug)]
pub(super) enum Ground {
    /// What is committed stays, whatever happens.
    Memory(Arc<MemoryStore>, Arc<MemoryBlobs>),
    /// The embedded store on a disk that loses power.
    Disk(SimDisk),
}

/// The stores of one life.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn BlobStore>,
    embedded: Option<Arc<EmbeddedStore>>,
}

impl Ground {
    pub(super) fn new(on_disk: bool) -> Self {
        if on_disk { Self::Disk(SimDisk::new()) } else { Self::Memory(Arc::default(), Arc::default()) }
    }

    pub(super) fn open(&self) -> Result<Opened, StoreError> {
        match self {
            Self::Memory(store, blobs) => {
                Ok(Opened { store: Arc::clone(store) as _, blobs: Arc::clone(blobs) as _, embedded: None })
            }
            Self::Disk(disk) => {
                let disk: Arc<dyn Disk> = Arc::new(disk.clone());
                let blobs: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(Arc::clone(&disk))?);
                let options = EmbeddedOptions { segment_bytes: 1 << 20, ..EmbeddedOptions::default() };
                let store = Arc::new(EmbeddedStore::open_on(disk, None, options)?);
                Ok(Opened { store: Arc::clone(&store) as _, blobs, embedded: Some(store) })
            }
        }
    }

    /// The simulated disk, if there is one.
    pub(super) const fn disk(&self) -> Option<&SimDisk> {
        match self {
            Self::Memory(..) => None,
            Self::Disk(disk) => Some(disk),
        }
    }
}

impl Opened {
    /// Whether commits are made by threads of the store.
    pub(super) const fn has_threads(&self) -> bool {
        self.embedded.is_some()
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        match &self.embedded {
            Some(store) => store.close().await,
            None => Ok(()),
        }
    }
}
