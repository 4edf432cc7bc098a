//! Schedules: what is due is started once, whoever keeps them and however often they end.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{json, me, plan, registry, tool};
use ice_core::id::Tenant;
use ice_core::schedule::{CatchUp, Overlap, Timing};
use ice_core::store::{MemoryBlobs, MemoryStore};
use ice_core::time::{Clock, Moment, SystemIds};
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::{Engine, NewSchedule, RunFilter, ScheduleDocument};
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use tokio::time::Instant;

/// A clock that goes with that of the tests' runtime, which stands still but for sleeps.
#[derive(Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Moment {
        moment("10:00:30").plus(self.0.elapsed())
    }
}

#[cfg(not(test))]
fn moment(_: &str) -> Moment {
    Moment::from_millis(0)
}

#[cfg(test)]
fn moment(time: &str) -> Moment {
    serde_json::from_str(&format!("\"2026-03-01T{time}Z\"")).unwrap()
}

/// A store, and engines on it, one after the other or side by side.
#[cfg(test)]
struct Ground {
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
    start: Instant,
}

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        Self { store: Arc::default(), blobs: Arc::default(), start: Instant::now() }
    }

    fn engine(&self, name: &str) -> Engine {
        let mut registry = registry();
        let nap = tool("nap", Effect::Pure, |_, input| async move {
            let seconds = input.get("seconds").and_then(Value::as_u64).unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok::<_, ToolError>(Value::Null)
        });
        registry.tools.register(nap).unwrap();
        let builder = Engine::builder().store(Arc::clone(&self.store) as _, Arc::clone(&self.blobs) as _);
        let builder = builder.registry(registry).result_cache(0).name(name);
        builder.time(Arc::new(Paused(self.start)), Arc::new(SystemIds)).build()
    }
}

const TELLS: &str =
    "nodes: [{id: n, type: tool, tool_name: same, tool_args: {value: '{{ inputs.scheduled_for }}'}}]";
const NAPS: &str = "nodes: [{id: n, type: tool, tool_name: nap, tool_args: {seconds: 100}}]";

#[cfg(test)]
fn each_minute(engine: &Engine, yaml: &str, catch_up: CatchUp, overlap: Overlap) -> NewSchedule {
    let timing =
        Timing { cron: "* * * * *".parse().unwrap(), time_zone: "UTC".parse().unwrap(), catch_up, overlap };
    let plan = plan(yaml, engine.registry());
    NewSchedule {
        entry: "e".to_owned(),
        timing,
        plan,
        inputs: Value::empty_map(),
        options: RunOptions::default(),
    }
}

#[cfg(test)]
async fn register(engine: &Engine, new: NewSchedule) -> ScheduleDocument {
    let made = engine.schedule(&Tenant::default(), "n", &[new], &me()).await.unwrap();
    made.into_iter().next().unwrap()
}

#[cfg(test)]
async fn stands(engine: &Engine) -> ScheduleDocument {
    engine.schedules(&Tenant::default()).await.unwrap().into_iter().next().unwrap()
}

/// The runs so far, the oldest first.
#[cfg(test)]
async fn runs(engine: &Engine) -> Vec<RunDocument> {
    let mut runs = Vec::new();
    for summary in engine.list(&Tenant::default(), &RunFilter::default()).await.unwrap().into_iter().rev() {
        runs.push(engine.show(&Tenant::default(), summary.id).await.unwrap());
    }
    runs
}

/// For which times runs were started, and how they stand.
#[cfg(test)]
async fn started(engine: &Engine) -> Vec<(String, RunStatus)> {
    let runs = runs(engine).await;
    let due =
        |run: &RunDocument| run.inputs.get("scheduled_for").and_then(Value::as_str).unwrap_or("-").to_owned();
    runs.iter().map(|run| (due(run), run.status)).collect()
}

#[cfg(test)]
fn at(times: &[&str], status: RunStatus) -> Vec<(String, RunStatus)> {
    times.iter().map(|time| (moment(time).to_string(), status)).collect()
}

