//! JSON Schemas of the documents that people and other programs read and write.

mod list;
mod make;

pub(super) use make::GENERATOR;
