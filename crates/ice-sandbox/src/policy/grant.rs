//! What of the file system a command is given.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::PolicyError;

/// What may be done with a granted path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read files and list folders.
    Read,
    /// The same, and run what is there.
    Execute,
    /// Read, create, change and remove; run nothing.
    Write,
}

/// A file or folder that a command is given, with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its absolute path, inside of the cage as outside. Written as a text, or as a list of bytes if it is none.
    #[serde(with = "written")]
    pub path: PathBuf,
    /// What may be done with it.
    pub access: Access,
}

mod written {
    //! Paths as they are written down, whatever bytes they are of.

    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(serializer),
            None => path.as_os_str().as_encoded_bytes().serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(text.into()),
            Written::Bytes(bytes) => {
                of(bytes).map(PathBuf::from).ok_or(D::Error::custom("no path of this system"))
            }
        }
    }

    #[cfg(unix)]
    fn of(bytes: Vec<u8>) -> Option<OsString> {
        Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
    }

    #[cfg(not(unix))]
    fn of(_: Vec<u8>) -> Option<OsString> {
        None
    }
}

impl Grant {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let why = if !self.path.is_absolute() {
            "it must be absolute"
        } else if self.path.components().any(|part| matches!(part, Component::ParentDir)) {
            "`..` is not allowed in it"
        } else if self.path == Path::new("/") {
            "the whole file system is not granted"
        } else if ["/proc", "/dev", "/cage", "/sys"].iter().any(|own| self.path.starts_with(own)) {
            "the cage has a /proc, /dev and /cage of its own, and no /sys"
        } else if self.path.as_os_str().len() > 4_000 {
            "it is longer than 4,000 bytes"
        } else {
            return Ok(());
        };
        Err(PolicyError::Path { path: self.path.clone(), why })
    }
}
