//! What program and launcher tell each other: one JSON document after another over a stream socket, each after its length
//! (four bytes, the lowest first).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::policy::{Access, Delivery, Limits};
use crate::report::{Absent, SetupFailure};

/// The longest document, in bytes. That of as many arguments and variables as the kernel takes is half as long.
const MAX_BYTES: usize = 16 << 20;

/// The most that the kernel takes of arguments and environment, in bytes: three quarters of the 8 MiB that a stack usually
/// may have. Where a stack may have less, it takes a quarter of that.
const MAX_TEXTS: usize = 6 << 20;

/// How long making a cage may take from when it is wanted.
pub(crate) const SETUP: Duration = Duration::from_secs(10);

/// The layers that are namespaces, with the kernel's names of them.
pub(crate) const NAMESPACES: [(Layer, &str); 7] = [
    (Layer::UserNamespace, "user"),
    (Layer::PidNamespace, "pid"),
    (Layer::MountNamespace, "mnt"),
    (Layer::NetNamespace, "net"),
    (Layer::IpcNamespace, "ipc"),
    (Layer::UtsNamespace, "uts"),
    (Layer::CgroupNamespace, "cgroup"),
];

/// What is looked at in a cage besides, by the names under which it is told.
pub(crate) mod fact {
    pub(crate) const PRIVILEGES: &str = "no new privileges";
    pub(crate) const SECCOMP: &str = "mode of seccomp";
    pub(crate) const POWERS: &str = "capabilities";
    pub(crate) const HOST_NAME: &str = "host name";
    pub(crate) const LIMITS: &str = "limits";
    pub(crate) const LANDLOCK: &str = "landlock";
    pub(crate) const ROOT: &str = "root";
    /// What holds.
    pub(crate) const HOLDS: &str = "held";
    /// The host name of every cage.
    pub(crate) const SANDBOX: &str = "sandbox";
}

/// What the launcher says over the socket of the ways out as a run ends by itself. Anything else means that it was ended.
pub(crate) const BY_ITSELF: u8 = 1;

/// What it says there before it ends a run.
pub(crate) const STOPPED: u8 = 2;

/// What the tool says to the launcher as it becomes the program.
pub(crate) const BEGUN: u8 = 1;

/// What the first process says to the launcher once all others have ended; what they used follows ([`Used`]).
pub(crate) const LEFT: u8 = 2;

/// The cage that the launcher is to make.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) limits: Limits,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) ways: Vec<Way>,
    pub(crate) waived: BTreeSet<Layer>,
    pub(crate) absent: BTreeSet<Layer>,
}

impl Spec {
    /// A folder above a path that is granted for writing.
    pub(crate) fn writable_above(&self, mount: &Mount) -> Option<&Path> {
        let found = self.mounts.iter().find(|other| {
            other.access == Access::Write && other.path != mount.path && mount.path.starts_with(&other.path)
        });
        found.map(|other| other.path.as_path())
    }
}

/// What is to run in a cage, told once it is wanted, to the process that becomes it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// None: tell what it looks like from within.
    pub(crate) program: Option<Text>,
    pub(crate) arguments: Vec<Text>,
    pub(crate) environment: BTreeMap<String, Text>,
    /// What follows this document: one after another, in no form but their own.
    pub(crate) secrets: Vec<Slot>,
}

/// Where a secret goes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) delivery: Delivery,
    pub(crate) bytes: usize,
}

impl Order {
    /// The bytes of it, if they are not more than the kernel takes.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        // With its end and the pointer to it.
        let of = |text: &Text| text.0.len() + 1 + size_of::<usize>();
        let words = self.program.iter().chain(&self.arguments).map(of);
        let variables = self.environment.iter().map(|(name, value)| name.len() + 1 + of(value));
        let secrets = self.secrets.iter().map(|slot| slot.name.len() + slot.bytes + 2 + size_of::<usize>());
        let all: usize = words.chain(variables).chain(secrets).sum();
        if all > MAX_TEXTS {
            let most = MAX_TEXTS >> 20;
            let what =
                format!("{all} bytes of arguments and environment; the kernel takes {most} MiB at most");
            return Err(invalid(what));
        }
        encode(self)
    }
}

/// A text of the system, of whatever bytes: JSON has a place for UTF-8 only, so it is carried in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Text(pub(crate) OsString);

impl TryFrom<String> for Text {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(OsString::from_vec(BASE64_STANDARD_NO_PAD.decode(text)?)))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        BASE64_STANDARD_NO_PAD.encode(text.0.as_bytes())
    }
}

mod path {
    //! Paths as [`Text`](super::Text).

    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Text;

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        Text(path.as_os_str().to_owned()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(Text::deserialize(deserializer)?.0.into())
    }
}

/// A way out: what connects to this address and port inside is carried to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) inside: Ipv4Addr,
}

/// A path of the system that the cage shows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mount {
    #[serde(with = "path")]
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    /// A path of the system, which is left out where there is none.
    pub(crate) system: bool,
}

/// What the launcher and the processes in the cage tell.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Note {
    /// The cage could not be made, or the program not be run.
    Failed(SetupFailure),
    /// The layers that hold, and those that are done without: all that is missing is what to run.
    Ready { layers: BTreeSet<Layer>, absent: Vec<Absent>, landlock_abi: i32 },
    /// The program is run now: what ends from here on is its own.
    Running,
    /// How the program ended.
    Tool(ToolEnd),
    /// The launcher ended the run.
    Stopped(Stop),
    /// All processes of the run have ended, but for the first process of the cage, which ends by itself.
    Ended(Used),
}

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolEnd {
    Exit(i32),
    Signal(i32),
}

/// Why the launcher ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stop {
    Wall,
    Cpu,
    Memory,
    /// It was asked to, or whoever asked for the run is gone.
    Told,
}

/// What the processes of a run used.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The largest sum over the processes that was seen.
    pub(crate) polled: u64,
    /// The largest process.
    pub(crate) largest: u64,
    /// The most as the kernel counted, where there was a group.
    pub(crate) counted: Option<u64>,
    /// Processes that the group did not let start.
    pub(crate) refused: u64,
    /// Processes that were ended for want of memory.
    pub(crate) killed: u64,
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// The bytes of a document, with its length before it.
pub(crate) fn encode<T: Serialize>(document: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, document)?;
    let length = bytes.len() - 4;
    if length > MAX_BYTES {
        return Err(invalid(format!("a document of {length} bytes is too long")));
    }
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    for (slot, byte) in bytes.iter_mut().zip(length.to_le_bytes()) {
        *slot = byte;
    }
    Ok(bytes)
}

/// How long the document is that begins with these bytes.
pub(crate) fn length(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(bytes) as usize;
    if length > MAX_BYTES { Err(invalid(format!("a document of {length} bytes"))) } else { Ok(length) }
}

/// The document in these bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))
}

/// Reads a document, waiting for it.
pub(crate) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body)?;
    decode(&body)
}
