//! The machine from outside of the cage: which processes there are.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The processes that have this word among their arguments.
pub(crate) fn pids(marker: &str) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let marked = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes())
    };
    numbers.filter(|pid| *pid != own).filter(marked).collect()
}

/// Whether there is such a process, and it is not just waiting to be waited for.
pub(crate) fn exists(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
}

/// Checks that no process with this word is left. A second is what they have; on a busy machine that may be found out
/// later.
pub(crate) async fn gone(marker: &str) {
    let began = Instant::now();
    until("the processes of the run to be gone", || pids(marker).is_empty()).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "the processes were gone only after {took:?}");
}

/// Waits until something is so, for half a minute at most.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(30), "waited for {what} in vain, at {place}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The most processes with a word that are seen at a time, while it looks.
#[derive(Debug)]
pub(crate) struct Watch {
    ends: Arc<AtomicBool>,
    most: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    pub(crate) fn over(marker: &str) -> Self {
        let (marker, ends, most) =
            (marker.to_owned(), Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (end, seen) = (ends.clone(), most.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                seen.fetch_max(pids(&marker).len(), Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
        Self { ends, most, thread }
    }

    pub(crate) fn most(self) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}
