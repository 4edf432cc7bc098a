//! A memory of many episodes on the embedded store: how long writing, opening and indexed queries take.
//!
//! `cargo bench -p ice-core --bench memory` takes 100,000 episodes, `-- --long` 1,000,000, `-- --entries N` as many as are
//! named. It fails if an indexed query takes 5 ms or more at the median, or opening 2 s or more.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first failure")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ice_core::id::RunId;
use ice_core::memory::{
    AsOf, Episode, Filter, Kind, Memory, MemoryConfig, MemoryKey, MemoryOptions, Provenance, Query, Scope,
    UnifiedMemoryConfig, Write,
};
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{EmbeddedOptions, EmbeddedStore, Store};
use ice_core::time::{Clock, Moment, SystemClock};

const PERSONS: u64 = 10_000;
const TYPES: [&str; 6] = ["conversation", "negotiation", "support", "sale", "meeting", "review"];
const OUTCOMES: [&str; 4] = ["success", "failure", "ongoing", "sale"];
const TAGS: u64 = 200;
const KEYS: u64 = 50_000;
const DAY: u64 = 86_400_000;
/// How many queries of each sort are measured.
const QUERIES: usize = 300;

/// The SplitMix64 generator (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick(&mut self, of: &[&str]) -> String {
        of.get(usize::try_from(self.roll(of.len() as u64)).unwrap()).unwrap().to_string()
    }

    fn person(&mut self) -> String {
        format!("person {}", self.roll(PERSONS))
    }

    fn tag(&mut self) -> String {
        format!("tag {}", self.roll(TAGS))
    }

    /// A moment of the last 360 days.
    fn moment(&mut self, now: Moment) -> Moment {
        now.before(Duration::from_millis(self.roll(360 * DAY)))
    }

    fn run(&mut self) -> RunId {
        RunId::from(uuid::Uuid::from_u128(u128::from(self.roll(20_000)) + 1))
    }
}

fn episode(dice: &mut Dice, now: Moment, number: u64) -> Write {
    let episode = Episode {
        at: Some(dice.moment(now)),
        episode_type: dice.pick(&TYPES),
        participants: vec![dice.person(), dice.person()],
        outcome: dice.pick(&OUTCOMES),
        ..Episode::default()
    };
    let said = format!(
        "Episode {number}: they talked about the price of the bicycle and agreed on {}.",
        dice.roll(900)
    );
    let source = Provenance { run: Some(dice.run()), ..Provenance::default() };
    let write = Write::episode(said, episode).tags([dice.tag(), dice.tag()]).source(source);
    match number.is_multiple_of(20) {
        true => write.key(MemoryKey::new(&format!("episode:{}", dice.roll(KEYS))).unwrap()),
        false => write,
    }
}

fn open_store(folder: &Path) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(&folder.join("store"), EmbeddedOptions::default()).unwrap())
}

async fn open(store: &Arc<EmbeddedStore>, folder: &Path) -> Memory {
    let blobs = DiskBlobs::open(Arc::new(FolderDisk::new(folder.join("blobs")).unwrap())).unwrap();
    let kind = MemoryConfig { ttl_seconds: Some(365 * 86_400), ..MemoryConfig::default() };
    let config = UnifiedMemoryConfig { episodic: kind, ..UnifiedMemoryConfig::default() };
    let store = Arc::clone(store) as Arc<dyn Store>;
    Memory::open(MemoryOptions::new(store, Arc::new(blobs)).config(config)).await.unwrap()
}

