//! Reading files and standard input that people name: bounded, and with an error that says what to do.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ice_core::error::ErrorCode;

use crate::fault::{Fault, plain};

/// The largest file that holds inputs, in bytes.
pub(crate) const MAX_INPUT_BYTES: u64 = 64 << 20;

/// Reads a whole file, or standard input for `-`, if it has at most `limit` bytes.
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if it cannot be read, [`ErrorCode::FileTooLarge`] if it is too large.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let count = if path == Path::new("-") {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        File::open(path)
            .and_then(|file| {
                if file.metadata()?.is_dir() {
                    return Err(io::Error::from(io::ErrorKind::IsADirectory));
                }
                Ok(file)
            })
            .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    match count {
        Ok(count) if count as u64 > limit => {
            let message = format!("{} has more than {} MiB", path.display(), limit >> 20);
            Err(Fault::new(ErrorCode::FileTooLarge, message).help("give a smaller file"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => {
            let fault = Fault::new(
                ErrorCode::FileUnreadable,
                format!("cannot read {}: {}", path.display(), plain(&error)),
            );
            Err(if error.kind() == io::ErrorKind::IsADirectory {
                fault.help("name a file in it")
            } else {
                fault
            })
        }
    }
}

/// Writes a new file whole; one that is there already is left as it is.
///
/// # Errors
/// [`ErrorCode::FileUnreadable`] if the file exists or cannot be written.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), Fault> {
    let written = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(path)
        } else {
            Fault::file("write", path, &error)
        }
    })
}

/// What is there already is not overwritten.
pub(crate) fn exists(path: &Path) -> Fault {
    Fault::new(ErrorCode::FileUnreadable, format!("{} is there already", path.display()))
        .help("choose another name or move it away: nothing is overwritten")
}
