//! A disk that is really full, by a limit on the size of files: the store says so, keeps what it had
//! acknowledged, and opens clean afterwards.
#![cfg(unix)]

use std::process::Command;

use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{Durability, EmbeddedStore};
use ice_tests::crash::{ack, options, verify};

const WRITERS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    for life in 0..6 {
        // The shell sets the limit (in units of 512 bytes) and has the system report it instead of killing.
        let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 200 + 150 * life);
        let child = Command::new("sh")
            .args(["-c", &limit, env!("CARGO_BIN_EXE_store_writer")])
            .arg(folder.path())
            .args([life.to_string(), WRITERS.to_string()])
            .output()
            .unwrap();
        assert!(!child.status.success(), "the limit was not reached");
        let said = String::from_utf8(child.stderr).unwrap();
        assert!(said.contains("the disk is full"), "{said}");
        let acks: Vec<_> = String::from_utf8(child.stdout)
            .unwrap()
            .lines()
            .map(|line| ack(line, life).unwrap_or_else(|| panic!("the child said: {line}")))
            .collect();
        let store = EmbeddedStore::open(folder.path(), options(life)).unwrap();
        let blobs =
            DiskBlobs::open(std::sync::Arc::new(FolderDisk::new(folder.path().join("b")).unwrap())).unwrap();
        let checked = verify(&store, Some(&blobs), WRITERS, &acks, Durability::ProcessCrash).await;
        assert_eq!(checked, Ok(()), "life {life}, {} acknowledged, {said}", acks.len());
        store.close().await.unwrap();
    }
}
