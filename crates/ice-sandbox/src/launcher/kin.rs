//! Which processes are whose children.

use std::collections::HashMap;
use std::fs;
use std::io;

/// Looks up children: in the list that the kernel keeps for each thread, or, where it is built without that
/// (`CONFIG_PROC_CHILDREN`), in what all processes say of their parents, as they stand when this is made.
#[derive(Debug)]
pub(super) enum Kin {
    Listed,
    Scanned(HashMap<i32, Vec<i32>>),
}

impl Kin {
    /// As the kernel has it.
    pub(super) fn new() -> Self {
        if fs::exists("/proc/thread-self/children").unwrap_or(false) { Self::Listed } else { Self::scanned() }
    }

    fn scanned() -> Self {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(parent) = parent(pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
        Self::Scanned(children)
    }

    /// The children of a process, by the numbers of the /proc that is mounted. Of one that has ended, none.
    pub(super) fn children(&self, pid: i32) -> Vec<i32> {
        match self {
            Self::Listed => {
                let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
                let lists =
                    threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
                lists.flat_map(|list| numbers(&list)).collect()
            }
            Self::Scanned(children) => children.get(&pid).cloned().unwrap_or_default(),
        }
    }
}

/// The children of this process, the newest last where the kernel keeps the list.
pub(super) fn own() -> io::Result<Vec<i32>> {
    match Kin::new() {
        // It has one thread.
        Kin::Listed => Ok(numbers(&fs::read_to_string("/proc/thread-self/children")?)),
        scanned @ Kin::Scanned(_) => Ok(scanned.children(outer()?)),
    }
}

/// The number of this process in the /proc that is mounted, which may be that of an outer pid namespace.
fn outer() -> io::Result<i32> {
    let number = fs::read_link("/proc/self")?;
    let number = number.to_str().and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn numbers(list: &str) -> Vec<i32> {
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything; the state is between it and the parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn without_the_lists_of_the_kernel_the_same_children_are_found() {
        let mut first = Command::new("sleep").arg("60").spawn().unwrap();
        let mut second = Command::new("sh").args(["-c", "sleep 60; true"]).spawn().unwrap();
        let number = |process: &std::process::Child| i32::try_from(process.id()).unwrap();
        let (own, shell) = (i32::try_from(std::process::id()).unwrap(), number(&second));
        while Kin::Listed.children(shell).is_empty() {
            std::thread::yield_now();
        }
        for kin in [Kin::Listed, Kin::scanned()] {
            let found = kin.children(own);
            assert!(found.contains(&number(&first)) && found.contains(&shell), "{kin:?}");
            assert_eq!(kin.children(shell).len(), 1, "{kin:?}");
            for below in kin.children(shell) {
                assert_eq!(parent(below), Some(shell));
            }
        }
        assert_eq!(outer().unwrap(), own);
        for below in Kin::Listed.children(shell) {
            let below = rustix::process::Pid::from_raw(below).unwrap();
            rustix::process::kill_process(below, rustix::process::Signal::KILL).unwrap();
        }
        for process in [&mut second, &mut first] {
            // The shell ends with what it waits for.
            let _ = process.kill();
            process.wait().unwrap();
        }
    }
}
