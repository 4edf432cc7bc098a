//! How much a query may hold at once. What it reads is bounded by the bytes of its source; what it keeps of that, rows and
//! groups and what is computed of them, is counted here in cells.

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;

/// The most cells that are held: one takes up to about 100 bytes beside its text.
const MOST: usize = 5_000_000;

/// Counts the cells that are held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    cells: usize,
    most: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self { cells: 0, most: MOST }
    }
}

impl Held {
    #[cfg(test)]
    pub(super) const fn at_most(most: usize) -> Self {
        Self { cells: 0, most }
    }

    /// Adds cells, or tells what they are for and what helps.
    pub(super) fn add(&mut self, cells: usize, what: &str, help: &str) -> Result<(), ToolError> {
        self.cells = self.cells.saturating_add(cells);
        if self.cells > self.most {
            let message = format!("{what} take more than {} cells, the most that is held: {help}", self.most);
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        Ok(())
    }

    /// Takes back cells that are held no more.
    pub(super) const fn free(&mut self, cells: usize) {
        self.cells = self.cells.saturating_sub(cells);
    }
}
