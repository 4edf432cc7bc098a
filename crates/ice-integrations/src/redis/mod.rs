//! A store and blobs in Redis: the same ports, the same promises and the same conformance suites as every other store.
//!
//! Nothing is promised that the configuration of the server does not hold: what is on offer is read when a connection is made
//! and at an interval after that. See `docs/redis.md`.
//!
//! ```no_run
//! use ice_core::store::{Batch, Key, Store};
//! use ice_integrations::redis::{Options, RedisStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = RedisStore::open(Options::new("redis://127.0.0.1:6379/0")?.name("team-a")?).await?;
//! let best = store.offers().durability;
//! store.commit(Batch::new().put(Key::new("greeting")?, "hello"), best).await?;
//! # Ok(())
//! # }
//! ```

mod blobs;
mod compact;
mod failure;
mod follow;
mod link;
mod options;
mod reply;
mod script;
mod server;
mod store;
mod writer;

pub use blobs::RedisBlobs;
pub use options::{InvalidOptions, Options};
pub use store::RedisStore;

#[cfg(test)]
mod tests;
