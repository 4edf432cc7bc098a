//! What a row must be like to be kept.

use std::cmp::Ordering;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use ice_core::value::Value;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::compare;
use super::tool::Cells;
use crate::support::compile_regex;

/// A cell compared with a value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column, or a dotted path into one.
    pub column: String,
    /// How to compare.
    pub op: Operator,
    /// What to compare with; a list for `in` and `not_in`, nothing for `is_null` and `not_null`.
    #[serde(default)]
    pub value: Value,
}

/// How a cell is compared. Values of different types are not equal, and neither is less; a null is equal to null
/// only. The comparisons of texts count upper and lower case as different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less, by number or by text.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// A text that contains the value, or a list that has it as an item.
    Contains,
    /// A text that begins with the value.
    StartsWith,
    /// A text that ends with the value.
    EndsWith,
    /// A text in which the value, a regular expression, is found.
    Matches,
    /// Equal to an item of the value.
    In,
    /// Equal to no item of the value.
    NotIn,
    /// Null or absent.
    IsNull,
    /// Neither null nor absent.
    NotNull,
}

/// A condition that was checked.
pub(super) struct Test {
    pub(super) column: Arc<str>,
    op: Operator,
    value: Value,
    pattern: Option<Regex>,
}

impl Condition {
    pub(super) fn compile(&self) -> Result<Test, ToolError> {
        let invalid = |message: &str| {
            let message = format!("the condition on `{}`: {message}", self.column);
            Err(ToolError::refused(ErrorCode::ToolInputInvalid, message))
        };
        let text = || self.value.as_str();
        match self.op {
            Operator::In | Operator::NotIn if self.value.as_list().is_none() => {
                return invalid("`in` and `not_in` take a list as `value`");
            }
            Operator::StartsWith | Operator::EndsWith | Operator::Matches if text().is_none() => {
                return invalid("this comparison takes a text as `value`");
            }
            Operator::IsNull | Operator::NotNull if !self.value.is_null() => {
                return invalid("`is_null` and `not_null` take no `value`");
            }
            Operator::Eq
            | Operator::Ne
            | Operator::Lt
            | Operator::Le
            | Operator::Gt
            | Operator::Ge
            | Operator::Contains
            | Operator::StartsWith
            | Operator::EndsWith
            | Operator::Matches
            | Operator::In
            | Operator::NotIn
            | Operator::IsNull
            | Operator::NotNull => {}
        }
        let is_pattern = self.op == Operator::Matches;
        let pattern = text().filter(|_| is_pattern).map(compile_regex).transpose()?;
        Ok(Test { column: Arc::from(self.column.as_str()), op: self.op, value: self.value.clone(), pattern })
    }
}

impl Test {
    pub(super) fn holds(&self, row: &Value) -> bool {
        let cell = row.cell(&self.column);
        let text = || Some((cell.as_str()?, self.value.as_str()?));
        let order = || compare(cell, &self.value);
        match self.op {
            Operator::Eq => equal(cell, &self.value),
            Operator::Ne => !equal(cell, &self.value),
            Operator::Lt => order() == Some(Ordering::Less),
            Operator::Le => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            Operator::Gt => order() == Some(Ordering::Greater),
            Operator::Ge => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
            Operator::Contains => match cell.as_list() {
                Some(items) => items.iter().any(|item| equal(item, &self.value)),
                None => text().is_some_and(|(cell, value)| cell.contains(value)),
            },
            Operator::StartsWith => text().is_some_and(|(cell, value)| cell.starts_with(value)),
            Operator::EndsWith => text().is_some_and(|(cell, value)| cell.ends_with(value)),
            Operator::Matches => {
                cell.as_str().zip(self.pattern.as_ref()).is_some_and(|(cell, regex)| regex.is_match(cell))
            }
            Operator::In => self.is_listed(cell),
            Operator::NotIn => !self.is_listed(cell),
            Operator::IsNull => cell.is_null(),
            Operator::NotNull => !cell.is_null(),
        }
    }

    fn is_listed(&self, cell: &Value) -> bool {
        self.value.as_list().is_some_and(|items| items.iter().any(|item| equal(cell, item)))
    }
}

/// Numbers are equal by value: 1 is 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    a == b
        || (matches!((a, b), (Value::Number(_), Value::Number(_))) && compare(a, b) == Some(Ordering::Equal))
}
