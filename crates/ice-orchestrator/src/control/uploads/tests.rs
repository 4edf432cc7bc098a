//! Files of runs come in pieces, in their order, and not too many at a time.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use ice_core::registry::Registry;
use ice_core::time::{SystemIds, TestClock};
use ice_core::value::Value;

use super::*;
use crate::control::piece::MAX_PIECE_BYTES;
use crate::control::{Control, Document, Info, Reply, Request, Start};
use crate::journal::{RunOptions, RunStatus};

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
        let info = Info { pid: 7, version: "1".to_owned(), role: "run".to_owned(), active: Vec::new() };
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
        self.ask(Request::Import(ImportPiece { upload, offset, data, last })).await
    }

    /// A file of a run that has ended here, as its pieces are handed out.
    async fn file(&self) -> Vec<u8> {
        let text = "nodes: [{id: e, type: llm, provider: echo, model: echo, prompt: x}]";
        let documents = vec![Document::new("a.yaml", text)];
        let start = Start { documents, inputs: Value::empty_map(), options: RunOptions::default() };
        let Response::Started { run } = self.ask(Request::Start(Box::new(start))).await else { panic!() };
        self.control.engine().drain().await;
        let Reply::Many(answers) =
            self.control.call(&self.caller, Request::Export { run, redacted: false }).await
        else {
            panic!()
        };
        let mut answers: Vec<Response> = answers.collect().await;
        assert_eq!(answers.pop(), Some(Response::End));
        let piece = |answer| {
            let Response::Piece { data } = answer else { panic!("{answer:?}") };
            BASE64_STANDARD.decode(data).unwrap()
        };
        answers.into_iter().flat_map(piece).collect()
    }
}

#[track_caller]
fn refused(response: Response, code: ErrorCode) {
    let Response::Refused(refusal) = response else { panic!("{response:?}") };
    assert_eq!(refusal.code, code, "{refusal}");
}

#[tokio::test]
async fn a_file_comes_in_pieces_and_two_of_them_do_not_mix() {
    let (here, there) = (Desk::new(), Desk::new());
    let file = here.file().await;
    let (one, other) = file.split_at(100);
    for upload in [1, 2] {
        assert_eq!(there.send(upload, 0, one, false).await, Response::Received { bytes: 100 });
    }
    let Response::Imported { status, was_here, .. } = there.send(1, 100, other, true).await else { panic!() };
    assert_eq!((status, was_here), (RunStatus::Succeeded, false));
    let Response::Imported { was_here, .. } = there.send(2, 100, other, true).await else { panic!() };
    assert!(was_here);
    refused(there.send(1, 100, other, true).await, ErrorCode::InputInvalid);
}

#[tokio::test]
async fn pieces_out_of_order_or_beyond_measure_end_their_file() {
    let desk = Desk::new();
    let file = desk.file().await;
    refused(desk.send(1, 5, &file, false).await, ErrorCode::InputInvalid);
    desk.send(2, 0, &file[..50], false).await;
    refused(desk.send(2, 49, &file[49..], true).await, ErrorCode::InputInvalid);
    refused(desk.send(2, 50, &file[50..], true).await, ErrorCode::InputInvalid);
    refused(desk.send(3, 0, &vec![b'x'; MAX_PIECE_BYTES + 1], false).await, ErrorCode::InputInvalid);
    let odd = ImportPiece { upload: Uuid::nil(), offset: 0, data: "?".to_owned(), last: false };
    refused(desk.ask(Request::Import(odd)).await, ErrorCode::InputInvalid);
    refused(desk.send(4, 0, b"nothing of the kind\n", false).await, ErrorCode::RunFileInvalid);
    refused(desk.send(5, 0, &file[..50], true).await, ErrorCode::RunFileInvalid);
    assert!(desk.control.uploads().lock().is_empty());
}

#[tokio::test]
async fn there_is_room_for_so_many_files_until_they_have_been_quiet_for_long() {
    let desk = Desk::new();
    let file = desk.file().await;
    for upload in 0..MAX_UPLOADS as u128 {
        assert_eq!(desk.send(upload, 0, &file[..9], false).await, Response::Received { bytes: 9 });
    }
    refused(desk.send(99, 0, &file[..9], false).await, ErrorCode::LimitExceeded);
    desk.clock.advance(IDLE / 2);
    desk.send(0, 9, &file[9..10], false).await;
    desk.clock.advance(IDLE / 2 + Duration::from_secs(1));
    assert_eq!(desk.send(99, 0, &file[..9], false).await, Response::Received { bytes: 9 });
    refused(desk.send(1, 9, &file[9..], true).await, ErrorCode::InputInvalid);
    assert!(matches!(desk.send(0, 10, &file[10..], true).await, Response::Imported { .. }));
}
