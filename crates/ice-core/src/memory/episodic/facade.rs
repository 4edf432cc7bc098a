//! Episodic memory of a scope.

use std::time::Duration;

use super::patterns::{MAX_ANALYSED, Patterns, patterns};
use crate::memory::working::key_of;
use crate::memory::{
    Detail, Entry, Episode, Filter, Kind, Memory, MemoryError, Query, Scope, Selector, Write,
};
use crate::time::Moment;
use crate::value::{Map, Value};

/// Episodic memory of a scope: what happened, the newest first. Episodes last 7 days unless the configuration says otherwise.
///
/// ```
/// use ice_core::memory::{Episode, EpisodicMemory, Memory, MemoryOptions, Scope};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = Memory::open(MemoryOptions::in_memory()).await?;
/// let episodic = EpisodicMemory::new(memory, Scope::default());
/// let episode = Episode { participants: vec!["Ada".to_owned()], outcome: "sale".to_owned(), ..Episode::default() };
/// episodic.record("She bought the bicycle.", episode).await?;
/// assert_eq!(episodic.conversation_history("Ada", 50).await?.len(), 1);
/// assert_eq!(episodic.analyze_patterns(None, None).await?.insights[0], "Success rate: 100.0%");
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EpisodicMemory {
    memory: Memory,
    scope: Scope,
}

impl EpisodicMemory {
    /// The episodic memory of a scope.
    #[must_use]
    pub const fn new(memory: Memory, scope: Scope) -> Self {
        Self { memory, scope }
    }

    /// Remembers what happened.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn record(&self, content: impl Into<Value>, episode: Episode) -> Result<Entry, MemoryError> {
        self.memory.remember(Write::episode(content, episode).scope(self.scope.clone())).await
    }

    /// Remembers what happened under a key; what it is, is told by the metadata: [`episode_of`].
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn store(
        &self,
        key: &str,
        content: impl Into<Value>,
        metadata: Map,
    ) -> Result<Entry, MemoryError> {
        let (episode, tags, metadata) = episode_of(metadata)?;
        let mut write =
            Write::episode(content, episode).scope(self.scope.clone()).key(key_of(key)?).tags(tags);
        write.metadata = metadata;
        self.memory.remember(write).await
    }

    /// What a key stands for.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn retrieve(&self, key: &str) -> Result<Option<Entry>, MemoryError> {
        self.memory.get(&self.scope, Kind::Episodic, &key_of(key)?).await
    }

    /// Forgets a key; says whether there was something.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn delete(&self, key: &str) -> Result<bool, MemoryError> {
        let selector = Selector::Key { scope: self.scope.clone(), kind: Kind::Episodic, key: key_of(key)? };
        Ok(self.memory.forget(&selector).await? > 0)
    }

    /// Episodes like this, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list(&self, filter: Filter, limit: usize) -> Result<Vec<Entry>, MemoryError> {
        let query = Query::of(self.scope.clone(), Kind::Episodic).filter(filter).limit(limit);
        Ok(self.memory.list(&query).await?.entries)
    }

    /// The last conversations in which somebody took part, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn conversation_history(
        &self,
        participant: &str,
        limit: usize,
    ) -> Result<Vec<Entry>, MemoryError> {
        let types = vec!["conversation".to_owned()];
        let participants = vec![participant.to_owned()];
        self.list(Filter { types, participants, ..Filter::default() }, limit).await
    }

    /// What happened within the last hours, of one type or any, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn recent_episodes(
        &self,
        hours: u32,
        episode_type: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, MemoryError> {
        let since = self.memory.now().before(Duration::from_secs(u64::from(hours) * 3_600));
        let types = episode_type.map(str::to_owned).into_iter().collect();
        self.list(Filter { types, since: Some(since), ..Filter::default() }, limit).await
    }

    /// What the last 100 episodes of a participant and a type, or of any, have in common.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn analyze_patterns(
        &self,
        participant: Option<&str>,
        episode_type: Option<&str>,
    ) -> Result<Patterns, MemoryError> {
        let types = episode_type.map(str::to_owned).into_iter().collect();
        let participants = participant.map(str::to_owned).into_iter().collect();
        let filter = Filter { types, participants, ..Filter::default() };
        Ok(patterns(&self.list(filter, MAX_ANALYSED).await?))
    }
}

