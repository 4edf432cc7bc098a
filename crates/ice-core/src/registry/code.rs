//! Code that is registered under a name, for nodes that name it instead of holding it.

use std::sync::Arc;

use bytes::Bytes;
use semver::Version;

use crate::blueprint::CodeLanguage;
use crate::value::BlobHash;

/// A piece of code under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredCode {
    /// The name that a code node's `name` or `module` has.
    pub name: Arc<str>,
    /// The version; the newest one is used.
    pub version: Version,
    /// What there is to run.
    pub body: CodeBody,
}

/// What there is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeBody {
    /// Source in a language.
    Source(CodeLanguage, Arc<str>),
    /// A WebAssembly module or component: binary, or the text format.
    Module(Bytes),
}

impl RegisteredCode {
    /// The hash of what there is to run: runs are bound to it.
    #[must_use]
    pub fn hash(&self) -> BlobHash {
        match &self.body {
            CodeBody::Source(_, text) => BlobHash::of(text.as_bytes()),
            CodeBody::Module(bytes) => BlobHash::of(bytes),
        }
    }
}
