//! Real `kill -9` of a process that remembers, again and again: what was acknowledged under the guarantee `durable` is
//! there in episodic, semantic and procedural memory, and what is counted is what there is. A memory in the process promises
//! no more than the process: it offers neither `durable` nor `short_term`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: a failure is a panic by definition")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use ice_core::memory::{Kind, Memory, MemoryGuarantee, MemoryOptions};
use ice_tests::crash::Dice;
use ice_tests::memory::{open, verify};

const KILLS: u64 = 40;
/// A folder is used for so many lives, then a new one.
const LIVES: u64 = 10;

fn ack(line: &str) -> (Kind, u64) {
    let (kind, number) = line.split_once(' ').unwrap();
    (kind.parse().unwrap(), number.parse().unwrap())
}

/// Starts a writer, kills it after `patience` and returns what it said.
fn live_and_die(folder: &Path, life: u64, patience: Duration) -> Vec<(Kind, u64)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_memory_writer"))
        .arg(folder)
        .arg(life.to_string())
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
            Ok(line) => acks.push(ack(&line)),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the child ended by itself: {:?}", child.wait()),
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    acks.extend(lines.iter().map(|line| ack(&line)));
    reader.join().unwrap();
    acks
}

#[test]
fn what_was_acknowledged_as_durable_is_remembered_after_a_kill() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut dice = Dice::new(20_260_606);
    let mut folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for life in 0..KILLS {
        if life % LIVES == 0 {
            folder = tempfile::tempdir().unwrap();
        }
        let patience = Duration::from_millis(30 + dice.roll(300));
        let acks = live_and_die(folder.path(), life, patience);
        total += acks.iter().filter(|(kind, _)| *kind != Kind::Working).count();
        let checked = runtime.block_on(async {
            let memory = open(folder.path()).await?;
            let verified = verify(&memory, life, &acks).await;
            memory.close().await;
            verified
        });
        assert_eq!(checked, Ok(()), "after kill {life}, {} acknowledged", acks.len());
    }
    println!("{KILLS} kills, {total} durable writes acknowledged");
    assert!(total as u64 > KILLS, "only {total} writes were acknowledged");
}

#[test]
fn a_memory_in_the_process_offers_nothing_that_outlives_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let memory = Memory::open(MemoryOptions::in_memory()).await.unwrap();
        memory.validate().unwrap();
        for kind in Kind::ALL {
            let offered = memory.guarantees(kind);
            assert!(offered.contains(&MemoryGuarantee::Ephemeral), "{kind}");
            for beyond in [MemoryGuarantee::Durable, MemoryGuarantee::ShortTerm] {
                assert!(!offered.contains(&beyond), "{kind} memory offers {beyond}");
            }
        }
    });
}
