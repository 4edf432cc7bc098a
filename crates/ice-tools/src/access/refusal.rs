//! Errors of the file system as errors of a tool.

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use rustix::io::Errno;

/// Why a path could not be opened. Nothing has been done yet.
pub(super) fn refuse(path: &str, errno: Errno) -> ToolError {
    let unreadable = |what: &str| ToolError::refused(ErrorCode::FileUnreadable, format!("`{path}` {what}"));
    match errno {
        Errno::XDEV | Errno::LOOP => ToolError::refused(
            ErrorCode::PathSecurityViolation,
            format!("`{path}` leads out of the granted folder, by `..` or by a link"),
        ),
        Errno::NOENT => unreadable("does not exist within what was granted"),
        Errno::NOTDIR => unreadable("leads through something that is no folder"),
        Errno::ISDIR => unreadable("is a folder, not a file"),
        Errno::ACCESS | Errno::PERM => unreadable("may not be opened: the system denies it"),
        Errno::NAMETOOLONG => unreadable("has a name that is too long"),
        Errno::NOSPC | Errno::DQUOT => {
            ToolError::refused(ErrorCode::ToolFailed, format!("`{path}`: the disk has no room left"))
        }
        Errno::ROFS => ToolError::refused(ErrorCode::ToolFailed, format!("`{path}`: the disk is read-only")),
        other => ToolError::refused(ErrorCode::FileUnreadable, format!("`{path}` cannot be opened: {other}"))
            .retryable(true),
    }
}

/// What is no regular file.
pub(super) fn special(path: &str) -> ToolError {
    ToolError::refused(
        ErrorCode::FileUnreadable,
        format!("`{path}` is no regular file: folders, pipes, sockets and devices are not read or written"),
    )
}

/// Whether another granted folder may hold the path.
pub(super) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR)
}
