//! What is remembered between runs: the exchanges of a session, which nodes that are aware of memory recall and add to.
//!
//! ```
//! use ice_core::memory::{Exchange, Session, SessionMemory, Sessions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = Sessions::default();
//! let session = Session { tenant: "local".parse()?, workflow: "greet".to_owned(), name: "ada".to_owned() };
//! let exchange = Exchange { asked: "Who am I?".to_owned(), said: "You are Ada.".to_owned() };
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! runtime.block_on(async {
//!     memory.append(&session, &exchange, "run-1/n").await?;
//!     assert_eq!(memory.recall(&session, 5).await?, [exchange]);
//!     Ok(())
//! })
//! # }
//! ```

mod port;
mod sessions;

pub use port::{Exchange, MemoryError, Session, SessionMemory};
pub use sessions::Sessions;
