//! Networks that are right, those that are wrong, and any at all.

use proptest::prelude::*;

use super::{CheckedNetwork, FailurePolicy, Network, is_network, read};
use crate::blueprint::{Format, KindName, read as read_blueprint};
use crate::id::NodeId;
use crate::registry::Catalog;
use crate::schedule::{CatchUp, Overlap, Timing};
use crate::value::Value;

/// A catalog with blueprints of these names, each with one node `clean`.
fn catalog(names: &[&str]) -> Catalog {
    let text =
        "input_schema: {day: str, region: str}\nnodes: [{id: clean, type: human, prompt_message: Go?}]\n";
    let reading = read_blueprint(text, Format::Yaml, "other");
    Catalog {
        blueprints: names.iter().map(|name| reading.spec(name).unwrap()).collect(),
        kinds: KindName::ALL.to_vec(),
        ..Catalog::default()
    }
}

const FILES: [&str; 5] = ["fetch.yaml", "clean.yaml", "report.yaml", "mail.yaml", "sub/deep.yaml"];

fn checked(text: &str) -> CheckedNetwork {
    let reading = read(text, Format::Yaml, "n.yaml");
    reading.check(&catalog(&FILES)).unwrap_or_else(|found| panic!("{found}"))
}

/// What is told of a network.
fn check(text: &str, expected: &str) {
    let reading = read(text, Format::Yaml, "n.yaml");
    let found = match reading.check(&catalog(&FILES)) {
        Ok(checked) => checked.checked.warnings().to_string(),
        Err(found) => found.to_string(),
    };
    assert_eq!(found, expected, "{text}");
}

/// The ids of the nodes of a group.
fn ids(group: &super::Group) -> Vec<&str> {
    group.blueprint.nodes.iter().map(|node| node.id.as_str()).collect()
}

#[test]
fn a_network_is_a_blueprint_of_workflow_nodes() {
    let network = checked(
        "api_version: network.v0
name: nightly
global: {region: north}
time_zone: Europe/Oslo
max_concurrent: 2
failure_policy: always
workflows:
- {ref: fetch.yaml}
- {ref: ./clean.yaml, id: wash, after: fetch, retries: 2, timeout_seconds: 60}
- ref: report.yaml
  inputs: {day: '{{ wash.clean.response }}', region: '{{ inputs.region }}'}
  outputs: {text: clean.response}
"
        .replace("./clean", "clean")
        .as_str(),
    );
    assert_eq!(network.network.failure_policy, FailurePolicy::Always);
    let group = network.on_demand().unwrap();
    let expected = read_blueprint(
        "blueprint_id: nightly
metadata: {draft_name: nightly, network: nightly}
nodes:
- {id: fetch, type: workflow, workflow_ref: fetch.yaml}
- {id: wash, type: workflow, workflow_ref: clean.yaml, dependencies: [fetch], retries: 2, timeout_seconds: 60}
- id: report
  type: workflow
  workflow_ref: report.yaml
  config_overrides: {day: '{{ wash.clean.response }}', region: '{{ inputs.region }}'}
  exposed_outputs: {text: clean.response}
",
        Format::Yaml,
        "b.yaml",
    );
    assert_eq!(*group.blueprint, *expected.blueprint.unwrap());
    assert_eq!(network.checked.scope().nodes[2].dependencies, [1]);
    assert_eq!(network.scheduled(), []);
}

#[test]
fn a_schedule_starts_its_entry_with_what_it_needs_and_what_comes_after_it() {
    let network = checked(
        "name: n
time_zone: Europe/Oslo
workflows:
- {ref: fetch.yaml}
- {ref: clean.yaml, after: [fetch], schedule: 0 6 * * *}
- {ref: report.yaml, inputs: {day: '{{ clean.clean.response }}'}}
- {ref: mail.yaml, schedule: {cron: '@hourly', time_zone: UTC, catch_up: all, overlap: queue}}
- {ref: sub/deep.yaml, after: [fetch]}
",
    );
    assert_eq!(ids(&network.on_demand().unwrap()), ["fetch", "deep"]);
    let groups = network.scheduled();
    let members: Vec<Vec<&str>> = groups.iter().map(ids).collect();
    assert_eq!(members, [vec!["fetch", "clean", "report"], vec!["mail"]]);
    let of = |index: usize| groups[index].schedule.clone().unwrap();
    let timing = |cron: &str, zone: &str, catch_up, overlap| Timing {
        cron: cron.parse().unwrap(),
        time_zone: zone.parse().unwrap(),
        catch_up,
        overlap,
    };
    let (id, first) = of(0);
    assert_eq!(id.as_str(), "clean");
    assert_eq!(first, timing("0 6 * * *", "Europe/Oslo", CatchUp::Latest, Overlap::Skip));
    assert_eq!(of(1).1, timing("@hourly", "UTC", CatchUp::All, Overlap::Queue));
    assert_eq!(groups[1].blueprint.blueprint_id.as_str(), "n.mail");
    assert_eq!(groups[1].blueprint.name(), "n (mail)");
    let all_scheduled = checked("name: n\nworkflows: [{ref: fetch.yaml, schedule: '@daily'}]\n");
    assert_eq!(all_scheduled.on_demand(), None);
}

