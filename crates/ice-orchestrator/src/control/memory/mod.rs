//! What can be asked about memory, and how it is answered. The tenant is that of whoever asks.

mod arrivals;
mod export;
mod request;
mod response;
mod serve;

#[cfg(test)]
mod tests;

pub(super) use arrivals::Arrivals;
pub use request::{
    MemoryForget, MemoryList, MemoryPut, MemoryRequest, MemorySelection, MemoryShow, MemoryWhere,
};
pub use response::{MemoryResponse, ScopeUsage};
