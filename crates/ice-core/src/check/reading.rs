//! The check of what was read from a text.

use std::sync::Arc;

use super::catalog::Index;
use super::output::Outputs;
use super::{Checked, Given, check_draft, shape};
use crate::blueprint::{Node, Reading};
use crate::diagnostic::{Diagnostics, Place};
use crate::id::NodeId;
use crate::registry::Catalog;

impl Reading {
    /// Checks the blueprint, or what could be read of it, so that everything that is wrong is told at once.
    ///
    /// # Errors
    /// What was found when it was read, and what the check found, each with its position.
    pub fn check(&self, catalog: &Catalog) -> Result<Checked, Diagnostics> {
        let Some(draft) = &self.draft else { return Err(self.diagnostics.clone()) };
        let given = Given { ghosts: self.ghosts.clone(), name: Some(self.source.name().to_owned()) };
        let (scope, mut found) = check_draft(draft, catalog, &given);
        // What stands where something could not be read is a consequence of that.
        let unread: Vec<Place> = self.diagnostics.errors().map(|error| error.place.clone()).collect();
        found.retain(|diagnostic| {
            let place = self.source.in_document(&diagnostic.place);
            !place.is_some_and(|place| {
                unread.iter().any(|error| is_within(&place, error)) || self.told.contains(&place.steps)
            })
        });
        let mut found = self.source.locate(found);
        found.merge(self.diagnostics.clone());
        if found.has_errors() {
            return Err(found);
        }
        Ok(Checked::new(Arc::clone(draft), scope, found))
    }
}

/// Whether a place is, or lies within, a place at which a field could not be read.
fn is_within(place: &Place, error: &Place) -> bool {
    !error.steps.is_empty() && place.steps.starts_with(&error.steps)
}

/// The ids of top-level nodes whose output is known to have a part of this name.
pub(super) fn outputs_with(reading: &Reading, catalog: &Catalog, name: &str) -> Vec<NodeId> {
    let Some(draft) = &reading.draft else { return Vec::new() };
    let (index, mut outputs) = (Index::of(catalog), Outputs::default());
    let mut has_part = |node: &&Node| {
        let schema = outputs.schema(node, &index);
        schema.is_some_and(|schema| {
            let properties = shape::dereference(&schema, &schema).and_then(|schema| schema.get("properties"));
            properties.is_some_and(|properties| properties.get(name).is_some())
        })
    };
    let named = draft.nodes.iter().filter(|node| !node.id.is_unnamed());
    named.filter(|node| has_part(node)).take(5).map(|node| node.id.clone()).collect()
}
