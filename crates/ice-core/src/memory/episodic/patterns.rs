//! What episodes have in common.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::memory::{Detail, Entry};

/// The most episodes that are analysed: the newest.
pub const MAX_ANALYSED: usize = 100;
/// How many tags are told.
const TOP_TAGS: usize = 5;

/// What episodes have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Patterns {
    /// How many episodes were analysed.
    pub total_episodes: usize,
    /// How often each outcome occurs.
    pub outcomes: BTreeMap<String, usize>,
    /// How often each sentiment occurs.
    pub sentiments: BTreeMap<String, usize>,
    /// The most frequent tags with their counts, the most frequent first, then by name; at most 5.
    pub top_tags: Vec<(String, usize)>,
    /// How many began in each hour of the day, in UTC.
    pub hourly_distribution: [usize; 24],
    /// What stands out, in words.
    pub insights: Vec<String>,
}

/// Finds what episodes have in common. Other kinds are passed over.
///
/// The insights: the share of the outcomes `success` and `sale`; a high positive sentiment, if more than 70 % are
/// `positive`; the hour in which most episodes began, if more than 10 % did.
#[must_use]
pub fn patterns(episodes: &[Entry]) -> Patterns {
    let mut found = Patterns::default();
    let mut tags = BTreeMap::<&str, usize>::new();
    for entry in episodes.iter().take(MAX_ANALYSED) {
        let Detail::Episodic(episode) = &entry.detail else { continue };
        found.total_episodes += 1;
        *found.outcomes.entry(episode.outcome.clone()).or_default() += 1;
        *found.sentiments.entry(episode.sentiment.clone()).or_default() += 1;
        entry.tags.iter().for_each(|tag| *tags.entry(tag).or_default() += 1);
        let hour = entry.time().as_millis().div_euclid(3_600_000).rem_euclid(24);
        if let Some(count) =
            usize::try_from(hour).ok().and_then(|hour| found.hourly_distribution.get_mut(hour))
        {
            *count += 1;
        }
    }
    let mut tags: Vec<(String, usize)> =
        tags.into_iter().map(|(tag, count)| (tag.to_owned(), count)).collect();
    tags.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    tags.truncate(TOP_TAGS);
    found.top_tags = tags;
    found.insights = insights(&found);
    found
}

fn insights(found: &Patterns) -> Vec<String> {
    if found.total_episodes == 0 {
        return Vec::new();
    }
    let total = found.total_episodes as f64;
    let count = |counts: &BTreeMap<String, usize>, name: &str| counts.get(name).copied().unwrap_or_default();
    let good = count(&found.outcomes, "success") + count(&found.outcomes, "sale");
    let mut insights = vec![format!("Success rate: {:.1}%", good as f64 / total * 100.0)];
    let positive = count(&found.sentiments, "positive") as f64 / total;
    if positive > 0.7 {
        insights.push(format!("High positive sentiment: {:.1}%", positive * 100.0));
    }
    // The earliest of the hours with the most episodes.
    let peak = found.hourly_distribution.iter().enumerate().rev().max_by_key(|(_, count)| **count);
    if let Some((hour, count)) = peak
        && *count as f64 > total * 0.1
    {
        insights.push(format!("Peak hour: {hour}:00 UTC with {count} episodes"));
    }
    insights
}
