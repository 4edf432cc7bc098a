//! No file that runs as whoever owns it. What root grants for writing stays root's outside of the cage, and a program
//! with that bit in it would give root to whoever runs it there.

use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// Calls that change the mode of a file, and where the mode is among their arguments.
const MODES: &[(i64, u8)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (FCHMODAT2, 2),
    (libc::SYS_mknodat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
];

/// Calls that make a file if their flags say so, and where the flags are; the mode is behind them.
const FLAGS: &[(i64, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// The same number on every machine.
const FCHMODAT2: i64 = 452;

/// The bits, for user and group.
const BITS: [u64; 2] = [0o4000, 0o2000];

/// The flags that make a file. Without one of them the mode is whatever the register held.
const MAKES: [u64; 2] = [0o100 /* O_CREAT */, 0o20_000_000 /* O_TMPFILE, without O_DIRECTORY */];

/// What is refused.
pub(super) fn rules() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let mut all = Vec::new();
    for (call, mode) in MODES.iter().copied() {
        let mut rules = Vec::new();
        for bit in BITS {
            rules.push(SeccompRule::new(vec![has(mode, bit)?])?);
        }
        all.push((call, rules));
    }
    for (call, flags) in FLAGS.iter().copied() {
        let mut rules = Vec::new();
        for (bit, makes) in BITS.into_iter().flat_map(|bit| MAKES.map(|makes| (bit, makes))) {
            rules.push(SeccompRule::new(vec![has(flags, makes)?, has(flags + 1, bit)?])?);
        }
        all.push((call, rules));
    }
    Ok(all)
}

fn has(argument: u8, bit: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bit), bit)
}
