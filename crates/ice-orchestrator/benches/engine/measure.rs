//! Wall and CPU time of repetitions, as medians.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// CPU seconds of all threads of this process, those that ended included.
pub(crate) fn cpu() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// What one repetition took, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) min_wall: f64,
    pub(crate) max_wall: f64,
    pub(crate) first: f64,
    pub(crate) batch: usize,
}

/// Medians over `times` repetitions of about fifty milliseconds each, after one warm-up.
pub(crate) async fn repeat<F: Future>(times: usize, mut run: impl FnMut() -> F) -> Took {
    let began = Instant::now();
    run().await;
    let first = began.elapsed().as_secs_f64();
    let batch = ((0.050 / first.max(1e-7)) as usize).clamp(1, 2_000);
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let (began, spent) = (Instant::now(), cpu());
        for _ in 0..batch {
            run().await;
        }
        walls.push(began.elapsed().as_secs_f64() / batch as f64);
        cpus.push((cpu() - spent) / batch as f64);
    }
    walls.sort_by(f64::total_cmp);
    cpus.sort_by(f64::total_cmp);
    Took {
        wall: walls[walls.len() / 2],
        cpu: cpus[cpus.len() / 2],
        min_wall: walls[0],
        max_wall: walls[walls.len() - 1],
        first,
        batch,
    }
}

/// What many runs at once took.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    pub(crate) runs: usize,
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    /// Latencies in milliseconds, sorted.
    pub(crate) latencies: Vec<f64>,
}

impl Many {
    pub(crate) fn per_second(&self) -> f64 {
        self.runs as f64 / self.wall
    }

    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu / self.runs as f64 * 1e6
    }

    pub(crate) fn percentile(&self, share: f64) -> f64 {
        self.latencies[((self.latencies.len() - 1) as f64 * share) as usize]
    }
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs `runs` times, `at_once` at a time.
pub(crate) async fn many<F>(
    runs: usize,
    at_once: usize,
    run: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Many
where
    F: Future<Output = ()> + Send,
{
    let (began, spent) = (Instant::now(), cpu());
    let mut latencies = side_by_side(runs, at_once, &run).await;
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu() - spent);
    latencies.sort_by(f64::total_cmp);
    Many { runs, wall, cpu, latencies }
}

/// As [`many`], without a clock: the latencies.
pub(crate) async fn side_by_side<F>(
    runs: usize,
    at_once: usize,
    run: &(impl Fn() -> F + Clone + Send + Sync + 'static),
) -> Vec<f64>
where
    F: Future<Output = ()> + Send,
{
    let left = Arc::new(AtomicUsize::new(runs));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (left, run) = (Arc::clone(&left), run.clone());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let began = Instant::now();
                run().await;
                latencies.push(began.elapsed().as_secs_f64() * 1e3);
            }
            latencies
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.expect("no run panics"));
    }
    latencies
}
