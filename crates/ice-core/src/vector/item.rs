//! What is put into a collection.

use crate::embedding::Embedding;
use crate::segments::{Attributes, ItemId};

/// A vector with its id and what it is filtered by.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its id; an item of the same id is replaced.
    pub id: ItemId,
    /// The vector.
    pub vector: Embedding,
    /// What it is filtered by.
    pub attributes: Attributes,
}

/// The numbers of a vector that a [`Space`](super::Space) has admitted: finite, as many as its dimension, of its model; of length one
/// where the cosine is asked for. There is no other way to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted(Box<[f32]>);

impl Admitted {
    pub(super) fn new(numbers: Vec<f32>) -> Self {
        Self(numbers.into())
    }

    /// The numbers.
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }
}

/// What is pending of an item.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub(super) vector: Admitted,
    pub(super) attributes: Attributes,
}

impl Row {
    /// The vector.
    #[must_use]
    pub const fn vector(&self) -> &Admitted {
        &self.vector
    }

    /// What it is filtered by.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}
