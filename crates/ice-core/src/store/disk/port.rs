//! The port of the disk. All calls block; only the store's own threads make them.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::store::StoreError;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist and is only read.
    Read,
    /// It must exist.
    Write,
    /// It must not exist and is created, readable by its owner only.
    Create,
}

/// Which file it is, whatever its name: what one path names may become another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A folder of files. Paths are relative to it and use `/`.
///
/// What was written is safe from the loss of power once [`DiskFile::sync`] has returned, and can be found
/// under its name once [`Disk::sync_folder`] of the folder above has returned as well.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// Of kind `NotFound` or `AlreadyExists` against the mode, else what the system says.
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a folder and those above it; one that exists is fine.
    ///
    /// # Errors
    /// What the system says.
    fn create_folder(&self, path: &str) -> io::Result<()>;

    /// The names of the files and folders in a folder, sorted; none if it does not exist.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Gives a file another name; replaces a file of that name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a folder safe from the loss of power. The empty path is the root.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &str) -> io::Result<()>;

    /// Which file has this name now.
    ///
    /// # Errors
    /// Of kind `NotFound` if there is none, else what the system says.
    fn id(&self, path: &str) -> io::Result<FileId>;

    /// Takes exclusive ownership, marked by a file that holds `owner`. Dropping the lock gives it up, and so
    /// does the end of the process.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if somebody else has it.
    fn lock(&self, path: &str, owner: u32) -> Result<DiskLock, StoreError>;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all parts one after the other from `offset` on. After an error, any part of it may be written.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()>;

    /// Makes the contents safe from the loss of power.
    ///
    /// # Errors
    /// What the system says; then nothing is known of what was written since the last sync, for good.
    fn sync(&self) -> io::Result<()>;

    /// The size in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self) -> io::Result<u64>;

    /// Which file it is.
    ///
    /// # Errors
    /// What the system says.
    fn id(&self) -> io::Result<FileId>;

    /// Cuts the file off, or fills it up with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, size: u64) -> io::Result<()>;
}

/// Exclusive ownership of a folder. Ends when dropped.
#[derive(Debug)]
pub struct DiskLock {
    _held: Box<dyn Held>,
}

impl DiskLock {
    pub(super) fn new(held: impl Held + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// What gives a lock up when it is dropped.
pub(super) trait Held: Send + Sync + fmt::Debug {}
impl Held for std::fs::File {}
