//! Control groups: memory and processes of a run as the kernel counts them, where a group can be had.
//!
//! Version 1 is tried on real machines; version 2 only against a made-up tree of files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::policy::Limits;

/// Where control groups are mounted.
pub(super) const ROOT: &str = "/sys/fs/cgroup";

/// How the names of groups begin; the number of the launcher follows.
pub(super) const PREFIX: &str = "ice-sandbox-";

/// From this age on a group that nobody watches over is one that was left.
const OLD: Duration = Duration::from_secs(60);

/// The groups of one run: one in each hierarchy.
#[derive(Debug)]
pub(super) struct Groups {
    memory: PathBuf,
    processes: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What the kernel has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// The most memory at a time, in bytes.
    pub(super) peak: u64,
    /// Processes that were ended for want of memory.
    pub(super) killed: u64,
    /// Processes that could not be started.
    pub(super) refused: u64,
}

impl Groups {
    /// Makes the groups and sets their limits. `own` is what `/proc/self/cgroup` says.
    pub(super) fn make(root: &Path, own: &str, name: &str, limits: &Limits) -> io::Result<Self> {
        let place = |controller: &str| {
            own.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers
                    .split(',')
                    .any(|one| one == controller)
                    .then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let groups = match (place("memory"), place("pids"), place("")) {
            (Some(memory), Some(processes), _) => Self {
                memory: root.join("memory").join(memory).join(name),
                processes: root.join("pids").join(processes).join(name),
                version: Version::One,
            },
            (_, _, Some(both)) => {
                let parent = root.join(both);
                // They may be handed down already; if they cannot be, setting the limits fails.
                let _ = fs::write(parent.join("cgroup.subtree_control"), "+memory +pids");
                let both = parent.join(name);
                Self { memory: both.clone(), processes: both, version: Version::Two }
            }
            (_, _, None) => return Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        groups.memory.parent().into_iter().chain(groups.processes.parent()).for_each(tidy);
        match groups.set(limits) {
            Ok(()) => Ok(groups),
            Err(error) => {
                groups.remove();
                Err(error)
            }
        }
    }

    fn set(&self, limits: &Limits) -> io::Result<()> {
        fs::create_dir(&self.memory)?;
        if self.processes != self.memory {
            fs::create_dir(&self.processes)?;
        }
        if let Some(memory) = limits.memory {
            let (limit, with_swap, swap) = match self.version {
                Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", memory),
                Version::Two => ("memory.max", "memory.swap.max", 0),
            };
            // The kernel counts in pages.
            put(&self.memory.join(limit), memory / 4_096 * 4_096)?;
            if self.memory.join(with_swap).exists() {
                put(&self.memory.join(with_swap), swap / 4_096 * 4_096)?;
            }
        }
        // The first process counts, too.
        put(&self.processes.join("pids.max"), limits.processes + 1)
    }

    /// Whether these are groups of the kernel, and not folders that only look like them.
    pub(super) fn are_real(&self) -> bool {
        // CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC.
        let is_real = |folder: &Path| {
            rustix::fs::statfs(folder).is_ok_and(|found| [0x0027_e0eb, 0x6367_7270].contains(&found.f_type))
        };
        is_real(&self.memory) && is_real(&self.processes)
    }

    /// Moves a process into the groups, and looks whether it is there; what it starts is born there.
    pub(super) fn take(&self, pid: i32) -> io::Result<()> {
        self.each(|folder| {
            let path = folder.join("cgroup.procs");
            fs::write(&path, pid.to_string())?;
            let found = fs::read_to_string(&path)?;
            if found.lines().any(|line| line == pid.to_string()) {
                return Ok(());
            }
            Err(io::Error::other(format!("{} does not hold {pid} after it was written", path.display())))
        })
    }

    /// What was counted so far.
    pub(super) fn look(&self) -> Counted {
        let (peak, oom) = match self.version {
            Version::One => ("memory.max_usage_in_bytes", "memory.oom_control"),
            Version::Two => ("memory.peak", "memory.events"),
        };
        let peak = fs::read_to_string(self.memory.join(peak)).ok();
        Counted {
            peak: peak.and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            killed: field(&self.memory.join(oom), "oom_kill"),
            refused: field(&self.processes.join("pids.events"), "max"),
        }
    }

    /// Removes the groups, once nothing is in them.
    #[expect(clippy::disallowed_methods, reason = "the launcher has one thread and nothing else to do")]
    pub(super) fn remove(&self) {
        let _ = self.each(|folder| {
            // A group may seem to hold processes for a moment after their end.
            for pause in [0, 1, 5, 20, 50] {
                std::thread::sleep(Duration::from_millis(pause));
                // One that is not there, as it could not be made, is not waited for: that is so in each run of most users.
                let is_busy = |error: io::Error| error.kind() == io::ErrorKind::ResourceBusy;
                if !fs::remove_dir(folder).is_err_and(is_busy) {
                    break;
                }
            }
            Ok(())
        });
    }

    fn each(&self, act: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
        act(&self.memory)?;
        if self.processes == self.memory { Ok(()) } else { act(&self.processes) }
    }
}

/// Removes what launchers have left that were killed. Those of other pid namespaces have numbers that mean nothing here,
/// so a young group stays, which may be one that is being made; one with a process in it cannot be removed.
fn tidy(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(launcher) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let age = entry.metadata().ok().and_then(|found| found.modified().ok()?.elapsed().ok());
        if !Path::new("/proc").join(launcher).exists() && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Sets a limit, and reads it back: some file systems take what they do not enforce.
fn put(path: &Path, value: u64) -> io::Result<()> {
    fs::write(path, value.to_string())?;
    let found = fs::read_to_string(path)?;
    if found.trim() == value.to_string() {
        return Ok(());
    }
    let what = format!("{} is {} after {value} was written", path.display(), found.trim());
    Err(io::Error::other(what))
}

fn field(path: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { memory: Some(64 << 20), processes: 10, ..Limits::default() }
    }

    #[test]
    fn a_tree_of_version_2_gets_one_group_with_both_limits() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("user/ice")).unwrap();
        let groups = Groups::make(root.path(), "0::/user/ice\n", "run", &limits()).unwrap();
        let group = root.path().join("user/ice/run");
        let read = |name: &str| fs::read_to_string(group.join(name)).unwrap();
        assert_eq!((read("memory.max"), read("pids.max")), ((64 << 20).to_string(), "11".to_owned()));
        groups.take(7).unwrap();
        assert_eq!(read("cgroup.procs"), "7");
        fs::write(group.join("memory.events"), "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n").unwrap();
        fs::write(group.join("pids.events"), "max 3\n").unwrap();
        fs::write(group.join("memory.peak"), "4096\n").unwrap();
        assert_eq!(groups.look(), Counted { peak: 4_096, killed: 1, refused: 3 });
    }

    #[test]
    fn groups_that_could_not_be_made_are_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let began = std::time::Instant::now();
        for _ in 0..20 {
            assert!(Groups::make(root.path(), "0::/not/there\n", "run", &limits()).is_err());
        }
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }

    #[test]
    fn without_a_hierarchy_there_are_no_groups() {
        let root = tempfile::tempdir().unwrap();
        assert!(Groups::make(root.path(), "", "run", &limits()).is_err());
        assert!(Groups::make(root.path(), "0::/not/there\n", "run", &limits()).is_err());
    }

    #[test]
    fn only_old_groups_without_a_launcher_are_tidied_away() {
        let folder = tempfile::tempdir().unwrap();
        let own = format!("{PREFIX}{}", std::process::id());
        // No process has a number so high.
        let names = [own.as_str(), "ice-sandbox-99999999", "other-99999999", "ice-sandbox-99999998"];
        for name in names {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for old in &names[..3] {
            let opened = fs::File::open(folder.path().join(old)).unwrap();
            opened.set_modified(opened.metadata().unwrap().modified().unwrap() - 2 * OLD).unwrap();
        }
        tidy(folder.path());
        let left = names.map(|name| folder.path().join(name).exists());
        assert_eq!(left, [true, false, true, true]);
    }
}
