//! Looking at runs: lists and documents. Reads the store alone.

use std::borrow::Cow;
use std::sync::Arc;

use ice_core::id::{BlueprintId, RunId, Tenant};
use ice_core::store::Key;

use super::{Engine, RunError};
use crate::journal::{
    Body, DocumentBuilder, Reader, Record, RunDocument, RunHead, RunStatus, RunSummary, keys,
};

/// Which runs a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this status.
    pub status: Option<RunStatus>,
    /// Only those of this blueprint.
    pub blueprint: Option<BlueprintId>,
    /// Only those older than this run, for the next page.
    pub before: Option<RunId>,
    /// The most runs; 0 stands for 100, at most 10,000.
    pub limit: usize,
}

/// Keys read from the store at a time.
const PAGE: usize = 256;

impl Engine {
    /// The runs of a tenant, the newest first.
    ///
    /// # Errors
    /// [`RunError::Store`] if the store failed.
    pub async fn list(&self, tenant: &Tenant, filter: &RunFilter) -> Result<Vec<RunSummary>, RunError> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit.min(10_000) };
        let folder = match (&filter.status, &filter.blueprint) {
            (Some(status), _) => keys::by_status(tenant, *status),
            (None, Some(blueprint)) => keys::by_blueprint(tenant, blueprint),
            (None, None) => keys::heads(tenant),
        };
        let mut after = filter.before.map(|run| folder.leaf(&keys::newest_first(run)));
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.inner.store.scan(&folder, after.as_ref(), PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|entry| entry.key.clone());
            for entry in page {
                let Some(run) = run_under(&folder, &entry.key) else { continue };
                let head: Option<RunHead> = if filter.status.is_none() && filter.blueprint.is_none() {
                    let read = serde_json::from_slice(&entry.value);
                    Some(read.map_err(|error| RunError::record(run, "its head", &error))?)
                } else {
                    self.inner.head(tenant, run).await?.map(|(head, _)| head)
                };
                let Some(summary) = head.map(|head| head.summary) else { continue };
                // An index and the head are read one after the other: the head is the truth.
                let fits = filter.status.is_none_or(|status| status == summary.status)
                    && filter.blueprint.as_ref().is_none_or(|blueprint| *blueprint == summary.blueprint_id);
                if fits && found.len() < limit {
                    found.push(self.inner.views.summary(summary));
                }
            }
            if !full {
                break;
            }
        }
        Ok(found)
    }

    /// All there is to know of a run, read from its journal, as it may be [seen](super::EngineBuilder::views); needs none of its tools.
    ///
    /// # Errors
    /// [`RunError::NotFound`], [`RunError::Journal`] if the journal cannot be read.
    pub async fn show(&self, tenant: &Tenant, run: RunId) -> Result<RunDocument, RunError> {
        let views = &self.inner.views;
        self.folded(tenant, run, |record| views.record(record, views.outputs())).await
    }

    /// All there is to know of a run, as it is.
    pub(crate) async fn document(&self, tenant: &Tenant, run: RunId) -> Result<RunDocument, RunError> {
        self.folded(tenant, run, |record| Cow::Borrowed(record)).await
    }

    async fn folded(
        &self,
        tenant: &Tenant,
        run: RunId,
        seen: impl for<'r> Fn(&'r Record) -> Cow<'r, Record> + Send + Sync,
    ) -> Result<RunDocument, RunError> {
        let (head, _) = self.inner.head(tenant, run).await?.ok_or(RunError::NotFound(run))?;
        let mut reader =
            Reader::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.blobs), tenant, run);
        let mut document: Option<DocumentBuilder> = None;
        loop {
            let records = reader.read().await?;
            if records.is_empty() {
                break;
            }
            for numbered in &records {
                let record = seen(&numbered.record);
                match (&mut document, &record.body) {
                    (None, Body::Manifest(manifest)) => {
                        document = Some(DocumentBuilder::new(manifest, record.at));
                    }
                    (None, _) => {
                        return Err(RunError::record(
                            run,
                            "its journal",
                            &"it does not begin with a manifest",
                        ));
                    }
                    (Some(document), _) => document.push(&record),
                }
            }
        }
        let document = document.ok_or_else(|| RunError::record(run, "its journal", &"it is empty"))?;
        let mut document = document.finish();
        if !document.status.is_final() {
            document.status = head.summary.status;
        }
        document.imported = head.imported;
        Ok(document)
    }
}

fn run_under(folder: &Key, key: &Key) -> Option<RunId> {
    keys::run_of(key.as_str().strip_prefix(folder.as_str())?)
}
