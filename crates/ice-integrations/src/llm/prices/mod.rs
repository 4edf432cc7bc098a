//! What models cost and can do, as data: a table that comes along, and files that stand before it.
//!
//! ```
//! use ice_core::llm::Usage;
//! use ice_integrations::llm::prices::PriceTable;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let own = r#"
//!     [[model]]
//!     provider = "openai"
//!     models = ["gpt-4o-mini"]
//!     input = "0.10"
//!     output = "0.40"
//!     context = 128_000
//!     max_output = 16_384
//!     as_of = "2026-11-28"
//!     source = "https://example.com/our-contract"
//! "#;
//! let table = PriceTable::built_in().overlay(PriceTable::read(own, "prices.toml")?);
//! let entry = table.lookup("openai", "gpt-4o-mini").ok_or("it is in the file")?;
//! let usage = Usage { input: 1_000, output: 500, ..Usage::default() };
//! assert_eq!(entry.price.of(&usage).to_string(), "0.0003");
//! # Ok(())
//! # }
//! ```

mod entry;
mod error;
mod file;
mod pattern;
mod table;

pub use entry::ModelEntry;
pub use error::PriceError;
pub use pattern::{InvalidPattern, ModelPattern};
pub use table::PriceTable;
