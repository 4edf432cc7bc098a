//! Groups of rows with equal cells. A group holds its cells and what is computed so far, never its rows.

use std::collections::HashMap;
use std::sync::Arc;

use ice_core::tools::ToolError;
use ice_core::value::{Map, Value};

use super::aggregate::Running;
use super::held::Held;
use super::order::identity;
use super::tool::{Cells, Input};

/// The groups that were met so far.
pub(super) struct Groups<'q> {
    input: &'q Input,
    index: HashMap<Vec<String>, usize>,
    groups: Vec<Group<'q>>,
    held: Held,
}

/// The cells that its rows share, and what is computed of the others.
struct Group<'q> {
    cells: Vec<Value>,
    aggregates: Vec<Running<'q>>,
}

impl<'q> Groups<'q> {
    pub(super) fn new(input: &'q Input, held: Held) -> Result<Self, ToolError> {
        let mut groups = Self { input, index: HashMap::new(), groups: Vec::new(), held };
        let aggregates = groups.aggregates()?;
        if input.group_by.is_empty() {
            // All rows are one group, even if there are none.
            groups.index.insert(Vec::new(), 0);
            groups.groups.push(Group { cells: Vec::new(), aggregates });
        }
        Ok(groups)
    }

    fn aggregates(&self) -> Result<Vec<Running<'q>>, ToolError> {
        self.input.aggregate.iter().map(Running::new).collect()
    }

    pub(super) fn take(&mut self, row: &Value) -> Result<(), ToolError> {
        let key: Vec<String> = self.input.group_by.iter().map(|column| identity(row.cell(column))).collect();
        let at = match self.index.get(&key) {
            Some(at) => *at,
            None => self.add(key, row)?,
        };
        for aggregate in self.groups.get_mut(at).into_iter().flat_map(|group| &mut group.aggregates) {
            aggregate.take(row, &mut self.held)?;
        }
        Ok(())
    }

    fn add(&mut self, key: Vec<String>, row: &Value) -> Result<usize, ToolError> {
        let help = "narrow `where`, or group by fewer columns";
        self.held.add(key.len() + self.input.aggregate.len(), "the groups", help)?;
        let cells = self.input.group_by.iter().map(|column| row.cell(column).clone()).collect();
        let aggregates = self.aggregates()?;
        let at = self.groups.len();
        self.groups.push(Group { cells, aggregates });
        self.index.insert(key, at);
        Ok(at)
    }

    /// The groups as rows, in the order of their first rows.
    pub(super) fn into_rows(self) -> impl Iterator<Item = Value> + 'q {
        let input = self.input;
        self.groups.into_iter().map(move |group| {
            let cells = input.group_by.iter().map(|column| Arc::from(column.as_str())).zip(group.cells);
            let results = group.aggregates.into_iter().map(Running::finish);
            Value::from(cells.chain(results).collect::<Map>())
        })
    }
}

/// The columns that groups have as rows.
pub(super) fn columns(input: &Input) -> Vec<Arc<str>> {
    let results = input.aggregate.iter().map(|aggregate| Arc::from(aggregate.result_name()));
    input.group_by.iter().map(|column| Arc::from(column.as_str())).chain(results).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(input: serde_json::Value, most: usize, expected: Result<usize, &str>) {
        let parsed: Input = serde_json::from_value(input.clone()).unwrap();
        let mut groups = Groups::new(&parsed, Held::at_most(most)).unwrap();
        let rows = (0..10).map(|n| Value::from(json!({"n": n, "even": n % 2 == 0})));
        let taken = rows.into_iter().try_for_each(|row| groups.take(&row));
        let found = taken.map(|()| groups.into_rows().count()).map_err(|error| error.message);
        assert_eq!(found, expected.map_err(str::to_owned), "{input}");
    }

    #[test]
    fn what_groups_hold_is_bounded_and_not_how_many_rows_they_have() {
        let count = json!([{"function": "count"}, {"function": "sum", "column": "n"}]);
        check(json!({"aggregate": count}), 0, Ok(1));
        check(json!({"group_by": ["even"], "aggregate": count}), 6, Ok(2));
        check(
            json!({"group_by": ["n"]}),
            9,
            Err("the groups take more than 9 cells, the most that is held: \
                 narrow `where`, or group by fewer columns"),
        );
        let distinct = |column: &str| json!([{"function": "count_distinct", "column": column}]);
        check(json!({"aggregate": distinct("even")}), 2, Ok(1));
        for function in ["count_distinct", "median", "list"] {
            let message = format!(
                "the cells of `{function}_n` take more than 9 cells, the most that is held: narrow `where`, or compute \
                 what holds no cells: `count`, `sum`, `mean`, `min`, `max`, `first` or `last`"
            );
            check(json!({"aggregate": [{"function": function, "column": "n"}]}), 9, Err(&message));
        }
    }
}
