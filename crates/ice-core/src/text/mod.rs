//! Full text: which of many texts fit a query best by the words in them.
//!
//! [`Terms`] says what words a text is found by, [`Postings`] which texts hold a word, [`best`] which fit a query; a [`Collection`]
//! keeps all of it in a store, beside what it indexes.
//!
//! ```
//! use ice_core::text::{Postings, Terms, best};
//!
//! # fn main() -> Result<(), ice_core::segments::Damage> {
//! let texts = ["A red car.", "The monthly accounts.", "Red wine, and more red wine."].map(Terms::of);
//! let postings = Postings::open(Postings::of(&texts))?;
//! let found = best(&[&postings], &[], &Terms::of("RED wine"), 2, |_, _| true);
//! assert_eq!(found.iter().map(|found| found.document).collect::<Vec<_>>(), [2, 0]);
//! # Ok(())
//! # }
//! ```

mod collection;
mod payload;
mod postings;
mod rank;
mod terms;

pub use collection::{Collection, Hit, SearchError, Wanted};
pub use payload::{Document, read_pending, read_segment};
pub use postings::{Holding, Postings};
pub use rank::{Found, best};
pub use terms::{Terms, normal};
