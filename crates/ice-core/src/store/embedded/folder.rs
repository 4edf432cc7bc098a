//! The small files of the folder: what format it has, and whether the index is whole.

use std::io;
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::disk::{Disk, OpenMode};
use crate::store::log::{self, End, Mark};

const FORMAT: &str = "FORMAT";
const FORMAT_TEXT: &str = "ice-store 1\n";
/// The most characters of another format that are shown.
const MAX_SHOWN: usize = 40;
const INDEX: &str = "INDEX";
const INDEX_MAGIC: [u8; 8] = *b"ICEINDX1";

fn unavailable(what: &str) -> impl Fn(io::Error) -> StoreError + '_ {
    move |source| StoreError::Unavailable { what: what.to_owned(), source: Some(Arc::new(source)) }
}

fn read(disk: &dyn Disk, path: &str) -> io::Result<Option<Vec<u8>>> {
    match log::read_whole(disk, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Replaces a file as a whole.
fn replace(disk: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}.tmp");
    remove(disk, &temporary)?;
    let file = disk.open(&temporary, OpenMode::Create)?;
    file.write_at(0, &[bytes])?;
    file.sync()?;
    disk.rename(&temporary, path)?;
    disk.sync_folder("")
}

fn not_readable(found: String) -> StoreError {
    StoreError::Format { found, supported: FORMAT_TEXT.trim().to_owned() }
}

/// What a file says, quoted and cut short: it may hold anything.
fn shown(bytes: &[u8]) -> String {
    // A character has at most four bytes; what may be cut apart lies beyond those that are shown.
    let text = String::from_utf8_lossy(bytes.get(..4 * MAX_SHOWN + 4).unwrap_or(bytes));
    let text = text.trim_end();
    if text.is_empty() {
        return "is empty".to_owned();
    }
    let mut short: String = text.chars().take(MAX_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("says {short:?}")
}

/// Checks the format of the folder, and sets it up if it is new. Says whether it is.
pub(super) fn prepare(disk: &dyn Disk) -> Result<bool, StoreError> {
    if let Some(found) = read(disk, FORMAT).map_err(unavailable("reading FORMAT"))? {
        if found == FORMAT_TEXT.as_bytes() {
            return Ok(false);
        }
        return Err(not_readable(shown(&found)));
    }
    let failed = unavailable("setting up the folder of the store");
    for folder in [log::FOLDER, super::checkpoint::FOLDER] {
        if !disk.list(folder).map_err(&failed)?.is_empty() {
            return Err(not_readable(format!("is missing, although there is something in {folder}/")));
        }
    }
    disk.create_folder(log::FOLDER).map_err(&failed)?;
    disk.create_folder(super::checkpoint::FOLDER).map_err(&failed)?;
    // A first opening that was cut short may have left one.
    remove(disk, log::MARK).map_err(&failed)?;
    let mut mark = Mark::create(disk).map_err(&failed)?;
    let reserved = log::RESERVATION;
    mark.write(log::MarkState { reserved, ..log::MarkState::default() }).map_err(&failed)?;
    mark.sync().map_err(&failed)?;
    replace(disk, FORMAT, FORMAT_TEXT.as_bytes()).map_err(&failed)?;
    Ok(true)
}

/// The end of the log up to which the index is whole; nothing if it is not.
pub(super) fn index_applied(disk: &dyn Disk) -> io::Result<Option<End>> {
    let Some(bytes) = read(disk, INDEX)? else { return Ok(None) };
    let decode = || {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let end = End::decode(body.strip_prefix(&INDEX_MAGIC)?.try_into().ok()?);
        (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(end)
    };
    Ok(decode())
}

/// Says that the index is being written.
pub(super) fn index_begun(disk: &dyn Disk) -> io::Result<()> {
    remove(disk, INDEX)?;
    disk.sync_folder("")
}

/// Says that the index is whole.
pub(super) fn index_done(disk: &dyn Disk, applied: End) -> io::Result<()> {
    let mut bytes = INDEX_MAGIC.to_vec();
    bytes.extend_from_slice(&applied.encode());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    replace(disk, INDEX, &bytes)
}
