//! The use cases of ice: what a person or a program can ask of the owner of a data folder.
//!
//! The command line, the API and the console all ask the same [`Request`]s of a [`Control`]; the socket
//! carries them between the processes of one person on one machine.

mod assembly;
mod document;
mod keeping;
mod locate;
mod memory;
mod networks;
mod piece;
mod request;
mod response;
mod service;
#[cfg(all(unix, feature = "control-socket"))]
pub mod socket;
#[cfg(test)]
mod tests;
mod uploads;

pub use assembly::{AgentPart, Assembled, Assembly, MAX_DOCUMENTS, Missing, Part};
pub use document::{Document, DocumentKind, Notation, resolve};
pub use locate::Located;
pub use memory::{
    MemoryConsolidate, MemoryDocuments, MemoryForget, MemoryIngest, MemoryList, MemoryModel, MemoryPut,
    MemoryRequest, MemoryResponse, MemoryRetention, MemorySelection, MemoryShow, MemorySummaries,
    MemoryWhere, ScopeUsage,
};
pub use request::{
    BlobPiece, ForkRequest, ImportPiece, ListQuery, MigrateRequest, PruneQuery, Request, Start,
};
pub use response::{Info, Parting, Refusal, Response};
pub use service::{Caller, Control, Reply};
