//! `ice memory ingest`: which files are meant, what they say, and how it gets to the owner of the folder.

mod command;
mod files;
mod progress;
mod read;
mod report;
mod send;

pub(super) use command::Ingest;
