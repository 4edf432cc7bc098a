//! Where keys are kept: in the environment, in a `.env` file, or in files of their own. They leave here hidden.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use ice_core::process::SecretRef;
use secrecy::SecretString;

/// The longest secret, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Keeps secrets by their references.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// What is kept under a reference.
    ///
    /// # Errors
    /// [`SecretError`] if it is not there or may not be used; it tells nothing of what is kept.
    fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

/// Why a secret cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is neither set nor in a `.env` file.
    #[error("the variable `{0}` is not set: set it, or write it into `.env`")]
    NotSet(String),
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Others than its owner may read or change the file.
    #[error("`{0}` holds secrets and is open to others: `chmod 600 {0}`")]
    Open(PathBuf),
    /// A line of a `.env` file is none.
    #[error("`{path}` is no `.env` file: line {line} is not NAME=VALUE")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// What is kept is no text, or too long.
    #[error("what `{0}` names is no text of at most 64 KiB")]
    NoText(SecretRef),
    /// The reference is of another form.
    #[error("`{0}` is neither env:VARIABLE nor file:PATH")]
    Unknown(SecretRef),
}

/// The secrets of this machine: `env:VARIABLE` and `file:PATH`. Variables that are not set are looked for in a `.env` file,
/// whose lines stay here and are no variables of the process.
#[derive(Debug, Default)]
pub struct SystemSecrets {
    dotenv: BTreeMap<String, SecretString>,
}

impl SystemSecrets {
    /// With a `.env` file, if it is there. Only its owner may be able to change it, and nobody outside of its group to read it.
    ///
    /// # Errors
    /// [`SecretError`] if it cannot be read, is open to others, or has a line that is none.
    pub fn with_dotenv(path: &Path) -> Result<Self, SecretError> {
        let text = match read(path) {
            Ok(text) => text,
            Err(SecretError::Unreadable { .. }) if !path.exists() => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut dotenv = BTreeMap::new();
        for (at, entry) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
            let (name, value) =
                entry.map_err(|_| SecretError::Malformed { path: path.to_owned(), line: at + 1 })?;
            dotenv.insert(name, SecretString::from(value));
        }
        Ok(Self { dotenv })
    }

    /// Whether a variable is set, here or in the `.env` file.
    #[must_use]
    pub fn has_variable(&self, name: &str) -> bool {
        std::env::var_os(name).is_some_and(|value| !value.is_empty()) || self.dotenv.contains_key(name)
    }
}

impl SecretSource for SystemSecrets {
    fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match reference.as_str().split_once(':') {
            Some(("env", name)) => match std::env::var_os(name).filter(|value| !value.is_empty()) {
                Some(value) => {
                    let text = value.into_string().map_err(|_| SecretError::NoText(reference.clone()))?;
                    Ok(SecretString::from(text))
                }
                None => {
                    let kept = self.dotenv.get(name).cloned();
                    kept.ok_or_else(|| SecretError::NotSet(name.to_owned()))
                }
            },
            Some(("file", path)) => {
                let text = read(Path::new(path))?;
                Ok(SecretString::from(text.trim_end_matches(['\n', '\r'])))
            }
            Some(_) | None => Err(SecretError::Unknown(reference.clone())),
        }
    }
}

/// What is in a file that is for its owner.
fn read(path: &Path) -> Result<String, SecretError> {
    let unreadable = |error: std::io::Error| SecretError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    };
    let file = open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(unreadable(std::io::Error::other("it is no regular file")));
    }
    if is_open(&about) {
        return Err(SecretError::Open(path.to_owned()));
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable(std::io::Error::other("it is larger than 64 KiB")));
    }
    Ok(text)
}

#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    // To open a pipe would wait for somebody to write.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::File::open(path)
}

/// Whether others may read a file, or its group change it.
#[cfg(unix)]
fn is_open(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    about.mode() & 0o027 != 0
}

#[cfg(not(unix))]
fn is_open(_about: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn written(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;

        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_file_of_its_owner_alone_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = SystemSecrets::default();
        let reference = |path: &Path| SecretRef::new(format!("file:{}", path.display()));
        for mode in [0o400, 0o600, 0o640] {
            let path = written(folder.path(), "key", "a key\r\n", 0o600);
            let path = written(path.parent().unwrap(), "key", "a key\r\n", mode);
            assert_eq!(secrets.secret(&reference(&path)).unwrap().expose_secret(), "a key", "{mode:o}");
            std::fs::remove_file(&path).unwrap();
        }
        for mode in [0o644, 0o660, 0o604] {
            let path = written(folder.path(), "key", "a key", mode);
            assert_eq!(secrets.secret(&reference(&path)).unwrap_err(), SecretError::Open(path.clone()));
            std::fs::remove_file(&path).unwrap();
        }
        let gone = secrets.secret(&reference(&folder.path().join("gone"))).unwrap_err();
        assert!(matches!(gone, SecretError::Unreadable { .. }), "{gone}");
        let folder_itself = secrets.secret(&reference(folder.path())).unwrap_err();
        assert!(folder_itself.to_string().ends_with("it is no regular file"), "{folder_itself}");
        let long = written(folder.path(), "long", &"x".repeat(70_000), 0o600);
        assert!(secrets.secret(&reference(&long)).unwrap_err().to_string().contains("larger than 64 KiB"));
    }

    #[test]
    fn variables_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), ".env", "# keys\nICE_TEST_ONLY_KEY=\"quoted key\"\n\nOTHER=x\n", 0o600);
        let secrets = SystemSecrets::with_dotenv(&path).unwrap();
        let secret = secrets.secret(&SecretRef::new("env:ICE_TEST_ONLY_KEY")).unwrap();
        assert_eq!(secret.expose_secret(), "quoted key");
        assert!(secrets.has_variable("OTHER") && !secrets.has_variable("ICE_TEST_ONLY_ABSENT"));
        // It is no variable of this process, and nothing shows it.
        assert_eq!(std::env::var_os("ICE_TEST_ONLY_KEY"), None);
        assert!(!format!("{secrets:?}").contains("quoted"), "{secrets:?}");
        assert_eq!(
            secrets.secret(&SecretRef::new("env:ICE_TEST_ONLY_ABSENT")).unwrap_err(),
            SecretError::NotSet("ICE_TEST_ONLY_ABSENT".to_owned())
        );
        let vault = SecretRef::new("vault:x");
        assert_eq!(secrets.secret(&vault).unwrap_err(), SecretError::Unknown(vault));
    }

    #[test]
    fn a_broken_or_open_file_of_variables_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SystemSecrets::with_dotenv(&folder.path().join(".env")).is_ok());
        let open = written(folder.path(), ".env", "A=b\n", 0o644);
        assert_eq!(SystemSecrets::with_dotenv(&open).unwrap_err(), SecretError::Open(open.clone()));
        let broken = written(folder.path(), "broken", "A=b\nno line\n", 0o600);
        let error = SystemSecrets::with_dotenv(&broken).unwrap_err();
        assert_eq!(error, SecretError::Malformed { path: broken, line: 2 });
    }
}
