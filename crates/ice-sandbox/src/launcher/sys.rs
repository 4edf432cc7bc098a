//! The calls to the system that no safe interface has. All `unsafe` of the launcher is here.
#![expect(unsafe_code, reason = "calls of the system that have no safe interface")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use rustix::process::Pid;

/// On which side of a fork one is.
#[derive(Debug)]
pub(super) enum Forked {
    Child,
    Parent(Pid),
}

/// Forks. Only a process with a single thread may call this: the child then goes on with ordinary code.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: the launcher has one thread, so that no lock is held by another one that the child lacks.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        pid => match Pid::from_raw(pid).filter(|_| pid > 0) {
            Some(pid) => Ok(Forked::Parent(pid)),
            None => Err(io::Error::last_os_error()),
        },
    }
}

/// Ends this process at once.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: ends the process without running what was registered for its end; nothing is used after it.
    unsafe { libc::_exit(code) }
}

/// Closes all descriptors from `first` on, or has them closed by the next exec.
pub(super) fn close_from(first: RawFd, by_exec: bool) -> io::Result<()> {
    let flags = if by_exec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: takes numbers only. No owner of a descriptor that is closed is used again.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a descriptor appear under this number, to be inherited by exec.
pub(super) fn duplicate(from: BorrowedFd<'_>, to: RawFd) -> io::Result<()> {
    // SAFETY: `from` is open; what `to` was is closed, and no owner of that is used again.
    let done = unsafe { libc::dup2(from.as_raw_fd(), to) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A descriptor by its number: one of those that the launcher keeps open from its start to its end.
pub(super) fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: only called with the numbers that `inherit` has opened, which are never closed before exec.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    pub(super) pid: i32,
    pub(super) status: i32,
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// The largest of its processes, in bytes.
    pub(super) largest: u64,
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_usec).unwrap_or(0).saturating_mul(1_000),
    )
}

/// Waits for a child, for any with -1. Nothing if there is none.
pub(super) fn wait(pid: i32) -> io::Result<Option<Waited>> {
    loop {
        let mut status = 0;
        // SAFETY: all zeros are a valid `rusage`.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to values that live as long as the call.
        let found = unsafe { libc::wait4(pid, &raw mut status, libc::__WALL, &raw mut used) };
        if found > 0 {
            return Ok(Some(Waited {
                pid: found,
                status,
                user: duration(used.ru_utime),
                system: duration(used.ru_stime),
                largest: u64::try_from(used.ru_maxrss).unwrap_or(0) * 1_024,
            }));
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            error if error.raw_os_error() == Some(libc::ECHILD) => return Ok(None),
            error => return Err(error),
        }
    }
}

/// What this process and those that it has waited for have used: CPU time in the program and in the kernel, and the bytes
/// of the largest one.
pub(super) fn used() -> io::Result<(Duration, Duration, u64)> {
    let (mut user, mut system, mut largest) = (Duration::ZERO, Duration::ZERO, 0);
    for who in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN] {
        // SAFETY: all zeros are a valid `rusage`.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a value that lives as long as the call.
        if unsafe { libc::getrusage(who, &raw mut used) } < 0 {
            return Err(io::Error::last_os_error());
        }
        user += duration(used.ru_utime);
        system += duration(used.ru_stime);
        largest = largest.max(u64::try_from(used.ru_maxrss).unwrap_or(0) * 1_024);
    }
    Ok((user, system, largest))
}

/// Signals as a program expects to find them.
pub(super) fn reset_signals() {
    // SAFETY: sets dispositions to the default and the mask to empty; no handler is involved.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Runs a program in place of this one. Returns only if that fails.
pub(super) fn exec(program: &CString, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: the strings live as long as the call, and both lists end with a null pointer.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Changes the attributes of a mount, and of those below it if `recursive`. With a user namespace, the ids of its files
/// are mapped.
pub(super) fn set_mount(
    tree: BorrowedFd<'_>,
    recursive: bool,
    set: u64,
    ids: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    let mapped = if ids.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 };
    let attributes = libc::mount_attr {
        attr_set: set | mapped,
        attr_clr: 0,
        propagation: 0,
        userns_fd: ids.map_or(0, |ids| u64::try_from(ids.as_raw_fd()).unwrap_or(0)),
    };
    // SAFETY: the path and the attributes live as long as the call, and the size is that of the attributes.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves this process to namespaces of its own. None of the flags shares descriptors.
pub(super) fn unshare(flags: rustix::thread::UnshareFlags) -> io::Result<()> {
    // SAFETY: only namespaces are unshared, never the table of descriptors.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Kills every process of the pid namespace but this one, and says whether this is its first process: elsewhere `-1`
/// means all that the user has, and nothing is done.
pub(super) fn kill_all() -> bool {
    // SAFETY: takes numbers only.
    unsafe {
        let is_first = libc::getpid() == 1;
        if is_first {
            libc::kill(-1, libc::SIGKILL);
        }
        is_first
    }
}

/// A request about a network device by its name.
fn about(name: &str) -> libc::ifreq {
    // SAFETY: all zeros are a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *slot = byte.cast_signed();
    }
    request
}

fn ask(socket: BorrowedFd<'_>, what: u64, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the request lives as long as the call, and is the one that these questions take.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), what as _, std::ptr::from_mut(request)) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Switches the loopback device of this network namespace on.
pub(super) fn raise_loopback(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut request = about("lo");
    let up = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(0);
    request.ifr_ifru.ifru_flags = up;
    ask(socket, libc::SIOCSIFFLAGS, &mut request)
}

/// Has the loopback device carry an address besides its own.
pub(super) fn add_to_loopback(
    socket: BorrowedFd<'_>,
    number: usize,
    address: std::net::Ipv4Addr,
) -> io::Result<()> {
    for (what, address) in
        [(libc::SIOCSIFADDR, address), (libc::SIOCSIFNETMASK, std::net::Ipv4Addr::BROADCAST)]
    {
        let mut request = about(&format!("lo:{number}"));
        let bytes = address.octets();
        // SAFETY: a plain address of version 4 in the room for any address, whose other bytes are zero.
        unsafe {
            request.ifr_ifru.ifru_addr.sa_family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(2);
            for (slot, byte) in request.ifr_ifru.ifru_addr.sa_data.iter_mut().skip(2).zip(bytes) {
                *slot = byte.cast_signed();
            }
        }
        ask(socket, what, &mut request)?;
    }
    Ok(())
}
