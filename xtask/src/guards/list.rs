//! The list of guards. A new guard is one file and one line here.

use anyhow::{Result, anyhow};

use super::{Guard, layers};

/// Every guard, in the order in which they run.
pub(crate) const ALL: &[Guard] = &[layers::GUARD];

/// The guard of this name.
pub(crate) fn find(name: &str) -> Result<&'static Guard> {
    ALL.iter().find(|guard| guard.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|guard| guard.name).collect();
        anyhow!("there is no guard `{name}`; there are {}", names.join(", "))
    })
}
