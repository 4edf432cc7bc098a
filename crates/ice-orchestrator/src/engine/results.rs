//! Results of pure tools, kept in memory: the same input to the same version of a tool gives the same, so that it is not
//! computed again.
//!
//! Kept is what took longer than looking it up: a tool is looked up from its first such call on, until many calls in a row
//! took less, as a single long one may be the machine's doing. What depends on more than its input is never kept: tools that
//! reach outside or ask for the time or randomness, and values in blobs, which may be removed.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ahash::AHashMap;
use ice_core::id::Tenant;
use ice_core::metrics::{MetricName, counter};
use ice_core::tools::{Effect, Tool};
use ice_core::value::Value;
use ice_core::value::json::write_value;
use metrics::Counter;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Calls that take less are not worth keeping what they give.
const WORTH_KEEPING: Duration = Duration::from_millis(1);
/// So many bytes of inputs are looked up in vain after a call that took long: hashing them takes about as long as it.
const PATIENCE: u32 = 1 << 20;
/// What looking up takes at least, as bytes of an input.
const LOOK_UP: u32 = 4 << 10;
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
    /// The tools that are looked up, by name.
    slow: RwLock<AHashMap<String, Slow>>,
    /// How many these are: mostly none, and then nothing is to be locked.
    count: AtomicUsize,
}

/// A tool that has taken long.
struct Slow {
    /// How many more bytes of inputs may be looked up in vain.
    patience: AtomicU32,
    hits: Counter,
    misses: Counter,
}

impl Slow {
    fn of(tool: &str) -> Self {
        let counted = |result| counter(MetricName::ResultCache, &[("tool", tool), ("result", result)]);
        Self { patience: AtomicU32::new(PATIENCE), hits: counted("hit"), misses: counted("miss") }
    }
}

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slow").field("patience", &self.patience).finish_non_exhaustive()
    }
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
        Self { kept, slow: RwLock::default(), count: AtomicUsize::new(0) }
    }

    /// Keeps nothing of what there is.
    pub(super) fn clear(&self) {
        if let Some(kept) = &self.kept {
            kept.clear();
        }
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
        if self.count.load(Ordering::Relaxed) == 0 {
            return (None, None);
        }
        let slow = self.slow.read().unwrap_or_else(PoisonError::into_inner);
        let Some(slow) = slow.get(&tool.spec().name) else { return (None, None) };
        let key = key(tenant, tool, input);
        let found = self.kept.as_ref().zip(key).and_then(|(kept, key)| kept.get(&key));
        if found.is_some() { &slow.hits } else { &slow.misses }.increment(1);
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
        let Some(kept) = &self.kept else { return };
        if took < WORTH_KEEPING {
            if known.is_some() {
                self.was_in_vain(&tool.spec().name, input);
            }
            return;
        }
        if names_blobs(value) {
            return;
        }
        self.was_slow(&tool.spec().name);
        if let Some(key) = known.or_else(|| key(tenant, tool, input)) {
            kept.insert(key, value.clone());
        }
    }

    fn was_slow(&self, tool: &str) {
        let known = self.slow.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slow) = known.get(tool) {
            return slow.patience.store(PATIENCE, Ordering::Relaxed);
        }
        drop(known);
        let mut slow = self.slow.write().unwrap_or_else(PoisonError::into_inner);
        slow.entry(tool.to_owned()).or_insert_with(|| Slow::of(tool));
        self.count.store(slow.len(), Ordering::Relaxed);
    }

    fn was_in_vain(&self, tool: &str, input: &Value) {
        let bytes = u32::try_from(input.weight(PATIENCE as usize)).unwrap_or(u32::MAX).max(LOOK_UP);
        let spend = |left: u32| Some(left.saturating_sub(bytes));
        let known = self.slow.read().unwrap_or_else(PoisonError::into_inner);
        let left = known.get(tool).map(|slow| {
            slow.patience.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).unwrap_or_default()
        });
        let is_last = left.is_some_and(|left| left <= bytes);
        drop(known);
        if is_last {
            let mut slow = self.slow.write().unwrap_or_else(PoisonError::into_inner);
            // Another call may have taken long meanwhile.
            if slow.get(tool).is_some_and(|slow| slow.patience.load(Ordering::Relaxed) == 0) {
                slow.remove(tool);
            }
            self.count.store(slow.len(), Ordering::Relaxed);
        }
    }
}

fn key(tenant: &Tenant, tool: &dyn Tool, input: &Value) -> Option<Key> {
    let spec = tool.spec();
    let mut text = Vec::with_capacity(256);
    // Neither a tenant nor a name nor a version has a line end in it.
    let semver::Version { major, minor, patch, pre, build } = &spec.version;
    for part in [tenant.as_str(), &spec.name, pre.as_str(), build.as_str()] {
        text.extend_from_slice(part.as_bytes());
        text.push(b'\n');
    }
    for part in [major, minor, patch] {
        text.extend_from_slice(&part.to_le_bytes());
    }
    write_value(&mut text, input).ok()?;
    Some(*blake3::hash(&text).as_bytes())
}

fn names_blobs(value: &Value) -> bool {
    match value {
        Value::Blob(_) => true,
        Value::List(items) => items.iter().any(names_blobs),
        Value::Map(entries) => entries.values().any(names_blobs),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use ice_core::tools::{ToolContext, ToolError, ToolSpec};

    use super::*;

    #[derive(Debug)]
    struct Same(ToolSpec);

    #[async_trait]
    impl Tool for Same {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }

        async fn call(&self, _: &ToolContext, input: Value) -> Result<Value, ToolError> {
            Ok(input)
        }
    }

    #[test]
    fn a_tool_is_looked_up_until_it_was_quick_for_long() {
        let results = Results::new(1 << 20);
        let tenant = Tenant::default();
        let tool = Same(ToolSpec {
            name: "same".to_owned(),
            version: semver::Version::new(1, 0, 0),
            description: "Gives its input.".to_owned(),
            input_schema: Value::Bool(true),
            output_schema: Value::Bool(true),
            effect: Effect::Pure,
            capabilities: Vec::new(),
        });
        let call = |input: &Value, took: u64| {
            let (found, key) = results.look_up(&tenant, &tool, input);
            let (is_there, is_looked_up) = (found.is_some(), key.is_some());
            if !is_there {
                results.keep(&tenant, &tool, (input, key), input, Duration::from_micros(took));
            }
            (is_there, is_looked_up)
        };
        let number = |number: u32| Value::from(number);
        let (first, second) = (number(0), number(1));
        assert_eq!([call(&first, 10), call(&first, 1_000)], [(false, false); 2]);
        assert_eq!([call(&first, 10), call(&second, 10)], [(true, true), (false, true)]);
        assert_eq!(call(&second, 1_000), (false, true));
        for at in 0..PATIENCE / LOOK_UP {
            assert_eq!(call(&number(2 + at), 10), (false, true), "{at}");
        }
        assert_eq!([call(&first, 10), call(&first, 1_000)], [(false, false); 2]);
        assert_eq!([call(&first, 10), call(&second, 10)], [(true, true); 2]);
        // It takes less of what takes longer to be looked up.
        let large = Value::from("x".repeat(PATIENCE as usize));
        assert_eq!(
            [call(&large, 10), call(&large, 10), call(&first, 10)],
            [(false, true), (false, false), (false, false)]
        );
    }
}
