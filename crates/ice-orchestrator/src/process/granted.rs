//! Reading a file that a run was granted.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::process::Grants;

use crate::journal::Failure;

/// Reads a file that lies in what is granted for reading or writing, links followed; at most so many bytes.
pub(super) fn read(path: &Path, grants: &Grants, most: u64) -> Result<Bytes, Failure> {
    let shown = path.display();
    let failed = |code, what: String| Failure::new(code, what).about("module");
    let unreadable = |error: std::io::Error| {
        failed(ErrorCode::FileUnreadable, format!("`{shown}` cannot be read: {error}"))
    };
    let missing = || {
        let message =
            format!("`{shown}` may not be read: start the run with `--ro PATH` for a folder that holds it");
        failed(ErrorCode::GrantMissing, message)
    };
    let is_granted = |path: &Path| {
        let mut roots = grants.read.iter().chain(&grants.write);
        roots.any(|root| path.starts_with(root.canonicalize().unwrap_or_else(|_| root.clone())))
    };
    // A relative path is one below what is granted.
    let roots = grants.read.iter().chain(&grants.write);
    let found = match path.is_absolute() {
        true => path.canonicalize().ok(),
        false => roots.filter_map(|root| root.join(path).canonicalize().ok()).next(),
    };
    let real = found.ok_or_else(missing)?;
    if !is_granted(&real) {
        return Err(missing());
    }
    let file = File::open(&real).map_err(unreadable)?;
    // It may have been put in another's place meanwhile: what was opened is what counts.
    let opened = opened(&file).unwrap_or(real);
    if !is_granted(&opened) {
        return Err(missing());
    }
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(failed(ErrorCode::FileUnreadable, format!("`{shown}` is no file")));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        let message = format!("`{shown}` is larger than {most} bytes");
        return Err(failed(ErrorCode::FileTooLarge, message));
    }
    Ok(Bytes::from(bytes))
}

#[cfg(target_os = "linux")]
fn opened(file: &File) -> Option<std::path::PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(not(target_os = "linux"))]
fn opened(_: &File) -> Option<std::path::PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_granted_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a"), "12345").unwrap();
        std::fs::write(folder.path().join("b"), "b").unwrap();
        std::os::unix::fs::symlink(folder.path().join("b"), inside.join("out")).unwrap();
        let grants = Grants { read: vec![inside.clone()], ..Grants::default() };
        let code = |path: &Path, most| read(path, &grants, most).map_err(|failure| failure.code);
        assert_eq!(code(&inside.join("a"), 5).unwrap(), "12345");
        assert_eq!(code(Path::new("a"), 5).unwrap(), "12345");
        assert_eq!(code(&inside.join("a"), 4), Err(ErrorCode::FileTooLarge));
        assert_eq!(code(&folder.path().join("b"), 5), Err(ErrorCode::GrantMissing));
        assert_eq!(code(&inside.join("../b"), 5), Err(ErrorCode::GrantMissing));
        assert_eq!(code(&inside.join("out"), 5), Err(ErrorCode::GrantMissing));
        assert_eq!(code(&inside, 5), Err(ErrorCode::FileUnreadable));
    }
}
