//! What is asked of the system: the time, the CPU time of a thread, the bound of the address space, whose a file is.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Now, for measuring how long something takes. Not tokio's clock, which tests stop: a module runs in real time.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Measures the CPU time of the calling thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuClock {
    #[cfg(unix)]
    start: Duration,
    #[cfg(not(unix))]
    start: Instant,
}

impl CpuClock {
    /// Begins to measure.
    #[cfg(unix)]
    pub(super) fn start() -> Self {
        Self { start: thread_cpu() }
    }

    /// Elsewhere the time on the clock takes its place: a module that waits is then taken to compute.
    #[cfg(not(unix))]
    pub(super) fn start() -> Self {
        Self { start: now() }
    }

    /// The CPU time since then. To be asked on the thread that began.
    #[cfg(unix)]
    pub(super) fn elapsed(self) -> Duration {
        thread_cpu().saturating_sub(self.start)
    }

    /// The time since then.
    #[cfg(not(unix))]
    pub(super) fn elapsed(self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(unix)]
fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
}

/// Whether the address space of this process has a bound (`ulimit -v`).
#[cfg(unix)]
pub(super) fn address_space_is_bounded() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::As).current.is_some()
}

/// Elsewhere there is no such bound.
#[cfg(not(unix))]
pub(super) fn address_space_is_bounded() -> bool {
    false
}

/// Whether a file is that of the user this process runs as, and nobody else may write it.
#[cfg(unix)]
pub(super) fn is_ours_alone(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.is_file() && file.uid() == rustix::process::geteuid().as_raw() && file.mode() & 0o022 == 0
}

/// Elsewhere the permissions of the folder decide.
#[cfg(not(unix))]
pub(super) fn is_ours_alone(file: &Metadata) -> bool {
    file.is_file()
}

/// Makes a folder, if it is not there, that only this user may look into.
pub(super) fn make_folder_of_ours(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a file, in place of one that may be there, that only this user may read and write.
pub(super) fn create_file_of_ours(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => options.open(path),
    }
}
