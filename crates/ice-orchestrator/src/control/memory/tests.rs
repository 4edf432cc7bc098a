use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, Tenant};
use ice_core::llm::LlmProvider;
use ice_core::llm::scripted::{Script, Scripted};
use ice_core::memory::{Entry, Kind};
use ice_core::registry::Registry;
use serde_json::json;

use super::*;
use crate::control::{Caller, Control, Info, Refusal, Reply, Request, Response};
use crate::engine::Engine;

/// A control over memory alone, asked in JSON as clients do.
struct Bench(Control);

impl Bench {
    fn new() -> Self {
        Self::over(Engine::builder().build())
    }

    fn over(engine: Engine) -> Self {
        let info = Info { pid: 1, version: "1".to_owned(), role: "test".to_owned(), active: Vec::new() };
        Self(Control::new(engine, info))
    }

    async fn reply_to(&self, tenant: &str, mut request: serde_json::Value) -> Reply {
        request["request"] = json!("memory");
        let request: Request = serde_json::from_value(request).unwrap();
        let again: Request = serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
        assert_eq!(again, request);
        let principal = Principal::new("test:1").unwrap();
        self.0.call(&Caller { tenant: tenant.parse().unwrap(), principal }, request).await
    }

    async fn ask(&self, request: serde_json::Value) -> Result<MemoryResponse, Refusal> {
        self.ask_as("local", request).await
    }

    async fn ask_as(&self, tenant: &str, request: serde_json::Value) -> Result<MemoryResponse, Refusal> {
        let Reply::One(response) = self.reply_to(tenant, request).await else { panic!("several answers") };
        let again: Response = serde_json::from_str(&serde_json::to_string(&response).unwrap()).unwrap();
        assert_eq!(again, response);
        if let Response::Refused(refusal) = response {
            return Err(refusal);
        }
        let Response::Memory(response) = response else { panic!("{response:?}") };
        Ok(response)
    }

    async fn put(&self, put: serde_json::Value) -> Entry {
        let mut request = put;
        request["memory"] = json!("put");
        let response = self.ask(request).await.unwrap();
        let MemoryResponse::Entry { entry } = response else { panic!("{response:?}") };
        *entry
    }

    async fn entries(&self, request: serde_json::Value) -> Vec<Entry> {
        let response = self.ask(request).await.unwrap();
        let MemoryResponse::Entries { entries, .. } = response else { panic!("{response:?}") };
        entries
    }

    async fn forgotten(&self, what: serde_json::Value, erase: bool, dry_run: bool) -> u64 {
        let request = json!({"memory": "forget", "what": what, "erase": erase, "dry_run": dry_run});
        let response = self.ask(request).await.unwrap();
        let MemoryResponse::Forgotten { entries } = response else { panic!("{response:?}") };
        entries
    }

    async fn export(&self, tenant: &str) -> Vec<u8> {
        let Reply::Many(pieces) = self.reply_to(tenant, json!({"memory": "export", "past": true})).await
        else {
            panic!("one answer")
        };
        let mut bytes = Vec::new();
        let pieces: Vec<Response> = pieces.collect().await;
        for piece in &pieces {
            if let Response::Piece { data } = piece {
                bytes.extend(BASE64_STANDARD.decode(data).unwrap());
            } else {
                assert_eq!(piece, &Response::End);
            }
        }
        assert_eq!(pieces.last(), Some(&Response::End));
        bytes
    }
}

