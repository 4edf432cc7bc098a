//! What a manifest says.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ice_core::blueprint::Format;
use ice_core::document::{self, Object, Reading};
use ice_core::manifest::{ManifestGrants, Size, Span, WrittenLimits, write_limits};
use ice_core::process::{Limits, Profile, SecretDelivery, SecretRef};
use ice_core::tools::{Capability, Effect};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::read;

/// An MCP server: its tools, resources and prompts become tools of ice, under its name.
///
/// ```
/// use std::path::Path;
///
/// use ice_core::blueprint::Format;
/// use ice_integrations::mcp::{Endpoint, ServerManifest};
///
/// let text = "
/// kind: mcp_server
/// name: files
/// command: [npx, -y, '@modelcontextprotocol/server-filesystem', /srv/data]
/// profile: node
/// grants: {read: [/srv/data]}
/// tools:
///   read_file: {effect: idempotent}
///   write_file: {enabled: false}
/// ";
/// let reading = ServerManifest::read(text, Format::Yaml, "files.yaml", Path::new("/tools"));
/// let manifest = reading.value.unwrap();
/// assert!(matches!(manifest.endpoint, Endpoint::Program(_)));
/// assert!(!manifest.tools["write_file"].enabled);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ServerManifest {
    /// What kind of manifest it is: `mcp_server`.
    pub kind: Kind,
    /// Its name, which stands before those of its tools with a point between them: lower-case letters, digits and `_`,
    /// beginning with a letter, 32 bytes at most.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,31}$"))]
    pub name: String,
    /// The version of its tools, for example `1.0.0`, which is the default; runs pin its major part. What the server says of
    /// its own version is shown, and means nothing.
    #[serde(default = "first_version")]
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// What it is for, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is reached.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// The version of the protocol that it is spoken to in, if it is known. Otherwise it is asked, for which a server that answers
    /// nothing that it does not know takes ten seconds.
    #[serde(default, skip_serializing_if = "Protocol::is_auto")]
    pub protocol: Protocol,
    /// What is known of its tools, by the names that the server gives them. The tools `read_resource` and `get_prompt`, which
    /// stand for all resources and prompts, are named here as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, ToolOverride>,
    /// How long it is waited for, and how much it may say.
    #[serde(flatten)]
    pub patience: Patience,
}

/// The word that makes a manifest one of an MCP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An MCP server.
    #[default]
    McpServer,
}

/// The version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
pub enum Protocol {
    /// Whatever it knows.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// The one without a handshake.
    #[serde(rename = "2026-07-28")]
    Modern,
    /// The one with a handshake, in which a server may name an older one.
    #[serde(rename = "2025-11-25")]
    Legacy,
}

impl Protocol {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Endpoint {
    /// It is a program that is started in a cage, and talked with over its standard streams.
    Program(Box<Program>),
    /// It is somewhere else, and talked with over HTTP.
    Remote(Box<Remote>),
}

/// A server that is a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Program {
    /// The program and its arguments. What begins with `./` lies in the manifest's folder; a program without a folder is
    /// one of the system.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// What kind of program it is, which decides what it is given of the system to run at all.
    #[serde(default)]
    pub profile: Profile,
    /// What it may touch, given by whoever installed the manifest. It is given nothing of what a run was granted.
    #[serde(default)]
    pub grants: ManifestGrants,
    /// The variables of its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The secrets that it is given as it is started, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// How much it may use for as long as it runs. `wall`, `idle` and `output` are not among them: `timeout`, `idle` and
    /// `message` of the manifest bound each call.
    #[serde(default, serialize_with = "write_limits")]
    #[schemars(with = "WrittenLimits")]
    pub limits: Limits,
}

/// A secret that a server is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Secret {
    /// What it is called by those who keep it: `env:VARIABLE` or `file:PATH`.
    pub from: SecretRef,
    /// How it is given: in a `variable`, which is the default here, or in a `file` whose path stands in `NAME_FILE`.
    #[serde(rename = "as")]
    pub delivery: SecretDelivery,
}

/// A server that is reached over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Remote {
    /// Where it is: an `https` address; `http` only on this machine. It is granted by standing here: a name leads to public
    /// addresses, a private one must be written itself.
    #[schemars(with = "String", url)]
    pub url: url::Url,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Headers of every request that are secret: what each is called by those who keep it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_headers: BTreeMap<String, SecretRef>,
    /// A token that is sent as `Authorization: Bearer …`: what it is called by those who keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<SecretRef>,
    /// Who ice is to the server's authorization server. With a secret ice asks for tokens by itself; without one a person has
    /// to allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
}

