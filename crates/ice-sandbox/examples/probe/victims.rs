//! What one process can do to another.

use std::fs;

use crate::processes::{fork, stay};
use crate::tell::{call, number, say, text, tried};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "victim" if text(arguments, 0) == "own" => match fork() {
            Ok(Some(child)) => victim(child),
            Ok(None) => stay(),
            Err(error) => say(&format!("no fork: {error}")),
        },
        "victim" => victim(number(arguments, 0) as i32),
        "everybody" => everybody(),
        "first-process" => first_process(),
        _ => return false,
    }
    true
}

/// Everything that is known to reach into another process, its end last.
fn victim(pid: i32) {
    let mut local = [0_u8; 8];
    // SAFETY: all structures live for the calls; foreign addresses are only read by the kernel.
    unsafe {
        let mut buffer = libc::iovec { iov_base: local.as_mut_ptr().cast(), iov_len: local.len() };
        // A child has the same memory at the same address.
        let mut foreign = libc::iovec { iov_base: local.as_mut_ptr().cast(), iov_len: local.len() };
        let read = libc::process_vm_readv(pid, &raw mut buffer, 1, &raw mut foreign, 1, 0);
        tried("read-memory", call(read as i64));
        let written = libc::process_vm_writev(pid, &raw mut buffer, 1, &raw mut foreign, 1, 0);
        tried("write-memory", call(written as i64));
        let limit = libc::rlimit { rlim_cur: 8, rlim_max: 8 };
        let limited = libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut());
        tried("limit", call(limited.into()));
        tried("priority", call(libc::setpriority(libc::PRIO_PROCESS, pid as u32, 15).into()));
        // IOPRIO_WHO_PROCESS, the idle class.
        tried("io-priority", call(libc::syscall(libc::SYS_ioprio_set, 1, pid, 3 << 13)));
        let mut all: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut all);
        tried("affinity", call(libc::sched_setaffinity(pid, size_of_val(&all), &raw const all).into()));
        let batch = libc::sched_param { sched_priority: 0 };
        tried("scheduler", call(libc::sched_setscheduler(pid, libc::SCHED_IDLE, &raw const batch).into()));
        let opened = tried("open", call(libc::syscall(libc::SYS_pidfd_open, pid, 0)));
        if let Some(pidfd) = opened {
            tried("take-descriptor", call(libc::syscall(libc::SYS_pidfd_getfd, pidfd, 1, 0)));
        }
        let seized = libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0);
        tried("trace", call(seized));
    }
    for name in ["environ", "cmdline", "maps", "mem", "cwd", "root", "exe", "fd/1", "status"] {
        let path = format!("/proc/{pid}/{name}");
        tried(name, fs::File::open(&path).map(drop).or_else(|_| fs::read_link(&path).map(drop)));
    }
    // SAFETY: takes numbers.
    unsafe {
        tried("stop", call(libc::kill(pid, libc::SIGSTOP).into()));
        tried("kill-thread", call(libc::syscall(libc::SYS_tgkill, pid, pid, libc::SIGKILL)));
        tried("kill", call(libc::kill(pid, libc::SIGKILL).into()));
    }
}

/// Calls that mean all processes of a user, or all there are.
fn everybody() {
    // Where there are more processes than a cage has, this is none, and nothing is tried.
    let is_process = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().parse::<u32>().is_ok();
    if fs::read_dir("/proc").map_or(true, |all| all.flatten().filter(is_process).count() > 4) {
        return say("not in a cage");
    }
    // SAFETY: takes numbers and sets a disposition.
    unsafe {
        tried("priority-of-user", call(libc::setpriority(libc::PRIO_USER, 0, 15).into()));
        // IOPRIO_WHO_USER, the idle class.
        tried("io-priority-of-user", call(libc::syscall(libc::SYS_ioprio_set, 3, libc::getuid(), 3 << 13)));
        tried("kill-all", call(libc::kill(-1, libc::SIGKILL).into()));
    }
}

/// The first process of the cage, which watches over the others.
fn first_process() {
    for name in
        ["environ", "maps", "mem", "cwd", "root", "exe", "fd", "fd/3", "io", "stack", "ns/user", "ns/mnt"]
    {
        let path = format!("/proc/1/{name}");
        let read = fs::read(&path).map(drop);
        let listed = read.or_else(|_| fs::read_dir(&path).map(drop));
        tried(name, listed.or_else(|_| fs::read_link(&path).map(drop)));
    }
    for signal in [libc::SIGTERM, libc::SIGSTOP, libc::SIGSEGV, libc::SIGKILL] {
        // SAFETY: takes numbers. That it is sent is no harm: the first process takes none from within.
        unsafe { libc::kill(1, signal) };
    }
    // SAFETY: takes numbers.
    tried("trace", call(unsafe { libc::ptrace(libc::PTRACE_SEIZE, 1, 0, 0) }));
    let mut seen: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .collect();
    seen.retain(|pid| *pid != std::process::id());
    say(&format!("others {seen:?}"));
    say("ok still here");
}
