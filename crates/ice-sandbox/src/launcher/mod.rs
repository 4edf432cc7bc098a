//! The launcher: a process of one thread that makes the cage and watches over it. Nothing here runs in the process that
//! asked for the run, and nothing may start a thread.
//!
//! Three processes: the *launcher*, outside; the *first process* of the pid namespace, which builds the root and reaps;
//! and the *tool*, which puts on the last layers and becomes the program.

mod confine;
mod fault;
mod filter;
mod first;
mod furnish;
mod granted;
mod group;
mod inherit;
mod kin;
mod look;
mod net;
mod privilege;
mod root;
mod run;
mod secret;
mod set_id;
mod supervise;
mod sweep;
mod sys;
mod tool;
mod tree;

use std::sync::atomic::{AtomicBool, Ordering};

/// The name under which a program is its own launcher, and the file name of the launcher on its own.
pub const NAME: &str = "ice-sandbox-launcher";

static CALLED: AtomicBool = AtomicBool::new(false);

/// Makes the running program its own launcher: the first line of `main`, before any thread is started. Returns at once,
/// unless the program was started to make a cage; then it does that and never returns.
pub fn init() {
    CALLED.store(true, Ordering::Relaxed);
    let first = std::env::args_os().next();
    if first.is_some_and(|name| name == NAME) {
        launcher_main();
    }
}

/// Whether [`init`] was called.
pub(crate) fn is_own() -> bool {
    CALLED.load(Ordering::Relaxed)
}

/// The whole of the launcher: the `main` of a binary of its own.
pub fn launcher_main() -> ! {
    sys::exit(run::run())
}

#[cfg(feature = "auto-init")]
mod auto {
    //! Before `main`, in whatever program this crate is linked into.
    #![expect(unsafe_code, reason = "calls of the system that have no safe interface")]

    // SAFETY: a function of the C interface in the list of those that the loader calls with the arguments of `main`.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static BEFORE_MAIN: extern "C" fn(libc::c_int, *const *const libc::c_char) = before_main;

    extern "C" fn before_main(count: libc::c_int, arguments: *const *const libc::c_char) {
        super::CALLED.store(true, std::sync::atomic::Ordering::Relaxed);
        if count < 1 || arguments.is_null() {
            return;
        }
        // SAFETY: the loader gives `count` pointers to texts that end with a NUL byte.
        let first = unsafe {
            let first = *arguments;
            (!first.is_null()).then(|| std::ffi::CStr::from_ptr(first))
        };
        if first.is_some_and(|name| name.to_bytes() == super::NAME.as_bytes()) {
            super::launcher_main();
        }
    }
}
