//! One kind of registered thing: five calls over a sorted map that is cheap to clone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;

use semver::{Version, VersionReq};

use super::{Entry, RegistryError, near_names};

type Versions<E> = BTreeMap<Option<Version>, E>;

/// The registered things of one kind, keyed by name and version.
///
/// A value: a clone costs one reference count, and later changes of either do not show in the other.
#[derive(Clone, Debug)]
pub struct Collection<E> {
    names: Arc<BTreeMap<Arc<str>, Versions<E>>>,
}

impl<E> Default for Collection<E> {
    fn default() -> Self {
        Self { names: Arc::default() }
    }
}

impl<E: Entry> Collection<E> {
    /// Adds an entry under its name and version. Registering the same thing twice is fine.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] if another thing holds the key, [`RegistryError::InvalidName`] if the name
    /// breaks the rule of its kind. Nothing is changed then.
    pub fn register(&mut self, entry: E) -> Result<(), RegistryError> {
        let name = entry.name();
        if !E::is_name(name) {
            let name = name.chars().take(80).collect();
            return Err(RegistryError::InvalidName { what: E::WHAT, name, rule: E::NAME_RULE });
        }
        let (name, version) = (Arc::<str>::from(name), entry.version().cloned());
        if let Some(present) = self.names.get(&name).and_then(|versions| versions.get(&version)) {
            return if present.is_same(&entry) {
                Ok(())
            } else {
                Err(RegistryError::Conflict { what: E::WHAT, key: key(&name, version.as_ref()) })
            };
        }
        Arc::make_mut(&mut self.names).entry(name).or_default().insert(version, entry);
        Ok(())
    }

    /// The newest entry of this name that meets the requirement. Without one it is the newest release, or
    /// the newest pre-release if there is nothing else. An entry without a version meets no requirement.
    #[must_use]
    pub fn get(&self, name: &str, requirement: Option<&VersionReq>) -> Option<&E> {
        let versions = self.names.get(name)?;
        let newest = |fits: &dyn Fn(Option<&Version>) -> bool| {
            versions.iter().rev().find(|(version, _)| fits(version.as_ref())).map(|(_, entry)| entry)
        };
        match requirement {
            Some(wanted) => newest(&|version| version.is_some_and(|version| wanted.matches(version))),
            None => newest(&|version| version.is_none_or(|version| version.pre.is_empty()))
                .or_else(|| newest(&|_| true)),
        }
    }

    /// Every entry, sorted by name, then by version.
    pub fn list(&self) -> impl Iterator<Item = &E> {
        self.names.values().flat_map(BTreeMap::values)
    }

    /// Whether [`get`](Self::get) finds something.
    #[must_use]
    pub fn contains(&self, name: &str, requirement: Option<&VersionReq>) -> bool {
        self.get(name, requirement).is_some()
    }

    /// Removes one version of a name, or with `None` all of them, and gives what was removed, sorted by
    /// version. What a plan or another clone holds is not touched.
    pub fn remove(&mut self, name: &str, version: Option<&Version>) -> Vec<E> {
        let known = self.names.get(name).is_some_and(|versions| {
            version.is_none_or(|version| versions.keys().any(|key| key.as_ref() == Some(version)))
        });
        if !known {
            return Vec::new();
        }
        let Slot::Occupied(mut slot) = Arc::make_mut(&mut self.names).entry(Arc::from(name)) else {
            return Vec::new();
        };
        let Some(version) = version else {
            return slot.remove().into_values().collect();
        };
        let removed = slot.get_mut().remove(&Some(version.clone()));
        if slot.get().is_empty() {
            slot.remove();
        }
        removed.into_iter().collect()
    }

    /// The known names that `wanted` may have meant, the nearest first.
    #[must_use]
    pub fn near(&self, wanted: &str) -> Vec<&str> {
        near_names(wanted, self.names.keys().map(|name| &**name))
    }
}

fn key(name: &str, version: Option<&Version>) -> String {
    version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"))
}
