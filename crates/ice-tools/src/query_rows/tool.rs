//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::{Map, Value, ValuePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::aggregate::Aggregate;
use super::condition::{Condition, Test};
use super::group::{self, Groups};
use super::held::Held;
use super::kept::Kept;
use super::order::SortKey;
use super::rows::Rows;
use crate::support::{blocking, unknown_column};

/// Rows, and what to do with them, in this order: `where`, `group_by` with `aggregate`, `distinct`, `sort`, `offset`,
/// `limit`, `select`. A file is filtered and grouped as it is read: it may have any number of rows.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// The rows: a list of objects.
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, Value>>>")]
    pub rows: Option<Value>,
    /// A file to take them from instead, within a granted folder: CSV, or by its ending `.json` a JSON list of
    /// objects, `.jsonl` or `.ndjson` JSON Lines.
    pub path: Option<String>,
    /// Conditions that must all hold.
    #[serde(rename = "where")]
    pub all: Vec<Condition>,
    /// Conditions of which one must hold.
    #[serde(rename = "where_any")]
    pub any: Vec<Condition>,
    /// Columns whose equal cells make a group. Groups come in the order of their first rows.
    pub group_by: Vec<String>,
    /// What to compute of each group; of all rows if there is no `group_by`.
    pub aggregate: Vec<Aggregate>,
    /// Whether rows that are equal in the selected columns are kept once.
    pub distinct: bool,
    /// Columns to sort by, the most important first. Rows that are equal in them keep their order.
    pub sort: Vec<SortKey>,
    /// How many rows to leave out at the beginning.
    pub offset: usize,
    /// The most rows to return.
    pub limit: Option<usize>,
    /// The columns to keep, in this order; all if left out. A dotted path becomes a column of that name.
    pub select: Option<Vec<String>>,
}

/// The rows that are left.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The rows.
    #[schemars(with = "Vec<std::collections::BTreeMap<String, Value>>")]
    pub rows: Vec<Value>,
    /// How many there are.
    pub count: usize,
    /// How many rows met the conditions.
    pub matched: usize,
}

/// The tool `query_rows`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "query_rows",
        "1.0.0",
        "Filters, groups, sorts and cuts rows, given or from a CSV or JSON file.",
    )
    .effect(Effect::Idempotent)
    .effect_of(crate::support::reading_effect)
    .capability(Capability::ReadFiles)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| query(ctx, &input)).await
}

/// Reading cells of rows.
pub(super) trait Cells {
    /// The cell of a column, else what a dotted path leads to, else null.
    fn cell(&self, column: &str) -> &Value;
}

impl Cells for Value {
    fn cell(&self, column: &str) -> &Value {
        match self.get(column) {
            Some(cell) => cell,
            None if column.contains('.') => ValuePath::from(column).follow(self).unwrap_or(&Value::Null),
            None => &Value::Null,
        }
    }
}

fn query(ctx: &ToolContext, input: &Input) -> Result<Output, ToolError> {
    let rows = Rows::open(ctx, input)?;
    let (all, any) = (compile(&input.all)?, compile(&input.any)?);
    let is_grouped = !input.group_by.is_empty() || !input.aggregate.is_empty();
    known(all.iter().chain(&any).map(|test| &*test.column), rows.columns())?;
    let mut groups = Groups::new(input, Held::default())?;
    let of_aggregates = input.aggregate.iter().filter_map(|aggregate| aggregate.column.as_ref());
    known(input.group_by.iter().chain(of_aggregates).map(String::as_str), rows.columns())?;
    let grouped = if is_grouped { group::columns(input) } else { Vec::new() };
    let columns = if is_grouped { &grouped } else { rows.columns() };
    let of_sort = input.sort.iter().map(|key| &key.column);
    known(of_sort.chain(input.select.iter().flatten()).map(String::as_str), columns)?;

    let mut kept = Kept::new(input, ctx.limits.max_items, Held::default());
    let mut matched = 0;
    rows.each(|row| {
        let meets = all.iter().all(|test| test.holds(row))
            && (any.is_empty() || any.iter().any(|test| test.holds(row)));
        if !meets {
            return Ok(());
        }
        matched += 1;
        if is_grouped { groups.take(row) } else { kept.take(row) }
    })?;
    if is_grouped {
        groups.into_rows().try_for_each(|row| kept.take(&row))?;
    }
    let rows = kept.finish()?;
    Ok(Output { count: rows.len(), matched, rows })
}

fn compile(conditions: &[Condition]) -> Result<Vec<Test>, ToolError> {
    conditions.iter().map(Condition::compile).collect()
}

/// Whether there are these columns, or the first parts of dotted paths. Of no rows nothing is known.
fn known<'n>(wanted: impl Iterator<Item = &'n str>, columns: &[Arc<str>]) -> Result<(), ToolError> {
    for column in wanted {
        let first = column.split('.').next().unwrap_or(column);
        if !columns.is_empty() && !columns.iter().any(|name| **name == *column || **name == *first) {
            return Err(unknown_column(column, columns));
        }
    }
    Ok(())
}

/// A row with these columns alone.
pub(super) fn select(row: &Value, columns: Option<&[String]>) -> Value {
    match columns {
        None => row.clone(),
        Some(columns) => {
            let cell = |column: &String| (Arc::from(column.as_str()), row.cell(column).clone());
            Value::from(columns.iter().map(cell).collect::<Map>())
        }
    }
}
