//! What was found, and what becomes of findings that overlap.

use std::ops::Range;

use super::Kind;

/// Something that a text holds. Lengths and places are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<'r> {
    /// What kind it is.
    pub kind: Kind,
    /// What it is called more closely, for example `github_token`, `de_tax_id`, or the name of a custom pattern.
    pub label: &'r str,
    /// Where it stands.
    pub range: Range<usize>,
}

/// Makes one finding of those that overlap: it covers them all and has the kind that stands first in [`Kind`], of equal ones the
/// longest, then the first. What only stands within a `kept` range, or cuts into one, is not found: it is there in place of
/// something that was redacted before. What covers one whole is found.
pub(super) fn resolve<'r>(mut found: Vec<Finding<'r>>, kept: &[Range<usize>]) -> Vec<Finding<'r>> {
    found.retain(|finding| !finding.range.is_empty() && !is_kept(&finding.range, kept));
    found.sort_by_key(|finding| (finding.range.start, finding.kind, std::cmp::Reverse(finding.range.end)));
    let mut resolved: Vec<Finding<'r>> = Vec::with_capacity(found.len());
    // The rank of what gave the last one its name.
    let mut rank = (Kind::Name, std::cmp::Reverse(0));
    for finding in found {
        let own = (finding.kind, std::cmp::Reverse(finding.range.len()));
        match resolved.last_mut() {
            Some(last) if finding.range.start < last.range.end => {
                if own < rank {
                    (last.kind, last.label, rank) = (finding.kind, finding.label, own);
                }
                last.range.end = last.range.end.max(finding.range.end);
            }
            Some(_) | None => {
                rank = own;
                resolved.push(finding);
            }
        }
    }
    resolved
}

/// Whether a range overlaps one of these, which ascend, without covering it.
fn is_kept(range: &Range<usize>, kept: &[Range<usize>]) -> bool {
    let first = kept.partition_point(|kept| kept.end <= range.start);
    let covers = |kept: &Range<usize>| range.start < kept.start && range.end > kept.end;
    kept.iter().skip(first).take_while(|kept| kept.start < range.end).any(|kept| !covers(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &[(Kind, Range<usize>)], kept: &[Range<usize>], expected: &[(Kind, Range<usize>)]) {
        let finding = |(kind, range): &(Kind, Range<usize>)| Finding {
            kind: *kind,
            label: kind.as_str(),
            range: range.clone(),
        };
        let expected: Vec<_> = expected.iter().map(finding).collect();
        assert_eq!(resolve(found.iter().map(finding).collect(), kept), expected);
    }

    #[test]
    fn what_overlaps_becomes_one_of_the_first_kind() {
        use Kind::{Card, Email, Name, Phone};
        check(&[(Phone, 4..20), (Card, 2..10)], &[], &[(Card, 2..20)]);
        check(&[(Name, 0..5), (Email, 5..9)], &[], &[(Name, 0..5), (Email, 5..9)]);
        check(&[(Name, 0..5), (Phone, 4..9), (Email, 8..12)], &[], &[(Email, 0..12)]);
        check(&[(Name, 3..3)], &[], &[]);
    }

    #[test]
    fn what_was_redacted_is_covered_or_kept() {
        use Kind::{Email, PrivateKey};
        check(&[(Email, 3..8)], &[2..9, 11..12], &[]);
        check(&[(Email, 0..4)], &[2..9, 20..21], &[]);
        check(&[(PrivateKey, 0..20)], &[2..9, 10..12], &[(PrivateKey, 0..20)]);
        check(&[(Email, 9..11)], &[2..9, 11..12], &[(Email, 9..11)]);
    }
}
