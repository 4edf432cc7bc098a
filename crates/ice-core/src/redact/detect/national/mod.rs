//! Numbers by which states know people: their written forms, and the checks that those who issue them define.

mod check;
mod lettered;
mod table;

use std::ops::Range;

pub(in crate::redact) use lettered::{after_digits, before_digits};
use table::{Form, IDS, Id};

use super::number::{Candidate, Number, begins, ends, goes_on};
use crate::redact::text::{Text, is_near};

/// How many digits an id has, and in how many groups at most: what has others is not looked up.
const LENGTHS: std::ops::RangeInclusive<usize> = 9..=18;
const MOST_GROUPS: usize = 7;

/// The id that begins with these groups, of digits alone, and what it is called.
pub(in crate::redact) fn find(text: Text<'_>, number: &Number) -> Option<(&'static str, Range<usize>)> {
    let at = number.groups().first()?.start;
    if !begins(text, at) {
        return None;
    }
    let found = |groups: usize| {
        let may_be = |candidate: &Candidate<'_>| LENGTHS.contains(&candidate.digits.len());
        let candidate =
            number.first(groups).filter(may_be).filter(|candidate| ends(text, candidate.end()))?;
        let is_it = |id: &&Id| {
            let form = id.forms.iter().find(|form| has_form(candidate, form));
            form.is_some_and(|form| {
                (id.check)(candidate)
                    && ((form.alone && !goes_on(text, at)) || is_near(text, at, 64, id.words))
            })
        };
        // Of several that it may be, the one that the words before say.
        let said = |id: &&Id| is_near(text, at, 64, id.words);
        let ids = || IDS.iter().filter(is_it);
        let id = ids().find(said).or_else(|| ids().next())?;
        Some((id.label, at..candidate.end()))
    };
    (1..=number.groups().len().min(MOST_GROUPS)).rev().find_map(found)
}

fn has_form(candidate: Candidate<'_>, form: &Form) -> bool {
    let between = || candidate.groups.iter().skip(1).map(|group| group.between);
    candidate.has_shape(form.lengths)
        && match form.between {
            [one] => between().all(|between| between == *one),
            each => between().eq(each.iter().copied()),
        }
}
