//! Files that are not its own, and more of its own than it may have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs as unix;
use std::os::unix::fs::PermissionsExt as _;

use crate::tell::{c, call, number, say, text, tried};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "change" => change(text(arguments, 0), text(arguments, 1)),
        "read" => read(arguments),
        "ways-out" => ways_out(text(arguments, 0)),
        "fill" => fill(number(arguments, 0)),
        "limits" => limits(),
        "write-to" => write_to(arguments),
        "swapped" => swapped(text(arguments, 0), text(arguments, 1)),
        "use-work" => use_work(),
        _ => return false,
    }
    true
}

/// Everything that can be done to a folder with a file `victim` in it, some of it into a folder of one's own.
fn change(folder: &str, own: &str) {
    let victim = format!("{folder}/victim");
    let at = |name: &str| format!("{folder}/{name}");
    let write = || OpenOptions::new().write(true).open(&victim);
    tried("read", fs::read(&victim));
    tried("write", write().and_then(|mut file| file.write_all(b"changed")));
    tried(
        "append",
        OpenOptions::new().append(true).open(&victim).and_then(|mut file| file.write_all(b"more")),
    );
    tried("truncate", write().and_then(|file| file.set_len(1)));
    let path = c(&victim);
    // SAFETY: paths and times that live for the calls.
    unsafe {
        tried("truncate-path", call(libc::truncate(path.as_ptr(), 2).into()));
        tried("utime", call(libc::utimes(path.as_ptr(), std::ptr::null()).into()));
        let name = c("user.probe");
        let set = libc::setxattr(path.as_ptr(), name.as_ptr(), name.as_ptr().cast(), 4, 0);
        tried("xattr", call(set.into()));
        let device = c(&at("device"));
        let made = libc::mknod(device.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 5));
        tried("mknod", call(made.into()));
        let fifo = c(&at("fifo"));
        tried("mkfifo", call(libc::mkfifo(fifo.as_ptr(), 0o666).into()));
    }
    tried("chmod", fs::set_permissions(&victim, fs::Permissions::from_mode(0o777)));
    tried("chmod-folder", fs::set_permissions(folder, fs::Permissions::from_mode(0o777)));
    tried("chown", unix::chown(&victim, Some(1), Some(1)));
    tried("create", File::create(at("created")));
    tried("mkdir", fs::create_dir(at("made")));
    tried("symlink", unix::symlink("/", at("link")));
    tried("hardlink-in", fs::hard_link(&victim, format!("{own}/link")));
    tried("hardlink-beside", fs::hard_link(&victim, at("hard")));
    tried("rename", fs::rename(&victim, at("renamed")));
    tried("rename-away", fs::rename(at("hard"), format!("{own}/stolen")));
    tried("remove", fs::remove_file(at("renamed")).or_else(|_| fs::remove_file(&victim)));
}

fn read(paths: &[&str]) {
    for path in paths {
        let mut byte = [0];
        let listed =
            || fs::read_dir(path).and_then(|mut all| all.next().ok_or(io::ErrorKind::NotFound.into()));
        let found = File::open(path).and_then(|mut file| file.read_exact(&mut byte));
        tried(path, found.or_else(|_| listed().map(drop)));
    }
}

