//! Crashes at every record.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{KINDS, kit};

#[test]
fn the_undisturbed_run_has_every_kind() {
    let ran = kit().run(KINDS, json!({"items": [1, 2]}));
    ran.succeeded();
    println!("{}", ran.story());
    println!("{}", ran.end.output);
    println!("{} records", ran.events.len());
}
