//! The embedded store beside a bare file: 64 committers, records of about 240 bytes.
//!
//! The floor writes the same bytes to a file: with `PowerLoss` one thread collects what waits, writes it by one
//! call and syncs it by one `fdatasync`; with `Buffered` it is a buffered writer behind a lock. Before the
//! benchmarks proper, a table with records per second and CPU time per record is printed, the two measured in
//! turns. `cargo bench -p ice-core --bench store`, with `-- --quick` for less of the benchmarks.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first failure")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group};
use ice_core::store::{Batch, Durability, EmbeddedOptions, EmbeddedStore, Key, Store};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const WRITERS: u64 = 64;
const VALUE_BYTES: usize = 200;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn record(writer: u64, number: u64) -> (Key, Bytes) {
    let folder = Key::new("t/local/run/").unwrap().folder(&format!("{writer:08x}")).folder("j");
    (folder.number(number), Bytes::from(vec![b'x'; VALUE_BYTES]))
}

/// Takes records, each acknowledged when `put` returns.
trait Log: Send + Sync + 'static {
    fn put(&self, key: Key, value: Bytes) -> impl Future<Output = ()> + Send;
}

/// One thread, one write and one sync for all who wait.
struct Synced {
    queue: mpsc::UnboundedSender<(Vec<u8>, oneshot::Sender<()>)>,
}

impl Synced {
    fn create(path: &Path) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<(Vec<u8>, oneshot::Sender<()>)>();
        let mut file = File::create(path).unwrap();
        std::thread::spawn(move || {
            while let Some((mut bytes, first)) = waiting.blocking_recv() {
                let mut acks = vec![first];
                while let Ok((more, ack)) = waiting.try_recv() {
                    bytes.extend_from_slice(&more);
                    acks.push(ack);
                }
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
                for ack in acks {
                    ack.send(()).unwrap();
                }
            }
        });
        Self { queue }
    }
}

fn encode(key: &Key, value: &Bytes) -> Vec<u8> {
    [key.as_bytes(), value].concat()
}

impl Log for Synced {
    async fn put(&self, key: Key, value: Bytes) {
        let (ack, done) = oneshot::channel();
        self.queue.send((encode(&key, &value), ack)).unwrap();
        done.await.unwrap();
    }
}

/// A buffered writer behind a lock.
struct Unsynced(Mutex<BufWriter<File>>);

impl Log for Unsynced {
    async fn put(&self, key: Key, value: Bytes) {
        self.0.lock().unwrap().write_all(&encode(&key, &value)).unwrap();
    }
}

struct Embedded(EmbeddedStore, Durability);

impl Log for Embedded {
    async fn put(&self, key: Key, value: Bytes) {
        self.0.commit(Batch::new().put(key, value), self.1).await.unwrap();
    }
}

/// Has all writers write `count` records together, from their number `from` on.
async fn write<L: Log>(log: &Arc<L>, from: u64, count: u64) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(log);
        let share = count / WRITERS + u64::from(writer < count % WRITERS);
        writers.spawn(async move {
            for number in from..from + share {
                let (key, value) = record(writer, number);
                log.put(key, value).await;
            }
        });
    }
    writers.join_all().await;
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Records, wall time, CPU time.
#[derive(Clone, Copy, Default)]
struct Sum(u64, Duration, Duration);

impl Sum {
    fn add<L: Log>(&mut self, runtime: &Runtime, log: &Arc<L>, count: u64) {
        let (wall, cpu) = (Instant::now(), cpu_time());
        runtime.block_on(write(log, self.0, count));
        *self = Self(self.0 + count, self.1 + wall.elapsed(), self.2 + (cpu_time() - cpu));
    }

    fn rate(&self) -> f64 {
        self.0 as f64 / self.1.as_secs_f64()
    }

    fn cpu_micros(&self) -> f64 {
        self.2.as_secs_f64() * 1e6 / self.0 as f64
    }
}

fn compare<L: Log>(
    name: &str,
    runtime: &Runtime,
    floor: &Arc<L>,
    store: &Arc<Embedded>,
    count: u64,
    rounds: u64,
) {
    let (mut bare, mut ours) = (Sum::default(), Sum::default());
    for _ in 0..rounds {
        bare.add(runtime, floor, count);
        ours.add(runtime, store, count);
    }
    println!(
        "{name:<10} bare log {:>9.0} records/s {:>6.2} us CPU | store {:>9.0} records/s {:>6.2} us CPU | \
         rate {:.2}, CPU {:.2}",
        bare.rate(),
        bare.cpu_micros(),
        ours.rate(),
        ours.cpu_micros(),
        ours.rate() / bare.rate(),
        ours.cpu_micros() / bare.cpu_micros(),
    );
}

fn open(folder: &Path, durability: Durability) -> Arc<Embedded> {
    Arc::new(Embedded(EmbeddedStore::open(folder, EmbeddedOptions::default()).unwrap(), durability))
}

/// How long it takes to open, commit once with `PowerLoss` and close.
fn opening(runtime: &Runtime, path: &Path) {
    let cycle = |folder: &Path| {
        let started = Instant::now();
        let store = EmbeddedStore::open(folder, EmbeddedOptions::default()).unwrap();
        let opened = started.elapsed();
        let (key, value) = record(0, 0);
        runtime.block_on(store.commit(Batch::new().put(key, value), Durability::PowerLoss)).unwrap();
        let committed = started.elapsed();
        runtime.block_on(store.close()).unwrap();
        (opened, committed - opened, started.elapsed() - committed)
    };
    println!("new folder: (open, first commit, close) {:.1?}", cycle(&path.join("new")));
    println!("same again: (open, first commit, close) {:.1?}", cycle(&path.join("new")));
    let log = open(&path.join("grown"), Durability::Buffered);
    runtime.block_on(write(&log, 0, 20_000));
    drop(log);
    println!("20,000 records in the log: (open, first commit, close) {:.1?}", cycle(&path.join("grown")));
}

fn stores(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path();
    let synced = Arc::new(Synced::create(&path.join("synced")));
    let unsynced = Arc::new(Unsynced(Mutex::new(BufWriter::with_capacity(
        64 << 10,
        File::create(path.join("unsynced")).unwrap(),
    ))));
    let safe = open(&path.join("safe"), Durability::PowerLoss);
    let fast = open(&path.join("fast"), Durability::Buffered);

    println!("{WRITERS} writers, {VALUE_BYTES} bytes of value:");
    compare("power_loss", &runtime, &synced, &safe, 6_400, 8);
    compare("buffered", &runtime, &unsynced, &fast, 64_000, 8);

    opening(&runtime, path);

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut from = 1 << 32;
    macro_rules! bench {
        ($name:literal, $log:expr) => {
            group.bench_function($name, |bencher| {
                bencher.iter_custom(|count| {
                    let started = Instant::now();
                    runtime.block_on(write($log, from, count));
                    from += count;
                    started.elapsed()
                });
            });
        };
    }
    bench!("power_loss/bare_log", &synced);
    bench!("power_loss/embedded", &safe);
    bench!("buffered/bare_log", &unsynced);
    bench!("buffered/embedded", &fast);
    group.finish();
}

criterion_group!(benches, stores);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
