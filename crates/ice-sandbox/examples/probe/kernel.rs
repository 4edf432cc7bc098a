//! Calls of the system that no tool needs.

use std::io;

use crate::processes::{fork, leave};
use crate::tell::{c, call, say, text, tried};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "namespaces" => namespaces(text(arguments, 0)),
        "rare-calls" => rare_calls(),
        "other-tables" => other_tables(),
        "terminal" => terminal(),
        "ipc" => ipc(text(arguments, 0), text(arguments, 1) == "private"),
        "memory-program" => memory_program(arguments),
        "sandbox-itself" => sandbox_itself(text(arguments, 0)),
        _ => return false,
    }
    true
}

/// Mounts and namespaces, in this folder: only ever tried where the mounts are private.
fn namespaces(folder: &str) {
    let (here, none, tmpfs) = (c(folder), c("none"), c("tmpfs"));
    let child = |name: &str, attempt: &dyn Fn() -> io::Result<i64>| match fork() {
        // Each in a process of its own: one that succeeds must not help the next.
        Ok(None) => {
            tried(name, attempt());
            leave(0)
        }
        // SAFETY: waits for the child.
        Ok(Some(pid)) => unsafe {
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        },
        Err(error) => say(&format!("no {name}: {error}")),
    };
    // SAFETY: texts that live for the calls, and numbers.
    unsafe {
        let mount =
            || call(libc::mount(none.as_ptr(), here.as_ptr(), tmpfs.as_ptr(), 0, std::ptr::null()).into());
        child("mount", &mount);
        let bind = || {
            let root = c("/");
            call(
                libc::mount(
                    root.as_ptr(),
                    here.as_ptr(),
                    tmpfs.as_ptr(),
                    libc::MS_BIND | libc::MS_REC,
                    std::ptr::null(),
                )
                .into(),
            )
        };
        child("bind", &bind);
        let again = libc::MS_REMOUNT | libc::MS_BIND;
        let remount = || {
            call(libc::mount(none.as_ptr(), here.as_ptr(), tmpfs.as_ptr(), again, std::ptr::null()).into())
        };
        child("remount", &remount);
        child("new-mount", &|| call(libc::syscall(libc::SYS_fsopen, tmpfs.as_ptr(), 0)));
        child("clone-tree", &|| {
            call(libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, here.as_ptr(), 0x8001))
        });
        child("unmount", &|| call(libc::umount2(here.as_ptr(), libc::MNT_DETACH).into()));
        child("chroot", &|| call(libc::chroot(here.as_ptr()).into()));
        for (name, flag) in [
            ("unshare-user", libc::CLONE_NEWUSER),
            ("unshare-mount", libc::CLONE_NEWNS),
            ("unshare-net", libc::CLONE_NEWNET),
            ("unshare-pid", libc::CLONE_NEWPID),
        ] {
            child(name, &|| call(libc::unshare(flag).into()));
        }
        child("setns", &|| {
            let own = c("/proc/self/ns/uts");
            let namespace = call(libc::open(own.as_ptr(), libc::O_RDONLY).into())?;
            call(libc::setns(namespace as i32, 0).into())
        });
        child("clone", &|| {
            let flags = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
            match call(libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0))? {
                0 => leave(0),
                pid => Ok(pid),
            }
        });
        child("clone3", &|| {
            let mut how = [0_u64; 11];
            how[0] = libc::CLONE_NEWUSER as u64;
            how[4] = libc::SIGCHLD as u64;
            match call(libc::syscall(libc::SYS_clone3, how.as_ptr(), size_of_val(&how)))? {
                0 => leave(0),
                pid => Ok(pid),
            }
        });
        // Last: it is felt by all that are in these mounts.
        child("pivot", &|| call(libc::syscall(libc::SYS_pivot_root, here.as_ptr(), here.as_ptr())));
    }
}

/// Each with arguments that do no harm should it be let through.
fn rare_calls() {
    let nothing = 0_i64;
    let mut structure = [0_u8; 256];
    let pointer = structure.as_mut_ptr();
    for (name, number) in [
        ("bpf", libc::SYS_bpf),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("io_uring_enter", libc::SYS_io_uring_enter),
        ("io_uring_register", libc::SYS_io_uring_register),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("add_key", libc::SYS_add_key),
        ("request_key", libc::SYS_request_key),
        ("keyctl", libc::SYS_keyctl),
        ("kexec_load", libc::SYS_kexec_load),
        ("kexec_file_load", libc::SYS_kexec_file_load),
        ("init_module", libc::SYS_init_module),
        ("finit_module", libc::SYS_finit_module),
        ("delete_module", libc::SYS_delete_module),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("name_to_handle_at", libc::SYS_name_to_handle_at),
        ("syslog", libc::SYS_syslog),
        ("acct", libc::SYS_acct),
        ("swapon", libc::SYS_swapon),
        ("quotactl", libc::SYS_quotactl),
        ("fanotify_init", libc::SYS_fanotify_init),
        ("settimeofday", libc::SYS_settimeofday),
        ("sethostname", libc::SYS_sethostname),
        ("process_madvise", libc::SYS_process_madvise),
        ("kcmp", libc::SYS_kcmp),
        ("move_pages", libc::SYS_move_pages),
        ("personality", libc::SYS_personality),
        #[cfg(target_arch = "x86_64")]
        ("iopl", libc::SYS_iopl),
        #[cfg(target_arch = "x86_64")]
        ("modify_ldt", libc::SYS_modify_ldt),
    ] {
        // A personality that puts memory at addresses that can be guessed; for the others it is no number they take.
        let first = if name == "personality" { 0x0040_0000 } else { -1 };
        // SAFETY: all numbers and the structure are valid to read; a call that is let through finds nothing to do.
        tried(name, call(unsafe { libc::syscall(number, first, pointer, nothing, nothing, nothing) }));
    }
    // SAFETY: numbers only: dumping the clock's state asks for nothing to be set.
    tried("adjtimex", call(unsafe { libc::syscall(libc::SYS_adjtimex, pointer) }));
}

