//! A record from its line of JSON. What every node of every run writes is read straight into its fields; the rest is left to
//! serde, which takes a line apart several times over to find out what it is.

use std::sync::Arc;

use ice_core::budget::Spend;
use ice_core::llm::Usage;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;
use ice_core::value::{BlobHash, Value};
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};
use serde_json::Error;

use crate::journal::record::{millis, one, pure};
use crate::journal::{Body, Failure, Intent, Opening, Record};

/// Reads a record, in whatever order its fields are.
pub(super) fn read(json: &[u8]) -> Result<Record, Error> {
    let straight = match kind(json) {
        Some(b"started") => parse::<Started>(json),
        Some(b"step") => parse::<Step>(json),
        Some(b"receipt") => parse::<Receipt>(json),
        Some(b"succeeded") => parse::<Succeeded>(json),
        Some(b"opened") => parse::<Opened>(json),
        Some(b"closed") => parse::<Closed>(json),
        Some(_) | None => None,
    };
    // What is wrong with a line is said by serde, and what is merely unusual it reads.
    straight.map_or_else(|| serde_json::from_slice(json), Ok)
}

/// What a record is, if it begins as it is written.
fn kind(json: &[u8]) -> Option<&[u8]> {
    let after = json.strip_prefix(b"{\"at\":")?;
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kind = after.get(digits..)?.strip_prefix(b",\"t\":\"")?;
    kind.split(|byte| *byte == b'"').next()
}

fn parse<'j, F: Deserialize<'j> + Into<Record>>(json: &'j [u8]) -> Option<Record> {
    serde_json::from_slice::<F>(json).ok().map(Into::into)
}

/// The fields of [`Body::Started`], as those below are of theirs. A kind is looked at before; that it stands there once is seen
/// to here.
#[derive(Deserialize)]
struct Started {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    n: NodePath,
    #[serde(default = "one")]
    a: u32,
    i: IntentFields,
    #[serde(default = "pure")]
    e: Effect,
    #[serde(default)]
    b: Option<Box<Spend>>,
}

impl From<Started> for Record {
    fn from(Started { at, _kind: _, n, a, i, e, b }: Started) -> Self {
        Self { at, body: Body::Started { node: n, attempt: a, intent: i.0, effect: e, held: b } }
    }
}

#[derive(Deserialize)]
struct Step {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    s: NodePath,
    n: NodePath,
    i: IntentFields,
    #[serde(default = "pure")]
    e: Effect,
    #[serde(default)]
    b: Option<Box<Spend>>,
}

impl From<Step> for Record {
    fn from(Step { at, _kind: _, s, n, i, e, b }: Step) -> Self {
        Self { at, body: Body::Step { step: s, node: n, intent: i.0, effect: e, held: b } }
    }
}

#[derive(Deserialize)]
struct Receipt {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    s: NodePath,
    n: NodePath,
    r: Result<Value, Failure>,
    #[serde(default)]
    u: Usage,
    #[serde(default)]
    h: Option<BlobHash>,
    #[serde(default)]
    c: bool,
    #[serde(default)]
    k: Option<u64>,
}

impl From<Receipt> for Record {
    fn from(Receipt { at, _kind: _, s, n, r, u, h, c, k }: Receipt) -> Self {
        let body =
            Body::Receipt { step: s, node: n, result: r, usage: u, stream: h, cached: c, discarded: k };
        Self { at, body }
    }
}

#[derive(Deserialize)]
struct Succeeded {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    n: NodePath,
    o: Value,
    #[serde(default)]
    u: Usage,
    #[serde(default)]
    h: Option<BlobHash>,
    #[serde(default)]
    c: bool,
}

impl From<Succeeded> for Record {
    fn from(Succeeded { at, _kind: _, n, o, u, h, c }: Succeeded) -> Self {
        Self { at, body: Body::Succeeded { node: n, output: o, usage: u, stream: h, cached: c } }
    }
}

#[derive(Deserialize)]
struct Opened {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    n: NodePath,
    #[serde(default = "one")]
    a: u32,
    w: OpeningFields,
}

impl From<Opened> for Record {
    fn from(Opened { at, _kind: _, n, a, w }: Opened) -> Self {
        Self { at, body: Body::Opened { node: n, attempt: a, opening: w.0 } }
    }
}

#[derive(Deserialize)]
struct Closed {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(rename = "t")]
    _kind: IgnoredAny,
    n: NodePath,
    o: Value,
}

impl From<Closed> for Record {
    fn from(Closed { at, _kind: _, n, o }: Closed) -> Self {
        Self { at, body: Body::Closed { node: n, output: o } }
    }
}

/// An intent by its fields.
#[derive(Deserialize)]
#[serde(try_from = "IntentShape")]
struct IntentFields(Intent);

#[derive(Deserialize)]
struct IntentShape {
    k: IntentKind,
    tool: Option<Arc<str>>,
    input: Option<Value>,
    agent: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    request: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IntentKind {
    Tool,
    Llm,
    Code,
    Agent,
    Swarm,
    Aware,
    Memory,
    Alert,
}

impl TryFrom<IntentShape> for IntentFields {
    type Error = Error;

