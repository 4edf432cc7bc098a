//! Where the rows come from. Those of a file are never all held as values: the file's bytes are, and they are gone through
//! once for the columns and once for the rows.

use std::io::Cursor;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use ice_core::value::{Map, Value};
use indexmap::IndexSet;

use super::tool::Input;
use crate::support::{
    Decoding, Kind, Records, Source, add_columns, as_row, columns_of, decode, each_line, parse, read_all,
};

/// Rows that can be gone through.
pub(super) struct Rows<'c> {
    ctx: &'c ToolContext,
    columns: Vec<Arc<str>>,
    origin: Origin,
}

enum Origin {
    List(Value),
    Lines(File<String>),
    Table { file: File<Vec<u8>>, delimiter: u8, kinds: Vec<Kind> },
}

struct File<C> {
    /// What to call it in messages.
    name: String,
    content: C,
}

impl<'c> Rows<'c> {
    /// Reads what the input names, up to the most bytes that are read. Blocks.
    pub(super) fn open(ctx: &'c ToolContext, input: &Input) -> Result<Self, ToolError> {
        let path = match (&input.rows, &input.path) {
            (Some(rows), None) => return Self::list(ctx, rows.clone()),
            (None, Some(path)) => path,
            (Some(_), Some(_)) | (None, None) => {
                let message = "give either `rows` or `path`, and not both";
                return Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
            }
        };
        let source = Source::open(ctx, Some(path), None)?;
        let name = source.name.clone();
        let bytes = read_all(source)?;
        let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("json") => Self::list(ctx, parse(&name, &decode(&name, bytes, &Decoding::default())?)?),
            Some("jsonl" | "ndjson") => {
                let content = decode(&name, bytes, &Decoding::default())?;
                Self::lines(ctx, File { name, content })
            }
            Some("tsv") => Self::table(ctx, File { name, content: bytes }, b'\t'),
            Some(_) | None => Self::table(ctx, File { name, content: bytes }, b','),
        }
    }

    fn list(ctx: &'c ToolContext, rows: Value) -> Result<Self, ToolError> {
        let items = rows.as_list().ok_or_else(|| {
            let message = format!("the rows are a list of objects, not {}", rows.type_name());
            ToolError::refused(ErrorCode::ToolInputInvalid, message)
        })?;
        Ok(Self { ctx, columns: columns_of(items)?, origin: Origin::List(rows) })
    }

    fn lines(ctx: &'c ToolContext, file: File<String>) -> Result<Self, ToolError> {
        let (mut columns, mut count) = (IndexSet::new(), 0);
        each_line(ctx, &file.name, &file.content, |row| {
            add_columns(&mut columns, as_row(count, &row)?);
            count += 1;
            Ok(())
        })?;
        Ok(Self { ctx, columns: columns.into_iter().collect(), origin: Origin::Lines(file) })
    }

    /// What the cells of a column are is known when all of them were seen.
    fn table(ctx: &'c ToolContext, file: File<Vec<u8>>, delimiter: u8) -> Result<Self, ToolError> {
        let mut records = file.records(ctx, delimiter)?;
        let columns = records.columns().to_vec();
        let mut kinds: Vec<Option<Kind>> = vec![None; columns.len()];
        while let Some(record) = records.read()? {
            for (kind, cell) in kinds.iter_mut().zip(record) {
                *kind = Kind::with(*kind, cell);
            }
        }
        drop(records);
        let kinds = kinds.into_iter().map(|kind| kind.unwrap_or(Kind::Text)).collect();
        Ok(Self { ctx, columns, origin: Origin::Table { file, delimiter, kinds } })
    }

    /// The names of all columns, in the order in which they first appear.
    pub(super) fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// Hands over each row in turn. Blocks; looks at the cancel token as it goes.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(&Value) -> Result<(), ToolError>,
    ) -> Result<(), ToolError> {
        match &self.origin {
            Origin::List(rows) => {
                for row in rows.as_list().unwrap_or_default() {
                    if self.ctx.cancel.is_cancelled() {
                        return Err(ToolError::cancelled().not_started());
                    }
                    take(row)?;
                }
            }
            Origin::Lines(file) => each_line(self.ctx, &file.name, &file.content, |row| take(&row))?,
            Origin::Table { file, delimiter, kinds } => {
                let mut records = file.records(self.ctx, *delimiter)?;
                while let Some(record) = records.read()? {
                    let cells = record.iter().zip(kinds).map(|(cell, kind)| kind.read(cell));
                    take(&Value::from(self.columns.iter().cloned().zip(cells).collect::<Map>()))?;
                }
            }
        }
        Ok(())
    }
}

impl File<Vec<u8>> {
    fn records<'r>(&'r self, ctx: &'r ToolContext, delimiter: u8) -> Result<Records<'r>, ToolError> {
        Records::open(ctx, &self.name, Box::new(Cursor::new(&*self.content)), delimiter, true)
    }
}
