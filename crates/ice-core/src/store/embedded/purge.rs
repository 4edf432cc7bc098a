//! Purging: nothing that was deleted or overwritten is left in the files of the store.

use super::keeper::{MOVE_BYTES, Occasion};
use super::rebuild::{unusable, unwritable};
use super::shared::{Bases, Shared};
use crate::store::StoreError;
use crate::store::lock::lock;

impl Shared {
    /// Writes everything anew that stands before the segment that grows, and removes the rest. The segments are emptied by as many
    /// rounds of upkeep as it takes, each of which copies a part of what is alive; then the index is made anew, in whose files is what
    /// it held.
    pub(super) fn purge(&self) -> Result<(), StoreError> {
        let until = self.segments.starts().last().copied().unwrap_or_default();
        let mut rounds = until.saturating_sub(self.segments.starts().first().copied().unwrap_or(until))
            / (MOVE_BYTES / 2)
            + 3;
        self.maintain(Occasion::Purge(until))?;
        while self.segments.starts().first().is_some_and(|first| *first < until) {
            if rounds == 0 {
                let what = format!(
                    "values in the log before the place {until:x} cannot be moved, and with them stays what was removed"
                );
                return Err(StoreError::Corrupt { what });
            }
            rounds -= 1;
            self.maintain(Occasion::Purge(until))?;
        }
        self.renew_index(&mut lock(&self.bases))
    }

    /// Makes the index anew if there is one, and removes the old one's files.
    fn renew_index(&self, bases: &mut Bases) -> Result<(), StoreError> {
        let Some(index) = &self.index else { return Ok(()) };
        if lock(&self.state).table.is_complete() {
            index.discard().map_err(unusable)?;
        } else {
            self.make_anew(bases)?;
        }
        index.remove_discarded().map_err(unusable)?;
        self.disk.sync_folder("").map_err(unwritable)
    }
}
