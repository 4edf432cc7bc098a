//! A simulated disk: keeps what was synced apart from what was not, and can lose power, be full and fail.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::inode::{Change, Dice, Inode, index};
use super::port::Held;
use super::{Disk, DiskFile, DiskLock, FileId, OpenMode};
use crate::store::StoreError;
use crate::store::lock::lock;

/// A fault that the disk is told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// The write after this many more fails with an I/O error, half done.
    FailWrite(u64),
    /// The sync after this many more fails with an I/O error. What it should have made safe stays readable
    /// but never becomes safe, as with the page cache of Linux.
    FailSync(u64),
    /// Files together hold at most this many bytes.
    Full(u64),
    /// The machine stops before the operation after this many more that change anything: from then on every
    /// operation fails, until [`SimDisk::crash`] or [`SimDisk::kill`].
    Stop(u64),
}

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    safe_names: BTreeMap<String, u64>,
    /// Changes of names since their folder was synced, in order.
    unsafe_names: Vec<Renaming>,
    next_inode: u64,
    /// Counts crashes: a handle from before one is dead.
    life: u64,
    owner: Option<u32>,
    stopped: bool,
    fail_write: Option<u64>,
    fail_sync: Option<u64>,
    stop: Option<u64>,
    capacity: Option<u64>,
}

#[derive(Clone, Debug)]
struct Renaming {
    name: String,
    inode: Option<u64>,
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("simulated: {what}"))
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault; one of its kind before is replaced.
    pub fn inject(&self, fault: SimFault) {
        let mut state = lock(&self.0);
        match fault {
            SimFault::FailWrite(after) => state.fail_write = Some(after),
            SimFault::FailSync(after) => state.fail_sync = Some(after),
            SimFault::Full(bytes) => state.capacity = Some(bytes),
            SimFault::Stop(after) => state.stop = Some(after),
        }
    }

    /// Takes all faults away that have not happened.
    pub fn heal(&self) {
        let mut state = lock(&self.0);
        (state.fail_write, state.fail_sync, state.capacity, state.stop) = (None, None, None, None);
    }

    /// Whether a [`SimFault::Stop`] has happened.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        lock(&self.0).stopped
    }

    /// Loses power and comes back. Of what was not synced, any part may be there, in units of 512 bytes, in
    /// any order: `seed` says which. Handles and locks from before are dead.
    pub fn crash(&self, seed: u64) {
        let mut state = lock(&self.0);
        let mut dice = Dice(seed);
        for inode in state.inodes.values_mut() {
            inode.crash(&mut dice);
        }
        let lost = dice.next() % 101;
        let kept: Vec<Renaming> =
            std::mem::take(&mut state.unsafe_names).into_iter().filter(|_| !dice.chance(lost)).collect();
        for renaming in kept {
            set(&mut state.safe_names, renaming);
        }
        state.names = state.safe_names.clone();
        state.revive();
    }

    /// The process dies and the machine goes on: everything written stays. Handles and locks are dead.
    pub fn kill(&self) {
        lock(&self.0).revive();
    }

    /// The paths of all files, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        lock(&self.0).names.keys().cloned().collect()
    }

    /// Changes the contents of a file behind everybody's back, as a failing disk does. Says whether the file
    /// exists.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = lock(&self.0);
        let Some(inode) = state.names.get(path).copied() else { return false };
        let Some(inode) = state.inodes.get_mut(&inode) else { return false };
        change(&mut inode.bytes);
        inode.safe.clone_from(&inode.bytes);
        inode.unsynced.clear();
        true
    }
}

fn set(names: &mut BTreeMap<String, u64>, renaming: Renaming) {
    match renaming.inode {
        Some(inode) => names.insert(renaming.name, inode),
        None => names.remove(&renaming.name),
    };
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl State {
    fn revive(&mut self) {
        self.life += 1;
        self.owner = None;
        self.stopped = false;
        (self.fail_write, self.fail_sync, self.stop) = (None, None, None);
    }

    fn alive(&self, life: u64) -> io::Result<()> {
        if self.stopped || life != self.life { Err(broken("the machine has stopped")) } else { Ok(()) }
    }

    /// To be called before anything changes.
    fn step(&mut self, life: u64) -> io::Result<()> {
        self.alive(life)?;
        self.stopped = count_down(&mut self.stop);
        self.alive(life)
    }

    fn rename(&mut self, name: &str, inode: Option<u64>) {
        let renaming = Renaming { name: name.to_owned(), inode };
        set(&mut self.names, renaming.clone());
        self.unsafe_names.push(renaming);
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|inode| self.inodes.get(inode))
            .map(|inode| inode.bytes.len() as u64)
            .sum()
    }
}

