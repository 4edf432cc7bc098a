//! Export and import.

use std::time::Duration;

use futures::TryStreamExt;

use super::Ground;
use super::check::is_sound;
use crate::memory::{
    AsOf, Episode, ExportWhat, Fact, Imported, Kind, Memory, MemoryKey, Query, Scope, Write,
};
use crate::value::Value;

fn key(key: &str) -> MemoryKey {
    MemoryKey::new(key).unwrap()
}

async fn lines(memory: &Memory, past: bool) -> Vec<String> {
    let what = ExportWhat { past, ..ExportWhat::default() };
    Box::pin(memory.export(what)).try_collect().await.unwrap()
}

async fn take(memory: &Memory, lines: &[String]) -> Imported {
    let mut importer = memory.importer();
    for line in lines {
        importer.line(line).await.unwrap();
    }
    importer.finish().await.unwrap()
}

async fn all(memory: &Memory, as_of: AsOf) -> Vec<crate::memory::Entry> {
    let kinds = Kind::ALL.to_vec();
    let query = Query { kinds, limit: 1_000, as_of, ..Query::of(Scope::default(), Kind::Working) };
    memory.list(&query).await.unwrap().entries
}

#[tokio::test]
async fn what_is_exported_is_the_same_where_it_is_imported_and_a_second_time_adds_nothing() {
    let ground = Ground::new();
    let memory = ground.open().await;
    memory.remember(Write::fact("old", Fact::default()).key(key("k"))).await.unwrap();
    let then = memory.now();
    ground.clock.advance(Duration::from_millis(5));
    memory.remember(Write::fact("new", Fact::default()).key(key("k"))).await.unwrap();
    memory.remember(Write::episode("large ".repeat(30_000), Episode::default())).await.unwrap();
    for number in 0..300 {
        memory.remember(Write::fact(Value::from(number), Fact::default())).await.unwrap();
    }
    let exported = lines(&memory, true).await;
    assert_eq!(exported.len(), 304);
    let other = Ground { clock: ground.clock.clone(), ..Ground::new() };
    let copy = other.open().await;
    assert_eq!(take(&copy, &exported).await, Imported { added: 303, skipped: 0 });
    for as_of in [AsOf::NOW, AsOf::known(then)] {
        assert_eq!(all(&copy, as_of).await, all(&memory, as_of).await);
    }
    assert_eq!(all(&copy, AsOf::known(then)).await[0].text(), "old");
    assert_eq!(copy.usage().await.unwrap(), memory.usage().await.unwrap());
    assert_eq!(take(&copy, &exported).await, Imported { added: 0, skipped: 303 });
    is_sound(&copy).await;
    assert_eq!(lines(&memory, false).await.len(), 303);
}

#[tokio::test]
async fn where_a_key_stands_for_another_entry_the_one_that_was_learned_later_is_current() {
    for imported_is_newer in [true, false] {
        let (from, to) = (Ground::new(), Ground { ids: crate::time::TestIds::new(9_000), ..Ground::new() });
        (if imported_is_newer { &from } else { &to }).clock.advance(Duration::from_secs(1));
        let source = from.open().await;
        source.remember(Write::fact("theirs", Fact::default()).key(key("k"))).await.unwrap();
        let memory = to.open().await;
        memory.remember(Write::fact("ours", Fact::default()).key(key("k"))).await.unwrap();
        assert_eq!(take(&memory, &lines(&source, true).await).await.added, 1);
        let current = memory.get(&Scope::default(), Kind::Semantic, &key("k")).await.unwrap().unwrap();
        assert_eq!(current.text(), if imported_is_newer { "theirs" } else { "ours" });
        assert_eq!(memory.usage().await.unwrap()[&(Scope::default(), Kind::Semantic)].past_entries, 1);
        is_sound(&memory).await;
    }
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_named_by_their_number() {
    let memory = Ground::new().open().await;
    memory.remember(Write::fact("x", Fact::default())).await.unwrap();
    let good = lines(&memory, false).await;
    for (lines, said) in [
        (vec![], "line 1 of the import cannot be taken: there is no header"),
        (vec!["{}"], "line 1 of the import cannot be taken: it is no header: missing field `format`"),
        (
            vec![&*good[0].replace("\"version\":1", "\"version\":2")],
            "version 2, and `ice-memory` version 1 can be read",
        ),
        (vec![&*good[0], "", "nonsense"], "line 3 of the import cannot be taken: it is no entry"),
        (
            vec![&*good[0], &*good[1].replace("\"confidence\":1.0", "\"confidence\":7.0")],
            "line 2 of the import cannot be taken: the confidence of the fact cannot be taken: it is 7",
        ),
    ] {
        let mut importer = memory.importer();
        let mut failed = None;
        for line in &lines {
            failed = importer.line(line).await.err();
        }
        let failed = match failed {
            Some(failed) => failed,
            None => importer.finish().await.unwrap_err(),
        };
        assert!(failed.to_string().contains(said), "{failed}");
    }
}
