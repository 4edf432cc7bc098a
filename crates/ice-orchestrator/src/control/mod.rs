//! The use cases of ice: what a person or a program can ask of the owner of a data folder.
//!
//! The command line, the API and the console all ask the same requests; the socket
//! carries them between the processes of one person on one machine.

mod assembly;
mod document;

pub use assembly::{Assembled, Assembly, MAX_DOCUMENTS, Missing, Part};
pub use document::{Document, Notation, resolve};
