//! Too much memory, in the ways in which it can be had, and too much CPU time.

use std::io;

use crate::processes::{fork, leave, stay};
use crate::tell::{c, call, number, say, tried};

const MIB: usize = 1 << 20;

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    let (first, second) = (number(arguments, 0), number(arguments, 1));
    match name {
        "allocate" => allocate(first),
        "allocate-each" => allocate_each(first, second),
        "detached-segments" => detached_segments(first),
        "unmapped-files" => unmapped_files(first),
        "left-by-a-child" => left_by_a_child(first),
        "page-tables" => page_tables(first),
        "burn" => burn(first),
        "burn-unwaited" => burn_unwaited(first, second),
        _ => return false,
    }
    true
}

/// Memory that is written to, so that it is there.
fn mapped(bytes: usize, kind: libc::c_int) -> io::Result<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: new memory, at no particular address.
    let memory =
        unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, kind | libc::MAP_ANONYMOUS, -1, 0) };
    if memory == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(memory.cast()) }
}

fn touch(memory: *mut u8, bytes: usize) {
    for page in (0..bytes).step_by(4_096) {
        // SAFETY: the memory has so many bytes.
        unsafe { memory.add(page).write_volatile(1) };
    }
}

fn allocate(mib: usize) {
    for had in 0..mib {
        match mapped(MIB, libc::MAP_PRIVATE) {
            Ok(memory) => touch(memory, MIB),
            Err(error) => return say(&format!("no allocate: {error} after {had} MiB")),
        }
    }
    // Whoever watches has time to see it.
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    say("ok allocate");
}

/// Page tables of memory that is only read, and so is none.
fn page_tables(mib: usize) {
    // A table is a page and covers two MiB.
    let covered = mib * 256 * 2 * MIB;
    // SAFETY: new memory, at no particular address.
    let memory = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(std::ptr::null_mut(), covered, libc::PROT_READ, flags, -1, 0)
    };
    if memory == libc::MAP_FAILED {
        return say(&format!("no page-tables: {}", io::Error::last_os_error()));
    }
    for place in (0..covered).step_by(2 * MIB) {
        // SAFETY: within what was mapped.
        unsafe { memory.cast::<u8>().add(place).read_volatile() };
    }
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    say("ok page-tables");
}

fn allocate_each(processes: usize, mib: usize) {
    for _ in 0..processes {
        if matches!(fork(), Ok(None)) {
            let _ = mapped(mib * MIB, libc::MAP_PRIVATE).map(|memory| touch(memory, mib * MIB));
            say("ok one");
            stay();
        }
    }
    std::thread::park_timeout(std::time::Duration::from_secs(3));
    say("ok all");
}

/// System V segments, written to and let go of: no process has them, and they are there still.
fn detached_segments(mib: usize) {
    for _ in 0..mib {
        // SAFETY: a segment of its own, attached at no particular address, of a MiB.
        let done = unsafe {
            call(libc::shmget(libc::IPC_PRIVATE, MIB, 0o600 | libc::IPC_CREAT).into()).and_then(|id| {
                let memory = libc::shmat(id as i32, std::ptr::null(), 0);
                if memory as isize == -1 {
                    return Err(io::Error::last_os_error());
                }
                touch(memory.cast(), MIB);
                call(libc::shmdt(memory).into())
            })
        };
        if let Err(error) = done {
            return say(&format!("no detached-segments: {error}"));
        }
    }
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    say("ok detached-segments");
}

/// Files in memory that are open and mapped nowhere.
fn unmapped_files(mib: usize) {
    let piece = vec![1_u8; MIB];
    let mut open = Vec::new();
    for at in 0..mib {
        if at % 8 == 0 {
            // SAFETY: a name that lives for the call.
            match call(unsafe { libc::memfd_create(c("probe").as_ptr(), 0) }.into()) {
                Ok(file) => open.push(file as i32),
                Err(error) => return say(&format!("no unmapped-files: {error}")),
            }
        }
        let file = open.last().copied().unwrap_or(-1);
        // SAFETY: a MiB to read from.
        if let Err(error) = call(unsafe { libc::write(file, piece.as_ptr().cast(), MIB) } as i64) {
            return say(&format!("no unmapped-files: {error}"));
        }
    }
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    say("ok unmapped-files");
}

/// Shared memory that a child writes to, and that only its parent, which never did, has still.
fn left_by_a_child(mib: usize) {
    for _ in 0..mib / 8 {
        let Ok(memory) = mapped(8 * MIB, libc::MAP_SHARED) else { return say("no left-by-a-child") };
        if matches!(fork(), Ok(None)) {
            touch(memory, 8 * MIB);
            leave(0);
        }
        // SAFETY: waits for the child.
        unsafe { libc::wait(std::ptr::null_mut()) };
    }
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    say("ok left-by-a-child");
}

fn cpu_spent() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a time to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// So many processes, each of which computes for ever.
fn burn(processes: usize) {
    // SAFETY: sets a disposition: the hint that the time is over is not taken.
    unsafe { libc::signal(libc::SIGXCPU, libc::SIG_IGN) };
    for _ in 1..processes {
        if matches!(fork(), Ok(None)) {
            break;
        }
    }
    loop {
        std::hint::spin_loop();
    }
}

/// One process after the other that computes for so many milliseconds, and whose end nobody waits for.
fn burn_unwaited(processes: usize, milliseconds: usize) {
    // SAFETY: sets a disposition: children are not waited for, so their times are added to nobody's.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    for _ in 0..processes {
        if matches!(fork(), Ok(None)) {
            while cpu_spent() * 1_000.0 < milliseconds as f64 {
                std::hint::spin_loop();
            }
            leave(0);
        }
        // SAFETY: returns when the last child has ended.
        unsafe { libc::wait(std::ptr::null_mut()) };
    }
    tried("burn-unwaited", Ok(()));
}
