//! What is computed of the rows of a group.

use std::collections::HashSet;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{compare, identity};
use super::tool::Cells;

/// A value to compute of each group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// What to compute.
    pub function: Function,
    /// Of which column, or dotted path into one. `count` needs none.
    #[serde(default)]
    pub column: Option<String>,
    /// The name of the result; `<function>_<column>`, or `count`, if left out.
    #[serde(default, rename = "as")]
    pub name: Option<String>,
}

/// What can be computed. Nulls are left out, but for `count` without a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// How many rows, or with a column how many cells.
    Count,
    /// How many different cells.
    CountDistinct,
    /// The sum of numbers; 0 of none.
    Sum,
    /// The arithmetic mean of numbers; null of none.
    Mean,
    /// The middle number, or the mean of the two middle ones; null of none.
    Median,
    /// The least number or text; null of none.
    Min,
    /// The greatest number or text; null of none.
    Max,
    /// The first cell; null of none.
    First,
    /// The last cell; null of none.
    Last,
    /// All cells, as a list.
    List,
}

impl Aggregate {
    pub(super) fn result_name(&self) -> String {
        let function = match self.function {
            Function::Count => "count",
            Function::CountDistinct => "count_distinct",
            Function::Sum => "sum",
            Function::Mean => "mean",
            Function::Median => "median",
            Function::Min => "min",
            Function::Max => "max",
            Function::First => "first",
            Function::Last => "last",
            Function::List => "list",
        };
        match (&self.name, &self.column) {
            (Some(name), _) => name.clone(),
            (None, Some(column)) => format!("{function}_{column}"),
            (None, None) => function.to_owned(),
        }
    }

    pub(super) fn of(&self, rows: &[&Value]) -> Result<Value, ToolError> {
        let Some(column) = &self.column else {
            if self.function == Function::Count {
                return Ok(Value::from(rows.len()));
            }
            let message = format!("the aggregate `{}` needs a `column`", self.result_name());
            return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
        };
        let cells: Vec<&Value> =
            rows.iter().map(|row| row.cell(column)).filter(|cell| !cell.is_null()).collect();
        Ok(match self.function {
            Function::Count => Value::from(cells.len()),
            Function::CountDistinct => {
                Value::from(cells.iter().map(|cell| identity(cell)).collect::<HashSet<_>>().len())
            }
            Function::Sum => sum(column, &cells)?,
            Function::Mean => mean(&numbers(column, &cells)?),
            Function::Median => median(numbers(column, &cells)?),
            Function::Min => extreme(&cells, std::cmp::Ordering::Less),
            Function::Max => extreme(&cells, std::cmp::Ordering::Greater),
            Function::First => cells.first().map_or(Value::Null, |cell| (*cell).clone()),
            Function::Last => cells.last().map_or(Value::Null, |cell| (*cell).clone()),
            Function::List => Value::list(cells.into_iter().cloned()),
        })
    }
}

fn numbers(column: &str, cells: &[&Value]) -> Result<Vec<f64>, ToolError> {
    let number = |cell: &&Value| {
        cell.as_f64().ok_or_else(|| {
            let message = format!("the column `{column}` holds a {}, not only numbers", cell.type_name());
            ToolError::refused(ErrorCode::DataInvalid, message)
        })
    };
    cells.iter().map(number).collect()
}

/// Exact as long as all are whole and the sum stays within 2^53.
fn sum(column: &str, cells: &[&Value]) -> Result<Value, ToolError> {
    let numbers = numbers(column, cells)?;
    let whole: Option<i128> = cells.iter().map(|cell| cell.as_i64().map(i128::from)).sum();
    let exact = whole.and_then(|sum| i64::try_from(sum).ok()).filter(|sum| sum.unsigned_abs() <= 1 << 53);
    Ok(exact.map_or_else(|| finite(numbers.iter().sum()), Value::from))
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 rows")]
fn mean(numbers: &[f64]) -> Value {
    if numbers.is_empty() { Value::Null } else { finite(numbers.iter().sum::<f64>() / numbers.len() as f64) }
}

fn median(mut numbers: Vec<f64>) -> Value {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (numbers.get(middle), middle.checked_sub(1).and_then(|below| numbers.get(below))) {
        (Some(upper), Some(lower)) if numbers.len().is_multiple_of(2) => {
            finite(f64::midpoint(*lower, *upper))
        }
        (Some(upper), _) => finite(*upper),
        (None, _) => Value::Null,
    }
}

fn extreme(cells: &[&Value], wanted: std::cmp::Ordering) -> Value {
    let best = cells
        .iter()
        .copied()
        .reduce(|best, cell| if compare(cell, best) == Some(wanted) { cell } else { best });
    best.cloned().unwrap_or_default()
}

/// A result beyond the range of numbers is null.
fn finite(number: f64) -> Value {
    Value::try_from(number).unwrap_or_default()
}
