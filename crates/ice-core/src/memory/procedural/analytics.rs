//! Judges procedures: which are the best, and which fit what is at hand.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ProceduralMemory;
use super::storage::procedure;
use crate::memory::{Entry, Filter, MAX_PAGE, MemoryError, Procedure};
use crate::value::{Map, Value};

/// How often a procedure must have been used for its success rate to be believed.
pub const MIN_USES: u64 = 5;
/// How many are given if none was used so often.
const TOP: usize = 3;

/// How good a procedure is as the result of a search, from 0 to 1: 70 % of it its success rate, up to 0.3 for a hundredth
/// of how often it was used.
#[must_use]
pub fn score(procedure: &Procedure) -> f64 {
    procedure.success_rate * 0.7 + (procedure.usage_count as f64 / 100.0).min(0.3)
}

/// Whether a procedure fits a context: its `type` is one of the procedure's contexts (if it has a type), every prerequisite
/// is given and is neither false, zero nor empty, and every condition that names a field of the context holds: a range
/// `[low, high]` with both ends included, or the same value.
#[must_use]
pub fn applies(procedure: &Procedure, context: &Map) -> bool {
    let fits = match context.get("type").filter(|sort| !sort.is_null()) {
        Some(Value::String(sort)) => procedure.contexts.iter().any(|context| **context == **sort),
        Some(_) => false,
        None => true,
    };
    fits && procedure.prerequisites.iter().all(|name| context.get(name).is_some_and(is_truthy))
        && procedure
            .applicable_when
            .iter()
            .all(|(name, wanted)| context.get(name).is_none_or(|given| holds(wanted, given)))
}

fn holds(wanted: &Value, given: &Value) -> bool {
    match (wanted.as_list(), given.as_f64()) {
        (Some([low, high]), Some(given)) if low.as_f64().is_some() && high.as_f64().is_some() => {
            low.as_f64().is_some_and(|low| low <= given) && high.as_f64().is_some_and(|high| given <= high)
        }
        (Some(_) | None, _) => match (wanted.as_f64(), given.as_f64()) {
            (Some(wanted), Some(given)) => wanted == given,
            (Some(_) | None, _) => wanted == given,
        },
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(_) => value.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(entries) => !entries.is_empty(),
        Value::Blob(_) => true,
    }
}

/// How the procedures of a category or domain do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CategoryMetrics {
    /// How many there are.
    pub procedures: u64,
    /// How often they were used, all together.
    pub usage_count: u64,
    /// The mean of their success rates.
    pub mean_success_rate: f64,
}

impl ProceduralMemory {
    /// The success rate of an entry; 0 if it is no procedure.
    #[must_use]
    pub fn success_rate_of(&self, entry: &Entry) -> f64 {
        procedure(entry).map_or(0.0, |procedure| procedure.success_rate)
    }

    /// The procedures of a category that succeed at least so often, the best first: those that were used at least
    /// [`MIN_USES`] times, or else the best 3.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn best_procedures(&self, category: &str, min_success: f64) -> Result<Vec<Entry>, MemoryError> {
        let filter = Filter {
            category: Some(category.to_owned()),
            min_success_rate: Some(min_success),
            ..Filter::default()
        };
        let mut found = self.list(filter, MAX_PAGE).await?;
        sort(&mut found);
        let is_proven = |entry: &Entry| procedure(entry).is_some_and(|known| known.usage_count >= MIN_USES);
        if found.iter().any(is_proven) {
            found.retain(is_proven);
        } else {
            found.truncate(TOP);
        }
        Ok(found)
    }

    /// The procedures of a category, or of any, that fit a context ([`applies`]), the best first.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn find_applicable_procedures(
        &self,
        context: &Map,
        category: Option<&str>,
    ) -> Result<Vec<Entry>, MemoryError> {
        let sort_of = context.get("type").and_then(Value::as_str).map(str::to_owned);
        let category = category.map(str::to_owned);
        let filter = Filter { category, context: sort_of, ..Filter::default() };
        let mut found = self.list(filter, MAX_PAGE).await?;
        found.retain(|entry| procedure(entry).is_some_and(|procedure| applies(procedure, context)));
        sort(&mut found);
        Ok(found)
    }

    /// The procedures that succeed at least so often and were used at least so many times, the best first.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn export_successful_procedures(
        &self,
        min_rate: f64,
        min_usage: u64,
    ) -> Result<Vec<Entry>, MemoryError> {
        let filter = Filter { min_success_rate: Some(min_rate), ..Filter::default() };
        let mut found = self.list(filter, MAX_PAGE).await?;
        found.retain(|entry| procedure(entry).is_some_and(|procedure| procedure.usage_count >= min_usage));
        sort(&mut found);
        Ok(found)
    }

    /// How the procedures of each category do.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn category_metrics(&self) -> Result<BTreeMap<String, CategoryMetrics>, MemoryError> {
        self.metrics(|procedure| &procedure.category).await
    }

    /// How the procedures of each domain do.
    ///
    /// # Errors
    /// As [`Memory::get`](crate::memory::Memory::get).
    pub async fn domain_metrics(&self) -> Result<BTreeMap<String, CategoryMetrics>, MemoryError> {
        self.metrics(|procedure| &procedure.domain).await
    }

    async fn metrics(
        &self,
        of: fn(&Procedure) -> &String,
    ) -> Result<BTreeMap<String, CategoryMetrics>, MemoryError> {
        let mut found = BTreeMap::<String, CategoryMetrics>::new();
        for known in self.list(Filter::default(), MAX_PAGE).await?.iter().filter_map(procedure) {
            let metrics = found.entry(of(known).clone()).or_default();
            metrics.procedures += 1;
            metrics.usage_count += known.usage_count;
            metrics.mean_success_rate += known.success_rate;
        }
        for metrics in found.values_mut() {
            metrics.mean_success_rate /= metrics.procedures as f64;
        }
        Ok(found)
    }
}

/// The most successful first, then the most used, then by key.
fn sort(entries: &mut [Entry]) {
    entries.sort_by(|one, other| {
        let rank = |entry: &Entry| {
            procedure(entry).map_or((0.0, 0), |known| (known.success_rate, known.usage_count))
        };
        let (one_rank, other_rank) = (rank(one), rank(other));
        (other_rank.0.total_cmp(&one_rank.0))
            .then_with(|| other_rank.1.cmp(&one_rank.1))
            .then_with(|| one.key.cmp(&other.key))
    });
}