fn filters(dice: &mut Dice, now: Moment) -> [(&'static str, Query); 10] {
    let of = |filter: Filter| Query::of(Scope::default(), Kind::Episodic).filter(filter).limit(20);
    let day = dice.moment(now);
    let (date, known) = (day.to_string().split('T').next().unwrap().to_owned(), dice.moment(now));
    let none = Filter::default;
    [
        ("the newest", of(none())),
        ("of a participant", of(Filter { participants: vec![dice.person()], ..none() })),
        ("of a type", of(Filter { types: vec![dice.pick(&TYPES)], ..none() })),
        (
            "of a type and an outcome",
            of(Filter { types: vec![dice.pick(&TYPES)], outcome: Some(dice.pick(&OUTCOMES)), ..none() }),
        ),
        ("with a tag on a day", of(Filter { tags: vec![dice.tag()], date: Some(date), ..none() })),
        (
            "of a participant, a type and an outcome",
            of(Filter {
                participants: vec![dice.person()],
                types: vec![dice.pick(&TYPES)],
                outcome: Some(dice.pick(&OUTCOMES)),
                ..none()
            }),
        ),
        ("with two tags", of(Filter { tags: vec![dice.tag(), dice.tag()], ..none() })),
        (
            "of a type within a week",
            of(Filter {
                types: vec![dice.pick(&TYPES)],
                since: Some(day.before(Duration::from_millis(7 * DAY))),
                before: Some(day),
                ..none()
            }),
        ),
        ("of a run", of(Filter { run: Some(dice.run()), ..none() })),
        (
            "of a participant as of now",
            of(Filter { participants: vec![dice.person()], ..none() })
                .as_of(AsOf::known(known.plus(Duration::from_millis(400 * DAY)))),
        ),
    ]
}

/// Measures queries of each sort; gives back the slowest median.
async fn queries(memory: &Memory, dice: &mut Dice, how: &str) -> Duration {
    let now = SystemClock.now();
    let mut times: Vec<(&str, Vec<Duration>, usize)> = Vec::new();
    for _ in 0..QUERIES {
        for (at, (name, query)) in filters(dice, now).into_iter().enumerate() {
            let begun = Instant::now();
            let found = memory.list(&query).await.unwrap().entries.len();
            let taken = begun.elapsed();
            match times.get_mut(at) {
                Some((_, times, sum)) => {
                    times.push(taken);
                    *sum += found;
                }
                None => times.push((name, vec![taken], found)),
            }
        }
    }
    let mut keys = Vec::new();
    for _ in 0..QUERIES {
        let key = MemoryKey::new(&format!("episode:{}", dice.roll(KEYS))).unwrap();
        let begun = Instant::now();
        memory.get(&Scope::default(), Kind::Episodic, &key).await.unwrap();
        keys.push(begun.elapsed());
    }
    times.push(("by its key", keys, QUERIES));
    println!("{how:<10}{:<42}{:>12}{:>12}{:>10}", "query", "median", "99 %", "found");
    let mut slowest = Duration::ZERO;
    for (name, mut times, found) in times {
        times.sort_unstable();
        let at = |part: usize| *times.get(times.len() * part / 100).unwrap();
        slowest = slowest.max(at(50));
        let mean = found as f64 / QUERIES as f64;
        println!("{:<10}{name:<42}{:>12.2?}{:>12.2?}{mean:>10.1}", "", at(50), at(99));
    }
    slowest
}

fn entries() -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let named = arguments.iter().position(|argument| argument == "--entries");
    match named.and_then(|at| arguments.get(at + 1)) {
        Some(number) => number.parse().unwrap(),
        None if arguments.iter().any(|argument| argument == "--long") => 1_000_000,
        None => 100_000,
    }
}

fn main() {
    let count = entries();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (slowest, opening) = runtime.block_on(async {
        let mut dice = Dice(6);
        let store = open_store(folder.path());
        let memory = open(&store, folder.path()).await;
        let begun = Instant::now();
        let now = SystemClock.now();
        let mut written = 0;
        while written < count {
            let many = (count - written).min(2_048);
            let writes = (written..written + many).map(|number| episode(&mut dice, now, number)).collect();
            memory.remember_all(writes).await.unwrap();
            written += many;
        }
        let taken = begun.elapsed();
        println!(
            "{count} episodes written in {taken:.1?}: {:.0} a second",
            count as f64 / taken.as_secs_f64()
        );
        let warm = queries(&memory, &mut dice, "warm").await;
        memory.close().await;
        drop(memory);
        let begun = Instant::now();
        Arc::into_inner(store).unwrap().close().await.unwrap();
        println!("closed in {:.2?}", begun.elapsed());

        let begun = Instant::now();
        let store = open_store(folder.path());
        let of_store = begun.elapsed();
        let memory = open(&store, folder.path()).await;
        let opening = begun.elapsed();
        memory.list(&Query::of(Scope::default(), Kind::Episodic)).await.unwrap();
        println!(
            "opened in {opening:.2?}, {of_store:.2?} of it for the store; the first query after {:.2?}",
            begun.elapsed()
        );
        let cold = queries(&memory, &mut dice, "opened").await;
        let usage = memory.usage().await.unwrap();
        println!("{usage:?}");
        memory.close().await;
        (warm.max(cold), opening)
    });
    let bytes: u64 = walk(folder.path());
    println!("{bytes} bytes on disk, {} for each episode", bytes / count);
    assert!(slowest < Duration::from_millis(5), "a query takes {slowest:?} at the median");
    assert!(opening < Duration::from_secs(2), "opening takes {opening:?}");
}

fn walk(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() { walk(&entry.path()) } else { metadata.len() }
        })
        .sum()
}
