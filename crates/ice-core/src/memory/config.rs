//! How a memory is set up, as persons write it.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, MemoryBudget, MemoryError, MemoryGuarantee, Scope};
use crate::value::Map;

/// Where memory is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// In the memory of the process.
    Memory,
    /// In the embedded store of the data folder.
    #[default]
    #[serde(alias = "sqlite")]
    Embedded,
    /// In a Redis server.
    Redis,
}

impl Backend {
    /// The name: `memory`, `embedded` or `redis`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Embedded => "embedded",
            Self::Redis => "redis",
        }
    }
}

/// How one kind of memory is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryConfig {
    /// Where it is kept.
    pub backend: Backend,
    /// How long an entry lasts, in seconds, if its write does not say. Without it, what the kind says: 300 s for working
    /// memory, 7 days for episodes. Facts and procedures last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// The most entries of a scope. Working memory forgets the least recently used beyond it, the others refuse to write.
    /// Without it, 1,000 for working memory, unlimited for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<u64>,
    /// The most tokens of a scope; as `max_entries`. Unlimited without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Whether entries are found by meaning, too.
    pub enable_vector_search: bool,
    /// The dimension of the embeddings, from 32 to 8192.
    pub embedding_dim: u32,
    /// The model of the embeddings.
    pub embedding_model: String,
    /// Who embeds.
    pub embedding_provider: String,
    /// What is to be kept of what was acknowledged.
    pub guarantee: MemoryGuarantee,
    /// What the backend needs to be reached; never a secret.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub connection_params: Map,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            ttl_seconds: None,
            max_entries: None,
            max_tokens: None,
            enable_vector_search: false,
            embedding_dim: 384,
            embedding_model: "text-embedding-3-small".to_owned(),
            embedding_provider: "openai".to_owned(),
            guarantee: MemoryGuarantee::default(),
            connection_params: Map::default(),
        }
    }
}

impl MemoryConfig {
    /// How working memory is set up if nobody says: in the memory of the process, with the guarantee `ephemeral`.
    #[must_use]
    pub fn working() -> Self {
        Self { backend: Backend::Memory, guarantee: MemoryGuarantee::Ephemeral, ..Self::default() }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] that names the field.
    pub fn check(&self) -> Result<(), MemoryError> {
        if !(32..=8192).contains(&self.embedding_dim) {
            let problem = format!("it is {}, and must lie between 32 and 8192", self.embedding_dim);
            return Err(MemoryError::invalid("`embedding_dim`", problem));
        }
        if self.ttl_seconds.is_some_and(|seconds| seconds == 0) {
            return Err(MemoryError::invalid("`ttl_seconds`", "nothing would last; give at least 1"));
        }
        Ok(())
    }

    /// The bounds that the configuration sets for a kind.
    #[must_use]
    pub fn bounds(&self, kind: Kind) -> Bounds {
        let ttl = |default: Option<u64>| self.ttl_seconds.or(default).map(Duration::from_secs);
        Bounds {
            ttl: match kind {
                Kind::Working => ttl(Some(300)),
                Kind::Episodic => ttl(Some(7 * 24 * 3_600)),
                Kind::Semantic | Kind::Procedural => None,
            },
            max_entries: match kind {
                Kind::Working => self.max_entries.or(Some(1_000)),
                Kind::Episodic | Kind::Semantic | Kind::Procedural => self.max_entries,
            },
            max_tokens: self.max_tokens,
            guarantee: self.guarantee,
        }
    }
}

/// The bounds of one kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long an entry lasts if its write does not say; for ever if absent.
    pub ttl: Option<Duration>,
    /// The most entries of a scope.
    pub max_entries: Option<u64>,
    /// The most tokens of a scope.
    pub max_tokens: Option<u64>,
    /// What is kept of what was acknowledged.
    pub guarantee: MemoryGuarantee,
}

/// How all kinds together are set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UnifiedMemoryConfig {
    /// Whether there is working memory.
    pub enable_working: bool,
    /// Whether there is episodic memory.
    pub enable_episodic: bool,
    /// Whether there is semantic memory.
    pub enable_semantic: bool,
    /// Whether there is procedural memory.
    pub enable_procedural: bool,
    /// Whether entries of all kinds but working memory are found by meaning, too.
    pub enable_vector_search: bool,
    /// The fields that facts belong to, for whoever chooses one.
    pub domains: Vec<String>,
    /// How working memory is set up.
    pub working: MemoryConfig,
    /// How episodic memory is set up.
    pub episodic: MemoryConfig,
    /// How semantic memory is set up.
    pub semantic: MemoryConfig,
    /// How procedural memory is set up.
    pub procedural: MemoryConfig,
    /// What scopes may hold at most, all kinds together.
    #[schemars(with = "BTreeMap<String, MemoryBudget>")]
    pub budgets: BTreeMap<Scope, MemoryBudget>,
    /// What every other scope may hold at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_budget: Option<MemoryBudget>,
}

