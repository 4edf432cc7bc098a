//! What this process uses of memory.

/// A line of `/proc/self/status`, in MiB.
pub(crate) fn memory(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// Has the peak of memory, `VmHWM`, begin anew from what is used now.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
}