#[cfg(test)]
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_started_at_its_time() {
    let engine = Ground::new().engine("one");
    engine.keep_schedules(&Tenant::default());
    let new = register(&engine, each_minute(&engine, TELLS, CatchUp::Skip, Overlap::Skip)).await;
    assert_eq!(new.next, Some(moment("10:01:00")));
    pass(29).await;
    assert_eq!(started(&engine).await, []);
    pass(102).await;
    assert_eq!(started(&engine).await, at(&["10:01:00", "10:02:00"], RunStatus::Succeeded));
    let runs = runs(&engine).await;
    assert_eq!(runs[0].output, json(r#"{"n": "2026-03-01T10:01:00.000Z"}"#));
    let stands = stands(&engine).await;
    let last = stands.last.unwrap();
    assert_eq!(
        (last.due, last.run, stands.started, stands.next),
        (moment("10:02:00"), runs[1].id, 2, Some(moment("10:03:00")))
    );
}

#[tokio::test(start_paused = true)]
async fn two_that_keep_the_same_schedules_start_nothing_twice() {
    let ground = Ground::new();
    let (one, two) = (ground.engine("one"), ground.engine("two"));
    for engine in [&one, &two] {
        engine.keep_schedules(&Tenant::default());
        engine.keep_schedules(&Tenant::default());
    }
    register(&one, each_minute(&one, TELLS, CatchUp::All, Overlap::Allow)).await;
    pass(600).await;
    let times: Vec<String> = (1..=10).map(|minute| format!("10:{minute:02}:00")).collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    assert_eq!(started(&one).await, at(&times, RunStatus::Succeeded));
    assert_eq!(stands(&two).await.started, 10);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_treated_as_the_schedule_says() {
    for (catch_up, made_up_for) in [
        (CatchUp::Skip, &[][..]),
        (CatchUp::Latest, &["10:15:00"]),
        (CatchUp::All, &["10:10:00", "10:15:00"]),
    ] {
        let ground = Ground::new();
        let first = ground.engine("one");
        first.keep_schedules(&Tenant::default());
        let mut new = each_minute(&first, TELLS, catch_up, Overlap::Allow);
        new.timing.cron = "*/5 * * * *".parse().unwrap();
        register(&first, new).await;
        pass(300).await;
        first.close().await;
        // It is 10:17:30 when the next process looks at the clock.
        pass(720).await;
        let second = ground.engine("one");
        second.keep_schedules(&Tenant::default());
        pass(180).await;
        let expected = [&["10:05:00"], made_up_for, &["10:20:00"]].concat();
        assert_eq!(started(&second).await, at(&expected, RunStatus::Succeeded), "{catch_up:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_still_under_way_keeps_the_next_one_back() {
    for (overlap, expected, skipped) in [
        // Each takes 100 s: of two times one is passed over.
        (Overlap::Skip, 3, 2),
        (Overlap::Queue, 3, 0),
        (Overlap::Allow, 5, 0),
    ] {
        let engine = Ground::new().engine("one");
        engine.keep_schedules(&Tenant::default());
        register(&engine, each_minute(&engine, NAPS, CatchUp::Latest, overlap)).await;
        pass(300).await;
        let stands = stands(&engine).await;
        assert_eq!((runs(&engine).await.len(), stands.skipped), (expected, skipped), "{overlap:?}");
        let first = &runs(&engine).await[1];
        if overlap == Overlap::Queue {
            // The one of 10:02 began when that of 10:01 had ended.
            assert_eq!(
                (first.inputs.get("scheduled_for"), stands.queued.len()),
                (Some(&Value::string(moment("10:02:00").to_string())), 2)
            );
            assert_eq!(first.started_at, moment("10:02:40"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_while_it_is_paused_and_it_goes_on_where_it_stood() {
    let engine = Ground::new().engine("one");
    let tenant = Tenant::default();
    engine.keep_schedules(&tenant);
    register(&engine, each_minute(&engine, TELLS, CatchUp::All, Overlap::Allow)).await;
    pass(31).await;
    engine.pause_schedules(&tenant, "n").await.unwrap();
    pass(120).await;
    assert_eq!(started(&engine).await.len(), 1);
    assert_eq!(engine.next_scheduled(&tenant).await.unwrap(), None);
    // Registered again, with another blueprint.
    register(&engine, each_minute(&engine, NAPS, CatchUp::All, Overlap::Allow)).await;
    pass(1).await;
    let times: Vec<String> = started(&engine).await.into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, ["10:01:00", "10:02:00", "10:03:00"].map(|time| moment(time).to_string()));
    // Another timing begins anew, and what is not named any more is gone.
    let mut other = each_minute(&engine, TELLS, CatchUp::Skip, Overlap::Allow);
    other.entry = "other".to_owned();
    assert_eq!(register(&engine, other).await.next, Some(moment("10:04:00")));
    assert_eq!(engine.schedules(&tenant).await.unwrap().len(), 1);
    assert_eq!(engine.unschedule(&tenant, "n").await.unwrap().len(), 1);
    pass(300).await;
    assert_eq!(started(&engine).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_started_is_told_and_passed_over() {
    let ground = Ground::new();
    let first = ground.engine("one");
    let new = each_minute(&first, NAPS, CatchUp::Latest, Overlap::Skip);
    register(&first, new).await;
    first.close().await;
    // A process without the tool that the plan needs.
    let builder = Engine::builder().store(Arc::clone(&ground.store) as _, Arc::clone(&ground.blobs) as _);
    let second = builder
        .registry(registry())
        .time(Arc::new(Paused(ground.start)), Arc::new(SystemIds))
        .name("one")
        .build();
    second.keep_schedules(&Tenant::default());
    pass(45).await;
    let stands = stands(&second).await;
    let problem = stands.problem.unwrap();
    assert!(problem.message.starts_with("at 2026-03-01T10:01:00.000Z: "), "{problem:?}");
    assert!(problem.message.contains("nap"), "{problem:?}");
    assert_eq!((stands.next, started(&second).await), (Some(moment("10:02:00")), vec![]));
}
