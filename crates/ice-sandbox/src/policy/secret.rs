//! Which secrets a command is given, and how.

use serde::{Deserialize, Serialize};

use crate::error::PolicyError;
use crate::secret::SecretRef;

/// How a command is given a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In a file in memory that only it can read, `/cage/.secrets/NAME`, whose path stands in the variable `NAME_FILE`.
    #[default]
    File,
    /// In the variable `NAME`. Programs that it starts inherit that, and some tell it when they fail.
    Variable,
}

/// A secret that a command is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// What it is called by those who keep it.
    pub reference: SecretRef,
    /// How it is given.
    #[serde(default)]
    pub delivery: Delivery,
}

impl Secret {
    /// The variable that is set because of it.
    pub(crate) fn variable(&self, name: &str) -> String {
        match self.delivery {
            Delivery::File => format!("{name}_FILE"),
            Delivery::Variable => name.to_owned(),
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<(), PolicyError> {
        let fail = |why| Err(PolicyError::Secret { name: name.to_owned(), why });
        let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty()
            || name.len() > 200
            || !is_word
            || name.starts_with(|first: char| first.is_ascii_digit())
        {
            return fail("its name is a word of letters, digits and `_`, and does not begin with a digit");
        }
        if self.reference.as_str().is_empty() {
            return fail("its reference is empty");
        }
        Ok(())
    }
}
