//! What is ingested is there once, whatever happens in between.

use crate::memory::{
    Entry, Ingested, Kind, Memory, MemoryError, MemoryOptions, MemorySearch, Passage, Query, Scope,
    SourceDocument,
};
use crate::value::Value;

/// A version of the document `notes/rain.md` with these passages.
fn version(texts: &[&str]) -> (SourceDocument, Vec<Passage>) {
    let hash = blake3::hash(texts.join("|").as_bytes()).to_hex().to_string();
    let document = SourceDocument::new("notes/rain.md", hash, texts.len() as u64);
    let passages = texts.iter().zip(0..).map(|(text, number)| Passage {
        start: Value::map([("line", Value::from(i64::try_from(number).unwrap() * 2 + 1))]),
        ..Passage::new(number, *text)
    });
    (document, passages.collect())
}

async fn memory() -> Memory {
    let options = MemoryOptions::in_memory().searchable(None).await.unwrap();
    Memory::open(options).await.unwrap()
}

async fn ingest(memory: &Memory, texts: &[&str]) -> Ingested {
    let (document, passages) = version(texts);
    memory.ingest(&document, passages).await.unwrap()
}

/// The texts of the passages that are current, in their order.
async fn texts(memory: &Memory) -> Vec<String> {
    let query = Query::of(Scope::default(), Kind::Semantic).limit(1_000);
    let entries = memory.list(&query).await.unwrap().entries;
    let passages = entries.into_iter().filter(|entry| entry.key.as_str().starts_with("passage:"));
    let mut passages: Vec<(u64, String)> =
        passages.map(|entry| (super::passage::number_of(&entry).unwrap().unwrap(), entry.text())).collect();
    passages.sort();
    passages.into_iter().map(|(_, text)| text).collect()
}

const fn done(written: u64, kept: u64, ended: u64) -> Ingested {
    Ingested { written, kept, ended }
}

#[tokio::test]
async fn the_same_document_is_written_once_and_of_a_changed_one_only_what_changed() {
    let memory = memory().await;
    assert_eq!(ingest(&memory, &["It rains.", "It pours.", "It drips."]).await, done(3, 0, 0));
    assert_eq!(ingest(&memory, &["It rains.", "It pours.", "It drips."]).await, done(0, 3, 0));
    assert_eq!(ingest(&memory, &["It rains.", "It shines."]).await, done(1, 1, 1));
    assert_eq!(texts(&memory).await, ["It rains.", "It shines."]);
    let known = memory.document(&Scope::default(), "notes/rain.md").await.unwrap().unwrap();
    assert_eq!((known.passages, known.complete), (2, true));
    let listed = memory.documents(&Scope::default(), None, 10).await.unwrap();
    assert_eq!((listed.documents, listed.next), (vec![known], None));
    // What was there before is readable as of then, as with every fact.
    let key = version(&["a"]).0.passage_key(1).unwrap();
    let versions = memory.history(&Scope::default(), Kind::Semantic, &key, 10).await.unwrap();
    assert_eq!(versions.iter().map(Entry::text).collect::<Vec<_>>(), ["It shines.", "It pours."]);
}

#[tokio::test]
async fn what_was_stopped_goes_on_and_a_version_that_was_left_half_done_leaves_nothing() {
    let memory = memory().await;
    ingest(&memory, &["a", "b"]).await;
    let (second, passages) = version(&["A", "b", "c", "d", "e"]);
    memory.begin_document(&second).await.unwrap();
    memory.add_passages(&second, passages[..4].to_vec()).await.unwrap();
    let error = memory.end_document(&second).await.unwrap_err();
    assert!(error.to_string().contains("4 of its 5 passages are there"), "{error}");
    // It goes on where it was.
    assert_eq!(memory.ingest(&second, passages.clone()).await.unwrap(), done(1, 4, 0));
    assert_eq!(texts(&memory).await, ["A", "b", "c", "d", "e"]);
    // Or the document is what it was before.
    let (third, passages) = version(&["x", "y", "z"]);
    memory.begin_document(&third).await.unwrap();
    memory.add_passages(&third, passages[1..].to_vec()).await.unwrap();
    assert_eq!(ingest(&memory, &["a", "b"]).await, done(2, 0, 3));
    assert_eq!(texts(&memory).await, ["a", "b"]);
}

#[tokio::test]
async fn who_begins_with_another_version_stops_the_first() {
    let memory = memory().await;
    let ((first, passages), (second, _)) = (version(&["a", "b"]), version(&["c"]));
    memory.begin_document(&first).await.unwrap();
    memory.begin_document(&second).await.unwrap();
    let error = memory.add_passages(&first, passages).await.unwrap_err();
    assert!(matches!(error, MemoryError::Conflict { .. }), "{error}");
    assert!(matches!(memory.end_document(&first).await.unwrap_err(), MemoryError::Conflict { .. }));
}