#[test]
fn every_mistake_is_told_at_its_place() {
    check(
        "name: my network
max_concurrent: 0
timezone: Europe/Oslo
workflows:
- {ref: fetch.yaml, afer: [x]}
- {ref: 7}
- {ref: '2nd.yaml'}
- {id: fine, ref: mail.yaml, schedule: {cron: 0 6 * *, zone: UTC, overlap: que}}
- {id: late, ref: mail.yaml, schedule: {cron: '@daily', time_zone: Olso, catch_up: all}}
- {id: last, ref: mail.yaml, schedule: 5}
",
        "n.yaml:1:7: error[INVALID_ID]: name: `my network` is no name of a network; use a letter or `_`, then at most 62 letters, digits, `_` or `-`
n.yaml:2:17: error[OUT_OF_RANGE]: max_concurrent: `max_concurrent` must lie between 1 and 1024, not 0
n.yaml:3:1: error[UNKNOWN_FIELD]: timezone: unknown field `timezone`; did you mean `time_zone`?
n.yaml:5:21: error[UNKNOWN_FIELD]: fetch: afer: unknown field `afer`; did you mean `after`?
n.yaml:6:9: error[WRONG_TYPE]: workflows[1]: ref: expected text, found the number 7
n.yaml:7:9: error[MISSING_FIELD]: workflows[2]: ref: no id can be made of the name of the blueprint; give the entry an `id`
n.yaml:8:47: error[OUT_OF_RANGE]: fine: schedule.cron: a cron expression has 5 fields, or 6 with seconds, not 4; write `minute hour day month weekday`, for example `0 6 * * mon-fri`
n.yaml:8:56: error[UNKNOWN_FIELD]: fine: schedule.zone: unknown field `zone`
n.yaml:8:76: error[OUT_OF_RANGE]: fine: schedule.overlap: `que` is not one of `skip`, `queue`, `allow`
n.yaml:9:68: error[OUT_OF_RANGE]: late: schedule.time_zone: `Olso` is no time zone; did you mean `Europe/Oslo`?
n.yaml:9:84: error[RULE_VIOLATION]: late: schedule.catch_up: of several times that are made up for, all but the first would be passed over; write `overlap: queue` as well
n.yaml:10:40: error[WRONG_TYPE]: last: schedule: expected a cron expression, or an object with the field `cron`, found the number 5",
    );
    check(
        "name: n\nworkflows: []\n",
        "n.yaml:2:12: error[RULE_VIOLATION]: workflows: a network has at least one workflow",
    );
    check(
        "api_version: network.v9\nname: n\nworkflows: [{ref: fetch.yaml}]\n",
        "n.yaml:1:14: error[SCHEMA_VERSION]: api_version: the version `network.v9` cannot be read; write `api_version: network.v0`, or leave it out",
    );
}

#[test]
fn what_entries_say_of_each_other_is_checked() {
    check(
        "name: n
workflows:
- {ref: fetch.yaml, after: [clena]}
- {ref: clean.yaml, after: [report]}
- {ref: report.yaml, after: [clean]}
- {ref: mail.yaml, id: fetch}
- {ref: mali.yaml}
- {ref: mail.yaml, inputs: {day: 5, region: '{{ fetch.cleen }}'}, outputs: {x: nothing.y}}
",
        "n.yaml:3:29: error[UNKNOWN_NODE]: fetch: after.0: `fetch` names the node `clena`, but there is none of that id in scope; did you mean `clean`?
n.yaml:4:3: error[CYCLIC_TOOL_COMPOSITION]: clean: cycle: clean → report → clean; each node needs the next one; remove one of the dependencies or references
n.yaml:6:24: error[DUPLICATE_ID]: fetch: id: another node of this scope has the id `fetch`; rename one of them; ids are unique in their scope
n.yaml:7:9: error[UNKNOWN_BLUEPRINT]: mali: ref: there is no blueprint `mali.yaml`; did you mean `mail.yaml`?
n.yaml:8:34: error[SCHEMA_MISMATCH]: mail: inputs.day: the blueprint `mail.yaml` cannot take this `day`: the number is not of type \"string\"
n.yaml:8:49: error[UNKNOWN_REFERENCE]: mail: inputs.region: `mail` reads `fetch.cleen`, but `fetch` has no `cleen`; did you mean `clean`?
n.yaml:8:80: error[UNKNOWN_NODE]: mail: outputs.x: the blueprint `mail.yaml` has no node `nothing`; there are `clean`",
    );
    check(
        "name: n
workflows:
- {ref: fetch.yaml, schedule: '@daily'}
- {ref: clean.yaml, after: [fetch], schedule: '@hourly'}
",
        "n.yaml:4:47: error[RULE_VIOLATION]: clean: schedule: `clean` has a schedule of its own, and is run with `fetch`, which has one as well; a schedule starts its entry with all that it needs and all that comes after it: leave one of them out",
    );
}

