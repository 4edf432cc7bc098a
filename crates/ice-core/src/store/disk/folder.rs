//! A folder of the machine's file system.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use super::{Disk, DiskFile, DiskLock, FileId, OpenMode};
use crate::store::StoreError;

/// A folder on the machine's disk. What it creates is readable by its owner only.
#[derive(Clone, Debug)]
pub struct FolderDisk {
    root: PathBuf,
}

impl FolderDisk {
    /// A folder; it is created, with those above it, if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be created.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let failed = |source| StoreError::Unavailable {
            what: format!("creating the folder {}", root.display()),
            source: Some(Arc::new(source)),
        };
        let missing: Vec<&Path> = root.ancestors().take_while(|folder| !folder.exists()).collect();
        create_folder(&root).map_err(failed)?;
        // A folder is safe once the one above it was synced.
        for folder in missing {
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
            File::open(above.unwrap_or(Path::new("."))).and_then(|above| above.sync_all()).map_err(failed)?;
        }
        Ok(Self { root })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn id(found: &fs::Metadata) -> FileId {
    FileId { device: found.dev(), inode: found.ino() }
}

impl Disk for FolderDisk {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        match mode {
            OpenMode::Read => options.read(true),
            OpenMode::Write => options.read(true).write(true),
            OpenMode::Create => options.read(true).write(true).create_new(true).mode(0o600),
        };
        Ok(Arc::new(FolderFile(options.open(self.root.join(path))?)))
    }

    fn create_folder(&self, path: &str) -> io::Result<()> {
        create_folder(&self.root.join(path))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    fn sync_folder(&self, path: &str) -> io::Result<()> {
        File::open(self.root.join(path))?.sync_all()
    }

    fn id(&self, path: &str) -> io::Result<FileId> {
        Ok(id(&fs::metadata(self.root.join(path))?))
    }

    fn lock(&self, path: &str, owner: u32) -> Result<DiskLock, StoreError> {
        let place = self.root.join(path);
        let failed = |source: io::Error| StoreError::Unavailable {
            what: format!("locking {}", place.display()),
            source: Some(Arc::new(source)),
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&place).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let read = file.take(32).read_to_string(&mut text);
                let owner = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { folder: self.root.display().to_string(), owner });
            }
            Err(error) => return Err(failed(error.into())),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{owner}")).map_err(failed)?;
        Ok(DiskLock::new(file))
    }
}

#[derive(Debug)]
struct FolderFile(File);

impl DiskFile for FolderFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, mut offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts {
            self.0.write_all_at(part, offset)?;
            offset += part.len() as u64;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(id(&self.0.metadata()?))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }
}
