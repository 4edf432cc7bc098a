//! The layers a cage is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One layer of the cage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// A user namespace: the tool has no power over anything outside, and its processes are counted apart.
    UserNamespace,
    /// A pid namespace: it sees no other process, and all of its own end together.
    PidNamespace,
    /// A mount namespace.
    MountNamespace,
    /// A network namespace without any network.
    NetNamespace,
    /// An IPC namespace: shared memory and queues end with the run.
    IpcNamespace,
    /// A UTS namespace: a host name of its own.
    UtsNamespace,
    /// A cgroup namespace.
    CgroupNamespace,
    /// A root that holds only what was granted.
    Root,
    /// Resource limits.
    ResourceLimits,
    /// No privileges are gained by running a program.
    NoNewPrivileges,
    /// Landlock, with everything the kernel has of it.
    Landlock,
    /// Filters of system calls.
    Seccomp,
    /// Control groups: the kernel counts memory and processes of the run as a whole. Without them its memory is looked
    /// at every few milliseconds.
    ControlGroups,
}

impl Layer {
    /// All layers, in the order in which they are put on.
    pub const ALL: [Self; 13] = [
        Self::UserNamespace,
        Self::PidNamespace,
        Self::MountNamespace,
        Self::NetNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::Root,
        Self::ResourceLimits,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
        Self::ControlGroups,
    ];

    /// Its name in configurations and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserNamespace => "user_namespace",
            Self::PidNamespace => "pid_namespace",
            Self::MountNamespace => "mount_namespace",
            Self::NetNamespace => "net_namespace",
            Self::IpcNamespace => "ipc_namespace",
            Self::UtsNamespace => "uts_namespace",
            Self::CgroupNamespace => "cgroup_namespace",
            Self::Root => "root",
            Self::ResourceLimits => "resource_limits",
            Self::NoNewPrivileges => "no_new_privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::ControlGroups => "control_groups",
        }
    }

    /// Whether a cage does without it where it cannot be had, unless the policy requires it.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::ControlGroups)
    }

    /// What to do on a machine that does not have it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::UserNamespace => {
                "unprivileged user namespaces are switched off: on Ubuntu 23.10 and later set \
                 kernel.apparmor_restrict_unprivileged_userns=0 or give the program an AppArmor profile with `userns`; on \
                 Debian set kernel.unprivileged_userns_clone=1; check user.max_user_namespaces; in a container use a \
                 seccomp profile that allows unshare and clone with namespaces"
            }
            Self::PidNamespace
            | Self::MountNamespace
            | Self::NetNamespace
            | Self::IpcNamespace
            | Self::UtsNamespace
            | Self::CgroupNamespace => {
                "the kernel or a seccomp profile refuses the namespace: in Docker use a seccomp profile that allows \
                 unshare, in Kubernetes one of your own; check user.max_*_namespaces"
            }
            Self::Root => {
                "mounting inside of the namespace is refused: Linux 5.13 or later is needed, in a container a seccomp \
                 profile that allows mount, move_mount and pivot_root, and an unmasked /proc (Kubernetes: procMount)"
            }
            Self::ResourceLimits => {
                "a limit is above the hard limit of this process: raise that, or lower the limit"
            }
            Self::NoNewPrivileges => "Linux 3.5 or later is needed",
            Self::Landlock => {
                "Linux 6.7 or later is needed (Landlock ABI 4), with CONFIG_SECURITY_LANDLOCK and landlock in the list of \
                 the boot parameter lsm="
            }
            Self::Seccomp => "the kernel needs CONFIG_SECCOMP_FILTER",
            Self::ControlGroups => {
                "groups for memory and processes are needed, below that of the program and writable for it: root has them, \
                 others where a service manager hands them down (systemd: Delegate=memory pids)"
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|layer| layer.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|layer| layer.as_str()).collect();
            format!("no layer is named `{text}`; the layers are {}", names.join(", "))
        })
    }
}
