//! A run as one file: what is brought in is as it was, and nothing of what is not sound is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{json, me, registry, tool};
use bytes::Bytes;
use ice_core::error::ErrorCode;
use ice_core::id::{RunId, Tenant};
use ice_core::registry::Registry;
use ice_core::store::{BlobStore, Key, MemoryBlobs, MemoryStore, Store};
use ice_core::tools::Effect;
use ice_core::value::{BlobHash, Value};
use ice_orchestrator::engine::{Arrived, Engine, Fork, Reply, Retention, RunError};
use ice_orchestrator::events::Event;
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};
use ice_orchestrator::replay::diff;
use ice_orchestrator::transfer::{Header, Item, Packer, Part, Unpacker};

const WAITS: &str = "nodes:
- {id: a, type: tool, tool_name: act}
- {id: ask, type: human, prompt_message: 'is {{ a }} right?', timeout_seconds: 86400}
- {id: b, type: tool, tool_name: act, dependencies: [ask]}";

/// An engine on a store of its own. The tool `act` cannot be repeated and counts its calls.
#[cfg(test)]
struct Ground {
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
    engine: Engine,
    acts: Arc<AtomicU32>,
    tenant: Tenant,
}

#[cfg(test)]
impl Ground {
    fn new() -> Self {
        let acts = Arc::new(AtomicU32::new(0));
        let mut registry = registry();
        let counted = Arc::clone(&acts);
        let act = tool("act", Effect::Irreversible, move |_, _| {
            let count = counted.fetch_add(1, Ordering::SeqCst);
            async move { Ok(Value::from(count)) }
        });
        registry.tools.register(act).unwrap();
        Self::with(registry, acts)
    }

    fn with(registry: Registry, acts: Arc<AtomicU32>) -> Self {
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
        let builder = Engine::builder()
            .store(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&blobs) as Arc<dyn BlobStore>);
        Self { store, blobs, engine: builder.registry(registry).build(), acts, tenant: Tenant::default() }
    }

    async fn start(&self, yaml: &str, inputs: Value, options: RunOptions) -> RunId {
        let plan = crate::common::plan(yaml, self.engine.registry());
        let handle = self.engine.start(&plan, inputs, options, &me(), &self.tenant).await.unwrap();
        self.engine.drain().await;
        handle.id()
    }

    async fn waiting(&self) -> RunId {
        self.start(WAITS, json("{}"), RunOptions::default()).await
    }

    async fn export(&self, run: RunId) -> Vec<u8> {
        let mut export = self.engine.export(&self.tenant, run).await.unwrap();
        let mut file = Vec::new();
        while let Some(piece) = export.next().await.unwrap() {
            assert!(piece.len() <= 1 << 20, "pieces are bounded");
            file.extend_from_slice(&piece);
        }
        file
    }

    async fn import(&self, file: &[u8]) -> Result<Arrived, RunError> {
        self.import_in(file, 70_001).await
    }

    async fn import_in(&self, file: &[u8], piece: usize) -> Result<Arrived, RunError> {
        let mut import = self.engine.import(&self.tenant, &me());
        for piece in file.chunks(piece) {
            import.push(piece).await?;
        }
        import.finish().await
    }

    /// An import that is refused and leaves nothing behind.
    async fn refuses(&self, file: &[u8]) -> RunError {
        let error = self.import(file).await.unwrap_err();
        assert_eq!(self.keys().await, Vec::<String>::new(), "{error}");
        assert!(self.engine.list(&self.tenant, &Default::default()).await.unwrap().is_empty());
        for (part, bytes) in parts(file) {
            if let Part::Blob { hash, .. } = part {
                assert_eq!(self.blobs.size(&hash).await.unwrap(), None, "{} bytes, {error}", bytes.len());
            }
        }
        error
    }

    /// The keys of runs.
    async fn keys(&self) -> Vec<String> {
        let all = self.store.scan(&Key::new("t/").unwrap(), None, 10_000).await.unwrap();
        all.iter()
            .map(|entry| entry.key.as_str().to_owned())
            .filter(|key| !key.contains("/engine/"))
            .collect()
    }

    async fn show(&self, run: RunId) -> RunDocument {
        self.engine.show(&self.tenant, run).await.unwrap()
    }

    async fn events(&self, run: RunId) -> Vec<Event> {
        let mut events = self.engine.events(&self.tenant, run, None, false).await.unwrap();
        let mut all = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            all.push(event);
        }
        all
    }

    async fn answer(&self, run: RunId) -> Result<(), RunError> {
        let (node, response) = ("ask".parse().unwrap(), Value::from(true));
        let reply = Reply { node, response, comment: None, id: uuid::Uuid::from_u128(7) };
        self.engine.answer(&self.tenant, run, reply, &me()).await?;
        self.engine.drain().await;
        Ok(())
    }

    async fn resume(&self, run: RunId) {
        self.engine.resume(&self.tenant, run, &me(), None).await.unwrap();
        self.engine.drain().await;
    }
}

