//! Vendors of language models.

pub mod prices;
