//! Reading a network: every problem at once, each at its place.

use std::collections::HashSet;

use super::model::max_concurrent;
use super::{Entry, FailurePolicy, Network};
use crate::blueprint::{
    Blueprint, Context, Fields, Format, Node, NodeBase, NodeKind, Origin, Reading, SchemaVersion, Unreadable,
    WorkflowNode, Written, wrong_type,
};
use crate::diagnostic::{Finding, Report, Trail};
use crate::error::ErrorCode;
use crate::id::{BlueprintId, NodeId};
use crate::schedule::{CatchUp, Cron, Overlap, Timing, Zone};
use crate::value::{Map, Value};

/// The format that is read.
pub const API_VERSION: &str = "network.v0";

/// The longest name, so that it can stand in an id together with that of an entry.
const MAX_NAME: usize = 63;

/// What the fields of a workflow node are called in an entry.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("workflow_ref", "ref"),
    ("dependencies", "after"),
    ("config_overrides", "inputs"),
    ("exposed_outputs", "outputs"),
];

/// What was read from a text.
#[derive(Clone, Debug)]
pub struct NetworkReading {
    /// The network; none if there are errors.
    pub network: Option<Network>,
    /// All of it as one blueprint, a `workflow` node for each entry, with what was found and where it stands.
    pub blueprint: Reading,
}

/// Whether a text is a network rather than a blueprint, as far as its fields tell.
#[must_use]
pub fn is_network(text: &str, format: Format) -> bool {
    let may_be = text.contains("workflows") || text.contains("network");
    may_be
        && Written::parse(text, format, "", "network").is_ok_and(|written| {
            let has = |field| written.document.get(field).is_some();
            let version = written.document.get("api_version").and_then(Value::as_str);
            !has("nodes")
                && (has("workflows") || version.is_some_and(|version| version.starts_with("network")))
        })
}

/// Reads a network from JSON or YAML. `name` is what diagnostics call the text, for example its file name.
///
/// ```
/// use ice_core::blueprint::Format;
/// use ice_core::network::read;
///
/// let text = "name: nightly\nworkflows:\n- {ref: fetch.yaml, schedule: 0 25 * * *}\n";
/// assert_eq!(
///     read(text, Format::Yaml, "n.yaml").blueprint.diagnostics.to_string(),
///     "n.yaml:3:33: error[OUT_OF_RANGE]: fetch: schedule: the hour lies between 0 and 23, not 25"
/// );
/// ```
#[must_use]
pub fn read(text: &str, format: Format, name: &str) -> NetworkReading {
    let Written { document, source, report } = match Written::parse(text, format, name, "network") {
        Ok(written) => written,
        Err(Unreadable { source, error }) => {
            return NetworkReading { network: None, blueprint: Reading::unreadable(source, *error) };
        }
    };
    let start = Trail::START;
    let context = Context { report: &report, dialect: SchemaVersion::default(), legacy: None };
    let mut fields = Fields::of(&document, &start, &context);
    let mut entries = Entries::default();
    let network = read_network(&mut fields, &mut entries, &report);
    fields.finish();
    let Entries { origins, ghosts, .. } = entries;
    let nodes = network.workflows.iter().map(node).collect();
    let blueprint = Blueprint {
        blueprint_id: BlueprintId::from_valid(network.name.as_str()),
        schema_version: SchemaVersion::default(),
        nodes,
        input_schema: Value::Null,
        metadata: metadata(&network, None),
    };
    let network = (report.errors() == 0).then_some(network);
    let blueprint = Reading::of_other(blueprint, document, (source, origins), ghosts, report);
    NetworkReading { network, blueprint }
}

/// What the blueprint of a run says of where it comes from.
pub(super) fn metadata(network: &Network, entry: Option<&NodeId>) -> Value {
    let text = |text: &str| Value::string(text);
    let name = match entry {
        Some(entry) => text(&format!("{} ({entry})", network.name)),
        None => text(network.name.as_str()),
    };
    let mut map = Map::default();
    map.insert("draft_name".into(), name);
    map.insert("network".into(), text(network.name.as_str()));
    if let Some(entry) = entry {
        map.insert("schedule_of".into(), text(entry.as_str()));
    }
    Value::from(map)
}

