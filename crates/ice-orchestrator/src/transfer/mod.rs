//! The file of a run: what `export` writes and `import` reads. Nothing of the engine is in here.
//!
//! ```text
//! {"ice_run":1,"run":"0199…","records":12,"journal":1,"engine":"0.1.0"}
//! {"part":"plan","hash":"…","size":812}
//! …812 bytes, then the end of the line
//! {"part":"blob","hash":"…","size":70001}
//! …
//! {"part":"chunk","first":0,"size":2203}
//! …
//! {"end":{"parts":3,"digest":"…"}}
//! ```
//!
//! The first line says what it is and of which version. One plan follows, then every blob that the journal needs, then the
//! chunks of the journal in their order, each with its size in bytes and then these bytes as they are. The last line has
//! the number of parts and the BLAKE3 hash of everything before it, so that a file that was cut or changed is noticed.

mod error;
mod format;
mod pack;
mod unpack;

pub use error::TransferError;
pub use format::{End, Header, MAX_LINE_BYTES, Part, VERSION};
pub use pack::Packer;
pub use unpack::{Item, Unpacker};
