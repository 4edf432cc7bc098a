//! The blobs of the data folder, beside its store.

use std::sync::Arc;

use ice_core::store::StoreError;
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;

use super::DataFolder;

/// Opens them. The caller owns the folder.
pub(super) fn open(folder: &DataFolder) -> Result<Arc<DiskBlobs>, StoreError> {
    let disk = FolderDisk::new(folder.path())?;
    Ok(Arc::new(DiskBlobs::open(Arc::new(disk))?))
}
