//! What several tools need: work off the async threads, bounded reading, sources, tables.

mod blocking;
mod cells;
mod json;
pub(crate) mod memory;
mod pattern;
mod present;
mod quotes;
mod records;
mod source;
mod table;
pub(crate) mod units;
mod watched;
mod windows;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use blocking::blocking;
pub(crate) use cells::Kind;
pub(crate) use json::{each_line, parse, parse_lines};
pub(crate) use pattern::compile_regex;
pub(crate) use present::present;
pub(crate) use records::Records;
pub(crate) use source::{Decoding, Source, decode, read_all, reading_effect};
pub(crate) use table::{
    CellTypes, TableOptions, add_columns, as_row, columns_of, delimiter, read_table, unknown_column,
};
pub(crate) use watched::stopped;
pub(crate) use windows::Windows;