/// Who ice is to an authorization server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OAuth {
    /// The id of a client that was registered there. Without one ice registers itself, if it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The address of a document that describes the client (Client ID Metadata Document), for servers that take one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata_url: Option<String>,
    /// What the client's secret is called by those who keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// The scopes that are asked for; those that the server names if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether tokens are asked for in the name of the client itself (client credentials) and not in that of a person: so by
    /// default if there is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_itself: Option<bool>,
}

impl OAuth {
    /// Whether tokens are asked for in the name of the client itself.
    #[must_use]
    pub fn is_for_itself(&self) -> bool {
        self.for_itself.unwrap_or(self.client_secret.is_some())
    }
}

/// What is known of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOverride {
    /// What it is called after the name of the server, instead of what is made of its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What a call does to the world at most. What the server says of that is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// What it needs of the machine, for whoever looks at a blueprint. It is given nothing of the run's grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// Whether it is there at all.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for ToolOverride {
    fn default() -> Self {
        Self { name: None, effect: None, capabilities: Vec::new(), enabled: true }
    }
}

/// How long a server is waited for, and how much it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default)]
pub struct Patience {
    /// How long starting it may take, or connecting with it, until it has said what it offers: 60 seconds by default.
    #[serde(rename = "start", serialize_with = "span")]
    #[schemars(with = "Span")]
    pub start_ms: u64,
    /// How long a call may take: ten minutes by default.
    #[serde(rename = "timeout", serialize_with = "span")]
    #[schemars(with = "Span")]
    pub timeout_ms: u64,
    /// How long there may be no message, either way, while a call is open: a minute by default.
    #[serde(rename = "idle", serialize_with = "span")]
    #[schemars(with = "Span")]
    pub idle_ms: u64,
    /// The largest message it may send: 8 MiB by default.
    #[serde(rename = "message", serialize_with = "size")]
    #[schemars(with = "Size")]
    pub message_bytes: u64,
    /// The largest image, sound or file of an answer that is passed on, in bytes: of a larger one it is said what it was.
    /// 256 KiB by default.
    #[serde(rename = "attachment", serialize_with = "size")]
    #[schemars(with = "Size")]
    pub attachment_bytes: u64,
    /// How often it is started or connected with again, after it has ended by itself, within `restart_window`: 3 by default.
    pub restarts: u64,
    /// The time within which restarts count: ten minutes by default.
    #[serde(rename = "restart_window", serialize_with = "span")]
    #[schemars(with = "Span")]
    pub restart_window_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start_ms: 60_000,
            timeout_ms: 600_000,
            idle_ms: 60_000,
            message_bytes: 8 << 20,
            attachment_bytes: 256 << 10,
            restarts: 3,
            restart_window_ms: 600_000,
        }
    }
}

impl Patience {
    pub(in crate::mcp) const fn start(&self) -> Duration {
        Duration::from_millis(self.start_ms)
    }

    pub(in crate::mcp) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(in crate::mcp) const fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub(in crate::mcp) fn message(&self) -> usize {
        usize::try_from(self.message_bytes).unwrap_or(usize::MAX)
    }
}

impl ServerManifest {
    /// Reads a manifest from JSON or YAML: every problem at once, each with its position. `name` is what diagnostics call
    /// the text, for example its file name; `folder` is the absolute path of the folder that it lies in, without links.
    ///
    /// What is read has absolute paths only, and the manifest's folder among the grants of a program.
    #[must_use]
    pub fn read(text: &str, format: Format, name: &str, folder: &Path) -> Reading<Self> {
        document::read(text, format, name, "manifest", |object| Self::of(object, folder))
    }

    /// Reads the fields of a manifest that lies in `folder`.
    pub fn of(object: &mut Object<'_, '_>, folder: &Path) -> Self {
        read::server(object, folder)
    }

    /// Whether a document is the manifest of a server, and not of a tool that is a command: it says `kind` or has a `url`.
    pub fn is_one(object: &mut Object<'_, '_>) -> bool {
        object.value("kind").is_some() || object.value("url").is_some()
    }

    /// Everything that a tool may be called here: what stands for it in `tools`, or what holds for every tool.
    pub(in crate::mcp) fn known(&self, tool: &str) -> ToolOverride {
        self.tools.get(tool).cloned().unwrap_or_default()
    }
}

fn first_version() -> semver::Version {
    semver::Version::new(1, 0, 0)
}

const fn yes() -> bool {
    true
}

fn span<S: Serializer>(millis: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    Span::of_millis(*millis).serialize(serializer)
}

fn size<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    Size::of_bytes(*bytes).serialize(serializer)
}
