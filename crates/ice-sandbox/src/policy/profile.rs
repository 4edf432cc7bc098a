//! What kinds of programs need of the system to run at all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Access, Limits};

/// A kind of program, and what it needs besides what it is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A program and its libraries.
    #[default]
    Binary,
    /// A shell and the tools of the system.
    Shell,
    /// Python.
    Python,
    /// Node.js.
    Node,
    /// A Java virtual machine.
    Jvm,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] = [Self::Binary, Self::Shell, Self::Python, Self::Node, Self::Jvm];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Shell => "shell",
            Self::Python => "python",
            Self::Node => "node",
            Self::Jvm => "jvm",
        }
    }

    /// The limits it starts from.
    #[must_use]
    pub fn limits(self) -> Limits {
        let limits = Limits::default();
        match self {
            // Each process of these stays small; what they reserve they use.
            Self::Binary | Self::Shell => Limits { address_space: Some(4 << 30), ..limits },
            Self::Python => Limits { address_space: Some(8 << 30), ..limits },
            // These reserve far more than they use.
            Self::Node => Limits { memory: Some(1 << 30), ..limits },
            Self::Jvm => Limits { memory: Some(1 << 30), processes: 256, ..limits },
        }
    }

    /// The paths of the system that it is given if they are there, symbolic links as such.
    pub(crate) const fn system(self) -> &'static [(&'static str, Access)] {
        use Access::{Execute, Read};
        match self {
            Self::Binary | Self::Shell | Self::Python | Self::Node | Self::Jvm => &[
                ("/usr", Execute),
                ("/bin", Execute),
                ("/sbin", Execute),
                ("/lib", Execute),
                ("/lib32", Execute),
                ("/lib64", Execute),
                ("/libx32", Execute),
                ("/nix/store", Execute),
                ("/etc/alternatives", Read),
                ("/etc/ld.so.cache", Read),
                ("/etc/ld.so.conf", Read),
                ("/etc/ld.so.conf.d", Read),
                ("/etc/localtime", Read),
                ("/etc/mime.types", Read),
                ("/etc/ssl/certs", Read),
                ("/etc/ssl/openssl.cnf", Read),
                ("/etc/java", Read),
                ("/etc/java-8-openjdk", Read),
                ("/etc/java-11-openjdk", Read),
                ("/etc/java-17-openjdk", Read),
                ("/etc/java-21-openjdk", Read),
                ("/etc/java-25-openjdk", Read),
                ("/etc/python3", Read),
            ],
        }
    }

    /// What the environment holds to begin with.
    pub(crate) const fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Binary | Self::Shell => &[],
            Self::Python => &[("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUNBUFFERED", "1")],
            Self::Node => &[("NODE_NO_WARNINGS", "1")],
            Self::Jvm => &[("JAVA_TOOL_OPTIONS", "-XX:-UsePerfData")],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|profile| profile.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|profile| profile.as_str()).collect();
            format!("no profile is named `{text}`; the profiles are {}", names.join(", "))
        })
    }
}
