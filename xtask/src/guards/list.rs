//! The list of guards. A new guard is one file and one line here.

use anyhow::{Result, anyhow};

use super::{
    Guard, changelog, documents, errors, expectations, generated, layers, legacy, links, lockfile, manifests,
    marks, places, snapshots,
};

/// Every guard, in the order in which they run.
pub(crate) const ALL: &[Guard] = &[
    layers::GUARD,
    manifests::GUARD,
    lockfile::GUARD,
    generated::SCHEMAS_GUARD,
    generated::METRICS_GUARD,
    errors::GUARD,
    documents::GUARD,
    legacy::GUARD,
    links::GUARD,
    changelog::GUARD,
    expectations::GUARD,
    marks::GUARD,
    places::GUARD,
    snapshots::GUARD,
];

/// The guard of this name.
pub(crate) fn find(name: &str) -> Result<&'static Guard> {
    ALL.iter().find(|guard| guard.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|guard| guard.name).collect();
        anyhow!("there is no guard `{name}`; there are {}", names.join(", "))
    })
}
