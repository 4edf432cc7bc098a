//! What a process that is killed remembers, and how it is told afterwards whether that is still there.

use std::path::Path;
use std::sync::Arc;

use ice_core::memory::{
    Episode, Fact, Kind, Memory, MemoryKey, MemoryOptions, Procedure, Query, Scope, UnifiedMemoryConfig,
    Write,
};
use ice_core::store::blob::DiskBlobs;
use ice_core::store::disk::FolderDisk;
use ice_core::store::{EmbeddedOptions, EmbeddedStore};

/// How many keys each kind uses.
const KEYS: u64 = 20;

/// Opens the memory in a folder, with the guarantee `durable` for all kinds but working memory.
///
/// # Errors
/// A text that says what failed.
pub async fn open(folder: &Path) -> Result<Memory, String> {
    let store = EmbeddedStore::open(folder, EmbeddedOptions::default()).map_err(|error| error.to_string())?;
    let disk = FolderDisk::new(folder.join("b")).map_err(|error| error.to_string())?;
    let blobs = DiskBlobs::open(Arc::new(disk)).map_err(|error| error.to_string())?;
    let options = MemoryOptions::new(Arc::new(store), Arc::new(blobs)).config(UnifiedMemoryConfig::default());
    Memory::open(options).await.map_err(|error| error.to_string())
}

fn key(number: u64) -> Result<MemoryKey, String> {
    MemoryKey::new(&format!("key {}", number % KEYS)).map_err(|error| error.to_string())
}

/// What is remembered as number so and so of a life; now and then it is large.
fn content(life: u64, number: u64) -> String {
    let filler = if number.is_multiple_of(17) { "x".repeat(100_000) } else { String::new() };
    format!("{life} {number} {filler}")
}

/// Remembers in all kinds, one after another, for ever, and tells what was acknowledged: `KIND NUMBER`.
///
/// # Errors
/// A text that says what failed.
pub async fn work(
    memory: &Memory,
    life: u64,
    mut tell: impl FnMut(String) -> Result<(), String>,
) -> Result<(), String> {
    for number in 0_u64.. {
        let kind = match number % 4 {
            0 => Kind::Working,
            1 => Kind::Episodic,
            2 => Kind::Semantic,
            _ => Kind::Procedural,
        };
        let content = content(life, number);
        let write = match kind {
            Kind::Working => Write::working(content),
            Kind::Episodic => Write::episode(content, Episode::default()),
            Kind::Semantic => Write::fact(content, Fact::default()),
            Kind::Procedural => {
                Write::procedure(content, Procedure { name: "P".to_owned(), ..Procedure::default() })
            }
        };
        memory.remember(write.key(key(number)?)).await.map_err(|error| error.to_string())?;
        tell(format!("{kind} {number}"))?;
    }
    Ok(())
}

/// Checks that everything of a life that was acknowledged is there, as what its key stands for or as what that superseded,
/// and that what is counted is what is listed.
///
/// # Errors
/// A text that says what is missing.
pub async fn verify(memory: &Memory, life: u64, acknowledged: &[(Kind, u64)]) -> Result<(), String> {
    for (kind, number) in acknowledged {
        // Working memory promises nothing beyond the process.
        if *kind == Kind::Working {
            continue;
        }
        let found = memory.get(&Scope::default(), *kind, &key(*number)?).await;
        let mut version = found.map_err(|error| error.to_string())?;
        loop {
            let Some(entry) = version else {
                return Err(format!("{kind} {number} of life {life} was acknowledged, and is not there"));
            };
            if entry.content.as_str() == Some(&content(life, *number)) {
                break;
            }
            version = match entry.supersedes {
                Some(id) => memory.by_id(id).await.map_err(|error| error.to_string())?,
                None => None,
            };
        }
    }
    let usage = memory.usage().await.map_err(|error| error.to_string())?;
    for kind in Kind::ALL {
        let query = Query::of(Scope::default(), kind).limit(1_000);
        let listed = memory.list(&query).await.map_err(|error| error.to_string())?.entries;
        let counted = usage.get(&(Scope::default(), kind)).map_or(0, |usage| usage.entries);
        // What has ended by itself counts until it is removed.
        if (listed.len() as u64) > counted || (kind != Kind::Working && listed.len() as u64 != counted) {
            return Err(format!(
                "{} entries of {kind} memory are listed, {counted} are counted",
                listed.len()
            ));
        }
        for entry in listed {
            if entry.kind() != kind {
                return Err(format!("the entry {} is of another kind than {kind}", entry.id));
            }
        }
    }
    Ok(())
}
