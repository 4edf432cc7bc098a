//! What a journal says of the plan that its run is bound to.

use ice_core::id::BlueprintId;
use ice_core::value::BlobHash;

use crate::journal::Body;

/// The plan a run goes on over, as the records so far have it: that of its manifest, or the one it was moved to last.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) to: Option<To>,
    /// The number of the record with which it was moved.
    pub(super) migrated: Option<u64>,
    /// Records before this number are those of the run it was forked from, whatever that one was moved to.
    own: u64,
}

/// A plan, with the names its blueprint is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct To {
    pub(super) plan: BlobHash,
    pub(super) blueprint: BlueprintId,
    pub(super) name: String,
}

impl Bound {
    pub(super) fn see(&mut self, number: u64, body: &Body) {
        if let Body::Manifest(manifest) = body {
            let (plan, blueprint, name) = (manifest.plan, manifest.blueprint.clone(), manifest.name.clone());
            self.to = Some(To { plan, blueprint, name });
            self.own = manifest.forked.as_ref().map_or(0, |forked| forked.record);
        }
        if let Body::Migrated(moved) = body
            && number >= self.own
        {
            let (plan, blueprint, name) = (moved.plan, moved.blueprint.clone(), moved.name.clone());
            self.to = Some(To { plan, blueprint, name });
            self.migrated = Some(number);
        }
    }
}
