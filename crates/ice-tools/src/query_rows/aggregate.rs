//! What is computed of the rows of a group.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::held::Held;
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
}

/// A value that is being computed, row by row.
pub(super) struct Running<'q> {
    aggregate: &'q Aggregate,
    state: State,
}

/// What is held between rows.
enum State {
    Rows(usize),
    Cells(usize),
    Distinct(HashSet<String>),
    /// Exact as long as all numbers are whole and the sum stays within 2^53.
    Sum {
        whole: Option<i128>,
        sum: f64,
    },
    Mean {
        sum: f64,
        count: usize,
    },
    Median(Vec<f64>),
    Least(Value),
    Greatest(Value),
    First(Value),
    Last(Value),
    List(Vec<Value>),
}

impl<'q> Running<'q> {
    /// Begins with no rows.
    pub(super) fn new(aggregate: &'q Aggregate) -> Result<Self, ToolError> {
        let state = match (aggregate.function, &aggregate.column) {
            (Function::Count, None) => State::Rows(0),
            (_, None) => {
                let message = format!("the aggregate `{}` needs a `column`", aggregate.result_name());
                return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
            }
            (Function::Count, Some(_)) => State::Cells(0),
            (Function::CountDistinct, Some(_)) => State::Distinct(HashSet::new()),
            (Function::Sum, Some(_)) => State::Sum { whole: Some(0), sum: 0.0 },
            (Function::Mean, Some(_)) => State::Mean { sum: 0.0, count: 0 },
            (Function::Median, Some(_)) => State::Median(Vec::new()),
            (Function::Min, Some(_)) => State::Least(Value::Null),
            (Function::Max, Some(_)) => State::Greatest(Value::Null),
            (Function::First, Some(_)) => State::First(Value::Null),
            (Function::Last, Some(_)) => State::Last(Value::Null),
            (Function::List, Some(_)) => State::List(Vec::new()),
        };
        Ok(Self { aggregate, state })
    }

    /// Takes a row into account.
    pub(super) fn take(&mut self, row: &Value, held: &mut Held) -> Result<(), ToolError> {
        let column = self.aggregate.column.as_deref().unwrap_or_default();
        if let State::Rows(count) = &mut self.state {
            *count += 1;
            return Ok(());
        }
        let cell = row.cell(column);
        if cell.is_null() {
            return Ok(());
        }
        let mut hold = || {
            let what = format!("the cells of `{}`", self.aggregate.result_name());
            let help = "narrow `where`, or compute what holds no cells: \
                `count`, `sum`, `mean`, `min`, `max`, `first` or `last`";
            held.add(1, &what, help)
        };
        match &mut self.state {
            State::Rows(count) | State::Cells(count) => *count += 1,
            State::Distinct(seen) => {
                if seen.insert(identity(cell)) {
                    hold()?;
                }
            }
            State::Sum { whole, sum } => {
                *sum += number(column, cell)?;
                *whole = whole.zip(cell.as_i64()).map(|(sum, more)| sum + i128::from(more));
            }
            State::Mean { sum, count } => {
                *sum += number(column, cell)?;
                *count += 1;
            }
            State::Median(numbers) => {
                numbers.push(number(column, cell)?);
                hold()?;
            }
            State::Least(best) => replace_if(best, cell, Ordering::Less),
            State::Greatest(best) => replace_if(best, cell, Ordering::Greater),
            State::First(first) => {
                if first.is_null() {
                    *first = cell.clone();
                }
            }
            State::Last(last) => *last = cell.clone(),
            State::List(cells) => {
                cells.push(cell.clone());
                hold()?;
            }
        }
        Ok(())
    }

    /// The name of the result and the result.
    pub(super) fn finish(self) -> (Arc<str>, Value) {
        let value = match self.state {
            State::Rows(count) | State::Cells(count) => Value::from(count),
            State::Distinct(seen) => Value::from(seen.len()),
            State::Sum { whole, sum } => {
                let exact = whole.and_then(|sum| i64::try_from(sum).ok());
                let exact = exact.filter(|sum| sum.unsigned_abs() <= 1 << 53);
                exact.map_or_else(|| finite(sum), Value::from)
            }
            State::Mean { sum, count } => mean(sum, count),
            State::Median(numbers) => median(numbers),
            State::Least(cell) | State::Greatest(cell) | State::First(cell) | State::Last(cell) => cell,
            State::List(cells) => Value::from(cells),
        };
        (Arc::from(self.aggregate.result_name()), value)
    }
}

fn number(column: &str, cell: &Value) -> Result<f64, ToolError> {
    cell.as_f64().ok_or_else(|| {
        let message = format!("the column `{column}` holds a {}, not only numbers", cell.type_name());
        ToolError::refused(ErrorCode::DataInvalid, message)
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 rows")]
fn mean(sum: f64, count: usize) -> Value {
    if count == 0 { Value::Null } else { finite(sum / count as f64) }
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

/// The first of cells that are equal, or of which neither is less, stays.
fn replace_if(best: &mut Value, cell: &Value, wanted: Ordering) {
    if best.is_null() || compare(cell, best) == Some(wanted) {
        *best = cell.clone();
    }
}

/// A result beyond the range of numbers is null.
fn finite(number: f64) -> Value {
    Value::try_from(number).unwrap_or_default()
}
