//! Where the socket stands, and how it gets there.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

/// The name of the socket in the data folder.
pub const SOCKET: &str = "control.sock";

/// Where the socket is made before it is put in its place: nobody else can enter.
const NURSERY: &str = "control.new";

/// The longest path an address of a Unix socket takes is 107 bytes on Linux and 103 elsewhere.
const LONGEST: usize = 100;

/// The folder the socket stands in. Held open, so that long paths can be had through it.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    handle: OwnedFd,
}

impl Place {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let handle =
            rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder: folder.to_owned(), handle })
    }

    /// A path of a file in the folder that is short enough for an address. It holds while `self` lives.
    pub(super) fn address(&self, name: &str) -> PathBuf {
        let direct = self.folder.join(name);
        if cfg!(target_os = "linux") && direct.as_os_str().len() > LONGEST {
            PathBuf::from(format!("/proc/self/fd/{}/{name}", self.handle.as_raw_fd()))
        } else {
            direct
        }
    }

    /// Makes the socket, open to its user only, and puts it in its place at once, over one that a dead owner
    /// left. The caller holds the lock of the folder: only then is what stands there surely dead.
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        self.clear();
        rustix::fs::mkdirat(&self.handle, NURSERY, Mode::RWXU)?;
        let made = format!("{NURSERY}/{SOCKET}");
        let listener = UnixListener::bind(self.address(&made)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            rustix::fs::chmodat(&self.handle, &made, Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
            rustix::fs::renameat(&self.handle, &made, &self.handle, SOCKET)?;
            Ok(listener)
        });
        self.clear();
        listener
    }

    /// Removes what is left of making a socket.
    fn clear(&self) {
        // Neither is there, most of the time.
        let _ = rustix::fs::unlinkat(&self.handle, format!("{NURSERY}/{SOCKET}"), AtFlags::empty());
        let _ = rustix::fs::unlinkat(&self.handle, NURSERY, AtFlags::REMOVEDIR);
    }

    /// Takes the socket away.
    pub(super) fn remove(&self) {
        if let Err(error) = rustix::fs::unlinkat(&self.handle, SOCKET, AtFlags::empty()) {
            tracing::debug!(%error, "the control socket was gone already");
        }
    }
}
