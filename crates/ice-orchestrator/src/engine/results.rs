//! Results of pure tools, kept in memory: the same input to the same version of a tool gives the same, so that it is not
//! computed again.
//!
//! Kept is what took longer than looking it up: a tool is looked up from its first such call on. What depends on more than
//! its input is never kept: tools that reach outside or ask for the time or randomness, and values in blobs, which may be
//! removed.

use std::io::Write;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ahash::AHashSet;
use ice_core::id::Tenant;
use ice_core::metrics::{MetricName, counter};
use ice_core::tools::{Effect, Tool};
use ice_core::value::Value;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Calls that take less are not worth keeping what they give.
const WORTH_KEEPING: Duration = Duration::from_millis(1);
/// What a result is expected to take, in bytes; more or less is well.
const EXPECTED: u64 = 4 << 10;
/// What an entry takes besides its value, in bytes.
const ENTRY: u64 = 128;

/// The BLAKE3 hash of tenant, tool, version and input.
type Key = [u8; 32];

/// Results that are kept, within so many bytes.
#[derive(Debug)]
pub(super) struct Results {
    kept: Option<Cache<Key, Value, Bytes>>,
    /// The tools that have taken long once, by name.
    slow: RwLock<AHashSet<String>>,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Key, Value> for Bytes {
    fn weight(&self, _: &Key, value: &Value) -> u64 {
        value.weight(usize::MAX) as u64 + ENTRY
    }
}

impl Results {
    /// Nothing is kept in 0 bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / EXPECTED).unwrap_or(usize::MAX);
        let kept = (bytes > 0).then(|| Cache::with_weighter(items.max(16), bytes, Bytes));
        Self { kept, slow: RwLock::default() }
    }

    /// Whether what a tool makes of an input may be kept.
    pub(super) fn may_keep(&self, tool: &dyn Tool, input: &Value) -> bool {
        let spec = tool.spec();
        self.kept.is_some()
            && spec.capabilities.is_empty()
            && tool.secrets().is_empty()
            && tool.effect(input).min(spec.effect) == Effect::Pure
    }

    /// What a tool made of an input before, if that is kept; and under which key it is to be kept else.
    pub(super) fn look_up(
        &self,
        tenant: &Tenant,
        tool: &dyn Tool,
        input: &Value,
    ) -> (Option<Value>, Option<Key>) {
        let spec = tool.spec();
        let is_slow = self.slow.read().unwrap_or_else(PoisonError::into_inner).contains(&spec.name);
        if !is_slow {
            return (None, None);
        }
        let key = key(tenant, tool, input);
        let found = self.kept.as_ref().zip(key).and_then(|(kept, key)| kept.get(&key));
        let result = if found.is_some() { "hit" } else { "miss" };
        counter(MetricName::ResultCache, &[("tool", &spec.name), ("result", result)]).increment(1);
        (found, key)
    }

    /// Keeps what a tool made of an input, if that took long enough.
    pub(super) fn keep(
        &self,
        tenant: &Tenant,
        tool: &dyn Tool,
        (input, known): (&Value, Option<Key>),
        value: &Value,
        took: Duration,
    ) {
        let Some(kept) = self.kept.as_ref().filter(|_| took >= WORTH_KEEPING && !names_blobs(value)) else {
            return;
        };
        if known.is_none() {
            let mut slow = self.slow.write().unwrap_or_else(PoisonError::into_inner);
            slow.insert(tool.spec().name.clone());
        }
        if let Some(key) = known.or_else(|| key(tenant, tool, input)) {
            kept.insert(key, value.clone());
        }
    }
}

fn key(tenant: &Tenant, tool: &dyn Tool, input: &Value) -> Option<Key> {
    let spec = tool.spec();
    let mut hasher = blake3::Hasher::new();
    // Neither a tenant nor a name nor a version has a line end in it.
    writeln!(hasher, "{tenant}\n{}\n{}", spec.name, spec.version).ok()?;
    serde_json::to_writer(&mut hasher, input).ok()?;
    Some(*hasher.finalize().as_bytes())
}

fn names_blobs(value: &Value) -> bool {
    match value {
        Value::Blob(_) => true,
        Value::List(items) => items.iter().any(names_blobs),
        Value::Map(entries) => entries.values().any(names_blobs),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