#[tokio::test]
async fn a_document_is_forgotten_with_its_passages_alone() {
    let memory = memory().await;
    ingest(&memory, &["a", "b"]).await;
    let other = SourceDocument::new("notes/rain.md#1", "h", 1);
    memory.ingest(&other, vec![Passage::new(0, "other")]).await.unwrap();
    assert_eq!(memory.count_document(&Scope::default(), "notes/rain.md").await.unwrap(), 3);
    assert_eq!(memory.forget_document(&Scope::default(), "notes/rain.md").await.unwrap(), 3);
    assert_eq!(memory.forget_document(&Scope::default(), "notes/rain.md").await.unwrap(), 0);
    assert_eq!(texts(&memory).await, ["other"]);
    assert_eq!(ingest(&memory, &["a", "b"]).await, done(2, 0, 0));
}

#[tokio::test]
async fn a_passage_is_found_with_its_document_and_place() {
    let memory = memory().await;
    let (document, passages) = version(&["The harbour is closed.", "The mill is open."]);
    let document =
        SourceDocument { tags: vec!["news".to_owned()], about: vec!["Ada".to_owned()], ..document };
    memory.ingest(&document, passages).await.unwrap();
    let hits = memory.search(&MemorySearch::new("mill", vec![Scope::default()])).await;
    let hits = hits.unwrap();
    let entry = &hits.first().unwrap().entry;
    assert_eq!(entry.metadata.get("document").unwrap().as_str(), Some("notes/rain.md"));
    let passage = entry.metadata.get("passage").unwrap();
    assert_eq!(passage.get("start").unwrap().get("line").unwrap().as_i64(), Some(3));
    assert_eq!((&entry.tags, &entry.subjects), (&document.tags, &document.about));
    assert_eq!(entry.source.source, "notes/rain.md");
}

#[tokio::test]
async fn what_breaks_a_bound_is_refused_and_long_names_are_told_apart() {
    let memory = memory().await;
    let said = async |document: SourceDocument, passage: Passage| -> String {
        memory.ingest(&document, vec![passage]).await.unwrap_err().to_string()
    };
    let fine = || SourceDocument::new("a", "h", 1);
    let place = |bytes: usize| Value::map([("pointer", Value::from("x".repeat(bytes)))]);
    let cases = [
        (SourceDocument::new("", "h", 1), Passage::new(0, "x"), "1 to 4096 bytes"),
        (SourceDocument::new("a\nb", "h", 1), Passage::new(0, "x"), "control characters"),
        (SourceDocument::new("a", "", 1), Passage::new(0, "x"), "the hash of a document"),
        (fine(), Passage::new(1, "x"), "the number of passage 1 of `a`"),
        (fine(), Passage::new(0, " \n"), "it is empty"),
        (fine(), Passage { start: Value::Null, ..Passage::new(0, "x") }, "must be maps"),
        (fine(), Passage { end: place(5_000), ..Passage::new(0, "x") }, "more than 4096 bytes"),
    ];
    for (document, passage, expected) in cases {
        let said = said(document, passage).await;
        assert!(said.contains(expected), "{said}");
    }
    let long = |end: &str| format!("{}{end}", "ä/\"".repeat(300));
    for (end, text) in [("1", "one"), ("2", "two")] {
        let document = SourceDocument::new(long(end), "h", 1);
        memory.ingest(&document, vec![Passage::new(0, text)]).await.unwrap();
    }
    assert_eq!(texts(&memory).await, ["one", "two"]);
    assert_eq!(memory.forget_document(&Scope::default(), &long("1")).await.unwrap(), 2);
    assert_eq!(texts(&memory).await, ["two"]);
}

mod redacted {
    //! The same where a policy finds something in all of it.

    use super::*;
    use crate::redact::{Action, Custom, Policy, Preset, Redactor};

    const NAME: &str = "of ada@example.org/ACME-12.md";

    /// A memory whose policy hides numbers of six digits and of tickets, too.
    async fn memory() -> Memory {
        let custom = |name: &str, pattern: &str| Custom {
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            action: Action::Mask,
        };
        let mut policy = Policy::preset(Preset::Strict);
        policy.custom = vec![custom("ticket", "ACME-[0-9]{1,9}"), custom("number", "[0-9]{2,6}")];
        let options = MemoryOptions::in_memory().redactor(Redactor::builder(policy).build().unwrap());
        Memory::open(options.searchable(None).await.unwrap()).await.unwrap()
    }

