//! Tests of what is kept where a memory has a redactor.

use super::Ground;
use crate::llm::tokens::EstimatingCounter;
use crate::memory::{
    Account, Episode, Exchange, Filter, Kind, Memory, MemoryKey, Query, Scope, Selector, Session, Write,
    count_value,
};
use crate::redact::{Preset, Redactor};
use crate::store::Key;
use crate::value::{Map, Value};

const MAIL: &str = "ada@example.org";
const CARD: &str = "4111 1111 1111 1111";

async fn open(ground: &Ground) -> Memory {
    let options = ground.options().redactor(Redactor::preset(Preset::Strict).unwrap());
    Memory::open(options.searchable(None).await.unwrap()).await.unwrap()
}

/// Everything that the stores hold, as text.
async fn raw(ground: &Ground) -> String {
    let mut all = String::new();
    for entry in ground.store.scan(&Key::new("t").unwrap(), None, 10_000).await.unwrap() {
        all.push_str(entry.key.as_str());
        all.push_str(&String::from_utf8_lossy(&entry.value));
    }
    all
}

fn write(mail: &str) -> Write {
    let mut metadata = Map::default();
    metadata.insert("phone".into(), Value::from("+49 30 901820"));
    let episode = Episode { participants: vec![mail.to_owned()], ..Episode::default() };
    Write { metadata, ..Write::episode(format!("{mail} paid with {CARD}."), episode) }
        .key(MemoryKey::new(&format!("mail:{mail}")).unwrap())
        .tags([format!("from {mail}")])
}

#[tokio::test]
async fn nothing_that_the_policy_masks_is_written_anywhere() {
    let ground = Ground::new();
    let memory = open(&ground).await;
    let entry = memory.remember(write(MAIL)).await.unwrap();
    assert_eq!(entry.content, Value::from("[redacted: email] paid with [redacted: card]."));
    let Account { tokens, .. } = entry.account;
    assert_eq!(
        tokens,
        count_value(&EstimatingCounter, None, &entry.content).tokens,
        "what is kept is counted"
    );
    let raw = raw(&ground).await;
    for planted in [MAIL, CARD, "901820", "4111"] {
        assert!(!raw.contains(planted), "{planted}");
    }
    assert!(raw.contains("[redacted: card]") && raw.contains("[redacted: phone]"));
}

#[tokio::test]
async fn words_stay_apart_and_are_found_as_they_were() {
    let ground = Ground::new();
    let memory = open(&ground).await;
    let first = memory.remember(write(MAIL)).await.unwrap();
    let other = memory.remember(write("bob@example.org")).await.unwrap();
    assert_ne!(first.key, other.key, "one does not supersede the other");
    let scope = Scope::default();
    let key = MemoryKey::new(&format!("mail:{MAIL}")).unwrap();
    assert_eq!(memory.get(&scope, Kind::Episodic, &key).await.unwrap().unwrap().id, first.id);
    let again = memory.remember(write(MAIL)).await.unwrap();
    assert_eq!(again.supersedes, Some(first.id), "the same key supersedes");
    let filter = Filter {
        tags: vec![format!("from {MAIL}")],
        participants: vec![MAIL.to_owned()],
        subjects: vec![MAIL.to_owned()],
        ..Filter::default()
    };
    let query = Query::of(scope.clone(), Kind::Episodic).filter(filter);
    let found = memory.list(&query).await.unwrap().entries;
    assert_eq!(found.iter().map(|entry| entry.id).collect::<Vec<_>>(), [again.id]);
    assert_eq!(memory.erase(&Selector::Person(MAIL.to_owned())).await.unwrap(), 2);
    assert_eq!(memory.list(&Query::of(scope, Kind::Episodic)).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn the_same_idempotency_key_still_writes_nothing_a_second_time() {
    let memory = open(&Ground::new()).await;
    let keyed = || {
        let mut write = write(MAIL);
        write.source.idempotency = Some(format!("import of {MAIL}"));
        write
    };
    let first = memory.remember(keyed()).await.unwrap();
    assert_eq!(memory.remember(keyed()).await.unwrap().id, first.id);
}

#[tokio::test]
async fn exchanges_and_what_is_imported_go_through_it_too() {
    let from = Ground::new();
    let exact = from.open().await;
    exact.remember(write(MAIL)).await.unwrap();
    let lines: Vec<_> = {
        use futures::TryStreamExt as _;
        exact.export(crate::memory::ExportWhat::default()).try_collect().await.unwrap()
    };
    assert!(lines.concat().contains(MAIL), "without a redactor all is kept as it is");
    let ground = Ground::new();
    let memory = open(&ground).await;
    let mut importer = memory.importer();
    for line in &lines {
        importer.line(line).await.unwrap();
    }
    assert_eq!(importer.finish().await.unwrap().added, 1);
    let session =
        Session { tenant: memory.tenant().clone(), workflow: "w".to_owned(), name: MAIL.to_owned() };
    let exchange = Exchange { asked: format!("I am {MAIL}"), said: format!("Hello {MAIL}") };
    let run = crate::id::RunId::new(&ground.ids);
    memory.add_exchange(&session, &exchange, (run, &"n".parse().unwrap()), "k").await.unwrap();
    let found = memory.exchanges(&session, 5).await.unwrap();
    assert_eq!(found.first().map(|one| one.said.as_str()), Some("Hello [redacted: email]"));
    let raw = raw(&ground).await;
    assert!(!raw.contains(MAIL) && !raw.contains(CARD), "{raw}");
    let entries = memory.list(&Query::of(Scope::default(), Kind::Episodic)).await.unwrap().entries;
    let counted = count_value(&EstimatingCounter, None, &entries[0].content).tokens;
    assert_eq!(entries[0].account.tokens, counted);
}

#[tokio::test]
async fn a_scope_in_which_the_policy_finds_something_is_refused_and_nothing_is_written() {
    let ground = Ground::new();
    let memory = open(&ground).await;
    let scope: Scope = format!("of {MAIL}").parse().unwrap();
    let refused = memory.remember(write("x").scope(scope.clone())).await.unwrap_err().to_string();
    assert!(refused.contains("the scope") && refused.contains("of the kind `email`"), "{refused}");
    assert!(!refused.contains(MAIL), "{refused}");
    let exact = Ground::new().open().await;
    exact.remember(write("x").scope(scope)).await.unwrap();
    let lines: Vec<_> = {
        use futures::TryStreamExt as _;
        exact.export(crate::memory::ExportWhat::default()).try_collect().await.unwrap()
    };
    let mut importer = memory.importer();
    for line in &lines {
        importer.line(line).await.unwrap();
    }
    assert!(importer.finish().await.unwrap_err().to_string().contains("of the kind `email`"));
    assert!(!raw(&ground).await.contains(MAIL));
}
