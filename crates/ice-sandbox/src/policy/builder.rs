//! The policy of a run, validated when it is built.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::endpoint::MOST;
use super::{Access, Delivery, Endpoint, Grant, Limits, Profile, Secret};
use crate::error::PolicyError;
use crate::layer::Layer;
use crate::secret::SecretRef;

/// What a command may do. Everything that is not granted is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SandboxPolicy {
    pub(crate) profile: Profile,
    pub(crate) limits: Limits,
    pub(crate) grants: Vec<Grant>,
    pub(crate) endpoints: BTreeSet<Endpoint>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) inherited: BTreeSet<String>,
    /// By their names in the cage. What they are, only those know who keep them.
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) waived: BTreeSet<Layer>,
    pub(crate) required: BTreeSet<Layer>,
    /// Layers that are taken for absent, for tests of what happens then.
    #[serde(skip)]
    pub(crate) absent: BTreeSet<Layer>,
}

impl SandboxPolicy {
    /// A policy that grants nothing but a program and its libraries.
    #[must_use]
    pub fn builder() -> PolicyBuilder {
        Self::of(Profile::Binary)
    }

    /// A policy that grants what this kind of program needs, with its limits.
    #[must_use]
    pub fn of(profile: Profile) -> PolicyBuilder {
        PolicyBuilder {
            policy: Self {
                profile,
                limits: profile.limits(),
                grants: Vec::new(),
                endpoints: BTreeSet::new(),
                environment: BTreeMap::new(),
                inherited: BTreeSet::new(),
                secrets: BTreeMap::new(),
                waived: BTreeSet::new(),
                required: BTreeSet::new(),
                absent: BTreeSet::new(),
            },
        }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What of the file system is granted.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Where on the network it may go.
    #[must_use]
    pub const fn endpoints(&self) -> &BTreeSet<Endpoint> {
        &self.endpoints
    }

    /// The layers that are done without if they cannot be had.
    #[must_use]
    pub const fn waived(&self) -> &BTreeSet<Layer> {
        &self.waived
    }

    /// The secrets it is given, by their names in the cage.
    #[must_use]
    pub const fn secrets(&self) -> &BTreeMap<String, Secret> {
        &self.secrets
    }

    fn check(&self) -> Result<(), PolicyError> {
        self.limits.check()?;
        self.grants.iter().try_for_each(Grant::check)?;
        self.endpoints.iter().try_for_each(Endpoint::check)?;
        if let Some(endpoint) = self.endpoints.iter().nth(MOST) {
            let why = "a policy names at most 200 endpoints";
            return Err(PolicyError::Endpoint { endpoint: endpoint.to_string(), why });
        }
        let inside = |endpoint: &Endpoint| {
            (
                if endpoint.host == "localhost" { "127.0.0.1" } else { &endpoint.host }.to_owned(),
                endpoint.port,
            )
        };
        let mut known = BTreeSet::new();
        if let Some(twice) = self.endpoints.iter().find(|endpoint| !known.insert(inside(endpoint))) {
            return Err(PolicyError::Endpoint { endpoint: twice.to_string(), why: "it is granted twice" });
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(PolicyError::Environment { name: name.clone() });
            }
        }
        let mut variables: BTreeSet<String> =
            self.environment.keys().chain(&self.inherited).cloned().collect();
        for (name, secret) in &self.secrets {
            secret.check(name)?;
            if !variables.insert(secret.variable(name)) {
                let why = "its variable is set to something else, too";
                return Err(PolicyError::Secret { name: name.clone(), why });
            }
        }
        match self.inherited.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            Some(name) => Err(PolicyError::Environment { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// The form in which a policy is read; it is checked then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    profile: Profile,
    limits: Option<Limits>,
    #[serde(default)]
    grants: Vec<Grant>,
    #[serde(default)]
    endpoints: BTreeSet<Endpoint>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    inherited: BTreeSet<String>,
    #[serde(default)]
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    waived: BTreeSet<Layer>,
    #[serde(default)]
    required: BTreeSet<Layer>,
}

impl<'de> Deserialize<'de> for SandboxPolicy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { profile, limits, grants, endpoints, environment, inherited, secrets, waived, required } =
            Written::deserialize(deserializer)?;
        let limits = limits.unwrap_or_else(|| profile.limits());
        let absent = BTreeSet::new();
        let policy = Self {
            profile,
            limits,
            grants,
            endpoints,
            environment,
            inherited,
            secrets,
            waived,
            required,
            absent,
        };
        policy.check().map_err(serde::de::Error::custom)?;
        Ok(policy)
    }
}

/// Makes a [`SandboxPolicy`].
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    policy: SandboxPolicy,
}

impl PolicyBuilder {
    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.policy.limits = limits;
        self
    }

    /// Changes the limits.
    #[must_use]
    pub fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.policy.limits);
        self
    }

    /// Grants a file or folder for reading.
    #[must_use]
    pub fn read(self, path: impl Into<PathBuf>) -> Self {
        self.grant(path, Access::Read)
    }

    /// Grants a file or folder for reading and running.
    #[must_use]
    pub fn execute(self, path: impl Into<PathBuf>) -> Self {
        self.grant(path, Access::Execute)
    }

    /// Grants a file or folder for reading and writing.
    #[must_use]
    pub fn write(self, path: impl Into<PathBuf>) -> Self {
        self.grant(path, Access::Write)
    }

    /// Grants a file or folder.
    #[must_use]
    pub fn grant(mut self, path: impl Into<PathBuf>, access: Access) -> Self {
        self.policy.grants.push(Grant { path: path.into(), access });
        self
    }

    /// Grants connections to a host and port.
    #[must_use]
    pub fn connect(mut self, endpoint: Endpoint) -> Self {
        self.policy.endpoints.insert(endpoint);
        self
    }

    /// Sets a variable of the environment, which is otherwise empty but for `PATH`, `HOME`, `TMPDIR` and `LANG`.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.policy.environment.insert(name.into(), value.into());
        self
    }

    /// Takes a variable over from the caller's environment, if it is set there. Only its name is part of the policy.
    #[must_use]
    pub fn inherit(mut self, name: impl Into<String>) -> Self {
        self.policy.inherited.insert(name.into());
        self
    }

    /// Gives it a secret under this name, in a file. Only the reference is part of the policy: what it stands for is asked of
    /// the [`Secrets`](crate::Secrets) of the sandbox as the command is started, and taken out of the output that a
    /// [`RunReport`](crate::RunReport) keeps.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, reference: SecretRef) -> Self {
        self.secret_as(name, reference, Delivery::File)
    }

    /// The same, given in this way.
    #[must_use]
    pub fn secret_as(mut self, name: impl Into<String>, reference: SecretRef, delivery: Delivery) -> Self {
        self.policy.secrets.insert(name.into(), Secret { reference, delivery });
        self
    }

    /// Does without a layer if it cannot be had. Every report says so.
    #[must_use]
    pub fn waive(mut self, layer: Layer) -> Self {
        self.policy.waived.insert(layer);
        self
    }

    /// Does not do without a layer that is optional otherwise.
    #[must_use]
    pub fn require(mut self, layer: Layer) -> Self {
        self.policy.required.insert(layer);
        self
    }

    /// Takes a layer for absent.
    #[doc(hidden)]
    #[must_use]
    pub fn absent(mut self, layer: Layer) -> Self {
        self.policy.absent.insert(layer);
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// [`PolicyError`] if a limit is out of range, or a path or name cannot be granted.
    pub fn build(self) -> Result<SandboxPolicy, PolicyError> {
        self.policy.check()?;
        Ok(self.policy)
    }
}
