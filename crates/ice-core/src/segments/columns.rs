//! The attributes of all rows of a segment, by term and by time.

use std::collections::BTreeMap;

use super::attributes::moment;
use super::damage::put_text;
use super::filter::is_within;
use super::{Attributes, Damage, Filter, Reading, Rows};

/// The attributes of all rows of a segment: for each term the rows that have it, and the time of each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The rows of each term ascend.
    terms: BTreeMap<Box<str>, Vec<u32>>,
    times: Vec<i64>,
}

impl Columns {
    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.times.len()
    }

    /// Adds a row.
    pub fn push(&mut self, attributes: &Attributes) {
        let row = self.next();
        for term in attributes.terms() {
            self.terms.entry(term.into()).or_default().push(row);
        }
        self.times.push(attributes.millis());
    }

    /// Adds the rows of others, without those that are dead, in their order.
    pub fn append(&mut self, other: &Self, dead: &Rows) {
        let mut row = self.next();
        let mut places = Vec::with_capacity(other.rows());
        for (from, time) in (0_u32..).zip(&other.times) {
            let is_dead = dead.contains(from);
            places.push((!is_dead).then_some(row));
            if !is_dead {
                self.times.push(*time);
                row = row.saturating_add(1);
            }
        }
        for (term, rows) in &other.terms {
            let mut moved = rows.iter().filter_map(|row| *places.get(*row as usize)?).peekable();
            if moved.peek().is_some() {
                self.terms.entry(term.clone()).or_default().extend(moved);
            }
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// The rows that pass a filter, which [`Filter::check`] has let through.
    #[must_use]
    pub fn passing(&self, filter: &Filter) -> Rows {
        match filter {
            Filter::All(filters) => filters
                .iter()
                .map(|filter| self.passing(filter))
                .reduce(|one, other| one.and(&other))
                .unwrap_or_else(|| Rows::all(self.rows())),
            Filter::Any(filters) => {
                filters.iter().fold(Rows::none(self.rows()), |rows, filter| rows.or(&self.passing(filter)))
            }
            Filter::Not(filter) => self.passing(filter).complement(),
            Filter::Has(term) => self.set(self.terms.get(term.0.as_str()).into_iter().flatten().copied()),
            Filter::Time { from, until } => {
                let is_in = |time: i64| moment(time).is_some() && is_within(time, *from, *until);
                self.set((0..).zip(&self.times).filter(|(_, time)| is_in(**time)).map(|(row, _)| row))
            }
        }
    }

    fn set(&self, rows: impl Iterator<Item = u32>) -> Rows {
        let mut set = Rows::none(self.rows());
        rows.for_each(|row| {
            set.insert(row);
        });
        set
    }

    /// What they take in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.times.len() * 8
            + self.terms.iter().map(|(term, rows)| term.len() + rows.len() * 4 + 64).sum::<usize>()
    }

    /// Writes them into a part of a segment.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        out.extend_from_slice(&count(self.times.len()));
        self.times.iter().for_each(|time| out.extend_from_slice(&time.to_le_bytes()));
        out.extend_from_slice(&count(self.terms.len()));
        for (term, rows) in &self.terms {
            put_text(out, term);
            out.extend_from_slice(&count(rows.len()));
            rows.iter().for_each(|row| out.extend_from_slice(&row.to_le_bytes()));
        }
    }

    /// Reads what [`Columns::encode`] has written.
    ///
    /// # Errors
    /// [`Damage`] if it is something else.
    pub fn decode(reading: &mut Reading<'_>) -> Result<Self, Damage> {
        let rows = reading.count("a number of rows")?;
        let times =
            reading.pieces::<8>(rows, "the times")?.iter().map(|time| i64::from_le_bytes(*time)).collect();
        let mut terms = BTreeMap::new();
        for _ in 0..reading.count("a number of terms")? {
            let term = reading.text("a term")?;
            let count = reading.count("a number of rows")?;
            let found = reading.pieces::<4>(count, "the rows of a term")?;
            let found: Vec<u32> = found.iter().map(|row| u32::from_le_bytes(*row)).collect();
            let ascends = found.is_sorted_by(|one, other| one < other);
            if !ascends || found.last().is_some_and(|last| *last as usize >= rows) {
                return Err(reading.damage("ascending rows of a term"));
            }
            terms.insert(Box::from(term), found);
        }
        Ok(Self { terms, times })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Moment;

    fn attributes() -> impl Strategy<Value = Attributes> {
        let word = || proptest::sample::select(vec!["", "a", "b", "ab"]).prop_map(str::to_owned);
        let fields = proptest::collection::btree_map(word(), word(), 0..3);
        let time = proptest::option::of((-5_i64..5).prop_map(Moment::from_millis));
        (word(), word(), proptest::collection::vec(word(), 0..3), time, fields)
            .prop_map(|(scope, kind, tags, time, fields)| Attributes { scope, kind, tags, time, fields })
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let word = || proptest::sample::select(vec!["", "a", "b", "ab"]);
        let time = || proptest::option::of((-5_i64..5).prop_map(Moment::from_millis));
        let leaf = prop_oneof![
            word().prop_map(Filter::scope),
            word().prop_map(Filter::kind),
            word().prop_map(Filter::tag),
            (word(), word()).prop_map(|(name, value)| Filter::field(name, value)),
            (time(), time()).prop_map(|(from, until)| Filter::Time { from, until }),
        ];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
                inner.prop_map(|inner| Filter::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_passes_by_columns_passes_one_by_one(
            all in proptest::collection::vec(attributes(), 0..20),
            filter in filter(),
            dead in proptest::collection::vec(0_u32..20, 0..5),
        ) {
            let mut columns = Columns::default();
            all.iter().for_each(|attributes| columns.push(attributes));
            let check = |columns: &Columns, all: &[&Attributes]| {
                let passing: Vec<u32> = (0_u32..).zip(all).filter(|(_, attributes)| filter.accepts(attributes)).map(|(row, _)| row).collect();
                assert_eq!(columns.passing(&filter).iter().collect::<Vec<_>>(), passing);
            };
            check(&columns, &all.iter().collect::<Vec<_>>());
            let mut bytes = Vec::new();
            columns.encode(&mut bytes);
            prop_assert_eq!(Columns::decode(&mut Reading::new(&bytes)), Ok(columns.clone()));
            // Without the dead, behind others.
            let mut gone = Rows::none(all.len());
            dead.iter().for_each(|row| { gone.insert(*row); });
            let mut merged = columns.clone();
            merged.append(&columns, &gone);
            let left = (0_u32..).zip(&all).filter(|(row, _)| !gone.contains(*row)).map(|(_, attributes)| attributes);
            check(&merged, &all.iter().chain(left).collect::<Vec<_>>());
        }

        #[test]
        fn attributes_are_read_as_they_were_written(attributes in attributes()) {
            let mut bytes = Vec::new();
            attributes.encode(&mut bytes);
            let mut reading = Reading::new(&bytes);
            prop_assert_eq!(Attributes::decode(&mut reading), Ok(attributes));
            prop_assert_eq!(reading.end(), Ok(()));
        }
    }

    #[test]
    fn a_filter_has_a_depth() {
        let nested = |depth| (0..depth).fold(Filter::tag("a"), |inner, _| Filter::Not(Box::new(inner)));
        assert_eq!(nested(Filter::MAX_DEPTH - 1).check(), Ok(()));
        assert_eq!(nested(Filter::MAX_DEPTH).check(), Err(crate::segments::FilterTooDeep));
    }
}
