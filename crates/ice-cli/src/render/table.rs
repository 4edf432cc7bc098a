//! Tables: plain columns that cut and paste well.

use comfy_table::{ContentArrangement, Table, presets};

use super::text;
use crate::screen::Screen;

/// What stands between two columns that are never broken.
const GAP: &str = "  ";

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

/// How a table of one line per row fits onto a narrow terminal. Columns are counted from 0.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The column that is cut.
    pub(crate) cut: usize,
    /// The columns it keeps at least.
    pub(crate) least: usize,
    /// The columns that are left out if that is not enough, the first one first.
    pub(crate) spare: &'static [usize],
}

/// Columns under headings, one line per row: what has to be copied, as ids have, is never broken.
pub(crate) fn unbroken<const N: usize>(
    columns: Option<u16>,
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    fit: &Fit,
) -> String {
    let mut lines: Vec<Vec<String>> = vec![headings.map(str::to_owned).to_vec()];
    lines.extend(rows.into_iter().map(|row| row.to_vec()));
    let mut shown: Vec<(usize, usize)> = (0..N)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            (column, cells.map(|cell| width(cell)).max().unwrap_or(0))
        })
        .collect();
    if let Some(columns) = columns.map(usize::from) {
        // What the columns need beside the one that is cut.
        let others = |shown: &[(usize, usize)]| {
            let widths = shown.iter().filter(|(column, _)| *column != fit.cut).map(|(_, width)| width);
            widths.sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
        };
        let wanted = shown.get(fit.cut).map_or(0, |(_, width)| *width);
        for spare in fit.spare {
            if others(&shown) + wanted.min(fit.least) <= columns {
                break;
            }
            shown.retain(|(column, _)| column != spare);
        }
        let room = columns.saturating_sub(others(&shown)).max(fit.least);
        for (_, width) in shown.iter_mut().filter(|(column, _)| *column == fit.cut) {
            *width = wanted.min(room);
        }
    }
    let lines = lines.iter().map(|line| {
        let cells = shown.iter().filter_map(|(column, width)| Some(padded(line.get(*column)?, *width)));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A cell in so many columns: cut, or with spaces behind it.
fn padded(cell: &str, columns: usize) -> String {
    let mut shown = cell.to_owned();
    let mut longest = columns;
    while width(&shown) > columns && longest > 0 {
        longest -= 1;
        shown = text::line(cell, longest);
    }
    let missing = columns.saturating_sub(width(&shown));
    shown + &" ".repeat(missing)
}

/// The columns that a text takes on a terminal, at most: what is not of the alphabets takes two.
fn width(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    plain.chars().map(|c| if ('\u{1100}'..'\u{2000}').contains(&c) || c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-2f6e-7c3a-9a51-0c8f5d3f2a10";
    const FIT: Fit = Fit { cut: 1, least: 4, spare: &[2, 3] };

    fn check(columns: Option<u16>, name: &str, expected: [&str; 2]) {
        let row = [ID, name, "1.2 s", "TOOL_FAILED"].map(str::to_owned);
        let found = unbroken(columns, ["ID", "NAME", "TOOK", "FAILURE"], [row], &FIT);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{columns:?}");
        if let Some(columns) = columns {
            assert!(found.lines().all(|line| width(line) <= usize::from(columns)), "{found}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_and_then_left_out() {
        let id = |rest: &str| format!("{ID}  {rest}");
        let headings = |rest: &str| format!("ID{}  {rest}", " ".repeat(34));
        let wide = [&*headings("NAME       TOOK   FAILURE"), &*id("Some name  1.2 s  TOOL_FAILED")];
        check(None, "Some name", wide);
        check(Some(67), "Some name", wide);
        check(
            Some(66),
            "Some name",
            [&headings("NAME      TOOK   FAILURE"), &id("Some na…  1.2 s  TOOL_FAILED")],
        );
        check(Some(61), "Some name", [&headings("NAME       FAILURE"), &id("Some name  TOOL_FAILED")]);
        check(Some(54), "Some name", [&headings("NAME"), &id("Some name")]);
        check(Some(44), "Some name", [&headings("NAME"), &id("Some …")]);
        check(Some(44), "日本語の名前", [&headings("NAME"), &id("日本…")]);
    }

    #[test]
    fn ids_are_whole_however_narrow_it_is() {
        let row = [ID, "Some name", "1.2 s", "TOOL_FAILED"].map(str::to_owned);
        let found = unbroken(Some(20), ["ID", "NAME", "TOOK", "FAILURE"], [row], &FIT);
        assert_eq!(found.lines().last(), Some(format!("{ID}  Som…").as_str()));
    }
}