#[test]
fn a_network_is_told_from_a_blueprint() {
    for (text, expected) in [
        ("name: n\nworkflows: []\n", true),
        ("{\"api_version\": \"network.v0\"}", true),
        ("nodes: []\nworkflows: []\n", false),
        ("name: [", false),
    ] {
        assert_eq!(is_network(text, Format::Auto), expected, "{text}");
    }
}

prop_compose! {
    fn timing()(
        cron in prop_oneof![Just("0 6 * * mon-fri"), Just("@daily"), Just("*/10 30 8-18/2 1,15 jan,dec *")],
        time_zone in prop_oneof![Just("UTC"), Just("Europe/Oslo"), Just("Asia/Kolkata")],
        catch_up in prop_oneof![Just(CatchUp::Skip), Just(CatchUp::Latest), Just(CatchUp::All)],
        overlap in prop_oneof![Just(Overlap::Queue), Just(Overlap::Allow)],
    ) -> Timing {
        Timing { cron: cron.parse().unwrap(), time_zone: time_zone.parse().unwrap(), catch_up, overlap }
    }
}

prop_compose! {
    fn entry(index: usize)(
        file in "[a-z/]{1,12}\\.(yaml|json)",
        after in proptest::collection::btree_set(0..index.max(1), 0..3),
        inputs in prop_oneof![Just(Value::Null), Just(Value::from(serde_json::json!({"a": 1, "b": "{{ inputs.x }}"})))],
        retries in 0..4_u32,
        timeout_seconds in proptest::option::of(1..9_999_u64),
        schedule in proptest::option::of(timing()),
    ) -> super::Entry {
        let id = |index: usize| NodeId::new(&format!("entry_{index}")).unwrap();
        let after = if index == 0 { Vec::new() } else { after.into_iter().map(id).collect() };
        let outputs = if retries == 1 { [("x".to_owned(), "clean.y".into())].into_iter().collect() } else { indexmap::IndexMap::new() };
        super::Entry { workflow_ref: file, id: id(index), after, inputs, outputs, timeout_seconds, retries, schedule }
    }
}

prop_compose! {
    fn network(most: usize)(count in 1..=most)(
        workflows in (0..count).map(entry).collect::<Vec<_>>(),
        max_concurrent in 1..=1_024_u32,
        failure_policy in prop_oneof![Just(FailurePolicy::Halt), Just(FailurePolicy::ContinuePossible), Just(FailurePolicy::Always)],
        description in proptest::option::of("[a-z ]{1,20}"),
        time_zone in prop_oneof![Just("UTC"), Just("America/St_Johns")],
    ) -> Network {
        Network {
            api_version: super::API_VERSION.to_owned(),
            name: NodeId::new("any").unwrap(),
            description,
            global: Value::from(serde_json::json!({"x": [1, {"y": null}]})),
            time_zone: time_zone.parse().unwrap(),
            max_concurrent,
            failure_policy,
            workflows,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(network in network(6)) {
        let text = serde_json::to_string_pretty(&network).unwrap();
        let reading = read(&text, Format::Json, "n.json");
        prop_assert_eq!(reading.network, Some(network.clone()), "{}", reading.blueprint.diagnostics);
        let again: Network = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again, network);
    }

    /// Every entry is run by something, each group holds all that its entries wait for, and a schedule is in its own group.
    #[test]
    fn nothing_is_left_out_and_no_group_lacks_what_it_waits_for(mut network in network(8), scheduled in any::<u8>()) {
        for (index, entry) in network.workflows.iter_mut().enumerate() {
            entry.workflow_ref = "fetch.yaml".to_owned();
            entry.outputs.clear();
            entry.inputs = Value::Null;
            entry.schedule = entry.schedule.take().filter(|_| scheduled & (1 << index) != 0);
        }
        let text = serde_json::to_string(&network).unwrap();
        let Ok(checked) = read(&text, Format::Json, "n.json").check(&catalog(&["fetch.yaml"])) else {
            return Ok(());
        };
        let groups: Vec<_> = checked.on_demand().into_iter().chain(checked.scheduled()).collect();
        let mut all: Vec<&str> = groups.iter().flat_map(ids).collect();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), network.workflows.len());
        for group in &groups {
            let members = ids(group);
            for node in &group.blueprint.nodes {
                prop_assert!(node.base.dependencies.iter().all(|waits| members.contains(&waits.as_str())));
                let is_scheduled = network.entry(node.id.as_str()).unwrap().schedule.is_some();
                let is_its_own = group.schedule.as_ref().is_some_and(|(id, _)| *id == node.id);
                prop_assert_eq!(is_scheduled, is_its_own);
            }
        }
    }
}