#[tokio::test]
async fn what_is_put_is_found_shown_listed_and_counted_for_its_tenant_alone() {
    let bench = Bench::new();
    let first =
        bench.put(json!({"content": "The harbour is closed", "key": "harbour", "tags": ["sea"]})).await;
    assert_eq!((first.kind(), first.source.source.as_str()), (Kind::Semantic, "test:1"));
    let second =
        bench.put(json!({"content": "The harbour is open", "key": "harbour", "about": ["ada"]})).await;
    assert_eq!(second.supersedes, Some(first.id));
    let steps = bench.put(json!({"content": "Cast off.\n\nRow.", "kind": "procedural"})).await;
    let ice_core::memory::Detail::Procedural(procedure) = &steps.detail else { panic!("{steps:?}") };
    assert_eq!((procedure.name.as_str(), procedure.steps.len()), ("Cast off.", 2));
    let worked = bench.put(json!({"content": {"n": 1}, "key": "work:n", "scope": "other"})).await;
    assert_eq!(worked.kind(), Kind::Working);

    let found = bench.ask(json!({"memory": "search", "query": "harbour"})).await.unwrap();
    let MemoryResponse::Found { hits, left_out: 0 } = found else { panic!("{found:?}") };
    assert_eq!(hits.into_iter().map(|hit| hit.entry.id).collect::<Vec<_>>(), [second.id]);
    assert_eq!(
        bench.entries(json!({"memory": "show", "name": "harbour"})).await,
        std::slice::from_ref(&second)
    );
    assert_eq!(bench.entries(json!({"memory": "show", "name": first.id})).await.len(), 1);
    let versions = bench.entries(json!({"memory": "show", "name": "harbour", "history": true})).await;
    assert_eq!(versions.iter().map(|entry| entry.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!(bench.entries(json!({"memory": "list"})).await.len(), 3);
    let only = json!({"memory": "list", "within": {"about": ["ada"], "kinds": ["semantic"]}});
    assert_eq!(bench.entries(only).await, [second]);
    let MemoryResponse::Usage { usage } = bench.ask(json!({"memory": "stats"})).await.unwrap() else {
        panic!()
    };
    let counts: Vec<_> = usage.iter().map(|one| (one.scope.as_str(), one.kind, one.usage.entries)).collect();
    let expected =
        [("default", Kind::Semantic, 1), ("default", Kind::Procedural, 1), ("other", Kind::Working, 1)];
    assert_eq!(counts, expected);

    let none = bench.ask_as("stranger", json!({"memory": "show", "name": "harbour"})).await.unwrap_err();
    assert_eq!(none.code, ErrorCode::MemoryNotFound);
}

#[tokio::test]
async fn pages_follow_each_other_and_large_entries_make_them_short() {
    let bench = Bench::new();
    for number in 0..5 {
        bench
            .put(json!({"content": format!("{number}{}", "x".repeat(3 << 20)), "key": number.to_string()}))
            .await;
    }
    let (mut keys, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let request = json!({"memory": "list", "limit": 4, "after": after});
        let MemoryResponse::Entries { entries, next } = bench.ask(request).await.unwrap() else { panic!() };
        assert!(entries.len() < 4, "{}", entries.len());
        keys.extend(entries.into_iter().map(|entry| entry.key.to_string()));
        pages += 1;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(keys, ["4", "3", "2", "1", "0"]);
    assert!(pages > 1);
    let wrong = bench.ask(json!({"memory": "list", "after": "nowhere"})).await.unwrap_err();
    assert_eq!(wrong.code, ErrorCode::MemoryInvalid);
}

#[tokio::test]
async fn forgetting_says_how_much_and_a_dry_run_does_nothing() {
    let bench = Bench::new();
    bench.put(json!({"content": "1", "key": "a", "about": ["ada"]})).await;
    bench.put(json!({"content": "2", "key": "a", "about": ["ada"]})).await;
    bench.put(json!({"content": "3", "key": "a", "scope": "b"})).await;
    let refused = json!({"memory": "forget", "what": {"entry": {"name": "a"}}});
    let refused = bench.ask(refused).await.unwrap_err();
    assert!(refused.message.contains("several entries: semantic in b, semantic in default"), "{refused}");
    let of_default = json!({"entry": {"name": "a", "scope": "default"}});
    assert_eq!(bench.forgotten(of_default.clone(), false, true).await, 1);
    assert_eq!(bench.forgotten(of_default.clone(), true, true).await, 2);
    assert_eq!(bench.forgotten(json!({"person": {"name": "ada"}}), false, true).await, 2);
    assert_eq!(bench.forgotten(of_default, false, false).await, 1);
    assert_eq!(bench.forgotten(json!({"person": {"name": "ada"}}), false, false).await, 2);
    assert_eq!(bench.entries(json!({"memory": "list"})).await.len(), 1);
    assert_eq!(bench.forgotten(json!({"scope": {"scope": "b"}}), true, false).await, 1);
    assert!(bench.entries(json!({"memory": "list"})).await.is_empty());
    let missing = json!({"memory": "forget", "what": {"entry": {"name": "a"}}});
    assert_eq!(bench.ask(missing).await.unwrap_err().code, ErrorCode::MemoryNotFound);
}

#[tokio::test]
async fn what_is_exported_is_imported_elsewhere_in_pieces_and_once() {
    let bench = Bench::new();
    for number in 0..3 {
        bench.put(json!({"content": "ä".repeat(400_000), "key": number.to_string()})).await;
    }
    let bytes = bench.export("local").await;
    assert!(bytes.len() > 2 << 20);
    for (round, expected) in [(1, (3, 0)), (2, (0, 3))] {
        let upload = uuid::Uuid::from_u128(round);
        let (mut offset, mut last_answer) = (0, None);
        for piece in bytes.chunks(700_001) {
            let last = offset + piece.len() == bytes.len();
            let data = BASE64_STANDARD.encode(piece);
            let sent =
                json!({"memory": "import", "upload": upload, "offset": offset, "data": data, "last": last});
            let Reply::One(answer) = bench.reply_to("other", sent).await else { panic!() };
            offset += piece.len();
            last_answer = Some(answer);
        }
        let (added, skipped) = expected;
        assert_eq!(last_answer, Some(Response::Memory(MemoryResponse::Imported { added, skipped })));
    }
    assert_eq!(bench.export("other").await.len(), bytes.len() - "local".len() + "other".len());
    let data = BASE64_STANDARD.encode("{\"no\": 1}\n");
    let sent =
        json!({"memory": "import", "upload": uuid::Uuid::nil(), "offset": 0, "data": data, "last": true});
    let Reply::One(Response::Refused(refusal)) = bench.reply_to("other", sent).await else { panic!() };
    assert!(refusal.message.contains("line 1 of the import"), "{refusal}");
    assert_eq!(Tenant::default().to_string(), "local");
}

/// A part of the document `a.md` whose passages are these texts.
fn part(texts: &[&str], numbers: std::ops::Range<usize>, last: bool) -> serde_json::Value {
    let passages: Vec<_> = numbers
        .map(|number| json!({"number": number, "text": texts[number], "start": {"line": number + 1}}))
        .collect();
    let document =
        json!({"name": "a.md", "hash": texts.join("|"), "passages": texts.len(), "format": "markdown"});
    json!({"memory": "ingest", "document": document, "passages": passages, "last": last})
}

#[tokio::test]
async fn a_document_comes_in_parts_is_known_and_is_forgotten_whole() {
    let bench = Bench::new();
    let counts = async |request| {
        let response = bench.ask(request).await.unwrap();
        let MemoryResponse::Ingested { passages } = response else { panic!("{response:?}") };
        (passages.written, passages.kept, passages.ended)
    };
    let texts = ["It rains.", "It pours.", "It drips."];
    assert_eq!(counts(part(&texts, 0..2, false)).await, (2, 0, 0));
    let refused = bench.ask(part(&texts, 0..2, true)).await.unwrap_err();
    assert!(refused.message.contains("2 of its 3 passages are there"), "{refused}");
    assert_eq!(counts(part(&texts, 0..3, true)).await, (1, 2, 0));
    assert_eq!(counts(part(&["It rains."], 0..1, true)).await, (0, 1, 2));
    let known = async |request| {
        let response = bench.ask(request).await.unwrap();
        let MemoryResponse::Documents { documents, next: None } = response else { panic!("{response:?}") };
        documents
    };
    let listed = known(json!({"memory": "documents"})).await;
    assert_eq!((listed.len(), listed[0].passages, listed[0].complete), (1, 1, true));
    assert_eq!(known(json!({"memory": "documents", "names": ["none", "a.md"]})).await, listed);
    assert!(known(json!({"memory": "documents", "scope": "other"})).await.is_empty());
    let document = json!({"document": {"name": "a.md"}});
    assert_eq!(bench.forgotten(document.clone(), false, true).await, 2);
    assert_eq!(bench.forgotten(document.clone(), false, false).await, 2);
    assert!(known(json!({"memory": "documents"})).await.is_empty());
    let erase = json!({"memory": "forget", "what": document, "erase": true});
    assert_eq!(bench.ask(erase).await.unwrap_err().code, ErrorCode::MemoryInvalid);
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let many = bench.ask(json!({"memory": "documents", "names": many})).await.unwrap_err();
    assert_eq!(many.code, ErrorCode::LimitExceeded);
}

#[tokio::test]
async fn memory_is_consolidated_as_asked_by_the_model_that_is_named_or_by_none() {
    let model = Arc::new(Scripted::new(Script::texts(["Ada sailed."])));
    let mut registry = Registry::default();
    registry.providers.register(Arc::clone(&model) as Arc<dyn LlmProvider>).unwrap();
    let bench = Bench::over(Engine::builder().registry(registry).build());
    for text in ["Blue.", "blue"] {
        bench.put(json!({"content": text})).await;
    }
    for number in 0..3 {
        let episode = json!({"episodic": {
            "at": "2026-01-02T03:04:05Z", "episode_type": "trip", "participants": ["ada"], "outcome": "success",
            "sentiment": "positive",
        }});
        bench
            .put(
                json!({"content": format!("Ada sailed to {number}."), "detail": episode, "ttl_ms": u64::MAX}),
            )
            .await;
    }
    let report = async |mut request: serde_json::Value| {
        request["memory"] = json!("consolidate");
        let response = bench.ask(request).await?;
        let MemoryResponse::Consolidated { report } = response else { panic!("{response:?}") };
        Ok::<_, Refusal>(report)
    };
    let summaries = json!({"least": 3, "model": {"provider": "scripted", "model": "m"}});
    let all = json!({"duplicates": true, "summaries": summaries, "dry_run": true});
    let would = report(all.clone()).await.unwrap();
    assert_eq!((would.duplicates, would.summaries, would.summarised), (1, 1, 3));
    assert!(model.requests().is_empty());
    let mut all = all;
    all["dry_run"] = json!(false);
    let done = report(all.clone()).await.unwrap();
    assert_eq!((done.duplicates, done.summaries, done.problems.len()), (1, 1, 0));
    assert_eq!(model.requests().len(), 1);
    let again = report(all).await.unwrap();
    assert_eq!((again.duplicates, again.summaries), (0, 0));
    let kept = bench.entries(json!({"memory": "list", "within": {"kinds": ["semantic"]}})).await;
    assert!(kept.iter().any(|entry| entry.text() == "Ada sailed."), "{kept:?}");
    let retention = json!([{"kind": "episodic", "older_than_ms": 0, "below": 0.5}]);
    assert_eq!(report(json!({"retention": retention})).await.unwrap().forgotten, 3);

    let refused = async |request| report(request).await.unwrap_err();
    let unknown = json!({"summaries": {"model": {"provider": "scriptd", "model": "m"}}});
    let unknown = refused(unknown).await;
    assert_eq!(unknown.code, ErrorCode::UnknownModel);
    assert!(unknown.message.contains("did you mean `scripted`?"), "{unknown}");
    let wrong = json!({"retention": [{"kind": "episodic", "older_than_ms": 0, "below": 11.0}]});
    assert_eq!(refused(wrong).await.code, ErrorCode::MemoryInvalid);
    assert_eq!(refused(json!({"summaries": {"least": 1}})).await.code, ErrorCode::MemoryInvalid);
}
