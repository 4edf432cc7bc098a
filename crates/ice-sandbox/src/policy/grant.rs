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

impl Access {
    /// Whether whoever may do this may do the other, too.
    pub(crate) const fn covers(self, other: Self) -> bool {
        match other {
            Self::Read => true,
            Self::Execute => matches!(self, Self::Execute),
            Self::Write => matches!(self, Self::Write),
        }
    }
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

/// Folders of the system whose own links are its, but not those further below.
const SHALLOW: [&str; 3] = ["/", "/var", "/run"];

/// Folders of the system, with all that is below.
const DEEP: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix"];

/// Whether this is a folder of the system, in which nothing may be written: what runs is there, and links that stand there
/// are followed.
pub(crate) fn is_of_system(path: &Path) -> bool {
    SHALLOW.iter().any(|own| path == Path::new(own)) || DEEP.iter().any(|own| path.starts_with(own))
}

/// Folders that every cage has its own of, or none: why they are not granted, and what to do instead.
const OWN: [(&str, &str, &str); 4] = [
    (
        "/proc",
        "the cage has a /proc of its own, with its own processes",
        "it is there without a grant, and what it tells of the machine can be read; copy anything else into a file and \
         grant that",
    ),
    (
        "/dev",
        "the cage has a /dev of its own",
        "null, zero, full, random, urandom and shm are there without a grant; other devices cannot be had",
    ),
    ("/sys", "the cage has no /sys", "copy what the command needs of it into a file and grant that"),
    ("/cage", "it is the working folder of the cage", "it can be written to without a grant"),
];

impl Grant {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let own = OWN.iter().find(|(own, _, _)| self.path.starts_with(own));
        let (why, instead) = if !self.path.is_absolute() {
            ("it is not absolute", "give the whole path, from `/` on")
        } else if self.path.components().any(|part| matches!(part, Component::ParentDir)) {
            ("`..` is in it", "give the path that it leads to")
        } else if self.path == Path::new("/") {
            (
                "the whole file system is not granted",
                "grant the folders that the command needs; programs and libraries of the system are there without a grant",
            )
        } else if let Some((_, why, instead)) = own {
            (*why, *instead)
        } else if self.access == Access::Write && is_of_system(&self.path) {
            (
                "nothing is written to folders of the system, whose programs are run and whose links are followed",
                "grant it for reading, and a folder elsewhere for writing",
            )
        } else if self.path.as_os_str().len() > 4_000 {
            ("it is longer than 4,000 bytes", "grant a folder above it")
        } else {
            return Ok(());
        };
        Err(PolicyError::Path { path: self.path.clone(), why, instead })
    }
}
