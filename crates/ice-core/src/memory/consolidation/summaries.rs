//! Old episodes become summaries.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Consolidated, Summaries, SummariseError, Summariser};
use crate::memory::{
    Detail, Entry, Fact, Filter, Kind, MAX_PAGE, Memory, MemoryError, MemoryKey, Provenance, Query, Scope,
    Validity, Write,
};
use crate::value::Value;

/// The type of the facts that are summaries.
const SUMMARY: &str = "summary";
/// The most episodes of one summary: what is more of a day is another one.
const MOST: usize = 100;
/// The least span of time: what ends so much later, or is asked for before that, includes the moment.
pub(super) const LEAST: Duration = Duration::from_millis(1);
/// The most bytes of one episode that are summarised.
const MAX_EPISODE_BYTES: usize = 16 << 10;

/// Episodes of the same participants on the same day, the oldest first.
struct Group {
    participants: Vec<String>,
    episodes: Vec<Entry>,
}

impl Group {
    /// What the summary of these is called: of the same ones the same.
    fn key(&self) -> Result<MemoryKey, MemoryError> {
        let mut digest = blake3::Hasher::new();
        self.episodes.iter().for_each(|entry| {
            digest.update(&entry.id.bytes());
        });
        let digest = digest.finalize().to_hex();
        let text = format!("summary-{}", digest.get(..32).unwrap_or_default());
        MemoryKey::new(&text).map_err(|error| MemoryError::invalid("the key of a summary", error.to_string()))
    }
}

impl Memory {
    pub(super) async fn summarise(
        &self,
        scope: &Scope,
        plan: &Summaries,
        summariser: &dyn Summariser,
        dry_run: bool,
        done: &mut Consolidated,
    ) -> Result<(), MemoryError> {
        let before = self.now().before(plan.older_than).plus(LEAST);
        let filter = Filter { before: Some(before), ..Filter::default() };
        let mut query = Query::of(scope.clone(), Kind::Episodic).filter(filter).limit(MAX_PAGE);
        let mut day: Option<(String, Vec<Entry>)> = None;
        loop {
            let page = self.list(&query).await?;
            // The newest come first, so that days come one after the other.
            for mut entry in page.entries {
                let of = crate::memory::query::day(entry.time());
                let text = entry.text();
                entry.content =
                    Value::from(text.get(..text.floor_char_boundary(MAX_EPISODE_BYTES)).unwrap_or_default());
                match &mut day {
                    Some((at, entries)) if *at == of => entries.push(entry),
                    Some(_) | None => {
                        if let Some((at, entries)) = day.replace((of, vec![entry])) {
                            self.summarise_day(scope, plan, summariser, (&at, entries), dry_run, done)
                                .await?;
                        }
                    }
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        match day {
            Some((at, entries)) => {
                self.summarise_day(scope, plan, summariser, (&at, entries), dry_run, done).await
            }
            None => Ok(()),
        }
    }

    async fn summarise_day(
        &self,
        scope: &Scope,
        plan: &Summaries,
        summariser: &dyn Summariser,
        (day, entries): (&str, Vec<Entry>),
        dry_run: bool,
        done: &mut Consolidated,
    ) -> Result<(), MemoryError> {
        for group in groups(entries).into_iter().filter(|group| group.episodes.len() >= plan.least.max(2)) {
            let key = group.key()?;
            if self.get(scope, Kind::Semantic, &key).await?.is_some() {
                continue;
            }
            let is_over = plan.max_cost.is_some_and(|most| done.spent.cost >= most);
            if done.summaries >= plan.max_calls || is_over {
                let problem = "summaries are left for another time: as many were made, or as much was spent, as is allowed";
                if !done.problems.iter().any(|known| known == problem) {
                    done.problems.push(problem.to_owned());
                }
                return Ok(());
            }
            if !dry_run {
                let texts: Vec<String> = group.episodes.iter().map(Entry::text).collect();
                let summary = match summariser.summarise(key.as_str(), &texts, plan.max_tokens).await {
                    Ok(summary) => summary,
                    Err(SummariseError { message, usage }) => {
                        done.spent += usage;
                        done.problems.push(format!("the episodes of {day} were not summarised: {message}"));
                        continue;
                    }
                };
                done.spent += summary.usage;
                let write = written(scope, key, &group, summary.text, summariser.model());
                self.remember(Write { cost: summary.usage.cost, ..write }).await?;
            }
            done.summaries += 1;
            done.summarised += group.episodes.len() as u64;
        }
        Ok(())
    }
}

/// The episodes of a day by their participants, in pieces.
fn groups(mut entries: Vec<Entry>) -> Vec<Group> {
    entries.reverse();
    let mut by_participants: BTreeMap<Vec<String>, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        if let Detail::Episodic(episode) = &entry.detail {
            let mut participants = episode.participants.clone();
            participants.sort();
            by_participants.entry(participants).or_default().push(entry);
        }
    }
    let pieces = by_participants.into_iter().flat_map(|(participants, episodes)| {
        let pieces: Vec<Group> = episodes
            .chunks(MOST)
            .map(|episodes| Group { participants: participants.clone(), episodes: episodes.to_vec() })
            .collect();
        pieces
    });
    pieces.collect()
}

fn written(scope: &Scope, key: MemoryKey, group: &Group, text: String, model: Option<&str>) -> Write {
    let (first, last) = (group.episodes.first(), group.episodes.last());
    let valid = Validity { from: first.map(Entry::time), until: last.map(|last| last.time().plus(LEAST)) };
    let fact = Fact {
        fact_type: SUMMARY.to_owned(),
        entities: group.participants.clone(),
        valid,
        ..Fact::default()
    };
    let ids: Vec<Value> = group.episodes.iter().map(|entry| Value::from(entry.id.to_string())).collect();
    let mut write = Write::fact(text, fact).scope(scope.clone()).key(key);
    write.metadata.insert("summarises".into(), Value::list(ids));
    // Whoever they are about, the summary is about as well: it is erased with them.
    write.subjects = group.episodes.iter().flat_map(|entry| entry.subjects.iter().cloned()).collect();
    write.subjects.truncate(crate::memory::MAX_WORDS);
    write.importance = group.episodes.iter().map(|entry| entry.importance).fold(1.0, f64::max);
    write.source = Provenance {
        model: model.map(str::to_owned),
        source: "consolidation".to_owned(),
        ..Provenance::default()
    };
    write
}
