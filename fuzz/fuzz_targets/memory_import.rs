//! Lines of an export are taken into memory, whatever they say. What is taken in is listed, counted, exported and taken in again, where
//! nothing is new.
#![no_main]

use futures::{StreamExt, pin_mut};
use ice_core::memory::{ExportWhat, Imported, Memory, MemoryError, MemoryOptions};
use libfuzzer_sys::fuzz_target;

const HEADER: &str =
    r#"{"format":"ice-memory","version":1,"tenant":"local","exported":"2026-01-01T00:00:00Z"}"#;

async fn take<'l>(memory: &Memory, lines: impl Iterator<Item = &'l str>) -> Result<Imported, MemoryError> {
    let mut importer = memory.importer();
    for line in lines {
        importer.line(line).await?;
    }
    importer.finish().await
}

async fn lines(memory: &Memory) -> Vec<String> {
    let export = memory.export(ExportWhat { past: true, ..ExportWhat::default() });
    pin_mut!(export);
    let mut lines = Vec::new();
    while let Some(line) = export.next().await {
        lines.push(line.expect("what was taken in is exported"));
    }
    lines
}

async fn check(text: &str, header: Option<&str>) {
    let memory = Memory::open(MemoryOptions::in_memory()).await.expect("a memory in memory");
    let taken = take(&memory, header.into_iter().chain(text.lines())).await;
    let listed = lines(&memory).await;
    if let Ok(taken) = taken {
        // Some may have ended by themselves since.
        assert!(listed.len() as u64 <= taken.added + 1);
    }
    let again =
        take(&memory, listed.iter().map(String::as_str)).await.expect("what was exported is taken in");
    assert_eq!(again.added, 0);
    let other = Memory::open(MemoryOptions::in_memory()).await.expect("a memory in memory");
    let copied =
        take(&other, listed.iter().map(String::as_str)).await.expect("what was exported is taken in");
    assert_eq!(copied.added + copied.skipped, listed.len() as u64 - 1);
    memory.usage().await.expect("what is there is counted");
    memory.close().await;
    other.close().await;
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        check(&text, None).await;
        check(&text, Some(HEADER)).await;
    });
});
