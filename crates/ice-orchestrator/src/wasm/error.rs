//! What can go wrong before anything is run: the engine and the interpreters.

use std::path::PathBuf;

/// Why there is no engine, or no interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// WebAssembly cannot be compiled on this machine.
    #[error("there is no WebAssembly engine on this machine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that ends what takes too long cannot be started.
    #[error("the clock of the WebAssembly engine cannot be started")]
    Clock(#[source] std::io::Error),
    /// An interpreter is not there.
    #[error(
        "{name} is not installed as {}: {advice}", path.display()
    )]
    NotInstalled {
        /// The interpreter.
        name: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// How to get it.
        advice: String,
    },
    /// A file is not the interpreter it should be.
    #[error(
        "{} is not {name}: its SHA-256 is {found}, which should be {expected}; put the right file in its place: {advice}",
        path.display()
    )]
    WrongHash {
        /// The interpreter.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The hash of the file.
        found: String,
        /// The pinned hash.
        expected: &'static str,
        /// How to get it.
        advice: String,
    },
    /// A file or folder of the interpreters cannot be read or written.
    #[error("{} cannot be {action}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it: `read`, `written`.
        action: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}
