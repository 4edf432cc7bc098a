//! Consolidation says less and loses nothing, however often it is done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::llm::scripted::{Script, Scripted};
use crate::llm::{Usage, Usd};
use crate::memory::{
    Detail, Episode, Fact, Filter, Kind, Memory, MemoryError, MemoryOptions, Query, Scope,
    UnifiedMemoryConfig, Write,
};
use crate::time::{Moment, SystemIds, TestClock};

fn dollars(text: &str) -> Usd {
    text.parse().unwrap()
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn memory() -> (Memory, Arc<TestClock>) {
    let clock = Arc::new(TestClock::new(Moment::from_millis(1_700_000_000_000)));
    let mut config = UnifiedMemoryConfig::ephemeral();
    config.episodic.ttl_seconds = Some(10 * 365 * 24 * 3_600);
    let options = MemoryOptions::in_memory().config(config).time(clock.clone(), Arc::new(SystemIds));
    (Memory::open(options).await.unwrap(), clock)
}

async fn texts(memory: &Memory, kind: Kind) -> Vec<String> {
    let page = memory.list(&Query::of(Scope::default(), kind).limit(100)).await.unwrap();
    page.entries.iter().map(|entry| entry.text()).collect()
}

async fn consolidate(memory: &Memory, plan: &Consolidation) -> Consolidated {
    memory.consolidate(plan, &Extract).await.unwrap()
}

#[tokio::test]
async fn facts_that_say_the_same_become_one_and_others_stay() {
    let (memory, _) = memory().await;
    let sure = |confidence| Fact { confidence, ..Fact::default() };
    let writes = [
        Write::fact("Ada likes tea.", sure(0.4)).tags(["drinks"]),
        Write::fact("ada likes TEA", sure(0.9)).tags(["ada"]),
        Write::fact("Ada likes tea?", sure(0.2)),
        Write::fact("Ada likes no tea", sure(0.9)),
        Write::fact("Ada likes tea", Fact { domain: "customers".to_owned(), ..Fact::default() }),
        Write::fact(" … ", sure(1.0)),
        Write::fact("!", sure(1.0)),
    ];
    for write in writes {
        memory.remember(write).await.unwrap();
    }
    let plan = Consolidation::of(vec![Scope::default()]);
    let trial = consolidate(&memory, &Consolidation { dry_run: true, ..plan.clone() }).await;
    assert_eq!((trial.duplicates, texts(&memory, Kind::Semantic).await.len()), (2, 7));
    assert_eq!(consolidate(&memory, &plan).await.duplicates, 2);
    assert_eq!(consolidate(&memory, &plan).await, Consolidated::default());
    let all = texts(&memory, Kind::Semantic).await;
    assert_eq!(all, ["Ada likes tea?", "!", " … ", "Ada likes tea", "Ada likes no tea"]);
    let page = memory.list(&Query::of(Scope::default(), Kind::Semantic)).await.unwrap();
    let merged = &page.entries[0];
    let Detail::Semantic(fact) = &merged.detail else { panic!("{merged:?}") };
    assert_eq!((fact.confidence, merged.tags.len()), (0.9, 2));
    // What was superseded says by what.
    let first = memory.by_id(merged.supersedes.unwrap()).await.unwrap().unwrap();
    assert_eq!(first.superseded_by, Some(merged.id));
}

async fn talk(memory: &Memory, clock: &TestClock, days: u32) {
    for day in 0..days {
        for number in 0..6 {
            let episode = Episode { participants: vec!["Ada".to_owned()], ..Episode::default() };
            let text = format!("The deploy of day {day} failed. Attempt {number} of it was slow.");
            memory.remember(Write::episode(text, episode)).await.unwrap();
        }
        memory.remember(Write::episode("A lone talk", Episode::default())).await.unwrap();
        clock.advance(DAY);
    }
}

fn summaries() -> Consolidation {
    Consolidation {
        summaries: Some(Summaries { older_than: DAY, max_tokens: 20, ..Summaries::default() }),
        ..Consolidation::of(vec![Scope::default()])
    }
}

#[tokio::test]
async fn old_episodes_become_a_summary_a_day_once() {
    let (memory, clock) = memory().await;
    talk(&memory, &clock, 3).await;
    let done = consolidate(&memory, &summaries()).await;
    assert_eq!((done.summaries, done.summarised, done.problems.len()), (3, 18, 0));
    assert_eq!(consolidate(&memory, &summaries()).await, Consolidated::default());
    let of_ada =
        Filter { types: vec!["summary".to_owned()], subjects: vec!["Ada".to_owned()], ..Filter::default() };
    let page = memory.list(&Query::of(Scope::default(), Kind::Semantic).filter(of_ada)).await.unwrap();
    assert_eq!(page.entries.len(), 3);
    let summary = &page.entries[0];
    assert!(summary.text().contains("The deploy of day 0 failed."), "{}", summary.text());
    assert_eq!(summary.metadata.get("summarises").unwrap().as_list().unwrap().len(), 6);
    assert_eq!(summary.source.source, "consolidation");
    assert_eq!(texts(&memory, Kind::Episodic).await.len(), 21);
}

/// Costs a cent each time, and fails the second time.
#[derive(Debug, Default)]
struct Dear(std::sync::atomic::AtomicU32);

#[async_trait]
impl Summariser for Dear {
    fn model(&self) -> Option<&str> {
        Some("dear")
    }

    async fn summarise(&self, _: &str, texts: &[String], _: u64) -> Result<Summary, SummariseError> {
        let usage = Usage { cost: dollars("0.01"), ..Usage::default() };
        match self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            1 => Err(SummariseError { message: "busy".to_owned(), usage }),
            _ => Ok(Summary { text: format!("{} talks", texts.len()), usage }),
        }
    }
}

