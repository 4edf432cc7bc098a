//! What is over goes.

use super::summaries::LEAST;
use super::{Consolidated, Retention};
use crate::memory::{EntryId, Filter, MAX_PAGE, Memory, MemoryError, Query, Scope, Selector};

impl Memory {
    pub(super) async fn retire(
        &self,
        scope: &Scope,
        retention: &Retention,
        dry_run: bool,
        done: &mut Consolidated,
    ) -> Result<(), MemoryError> {
        let now = self.now();
        let before = now.before(retention.older_than).plus(LEAST);
        let filter = Filter { before: Some(before), ..Filter::default() };
        let mut query = Query::of(scope.clone(), retention.kind).filter(filter).limit(MAX_PAGE);
        loop {
            let page = self.list(&query).await?;
            let goes = page.entries.iter().filter(|entry| {
                retention.below.is_none_or(|(least, decay)| decay.importance(entry, now) < least)
            });
            let ids: Vec<EntryId> = goes.map(|entry| entry.id).collect();
            let gone = if dry_run { ids.len() as u64 } else { self.let_go(ids, retention.erase).await? };
            if retention.erase {
                done.erased += gone;
            } else {
                done.forgotten += gone;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn let_go(&self, ids: Vec<EntryId>, erase: bool) -> Result<u64, MemoryError> {
        let each = ids.into_iter().map(|id| async move {
            let selector = Selector::Id(id);
            if erase { self.erase(&selector).await } else { self.forget(&selector).await }
        });
        Ok(futures::future::try_join_all(each).await?.into_iter().sum())
    }
}
