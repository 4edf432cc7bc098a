//! Random histories by two handles on one store, compared with a plain list of events.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite of tests: a failure is a panic by definition"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Ground;
use super::check::is_sound;
use crate::id::RunId;
use crate::memory::{
    AsOf, Detail, Entry, EntryId, Episode, Fact, Filter, Kind, Memory, MemoryError, MemoryKey, Procedure,
    Provenance, Query, Relationship, Scope, Selector, Validity, Write,
};
use crate::store::{BlobStore, Store};
use crate::time::{Clock, Moment};
use crate::value::Value;

/// How many entries working memory holds here.
const WORKING: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Write {
        scope: u8,
        kind: u8,
        key: Option<u8>,
        word: u8,
        other: u8,
        run: Option<u8>,
        idempotency: Option<u8>,
    },
    TakeUp {
        scope: u8,
        key: u8,
    },
    Forget {
        scope: u8,
        kind: u8,
        key: u8,
    },
    TakeBack(u8),
    Erase(u8),
    Wait(u64),
    Get {
        scope: u8,
        kind: u8,
        key: u8,
        ago: u64,
    },
    True {
        key: u8,
        ago: u64,
        at: i64,
    },
    List {
        scope: u8,
        kind: u8,
        filter: Wanted,
        limit: usize,
        ago: Option<u64>,
    },
}

#[derive(Clone, Debug)]
struct Wanted {
    word: Option<u8>,
    other: Option<u8>,
    run: Option<u8>,
    since: Option<u64>,
    before: Option<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    let small = || 0_u8..3;
    let wanted = (
        prop::option::of(small()),
        prop::option::of(small()),
        prop::option::weighted(0.2, small()),
        prop::option::weighted(0.2, 0_u64..30),
        prop::option::weighted(0.2, 0_u64..30),
    )
        .prop_map(|(word, other, run, since, before)| Wanted { word, other, run, since, before });
    let write = (
        (0_u8..2, 0_u8..4, prop::option::weighted(0.8, small())),
        (small(), small()),
        (prop::option::weighted(0.4, small()), prop::option::weighted(0.2, small())),
    );
    prop_oneof![
        12 => write.prop_map(|((scope, kind, key), (word, other), (run, idempotency))| Step::Write {
            scope, kind, key, word, other, run, idempotency
        }),
        2 => (0_u8..2, small()).prop_map(|(scope, key)| Step::TakeUp { scope, key }),
        3 => (0_u8..2, 0_u8..4, small()).prop_map(|(scope, kind, key)| Step::Forget { scope, kind, key }),
        1 => small().prop_map(Step::TakeBack),
        1 => small().prop_map(Step::Erase),
        2 => prop_oneof![1_u64..20, Just(301_000), Just(604_800_000)].prop_map(Step::Wait),
        4 => (0_u8..2, 0_u8..4, small(), 0_u64..30)
            .prop_map(|(scope, kind, key, ago)| Step::Get { scope, kind, key, ago }),
        3 => (small(), 0_u64..30, -2_i64..8).prop_map(|(key, ago, at)| Step::True { key, ago, at }),
        5 => (0_u8..2, 0_u8..4, wanted, 1_usize..5, prop::option::of(0_u64..30))
            .prop_map(|(scope, kind, filter, limit, ago)| Step::List { scope, kind, filter, limit, ago }),
    ]
}

fn scope(number: u8) -> Scope {
    Scope::new(if number == 0 { "a" } else { "b" }).unwrap()
}

fn kind(number: u8) -> Kind {
    Kind::ALL[usize::from(number)]
}

