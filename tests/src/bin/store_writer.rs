//! The child of the crash suite: opens the store in a folder, writes, and says what was acknowledged, until
//! it is killed.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{BlobStore, EmbeddedStore, Store};
use ice_tests::crash::{Ack, write_on};

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, life, writers] = arguments.as_slice() else {
        return Err("usage: store_writer FOLDER LIFE WRITERS".to_owned());
    };
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let (life, writers) = (number(life)?, number(writers)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(run(Path::new(folder), life, writers))
}

async fn run(folder: &Path, life: u64, writers: u64) -> Result<(), String> {
    let options = ice_tests::crash::options(life);
    let store = EmbeddedStore::open(folder, options).map_err(|error| error.to_string())?;
    let disk = FolderDisk::new(folder.join("b")).map_err(|error| error.to_string())?;
    let blobs = DiskBlobs::open(Arc::new(disk)).map_err(|error| error.to_string())?;
    let (store, blobs): (Arc<dyn Store>, Arc<dyn BlobStore>) = (Arc::new(store), Arc::new(blobs));
    let mut all = tokio::task::JoinSet::new();
    for writer in 0..writers {
        all.spawn(write_on(Arc::clone(&store), Some(Arc::clone(&blobs)), writer, life, u64::MAX, say));
    }
    while let Some(ended) = all.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// Writes a line by one call, so that none is ever half there.
fn say(ack: Ack) {
    let line = ack.line();
    // Who reads this kills this process, and does not close the pipe before.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
    let _ = std::io::stdout().lock().flush();
}