/// Counts down to zero; true when it arrives, once.
fn count_down(counter: &mut Option<u64>) -> bool {
    match counter {
        Some(0) => {
            *counter = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = lock(&self.0);
        let life = state.life;
        state.alive(life)?;
        let found = state.names.get(path).copied();
        let inode = match (mode, found) {
            (OpenMode::Read | OpenMode::Write, Some(inode)) => inode,
            (OpenMode::Read | OpenMode::Write, None) => return Err(io::ErrorKind::NotFound.into()),
            (OpenMode::Create, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Create, None) => {
                state.step(life)?;
                state.next_inode += 1;
                let inode = state.next_inode;
                state.inodes.insert(inode, Inode::default());
                state.rename(path, Some(inode));
                inode
            }
        };
        Ok(Arc::new(SimFile { disk: self.clone(), inode, life }))
    }

    fn create_folder(&self, _path: &str) -> io::Result<()> {
        let state = lock(&self.0);
        state.alive(state.life)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = lock(&self.0);
        state.alive(state.life)?;
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut names: Vec<String> = state
            .names
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        let life = state.life;
        state.step(life)?;
        let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.rename(to, Some(inode));
        state.rename(from, None);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        let life = state.life;
        state.step(life)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename(path, None);
        Ok(())
    }

    fn sync_folder(&self, path: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        let life = state.life;
        state.step(life)?;
        if count_down(&mut state.fail_sync) {
            return Err(broken("the sync of a folder failed"));
        }
        let (here, elsewhere) = std::mem::take(&mut state.unsafe_names)
            .into_iter()
            .partition(|renaming| folder_of(&renaming.name) == path);
        state.unsafe_names = elsewhere;
        let here: Vec<Renaming> = here;
        for renaming in here {
            set(&mut state.safe_names, renaming);
        }
        Ok(())
    }

    fn id(&self, path: &str) -> io::Result<FileId> {
        let state = lock(&self.0);
        state.alive(state.life)?;
        let inode = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileId { device: 0, inode: *inode })
    }

    fn lock(&self, _path: &str, owner: u32) -> Result<DiskLock, StoreError> {
        let mut state = lock(&self.0);
        if let Some(holder) = state.owner {
            return Err(StoreError::Locked { folder: "simulated".to_owned(), owner: Some(holder) });
        }
        state.owner = Some(owner);
        Ok(DiskLock::new(SimLock { disk: self.clone(), life: state.life }))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    life: u64,
}

impl Held for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = lock(&self.disk.0);
        if state.life == self.life {
            state.owner = None;
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
    life: u64,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State, &mut Inode) -> io::Result<T>) -> io::Result<T> {
        let mut state = lock(&self.disk.0);
        state.alive(self.life)?;
        let mut inode = state.inodes.remove(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        let done = act(&mut state, &mut inode);
        state.inodes.insert(self.inode, inode);
        done
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|_, inode| {
            let rest = inode.bytes.get(index(offset)..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                to.copy_from_slice(from);
            }
            Ok(count)
        })
    }

    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        let mut bytes = parts.concat();
        self.with(|state, inode| {
            state.step(self.life)?;
            let mut failure = None;
            if count_down(&mut state.fail_write) {
                bytes.truncate(bytes.len() / 2);
                failure = Some(broken("a write failed"));
            }
            if let Some(capacity) = state.capacity {
                // The file itself is taken out of the state while it is worked on.
                let room = capacity.saturating_sub(state.used()).saturating_sub(offset);
                if room < bytes.len() as u64 {
                    bytes.truncate(index(room));
                    failure = Some(io::Error::from(io::ErrorKind::StorageFull));
                }
            }
            let change = Change::Write { offset, bytes };
            change.apply(&mut inode.bytes);
            inode.unsynced.push(change);
            failure.map_or(Ok(()), Err)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state, inode| {
            state.step(self.life)?;
            let failed = count_down(&mut state.fail_sync);
            for change in inode.unsynced.drain(..) {
                if !failed {
                    change.apply(&mut inode.safe);
                }
            }
            if failed { Err(broken("a sync failed")) } else { Ok(()) }
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|_, inode| Ok(inode.bytes.len() as u64))
    }

    fn id(&self) -> io::Result<FileId> {
        self.with(|_, _| Ok(FileId { device: 0, inode: self.inode }))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(|state, inode| {
            state.step(self.life)?;
            let change = Change::Truncate(size);
            change.apply(&mut inode.bytes);
            inode.unsynced.push(change);
            Ok(())
        })
    }
}
