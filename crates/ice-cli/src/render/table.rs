//! Tables: plain columns that cut and paste well.

use comfy_table::{ContentArrangement, Table, presets};

use crate::screen::Screen;

/// Columns under headings, without lines around them, as wide as the terminal at most.
pub(crate) fn plain<const N: usize>(
    screen: &Screen,
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    if let Some(width) = screen.width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
