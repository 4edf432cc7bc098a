//! `images` of nodes that ask models: what is shown with what is said.

use crate::blueprint::rules::Rules;
use crate::blueprint::text::{Form, Text, Visit};
use crate::diagnostic::Trail;

/// The most pictures that one node shows.
pub const MAX_IMAGES: usize = 16;

/// The field.
pub(super) const FIELD: &str = "images";

/// There are not too many, and none is blank.
pub(super) fn rules(images: &[String], rules: Rules<'_>) {
    if images.len() > MAX_IMAGES {
        let message = format!("{} pictures are more than {MAX_IMAGES}", images.len());
        rules.broken(FIELD, message, "show fewer, or show them with several nodes".to_owned());
    }
    for (index, source) in images.iter().enumerate() {
        if source.trim().is_empty() {
            let advice = "write it like `{{ inputs.photo }}`".to_owned();
            rules.below(FIELD, |rules| {
                rules.item(index, |rules| rules.broken_here("it gives no picture", advice))
            });
        }
    }
}

pub(super) fn texts<'n>(images: &'n [String], at: &Trail<'_>, visit: &mut Visit<'_, 'n>) {
    let at = at.key(FIELD);
    for (index, source) in images.iter().enumerate() {
        visit(&at.index(index), Text { source, form: Form::Template });
    }
}
