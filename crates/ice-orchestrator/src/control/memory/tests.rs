use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, Tenant};
use ice_core::memory::{Entry, Kind};
use serde_json::json;

use super::*;
use crate::control::{Caller, Control, Info, Refusal, Reply, Request, Response};
use crate::engine::Engine;

/// A control over memory alone, asked in JSON as clients do.
struct Bench(Control);

impl Bench {
    fn new() -> Self {
        let info = Info {
            pid: 1,
            version: "1".to_owned(),
            role: "test".to_owned(),
            active: Vec::new(),
            sealed: None,
        };
        Self(Control::new(Engine::builder().build(), info))
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