/// All the ways to a file by something other than its path.
fn ways_out(path: &str) {
    let mut ways = vec![
        format!("/cage/../../../../../..{path}"),
        format!("/proc/self/root{path}"),
        format!("/proc/1/root{path}"),
        format!("/proc/1/cwd{path}"),
        format!("/proc/self/cwd/..{path}"),
        format!("/proc/thread-self/root/../..{path}"),
        format!("/proc/self/task/1/root{path}"),
    ];
    tried("make-link", unix::symlink(path, "/cage/way"));
    ways.push("/cage/way".to_owned());
    tried("make-root-link", unix::symlink("/proc/1/root", "/cage/root"));
    ways.push(format!("/cage/root{path}"));
    for descriptor in 0..64 {
        ways.push(format!("/proc/self/fd/{descriptor}{path}"));
        ways.push(format!("/proc/self/fd/{descriptor}/../../../../../..{path}"));
        ways.push(format!("/proc/1/fd/{descriptor}"));
        ways.push(format!("/proc/1/fd/{descriptor}{path}"));
    }
    let mut found = 0;
    for way in &ways {
        if fs::read(way).is_ok_and(|bytes| bytes.starts_with(b"secret")) {
            say(&format!("ok {way}"));
            found += 1;
        }
    }
    // With a folder held open, and one's root moved below it: the old way out of a chroot.
    let held = File::open("/");
    let path = c(&format!("../../../..{path}"));
    // SAFETY: paths that live for the calls.
    unsafe {
        tried("chroot", call(libc::chroot(c("/cage").as_ptr()).into()));
        if let Ok(held) = held {
            let up = libc::openat(std::os::fd::AsRawFd::as_raw_fd(&held), path.as_ptr(), libc::O_RDONLY);
            if call(up.into()).is_ok() {
                say("ok held-root");
                found += 1;
            }
        }
    }
    say(&format!("found {found} of {}", ways.len()));
}

/// Files of a MiB until there is no room.
fn fill(most: usize) {
    let piece = vec![1; 1 << 20];
    for had in 0..most {
        if let Err(error) = fs::write(format!("/cage/{had}"), &piece) {
            say(&format!("filled {had}"));
            return say(&format!("then {:?}", error.raw_os_error().unwrap_or(0)));
        }
    }
    say(&format!("filled {most}"));
}

/// A file that is too large, too many open files, and limits that are raised.
fn limits() {
    // SAFETY: sets a disposition: an error instead of the end.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let piece = vec![1; 1 << 20];
    let mut large = File::create("/cage/large");
    let mut written = 0_u64;
    let why = loop {
        match large.as_mut().map(|file| file.write(&piece)) {
            Ok(Ok(bytes)) => written += bytes as u64,
            Ok(Err(error)) => break error.raw_os_error(),
            Err(error) => break error.raw_os_error(),
        }
        if written > 64 << 20 {
            break None;
        }
    };
    say(&format!("file {written} {}", why.unwrap_or(0)));
    let mut open = Vec::new();
    let why = loop {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error.raw_os_error(),
        }
        if open.len() > 4_096 {
            break None;
        }
    };
    say(&format!("open {} {}", open.len(), why.unwrap_or(0)));
    drop(open);
    for (name, resource) in [
        ("raise-open-files", libc::RLIMIT_NOFILE),
        ("raise-file-size", libc::RLIMIT_FSIZE),
        ("raise-processes", libc::RLIMIT_NPROC),
        ("raise-cpu", libc::RLIMIT_CPU),
        ("raise-core", libc::RLIMIT_CORE),
    ] {
        let more = libc::rlimit { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
        // SAFETY: a limit that lives for the call.
        tried(name, call(unsafe { libc::setrlimit(resource, &raw const more) }.into()));
    }
}

/// Writes a line to each of these files.
fn write_to(paths: &[&str]) {
    for path in paths {
        tried(path, OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(b"1\n")));
    }
}

/// Reads a file again and again, until what is read is something else, or the other file is there.
fn swapped(path: &str, until: &str) {
    let first = fs::read(path).unwrap_or_default();
    say("ok reading");
    loop {
        let now = fs::read(path).unwrap_or_default();
        if now != first {
            return say(&format!("ok other: {}", String::from_utf8_lossy(&now)));
        }
        if fs::exists(until).unwrap_or(false) {
            return say(&format!("same: {}", String::from_utf8_lossy(&first)));
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

/// What a program may well do with its own folder.
fn use_work() {
    let in_work = fs::write("/cage/own", "text").and_then(|()| fs::rename("/cage/own", "/cage/other"));
    tried("work", in_work.and_then(|()| fs::read("/cage/other")));
    tried("temporary", fs::write(std::env::temp_dir().join("own"), "text"));
    tried("shared", fs::write("/dev/shm/own", "text"));
    tried("null", fs::write("/dev/null", "text"));
}
