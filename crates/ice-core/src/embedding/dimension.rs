//! How long a vector is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many numbers a vector has: 1 to 16,384, which is more than any model in use has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Dimension(u32);

/// What is no dimension.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is no dimension that is possible here: 1 to {most}")]
pub struct InvalidDimension {
    /// What was given.
    pub given: usize,
    /// The most that is possible.
    pub most: Dimension,
}

impl Dimension {
    /// The largest.
    pub const MAX: Self = Self(16_384);

    /// A dimension.
    ///
    /// # Errors
    /// [`InvalidDimension`] beyond 1 to [`MAX`](Self::MAX).
    pub fn new(dimension: usize) -> Result<Self, InvalidDimension> {
        Self::at_most(dimension, Self::MAX)
    }

    /// A dimension of what knows a bound of its own.
    ///
    /// # Errors
    /// [`InvalidDimension`] beyond 1 to `most`.
    pub fn at_most(dimension: usize, most: Self) -> Result<Self, InvalidDimension> {
        match u32::try_from(dimension) {
            Ok(known @ 1..) if known <= most.0 => Ok(Self(known)),
            Ok(_) | Err(_) => Err(InvalidDimension { given: dimension, most }),
        }
    }

    /// A dimension that is known when the program is written, brought into the range.
    pub(super) const fn fixed(dimension: u32) -> Self {
        match dimension {
            0 => Self(1),
            known if known > Self::MAX.0 => Self::MAX,
            known => Self(known),
        }
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for Dimension {
    type Error = InvalidDimension;

    fn try_from(dimension: u32) -> Result<Self, Self::Error> {
        Self::new(usize::try_from(dimension).unwrap_or(usize::MAX))
    }
}

impl From<Dimension> for u32 {
    fn from(dimension: Dimension) -> Self {
        dimension.0
    }
}

impl JsonSchema for Dimension {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dimension".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How many numbers a vector has.",
            "type": "integer",
            "minimum": 1,
            "maximum": Self::MAX.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dimension_lies_in_its_range() {
        for good in [1, 384, 16_384] {
            assert_eq!(Dimension::new(good).unwrap().get(), good);
            assert_eq!(
                serde_json::from_str::<Dimension>(&good.to_string()).unwrap(),
                Dimension::new(good).unwrap()
            );
        }
        for bad in [0, 16_385, usize::MAX] {
            let refused = Dimension::new(bad).unwrap_err();
            assert_eq!(refused, InvalidDimension { given: bad, most: Dimension::MAX });
        }
        let refused = serde_json::from_str::<Dimension>("0").unwrap_err();
        assert_eq!(refused.to_string(), "0 is no dimension that is possible here: 1 to 16384");
        assert!(Dimension::at_most(385, Dimension::fixed(384)).is_err());
    }
}
