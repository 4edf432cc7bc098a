//! Texts that are known to be secret, shared by all who look for them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::InvalidPolicy;
use aho_corasick::{AhoCorasick, MatchKind};

/// A shorter text is no secret that could be told from others.
const LEAST: usize = 8;
/// The most secrets that are looked for.
const MOST: usize = 10_000;

/// Texts that are known to be secret. Clones are the same set: what is added to one is found by every redactor that
/// [shares](super::RedactorBuilder::sharing) it from then on.
///
/// ```
/// use ice_core::redact::{KnownSecrets, Policy, Redactor};
///
/// let known = KnownSecrets::default();
/// let redactor = Redactor::builder(Policy::default()).sharing(&known).build().unwrap();
/// known.add(["swordfish-7".to_owned()]).unwrap();
/// assert_eq!(redactor.text("It is swordfish-7."), "It is [redacted: secret].");
/// ```
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    set: RwLock<Set>,
    /// Whether there are some: whoever has none to look for waits for nobody.
    any: AtomicBool,
}

#[derive(Clone, Default)]
struct Set {
    texts: BTreeSet<Box<str>>,
    /// Finds them; nothing while there are none.
    finder: Option<Arc<AhoCorasick>>,
}

impl KnownSecrets {
    /// Looks for these texts as well. Of fewer than 8 bytes none is looked for.
    ///
    /// # Errors
    /// [`InvalidPolicy::TooMany`] if there are more than 10,000: those before are still found.
    pub fn add(&self, secrets: impl IntoIterator<Item = String>) -> Result<(), InvalidPolicy> {
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= LEAST);
        let mut set = self.0.set.write().unwrap_or_else(PoisonError::into_inner);
        let (mut is_changed, mut is_full) = (false, false);
        for secret in secrets {
            if set.texts.contains(secret.as_str()) {
                continue;
            }
            is_full = set.texts.len() >= MOST;
            if is_full {
                break;
            }
            is_changed |= set.texts.insert(secret.into_boxed_str());
        }
        if is_changed {
            let texts = set.texts.iter().map(|text| text.as_bytes());
            let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
            set.finder = Some(Arc::new(finder.map_err(|_| too_many())?));
            self.0.any.store(true, Ordering::Release);
        }
        if is_full { Err(too_many()) } else { Ok(()) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.set.read().unwrap_or_else(PoisonError::into_inner).texts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.0.any.load(Ordering::Acquire)
    }

    /// Those that are known now, as a set of its own: what is added later to one is not in the other.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let set = self.0.set.read().unwrap_or_else(PoisonError::into_inner).clone();
        let any = AtomicBool::new(set.finder.is_some());
        Self(Arc::new(Shared { set: RwLock::new(set), any }))
    }

    /// Whether a text holds one of them.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        self.finder().is_some_and(|finder| finder.is_match(text))
    }

    pub(super) fn finder(&self) -> Option<Arc<AhoCorasick>> {
        if self.is_empty() {
            return None;
        }
        self.0.set.read().unwrap_or_else(PoisonError::into_inner).finder.clone()
    }

    /// How many bytes at the end of a text may be the begin of one of them.
    pub(super) fn begun(&self, text: &str) -> usize {
        let Some(last) = text.as_bytes().last().copied() else { return 0 };
        let set = self.0.set.read().unwrap_or_else(PoisonError::into_inner);
        let longest = |secret: &str| {
            let bytes = secret.as_bytes();
            let ends = memchr::memrchr_iter(last, bytes.get(..bytes.len() - 1).unwrap_or_default());
            let mut begins = ends.filter_map(|at| bytes.get(..=at));
            begins.find(|begin| text.as_bytes().ends_with(begin)).map_or(0, <[u8]>::len)
        };
        set.texts.iter().map(|secret| longest(secret)).max().unwrap_or(0)
    }
}

const fn too_many() -> InvalidPolicy {
    InvalidPolicy::TooMany { what: "known secrets", most: MOST }
}

impl fmt::Debug for KnownSecrets {
    /// Says how many there are, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSecrets").field("known", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_the_begin_of_a_secret_is_told() {
        let known = KnownSecrets::default();
        known.add(["swordfish".to_owned(), "ordinary-".to_owned(), "short".to_owned()]).unwrap();
        assert_eq!(known.len(), 2);
        for (text, begun) in
            [("a sword", 5), ("a swordo", 1), ("swordfish", 0), ("x", 0), ("", 0), ("sor", 2)]
        {
            assert_eq!(known.begun(text), begun, "{text}");
        }
    }

    #[test]
    fn clones_are_the_same_set_and_snapshots_are_not() {
        let known = KnownSecrets::default();
        let (clone, before) = (known.clone(), known.snapshot());
        known.add(["swordfish-7".to_owned()]).unwrap();
        assert!(clone.are_in("a swordfish-7") && !before.are_in("a swordfish-7") && !clone.are_in("fish"));
        assert!(!format!("{known:?}").contains("sword"));
    }

    #[test]
    fn there_may_be_only_so_many() {
        let known = KnownSecrets::default();
        let many = (0..=MOST).map(|number| format!("secret-{number:08}"));
        assert!(matches!(known.add(many), Err(InvalidPolicy::TooMany { .. })));
        assert_eq!(known.len(), MOST);
        assert!(known.are_in("secret-00009999"), "those before are found");
    }
}
