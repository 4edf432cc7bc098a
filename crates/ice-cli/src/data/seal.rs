//! The key of a sealed data folder, and the folder as it is beneath.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::seal::{SealingKey, SecretKey};
use ice_core::store::{BlobStore, EmbeddedOptions, EmbeddedStore, LossPolicy, StoreError};
use ice_core::vault::SealError;

use super::DataFolder;
use super::owner::{NotOwner, store_fault, tell_loss};
use crate::fault::{Fault, plain};

/// Where a key is: `env:VARIABLE` or `file:PATH`.
pub(crate) struct KeyPlace;

impl KeyPlace {
    /// Reads the key from a place.
    ///
    /// # Errors
    /// [`Fault`] if the place is written in another way, is not there, or holds no key. It repeats nothing of what is there.
    pub(crate) fn read(place: &str) -> Result<SealingKey, Fault> {
        let key =
            SecretKey::from_hex(&Self::text(place)?).map_err(|error| unusable(place, &error.to_string()))?;
        Ok(SealingKey::of(key))
    }

    /// What stands at a place: a key, if it is one.
    ///
    /// # Errors
    /// [`Fault`] if the place is written in another way, or is not there.
    pub(crate) fn text(place: &str) -> Result<String, Fault> {
        let is_place = ["env:", "file:"]
            .iter()
            .any(|kind| place.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
        if !is_place {
            // What was written may be the key itself.
            return Err(Fault::usage(
                "the place of the key of a sealed data folder is written env:VARIABLE or file:PATH",
            )
            .help("name it with `--seal-key` or ICE_SEAL_KEY; `ice seal key PATH` makes one"));
        }
        match place.strip_prefix("file:") {
            Some(path) => of_file(Path::new(path)).map_err(|error| unusable(place, &plain(&error))),
            None => {
                let name = place.strip_prefix("env:").unwrap_or_default();
                let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
                value.ok_or_else(|| unusable(place, "the variable is not set, or is no text"))
            }
        }
    }
}

fn unusable(place: &str, why: &str) -> Fault {
    Fault::new(ErrorCode::KeyUnavailable, format!("there is no key at {place}: {why}")).help(
        "`ice seal key PATH` makes a key; without the one that a folder was sealed with nothing in it can be read",
    )
}

/// The most bytes of a file with a key that are read.
const MOST: u64 = 4 << 10;

/// What stands in a file with a key.
fn of_file(path: &Path) -> std::io::Result<String> {
    // To open a pipe would wait for somebody to write.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// The store and the blobs of a data folder, as they are on the disk.
pub(crate) struct Raw {
    /// The store.
    pub(crate) store: Arc<EmbeddedStore>,
    /// The blobs.
    pub(crate) blobs: Arc<dyn BlobStore>,
}

impl Raw {
    /// Opens them, sealed or not. This process owns the folder then.
    ///
    /// # Errors
    /// [`NotOwner`].
    pub(crate) fn open(folder: &DataFolder) -> Result<Self, NotOwner> {
        let loss = if folder.accepts_loss() { LossPolicy::Accept } else { LossPolicy::Refuse };
        let options = EmbeddedOptions { loss, ..EmbeddedOptions::default() };
        let store = EmbeddedStore::open(folder.path(), options).map_err(|error| {
            if let StoreError::Locked { owner, .. } = error {
                NotOwner::Locked { pid: owner }
            } else {
                NotOwner::Fault(store_fault(folder, &error))
            }
        })?;
        tell_loss(folder, store.report());
        let blobs =
            super::blobs::open(folder).map_err(|error| NotOwner::Fault(store_fault(folder, &error)))?;
        Ok(Self { store: Arc::new(store), blobs })
    }
}

/// Why a folder cannot be opened with the key that was given, or without.
pub(crate) fn seal_fault(folder: &DataFolder, error: &SealError) -> Fault {
    let help = match error {
        SealError::InClear => {
            "leave `--seal-key` and ICE_SEAL_KEY away, or bring what is in it into another folder: see docs/sealing.md"
        }
        SealError::Sealed { .. } | SealError::OtherKey { .. } => {
            "name the key's place with `--seal-key` or ICE_SEAL_KEY: env:VARIABLE or file:PATH"
        }
        SealError::Rotating { .. } => "finish that with `ice seal rotate`, with the same two keys",
        SealError::Broken(_) => "restore the folder from a copy",
        SealError::Key(_) | SealError::Contended(_) => "try again",
        SealError::Store(error) => return store_fault(folder, error),
    };
    Fault::new(error.code(), format!("cannot open the data folder {}: {error}", folder.path().display()))
        .help(help)
}

/// Does something with a folder as it is beneath, while nobody else has it; nothing if somebody has.
///
/// # Errors
/// [`Fault`] if the folder cannot be opened or closed, and what the work fails with.
pub(crate) async fn look<T>(
    folder: &DataFolder,
    work: impl AsyncFnOnce(&Raw) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let raw = match Raw::open(folder) {
        Ok(raw) => raw,
        Err(NotOwner::Locked { .. }) => return Ok(None),
        Err(NotOwner::Fault(fault)) => return Err(fault),
    };
    let done = work(&raw).await;
    raw.store.close().await.map_err(|error| store_fault(folder, &error))?;
    done.map(Some)
}
