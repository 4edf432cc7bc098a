//! Machine code of pinned modules, kept in a folder: an interpreter takes many seconds to compile, and is the same every
//! time.
//!
//! Whoever may write such a file may have ice run what is in it, as whoever may write the program of ice may. A file is
//! therefore only taken if it belongs to the user ice runs as, nobody else may write it, and its hash is right.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use wasmtime::{Engine, Module};

use super::module::Key;
use super::system;

/// A folder of machine code.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    /// The largest file that is taken.
    bytes: u64,
}

impl Kept {
    /// A folder, which need not be there yet.
    pub(super) fn new(folder: &Path, bytes: usize) -> Self {
        Self { folder: folder.to_path_buf(), bytes: bytes as u64 }
    }

    /// A module that was kept by this version of ice, for this processor and these settings.
    pub(super) fn load(&self, engine: &Engine, key: Key) -> Option<Module> {
        let path = self.path(engine, key);
        let code = match self.read(&path) {
            Ok(code) => code,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "the compiled interpreter cannot be taken and is compiled anew");
                return None;
            }
        };
        #[expect(unsafe_code, reason = "there is no safe way to take machine code that was compiled before")]
        // SAFETY: the bytes are those that `Module::serialize` gave: they are as they were written, by this user.
        let module = unsafe { Module::deserialize(engine, code) };
        module
            .inspect_err(|error| tracing::debug!(%error, "the compiled interpreter is of another engine"))
            .ok()
    }

    /// Keeps a module for the next time. That it cannot be kept is only said: it costs time, and no more.
    pub(super) fn save(&self, engine: &Engine, key: Key, module: &Module) {
        let saved = module
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| self.write(&self.path(engine, key), &code));
        if let Err(error) = saved {
            tracing::warn!(%error, "the compiled interpreter cannot be kept and is compiled at every start");
        }
    }

    /// Engines of other versions, settings or processors have other files.
    fn path(&self, engine: &Engine, key: Key) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{}-{:016x}.code", key.hash().to_hex(), hasher.finish()))
    }

    /// What stands behind the hash at the beginning of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        if !system::is_ours_alone(&file.metadata()?) {
            return Err(io::Error::other("it belongs to another user, or others may write it"));
        }
        let (mut hash, mut code, mut file) = ([0; blake3::OUT_LEN], Vec::new(), file.take(self.bytes));
        file.read_exact(&mut hash)?;
        file.read_to_end(&mut code)?;
        if blake3::hash(&code) != hash {
            return Err(io::Error::other("it is damaged"));
        }
        Ok(code)
    }

    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        system::make_folder_of_ours(&self.folder)?;
        let lock = File::create(self.folder.join(".lock"))?;
        lock.lock()?;
        let fresh = path.with_extension("new");
        let mut file = system::create_file_of_ours(&fresh)?;
        file.write_all(blake3::hash(code).as_bytes())?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::module;
    use super::*;

    fn fixture() -> (tempfile::TempDir, Kept, Engine, Key, Module) {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(&folder.path().join("code"), 1 << 20);
        let engine = Engine::default();
        let text = "(module (func (export \"_start\")))";
        let module = Module::from_binary(&engine, &wat::parse_str(text).unwrap()).unwrap();
        (folder, kept, engine, module::Module::new(text).key(), module)
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let (_folder, kept, engine, key, module) = fixture();
        assert!(kept.load(&engine, key).is_none());
        kept.save(&engine, key, &module);
        assert!(kept.load(&engine, key).is_some_and(|module| module.get_export("_start").is_some()));
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        assert!(kept.load(&Engine::new(&config).unwrap(), key).is_none());
    }

    #[test]
    fn what_is_damaged_is_not_taken() {
        let (_folder, kept, engine, key, module) = fixture();
        kept.save(&engine, key, &module);
        let path = kept.path(&engine, key);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        for bytes in [&changed[..], &whole[..whole.len() - 1], &whole[..10], &[]] {
            fs::write(&path, bytes).unwrap();
            assert!(kept.load(&engine, key).is_none());
        }
        fs::write(&path, &whole).unwrap();
        assert!(kept.load(&engine, key).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_not_taken() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, kept, engine, key, module) = fixture();
        kept.save(&engine, key, &module);
        let path = kept.path(&engine, key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(kept.load(&engine, key).is_none());
    }
}
