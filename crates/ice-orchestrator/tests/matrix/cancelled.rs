//! Cancellations at every record.

use serde_json::json;

use crate::world::{KINDS, kit};

#[test]
fn after_a_cancellation_at_any_record_the_run_ends_and_there_is_silence() {
    let report = kit().cancel_everywhere(KINDS, json!({"items": [1, 2]}));
    println!("{report}");
    assert!(report.cancelled as u64 > report.records / 2 && report.over > 0, "{report}");
}
