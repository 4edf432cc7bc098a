//! What persons allowed, in files: one for each server, for their owner alone.

use std::any::Any;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::OFlags;

use super::names;
use super::ports::{SecretText, Tokens};

/// The largest file, in bytes.
const MAX_BYTES: u64 = 256 << 10;
/// How often, and how many times, a file that another process works on is tried.
const RETRY: Duration = Duration::from_millis(100);
const RETRIES: usize = 300;

/// Keeps what persons allowed in a folder of mode 0700, in a file `NAME.json` of mode 0600 for each server. What is open to others
/// is not used. A file is there whole or not at all.
///
/// ```
/// use ice_integrations::mcp::{FileTokens, SecretText, Tokens};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let tokens = FileTokens::new(folder.path().join("tokens"));
/// tokens.save("tickets", Some(SecretText::new("{}".to_owned()))).await?;
/// assert_eq!(tokens.load("tickets").await?.unwrap().expose(), "{}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileTokens {
    folder: PathBuf,
}

impl FileTokens {
    /// In this folder, which is made when something is kept.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether something is kept for a server, readable or not.
    ///
    /// # Errors
    /// Why that cannot be told, in words.
    pub fn is_kept(&self, server: &str) -> Result<bool, String> {
        let path = self.path(server, "json")?;
        path.try_exists().map_err(|error| format!("{} cannot be looked at: {error}", path.display()))
    }

    /// A file of a server. Names of servers are words, so none leads out of the folder.
    fn path(&self, server: &str, ending: &str) -> Result<PathBuf, String> {
        if names::is_word(server) && server.len() <= names::MOST_PREFIX {
            Ok(self.folder.join(format!("{server}.{ending}")))
        } else {
            Err(format!("`{server}` is no name of a server, so nothing is kept for it"))
        }
    }
}

/// Does what waits for the disk where that holds nothing up.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err("reading or writing was given up".to_owned()))
}

#[async_trait]
impl Tokens for FileTokens {
    async fn load(&self, server: &str) -> Result<Option<SecretText>, String> {
        let (folder, path) = (self.folder.clone(), self.path(server, "json")?);
        aside(move || read(&folder, &path)).await
    }

    async fn save(&self, server: &str, tokens: Option<SecretText>) -> Result<(), String> {
        let (folder, path) = (self.folder.clone(), self.path(server, "json")?);
        aside(move || match tokens {
            Some(tokens) => write(&folder, &path, &tokens),
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(format!("{} cannot be removed: {error}", path.display()))
                }
                Ok(()) | Err(_) => Ok(()),
            },
        })
        .await
    }

    /// A lock of the system, which ends with its process.
    async fn hold(&self, server: &str) -> Result<Option<Box<dyn Any + Send>>, String> {
        let (folder, path) = (self.folder.clone(), self.path(server, "lock")?);
        let shown = path.display().to_string();
        let file = aside(move || {
            make(&folder)?;
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            file.map_err(|error| format!("{} cannot be made: {error}", path.display()))
        })
        .await?;
        for _ in 0..RETRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Box::new(file))),
                Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(RETRY).await,
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(format!("{shown} cannot be locked: {error}"));
                }
            }
        }
        Err(format!("another process holds {shown} for longer than {} s", RETRIES / 10))
    }
}

/// Makes the folder, or sees whether it is its owner's alone.
fn make(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
    closed(folder)
}

fn closed(folder: &Path) -> Result<(), String> {
    let about = std::fs::metadata(folder);
    let about = about.map_err(|error| format!("{} cannot be looked at: {error}", folder.display()))?;
    if about.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(format!("the folder {0} holds secrets and is open to others: `chmod 700 {0}`", folder.display()))
    }
}

fn read(folder: &Path, path: &Path) -> Result<Option<SecretText>, String> {
    let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    // To open a pipe would wait for somebody to write, and a link may lead to what somebody else writes.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(unreadable)?,
    };
    closed(folder)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    if about.mode() & 0o077 != 0 {
        return Err(format!("{0} holds secrets and is open to others: `chmod 600 {0}`", path.display()));
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable(io::Error::other("it is larger than 256 KiB")));
    }
    Ok(Some(SecretText::new(text)))
}