#[tokio::test]
async fn summaries_stay_in_their_budget_and_a_failure_is_told() {
    let (memory, clock) = memory().await;
    talk(&memory, &clock, 5).await;
    let mut plan = summaries();
    plan.summaries = plan.summaries.map(|plan| Summaries { max_cost: Some(dollars("0.025")), ..plan });
    let dear = Dear::default();
    let done = memory.consolidate(&plan, &dear).await.unwrap();
    assert_eq!((done.summaries, done.spent.cost), (2, dollars("0.03")));
    assert_eq!(done.problems.len(), 2, "{:?}", done.problems);
    assert!(done.problems[0].ends_with("were not summarised: busy"), "{:?}", done.problems);
    // What was left is done the next time, what was done is not done again.
    let done = memory.consolidate(&summaries(), &dear).await.unwrap();
    assert_eq!((done.summaries, done.problems.len()), (3, 0));
    let page = memory.list(&Query::of(Scope::default(), Kind::Semantic)).await.unwrap();
    assert!(
        page.entries
            .iter()
            .all(|entry| entry.text() == "6 talks" && entry.source.model.as_deref() == Some("dear"))
    );
    assert_eq!(page.entries[0].account.cost, dollars("0.01"));
}

#[tokio::test]
async fn what_is_old_and_matters_little_goes() -> Result<(), MemoryError> {
    let (memory, clock) = memory().await;
    for importance in [1.0, 8.0] {
        let write = Write::fact(importance.to_string(), Fact::default());
        memory.remember(Write { importance, ..write }).await?;
    }
    let decay = Decay { half_life: DAY, floor: 0.0 };
    let plan = Consolidation {
        retention: vec![Retention {
            kind: Kind::Semantic,
            older_than: DAY,
            below: Some((0.3, decay)),
            erase: false,
        }],
        ..Consolidation::of(vec![Scope::default()])
    };
    clock.advance(2 * DAY);
    let trial = consolidate(&memory, &Consolidation { dry_run: true, ..plan.clone() }).await;
    assert_eq!((trial.forgotten, texts(&memory, Kind::Semantic).await.len()), (1, 2));
    assert_eq!(consolidate(&memory, &plan).await.forgotten, 1);
    assert_eq!(texts(&memory, Kind::Semantic).await, ["8"]);
    let erase = Retention { kind: Kind::Semantic, older_than: DAY, below: None, erase: true };
    let done = consolidate(&memory, &Consolidation { retention: vec![erase], ..plan }).await;
    assert_eq!((done.erased, texts(&memory, Kind::Semantic).await.len()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn a_model_is_asked_for_summaries_within_bounds() {
    let provider = Arc::new(Scripted::new(Script::texts([" They talked. ", " "])));
    let by = ByModel::new(provider.clone(), "m");
    let texts = vec!["x".repeat(100_000); 20];
    let summary = by.summarise("key", &texts, 50).await.unwrap();
    assert_eq!(summary.text, "They talked.");
    let request = &provider.requests()[0];
    assert_eq!(request.max_tokens, Some(50));
    let asked = request.messages[1].joined_text().len();
    assert!((56_000..66_000).contains(&asked), "{asked}");
    assert_eq!(by.summarise("key", &texts, 50).await.unwrap_err().message, "the model said nothing");
}