/// The same calls by the numbers of other tables: a socket by x32, and its own number by i386.
fn other_tables() {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: takes numbers.
        tried("x32", call(unsafe { libc::syscall(0x4000_0000 + 41, libc::AF_INET, libc::SOCK_STREAM, 0) }));
        let mut answer: i64 = 20;
        // SAFETY: getpid of the 32-bit table, which takes nothing and changes nothing but the answer.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _)
        };
        let answer = if answer > 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-answer as i32)) };
        tried("i386", answer);
    }
}

/// Putting characters into a terminal.
fn terminal() {
    let letter = c("x");
    // SAFETY: numbers, and a letter that lives for the calls.
    unsafe {
        tried("tiocsti", call(libc::ioctl(0, libc::TIOCSTI, letter.as_ptr()).into()));
        tried("tioclinux", call(libc::ioctl(0, 0x541C, letter.as_ptr()).into()));
        let high = libc::TIOCSTI | (1 << 40);
        tried("tiocsti-high-bits", call(libc::syscall(libc::SYS_ioctl, 0, high, letter.as_ptr())));
        tried("tty", call(libc::open(c("/dev/tty").as_ptr(), libc::O_RDWR).into()));
        tried("ptmx", call(libc::open(c("/dev/ptmx").as_ptr(), libc::O_RDWR).into()));
        tried("console", call(libc::open(c("/dev/console").as_ptr(), libc::O_RDWR).into()));
    }
}

/// Leaves a segment and a queue behind under this key, and shared memory where that is in a private folder, and says
/// whether one was there.
fn ipc(key: &str, private: bool) {
    let number: i32 = key.parse().unwrap_or(1);
    let name = c(&format!("/probe-{key}"));
    // SAFETY: numbers, and texts that live for the calls.
    unsafe {
        if libc::shmget(number, 4_096, 0) >= 0 || libc::msgget(number, 0) >= 0 {
            say("ok found");
        }
        if libc::shm_open(name.as_ptr(), libc::O_RDONLY, 0) >= 0 {
            say("ok found");
        }
        tried("segment", call(libc::shmget(number, 4_096, libc::IPC_CREAT | 0o666).into()));
        tried("queue", call(libc::msgget(number, libc::IPC_CREAT | 0o666).into()));
        if !private {
            return;
        }
        let flags = libc::O_CREAT | libc::O_RDWR;
        tried("shared-memory", call(libc::shm_open(name.as_ptr(), flags, 0o666).into()));
    }
}

/// Becomes a copy of itself that no file holds, and goes on with the attack that is named.
fn memory_program(arguments: &[&str]) {
    let own = std::fs::read("/proc/self/exe").unwrap_or_default();
    // SAFETY: texts and lists that live for the calls, the lists ended by a null pointer.
    unsafe {
        let file = libc::memfd_create(c("probe").as_ptr(), 0);
        let Some(file) = tried("memory-file", call(file.into())) else { return };
        let mut at = 0;
        while let Some(rest) = own.get(at..).filter(|rest| !rest.is_empty()) {
            match call(libc::write(file as i32, rest.as_ptr().cast(), rest.len()) as i64) {
                Ok(written) => at += written as usize,
                Err(error) => return say(&format!("no memory-file-written: {error}")),
            }
        }
        let texts: Vec<_> = std::iter::once("probe").chain(arguments.iter().copied()).map(c).collect();
        let list: Vec<_> = texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        let token = c("ICE_SANDBOX_PROBE=the tests of ice-sandbox ask for it");
        let environment = [token.as_ptr(), std::ptr::null()];
        libc::fexecve(file as i32, list.as_ptr(), environment.as_ptr());
        tried::<()>("memory-program", Err(io::Error::last_os_error()));
    }
}

/// A cage within the cage, by the launcher at this path.
fn sandbox_itself(launcher: &str) {
    use ice_sandbox::{Command, ResourceSandbox, SandboxPolicy};
    let run = async {
        let sandbox = ResourceSandbox::with_launcher(launcher).map_err(|error| error.to_string())?;
        let policy = SandboxPolicy::builder().build().map_err(|error| error.to_string())?;
        let cancel = tokio_util::sync::CancellationToken::new();
        let report = sandbox.run(&Command::new("true"), &policy, &cancel).await;
        Ok::<_, String>(report.verdict)
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => say(&format!("nested {:?}", runtime.block_on(run))),
        Err(error) => say(&format!("no runtime: {error}")),
    }
}
