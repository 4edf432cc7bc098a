//! Which entries a selector means, page by page.

use super::join::Join;
use super::places::{Family, position_of};
use super::position::Position;
use super::read;
use super::rules::Rules;
use super::term::Term;
use crate::memory::{EntryId, Kind, MemoryError, MemoryKey, Scope, Selector};

/// Some ids, and where the rest begins.
type Ids = (Vec<EntryId>, Option<Position>);

/// The entries of some families that a selector means, from a place on.
pub(super) async fn page(
    rules: &Rules,
    selector: &Selector,
    families: &[Family],
    after: Option<Position>,
    most: usize,
) -> Result<Ids, MemoryError> {
    match &*rules.redaction.selector(selector) {
        Selector::Id(id) => Ok((vec![*id], None)),
        Selector::Key { scope, kind, key } => {
            let mut ids = Vec::new();
            if let Some(current) = read::current(rules, scope, *kind, key).await? {
                ids.push(current.entry.id);
            }
            if families.contains(&Family::Past) {
                ids.extend(versions(rules, scope, *kind, key).await?);
            }
            Ok((ids, None))
        }
        Selector::Like { scope, kind, filter } => {
            let lists = |group: Vec<Term>| {
                let terms = group.iter();
                let pairs = terms.flat_map(|term| families.iter().map(move |family| (*family, term)));
                pairs.map(|(family, term)| rules.places.list(family, scope, *kind, term)).collect()
            };
            let groups = Term::wanted(filter).into_iter().map(lists).collect();
            let from = filter.before.map_or(Position::FIRST, Position::earlier_than);
            let from = after.map_or(from, |after| from.max(after));
            let (mut join, mut ids) = (Join::new(groups, from, most), Vec::new());
            while let Some(position) = join.next(&*rules.store).await? {
                if filter.since.is_some_and(|since| position.time() < since) {
                    break;
                }
                if ids.len() == most {
                    return Ok((ids, Some(position)));
                }
                let Some(record) = read::record(rules, position.id()).await? else { continue };
                // The join may pair lists of persons or runs with those of one scope: it is checked again.
                if record.entry.scope != *scope
                    || record.entry.kind() != *kind
                    || !filter.matches_record(&record.entry)
                {
                    continue;
                }
                let id = record.entry.id;
                if filter.contains.is_none() || filter.contains(&read::whole(rules, record).await?) {
                    ids.push(id);
                }
            }
            Ok((ids, None))
        }
        Selector::Person(name) => everywhere(rules, families, &Term::person(name), after, most).await,
    }
}

async fn versions(
    rules: &Rules,
    scope: &Scope,
    kind: Kind,
    key: &MemoryKey,
) -> Result<Vec<EntryId>, MemoryError> {
    let list = rules.places.versions(scope, kind, key);
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let found = rules.store.scan(&list, after.as_ref(), 1_000).await?;
        ids.extend(found.iter().filter_map(|entry| position_of(&entry.key, &list)).map(|place| place.id()));
        match found.last() {
            Some(last) if found.len() == 1_000 => after = Some(last.key.clone()),
            Some(_) | None => return Ok(ids),
        }
    }
}

/// The entries with a property that is listed for all scopes and kinds together.
pub(super) async fn everywhere(
    rules: &Rules,
    families: &[Family],
    term: &Term,
    after: Option<Position>,
    most: usize,
) -> Result<Ids, MemoryError> {
    let list = |family: &Family| rules.places.list(*family, &Scope::default(), Kind::Working, term);
    let group = families.iter().map(list).collect();
    let mut join = Join::new(vec![group], after.unwrap_or(Position::FIRST), most);
    let mut ids = Vec::new();
    while let Some(position) = join.next(&*rules.store).await? {
        if ids.len() == most {
            return Ok((ids, Some(position)));
        }
        ids.push(position.id());
    }
    Ok((ids, None))
}
