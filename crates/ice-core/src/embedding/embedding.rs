//! A vector of a text, with the model that made it.

use std::fmt;
use std::sync::Arc;

use super::Dimension;
use crate::error::ErrorCode;

/// The vector of a text: finite numbers, as many as its model's dimension. A clone costs two reference counts.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    model: Arc<str>,
    dimension: Dimension,
    vector: Arc<[f32]>,
}

/// Why numbers are no embedding, or why two embeddings cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmbedding {
    /// The vector has another length than was stated.
    #[error(
        "an embedding of model `{model}` has {actual} dimensions, and {expected} are expected: state the dimension of the \
         model, or use the model that was meant"
    )]
    Length {
        /// The model.
        model: Arc<str>,
        /// The dimension that was stated.
        expected: usize,
        /// The length of the vector.
        actual: usize,
    },
    /// A number is not finite.
    #[error(
        "an embedding of model `{model}` has a number at {at} that is not finite: the model is damaged, or its server is"
    )]
    NotFinite {
        /// The model.
        model: Arc<str>,
        /// Where the number stands, from 0.
        at: usize,
    },
    /// Two embeddings are of different models.
    #[error(
        "embeddings of `{one}` and of `{other}` cannot be compared: embed both texts with the same model"
    )]
    OtherModel {
        /// The model of one.
        one: Arc<str>,
        /// The model of the other.
        other: Arc<str>,
    },
}

impl InvalidEmbedding {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Length { .. } | Self::OtherModel { .. } => ErrorCode::DimensionMismatch,
            Self::NotFinite { .. } => ErrorCode::ModelFailed,
        }
    }
}

impl Embedding {
    /// The embedding of a model: the only way to one.
    ///
    /// # Errors
    /// [`InvalidEmbedding::Length`] if the vector is not as long as `dimension`, [`InvalidEmbedding::NotFinite`] if it
    /// holds an infinity or what is no number.
    pub fn new(
        model: impl Into<Arc<str>>,
        dimension: Dimension,
        vector: impl Into<Arc<[f32]>>,
    ) -> Result<Self, InvalidEmbedding> {
        let (model, vector) = (model.into(), vector.into());
        if vector.len() != dimension.get() {
            return Err(InvalidEmbedding::Length { model, expected: dimension.get(), actual: vector.len() });
        }
        match vector.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(InvalidEmbedding::NotFinite { model, at }),
            None => Ok(Self { model, dimension, vector }),
        }
    }

    /// The id of the model that made it.
    #[must_use]
    pub const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// How long it is.
    #[must_use]
    pub const fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// The numbers.
    #[must_use]
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The cosine of the angle between two embeddings, -1 to 1: the nearer to 1, the more alike are their texts to the
    /// model. 0 if either is all zeros.
    ///
    /// # Errors
    /// [`InvalidEmbedding::OtherModel`] or [`InvalidEmbedding::Length`]: vectors of different models or lengths say
    /// nothing of each other.
    pub fn cosine(&self, other: &Self) -> Result<f32, InvalidEmbedding> {
        if self.model != other.model {
            let (one, other) = (Arc::clone(&self.model), Arc::clone(&other.model));
            return Err(InvalidEmbedding::OtherModel { one, other });
        }
        if self.dimension != other.dimension {
            return Err(InvalidEmbedding::Length {
                model: Arc::clone(&other.model),
                expected: self.dimension.get(),
                actual: other.dimension.get(),
            });
        }
        let norms = (dot(&self.vector, &self.vector) * dot(&other.vector, &other.vector)).sqrt();
        if norms == 0.0 {
            return Ok(0.0);
        }
        Ok((dot(&self.vector, &other.vector) / norms).clamp(-1.0, 1.0) as f32)
    }
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

impl fmt::Debug for Embedding {
    /// Without its numbers: they are many, and tell nobody anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedding")
            .field("model", &self.model)
            .field("dimension", &self.dimension)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(model: &str, vector: &[f32]) -> Result<Embedding, InvalidEmbedding> {
        Embedding::new(model, Dimension::new(3).unwrap(), vector)
    }

    #[test]
    fn a_vector_of_another_length_is_no_embedding() {
        let refused = embedding("mini", &[1.0, 2.0]).unwrap_err();
        assert_eq!(refused, InvalidEmbedding::Length { model: "mini".into(), expected: 3, actual: 2 });
        assert_eq!(refused.code(), ErrorCode::DimensionMismatch);
        assert_eq!(
            refused.to_string(),
            "an embedding of model `mini` has 2 dimensions, and 3 are expected: state the dimension of the model, or use \
             the model that was meant"
        );
    }

    #[test]
    fn what_is_not_finite_is_no_embedding() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = embedding("mini", &[1.0, bad, 0.0]).unwrap_err();
            assert_eq!(refused, InvalidEmbedding::NotFinite { model: "mini".into(), at: 1 });
            assert_eq!(refused.code(), ErrorCode::ModelFailed);
        }
    }

    #[test]
    fn the_cosine_is_that_of_the_angle() {
        let cosine = |one: &[f32], other: &[f32]| {
            embedding("m", one).unwrap().cosine(&embedding("m", other).unwrap()).unwrap()
        };
        assert_eq!(cosine(&[2.0, 0.0, 0.0], &[5.0, 0.0, 0.0]), 1.0);
        assert_eq!(cosine(&[2.0, 0.0, 0.0], &[-1.0, 0.0, 0.0]), -1.0);
        assert_eq!(cosine(&[2.0, 0.0, 0.0], &[0.0, 0.0, 1.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0, 0.0], &[0.0, 0.0, 1.0]), 0.0);
        // Squares beyond what an f32 holds.
        assert_eq!(cosine(&[f32::MAX, 0.0, 0.0], &[f32::MAX, 0.0, 0.0]), 1.0);
        assert_eq!(cosine(&[3.0, 4.0, 0.0], &[3.0, 0.0, 0.0]), 0.6);
    }

    #[test]
    fn embeddings_of_different_models_are_not_compared() {
        let one = embedding("a", &[1.0, 0.0, 0.0]).unwrap();
        let other = embedding("b", &[1.0, 0.0, 0.0]).unwrap();
        let refused = one.cosine(&other).unwrap_err();
        assert_eq!(refused, InvalidEmbedding::OtherModel { one: "a".into(), other: "b".into() });
        assert_eq!(refused.code(), ErrorCode::DimensionMismatch);
        let longer = Embedding::new("a", Dimension::new(4).unwrap(), vec![1.0; 4]).unwrap();
        let refused = one.cosine(&longer).unwrap_err();
        assert_eq!(refused, InvalidEmbedding::Length { model: "a".into(), expected: 3, actual: 4 });
    }

    #[test]
    fn its_numbers_are_not_shown() {
        let shown = format!("{:?}", embedding("m", &[0.25, 0.5, 0.75]).unwrap());
        assert_eq!(shown, "Embedding { model: \"m\", dimension: Dimension(3), .. }");
    }
}
