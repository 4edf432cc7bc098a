//! Memory as JSON Lines: a header with a version, then one entry a line.

use futures::Stream;
use futures::stream::try_unfold;
use serde::{Deserialize, Serialize};

use super::join::Join;
use super::memory::Memory;
use super::operation::{Done, Operation, Remember};
use super::places::Family;
use super::position::Position;
use super::read;
use super::term::Term;
use crate::id::Tenant;
use crate::memory::account::count_value;
use crate::memory::{Entry, Kind, MemoryError, Scope};
use crate::time::Moment;

/// The version of the format that is written.
pub const EXPORT_VERSION: u32 = 1;
/// What the header says it is.
const FORMAT: &str = "ice-memory";
/// The most bytes of a line.
const MAX_LINE_BYTES: usize = 16 << 20;
/// How many entries are taken in at once.
const GROUP: usize = 128;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    tenant: Tenant,
    exported: Moment,
}

/// What is exported.
#[derive(Clone, Debug, Default)]
pub struct ExportWhat {
    /// Only this scope.
    pub scope: Option<Scope>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Whether what is superseded or forgotten goes along.
    pub past: bool,
}

/// Where an export is.
enum State {
    Header,
    Lists(Vec<(Scope, Kind)>),
    Within(Vec<(Scope, Kind)>, Scope, Kind, Box<Join>),
}

impl Memory {
    /// The entries as lines of JSON without their ends: a header, then the entries of each scope and kind, the newest first.
    /// Contents are written whole; blobs that a content names are named only. What is written meanwhile may be missing.
    ///
    /// # Errors
    /// The stream ends with a [`MemoryError`] if the store fails or what it holds is damaged.
    pub fn export(&self, what: ExportWhat) -> impl Stream<Item = Result<String, MemoryError>> + Send + use<> {
        let memory = self.clone();
        try_unfold(State::Header, move |state| {
            let (memory, what) = (memory.clone(), what.clone());
            async move { memory.line(state, &what).await }
        })
    }

    async fn line(&self, state: State, what: &ExportWhat) -> Result<Option<(String, State)>, MemoryError> {
        let rules = self.rules();
        let mut state = state;
        loop {
            state = match state {
                State::Header => {
                    let header = Header {
                        format: FORMAT.to_owned(),
                        version: EXPORT_VERSION,
                        tenant: self.tenant().clone(),
                        exported: self.now(),
                    };
                    let places = self.usage().await?.into_keys();
                    let wanted = places.filter(|(scope, kind)| {
                        what.scope.as_ref().is_none_or(|wanted| wanted == scope)
                            && what.kind.is_none_or(|wanted| wanted == *kind)
                    });
                    return Ok(Some((json(&header)?, State::Lists(wanted.collect()))));
                }
                State::Lists(mut rest) => {
                    let Some((scope, kind)) = rest.pop() else { return Ok(None) };
                    let families: &[Family] =
                        if what.past { &[Family::Current, Family::Past] } else { &[Family::Current] };
                    let list = |family: &Family| rules.places.list(*family, &scope, kind, &Term::All);
                    let group = families.iter().map(list).collect();
                    let join = Join::new(vec![group], Position::FIRST, GROUP);
                    State::Within(rest, scope, kind, Box::new(join))
                }
                State::Within(rest, scope, kind, mut join) => match join.next(&*rules.store).await? {
                    Some(position) => {
                        let found = read::record(rules, position.id()).await?;
                        let found = found.filter(|record| !record.entry.is_expired(self.now()));
                        if let Some(record) = found {
                            let entry = read::whole(rules, record).await?;
                            return Ok(Some((json(&entry)?, State::Within(rest, scope, kind, join))));
                        }
                        State::Within(rest, scope, kind, join)
                    }
                    None => State::Lists(rest),
                },
            };
        }
    }

    /// Takes in lines that [`Memory::export`] gave, one after another.
    #[must_use]
    pub fn importer(&self) -> Importer {
        Importer { memory: self.clone(), number: 0, waiting: Vec::new(), imported: Imported::default() }
    }
}

/// What came of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Entries that were taken in.
    pub added: u64,
    /// Entries that were there already, or have ended by themselves.
    pub skipped: u64,
}

/// Takes in the lines of an export. Entries keep their ids, so that a second time adds nothing; where a key stands for
/// another entry, the one that was learned later is current.
#[derive(Debug)]
pub struct Importer {
    memory: Memory,
    number: u64,
    waiting: Vec<Entry>,
    imported: Imported,
}

impl Importer {
    /// Takes one line, without its end. Empty lines are passed over.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] with the number of the line, or as [`Memory::remember`]. What came before stays.
    pub async fn line(&mut self, line: &str) -> Result<(), MemoryError> {
        self.number += 1;
        let line = line.trim();
        if line.len() > MAX_LINE_BYTES {
            return Err(self.invalid(format!("it has more than {MAX_LINE_BYTES} bytes")));
        }
        if line.is_empty() {
            return Ok(());
        }
        if self.number == 1 {
            let header: Header = serde_json::from_str(line)
                .map_err(|error| self.invalid(format!("it is no header: {error}")))?;
            if header.format != FORMAT || header.version != EXPORT_VERSION {
                return Err(self.invalid(format!(
                    "it says `{}` version {}, and `{FORMAT}` version {EXPORT_VERSION} can be read",
                    header.format, header.version
                )));
            }
            return Ok(());
        }
        let entry: Entry =
            serde_json::from_str(line).map_err(|error| self.invalid(format!("it is no entry: {error}")))?;
        crate::memory::write::check_entry(&entry).map_err(|error| self.invalid(error.to_string()))?;
        self.waiting.push(entry);
        if self.waiting.len() >= GROUP { self.take().await } else { Ok(()) }
    }

    /// Takes in what still waits.
    ///
    /// # Errors
    /// As [`Importer::line`]; an export without a header is none.
    pub async fn finish(mut self) -> Result<Imported, MemoryError> {
        if self.number == 0 {
            self.number = 1;
            return Err(self.invalid("there is no header".to_owned()));
        }
        self.take().await?;
        Ok(self.imported)
    }

    async fn take(&mut self) -> Result<(), MemoryError> {
        let entries = std::mem::take(&mut self.waiting);
        let memory = &self.memory;
        let restored = entries.into_iter().map(|mut entry| async move {
            let rules = memory.rules();
            rules.redaction.check(&entry.scope)?;
            if rules.redaction.entry(&mut entry) {
                let count = count_value(&*rules.counter, rules.model.as_deref(), &entry.content);
                (entry.account.tokens, entry.account.estimated) = (count.tokens, count.estimated);
            }
            let (large, guard) = memory.externalise(&entry).await?;
            let prepared = match &rules.indexes {
                Some(indexes) => Some(indexes.prepare(&entry).await?),
                None => None,
            };
            let write = Remember { entry, large, is_unnamed: false, replaces: Vec::new(), prepared };
            memory.ask(Operation::Restore(Box::new(write)), guard).await
        });
        for done in futures::future::try_join_all(restored).await? {
            match done {
                Done::Entry(_) => self.imported.added += 1,
                Done::Known(_) | Done::Gone | Done::Nothing => self.imported.skipped += 1,
            }
        }
        Ok(())
    }

    fn invalid(&self, problem: String) -> MemoryError {
        MemoryError::invalid(format!("line {} of the import", self.number), problem)
    }
}

fn json(value: &impl Serialize) -> Result<String, MemoryError> {
    serde_json::to_string(value).map_err(|error| MemoryError::corrupt(error.to_string()))
}
