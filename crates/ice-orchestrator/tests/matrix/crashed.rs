//! Crashes at every record.

use std::collections::BTreeSet;

use ice_core::blueprint::KindName;
use serde_json::json;

use crate::world::{KINDS, kit};

#[test]
fn the_workflow_has_every_kind_of_node() {
    let ran = kit().run(KINDS, json!({"items": [1, 2]}));
    ran.succeeded().never("node.failed").called("flaky", 2).has("unheard.timeout_occurred", true);
    let kinds: BTreeSet<KindName> = ran.document.nodes.iter().filter_map(|node| node.kind).collect();
    assert_eq!(kinds, KindName::ALL.iter().copied().collect());
}

#[test]
fn a_loss_of_power_at_any_record_changes_no_result_and_does_nothing_twice() {
    let report = kit().on_disk().crash_everywhere(KINDS, json!({"items": [1, 2]}));
    println!("{report}");
    assert!(report.records > 90 && report.crashes as u64 > 3 * report.records, "{report}");
    assert!(
        report.unknown > 0 && report.over > 0 && report.repeated > 20 && report.given_up > 20,
        "{report}"
    );
}