#[derive(Default)]
struct Entries {
    origins: Vec<Origin>,
    ghosts: HashSet<String>,
}

fn read_network(fields: &mut Fields<'_>, entries: &mut Entries, report: &Report) -> Network {
    let api_version = read_version(fields);
    let name = read_name(fields);
    let time_zone = read_zone(fields).unwrap_or_default();
    let description = fields.text("description");
    let global = fields.object("global");
    let global = if global.is_null() { Value::empty_map() } else { global };
    let most = fields.whole::<u32>("max_concurrent").unwrap_or_else(max_concurrent);
    if !(1..=1_024).contains(&most) {
        let message = format!("`max_concurrent` must lie between 1 and 1024, not {most}");
        fields.add("max_concurrent", Finding::error(ErrorCode::OutOfRange, message));
    }
    let failure_policy = fields.choice::<FailurePolicy>("failure_policy");
    fields.require("workflows");
    let list = fields.list("workflows");
    if list.is_some_and(<[Value]>::is_empty) {
        let finding = Finding::error(ErrorCode::RuleViolation, "a network has at least one workflow");
        fields.add("workflows", finding);
    }
    let at = fields.trail().key("workflows");
    let mut workflows = Vec::new();
    for (index, value) in list.unwrap_or_default().iter().enumerate() {
        let at = at.index(index);
        match read_entry(value, index, &at, fields.context(), &time_zone) {
            Ok(entry) => {
                // Whoever names it is told nothing further.
                let raw = value.get("id").and_then(Value::as_str).filter(|_| entry.id.is_unnamed());
                entries.ghosts.extend(raw.map(str::to_owned));
                let steps = at.place().steps;
                entries.origins.push(Origin { steps, scopes: Vec::new(), names: NAMES });
                workflows.push(entry);
            }
            Err(ghost) => {
                entries.ghosts.extend(ghost);
                report.tell_elsewhere(at.place().steps);
            }
        }
    }
    Network {
        api_version,
        name,
        description,
        global,
        time_zone,
        max_concurrent: most,
        failure_policy,
        workflows,
    }
}

fn read_version(fields: &mut Fields<'_>) -> String {
    let version = fields.text("api_version");
    if let Some(version) = version.as_deref().filter(|version| *version != API_VERSION) {
        let message = format!("the version `{version}` cannot be read");
        let advice = format!("write `api_version: {API_VERSION}`, or leave it out");
        fields.add("api_version", Finding::error(ErrorCode::SchemaVersion, message).advise(advice));
    }
    API_VERSION.to_owned()
}

fn read_name(fields: &mut Fields<'_>) -> NodeId {
    let text = fields.required_text("name");
    let name = NodeId::new(&text).ok().filter(|name| name.as_str().len() <= MAX_NAME);
    name.unwrap_or_else(|| {
        if !text.is_empty() {
            let shown: String = text.chars().take(80).collect();
            let message = format!("`{shown}` is no name of a network");
            let finding = Finding::error(ErrorCode::InvalidId, message);
            let rule = "use a letter or `_`, then at most 62 letters, digits, `_` or `-`".to_owned();
            fields.add("name", finding.advise(rule));
        }
        NodeId::unnamed(0)
    })
}

fn read_zone(fields: &mut Fields<'_>) -> Option<Zone> {
    let text = fields.text("time_zone")?;
    text.parse::<Zone>()
        .map_err(|error| {
            let finding = Finding::error(ErrorCode::OutOfRange, format!("`{}` is no time zone", error.name));
            fields.add("time_zone", finding.advise(error.advice));
        })
        .ok()
}

