//! Real `kill -9` of a process that writes into the embedded store, again and again: what was acknowledged is
//! there, nothing is half there, and nothing is there that was never written.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: a failure is a panic by definition")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{BlobStore, Durability, EmbeddedStore};
use ice_tests::crash::{Ack, Dice, ack, options, verify};

const KILLS: u64 = 210;
const WRITERS: u64 = 6;
/// A folder is used for so many lives, then a new one.
const LIVES: u64 = 15;

/// Starts a writer, kills it after `patience` and returns what it said.
fn live_and_die(folder: &Path, life: u64, patience: Duration) -> Vec<Ack> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_store_writer"))
        .arg(folder)
        .args([life.to_string(), WRITERS.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (sender, lines) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    let deadline = Instant::now() + patience;
    let mut acks = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => acks.push(ack(&line, life).unwrap()),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the child ended by itself: {:?}", child.wait()),
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    acks.extend(lines.iter().map(|line| ack(&line, life).unwrap()));
    reader.join().unwrap();
    acks
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut dice = Dice::new(20_260_101);
    let mut folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    let mut before_the_first = 0;
    for life in 0..KILLS {
        if life % LIVES == 0 {
            folder = tempfile::tempdir().unwrap();
        }
        // Some die while they open, most while they write.
        let patience =
            Duration::from_millis(if dice.roll(8) == 0 { dice.roll(12) } else { 20 + dice.roll(180) });
        let acks = live_and_die(folder.path(), life, patience);
        total += acks.len();
        before_the_first += u64::from(acks.is_empty());
        let checked = runtime.block_on(async {
            let store =
                EmbeddedStore::open(folder.path(), options(life / 2)).map_err(|error| error.to_string())?;
            let disk = FolderDisk::new(folder.path().join("b")).map_err(|error| error.to_string())?;
            let blobs = DiskBlobs::open(Arc::new(disk)).map_err(|error| error.to_string())?;
            assert_eq!(store.report().lost, None);
            verify(&store, Some(&blobs as &dyn BlobStore), WRITERS, &acks, Durability::ProcessCrash).await?;
            if dice.roll(2) == 0 { store.close().await.map_err(|error| error.to_string()) } else { Ok(()) }
        });
        assert_eq!(checked, Ok(()), "after kill {life}, {} acknowledged", acks.len());
    }
    println!("{KILLS} kills, {total} commits acknowledged, {before_the_first} lives without any");
    assert!(total as u64 > KILLS * 5, "only {total} commits were acknowledged");
}
