//! Too many processes, and processes that stay.

use std::io;

use crate::tell::{call, number, say, tried};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "fork-flat" => fork_flat(number(arguments, 0)),
        "fork-tree" => fork_tree(number(arguments, 0)),
        "threads" => threads(number(arguments, 0)),
        "sleep" => stay(),
        "stubborn" => stubborn(),
        "daemon" => daemon(false),
        "daemon-and-stay" => daemon(true),
        "holder" => holder(),
        _ => return false,
    }
    true
}

/// Forks. In the child the answer is `None`.
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: this program has one thread whenever it forks.
    let pid = call(unsafe { libc::fork() }.into())?;
    Ok(i32::try_from(pid).ok().filter(|pid| *pid != 0))
}

/// Waits for a signal that ends it.
pub(crate) fn stay() -> ! {
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: ends the process; nothing is used afterwards.
    unsafe { libc::_exit(code) }
}

fn fork_flat(most: usize) {
    let mut made = 0;
    let why = loop {
        if made == most {
            break "all were made".to_owned();
        }
        match fork() {
            Ok(Some(_)) => made += 1,
            Ok(None) => stay(),
            Err(error) => break error.to_string(),
        }
    };
    say(&format!("made {made}"));
    say(&format!("then {why}"));
    // Long enough to be seen from outside.
    std::thread::park_timeout(std::time::Duration::from_millis(300));
    if std::process::id() != 1 {
        // SAFETY: takes numbers; in a pid namespace of its own that is all that this program has started.
        unsafe { libc::kill(0, libc::SIGKILL) };
    }
}

/// Every process forks, so many times: two to the power of that, if nothing stops it.
fn fork_tree(depth: usize) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    let _ = call(unsafe { libc::pipe(ends.as_mut_ptr()) }.into());
    let [read, write] = ends;
    let first = std::process::id();
    let count = || {
        // SAFETY: one byte of a text that lives for ever.
        unsafe { libc::write(write, c"1".as_ptr().cast(), 1) };
    };
    for _ in 0..depth {
        if matches!(fork(), Ok(None)) {
            count();
        }
    }
    if std::process::id() != first {
        stay();
    }
    let mut made = 0;
    loop {
        let mut poll = libc::pollfd { fd: read, events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, and a byte to read into.
        unsafe {
            if libc::poll(&raw mut poll, 1, 1_000) != 1 {
                break;
            }
            let mut byte = 0_u8;
            libc::read(read, (&raw mut byte).cast(), 1);
        }
        made += 1;
    }
    say(&format!("made {made}"));
}

fn threads(most: usize) {
    let mut made = 0;
    for _ in 0..most {
        match std::thread::Builder::new().stack_size(64 << 10).spawn(|| stay()) {
            Ok(_) => made += 1,
            Err(_) => break,
        }
    }
    say(&format!("made {made}"));
}

fn stubborn() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGXCPU] {
        // SAFETY: sets dispositions.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    say("ok ignoring");
    stay()
}

/// Leaves a process in a session of its own, whose parent is gone, and which holds the streams open.
fn daemon(stays: bool) {
    if let Ok(None) = fork() {
        // SAFETY: takes nothing.
        tried("setsid", call(unsafe { libc::setsid() }.into()));
        if matches!(fork(), Ok(None)) {
            // SAFETY: sets dispositions.
            unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
            say("ok daemon");
            stay();
        }
        leave(0);
    }
    // SAFETY: waits for the child, to go on after it.
    unsafe { libc::wait(std::ptr::null_mut()) };
    if stays {
        stubborn();
    }
}

/// A grandchild that holds standard output and writes now and then, while the program itself is done.
fn holder() {
    if matches!(fork(), Ok(None)) {
        if matches!(fork(), Ok(None)) {
            loop {
                say("still here");
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        }
        leave(0);
    }
    say("ok done");
}