/// Reads an entry, or tells the id of one that cannot be read.
fn read_entry(
    value: &Value,
    index: usize,
    at: &Trail<'_>,
    context: &Context<'_>,
    zone: &Zone,
) -> Result<Entry, Option<String>> {
    let text = |field| value.get(field).and_then(Value::as_str);
    let id = text("id").map(str::to_owned).or_else(|| text("ref").map(stem));
    let id = id.and_then(|id| NodeId::new(&id).ok()).unwrap_or_else(|| NodeId::unnamed(index));
    let trail = &at.node_here(&id, None);
    let mut fields = Fields::of(value, trail, context);
    if value.as_map().is_none() {
        return Err(None);
    }
    if fields.has("id") {
        let _ = fields.node_id("id");
    } else {
        let _ = fields.any("id");
        if id.is_unnamed() && text("ref").is_some() {
            let message = "no id can be made of the name of the blueprint";
            let finding = Finding::error(ErrorCode::MissingField, message);
            fields.add("ref", finding.advise("give the entry an `id`".to_owned()));
        }
    }
    let entry = Entry {
        workflow_ref: fields.required_text("ref"),
        after: read_after(&mut fields),
        inputs: fields.templates("inputs"),
        outputs: fields.paths("outputs"),
        timeout_seconds: fields.whole("timeout_seconds"),
        retries: fields.whole("retries").unwrap_or(0),
        schedule: read_schedule(&mut fields, zone),
        id: id.clone(),
    };
    fields.finish();
    Ok(entry)
}

/// The name of a blueprint's file without its folder and ending.
fn stem(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    name.split_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// One id, or a list of them.
fn read_after(fields: &mut Fields<'_>) -> Vec<NodeId> {
    match fields.any("after") {
        Some(Value::String(_)) => fields.node_id("after").into_iter().collect(),
        Some(_) | None => fields.node_ids("after"),
    }
}

fn read_schedule(fields: &mut Fields<'_>, zone: &Zone) -> Option<Timing> {
    let value = fields.any("schedule")?;
    if let Value::Map(_) = value {
        return fields.below("schedule", |below| read_timing(below, zone)).flatten();
    }
    if value.as_str().is_none() {
        let expected = "a cron expression, or an object with the field `cron`";
        fields.add("schedule", wrong_type(expected, value));
    }
    let cron = read_cron(fields, "schedule")?;
    let (catch_up, overlap) = (CatchUp::default(), Overlap::default());
    Some(Timing { cron, time_zone: zone.clone(), catch_up, overlap })
}

fn read_timing(fields: &mut Fields<'_>, zone: &Zone) -> Option<Timing> {
    fields.require("cron");
    let cron = read_cron(fields, "cron");
    let time_zone = read_zone(fields).unwrap_or_else(|| zone.clone());
    let (catch_up, overlap) = (fields.choice("catch_up"), fields.choice("overlap"));
    if (catch_up, overlap) == (CatchUp::All, Overlap::Skip) {
        let message = "of several times that are made up for, all but the first would be passed over";
        let finding = Finding::error(ErrorCode::RuleViolation, message);
        fields.add("catch_up", finding.advise("write `overlap: queue` as well".to_owned()));
    }
    Some(Timing { cron: cron?, time_zone, catch_up, overlap })
}

fn read_cron(fields: &mut Fields<'_>, name: &'static str) -> Option<Cron> {
    let value = fields.any(name)?;
    let Some(text) = value.as_str() else {
        if name == "cron" {
            fields.add(name, wrong_type("text", value));
        }
        return None;
    };
    text.parse::<Cron>()
        .map_err(|error| {
            let finding = Finding::error(ErrorCode::OutOfRange, error.message);
            fields.add(name, finding.advise(error.advice).within(error.part));
        })
        .ok()
}

/// An entry as a node.
fn node(entry: &Entry) -> Node {
    let kind = NodeKind::Workflow(WorkflowNode {
        workflow_ref: entry.workflow_ref.clone(),
        exposed_outputs: entry.outputs.clone(),
        config_overrides: entry.inputs.clone(),
    });
    let base = NodeBase {
        dependencies: entry.after.clone(),
        timeout_seconds: entry.timeout_seconds,
        retries: entry.retries,
        ..NodeBase::default()
    };
    Node { id: entry.id.clone(), kind, base, when: None }
}
