//! The conformance suites on the embedded store.

use std::sync::Arc;

use futures::FutureExt;
use tempfile::TempDir;

use super::super::{EmbeddedOptions, EmbeddedStore};
use super::tiny;
use crate::store::Store;
use crate::store::conformance::{self, StoreSubject};
use crate::store::disk::{Disk, FolderDisk, SimDisk};

struct Subject {
    disk: Arc<dyn Disk>,
    folder: Option<TempDir>,
    options: EmbeddedOptions,
    store: Option<Arc<EmbeddedStore>>,
    /// Kills the process on the simulated disk rather than closing.
    sim: Option<SimDisk>,
    reopened: u32,
}

impl Subject {
    fn on_disk(options: EmbeddedOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(FolderDisk::new(folder.path()).unwrap());
        Self::new(disk, Some(folder), options, None)
    }

    fn on_sim(options: EmbeddedOptions) -> Self {
        let sim = SimDisk::new();
        Self::new(Arc::new(sim.clone()), None, options, Some(sim))
    }

    fn new(
        disk: Arc<dyn Disk>,
        folder: Option<TempDir>,
        options: EmbeddedOptions,
        sim: Option<SimDisk>,
    ) -> Self {
        let mut subject = Self { disk, folder, options, store: None, sim, reopened: 0 };
        subject.open();
        subject
    }

    fn open(&mut self) {
        let index = self.folder.as_ref().map(|folder| folder.path().to_path_buf());
        let opened = EmbeddedStore::open_on(Arc::clone(&self.disk), index.as_deref(), self.options);
        self.store = Some(Arc::new(opened.unwrap()));
    }
}

impl StoreSubject for Subject {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().unwrap()) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.reopened += 1;
        let store = self.store.take().unwrap();
        if self.reopened.is_multiple_of(2) {
            store.close().now_or_never().unwrap().unwrap();
        }
        drop(store);
        if let Some(sim) = &self.sim {
            sim.crash(u64::from(self.reopened));
        }
        self.open();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_disk_conforms() {
    conformance::store(|| Subject::on_disk(EmbeddedOptions::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_disk_conforms_with_everything_small() {
    conformance::store(|| Subject::on_disk(tiny())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_on_a_simulated_disk_conforms() {
    conformance::store(|| Subject::on_sim(tiny())).await;
}

#[test]
fn the_store_on_disk_agrees_with_the_model() {
    conformance::model(24, || Subject::on_disk(tiny()));
}

#[test]
fn the_store_on_a_simulated_disk_agrees_with_the_model() {
    conformance::model(64, || Subject::on_sim(tiny()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_and_inboxes_conform_on_disk() {
    conformance::lease(|| Subject::on_sim(tiny())).await;
    conformance::inbox(|| Subject::on_sim(tiny())).await;
}
