//! What the tool takes, gives and does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::{Map, Value, ValuePath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::aggregate::Aggregate;
use super::condition::{Condition, Test};
use super::order::{SortKey, identity, sort_order};
use crate::support::{
    CellTypes, Decoding, Source, TableOptions, blocking, columns_of, decode, parse, parse_lines, read_all,
    read_table, unknown_column,
};

/// Rows, and what to do with them, in this order: `where`, `group_by` with `aggregate`, `distinct`, `sort`, `offset`,
/// `limit`, `select`.
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
    let whole = load(ctx, input)?;
    let rows = whole.as_list().ok_or_else(|| {
        let message = format!("the rows are a list of objects, not {}", whole.type_name());
        ToolError::refused(ErrorCode::ToolInputInvalid, message)
    })?;
    let columns = columns_of(rows)?;
    let known = |column: &str, columns: &[Arc<str>]| {
        let first = column.split('.').next().unwrap_or(column);
        let is_known = columns.is_empty() || columns.iter().any(|name| **name == *column || **name == *first);
        if is_known { Ok(()) } else { Err(unknown_column(column, columns)) }
    };
    let compile =
        |conditions: &[Condition]| conditions.iter().map(Condition::compile).collect::<Result<Vec<_>, _>>();
    let (all, any) = (compile(&input.all)?, compile(&input.any)?);
    for test in all.iter().chain(&any) {
        known(&test.column, &columns)?;
    }
    let kept = filter(ctx, rows, &all, &any)?;
    let matched = kept.len();

    let grouped: Vec<Value>;
    let mut result: Vec<&Value> = if input.group_by.is_empty() && input.aggregate.is_empty() {
        kept
    } else {
        let of_aggregates = input.aggregate.iter().filter_map(|aggregate| aggregate.column.as_ref());
        for column in input.group_by.iter().chain(of_aggregates) {
            known(column, &columns)?;
        }
        grouped = group(&kept, input)?;
        grouped.iter().collect()
    };
    let columns = if result.is_empty() { columns } else { columns_of_refs(&result) };
    for column in input.sort.iter().map(|key| &key.column).chain(input.select.iter().flatten()) {
        known(column, &columns)?;
    }
    if input.distinct {
        let mut seen = HashSet::new();
        result.retain(|row| seen.insert(distinct_key(row, input.select.as_deref())));
    }
    if !input.sort.is_empty() {
        result.sort_by(|a, b| {
            let orders = input
                .sort
                .iter()
                .map(|key| sort_order(a.cell(&key.column), b.cell(&key.column), key.descending));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    let cut = result.into_iter().skip(input.offset).take(input.limit.unwrap_or(usize::MAX));
    let rows: Vec<Value> = cut.map(|row| select(row, input.select.as_deref())).collect();
    if rows.len() > ctx.limits.max_items {
        let message = format!("there are more than {} rows: set `limit`", ctx.limits.max_items);
        return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
    }
    Ok(Output { count: rows.len(), matched, rows })
}

fn load(ctx: &ToolContext, input: &Input) -> Result<Value, ToolError> {
    let path = match (&input.rows, &input.path) {
        (Some(rows), None) => return Ok(rows.clone()),
        (None, Some(path)) => path,
        (Some(_), Some(_)) | (None, None) => {
            let message = "give either `rows` or `path`, and not both";
            return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
        }
    };
    let source = Source::open(ctx, Some(path), None)?;
    let name = source.name.clone();
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("json") => parse(&name, &decode(&name, read_all(source)?, &Decoding::default())?),
        Some("jsonl" | "ndjson") => {
            parse_lines(ctx, &name, &decode(&name, read_all(source)?, &Decoding::default())?)
        }
        Some(_) | None => {
            let delimiter = if ending.as_deref() == Some("tsv") { b'\t' } else { b',' };
            let options = TableOptions {
                delimiter,
                header: true,
                types: CellTypes::Infer,
                columns: None,
                limit: None,
                encoding: None,
            };
            Ok(Value::from(read_table(ctx, source, &options)?.rows))
        }
    }
}

fn filter<'r>(
    ctx: &ToolContext,
    rows: &'r [Value],
    all: &[Test],
    any: &[Test],
) -> Result<Vec<&'r Value>, ToolError> {
    let mut kept = Vec::new();
    for row in rows {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        if all.iter().all(|test| test.holds(row))
            && (any.is_empty() || any.iter().any(|test| test.holds(row)))
        {
            kept.push(row);
        }
    }
    Ok(kept)
}

fn group(rows: &[&Value], input: &Input) -> Result<Vec<Value>, ToolError> {
    let mut index: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Value>> = Vec::new();
    for row in rows {
        let key = input.group_by.iter().map(|column| identity(row.cell(column))).collect();
        let at = *index.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.push(row);
        }
    }
    if input.group_by.is_empty() && groups.is_empty() {
        groups.push(Vec::new());
    }
    groups.iter().map(|group| summarise(group, input)).collect()
}

fn summarise(group: &[&Value], input: &Input) -> Result<Value, ToolError> {
    let mut row = Map::default();
    for column in &input.group_by {
        let cell = group.first().map_or(Value::Null, |first| first.cell(column).clone());
        row.insert(Arc::from(column.as_str()), cell);
    }
    for aggregate in &input.aggregate {
        row.insert(Arc::from(aggregate.result_name()), aggregate.of(group)?);
    }
    Ok(Value::from(row))
}

fn columns_of_refs(rows: &[&Value]) -> Vec<Arc<str>> {
    let mut seen = HashSet::new();
    let keys = rows.iter().filter_map(|row| row.as_map()).flat_map(Map::keys);
    keys.filter(|key| seen.insert(Arc::clone(key))).cloned().collect()
}

fn distinct_key(row: &Value, columns: Option<&[String]>) -> Vec<String> {
    match columns {
        Some(columns) => columns.iter().map(|column| identity(row.cell(column))).collect(),
        None => {
            let mut cells: Vec<String> = row
                .as_map()
                .into_iter()
                .flatten()
                .map(|(key, cell)| format!("{key}\u{0}{}", identity(cell)))
                .collect();
            cells.sort_unstable();
            cells
        }
    }
}

fn select(row: &Value, columns: Option<&[String]>) -> Value {
    match columns {
        None => row.clone(),
        Some(columns) => {
            let cell = |column: &String| (Arc::from(column.as_str()), row.cell(column).clone());
            Value::from(columns.iter().map(cell).collect::<Map>())
        }
    }
}
