//! Vectors that are searched by nearness: of the items nearest to a query the first so many, among those that pass a filter.
//!
//! A vector reaches an index as an [`Embedding`](crate::embedding::Embedding) that the index's [`Space`] admits: of its model, of its
//! length, and finite. How it is searched is chosen by size: [exactly](Effort::Exact), by [codes](Effort::Codes) of eight bits with
//! the nearest of them ranked again exactly, or along a [graph](Effort::Graph). What a filter lets through is exact in each case.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ice_core::embedding::{Dimension, Embedding};
//! use ice_core::segments::{Attributes, ItemId, Options, Place};
//! use ice_core::store::{Batch, Durability, Key, MemoryBlobs, MemoryStore, Store};
//! use ice_core::vector::{Collection, Item, Metric, Space, Wanted};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let dimension = Dimension::new(2)?;
//! let (store, place) = (Arc::new(MemoryStore::new()), Place::new(Key::new("t/local/vectors/")?)?);
//! let space = Space { model: "mini".into(), dimension, metric: Metric::Cosine };
//! let vectors =
//!     Collection::open(store.clone(), Arc::new(MemoryBlobs::new()), place, space, Options::default()).await?;
//! let items = [[1.0, 0.0], [0.0, 3.0]].into_iter().enumerate().map(|(at, vector)| {
//!     let vector = Embedding::new("mini", dimension, vector)?;
//!     Ok(Item { id: ItemId::new([at as u8; 16]), vector, attributes: Attributes::default() })
//! });
//! let items: Vec<_> = items.collect::<Result<_, ice_core::embedding::InvalidEmbedding>>()?;
//! store.commit(vectors.put(Batch::new(), &items)?, Durability::Buffered).await?;
//! let query = Embedding::new("mini", dimension, [0.6, 0.8])?;
//! let nearest = vectors.search(&query, &Wanted::nearest(1)).await?;
//! assert_eq!((nearest[0].id, nearest[0].score), (ItemId::new([1; 16]), 0.8));
//! // A vector of another model says nothing of these.
//! assert!(vectors.search(&Embedding::new("maxi", dimension, [0.6, 0.8])?, &Wanted::nearest(1)).await.is_err());
//! # Ok(())
//! # })
//! # }
//! ```

mod best;
mod build;
mod codes;
mod collection;
mod error;
mod floats;
mod graph;
mod item;
mod merge;
mod payload;
mod scan;
mod search;
mod segment;
mod space;
mod split;
mod wanted;

#[cfg(test)]
mod tests;

pub use collection::{Collection, Snapshot};
pub use error::VectorError;
pub use item::{Admitted, Item, Row};
pub use payload::{Vectors, read_pending, read_segment};
pub use segment::Segment;
pub use space::{Metric, Space};
pub use wanted::{Effort, Hit, Wanted};
