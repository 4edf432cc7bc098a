//! The calls of one round: together where their effects allow it, in the order given otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ice_core::error::ErrorCode;
use ice_core::registry::Registry;
use ice_core::tools::{Effect, ToolError};
use ice_core::value::Value;
use tokio::sync::{Barrier, Notify};

use crate::agents::run_with;
use crate::common::tool;

/// What began and ended, in order.
#[cfg(test)]
type Log = Arc<Mutex<Vec<String>>>;

#[cfg(test)]
fn name_of(input: &Value) -> String {
    input.get("n").map(ToString::to_string).unwrap_or_default()
}

/// Tools that say when they begin and end: `meet` (pure), of which two meet, and `send` (irreversible).
#[cfg(test)]
fn meeting(log: &Log) -> impl FnOnce(&mut Registry) + use<> {
    let barrier = Arc::new(Barrier::new(2));
    let (one, two) = (Arc::clone(log), Arc::clone(log));
    move |registry| {
        let meet = tool("meet", Effect::Pure, move |_, input| {
            let (log, barrier) = (Arc::clone(&one), Arc::clone(&barrier));
            async move {
                log.lock().unwrap().push(format!("begin {}", name_of(&input)));
                barrier.wait().await;
                log.lock().unwrap().push(format!("end {}", name_of(&input)));
                Ok(input)
            }
        });
        let send = tool("send", Effect::Irreversible, move |_, input| {
            let log = Arc::clone(&two);
            async move {
                log.lock().unwrap().push(format!("send {}", name_of(&input)));
                tokio::task::yield_now().await;
                log.lock().unwrap().push(format!("sent {}", name_of(&input)));
                Ok(input)
            }
        });
        registry.tools.register(meet).unwrap();
        registry.tools.register(send).unwrap();
    }
}

#[tokio::test]
async fn calls_that_can_be_repeated_meet_and_those_that_cannot_wait_for_what_is_before_them() {
    let log = Log::default();
    let call = |name: &str, n: u32| format!(r#"{{"name": "{name}", "arguments": {{"n": {n}}}}}"#);
    let calls = [
        call("meet", 1),
        call("meet", 2),
        call("send", 3),
        call("send", 4),
        call("meet", 5),
        r#"{"name": "nothing"}"#.to_owned(),
        call("meet", 6),
    ];
    let turns = format!(r#"[{{"tool_calls": [{}]}}, {{"text": "Done."}}]"#, calls.join(", "));
    let tools = "tools: [{name: meet, parameters: {}}, {name: send, parameters: {}}]";
    let ran = run_with(meeting(&log), tools, &turns).await;
    let results: Vec<String> = ran.results().iter().map(|(result, _)| name_of(result)).collect();
    assert_eq!(results, ["1", "2", "3", "4", "5", "", "6"], "each in its place");
    let log = log.lock().unwrap();
    let mut log: Vec<&str> = log.iter().map(String::as_str).collect();
    // Which of two that run together is first is not said.
    for pair in [0..2, 2..4, 8..10, 10..12] {
        log[pair].sort_unstable();
    }
    assert_eq!(
        log,
        [
            "begin 1", "begin 2", "end 1", "end 2", "send 3", "sent 3", "send 4", "sent 4", "begin 5",
            "begin 6", "end 5", "end 6"
        ]
    );
}

#[tokio::test]
async fn results_are_in_the_order_given_whatever_ends_first() {
    let extend = |registry: &mut Registry| {
        let last_has_ended = Arc::new(Notify::new());
        let waits = tool("waits", Effect::Idempotent, move |_, input| {
            let last_has_ended = Arc::clone(&last_has_ended);
            async move {
                match input.get("n").and_then(Value::as_i64) {
                    Some(3) => last_has_ended.notify_waiters(),
                    _ => last_has_ended.notified().await,
                }
                Ok(input)
            }
        });
        registry.tools.register(waits).unwrap();
    };
    let calls = [1, 2, 3].map(|n| format!(r#"{{"name": "waits", "arguments": {{"n": {n}}}}}"#)).join(", ");
    let turns = format!(r#"[{{"tool_calls": [{calls}]}}, {{"text": "Done."}}]"#);
    let ran = run_with(extend, "tools: [{name: waits, parameters: {}}]", &turns).await;
    let results: Vec<String> = ran.results().iter().map(|(result, _)| name_of(result)).collect();
    assert_eq!(results, ["1", "2", "3"]);
}

#[tokio::test]
async fn at_most_eight_calls_run_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let extend = move |registry: &mut Registry| {
        let slow = tool("slow", Effect::Pure, move |_, input| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(input)
            }
        });
        registry.tools.register(slow).unwrap();
    };
    let calls: Vec<String> =
        (0..20).map(|n| format!(r#"{{"name": "slow", "arguments": {{"n": {n}}}}}"#)).collect();
    let turns = format!(r#"[{{"tool_calls": [{}]}}, {{"text": "Done."}}]"#, calls.join(", "));
    let ran = run_with(extend, "tools: [{name: slow, parameters: {}}]", &turns).await;
    assert_eq!((ran.results().len(), seen.load(Ordering::SeqCst)), (20, 8));
}

#[tokio::test(start_paused = true)]
async fn all_calls_under_way_end_with_their_agent() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let extend = move |registry: &mut Registry| {
        let hang = tool("hang", Effect::Idempotent, move |ctx, _| {
            let count = Arc::clone(&count);
            async move {
                ctx.cancel.cancelled().await;
                count.fetch_add(1, Ordering::SeqCst);
                Err(ToolError::cancelled())
            }
        });
        registry.tools.register(hang).unwrap();
    };
    let calls: Vec<String> =
        (0..10).map(|n| format!(r#"{{"name": "hang", "arguments": {{"n": {n}}}}}"#)).collect();
    let turns = format!(r#"[{{"tool_calls": [{}]}}]"#, calls.join(", "));
    let fields = "tools: [{name: hang, parameters: {}}], timeout_seconds: 5";
    let ran = run_with(extend, fields, &turns).await;
    assert_eq!(ran.end.failures[0].failure.code, ErrorCode::NodeTimeout);
    // Two waited for their turn, and never began.
    assert_eq!(ended.load(Ordering::SeqCst), 8);
}
