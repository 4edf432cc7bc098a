//! The properties of entries as an index of contents filters by them.

use super::term::Term;
use crate::memory::{Entry, Filter};

/// Whether an index of contents knows a property: not those that few entries share.
const fn is_known(term: &Term) -> bool {
    match term {
        Term::Type(_)
        | Term::Participant(_)
        | Term::Tag(_)
        | Term::Outcome(_)
        | Term::Domain(_)
        | Term::Entity(_)
        | Term::Relation(_)
        | Term::Target(_)
        | Term::Category(_)
        | Term::Context(_)
        | Term::Person(_)
        | Term::Run(_) => true,
        Term::All | Term::Date(_) | Term::Metadata(..) => false,
    }
}

fn text(term: &Term) -> String {
    format!("{}:{}", term.field(), term.value())
}

/// The properties of an entry.
pub(in crate::memory) fn properties(entry: &Entry) -> Vec<String> {
    Term::of(entry).iter().filter(|term| is_known(term)).map(text).collect()
}

/// What a filter asks for, as far as an index of contents knows it: of each group one.
pub(in crate::memory) fn wanted(filter: &Filter) -> Vec<Vec<String>> {
    let groups = Term::wanted(filter).into_iter().filter(|group| group.iter().all(is_known));
    groups.map(|group| group.iter().map(text).collect()).collect()
}
