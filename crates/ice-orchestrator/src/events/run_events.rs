//! The events of one run, from a cursor on.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use ice_core::id::{RunId, Tenant};
use ice_core::store::{BlobStore, Store, Watch};
use tokio::sync::watch;

use super::cursor::Position;
use super::{Cursor, Event};
use crate::engine::{Engine, RunError, RunHandle};
use crate::journal::{Body, Reader, keys};

/// The events of one run.
pub struct RunEvents {
    engine: Engine,
    run: RunId,
    reader: Reader,
    /// Records before this one were seen.
    record: u64,
    transient: u64,
    follow: bool,
    changes: Watch,
    live: Option<Live>,
    ready: VecDeque<Event>,
    ended: bool,
}

struct Live {
    handle: RunHandle,
    news: watch::Receiver<u64>,
    /// The failure that ended the run's task. Nothing more comes then.
    lost: BoxFuture<'static, RunError>,
}

impl Engine {
    /// The events of a run, from the beginning or after a cursor: its records, and while this engine drives
    /// it, what is shown live. With `follow` the events end with the run, without with those there are.
    ///
    /// # Errors
    /// [`RunError::NotFound`], or [`RunError::Option`] if the cursor belongs to a feed.
    pub async fn events(
        &self,
        tenant: &Tenant,
        run: RunId,
        cursor: Option<Cursor>,
        follow: bool,
    ) -> Result<RunEvents, RunError> {
        let (record, transient) = match cursor.map(|cursor| cursor.0) {
            None => (0, 0),
            Some(Position::Run { record, transient }) => (record, transient),
            Some(Position::Feed { .. }) => {
                let found = "the cursor of a feed".to_owned();
                return Err(RunError::Option {
                    option: "cursor",
                    found,
                    rule: "a cursor of this run's events",
                });
            }
        };
        let (store, blobs): (&Arc<dyn Store>, &Arc<dyn BlobStore>) = (self.store(), self.blobs());
        // The watch begins before the first read, so that nothing falls in between.
        let changes = store.watch(&keys::journal(tenant, run), None);
        if store.get(&keys::head(tenant, run)).await?.is_none() {
            return Err(RunError::NotFound(run));
        }
        let live = self.handle(run).map(Live::of);
        let reader = Reader::new(Arc::clone(store), Arc::clone(blobs), tenant, run);
        Ok(RunEvents {
            engine: self.clone(),
            run,
            reader,
            record,
            transient,
            follow,
            changes,
            live,
            ready: VecDeque::new(),
            ended: false,
        })
    }
}

impl Live {
    fn of(handle: RunHandle) -> Self {
        Self { news: handle.watch_transient(), lost: lost(handle.clone()).boxed(), handle }
    }
}

impl RunEvents {
    /// The next event; nothing at the end. Cancel-safe.
    ///
    /// # Errors
    /// [`RunError`] if the journal cannot be read, or the run is no longer driven because its store failed.
    pub async fn next(&mut self) -> Result<Option<Event>, RunError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            let more = self.fill().await?;
            if !self.ready.is_empty() || more {
                continue;
            }
            if !self.follow {
                return Ok(None);
            }
            self.wait().await?;
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor(Position::Run { record: self.record, transient: self.transient })
    }

    /// Takes what is there: transient events first, since the records that end them come after them. Says
    /// whether records were read.
    async fn fill(&mut self) -> Result<bool, RunError> {
        // Records are read first and shown last: a transient event that came before its final record is seen.
        let records = self.reader.read().await?;
        self.fill_transient();
        let read = !records.is_empty();
        for numbered in records {
            self.ended = matches!(numbered.record.body, Body::Ended { .. });
            if numbered.number < self.record {
                continue;
            }
            self.record = numbered.number + 1;
            let event = Event::durable(
                self.run,
                numbered.number,
                (&numbered.record, self.engine.views()),
                self.cursor(),
            );
            self.ready.push_back(event);
        }
        Ok(read)
    }

    fn fill_transient(&mut self) {
        if self.live.is_none() && self.follow {
            // It may have been taken up since.
            self.live = self.engine.handle(self.run).map(Live::of);
        }
        let Some(live) = &mut self.live else { return };
        live.news.mark_unchanged();
        let read = live.handle.transient(self.transient);
        if let Some((from, to)) = read.lost {
            self.transient = to;
            self.ready.push_back(Event::gap(self.run, from, to, self.cursor()));
        }
        for transient in &read.events {
            self.transient += 1;
            self.ready.push_back(Event::transient(self.run, transient, self.cursor()));
        }
    }

    async fn wait(&mut self) -> Result<(), RunError> {
        let news = async {
            let Some(Live { news, lost, .. }) = &mut self.live else { return std::future::pending().await };
            tokio::select! {
                changed = news.changed() => match changed {
                    Ok(()) => Ok(()),
                    Err(_) => std::future::pending().await,
                },
                error = lost => Err(error),
            }
        };
        tokio::select! {
            news = news => news?,
            change = self.changes.next() => {
                if change.is_none() {
                    // The store is gone, and with it everything that could come.
                    self.ended = true;
                }
            }
        }
        Ok(())
    }
}

/// Waits until the task of a run has failed; for ever if it ends otherwise. An engine that closes is no
/// failure: another one goes on with the run.
async fn lost(handle: RunHandle) -> RunError {
    match handle.wait().await {
        Err(RunError::Closing) | Ok(_) => std::future::pending().await,
        Err(error) => error,
    }
}

impl std::fmt::Debug for RunEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunEvents").field("run", &self.run).finish_non_exhaustive()
    }
}