/// The parts of a file, as far as it can be read.
#[cfg(test)]
fn parts(mut file: &[u8]) -> Vec<(Part, Bytes)> {
    let (mut unpacker, mut parts) = (Unpacker::default(), Vec::new());
    while let Ok(Some(item)) = unpacker.next(&mut file) {
        if let Item::Part(part, bytes) = item {
            parts.push((part, bytes));
        }
    }
    parts
}

/// A file whose digest is right, with what a person who means harm makes of its parts.
#[cfg(test)]
pub(crate) fn forged(file: &[u8], change: impl FnOnce(&mut Header, &mut Vec<(Part, Bytes)>)) -> Vec<u8> {
    let mut input = file;
    let Some(Item::Header(mut header)) = Unpacker::default().next(&mut input).unwrap() else { panic!() };
    let mut parts = parts(file);
    change(&mut header, &mut parts);
    let mut packer = Packer::default();
    let mut out = packer.header(&header).unwrap().to_vec();
    for (part, bytes) in parts {
        let size = bytes.len() as u64;
        let part = match part {
            Part::Plan { hash, .. } => Part::Plan { hash, size },
            Part::Blob { hash, .. } => Part::Blob { hash, size },
            Part::Chunk { first, .. } => Part::Chunk { first, size },
        };
        out.extend_from_slice(&packer.part(&part).unwrap());
        out.extend_from_slice(&packer.bytes(bytes));
        out.extend_from_slice(&packer.end_part());
    }
    out.extend_from_slice(&packer.end().unwrap());
    out
}

/// A file in whose journal a text is replaced.
#[cfg(test)]
fn rewritten(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    forged(file, |_, parts| {
        let mut found = false;
        for (part, bytes) in parts {
            if let Part::Chunk { .. } = part {
                let text = std::str::from_utf8(bytes).unwrap();
                found |= text.contains(from);
                *bytes = text.replace(from, to).into();
            }
        }
        assert!(found, "{from}");
    })
}

const KINDS: &str = "nodes:
- {id: text, type: tool, tool_name: same, tool_args: {value: '{{ inputs.text }}'}}
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: act}]}
- {id: ask, type: llm, provider: echo, model: echo, prompt: 'Say {{ each }}'}
- {id: last, type: tool, tool_name: same, tool_args: {value: '{{ text }}!'}}";

#[cfg(test)]
async fn with_blobs(ground: &Ground) -> RunId {
    let inputs = Value::map([
        ("text", Value::from("long ".repeat(400_000))),
        ("items", Value::list((0..40).map(Value::from))),
    ]);
    ground.start(KINDS, inputs, RunOptions::default()).await
}

