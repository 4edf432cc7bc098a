//! What can be asked about memory, and how it is answered. The tenant is that of whoever asks.

mod arrivals;
mod consolidate;
mod documents;
mod export;
mod request;
mod response;
mod serve;

#[cfg(test)]
mod tests;

pub(super) use arrivals::Arrivals;
pub use request::{
    MemoryConsolidate, MemoryDocuments, MemoryForget, MemoryIngest, MemoryList, MemoryModel, MemoryPut,
    MemoryRequest, MemoryRetention, MemorySelection, MemoryShow, MemorySummaries, MemoryWhere,
};
pub use response::{MemoryResponse, ScopeUsage};