/// What metadata tell of an episode: `type` (else `conversation`), `participants`, `outcome` (else `ongoing`), `sentiment`
/// (else `neutral`), `tags` and `timestamp`. Gives the episode, its tags and what else there is.
///
/// # Errors
/// [`MemoryError::Invalid`] if one of these has the wrong type.
pub fn episode_of(mut metadata: Map) -> Result<(Episode, Vec<String>, Map), MemoryError> {
    let mut episode = Episode::default();
    for (field, to) in [
        ("type", &mut episode.episode_type),
        ("outcome", &mut episode.outcome),
        ("sentiment", &mut episode.sentiment),
    ] {
        if let Some(text) = text(&mut metadata, field)? {
            *to = text;
        }
    }
    episode.participants = texts(&mut metadata, "participants")?;
    if let Some(at) = text(&mut metadata, "timestamp")? {
        let at: Moment = serde_json::from_value(at.into())
            .map_err(|error| MemoryError::invalid("`timestamp` of the metadata", error.to_string()))?;
        episode.at = Some(at);
    }
    let tags = texts(&mut metadata, "tags")?;
    Ok((episode, tags, metadata))
}

/// Takes a text out of metadata.
pub(in crate::memory) fn text(metadata: &mut Map, field: &str) -> Result<Option<String>, MemoryError> {
    match metadata.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.to_string())),
        Some(other) => Err(wrong(field, "a text", &other)),
    }
}

/// Takes texts out of metadata.
pub(in crate::memory) fn texts(metadata: &mut Map, field: &str) -> Result<Vec<String>, MemoryError> {
    let list = match metadata.remove(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::List(list)) => list,
        Some(other) => return Err(wrong(field, "a list of texts", &other)),
    };
    let text =
        |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| wrong(field, "a list of texts", item));
    list.iter().map(text).collect()
}

/// Takes a number out of metadata.
pub(in crate::memory) fn number(metadata: &mut Map, field: &str) -> Result<Option<f64>, MemoryError> {
    match metadata.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(other) => other.as_f64().map(Some).ok_or_else(|| wrong(field, "a number", &other)),
    }
}

pub(in crate::memory) fn wrong(field: &str, expected: &str, found: &Value) -> MemoryError {
    let problem = format!("it must be {expected}, not of the type {}", found.type_name());
    MemoryError::invalid(format!("`{field}` of the metadata"), problem)
}

