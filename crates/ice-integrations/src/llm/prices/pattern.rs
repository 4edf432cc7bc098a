//! Which models a line of the table is about.

use std::fmt;
use std::str::FromStr;

/// The name of a model, or the beginning of names, written with a `*` at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelPattern {
    /// This model.
    Exact(String),
    /// Models whose names begin like this.
    Prefix(String),
}

/// What is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a model: 1 to 128 characters without blanks, with `*` only at the end and after something else"
)]
pub struct InvalidPattern(String);

impl ModelPattern {
    /// How well it fits a model: nothing if it does not, more for longer beginnings, most for the name itself.
    pub(super) fn fit(&self, model: &str) -> Option<usize> {
        match self {
            Self::Exact(name) => (name == model).then_some(usize::MAX),
            Self::Prefix(beginning) => model.starts_with(beginning.as_str()).then_some(beginning.len()),
        }
    }
}

impl FromStr for ModelPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, is_prefix) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        let is_name = (1..=128).contains(&name.chars().count())
            && !name.contains(|c: char| c == '*' || c.is_whitespace() || c.is_control());
        match (is_name, is_prefix) {
            (false, _) => Err(InvalidPattern(text.chars().take(80).collect())),
            (true, true) => Ok(Self::Prefix(name.to_owned())),
            (true, false) => Ok(Self::Exact(name.to_owned())),
        }
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(beginning) => write!(f, "{beginning}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_read_and_written() {
        for text in ["gpt-4o", "gpt-4o-20*", "a/b:c"] {
            assert_eq!(text.parse::<ModelPattern>().unwrap().to_string(), text);
        }
        for bad in ["", "*", "a*b", "a**", "a b", " a", &"a".repeat(129)] {
            assert!(bad.parse::<ModelPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_fits_better_than_a_beginning() {
        let fit = |pattern: &str, model| pattern.parse::<ModelPattern>().unwrap().fit(model);
        assert_eq!(fit("gpt-4o", "gpt-4o-mini"), None);
        assert_eq!(fit("gpt-4o*", "gpt-4o-mini"), Some(6));
        assert!(fit("gpt-4o-mini", "gpt-4o-mini") > fit("gpt-4o-min*", "gpt-4o-mini"));
    }
}