fn run(number: u8) -> RunId {
    RunId::from(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn key(number: u8) -> MemoryKey {
    MemoryKey::new(&format!("key {number}")).unwrap()
}

fn word(number: u8) -> String {
    format!("word {number}")
}

fn validity(number: u8) -> Validity {
    let at = |millis: i64| Some(Moment::from_millis(millis));
    match number {
        0 => Validity { from: at(0), until: at(4) },
        1 => Validity { from: at(2), until: None },
        _ => Validity::default(),
    }
}

fn write(step: &Step) -> Option<Write> {
    let Step::Write { scope: place, kind: of, key: name, word: one, other, run: by, idempotency } = step
    else {
        return None;
    };
    let detail = match kind(*of) {
        Kind::Working => Detail::Working(Default::default()),
        Kind::Episodic => Detail::Episodic(Episode {
            episode_type: word(*one),
            participants: vec![word(*other), "all".to_owned()],
            outcome: word(*one),
            ..Episode::default()
        }),
        Kind::Semantic => Detail::Semantic(Fact {
            fact_type: word(*one),
            domain: word(*other),
            entities: vec![word(*other), word(*one)],
            relationships: vec![Relationship { relation: word(*one), target: word(*other), strength: 0.5 }],
            valid: validity(*one),
            ..Fact::default()
        }),
        Kind::Procedural => Detail::Procedural(Procedure {
            name: word(*one),
            procedure_type: word(*one),
            category: word(*other),
            contexts: vec![word(*other)],
            ..Procedure::default()
        }),
    };
    let mut write = Write::new(Value::from("some content"), detail).scope(scope(*place)).tags([word(*other)]);
    write.key = name.map(key);
    write.metadata.insert("word".into(), Value::from(word(*one)));
    write.subjects = vec![format!("Person  {other}")];
    write.source.run = by.map(run);
    // What ends by itself may be written again, at no certain time.
    let names = idempotency.filter(|_| kind(*of) == Kind::Semantic);
    write.source = Provenance { idempotency: names.map(|name| format!("{place} {name}")), ..write.source };
    Some(write)
}

/// What happened to what a key stands for.
#[derive(Clone, Debug)]
enum Event {
    Written(Box<Entry>),
    Ended(Moment),
}

/// What should be there.
#[derive(Default)]
struct Model {
    events: BTreeMap<(Scope, Kind, MemoryKey), Vec<Event>>,
    first: BTreeMap<String, EntryId>,
    taken_back: Vec<RunId>,
    /// Working memory, the least recently used first.
    used: BTreeMap<Scope, Vec<(MemoryKey, EntryId)>>,
}

impl Model {
    fn written(&mut self, entry: &Entry) {
        let place = (entry.scope.clone(), entry.kind(), entry.key.clone());
        let events = self.events.entry(place).or_default();
        if entry.kind() == Kind::Working {
            events.clear();
            let used = self.used.entry(entry.scope.clone()).or_default();
            used.retain(|(key, _)| *key != entry.key);
            used.push((entry.key.clone(), entry.id));
            if used.len() as u64 > WORKING {
                let (key, _) = used.remove(0);
                self.events.remove(&(entry.scope.clone(), Kind::Working, key));
            }
            let place = (entry.scope.clone(), entry.kind(), entry.key.clone());
            self.events.insert(place, vec![Event::Written(Box::new(entry.clone()))]);
            return;
        }
        events.push(Event::Written(Box::new(entry.clone())));
    }

    /// What is seen of some events.
    fn seen(events: &[Event], as_of: AsOf, now: Moment) -> Option<&Entry> {
        let mut seen = Vec::new();
        for event in events {
            match event {
                Event::Written(entry) if as_of.known.is_none_or(|known| entry.learned <= known) => {
                    seen.push(entry)
                }
                Event::Ended(at) if as_of.known.is_none_or(|known| *at <= known) => seen.clear(),
                Event::Written(_) | Event::Ended(_) => {}
            }
        }
        let is_true = |entry: &Entry| match (&entry.detail, as_of.true_at) {
            (Detail::Semantic(fact), Some(at)) => fact.valid.covers(at),
            _ => true,
        };
        let last = match as_of.true_at {
            Some(_) => seen.into_iter().rev().find(|entry| is_true(entry)),
            None => seen.pop(),
        };
        last.map(|entry| &**entry).filter(|entry| !entry.is_expired(now))
    }

    fn get(&self, place: &(Scope, Kind, MemoryKey), as_of: AsOf, now: Moment) -> Option<EntryId> {
        Some(Self::seen(self.events.get(place)?, as_of, now)?.id)
    }

    fn list(&self, scope: &Scope, kind: Kind, filter: &Filter, as_of: AsOf, now: Moment) -> Vec<EntryId> {
        let places = self.events.iter().filter(|((of, sort, _), _)| of == scope && *sort == kind);
        let seen = places.filter_map(|(_, events)| Self::seen(events, as_of, now));
        let mut seen: Vec<&Entry> = seen.filter(|entry| filter.matches(entry)).collect();
        seen.sort_by_key(|entry| std::cmp::Reverse((entry.time(), entry.id)));
        seen.into_iter().map(|entry| entry.id).collect()
    }
}

async fn take(step: &Step, memory: &Memory, ground: &Ground, model: &mut Model) -> Result<(), TestCaseError> {
    let now = ground.clock.now();
    let fail = |error: MemoryError| TestCaseError::fail(error.to_string());
    match step {
        Step::Write { run: by, .. } => {
            let write = write(step).unwrap();
            let (first, idempotency) = (model.first.clone(), write.source.idempotency.clone());
            let written = memory.remember(write).await;
            if let Some(by) = by.map(run)
                && model.taken_back.contains(&by)
            {
                let is_refused = matches!(written, Err(MemoryError::TakenBack { run }) if run == by);
                prop_assert!(is_refused);
                return Ok(());
            }
            let written = written.map_err(fail)?;
            if let Some(first) = idempotency.as_ref().and_then(|key| first.get(key)) {
                prop_assert_eq!(*first, written.id);
                return Ok(());
            }
            model.first.extend(idempotency.map(|key| (key, written.id)));
            model.written(&written);
        }
        Step::TakeUp { scope: place, key: name } => {
            let (scope, key) = (scope(*place), key(*name));
            let expected = model.get(&(scope.clone(), Kind::Working, key.clone()), AsOf::NOW, now);
            let found = memory.take_up(&scope, &key).await.map_err(fail)?.map(|entry| entry.id);
            prop_assert_eq!(found, expected);
            let used = model.used.entry(scope).or_default();
            if let Some(at) = used.iter().position(|(known, _)| *known == key)
                && expected.is_some()
            {
                let last = used.remove(at);
                used.push(last);
            }
        }
        Step::Forget { scope: place, kind: of, key: name } => {
            let place = (scope(*place), kind(*of), key(*name));
            let is_there = model.get(&place, AsOf::NOW, now).is_some();
            let (scope, kind, key) = place.clone();
            let selector = Selector::Key { scope: scope.clone(), kind, key: key.clone() };
            let count = memory.forget(&selector).await.map_err(fail)?;
            prop_assert_eq!(count, u64::from(is_there));
            if kind == Kind::Working {
                model.events.remove(&place);
                model.used.entry(scope).or_default().retain(|(known, _)| *known != key);
            } else if is_there {
                model.events.entry(place).or_default().push(Event::Ended(now));
            }
        }
        Step::TakeBack(number) => {
            let run = run(*number);
            memory.take_back(run).await.map_err(fail)?;
            model.taken_back.push(run);
            let is_by =
                |event: &Event| matches!(event, Event::Written(entry) if entry.source.run == Some(run));
            for events in model.events.values_mut() {
                events.retain(|event| !is_by(event));
            }
            for (scope, used) in &mut model.used {
                used.retain(|(key, _)| {
                    model
                        .events
                        .get(&(scope.clone(), Kind::Working, key.clone()))
                        .is_some_and(|events| !events.is_empty())
                });
            }
        }
        // Erased in one scope only, since what was superseded by what is erased is seen in the other.
        Step::Erase(number) => {
            let person = format!("person {number}");
            let filter = Filter { subjects: vec![format!("Person  {number}")], ..Filter::default() };
            for kind in Kind::ALL {
                let selector = Selector::Like { scope: scope(1), kind, filter: Box::new(filter.clone()) };
                memory.erase(&selector).await.map_err(fail)?;
            }
            let names = |entry: &Entry| {
                entry.subjects.iter().any(|name| name.to_lowercase().replace("  ", " ") == person)
            };
            for ((of, kind, key), events) in &mut model.events {
                if *of != scope(1) {
                    continue;
                }
                for event in events.iter_mut() {
                    if let Event::Written(entry) = event
                        && names(entry)
                    {
                        if *kind == Kind::Working {
                            model.used.entry(of.clone()).or_default().retain(|(known, _)| known != key);
                        }
                        *event = Event::Ended(entry.learned);
                    }
                }
            }
        }
        Step::Wait(millis) => {
            ground.clock.advance(Duration::from_millis(*millis));
            let now = ground.clock.now();
            memory.sweep().await.map_err(fail)?;
            for (scope, used) in &mut model.used {
                used.retain(|(key, _)| {
                    let place = (scope.clone(), Kind::Working, key.clone());
                    model
                        .events
                        .get(&place)
                        .is_some_and(|events| Model::seen(events, AsOf::NOW, now).is_some())
                });
            }
        }
        Step::Get { scope: place, kind: of, key: name, ago } => {
            let place = (scope(*place), kind(*of), key(*name));
            let as_of = AsOf::known(now.before(Duration::from_millis(*ago)));
            for as_of in [AsOf::NOW, as_of] {
                let found = memory.get_as_of(&place.0, place.1, &place.2, as_of).await.map_err(fail)?;
                prop_assert_eq!(
                    found.map(|entry| entry.id),
                    model.get(&place, as_of, now),
                    "{:?} {:?}",
                    place,
                    as_of
                );
            }
        }
        Step::True { key: name, ago, at } => {
            let place = (scope(0), Kind::Semantic, key(*name));
            let known = Some(now.before(Duration::from_millis(*ago)));
            for known in [None, known] {
                let as_of = AsOf { known, true_at: Some(Moment::from_millis(*at)) };
                let found = memory.get_as_of(&place.0, place.1, &place.2, as_of).await.map_err(fail)?;
                prop_assert_eq!(
                    found.map(|entry| entry.id),
                    model.get(&place, as_of, now),
                    "{:?} {:?}",
                    place,
                    as_of
                );
                let query = Query::of(scope(0), Kind::Semantic).as_of(as_of).limit(1_000);
                let found: Vec<EntryId> =
                    memory.list(&query).await.map_err(fail)?.entries.iter().map(|entry| entry.id).collect();
                prop_assert_eq!(found, model.list(&scope(0), Kind::Semantic, &Filter::default(), as_of, now));
            }
        }
        Step::List { scope: place, kind: of, filter, limit, ago } => {
            let (scope, kind) = (scope(*place), kind(*of));
            let filter = of_kind(filter, kind, now);
            let as_of = ago.map_or(AsOf::NOW, |ago| AsOf::known(now.before(Duration::from_millis(ago))));
            let mut query = Query::of(scope.clone(), kind).filter(filter.clone()).limit(*limit).as_of(as_of);
            let mut found = Vec::new();
            loop {
                let page = memory.list(&query).await.map_err(fail)?;
                prop_assert!(page.entries.len() <= *limit);
                found.extend(page.entries.iter().map(|entry| entry.id));
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
            prop_assert_eq!(found, model.list(&scope, kind, &filter, as_of, now), "{:?}", query);
        }
    }
    Ok(())
}

fn of_kind(wanted: &Wanted, kind: Kind, now: Moment) -> Filter {
    let mut filter = Filter { run: wanted.run.map(run), ..Filter::default() };
    let ago = |millis: Option<u64>| millis.map(|millis| now.before(Duration::from_millis(millis)));
    (filter.since, filter.before) = (ago(wanted.since), ago(wanted.before));
    if let Some(one) = wanted.word {
        match kind {
            Kind::Working => drop(filter.metadata.insert("word".into(), Value::from(word(one)))),
            Kind::Episodic => {
                (filter.types, filter.outcome) = (vec![word(one), word(one + 1)], Some(word(one)))
            }
            Kind::Semantic => {
                (filter.entities, filter.relation) = (vec![word(one), word(one + 1)], Some(word(one)))
            }
            Kind::Procedural => filter.types = vec![word(one)],
        }
    }
    if let Some(other) = wanted.other {
        filter.tags = vec![word(other)];
        match kind {
            Kind::Working => filter.subjects = vec![format!("Person  {other}")],
            Kind::Episodic => filter.participants = vec![word(other), "all".to_owned()],
            Kind::Semantic => (filter.domain, filter.target) = (Some(word(other)), Some(word(other))),
            Kind::Procedural => (filter.category, filter.context) = (Some(word(other)), Some(word(other))),
        }
    }
    filter
}

/// Random histories by two handles on one store are remembered as a list of events would; so many of them, each in a store that
/// `make` makes.
///
/// # Panics
/// If they are not.
pub fn model(cases: u32, make: impl Fn() -> (Arc<dyn Store>, Arc<dyn BlobStore>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec((step(), any::<bool>(), 0_u64..3), 1..70);
    let checked = TestRunner::new(config).run(&histories, |steps| {
        let (store, blobs) = make();
        runtime.block_on(async {
            let mut ground = Ground::over(store, blobs);
            ground.config.working.max_entries = Some(WORKING);
            let handles = [ground.open().await, ground.open().await];
            let mut model = Model::default();
            for (step, which, pause) in &steps {
                // Who is used within the same millisecond by another handle is not known to be used later.
                let is_working = matches!(step, Step::Write { kind: 0, .. } | Step::TakeUp { .. });
                ground.clock.advance(Duration::from_millis(if is_working { pause + 1 } else { *pause }));
                take(step, &handles[usize::from(*which)], &ground, &mut model).await?;
            }
            is_sound(&handles[0]).await;
            Ok(())
        })
    });
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryBlobs, MemoryStore};

    #[test]
    fn random_histories_by_two_handles_are_remembered_as_a_list_of_events_would() {
        model(300, || (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new())));
    }
}
