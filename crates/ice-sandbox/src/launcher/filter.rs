//! The filters of system calls: what no tool has any business with, and what would undo the other layers.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use crate::layer::Layer;
use crate::report::{SetupFailure, Stage};

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// Refused whatever they are asked for.
const REFUSED: &[i64] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_acct,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    // Keys.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Files by number instead of by path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // The clock and the name of the machine.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Memory of other nodes and processes.
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_set_mempolicy,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
];

/// Said not to exist, so that programs fall back to what can be looked into: some have their flags behind a pointer.
const UNKNOWN: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The mode of the file to make stands behind a pointer.
    libc::SYS_openat2,
    // Memory that no process of the run has, and that no limit counts.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
];

/// Files in memory, of which only a control group counts what is mapped nowhere.
const MEMORY_FILES: &[i64] = &[libc::SYS_memfd_create, libc::SYS_memfd_secret];

/// The first call that this crate does not know: `open_tree_attr`. From here on the numbers are the same everywhere.
const FIRST_UNKNOWN: u32 = 467;

/// Flags of clone that make namespaces.
const NAMESPACES: [i32; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    0x80, // CLONE_NEWTIME
];

/// Requests that put characters into a terminal, or take one.
const TERMINAL: [u64; 3] =
    [0x5412 /* TIOCSTI */, 0x541C /* TIOCLINUX */, 0x5423 /* TIOCSETD */];

/// What the filters leave open that they close otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Openings {
    /// Sockets of TCP, for the ways out.
    pub(super) ways: bool,
    /// Files in memory.
    pub(super) memory_files: bool,
}

/// Puts the filters on, for this process and all that it starts.
pub(super) fn put_on(openings: Openings) -> Result<(), SetupFailure> {
    let failed =
        |error: seccompiler::Error| SetupFailure::new(Stage::Layer(Layer::Seccomp), error.to_string());
    for program in programs(openings).map_err(|error| failed(error.into()))? {
        apply_filter(&program).map_err(failed)?;
    }
    Ok(())
}

fn programs(Openings { ways, memory_files }: Openings) -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let errno = |errno: i32| SeccompAction::Errno(u32::try_from(errno).unwrap_or(1));
    let refused = SeccompFilter::new(refused(ways)?, SeccompAction::Allow, errno(libc::EPERM), ARCH)?;
    let counted = if memory_files { &[] } else { MEMORY_FILES };
    let unknown = UNKNOWN.iter().chain(counted).map(|call| (*call, Vec::new())).collect();
    let unknown = SeccompFilter::new(unknown, SeccompAction::Allow, errno(libc::ENOSYS), ARCH)?;
    Ok(vec![refused.try_into()?, unknown.try_into()?, strange()])
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn unequal(argument: u8, value: i32) -> Result<SeccompCondition, seccompiler::BackendError> {
    let value = u64::try_from(value).unwrap_or(0);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

/// Which sockets are refused: all but those of TCP, if there are ways out. Local ones come in pairs only: by a path one
/// could reach whoever listens in a folder that was granted, even for reading.
fn sockets(has_ways: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    if !has_ways {
        return Ok(Vec::new());
    }
    let internet = equal(0, u64::try_from(libc::AF_INET).unwrap_or(2))?;
    let mut rules = vec![
        SeccompRule::new(vec![unequal(0, libc::AF_INET)?])?,
        SeccompRule::new(vec![internet.clone(), unequal(2, 0)?, unequal(2, libc::IPPROTO_TCP)?])?,
    ];
    // The low bits are the kind, of which 1 is a stream; the others are flags.
    for kind in (0..16).filter(|kind| *kind != libc::SOCK_STREAM) {
        let kind = u64::try_from(kind).unwrap_or(0);
        let is = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xf), kind)?;
        rules.push(SeccompRule::new(vec![internet.clone(), is])?);
    }
    Ok(rules)
}

fn refused(has_ways: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let rule = |condition: SeccompCondition| SeccompRule::new(vec![condition]);
    let mut clone = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::try_from(flag).unwrap_or(0);
        let set = SeccompCmpOp::MaskedEq(flag);
        clone.push(rule(SeccompCondition::new(0, SeccompCmpArgLen::Qword, set, flag)?)?);
    }
    rules.insert(libc::SYS_clone, clone);
    let pairs = rule(unequal(0, libc::AF_UNIX)?)?;
    rules.insert(libc::SYS_socketpair, vec![pairs]);
    rules.insert(libc::SYS_socket, sockets(has_ways)?);
    let mut terminal = Vec::new();
    for request in TERMINAL {
        terminal.push(rule(equal(1, request)?)?);
    }
    rules.insert(libc::SYS_ioctl, terminal);
    rules.extend(super::set_id::rules()?);
    // Other personalities take protections of memory away; 0 and the question 0xffffffff do not.
    let personality = SeccompRule::new(vec![
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?,
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0xffff_ffff)?,
    ])?;
    rules.insert(libc::SYS_personality, vec![personality]);
    Ok(rules)
}

/// Calls that are newer than this crate, and those by the numbers of the table for 32-bit pointers: they do not exist.
/// Whatever the kernel learns to do, no tool needs it yet.
fn strange() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let errno = u32::try_from(libc::ENOSYS).unwrap_or(38);
    vec![
        sock_filter { code: LOAD_NUMBER, jt: 0, jf: 0, k: 0 },
        sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: FIRST_UNKNOWN },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: ERRNO | errno },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: ALLOW },
    ]
}
