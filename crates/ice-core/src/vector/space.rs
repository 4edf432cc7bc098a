//! Which vectors belong together, and how near two of them are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::VectorError;
use super::item::Admitted;
use crate::embedding::{Dimension, Embedding, InvalidEmbedding};

/// How near two vectors are to each other. More is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The cosine of the angle between them, -1 to 1; 0 if either is all zeros.
    Cosine,
    /// The sum of their products.
    Dot,
    /// Their Euclidean distance, as a negative number.
    Euclidean,
}

/// Which vectors belong together: of one model, of one length, compared in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// The model that makes them.
    pub model: Arc<str>,
    /// How long they are.
    pub dimension: Dimension,
    /// How they are compared.
    pub metric: Metric,
}

impl Space {
    /// The only way of a vector into an index, and of a query to it.
    ///
    /// # Errors
    /// [`VectorError::Mismatch`] if it is of another model or length. An [`Embedding`] is finite already.
    pub fn admit(&self, embedding: &Embedding) -> Result<Admitted, VectorError> {
        if *embedding.model() != self.model {
            let (one, other) = (Arc::clone(&self.model), Arc::clone(embedding.model()));
            return Err(InvalidEmbedding::OtherModel { one, other }.into());
        }
        if embedding.dimension() != self.dimension {
            return Err(InvalidEmbedding::Length {
                model: Arc::clone(&self.model),
                expected: self.dimension.get(),
                actual: embedding.dimension().get(),
            }
            .into());
        }
        Ok(Admitted::new(match self.metric {
            Metric::Cosine => unit(embedding.vector()),
            Metric::Dot | Metric::Euclidean => embedding.vector().to_vec(),
        }))
    }
}

/// The vector of length one in the same direction; zeros stay zeros.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt();
    if length == 0.0 {
        return vector.to_vec();
    }
    vector.iter().map(|number| (f64::from(*number) / length) as f32).collect()
}