/// The episode of an entry.
#[must_use]
pub const fn episode(entry: &Entry) -> Option<&Episode> {
    match &entry.detail {
        Detail::Episodic(episode) => Some(episode),
        Detail::Working(_) | Detail::Semantic(_) | Detail::Procedural(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::memory::MemoryOptions;
    use crate::time::{SystemIds, TestClock};

    async fn memory() -> (EpisodicMemory, TestClock) {
        let clock = TestClock::new(Moment::from_millis(1_767_225_600_000));
        let options = MemoryOptions::in_memory().time(Arc::new(clock.clone()), Arc::new(SystemIds));
        (EpisodicMemory::new(Memory::open(options).await.unwrap(), Scope::default()), clock)
    }

    fn metadata(json: &str) -> Map {
        serde_json::from_str::<Value>(json).unwrap().as_map().unwrap().clone()
    }

    #[tokio::test]
    async fn metadata_tell_what_an_episode_is() {
        let (episodic, _) = memory().await;
        let given = metadata(r#"{"type":"sale","participants":["Ada"],"tags":["bike"],"channel":"mail"}"#);
        let entry = episodic.store("e", "sold", given).await.unwrap();
        let expected = Episode {
            at: Some(entry.learned),
            episode_type: "sale".to_owned(),
            participants: vec!["Ada".to_owned()],
            expires: Some(entry.learned.plus(Duration::from_secs(604_800))),
            ..Episode::default()
        };
        assert_eq!(episode(&entry), Some(&expected));
        assert_eq!((&entry.subjects, &entry.tags), (&vec!["Ada".to_owned()], &vec!["bike".to_owned()]));
        assert_eq!(entry.metadata, metadata(r#"{"channel":"mail"}"#));
        let error = episodic.store("e", "x", metadata(r#"{"participants":"Ada"}"#)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`participants` of the metadata cannot be taken: it must be a list of texts, not of the type string"
        );
    }

    #[tokio::test]
    async fn history_and_recent_episodes_are_found_by_time_and_by_who_took_part() {
        let (episodic, clock) = memory().await;
        for (participant, sort) in [("Ada", "conversation"), ("Bob", "conversation"), ("Ada", "sale")] {
            let episode = Episode {
                participants: vec![participant.to_owned()],
                episode_type: sort.to_owned(),
                ..Episode::default()
            };
            episodic.record(format!("{participant}: {sort}"), episode).await.unwrap();
            clock.advance(Duration::from_secs(3_600));
        }
        let said = |entries: Vec<Entry>| entries.iter().map(Entry::text).collect::<Vec<_>>();
        assert_eq!(said(episodic.conversation_history("Ada", 50).await.unwrap()), ["Ada: conversation"]);
        assert_eq!(
            said(episodic.recent_episodes(2, None, 10).await.unwrap()),
            ["Ada: sale", "Bob: conversation"]
        );
        assert_eq!(said(episodic.recent_episodes(24, Some("sale"), 10).await.unwrap()), ["Ada: sale"]);
        let date = Filter { date: Some("2026-01-01".to_owned()), ..Filter::default() };
        assert_eq!(episodic.list(date, 10).await.unwrap().len(), 3);
        clock.advance(Duration::from_secs(604_800));
        assert_eq!(episodic.list(Filter::default(), 10).await.unwrap(), []);
    }

    #[tokio::test]
    async fn patterns_count_outcomes_sentiments_tags_and_hours() {
        let (episodic, _) = memory().await;
        for number in 0..10_i64 {
            let episode = Episode {
                at: Some(Moment::from_millis(number * 60_000 + 9 * 3_600_000)),
                outcome: ["success", "sale", "lost"][usize::try_from(number % 3).unwrap()].to_owned(),
                sentiment: if number < 8 { "positive" } else { "neutral" }.to_owned(),
                expires: Some(Moment::from_millis(i64::MAX)),
                ..Episode::default()
            };
            let tags = ["b", "a", "c", "d", "e", "f"].into_iter().take(usize::try_from(number).unwrap());
            let write = Write::episode("x", episode).tags(tags);
            episodic.memory.remember(write).await.unwrap();
        }
        let found = episodic.analyze_patterns(None, Some("conversation")).await.unwrap();
        assert_eq!(
            (found.total_episodes, found.outcomes["success"], found.hourly_distribution[9]),
            (10, 4, 10)
        );
        let tags: Vec<(&str, usize)> =
            found.top_tags.iter().map(|(tag, count)| (tag.as_str(), *count)).collect();
        assert_eq!(tags, [("b", 9), ("a", 8), ("c", 7), ("d", 6), ("e", 5)]);
        assert_eq!(
            found.insights,
            ["Success rate: 70.0%", "High positive sentiment: 80.0%", "Peak hour: 9:00 UTC with 10 episodes"]
        );
        assert_eq!(episodic.analyze_patterns(Some("Nobody"), None).await.unwrap(), Patterns::default());
    }
}
