//! What runs could leave behind on the machine, besides processes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::is_root;

/// As whom a cage of root runs, outside.
const NOBODY: u32 = 65_534;

/// Where files are put that are not to last.
const TEMPORARY: [&str; 6] = ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/shm"];

/// Lists of shared memory, queues and semaphores, with the column of their owner.
const SHARED: [(&str, usize); 3] =
    [("/proc/sysvipc/shm", 7), ("/proc/sysvipc/msg", 7), ("/proc/sysvipc/sem", 4)];

/// What there is at a time of all that a run might leave, each by a name.
#[derive(Debug)]
pub(crate) struct Traces(BTreeSet<String>);

impl Traces {
    /// Files are those with this word in their name, and those that a cage's user or launcher has made.
    pub(crate) fn now(marker: &str) -> Self {
        let mut all = BTreeSet::new();
        for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            if target.starts_with("/proc") && target.ends_with("fd") {
                // The folder that is read here.
                continue;
            }
            all.insert(format!("descriptor {} {}", entry.file_name().display(), target.display()));
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        all.extend(mounts.lines().map(|line| format!("mount {line}")));
        let user = if is_root() { NOBODY } else { rustix::process::geteuid().as_raw() };
        for (list, owner) in SHARED {
            for line in fs::read_to_string(list).unwrap_or_default().lines() {
                let fields: Vec<&str> = line.split_whitespace().collect();
                if fields.get(owner).is_some_and(|owner| *owner == user.to_string()) {
                    all.insert(format!("{list} {} {}", fields[0], fields[1]));
                }
            }
        }
        for folder in TEMPORARY {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().into_string().unwrap_or_default();
                // An ordinary user has files of other tests there as well.
                let is_made = is_root() && entry.metadata().is_ok_and(|found| found.uid() == NOBODY);
                if name.contains(marker) || name.starts_with("ice-sandbox") || is_made {
                    all.insert(format!("file {folder}/{name}"));
                }
            }
        }
        Self(all)
    }

    /// What there is now and was not then.
    pub(crate) fn since(self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// Takes one that begins like this for new.
    pub(crate) fn forget(&mut self, beginning: &str) {
        let found = self.0.iter().find(|trace| trace.starts_with(beginning)).cloned();
        assert!(self.0.remove(&found.unwrap()));
    }
}

/// The control groups of these launchers. They are made where this process is: elsewhere may be older ones of processes
/// that had the same numbers.
pub(crate) fn groups_of(launchers: &[i32]) -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let mut found = BTreeSet::new();
    for line in own.lines() {
        let (controller, place) = line.split_once(':').and_then(|(_, rest)| rest.split_once(':')).unwrap();
        let folder = Path::new("/sys/fs/cgroup").join(controller).join(place.trim_start_matches('/'));
        let groups = launchers.iter().map(|launcher| folder.join(format!("ice-sandbox-{launcher}")));
        found.extend(groups.filter(|group| group.exists()));
    }
    found.into_iter().collect()
}

/// The launchers that a process has started: its children.
pub(crate) fn launchers(asked: u32) -> Vec<i32> {
    let children = fs::read_dir(format!("/proc/{asked}/task"))
        .unwrap()
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    children
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}
