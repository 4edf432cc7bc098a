//! Blobs come in pieces, in their order, are bounded, and stay until a run names them or long enough.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ice_core::registry::Registry;
use ice_core::time::{SystemIds, TestClock};

use super::*;
use crate::control::piece::MAX_PIECE_BYTES;
use crate::control::{Control, Document, Info, PruneQuery, Reply, Request, Start};
use crate::journal::RunOptions;

struct Desk {
    control: Control,
    caller: Caller,
    clock: Arc<TestClock>,
}

impl Desk {
    fn new() -> Self {
        let mut registry = Registry::default();
        registry.providers.register(Arc::new(ice_core::llm::Echo)).unwrap();
        let clock = Arc::new(TestClock::new(Moment::from_millis(1_000_000_000_000)));
        let builder = Engine::builder().registry(registry);
        let engine = builder.time(Arc::clone(&clock) as _, Arc::new(SystemIds)).build();
        let info = Info {
            pid: 7,
            version: "1".to_owned(),
            role: "run".to_owned(),
            active: Vec::new(),
            sealed: None,
        };
        let caller = Caller { tenant: Tenant::default(), principal: "user:a".parse().unwrap() };
        Self { control: Control::new(engine, info), caller, clock }
    }

    async fn ask(&self, request: Request) -> Response {
        match self.control.call(&self.caller, request).await {
            Reply::One(response) => response,
            Reply::Many(_) => panic!("several answers"),
        }
    }

    async fn send(&self, upload: u128, offset: u64, bytes: &[u8], last: bool) -> Response {
        let (upload, data) = (Uuid::from_u128(upload), BASE64_STANDARD.encode(bytes));
        self.ask(Request::Keep(BlobPiece { upload, offset, data, last })).await
    }

    async fn start(&self, blob: &BlobRef) -> Response {
        let text = "nodes: [{id: e, type: llm, provider: echo, model: echo, prompt: x}]";
        let documents = vec![Document::new("a.yaml", text)];
        let inputs = Value::map([("list", Value::list([Value::Blob(Arc::new(blob.clone()))]))]);
        self.ask(Request::Start(Box::new(Start { documents, inputs, options: RunOptions::default() }))).await
    }

    /// Removes every blob that nothing holds, as if no run named any.
    async fn collect(&self) {
        let query = PruneQuery { older_than_ms: 1 << 40, status: None, keep: 0, dry_run: false };
        let pruned = self.ask(Request::Prune(query)).await;
        assert!(matches!(pruned, Response::Pruned(_)), "{pruned:?}");
        let reachable = Box::pin(async { Ok(std::collections::HashSet::new()) });
        self.control.engine().blobs().collect(reachable).await.unwrap();
    }

    async fn is_here(&self, hash: &BlobHash) -> bool {
        self.control.engine().blobs().size(hash).await.unwrap().is_some()
    }
}

fn blob(bytes: &[u8]) -> BlobRef {
    BlobRef { hash: BlobHash::of(bytes), media_type: "image/png".to_owned(), size: bytes.len() as u64 }
}

fn refused(response: &Response) -> (ErrorCode, &str) {
    let Response::Refused(refusal) = response else { panic!("{response:?}") };
    (refusal.code, &refusal.message)
}

#[tokio::test]
async fn pieces_make_a_blob_that_is_held_until_a_run_names_it() {
    let desk = Desk::new();
    let whole = blob(b"onetwo");
    assert_eq!(desk.send(1, 0, b"one", false).await, Response::Received { bytes: 3 });
    assert_eq!(desk.send(1, 3, b"two", true).await, Response::Kept { blob: whole.hash, size: 6 });
    desk.collect().await;
    assert!(desk.is_here(&whole.hash).await, "no run names it yet");
    let started = desk.start(&whole).await;
    assert!(matches!(started, Response::Started { .. }), "{started:?}");
    assert_eq!(desk.control.keeping().lock().held.len(), 0, "the run names it");
}

#[tokio::test]
async fn a_blob_that_no_run_names_goes_after_a_time_and_a_run_cannot_name_it_then() {
    let desk = Desk::new();
    let one = blob(b"one");
    desk.send(1, 0, b"one", true).await;
    desk.clock.advance(HELD);
    desk.collect().await;
    assert!(desk.is_here(&one.hash).await);
    desk.clock.advance(Duration::from_millis(1));
    desk.collect().await;
    assert!(!desk.is_here(&one.hash).await);
    let (code, message) = (desk.start(&one).await, "is not here: send it again");
    assert_eq!(refused(&code).0, ErrorCode::InputInvalid);
    assert!(refused(&code).1.contains(message), "{code:?}");
    desk.send(2, 0, b"one", true).await;
    let lies = desk.start(&BlobRef { size: 4, ..one }).await;
    assert!(refused(&lies).1.contains("has 3 bytes, not 4"), "{lies:?}");
}

#[tokio::test]
async fn two_that_send_the_same_are_held_each_for_its_own_run() {
    let desk = Desk::new();
    desk.send(1, 0, b"one", true).await;
    desk.send(2, 0, b"one", true).await;
    desk.start(&blob(b"one")).await;
    assert_eq!(desk.control.keeping().lock().held.len(), 1);
}

#[tokio::test]
async fn pieces_out_of_order_or_too_large_give_the_blob_up() {
    let desk = Desk::new();
    let check = |response: Response, code: ErrorCode, what: &str| {
        let (found, message) = refused(&response);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(what), "{message}");
    };
    check(desk.send(1, 3, b"one", false).await, ErrorCode::InputInvalid, "begin anew with offset 0");
    desk.send(1, 0, b"one", false).await;
    check(desk.send(1, 4, b"two", false).await, ErrorCode::InputInvalid, "3 bytes have come");
    check(desk.send(1, 3, b"two", false).await, ErrorCode::InputInvalid, "begin anew with offset 0");
    let piece = BlobPiece { upload: Uuid::from_u128(1), offset: 0, data: "!".to_owned(), last: true };
    check(desk.ask(Request::Keep(piece)).await, ErrorCode::InputInvalid, "is not base64");
    let large = vec![0; MAX_PIECE_BYTES + 1];
    check(desk.send(1, 0, &large, false).await, ErrorCode::InputInvalid, "the limit is 1048576");
    let piece = &large[..MAX_PIECE_BYTES];
    for n in 0..MAX_SHOWN_BYTES / piece.len() as u64 {
        let bytes = (n + 1) * piece.len() as u64;
        let sent = desk.send(1, n * piece.len() as u64, piece, false).await;
        assert_eq!(sent, Response::Received { bytes });
    }
    check(desk.send(1, MAX_SHOWN_BYTES, b"x", true).await, ErrorCode::LimitExceeded, "the most that a model");
    assert!(desk.control.keeping().lock().coming.is_empty());
}

#[tokio::test]
async fn not_too_many_come_at_a_time_and_idle_ones_make_way() {
    let desk = Desk::new();
    for upload in 0..MAX_COMING as u128 {
        desk.send(upload, 0, b"x", false).await;
    }
    let full = desk.send(99, 0, b"x", true).await;
    assert_eq!(refused(&full).0, ErrorCode::LimitExceeded);
    desk.clock.advance(IDLE + Duration::from_millis(1));
    assert!(matches!(desk.send(99, 0, b"x", true).await, Response::Kept { .. }));
    assert!(desk.control.keeping().lock().coming.is_empty());
}
