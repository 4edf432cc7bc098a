//! Reading files and standard input that people name, and writing files: bounded, whole, and with an error
//! that says what to do.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ice_core::error::ErrorCode;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::fault::Fault;

/// The largest file that holds inputs, in bytes.
pub(crate) const MAX_INPUT_BYTES: u64 = 64 << 20;

/// Where the system shows what this process has open already: `<(command)` of a shell is such a path.
const OPEN_ALREADY: [&str; 3] = ["/dev/fd/", "/proc/self/fd/", "/dev/stdin"];

/// Reads a whole file, or standard input for `-`, if it has at most `limit` bytes. Anything but a regular file is refused,
/// for a pipe that nobody writes into would be waited for without end; what the process was handed open is read whatever
/// it is, as standard input is.
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if it cannot be read, [`ErrorCode::FileTooLarge`] if it is too large.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let count = if path == Path::new("-") {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    match count {
        Ok(count) if count as u64 > limit => {
            let message = format!("{} has more than {} MiB", path.display(), limit >> 20);
            Err(Fault::new(ErrorCode::FileTooLarge, message).help("give a smaller file"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// What a file or, for `-`, standard input has, whatever its size; which files are read is as with [`read`].
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if it cannot be opened.
pub(crate) fn reader(path: &Path) -> Result<Box<dyn Read + Send>, Fault> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    match open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let fault = Fault::file("read", path, error);
    if error.kind() == io::ErrorKind::IsADirectory {
        fault.help("name a file in it")
    } else if error.kind() == io::ErrorKind::InvalidInput {
        fault.help("name a regular file; what a command writes is read with `-` from standard input")
    } else {
        fault
    }
}

/// A new file that is written piece by piece, for its owner alone, and is there once it is whole.
#[derive(Debug)]
pub(crate) struct Fresh {
    path: PathBuf,
    file: NamedTempFile,
}

impl Fresh {
    /// Begins to write one.
    ///
    /// # Errors
    /// [`ErrorCode::FileUnreadable`] if a file is there, or none can be made.
    pub(crate) fn beside(path: &Path) -> Result<Self, Fault> {
        if path.exists() {
            return Err(exists(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Should the process be killed, its name tells what it was to become.
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".part-");
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder);
        let file = file.map_err(|error| Fault::file("write", path, &error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// It is whole.
    ///
    /// # Errors
    /// [`ErrorCode::FileUnreadable`] if it cannot be kept, or another is there by now.
    pub(crate) fn keep(self) -> Result<(), Fault> {
        let Self { path, file } = self;
        let kept = file
            .as_file()
            .sync_all()
            .and_then(|()| file.persist_noclobber(&path).map_err(|error| error.error));
        match kept {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&path)),
            Err(error) => Err(Fault::file("write", &path, &error)),
        }
    }
}

impl Fresh {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`ErrorCode::FileUnreadable`] if they cannot be written.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.as_file().write_all(bytes).map_err(|error| Fault::file("write", &self.path, &error))
    }
}

/// Opens a file without ever waiting for it.
fn open(path: &Path) -> io::Result<File> {
    let shown = path.to_string_lossy();
    if OPEN_ALREADY.iter().any(|place| shown.starts_with(place)) {
        let file = File::open(path)?;
        return if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) };
    }
    // So that opening a pipe does not wait for a writer; of regular files it changes nothing.
    let never_wait = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(never_wait).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else if kind.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// Writes a new file whole or not at all; one that is there already is left as it is.
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if the file exists or cannot be written.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), Fault> {
    let written =
        beside(path, text).and_then(|fresh| fresh.persist_noclobber(path).map_err(|error| error.error));
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(Fault::file("write", path, &error)),
    }
}

/// Writes a file whole or not at all, over one that is there. What is there and is no regular file, a pipe
/// for example, is written into.
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if it cannot be written; what was there is then as before.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Fault> {
    write_over(path, text).map_err(|error| Fault::file("write", path, &error))
}

fn write_over(path: &Path, text: &str) -> io::Result<()> {
    // Opened for writing, because who may not write into a file must not replace it either.
    let mut there = match File::options().write(true).open(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            beside(path, text)?.persist(path)?;
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let found = there.metadata()?;
    if !found.is_file() {
        return there.write_all(text.as_bytes());
    }
    // A link stays; the file it leads to is replaced.
    let path = path.canonicalize()?;
    let fresh = beside(&path, text)?;
    fresh.as_file().set_permissions(found.permissions())?;
    fresh.persist(&path)?;
    Ok(())
}

/// A file with this text in the folder of `path`, gone again unless it gets a name.
fn beside(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not for the owner alone, as temporary files are, but what the user's mask leaves.
    let mut fresh =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().sync_all()?;
    Ok(fresh)
}

/// What is there already is not overwritten.
pub(crate) fn exists(path: &Path) -> Fault {
    Fault::new(ErrorCode::FileUnreadable, format!("{} is there already", path.display()))
        .help("choose another name or move it away: nothing is overwritten")
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    fn check(path: &Path, expected: Result<&str, &str>) {
        let found = read(path, 100).map_err(|fault| fault.message);
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(found, expected.map_err(|why| format!("cannot read {}: {why}", path.display())));
    }

    #[test]
    fn only_regular_files_are_read_and_what_is_open_already() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "text").unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        check(&file, Ok("text"));
        check(folder.path(), Err("it is a folder"));
        check(&pipe, Err("it is no regular file"));
        check(Path::new("/dev/zero"), Err("it is no regular file"));

        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"from a command").unwrap();
        drop(writer);
        check(Path::new(&format!("/dev/fd/{}", reader.as_raw_fd())), Ok("from a command"));
    }
}
