//! The rows that are left: made distinct, sorted and cut as they come, so that only those that can still be returned are
//! held.

use std::cmp::Ordering;
use std::collections::HashSet;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use ice_core::value::{Map, Value};

use super::held::Held;
use super::order::{identity, sort_order};
use super::tool::{Cells, Input, select};

/// How many rows more than can be returned are held before they are sorted and cut.
const SLACK: usize = 1_000;

/// The rows that may be returned.
pub(super) struct Kept<'q> {
    input: &'q Input,
    /// The most rows that are returned.
    most: usize,
    held: Held,
    seen: HashSet<Vec<String>>,
    /// How many were left out of those that `offset` leaves out. Where rows are sorted that is done at the end.
    passed: usize,
    rows: Vec<Value>,
}

impl<'q> Kept<'q> {
    pub(super) fn new(input: &'q Input, most: usize, held: Held) -> Self {
        Self { input, most, held, seen: HashSet::new(), passed: 0, rows: Vec::new() }
    }

    pub(super) fn take(&mut self, row: &Value) -> Result<(), ToolError> {
        let sorts = !self.input.sort.is_empty();
        let limit = self.input.limit.unwrap_or(usize::MAX);
        if !sorts && self.rows.len() >= limit {
            return Ok(());
        }
        if self.input.distinct && !self.is_new(row)? {
            return Ok(());
        }
        if !sorts && self.passed < self.input.offset {
            self.passed += 1;
            return Ok(());
        }
        let help = "narrow `where`, or set `limit`";
        self.held.add(cells_of(row), "the rows that are left", help)?;
        self.rows.push(row.clone());
        if !sorts {
            return if self.rows.len() > self.most { Err(self.too_many()) } else { Ok(()) };
        }
        if self.rows.len() >= self.wanted().saturating_mul(2).saturating_add(SLACK) {
            self.cut();
        }
        Ok(())
    }

    fn is_new(&mut self, row: &Value) -> Result<bool, ToolError> {
        let key = distinct_key(row, self.input.select.as_deref());
        let cells = key.len();
        let is_new = self.seen.insert(key);
        if is_new {
            let help = "narrow `where`, or `select` fewer columns";
            self.held.add(cells, "the rows that are distinct", help)?;
        }
        Ok(is_new)
    }

    /// How many sorted rows can be returned or left out by `offset`.
    fn wanted(&self) -> usize {
        self.input.offset.saturating_add(self.input.limit.unwrap_or(usize::MAX))
    }

    /// Sorts the rows and leaves out those that are not returned any more. Rows that are equal keep their order.
    fn cut(&mut self) {
        self.rows.sort_by(|a, b| {
            let orders = self
                .input
                .sort
                .iter()
                .map(|key| sort_order(a.cell(&key.column), b.cell(&key.column), key.descending));
            orders.fold(Ordering::Equal, Ordering::then)
        });
        let left_out = self.rows.drain(self.wanted().min(self.rows.len())..);
        self.held.free(left_out.map(|row| cells_of(&row)).sum());
    }

    /// The rows to return, with the columns that were selected.
    pub(super) fn finish(mut self) -> Result<Vec<Value>, ToolError> {
        if !self.input.sort.is_empty() {
            self.cut();
            self.rows.drain(..self.input.offset.min(self.rows.len()));
        }
        if self.rows.len() > self.most {
            return Err(self.too_many());
        }
        Ok(self.rows.iter().map(|row| select(row, self.input.select.as_deref())).collect())
    }

    fn too_many(&self) -> ToolError {
        let most = self.most;
        let help = match self.input.limit {
            None => "set `limit`, narrow `where`, or aggregate",
            Some(_) => "set a smaller `limit`",
        };
        let message = format!("there are more than {most} rows to return: {help}");
        ToolError::refused(ErrorCode::LimitExceeded, message)
    }
}

fn cells_of(row: &Value) -> usize {
    row.as_map().map_or(1, |cells| cells.len().max(1))
}

fn distinct_key(row: &Value, columns: Option<&[String]>) -> Vec<String> {
    match columns {
        Some(columns) => columns.iter().map(|column| identity(row.cell(column))).collect(),
        None => {
            let cell = |(key, cell): (_, &Value)| format!("{key}\u{0}{}", identity(cell));
            let mut cells: Vec<String> = row.as_map().into_iter().flat_map(Map::iter).map(cell).collect();
            cells.sort_unstable();
            cells
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(input: serde_json::Value, most: usize, expected: Result<&[i64], &str>) {
        let parsed: Input = serde_json::from_value(input.clone()).unwrap();
        let mut kept = Kept::new(&parsed, 10, Held::at_most(most));
        // 0, 7, 14, …: every number below 5,003 once.
        let rows = (0..5_003).map(|n| Value::from(json!({"n": n * 7 % 5_003})));
        let taken = rows.into_iter().try_for_each(|row| kept.take(&row)).and_then(|()| kept.finish());
        let numbers = taken.map(|rows| rows.iter().filter_map(|row| row.cell("n").as_i64()).collect());
        let found: Result<Vec<i64>, String> = numbers.map_err(|error| error.message);
        assert_eq!(found, expected.map(<[i64]>::to_vec).map_err(str::to_owned), "{input}");
    }

    #[test]
    fn only_rows_that_can_be_returned_are_held() {
        let by = |descending: bool| json!([{"column": "n", "descending": descending}]);
        check(json!({"limit": 3}), 3, Ok(&[0, 7, 14]));
        check(json!({"limit": 2, "offset": 3}), 2, Ok(&[21, 28]));
        check(json!({"limit": 3, "sort": by(true)}), 1_006, Ok(&[5_002, 5_001, 5_000]));
        check(json!({"limit": 2, "offset": 100, "sort": by(false)}), 1_204, Ok(&[100, 101]));
        check(json!({"offset": 5_001, "sort": by(false)}), 6_000, Ok(&[5_001, 5_002]));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let sort = json!([{"column": "n"}]);
        check(
            json!({}),
            100,
            Err("there are more than 10 rows to return: set `limit`, narrow `where`, or aggregate"),
        );
        check(json!({"limit": 20}), 100, Err("there are more than 10 rows to return: set a smaller `limit`"));
        check(
            json!({"sort": sort}),
            5_003,
            Err("there are more than 10 rows to return: set `limit`, narrow `where`, or aggregate"),
        );
        check(
            json!({"sort": sort}),
            100,
            Err("the rows that are left take more than 100 cells, the most that is held: \
                 narrow `where`, or set `limit`"),
        );
        check(
            json!({"distinct": true, "offset": 200}),
            100,
            Err("the rows that are distinct take more than 100 cells, the most that is held: \
                 narrow `where`, or `select` fewer columns"),
        );
    }
}