    /// A document of so many passages, in which there is much to be found.
    fn planted(count: u64, said: &str) -> (SourceDocument, Vec<Passage>) {
        let document = SourceDocument {
            bytes: 123_456,
            tags: vec!["from ada@example.org".to_owned()],
            about: vec!["ada@example.org".to_owned()],
            ..SourceDocument::new(NAME, blake3::hash(said.as_bytes()).to_hex().to_string(), count)
        };
        let headings = || Value::list([Value::from("Call +49 30 90182055")]);
        let passages = (0..count).map(|number| Passage {
            start: Value::map([("line", Value::from(123_456_i64)), ("headings", headings())]),
            ..Passage::new(number, format!("{said} of number {number} is +49 30 90182055"))
        });
        (document, passages.collect())
    }

    #[tokio::test]
    async fn a_document_is_ingested_whatever_its_name_holds_and_known_again() {
        let memory = memory().await;
        let (document, passages) = planted(120, "This");
        assert_eq!(memory.ingest(&document, passages.clone()).await.unwrap(), done(120, 0, 0));
        assert_eq!(memory.ingest(&document, passages.clone()).await.unwrap(), done(0, 120, 0));
        let scope = Scope::default();
        let known = memory.document(&scope, NAME).await.unwrap().unwrap();
        assert!(known.name == NAME && known.complete && known.redacted, "{known:?}");
        assert!(memory.has_document(&scope, NAME, &document.hash).await.unwrap());
        assert!(!memory.has_document(&scope, NAME, "another").await.unwrap());
        let listed = memory.documents(&scope, None, 10).await.unwrap().documents;
        let [listed] = &listed[..] else { panic!("{listed:?}") };
        assert!(
            listed.redacted && !listed.name.contains("ada") && !listed.name.contains("ACME"),
            "{listed:?}"
        );
        // Of another version with fewer passages, what is not there any more goes.
        let (fewer, passages) = planted(101, "This");
        let fewer = SourceDocument { hash: "h".to_owned(), ..fewer };
        assert_eq!(memory.ingest(&fewer, passages).await.unwrap(), done(0, 101, 19));
        let other = SourceDocument::new(NAME.replace("12", "13"), "h", 1);
        memory.ingest(&other, vec![Passage::new(0, "other")]).await.unwrap();
        assert_eq!(memory.count_document(&scope, NAME).await.unwrap(), 102);
        assert_eq!(
            memory.forget_document(&scope, &listed.name).await.unwrap(),
            102,
            "by the name it is told by"
        );
        assert_eq!(memory.count_document(&scope, &other.name).await.unwrap(), 2, "the other one stays");
    }

    #[tokio::test]
    async fn what_was_stopped_goes_on_and_writes_nothing_twice() {
        let memory = memory().await;
        let (document, passages) = planted(10, "This");
        memory.begin_document(&document).await.unwrap();
        memory.add_passages(&document, passages[..6].to_vec()).await.unwrap();
        assert_eq!(memory.ingest(&document, passages.clone()).await.unwrap(), done(4, 6, 0));
        // Another number in a passage makes another one, although it is redacted.
        let mut changed = passages;
        changed[3].text = "This of number 3 is +49 30 90182056".to_owned();
        let document = SourceDocument { hash: "other".to_owned(), ..document };
        assert_eq!(memory.ingest(&document, changed).await.unwrap(), done(1, 9, 0));
    }

    #[tokio::test]
    async fn no_hash_that_is_kept_is_that_of_what_was_redacted() {
        use futures::TryStreamExt as _;
        let memory = memory().await;
        let (document, passages) = planted(2, "This");
        let clear: Vec<String> = passages.iter().map(Passage::hash).chain([document.hash.clone()]).collect();
        let exact = super::memory().await;
        exact.ingest(&document, passages.clone()).await.unwrap();
        memory.ingest(&document, passages).await.unwrap();
        let lines = async |memory: &Memory| -> Vec<String> {
            memory.export(crate::memory::ExportWhat::default()).try_collect().await.unwrap()
        };
        let (kept, exported) = (lines(&memory).await.concat(), lines(&exact).await);
        assert!(clear.iter().all(|hash| exported.concat().contains(hash) && !kept.contains(hash)), "{kept}");
        // Nor where it was exported from a memory that redacts nothing.
        let other = self::memory().await;
        let mut importer = other.importer();
        for line in &exported {
            importer.line(line).await.unwrap();
        }
        assert_eq!(importer.finish().await.unwrap().added, 3);
        let kept = lines(&other).await.concat();
        assert!(clear.iter().all(|hash| !kept.contains(hash)), "{kept}");
    }
}
