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
    /// An entry of a `.env` file is none.
    #[error("`{path}` is no `.env` file: its entry {entry} is not NAME=VALUE")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The entry, from 1; comments and empty lines are none.
        entry: usize,
    },
    /// What is kept is no text, or too long.
    #[error("what `{0}` names is no text of at most 64 KiB")]
    NoText(SecretRef),
    /// The reference is of another form.
    #[error("`{0}` is neither env:VARIABLE nor file:PATH")]
    Unknown(SecretRef),
}

/// The secrets of this machine: `env:VARIABLE`, where `env:FIRST|SECOND` is the first of both that is set, and `file:PATH`.
/// Variables that are not set are looked for in a `.env` file, which is read each time: its lines are no variables of the
/// process.
#[derive(Debug, Default)]
pub struct SystemSecrets {
    dotenv: Option<PathBuf>,
}

impl SystemSecrets {
    /// With a `.env` file, if it is there. Only its owner may be able to change it, and nobody outside of its group to read
    /// it: else no variable is taken from it, and who asks for one is told.
    #[must_use]
    pub fn with_dotenv(path: impl Into<PathBuf>) -> Self {
        Self { dotenv: Some(path.into()) }
    }

    fn variable(&self, name: &str) -> Result<Option<SecretString>, SecretError> {
        if let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) {
            let reference = || SecretRef::new(format!("env:{name}"));
            return value
                .into_string()
                .map(|text| Some(text.into()))
                .map_err(|_| SecretError::NoText(reference()));
        }
        let Some(path) = &self.dotenv else { return Ok(None) };
        Ok(lines(path)?.remove(name))
    }
}

impl SecretSource for SystemSecrets {
    fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match reference.as_str().split_once(':') {
            Some(("env", names)) => {
                for name in names.split('|') {
                    if let Some(found) = self.variable(name)? {
                        return Ok(found);
                    }
                }
                Err(SecretError::NotSet(names.replace('|', "` or `")))
            }
            Some(("file", path)) => {
                let text = read(Path::new(path))?;
                Ok(SecretString::from(text.trim_end_matches(['\n', '\r'])))
            }
            Some(_) | None => Err(SecretError::Unknown(reference.clone())),
        }
    }
}

/// The lines of a `.env` file; none if it is not there.
fn lines(path: &Path) -> Result<BTreeMap<String, SecretString>, SecretError> {
    let text = match read(path) {
        Ok(text) => text,
        Err(SecretError::Unreadable { .. }) if !path.exists() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut lines = BTreeMap::new();
    for (at, entry) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
        let (name, value) =
            entry.map_err(|_| SecretError::Malformed { path: path.to_owned(), entry: at + 1 })?;
        lines.insert(name, SecretString::from(value));
    }
    Ok(lines)
}

/// What is in a file that is for its owner.
fn read(path: &Path) -> Result<String, SecretError> {
    let unreadable =
        |error: std::io::Error| SecretError::Unreadable { path: path.to_owned(), why: error.to_string() };
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
        let text = "# keys\nICE_TEST_ONLY_KEY=\"quoted key\"\n\nOTHER=x\n";
        let secrets = SystemSecrets::with_dotenv(written(folder.path(), ".env", text, 0o600));
        let secret = |reference: &str| secrets.secret(&SecretRef::new(reference));
        assert_eq!(secret("env:ICE_TEST_ONLY_KEY").unwrap().expose_secret(), "quoted key");
        assert_eq!(secret("env:ICE_TEST_ONLY_ABSENT|OTHER").unwrap().expose_secret(), "x");
        // It is no variable of this process, and nothing shows it.
        assert_eq!(std::env::var_os("ICE_TEST_ONLY_KEY"), None);
        assert!(!format!("{secrets:?}").contains("quoted"), "{secrets:?}");
        let absent = secret("env:ICE_TEST_ONLY_ABSENT|ICE_TEST_ONLY_GONE").unwrap_err();
        assert_eq!(
            absent.to_string(),
            "the variable `ICE_TEST_ONLY_ABSENT` or `ICE_TEST_ONLY_GONE` is not set: set it, or write it into `.env`"
        );
        assert_eq!(secret("vault:x").unwrap_err(), SecretError::Unknown(SecretRef::new("vault:x")));
    }

    #[test]
    fn a_broken_or_open_file_of_variables_is_refused_when_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: PathBuf, expected: SecretError| {
            let secrets = SystemSecrets::with_dotenv(path);
            assert!(secrets.secret(&SecretRef::new("env:PATH")).is_ok());
            assert_eq!(secrets.secret(&SecretRef::new("env:ICE_TEST_ONLY_KEY")).unwrap_err(), expected);
        };
        check(folder.path().join("none"), SecretError::NotSet("ICE_TEST_ONLY_KEY".to_owned()));
        let open = written(folder.path(), ".env", "ICE_TEST_ONLY_KEY=b\n", 0o644);
        check(open.clone(), SecretError::Open(open));
        let broken = written(folder.path(), "broken", "A=b\nno line\n", 0o600);
        check(broken.clone(), SecretError::Malformed { path: broken, entry: 2 });
    }
}