#[tokio::test]
async fn a_run_that_has_ended_is_as_it_was() {
    let (here, there) = (Ground::new(), Ground::new());
    let run = with_blobs(&here).await;
    let file = here.export(run).await;
    let arrived = there.import(&file).await.unwrap();
    assert_eq!(arrived, Arrived { run, status: RunStatus::Succeeded, was_here: false });
    let (before, after) = (here.show(run).await, there.show(run).await);
    let imported = after.imported.clone().unwrap();
    assert_eq!((imported.by, imported.records), (me(), before.records));
    assert_eq!(RunDocument { imported: None, ..after.clone() }, before);
    assert!(diff(&before, &after).is_empty());
    assert_eq!(here.events(run).await, there.events(run).await);
    crate::common::replays(&there.engine, run).await;
    assert_eq!(there.export(run).await, file, "the same run gives the same bytes");
    let listed = there.engine.list(&there.tenant, &Default::default()).await.unwrap();
    assert_eq!(listed, here.engine.list(&here.tenant, &Default::default()).await.unwrap());
    // Nothing was done again, and a fork does what comes after.
    assert_eq!((here.acts.load(Ordering::SeqCst), there.acts.load(Ordering::SeqCst)), (40, 0));
    let fork = Fork::at("ask".parse().unwrap());
    let fork = there.engine.fork(&there.tenant, run, fork, &me()).await.unwrap();
    let end = fork.wait().await.unwrap();
    assert_eq!((end.status, end.output.get("last")), (RunStatus::Succeeded, before.output.get("last")));
    assert_eq!(there.acts.load(Ordering::SeqCst), 0);
    // And once more: it is here.
    assert!(there.import_in(&file, 1 << 20).await.unwrap().was_here);
    assert!(here.import(&file).await.unwrap().was_here);
    let all = Retention {
        before: there.engine.now().plus(std::time::Duration::from_secs(9)),
        status: None,
        keep: 0,
        dry_run: false,
    };
    assert_eq!(there.engine.prune(&there.tenant, &all).await.unwrap().runs.len(), 2);
    for (part, _) in parts(&file) {
        if let Part::Blob { hash, .. } = part {
            assert_eq!(there.blobs.size(&hash).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn pieces_of_any_size_give_the_same_run() {
    let here = Ground::new();
    let run = here.waiting().await;
    let file = here.export(run).await;
    for piece in [1, 13, 100_000] {
        let there = Ground::new();
        assert_eq!(there.import_in(&file, piece).await.unwrap().run, run);
    }
}

#[tokio::test]
async fn a_run_that_has_not_ended_waits_until_somebody_resumes_it() {
    let (here, there) = (Ground::new(), Ground::new());
    let run = here.waiting().await;
    let file = here.export(run).await;
    assert_eq!(there.import(&file).await.unwrap().status, RunStatus::Parked);
    let parked = there.show(run).await;
    assert_eq!(parked.failure.as_ref().unwrap().code, ErrorCode::RunImported);
    assert_eq!(there.engine.resume_all(&there.tenant, &me()).await.unwrap().runs.len(), 0);
    assert_eq!(there.engine.next_timer(&there.tenant).await.unwrap(), None);
    let error = there.answer(run).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RunState);
    assert!(there.engine.active().is_empty());
    // It is here just so, and a file of what is parked here is another that can be brought on.
    assert!(there.import(&file).await.unwrap().was_here);
    let third = Ground::new();
    assert_eq!(third.import(&there.export(run).await).await.unwrap().status, RunStatus::Parked);
    there.resume(run).await;
    assert_eq!(there.show(run).await.status, RunStatus::Waiting);
    there.answer(run).await.unwrap();
    let ended = there.show(run).await;
    assert_eq!((ended.status, there.acts.load(Ordering::SeqCst)), (RunStatus::Succeeded, 1));
    crate::common::replays(&there.engine, run).await;
    // It has gone on: what the file has is another run now.
    let error = there.import(&file).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreConflict);
    assert_eq!(there.show(run).await, ended);
    // So is the file of the one that has ended for where it still waits.
    assert_eq!(here.import(&there.export(run).await).await.unwrap_err().code(), ErrorCode::StoreConflict);
    assert_eq!(here.show(run).await.status, RunStatus::Waiting);
}

#[tokio::test]
async fn what_was_under_way_when_it_was_exported_is_in_doubt() {
    let (here, there) = (Ground::new(), Ground::new());
    let yaml = "nodes: [{id: w, type: tool, tool_name: wait}]";
    let plan = crate::common::plan(yaml, here.engine.registry());
    let handle =
        here.engine.start(&plan, json("{}"), RunOptions::default(), &me(), &here.tenant).await.unwrap();
    let run = handle.id();
    while here.show(run).await.nodes.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(there.import(&here.export(run).await).await.unwrap().status, RunStatus::Parked);
    there.resume(run).await;
    assert_eq!(there.show(run).await.failure.unwrap().code, ErrorCode::RunInDoubt);
    there.engine.cancel(&there.tenant, run, &me(), None).await.unwrap();
    there.engine.drain().await;
    assert_eq!(there.show(run).await.status, RunStatus::Cancelled);
}

#[tokio::test]
async fn a_run_that_was_imported_can_be_cancelled_without_going_on() {
    let (here, there) = (Ground::new(), Ground::new());
    let run = here.waiting().await;
    there.import(&here.export(run).await).await.unwrap();
    there.engine.cancel(&there.tenant, run, &me(), None).await.unwrap();
    there.engine.drain().await;
    assert_eq!((there.show(run).await.status, there.acts.load(Ordering::SeqCst)), (RunStatus::Cancelled, 0));
}

#[tokio::test]
async fn the_tools_and_models_of_a_run_need_not_be_here_to_look_at_it() {
    let (here, there) = (Ground::new(), Ground::with(Registry::default(), Arc::default()));
    let (ended, waits) = (with_blobs(&here).await, here.waiting().await);
    there.import(&here.export(ended).await).await.unwrap();
    let after = there.show(ended).await;
    assert_eq!(after.output, here.show(ended).await.output);
    there.import(&here.export(waits).await).await.unwrap();
    there.resume(waits).await;
    assert_eq!(there.show(waits).await.failure.unwrap().code, ErrorCode::PinMismatch);
}

#[tokio::test]
async fn runs_that_were_moved_or_forked_arrive_with_what_they_go_on_over() {
    let (here, there) = (Ground::new(), Ground::new());
    let run = here.waiting().await;
    let changed = WAITS.replace(
        "- {id: b, type: tool, tool_name: act, dependencies: [ask]}",
        "- {id: c, type: tool, tool_name: same, tool_args: {value: '{{ ask.approved }}'}}",
    );
    let plan = crate::common::plan(&changed, here.engine.registry());
    here.engine.migrate(&here.tenant, run, &plan, &me()).await.unwrap();
    there.import(&here.export(run).await).await.unwrap();
    // It can be moved here as well, and stays parked.
    let again = crate::common::plan(
        &changed.replace("'{{ ask.approved }}'", "'{{ ask.approved }}!'"),
        there.engine.registry(),
    );
    there.engine.migrate(&there.tenant, run, &again, &me()).await.unwrap();
    assert_eq!(there.show(run).await.status, RunStatus::Parked);
    there.resume(run).await;
    there.answer(run).await.unwrap();
    let ended = there.show(run).await;
    assert_eq!((ended.status, ended.output.get("c")), (RunStatus::Succeeded, Some(&Value::from("True!"))));
    assert_eq!(ended.migrations.len(), 2);
    crate::common::replays(&there.engine, run).await;
    // A fork of it, whose past was moved.
    let fork = there.engine.fork(&there.tenant, run, Fork::at("c".parse().unwrap()), &me()).await.unwrap();
    fork.wait().await.unwrap();
    let third = Ground::new();
    third.import(&there.export(fork.id()).await).await.unwrap();
    crate::common::replays(&third.engine, fork.id()).await;
    assert_eq!(third.show(fork.id()).await.output, ended.output);
}

#[tokio::test]
async fn a_run_becomes_one_of_the_tenant_who_imports_it_and_takes_no_key() {
    let here = Ground::new();
    let options = RunOptions { idempotency_key: Some("k".to_owned()), ..RunOptions::default() };
    let run = here.start(WAITS, json("{}"), options.clone()).await;
    let file = here.export(run).await;
    let there = Ground { tenant: "theirs".parse().unwrap(), ..Ground::new() };
    there.import(&file).await.unwrap();
    let ours = there.engine.list(&Tenant::default(), &Default::default()).await.unwrap();
    assert!(ours.is_empty());
    assert!(there.keys().await.iter().all(|key| key.starts_with("t/theirs/")));
    assert_ne!(there.start(WAITS, json("{}"), options).await, run, "the key is free");
    // Ids name runs of the whole engine: nobody gets at a run through a file of the same id.
    let beside = Ground { tenant: "beside".parse().unwrap(), ..there };
    assert_eq!(beside.import(&file).await.unwrap_err().code(), ErrorCode::StoreConflict);
}

#[tokio::test]
async fn what_is_cut_or_changed_anywhere_is_refused_and_leaves_nothing() {
    let here = Ground::new();
    let text = Value::map([("text", Value::from("long ".repeat(20_000))), ("items", json("[1]"))]);
    let file = here.export(here.start(KINDS, text, RunOptions::default()).await).await;
    let there = Ground::new();
    let many = file.len();
    for at in (0..many).step_by(many / 150).chain(many - 5..many) {
        let error = there.refuses(&file[..at]).await;
        assert_eq!(error.code(), ErrorCode::RunFileInvalid, "{at}: {error}");
        let mut changed = file.clone();
        // Not the case of a letter, which means nothing in a hash.
        changed[at] ^= 0x01;
        there.refuses(&changed).await;
    }
    let more = [&file[..], b"\n"].concat();
    assert!(there.refuses(&more).await.to_string().contains("behind its end"));
    assert!(there.refuses(b"blueprint_id: x\nnodes: []\n").await.to_string().contains("no file of a run"));
    let newer = String::from_utf8_lossy(&file[..200]).replace("\"ice_run\":1", "\"ice_run\":9");
    assert_eq!(there.refuses(newer.as_bytes()).await.code(), ErrorCode::JournalVersion);
    // What is kept of others stays.
    there.import(&file).await.unwrap();
    assert!(there.import(&file[..many - 2]).await.is_err());
    let again = Ground::new()
        .import(
            &there.export(there.engine.list(&there.tenant, &Default::default()).await.unwrap()[0].id).await,
        )
        .await;
    again.unwrap();
}

#[tokio::test]
async fn files_that_somebody_has_made_up_are_refused_with_why() {
    let here = Ground::new();
    let run = here.waiting().await;
    let file = here.export(run).await;
    let there = Ground::new();
    let refused = async |file: Vec<u8>, why: &str| {
        let error = there.refuses(&file).await;
        assert!(error.to_string().contains(why), "{why}: {error}");
    };
    let other = RunId::from(uuid::Uuid::from_u128(7));
    refused(forged(&file, |header, _| header.run = other), "it is of the run").await;
    refused(forged(&file, |header, _| header.records = 77), "and says 77").await;
    refused(forged(&file, |_, parts| drop(parts.remove(0))), "comes before its plan").await;
    refused(forged(&file, |_, parts| parts.truncate(1)), "it has no journal").await;
    refused(forged(&file, |_, parts| parts.push(parts[0].clone())), "two plans").await;
    refused(forged(&file, |_, parts| drop(parts.remove(1))), "record 0 is expected").await;
    refused(forged(&file, |_, parts| parts.push(parts[1].clone())), "is expected, not record 0").await;
    let blob = Bytes::from_static(b"more");
    let needless = Part::Blob { hash: BlobHash::of(&blob), size: 4 };
    refused(
        forged(&file, |_, parts| parts.insert(1, (needless.clone(), blob.clone()))),
        "nothing in it names the blob",
    )
    .await;
    refused(forged(&file, |_, parts| parts.push((needless.clone(), blob.clone()))), "after the journal")
        .await;
    let lies = Part::Blob { hash: BlobHash::of(b"x"), size: 4 };
    refused(forged(&file, |_, parts| parts.insert(1, (lies, blob.clone()))), "is not what its hash names")
        .await;
    refused(
        forged(&file, |_, parts| parts[0].1 = Bytes::from_static(b"{}")),
        "its plan is not what its hash names",
    )
    .await;
    let deep = Bytes::from(format!("{{\"blueprint\":{}", "[".repeat(100_000)));
    let plan = (Part::Plan { hash: BlobHash::of(&deep), size: 0 }, deep);
    refused(forged(&file, |_, parts| parts[0] = plan), "its plan cannot be read").await;
    let unknown = String::from_utf8(parts(&file)[0].1.to_vec()).unwrap();
    let unknown = Bytes::from(unknown.replace("\"type\":\"human\"", "\"type\":\"oracle\""));
    let plan = (Part::Plan { hash: BlobHash::of(&unknown), size: 0 }, unknown);
    refused(forged(&file, |_, parts| parts[0] = plan), "its plan cannot be read").await;
    // Records that contradict one another, or the plan.
    refused(rewritten(&file, r#""t":"asked","n":"ask""#, r#""t":"asked","n":"a""#), "record 3 cannot be")
        .await;
    refused(rewritten(&file, r#""t":"started","n":"a""#, r#""t":"started","n":"../a""#), "line").await;
    refused(
        rewritten(&file, r#""t":"succeeded","n":"a""#, r#""t":"succeeded","n":"b""#),
        "record 2 cannot be",
    )
    .await;
    refused(rewritten(&file, r#""t":"asked""#, r#""t":"told""#), "unknown variant").await;
    let hash = |text: &str| BlobHash::of(text.as_bytes()).to_string();
    let plan_of = parts(&file).into_iter().find_map(|(part, _)| match part {
        Part::Plan { hash, .. } => Some(hash.to_string()),
        Part::Blob { .. } | Part::Chunk { .. } => None,
    });
    refused(rewritten(&file, &plan_of.unwrap(), &hash("x")), "is bound to the plan").await;
    refused(
        rewritten(&file, r#""max_parallel":16"#, r#""max_parallel":4000000000"#),
        "`max_parallel` is 4000000000",
    )
    .await;
    let newer = forged(&file, |header, _| header.journal = 9);
    assert_eq!(there.refuses(&newer).await.code(), ErrorCode::JournalVersion);
    // A run that has ended has no further records.
    let ended =
        here.start("nodes: [{id: a, type: tool, tool_name: act}]", json("{}"), RunOptions::default()).await;
    let file = here.export(ended).await;
    let more = forged(&file, |header, parts| {
        let first = header.records;
        header.records += 1;
        let line = br#"r{"at":1,"t":"resumed","by":"user:a","epoch":1}"#;
        parts.push((Part::Chunk { first, size: 0 }, Bytes::from_static(line)));
    });
    refused(more, "the run has ended").await;
}

#[tokio::test]
async fn values_that_grow_beyond_measure_when_they_are_put_together_are_refused() {
    let here = Ground::new();
    let file = here.export(here.waiting().await).await;
    let there = Ground::new();
    let given = r#""t":"succeeded","n":"a","o":0"#;
    // Objects that hold one another twice, each under its right hash.
    let doubled = |wrap: &dyn Fn(&str) -> String| {
        let (mut inner, mut lines) = ("1".to_owned(), String::new());
        for _ in 0..60 {
            let json = wrap(&inner);
            let hash = BlobHash::of(json.as_bytes());
            lines.push_str(&format!("o{hash} t{json}\n"));
            inner = format!(r#"{{"$ice.tree":"{hash}"}}"#);
        }
        let to = format!(r#""t":"succeeded","n":"a","o":{inner}"#);
        let file = rewritten(&file, given, &to);
        forged(&file, |_, parts| {
            for (part, bytes) in parts {
                if matches!(part, Part::Chunk { .. }) && bytes.windows(7).any(|seven| seven == b"r{\"at\":") {
                    *bytes = [lines.as_bytes(), bytes].concat().into();
                }
            }
        })
    };
    let vast = there.refuses(&doubled(&|inner| format!("[{inner},{inner}]"))).await;
    assert!(vast.to_string().contains("written out it takes more than"), "{vast}");
    let long =
        there.refuses(&doubled(&|inner| format!(r#"{{"$ice.list":[[{inner}],{inner},{inner}]}}"#))).await;
    assert!(
        long.to_string().contains("too many items") || long.to_string().contains("written out"),
        "{long}"
    );
    let deep = rewritten(
        &file,
        given,
        &format!(r#""t":"succeeded","n":"a","o":{}1{}"#, "[".repeat(10_000), "]".repeat(10_000)),
    );
    assert!(there.refuses(&deep).await.to_string().contains("recursion limit"));
    // An object under a hash that is not its own would stand for what others mean by it.
    let lie = format!("o{} s\"evil\"\n", BlobHash::of(b"good"));
    let lies = forged(&file, |_, parts| {
        let chunk = &mut parts.last_mut().unwrap().1;
        *chunk = [lie.as_bytes(), chunk].concat().into();
    });
    assert!(there.refuses(&lies).await.to_string().contains("has another hash"));
}

#[tokio::test]
async fn a_journal_that_is_larger_than_a_batch_arrives_whole() {
    let (here, there) = (Ground::new(), Ground::new());
    let yaml = "nodes:
- {id: each, type: loop, items_source: inputs.items, item_var: it, body: [{id: y, type: tool, tool_name: same, tool_args: {value: '{{ it ~ inputs.pad }}'}}]}
- {id: ask, type: human, prompt_message: ok?}";
    let items = Value::list((0..570).map(Value::from));
    let inputs = Value::map([("items", items), ("pad", Value::from("p".repeat(60_000)))]);
    let run = here.start(yaml, inputs, RunOptions::default()).await;
    let file = here.export(run).await;
    assert!(file.len() > 32 << 20, "more than a store takes at once: {}", file.len());
    there.import_in(&file, 1 << 20).await.unwrap();
    there.resume(run).await;
    there.answer(run).await.unwrap();
    let ended = there.show(run).await;
    let each = ended.output.get("each").and_then(Value::as_list).map(<[Value]>::len);
    assert_eq!((ended.status, each), (RunStatus::Succeeded, Some(570)));
}