    fn try_from(shape: IntentShape) -> Result<Self, Error> {
        let IntentShape { k, tool, input, agent, provider, request } = shape;
        let missing = || Error::custom("a field is missing");
        let request = || request.ok_or_else(missing);
        Ok(Self(match k {
            IntentKind::Tool => {
                Intent::Tool { tool: tool.ok_or_else(missing)?, input: input.ok_or_else(missing)? }
            }
            IntentKind::Llm => Intent::Llm { provider: provider.ok_or_else(missing)?, request: request()? },
            IntentKind::Code => Intent::Code { request: request()? },
            IntentKind::Agent => Intent::Agent {
                agent: agent.ok_or_else(missing)?,
                provider: provider.ok_or_else(missing)?,
                request: request()?,
            },
            IntentKind::Swarm => Intent::Swarm { request: request()? },
            IntentKind::Aware => {
                Intent::Aware { provider: provider.ok_or_else(missing)?, request: request()? }
            }
            IntentKind::Memory => Intent::Memory { request: request()? },
            IntentKind::Alert => Intent::Alert { request: request()? },
        }))
    }
}

/// What a container opened with, by its fields.
#[derive(Deserialize)]
#[serde(try_from = "OpeningShape")]
struct OpeningFields(Opening);

#[derive(Deserialize)]
struct OpeningShape {
    k: OpeningKind,
    result: Option<bool>,
    items: Option<Value>,
    inputs: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OpeningKind {
    Condition,
    Loop,
    Parallel,
    Workflow,
    Recursive,
}

impl TryFrom<OpeningShape> for OpeningFields {
    type Error = Error;

    fn try_from(OpeningShape { k, result, items, inputs }: OpeningShape) -> Result<Self, Error> {
        let missing = || Error::custom("a field is missing");
        Ok(Self(match k {
            OpeningKind::Condition => Opening::Condition { result: result.ok_or_else(missing)? },
            OpeningKind::Loop => Opening::Loop { items: items.ok_or_else(missing)? },
            OpeningKind::Parallel => Opening::Parallel,
            OpeningKind::Workflow => Opening::Workflow { inputs: inputs.ok_or_else(missing)? },
            OpeningKind::Recursive => Opening::Recursive,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = r#""at":1700000000123"#;

    /// Whether a line is read without serde's way through it, and that both ways give the same.
    fn is_straight(rest: &str) -> bool {
        let json = format!("{{{AT},{rest}}}");
        let plain = serde_json::from_str::<Record>(&json).unwrap();
        assert_eq!(read(json.as_bytes()).unwrap(), plain, "{json}");
        let without = |json: &[u8]| match kind(json) {
            Some(b"started") => parse::<Started>(json).is_some(),
            Some(b"step") => parse::<Step>(json).is_some(),
            Some(b"receipt") => parse::<Receipt>(json).is_some(),
            Some(b"succeeded") => parse::<Succeeded>(json).is_some(),
            Some(b"opened") => parse::<Opened>(json).is_some(),
            Some(b"closed") => parse::<Closed>(json).is_some(),
            Some(_) | None => false,
        };
        without(json.as_bytes())
    }

    #[test]
    fn what_every_node_writes_is_read_straight() {
        for rest in [
            r#""t":"started","n":"a","i":{"k":"tool","tool":"read","input":{"x":[1,2.5,null]}}"#,
            r#""t":"started","n":"a[3].b","a":2,"i":{"k":"llm","provider":"p","request":{}},"e":"idempotent""#,
            r#""t":"started","n":"a","i":{"k":"agent","agent":"g","provider":"p","request":{"$ice.tree":"x"}}"#,
            r#""t":"started","n":"a","i":{"k":"code","request":1}"#,
            r#""t":"started","n":"a","i":{"k":"swarm","request":1}"#,
            r#""t":"started","n":"a","i":{"k":"alert","request":"x"}"#,
            r#""t":"step","s":"a.s","n":"a","i":{"k":"tool","tool":"t\"\u00e9","input":""},"e":"irreversible""#,
            r#""t":"receipt","s":"a.s","n":"a","r":{"Ok":null},"c":true,"k":7"#,
            r#""t":"receipt","s":"a.s","n":"a","r":{"Err":{"code":"TOOL_FAILED","message":"why"}}"#,
            r#""t":"succeeded","n":"a","o":null,"u":{"input":1,"output":2}"#,
            r#""t":"opened","n":"a","w":{"k":"condition","result":false}"#,
            r#""t":"opened","n":"a","a":2,"w":{"k":"loop","items":[]}"#,
            r#""t":"opened","n":"a","w":{"k":"parallel"}"#,
            r#""t":"opened","n":"a","w":{"k":"workflow","inputs":{}}"#,
            r#""t":"opened","n":"a","w":{"k":"recursive"}"#,
            r#""t":"closed","n":"a","o":{"a":true}"#,
            // What a newer version may have added.
            r#""t":"closed","n":"a","o":{"a":true},"new":{"x":1}"#,
        ] {
            assert!(is_straight(rest), "{rest}");
        }
    }

    #[test]
    fn what_is_unusual_is_read_all_the_same() {
        for rest in [
            r#""n":"a","t":"closed","o":1"#,
            r#" "t" : "closed", "n":"a", "o":1"#,
            r#""t":"woken","n":"a""#,
            r#""t":"started","n":"a","i":{"k":"tool","tool":"read","input":null}"#,
        ] {
            assert!(!is_straight(rest), "{rest}");
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for rest in [
            r#""t":"closed","n":"a""#,
            r#""t":"closed","t":"woken","n":"a","o":1"#,
            r#""t":"closed","n":"a","n":"b","o":1"#,
            r#""t":"closed","n":"..","o":1"#,
            r#""t":"started","n":"a","i":{"k":"tool","tool":"read"}"#,
            r#""t":"opened","n":"a","w":{"k":"condition"}"#,
            r#""t":"closed","n":"a","o":1} "#,
            r#""t":"nothing","n":"a""#,
            r#""t":"closed"#,
        ] {
            let json = format!("{{{AT},{rest}}}");
            let plain = serde_json::from_str::<Record>(&json).map_err(|error| error.to_string());
            assert_eq!(read(json.as_bytes()).map_err(|error| error.to_string()), plain, "{json}");
            assert!(plain.is_err(), "{json}");
        }
    }
}
