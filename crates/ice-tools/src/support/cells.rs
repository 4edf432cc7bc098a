//! What the cells of a column of CSV are: text, numbers, truth values.

use ice_core::value::Value;

/// The largest whole number that every JSON reader keeps exact.
const MAX_SAFE: u64 = 1 << 53;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AsItStands,
    /// Text, with empty cells as null.
    Text,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    /// What a column is with a further cell; nothing as long as all are empty.
    pub(crate) fn with(so_far: Option<Self>, cell: &str) -> Option<Self> {
        if cell.is_empty() || so_far == Some(Self::Text) {
            return so_far;
        }
        let this = Self::of_cell(cell);
        Some(match (so_far, this) {
            (None, this) => this,
            (Some(a), b) if a == b => b,
            (Some(Self::Integer | Self::Number), Self::Integer | Self::Number) => Self::Number,
            (Some(_), _) => Self::Text,
        })
    }

    /// What a column with these cells is.
    pub(crate) fn of<'r>(cells: impl Iterator<Item = &'r str>) -> Self {
        cells.fold(None, Self::with).unwrap_or(Self::Text)
    }

    /// A number as JSON writes it (so `007`, `+1`, `.5` and `1,000` are text), whole ones up to 2^53 (longer ones
    /// are mostly ids); `true` and `false` in any case.
    fn of_cell(cell: &str) -> Self {
        if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
            return Self::Boolean;
        }
        match serde_json::from_str::<serde_json::Number>(cell) {
            Ok(_) if cell.trim() != cell => Self::Text,
            Ok(number) if cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
                let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
                if size.is_some_and(|size| size <= MAX_SAFE) && cell != "-0" {
                    Self::Integer
                } else {
                    Self::Text
                }
            }
            Ok(_) => Self::Number,
            Err(_) => Self::Text,
        }
    }

    /// A cell of such a column.
    pub(crate) fn read(self, cell: &str) -> Value {
        match self {
            Self::AsItStands => Value::string(cell),
            Self::Text | Self::Integer | Self::Number | Self::Boolean if cell.is_empty() => Value::Null,
            Self::Text => Value::string(cell),
            Self::Integer => cell.parse::<i64>().map_or(Value::Null, Value::from),
            Self::Number => {
                cell.parse::<f64>().ok().and_then(|n| Value::try_from(n).ok()).unwrap_or_default()
            }
            Self::Boolean => Value::Bool(cell.eq_ignore_ascii_case("true")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_what_all_its_cells_are() {
        for (cells, expected) in [
            (&["1", "", "-3"][..], Kind::Integer),
            (&["1", "2.5", "1e3"], Kind::Number),
            (&["1", "true"], Kind::Text),
            (&["true", "FALSE", ""], Kind::Boolean),
            (&["007"], Kind::Text),
            (&["+1"], Kind::Text),
            (&[" 1"], Kind::Text),
            (&["9007199254740992"], Kind::Integer),
            (&["9007199254740993"], Kind::Text),
            (&["123456789012345678901234567890"], Kind::Text),
            (&["1e999"], Kind::Text),
            (&["NaN"], Kind::Text),
            (&["-0"], Kind::Text),
            (&["", ""], Kind::Text),
            (&["\"1\""], Kind::Text),
        ] {
            assert_eq!(Kind::of(cells.iter().copied()), expected, "{cells:?}");
        }
    }
}
