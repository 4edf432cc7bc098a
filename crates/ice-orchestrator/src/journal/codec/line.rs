//! A record's line of JSON. What every node of every run writes is written straight, field by field, as serde
//! would write it; the rest is left to serde.

use ice_core::process::Limits;
use ice_core::time::Moment;
use ice_core::value::json::Object;
use serde::Serialize;
use serde_json::Error;

use crate::journal::record::{is_free, is_one, is_pure, millis};
use crate::journal::{Body, Intent, Manifest, RunOptions};

/// A [`Record`](crate::journal::Record) whose parts stand apart.
#[derive(Serialize)]
struct Written<'b> {
    #[serde(with = "millis")]
    at: Moment,
    #[serde(flatten)]
    body: &'b Body,
}

/// Appends a record as JSON.
pub(super) fn write(out: &mut Vec<u8>, at: Moment, body: &Body) -> Result<(), Error> {
    let begun = out.len();
    let mut line = Object::open(out);
    line.whole("at", at.as_millis());
    match body {
        Body::Manifest(manifest) => {
            line.plain("t", "manifest");
            fields(&mut line, manifest)?;
        }
        Body::Started { node, attempt, intent: what, effect, held } => {
            line.plain("t", "started").plain("n", node.as_str());
            if !is_one(attempt) {
                line.whole("a", *attempt);
            }
            intent(line.object("i"), what)?;
            if !is_pure(effect) {
                line.any("e", effect)?;
            }
            if let Some(held) = held {
                line.any("b", held)?;
            }
        }
        Body::Succeeded { node, output, usage, stream, cached } => {
            line.plain("t", "succeeded").plain("n", node.as_str()).value("o", output)?;
            if !is_free(usage) {
                line.any("u", usage)?;
            }
            if let Some(stream) = stream {
                line.hash("h", stream);
            }
            if *cached {
                line.any("c", cached)?;
            }
        }
        Body::Opened { node, attempt, opening } => {
            line.plain("t", "opened").plain("n", node.as_str());
            if !is_one(attempt) {
                line.whole("a", *attempt);
            }
            line.any("w", opening)?;
        }
        Body::Closed { node, output } => {
            line.plain("t", "closed").plain("n", node.as_str()).value("o", output)?;
        }
        Body::Ended { status, output, failure } => {
            line.plain("t", "ended").plain("status", status.as_str()).value("o", output)?;
            if let Some(failure) = failure {
                line.any("f", failure)?;
            }
        }
        Body::Step { step, node, intent: what, effect, held } => {
            line.plain("t", "step").plain("s", step.as_str()).plain("n", node.as_str());
            intent(line.object("i"), what)?;
            if !is_pure(effect) {
                line.any("e", effect)?;
            }
            if let Some(held) = held {
                line.any("b", held)?;
            }
        }
        Body::Receipt { .. }
        | Body::Failed { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Watching { .. }
        | Body::Checked { .. }
        | Body::Alerted { .. }
        | Body::Iterated { .. }
        | Body::Asked { .. }
        | Body::Escalated { .. }
        | Body::Answered { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. } => {
            out.truncate(begun);
            return serde_json::to_writer(out, &Written { at, body });
        }
    }
    line.close();
    Ok(())
}

fn intent(mut object: Object<'_>, intent: &Intent) -> Result<(), Error> {
    match intent {
        Intent::Tool { tool, input } => {
            object.plain("k", "tool").text("tool", tool)?.value("input", input)?;
        }
        Intent::Llm { provider, request } => {
            object.plain("k", "llm").text("provider", provider)?.value("request", request)?;
        }
        Intent::Code { request } => {
            object.plain("k", "code").value("request", request)?;
        }
        Intent::Alert { request } => {
            object.plain("k", "alert").value("request", request)?;
        }
        Intent::Swarm { request } => {
            object.plain("k", "swarm").value("request", request)?;
        }
        Intent::Memory { request } => {
            object.plain("k", "memory").value("request", request)?;
        }
        Intent::Aware { provider, request } => {
            object.plain("k", "aware").text("provider", provider)?.value("request", request)?;
        }
        Intent::Agent { agent, provider, request } => {
            object.plain("k", "agent").text("agent", agent)?.text("provider", provider)?;
            object.value("request", request)?;
        }
    }
    object.close();
    Ok(())
}

fn fields(line: &mut Object<'_>, manifest: &Manifest) -> Result<(), Error> {
    let Manifest {
        version,
        run,
        tenant,
        by,
        blueprint,
        name,
        plan,
        inputs,
        options,
        not_enforced,
        forked,
        engine,
    } = manifest;
    line.whole("version", *version)
        .uuid("run", run.uuid())
        .text("tenant", tenant.as_str())?
        .text("by", by.as_str())?
        .text("blueprint", blueprint.as_str())?
        .text("name", name)?
        .hash("plan", plan)
        .value("inputs", inputs)?;
    how(line.object("options"), options)?;
    if !not_enforced.is_empty() {
        line.any("not_enforced", not_enforced)?;
    }
    if let Some(forked) = forked {
        line.any("forked", forked)?;
    }
    line.text("engine", engine)?;
    Ok(())
}

fn how(mut object: Object<'_>, options: &RunOptions) -> Result<(), Error> {
    let RunOptions {
        max_parallel,
        max_concurrent,
        failure_policy,
        durability,
        grants,
        cancel_grace_ms,
        idempotency_key,
        max_loop_items,
        max_nodes,
        max_bytes,
        budget,
        max_time_ms,
        max_depth,
        isolation,
        waive,
        limits,
    } = options;
    object.whole("max_parallel", *max_parallel);
    if let Some(most) = max_concurrent {
        object.whole("max_concurrent", *most);
    }
    object.any("failure_policy", failure_policy)?;
    if let Some(durability) = durability {
        object.any("durability", durability)?;
    }
    object.any("grants", grants)?.whole("cancel_grace_ms", *cancel_grace_ms);
    if let Some(key) = idempotency_key {
        object.text("idempotency_key", key)?;
    }
    object
        .whole("max_loop_items", *max_loop_items)
        .whole("max_nodes", *max_nodes)
        .whole("max_bytes", *max_bytes);
    if !budget.is_unlimited() {
        object.any("budget", budget)?;
    }
    if let Some(limit) = max_time_ms {
        object.whole("max_time_ms", *limit);
    }
    if let Some(limit) = max_depth {
        object.whole("max_depth", *limit);
    }
    object.any("isolation", isolation)?;
    if !waive.is_empty() {
        object.any("waive", waive)?;
    }
    if *limits != Limits::default() {
        object.any("limits", limits)?;
    }
    object.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ice_core::budget::{Budget, Spend};
    use ice_core::error::ErrorCode;
    use ice_core::llm::Usage;
    use ice_core::process::{Denial, DenialKind, Home, Isolation, Report, Verdict};
    use ice_core::tools::Effect;
    use ice_core::value::{BlobHash, Value};

    use super::*;
    use crate::journal::codec::fields;
    use crate::journal::{
        Failure, Imported, Migrated, Opening, Record, RunHead, RunOptions, RunStatus, RunSummary,
    };

    fn manifest(options: RunOptions, not_enforced: Vec<String>) -> Manifest {
        Manifest {
            version: 1,
            run: uuid::Uuid::from_u128(7).into(),
            tenant: "t".parse().unwrap(),
            by: "user:a".parse().unwrap(),
            blueprint: "b".parse().unwrap(),
            name: "a \"name\"\n".to_owned(),
            plan: BlobHash::of(b"plan"),
            inputs: Value::map([("x", Value::from(1))]),
            options,
            not_enforced,
            forked: None,
            engine: "0.1".to_owned(),
        }
    }

    #[test]
    fn it_is_what_serde_writes() {
        let node = || "loop[3].a".parse().unwrap();
        let value = || Value::map([("é\"", Value::from(-2)), ("n", Value::try_from(0.5).unwrap())]);
        let tool = || Intent::Tool { tool: "read".into(), input: value() };
        let llm = || Intent::Llm { provider: "p\\".into(), request: value() };
        let agent = || Intent::Agent { agent: "a.b".into(), provider: "p".into(), request: value() };
        let usage = Usage { input: 1, ..Usage::default() };
        let spend = || {
            let cost_usd = "0.25".parse().unwrap();
            Some(Box::new(Spend { tokens: 3, cost_usd, unpriced: true, ..Spend::default() }))
        };
        let keyed = RunOptions {
            max_concurrent: Some(3),
            idempotency_key: Some("k".to_owned()),
            isolation: Isolation::InProcess,
            waive: vec!["landlock".to_owned()],
            limits: Limits { memory_bytes: Some(1), ..Limits::default() },
            budget: Budget { tokens: Some(0), ..Budget::default() },
            max_time_ms: Some(1),
            max_depth: Some(0),
            ..RunOptions::default()
        };
        let failure = Failure::new(ErrorCode::RunStuck, "why");
        let forked = manifest(RunOptions::default(), Vec::new()).forked_at(node(), 7);
        for body in [
            Body::Manifest(Arc::new(manifest(RunOptions::default(), Vec::new()))),
            Body::Manifest(Arc::new(Manifest {
                forked: Some(Box::new(forked)),
                ..manifest(keyed, vec!["network".to_owned()])
            })),
            Body::Started { node: node(), attempt: 1, intent: tool(), effect: Effect::Pure, held: None },
            Body::Started {
                node: node(),
                attempt: 1,
                intent: Intent::Alert { request: value() },
                effect: Effect::Idempotent,
                held: spend(),
            },
            Body::Started {
                node: node(),
                attempt: 1,
                intent: Intent::Memory { request: value() },
                effect: Effect::Pure,
                held: None,
            },
            Body::Started {
                node: node(),
                attempt: 1,
                intent: Intent::Aware { provider: std::sync::Arc::from("p"), request: value() },
                effect: Effect::Pure,
                held: None,
            },
            Body::Started {
                node: node(),
                attempt: 3,
                intent: llm(),
                effect: Effect::Irreversible,
                held: None,
            },
            Body::Started { node: node(), attempt: 1, intent: agent(), effect: Effect::Pure, held: None },
            Body::Started {
                node: node(),
                attempt: 1,
                intent: Intent::Swarm { request: value() },
                effect: Effect::Pure,
                held: None,
            },
            Body::Step {
                step: node(),
                node: node(),
                intent: llm(),
                effect: Effect::Idempotent,
                held: spend(),
            },
            Body::Step { step: node(), node: node(), intent: tool(), effect: Effect::Pure, held: None },
            Body::Receipt {
                step: node(),
                node: node(),
                result: Ok(value()),
                usage,
                stream: Some(BlobHash::of(b"")),
                cached: true,
                discarded: Some(3),
            },
            Body::Receipt {
                step: node(),
                node: node(),
                result: Err(failure.clone()),
                usage: Usage::default(),
                stream: None,
                cached: false,
                discarded: None,
            },
            Body::Succeeded {
                node: node(),
                output: value(),
                usage: Usage::default(),
                stream: None,
                cached: true,
            },
            Body::Succeeded {
                node: node(),
                output: value(),
                usage,
                stream: Some(BlobHash::of(b"")),
                cached: false,
            },
            Body::Closed { node: node(), output: value() },
            Body::Opened { node: node(), attempt: 1, opening: Opening::Condition { result: true } },
            Body::Opened { node: node(), attempt: 2, opening: Opening::Workflow { inputs: value() } },
            Body::Reported {
                node: node(),
                report: Box::new(Report::new(Home::Process, Verdict::WallTimeout)),
            },
            Body::Denied { node: node(), denial: Denial::new(DenialKind::Limit, "wall") },
            Body::Failed { node: node(), failure: failure.clone(), retry_at: None },
            Body::Migrated(Box::new(Migrated {
                plan: BlobHash::of(b"other"),
                blueprint: "b".parse().unwrap(),
                name: "other".to_owned(),
                not_enforced: Vec::new(),
                by: "user:a".parse().unwrap(),
            })),
            Body::Ended { status: RunStatus::Succeeded, output: value(), failure: None },
            Body::Ended { status: RunStatus::Failed, output: value(), failure: Some(failure) },
        ] {
            let record = Record { at: Moment::from_millis(1_700_000_000_123), body };
            let mut out = b"before".to_vec();
            write(&mut out, record.at, &record.body).unwrap();
            let json = serde_json::to_string(&record).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{json}"));
            assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
            assert_eq!(fields::read(json.as_bytes()).unwrap(), record);
        }
    }

    #[test]
    fn so_is_the_head_of_a_run() {
        let failure = Failure::new(ErrorCode::RunStuck, "why");
        let imported = Imported { at: Moment::from_millis(8), by: "user:a".parse().unwrap(), records: 7 };
        for (failure, timer, migrated, imported) in
            [(None, None, None, None), (Some(failure), Some(Moment::from_millis(9)), Some(5), Some(imported))]
        {
            let Manifest { run, by, blueprint, name, plan, .. } = manifest(RunOptions::default(), Vec::new());
            let at = Moment::from_millis(1_700_000_000_123);
            let summary = RunSummary {
                id: run,
                status: RunStatus::Succeeded,
                blueprint_id: blueprint,
                name,
                by,
                started_at: at,
                updated_at: at,
                failure,
            };
            let owner = "o".to_owned();
            let head =
                RunHead { version: 1, summary, next: 3, owner, epoch: 2, plan, timer, migrated, imported };
            let json = String::from_utf8(head.to_json().unwrap()).unwrap();
            assert_eq!(json, serde_json::to_string(&head).unwrap());
            assert_eq!(serde_json::from_str::<RunHead>(&json).unwrap(), head);
        }
    }
}