impl Default for UnifiedMemoryConfig {
    fn default() -> Self {
        Self {
            enable_working: true,
            enable_episodic: true,
            enable_semantic: true,
            enable_procedural: true,
            enable_vector_search: false,
            domains: ["general", "marketplace", "pricing", "inventory"].map(str::to_owned).to_vec(),
            working: MemoryConfig::working(),
            episodic: MemoryConfig::default(),
            semantic: MemoryConfig::default(),
            procedural: MemoryConfig::default(),
            budgets: BTreeMap::new(),
            default_budget: None,
        }
    }
}

impl UnifiedMemoryConfig {
    /// How a memory is set up that ends with the process, whatever its store is.
    #[must_use]
    pub fn ephemeral() -> Self {
        let kind = || MemoryConfig { backend: Backend::Memory, ..MemoryConfig::working() };
        Self { episodic: kind(), semantic: kind(), procedural: kind(), ..Self::default() }
    }

    /// How a kind is set up.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> &MemoryConfig {
        match kind {
            Kind::Working => &self.working,
            Kind::Episodic => &self.episodic,
            Kind::Semantic => &self.semantic,
            Kind::Procedural => &self.procedural,
        }
    }

    /// Whether there is a kind.
    #[must_use]
    pub const fn enables(&self, kind: Kind) -> bool {
        match kind {
            Kind::Working => self.enable_working,
            Kind::Episodic => self.enable_episodic,
            Kind::Semantic => self.enable_semantic,
            Kind::Procedural => self.enable_procedural,
        }
    }

    /// What a scope may hold at most.
    #[must_use]
    pub fn budget(&self, scope: &Scope) -> Option<MemoryBudget> {
        self.budgets.get(scope).copied().or(self.default_budget)
    }

    /// How entries are embedded, if any kind is to be found by meaning: all kinds but working memory are then. The kinds that say so must
    /// agree on provider, model and dimension.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if they do not.
    pub fn embeds(&self) -> Result<Option<&MemoryConfig>, MemoryError> {
        let wants = |kind: &Kind| {
            let config = self.of(*kind);
            let is_wanted = self.enable_vector_search
                || config.enable_vector_search
                || config.guarantee == MemoryGuarantee::Vectorised;
            self.enables(*kind) && is_wanted
        };
        let kinds = [Kind::Semantic, Kind::Episodic, Kind::Procedural];
        let mut wanted = kinds.into_iter().filter(wants).map(|kind| (kind, self.of(kind)));
        let Some((first, config)) = wanted.next() else { return Ok(None) };
        let of = |config: &MemoryConfig| {
            (config.embedding_provider.clone(), config.embedding_model.clone(), config.embedding_dim)
        };
        match wanted.find(|(_, other)| of(other) != of(config)) {
            None => Ok(Some(config)),
            Some((other, _)) => {
                let problem =
                    format!("{first} and {other} memory name different ones; all kinds are embedded alike");
                Err(MemoryError::invalid(
                    "`embedding_provider`, `embedding_model` or `embedding_dim`",
                    problem,
                ))
            }
        }
    }

    /// Checks the ranges of every kind that there is.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] that names the field.
    pub fn check(&self) -> Result<(), MemoryError> {
        Kind::ALL.into_iter().filter(|kind| self.enables(*kind)).try_for_each(|kind| self.of(kind).check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_python_system_and_unknown_ones_are_refused() {
        let text = r#"{"backend":"sqlite","ttl_seconds":60,"max_entries":9,"guarantee":"ttl"}"#;
        let config: MemoryConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.backend, config.guarantee), (Backend::Embedded, MemoryGuarantee::Ttl));
        let bounds = config.bounds(Kind::Episodic);
        assert_eq!((bounds.ttl, bounds.max_entries), (Some(Duration::from_secs(60)), Some(9)));
        let error = serde_json::from_str::<MemoryConfig>(r#"{"backened":"redis"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `backened`"), "{error}");
        assert!(serde_json::from_str::<MemoryConfig>(r#"{"backend":"postgres"}"#).is_err());
        let again: UnifiedMemoryConfig =
            serde_json::from_str(&serde_json::to_string(&UnifiedMemoryConfig::default()).unwrap()).unwrap();
        assert_eq!(again, UnifiedMemoryConfig::default());
    }

    #[test]
    fn kinds_that_are_found_by_meaning_are_embedded_alike() {
        let mut config = UnifiedMemoryConfig::default();
        assert_eq!(config.embeds().unwrap(), None);
        config.episodic.enable_vector_search = true;
        config.episodic.embedding_provider = "hash".to_owned();
        assert_eq!(config.embeds().unwrap().unwrap().embedding_provider, "hash");
        config.semantic.guarantee = MemoryGuarantee::Vectorised;
        let refused = config.embeds().unwrap_err().to_string();
        assert!(refused.contains("semantic and episodic memory name different ones"), "{refused}");
        config.enable_semantic = false;
        assert!(config.embeds().unwrap().is_some());
    }

    #[test]
    fn ranges_are_checked() {
        assert!(MemoryConfig { embedding_dim: 31, ..MemoryConfig::default() }.check().is_err());
        assert!(MemoryConfig { ttl_seconds: Some(0), ..MemoryConfig::default() }.check().is_err());
        assert!(UnifiedMemoryConfig::default().check().is_ok());
    }
}
