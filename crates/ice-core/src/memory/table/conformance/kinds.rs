//! Every kind: what is written is there for another handle, is superseded, forgotten, searched and erased, large or small.
#![expect(clippy::unwrap_used, reason = "a suite of tests: a failure is a panic by definition")]

use std::sync::Arc;

use super::Ground;
use super::check::is_sound;
use crate::id::RunId;
use crate::memory::table::reachable;
use crate::memory::{
    AsOf, Episode, Fact, Kind, Memory, MemoryKey, MemorySearch, Passage, Past, Procedure, Provenance, Scope,
    Selector, SourceDocument, Write,
};
use crate::store::{BlobStore, Store};

/// More than is kept beside an entry.
const LARGE: usize = 200_000;

fn write(kind: Kind, content: &str) -> Write {
    match kind {
        Kind::Working => Write::working(content),
        Kind::Episodic => {
            Write::episode(content, Episode { participants: vec!["Ada".to_owned()], ..Episode::default() })
        }
        Kind::Semantic => Write::fact(content, Fact { entities: vec!["Ada".to_owned()], ..Fact::default() }),
        Kind::Procedural => {
            Write::procedure(content, Procedure { name: "P".to_owned(), ..Procedure::default() })
        }
    }
}

async fn open(ground: &Ground) -> Memory {
    Memory::open(ground.options().searchable(None).await.unwrap()).await.unwrap()
}

/// Checks memory of every kind on a store that `make` makes, which must be empty.
///
/// # Panics
/// If something is not as it must be.
pub async fn kinds(make: impl AsyncFn() -> (Arc<dyn Store>, Arc<dyn BlobStore>)) {
    for kind in Kind::ALL {
        let (store, blobs) = make().await;
        each(Ground::over(store, blobs), kind).await;
    }
    let (store, blobs) = make().await;
    documents(Ground::over(store, blobs)).await;
}

async fn each(ground: Ground, kind: Kind) {
    let (one, other) = (open(&ground).await, open(&ground).await);
    let key = MemoryKey::new("k").unwrap();
    let (scope, large) = (Scope::default(), format!("harbour {}", "x ".repeat(LARGE / 2)));
    let run = RunId::from(uuid::Uuid::from_u128(7));
    let first = one.remember(write(kind, "It rains.").key(key.clone())).await.unwrap();
    ground.clock.advance(std::time::Duration::from_millis(5));
    let source = Provenance { run: Some(run), ..Provenance::default() };
    let second = other.remember(write(kind, &large).key(key.clone()).source(source)).await.unwrap();
    assert_eq!(second.supersedes, (kind != Kind::Working).then_some(first.id), "{kind}");
    let found = one.get(&scope, kind, &key).await.unwrap().unwrap();
    assert_eq!((found.id, found.text().len()), (second.id, large.len()), "{kind}");
    if kind.keeps_history() {
        let then = one.get_as_of(&scope, kind, &key, AsOf::known(first.learned)).await.unwrap();
        assert_eq!(then.map(|entry| entry.text()).as_deref(), Some("It rains."), "{kind}");
    }
    assert_eq!(reachable(&*ground.store, one.tenant()).await.unwrap().len(), 1, "{kind}");
    let search = MemorySearch::new("harbour", vec![scope.clone()]);
    let hits = one.search(&search).await.unwrap();
    assert_eq!(hits.iter().map(|hit| hit.entry.id).collect::<Vec<_>>(), [second.id], "{kind}");
    let usage = other.usage().await.unwrap();
    assert_eq!(usage.get(&(scope.clone(), kind)).map(|usage| usage.entries), Some(1), "{kind}");
    assert_eq!(one.take_back(run).await.unwrap(), 1, "{kind}");
    let back = other.get(&scope, kind, &key).await.unwrap().map(|entry| entry.id);
    assert_eq!(back, kind.keeps_history().then_some(first.id), "{kind}");
    let all = Selector::Like { scope: scope.clone(), kind, filter: Box::default() };
    other.erase(&all).await.unwrap();
    assert_eq!(one.count(&all, Past::Included).await.unwrap(), 0, "{kind}");
    assert!(reachable(&*ground.store, one.tenant()).await.unwrap().is_empty(), "{kind}");
    is_sound(&one).await;
    one.close().await;
    other.close().await;
}

async fn documents(ground: Ground) {
    let memory = open(&ground).await;
    let document = |texts: &[String]| {
        let passages = (0..).zip(texts).map(|(number, text)| Passage::new(number, text.as_str())).collect();
        (SourceDocument::new("a.md", texts.join("|").len().to_string(), texts.len() as u64), passages)
    };
    let texts: Vec<String> = (0..300).map(|number| format!("Passage {number}.")).collect();
    let (whole, passages): (_, Vec<Passage>) = document(&texts);
    assert_eq!(memory.ingest(&whole, passages.clone()).await.unwrap().written, 300);
    memory.close().await;
    let memory = open(&ground).await;
    assert_eq!(memory.ingest(&whole, passages).await.unwrap().kept, 300);
    let (less, passages) = document(texts.get(..100).unwrap_or_default());
    let done = memory.ingest(&less, passages).await.unwrap();
    assert_eq!((done.written, done.kept, done.ended), (0, 100, 200));
    is_sound(&memory).await;
    memory.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryBlobs, MemoryStore};

    #[tokio::test]
    async fn memory_in_memory_conforms() {
        kinds(async || (Arc::new(MemoryStore::new()) as Arc<dyn Store>, Arc::new(MemoryBlobs::new()) as _))
            .await;
    }
}