/// Writes a file beside it first, which has mode 0600 from the beginning.
fn write(folder: &Path, path: &Path, tokens: &SecretText) -> Result<(), String> {
    let unwritten = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    if tokens.expose().len() as u64 > MAX_BYTES {
        return Err(unwritten(io::Error::other("it would be larger than 256 KiB")));
    }
    make(folder)?;
    let mut file =
        tempfile::Builder::new().prefix(".").suffix(".new").tempfile_in(folder).map_err(unwritten)?;
    file.write_all(tokens.expose().as_bytes()).map_err(unwritten)?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(path).map_err(|error| unwritten(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn text(text: &str) -> Option<SecretText> {
        Some(SecretText::new(text.to_owned()))
    }

    async fn loaded(tokens: &FileTokens, server: &str) -> Result<Option<String>, String> {
        Ok(tokens.load(server).await?.map(|text| text.expose().to_owned()))
    }

    #[tokio::test]
    async fn what_is_kept_is_its_owners_alone_and_can_be_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let tokens = FileTokens::new(home.path().join("state/tokens"));
        assert_eq!(loaded(&tokens, "s").await, Ok(None));
        assert!(!tokens.folder().exists());
        tokens.save("s", None).await.unwrap();
        for written in ["one", "another"] {
            tokens.save("s", text(written)).await.unwrap();
            assert_eq!(loaded(&tokens, "s").await, Ok(Some(written.to_owned())));
        }
        let file = tokens.folder().join("s.json");
        assert_eq!((mode(tokens.folder()), mode(&file)), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(tokens.folder()).unwrap().count(), 1);
        assert_eq!((loaded(&tokens, "other").await, tokens.is_kept("s")), (Ok(None), Ok(true)));
        tokens.save("s", None).await.unwrap();
        assert_eq!((loaded(&tokens, "s").await, tokens.is_kept("s")), (Ok(None), Ok(false)));
    }

    #[tokio::test]
    async fn what_is_open_to_others_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let tokens = FileTokens::new(home.path().join("tokens"));
        tokens.save("s", text("x")).await.unwrap();
        let file = tokens.folder().join("s.json");
        for open in [0o640, 0o604, 0o620] {
            set(&file, open);
            let error = loaded(&tokens, "s").await.unwrap_err();
            assert!(error.ends_with(&format!("`chmod 600 {}`", file.display())), "{open:o}: {error}");
        }
        set(&file, 0o600);
        set(tokens.folder(), 0o750);
        for error in [loaded(&tokens, "s").await.unwrap_err(), tokens.save("s", text("y")).await.unwrap_err()]
        {
            assert!(error.ends_with(&format!("`chmod 700 {}`", tokens.folder().display())), "{error}");
        }
        set(tokens.folder(), 0o700);
        assert_eq!(loaded(&tokens, "s").await, Ok(Some("x".to_owned())));
        std::os::unix::fs::symlink(&file, tokens.folder().join("linked.json")).unwrap();
        assert!(loaded(&tokens, "linked").await.is_err());
        std::fs::create_dir(tokens.folder().join("folder.json")).unwrap();
        assert!(loaded(&tokens, "folder").await.unwrap_err().contains("no regular file"));
    }

    #[tokio::test]
    async fn a_name_does_not_lead_out_of_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let tokens = FileTokens::new(home.path().join("tokens"));
        for name in ["../s", "a/b", "", ".", "A", "a.b", &"x".repeat(33)] {
            assert!(
                tokens.save(name, text("x")).await.unwrap_err().contains("no name of a server"),
                "{name}"
            );
            assert!(tokens.load(name).await.is_err(), "{name}");
            assert!(tokens.hold(name).await.is_err(), "{name}");
        }
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn one_at_a_time_holds_what_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let tokens = FileTokens::new(home.path().join("tokens"));
        let first = tokens.hold("s").await.unwrap();
        let other = tokens.hold("t").await.unwrap();
        let second = tokens.hold("s");
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        assert!(tokio::time::timeout(Duration::from_millis(300), &mut second).await.is_err());
        drop((first, other));
        assert!(second.await.unwrap().is_some());
    }
}
