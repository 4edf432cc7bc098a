//! The embedded store on a simulated disk that loses power at any moment, with writes torn, dropped and
//! reordered: what was promised to survive that is there, nothing is half there, and what survives is a
//! prefix of the history.
#![expect(clippy::unwrap_used, reason = "a test: a failure is a panic by definition")]

use std::sync::{Arc, Mutex};

use ice_core::store::disk::{SimDisk, SimFault};
use ice_core::store::{Durability, EmbeddedOptions, EmbeddedStore, Store};
use ice_tests::crash::{Ack, Dice, verify, write_on};

const SEEDS: u64 = 200;
const WRITERS: u64 = 4;
/// How much each writer writes at most in a life; most are interrupted before.
const NUMBERS: u64 = 80;

fn options(seed: u64) -> EmbeddedOptions {
    match seed % 3 {
        0 => EmbeddedOptions::default(),
        1 => EmbeddedOptions { segment_bytes: 4 << 10, ..EmbeddedOptions::default() },
        _ => EmbeddedOptions {
            segment_bytes: 16 << 10,
            table_bytes: 16 << 10,
            checkpoint_bytes: 32 << 10,
            inline_bytes: 64,
            ..EmbeddedOptions::default()
        },
    }
}

/// Writes until the disk fails or all is written, and returns what was acknowledged.
async fn write_until_failure(
    disk: &SimDisk,
    folder: Option<&std::path::Path>,
    seed: u64,
    life: u64,
) -> Vec<Ack> {
    let Ok(store) = EmbeddedStore::open_on(Arc::new(disk.clone()), folder, options(seed)) else {
        return Vec::new();
    };
    let store: Arc<dyn Store> = Arc::new(store);
    let acks = Arc::new(Mutex::new(Vec::new()));
    let mut all = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, acks) = (Arc::clone(&store), Arc::clone(&acks));
        let note = move |ack| acks.lock().unwrap().push(ack);
        all.spawn(write_on(store, None, writer, life, NUMBERS, note));
    }
    for ended in all.join_all().await {
        // A failure of the disk is what this is about; two writers who meet are another matter.
        assert!(ended.as_ref().err().is_none_or(|error| !error.starts_with("writer")), "{ended:?}");
    }
    Arc::into_inner(acks).map(|acks| acks.into_inner().unwrap()).unwrap_or_default()
}

async fn check(seed: u64, fault: impl Fn(&mut Dice) -> SimFault, kept: Durability) -> (usize, u64) {
    let disk = SimDisk::new();
    let folder = tempfile::tempdir().unwrap();
    // The index is on a disk that keeps everything: after a crash it may be ahead of the log.
    let folder = seed.is_multiple_of(2).then(|| folder.path());
    let mut dice = Dice::new(seed + 77);
    let (mut total, mut discarded) = (0, 0);
    for life in 0..3 {
        disk.inject(fault(&mut dice));
        let acks = write_until_failure(&disk, folder, seed, life).await;
        total += acks.len();
        if dice.roll(3) == 0 {
            // Power is lost again while the store opens.
            disk.crash(dice.roll(u64::MAX));
            disk.inject(SimFault::Stop(dice.roll(12)));
            drop(EmbeddedStore::open_on(Arc::new(disk.clone()), folder, options(seed)));
        }
        disk.heal();
        disk.crash(dice.roll(u64::MAX));
        let store = EmbeddedStore::open_on(Arc::new(disk.clone()), folder, options(seed)).unwrap();
        assert_eq!(store.report().lost, None, "seed {seed}, life {life}");
        discarded += store.report().discarded;
        let checked = verify(&store, None, WRITERS, &acks, kept).await;
        assert_eq!(checked, Ok(()), "seed {seed}, life {life}, {} acknowledged", acks.len());
        let closed = store.close().await;
        assert!(closed.is_ok(), "seed {seed}, life {life}: {closed:?}; {:?}", disk.files());
    }
    (total, discarded)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_promised_is_lost_with_the_power() {
    let (mut total, mut discarded) = (0, 0);
    for seed in 0..SEEDS {
        let (acks, dropped) =
            check(seed, |dice| SimFault::Stop(20 + dice.roll(300)), Durability::PowerLoss).await;
        total += acks;
        discarded += dropped;
    }
    println!("{total} commits acknowledged, {discarded} that promised less were lost");
    assert!(total > 10_000 && discarded > 0, "{total} acknowledged, {discarded} discarded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_promised_is_lost_by_failing_syncs_and_writes_or_a_full_disk() {
    let mut total = 0;
    for seed in 0..SEEDS / 2 {
        let fault = |dice: &mut Dice| match dice.roll(3) {
            0 => SimFault::FailSync(2 + dice.roll(60)),
            1 => SimFault::FailWrite(4 + dice.roll(120)),
            _ => SimFault::Full(20_000 + dice.roll(400_000)),
        };
        total += check(seed, fault, Durability::PowerLoss).await.0;
    }
    assert!(total > 3_000, "{total} acknowledged");
}
