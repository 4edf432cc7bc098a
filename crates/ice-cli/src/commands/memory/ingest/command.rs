//! The command line, and the way from files to passages.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures::StreamExt;
use ice_core::error::ErrorCode;
use ice_core::memory::{Ingested, KnownDocument, Scope};
use ice_tools::ingest::{Chunking, Format, Limits};
use tokio::sync::Mutex;

use super::files::{File, Found, Patterns};
use super::progress::Progress;
use super::read::{How, NoContent, Stop};
use super::report::{Done, Failure, Report};
use super::send;
use crate::data::{DataFolder, Link, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::{Fault, plain};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::linger;

/// How many files are worked on at a time.
const AT_ONCE: usize = 4;
/// How many documents are asked for at a time.
const NAMES: usize = 256;
/// How often another owner is looked for when one goes away.
const TRIES: usize = 3;

/// Takes documents into semantic memory: text, Markdown, HTML, CSV, JSON and PDF, in passages that are found with their file and
/// place.
///
/// What is known is passed over, of what has changed the old passages are superseded, and what was stopped goes on where it
/// was. Within folders, what is hidden, links and files of other kinds are passed over. What cannot be read is told, and the
/// rest goes on; the command ends with 1 then.
#[derive(Debug, Args)]
pub(in super::super) struct Ingest {
    /// Files, and folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The part of memory they belong to [default: default]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// In folders only files that fit: a name as `*.md`, or a path as `notes/**/*.md`; may be given several times
    #[arg(long, value_name = "PATTERN")]
    glob: Vec<String>,
    /// What all of them are: text, markdown, html, csv, json, json_lines or pdf [default: as their names end]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// The encoding of their text [default: as they say, else UTF-8]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// The most characters of a passage
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    size: u64,
    /// The most characters that a passage shares with the one before
    #[arg(long, value_name = "N", default_value_t = 100)]
    overlap: u64,
    /// A word by which their passages are found; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A person whom they are about; may be given several times
    #[arg(long, value_name = "PERSON")]
    about: Vec<String>,
    /// Documents are called by their paths below this folder [default: by their whole paths]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Forget the documents below the paths whose files are gone
    #[arg(long)]
    prune: bool,
    /// Read everything, and only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

/// What is worked with.
struct Work<'i> {
    ingest: &'i Ingest,
    scope: Scope,
    root: Option<PathBuf>,
    patterns: Patterns,
    how: Arc<How>,
    stop: Arc<Stop>,
    progress: Progress,
    report: Mutex<Report>,
}

impl Ingest {
    /// Carries it out.
    pub(in super::super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let chunking = Chunking::characters(self.size, self.overlap)
            .map_err(|error| Fault::usage(error.message.clone()).help("see `--size` and `--overlap`"))?;
        let root = self
            .root
            .as_ref()
            .map(|root| root.canonicalize().map_err(|error| Fault::file("look into", root, &error)));
        let patterns = Patterns::read(&self.glob)?;
        let found = Found::look(&self.paths, &patterns)?;
        let folder = DataFolder::of(shell)?;
        let work = Work {
            ingest: self,
            scope: self.scope.clone().unwrap_or_default(),
            root: root.transpose()?,
            patterns,
            how: Arc::new(How {
                chunking,
                format: self.format,
                encoding: self.encoding.clone(),
                limits: Limits::default(),
            }),
            stop: Arc::default(),
            progress: Progress::new(&shell.screen, shell.global.verbose, found.files.len() as u64),
            report: Mutex::new(Report { dry_run: self.dry_run, ..Report::default() }),
        };
        let report = shell.block_on(work.carry_out(shell, &folder, found))?;
        if shell.screen.json {
            shell.screen.document(&report)?;
        } else {
            shell.screen.line(report.told())?;
            shell.screen.note(report.passages_told());
        }
        Ok(if report.failures.is_empty() { Exit::Succeeded } else { Exit::Failed })
    }
}

impl Work<'_> {
    async fn carry_out(self, shell: &Shell, folder: &DataFolder, found: Found) -> Result<Report, Fault> {
        let mut signals = Signals::listen()?;
        let Found { mut files, named, failures, missing } = found;
        for failure in failures {
            self.count(Done::Failed(failure)).await;
        }
        for _ in 0..TRIES {
            let link = access(folder, Role::Run).await?;
            let done = tokio::select! {
                done = self.all(&link, files) => done,
                _ = signals.next() => {
                    self.stop.now();
                    link.close().await?;
                    drop(self);
                    let fault = Fault::new(ErrorCode::RunCancelled, "it was stopped; what was taken in stays");
                    return Err(fault.help("the same command goes on where it was").exit(Exit::Cancelled));
                }
            };
            let done = match done {
                Ok(left) if left.is_empty() => self.prune(&link, &named, &missing).await,
                Ok(left) => {
                    files = left;
                    continue;
                }
                Err(fault) => Err(fault.into()),
            };
            let closed = linger(shell, link, None, &mut signals).await;
            match done {
                Ok(()) => {
                    closed?;
                    return Ok(self.report.into_inner());
                }
                Err(LinkError::Fault(fault)) => return Err(fault),
                Err(LinkError::Gone) => files = Vec::new(),
            }
        }
        Err(LinkError::Gone.into())
    }

    async fn count(&self, done: Done) {
        if let Done::Failed(failure) = &done {
            self.progress.failed(failure);
        }
        self.report.lock().await.add(done);
    }

    /// Takes in all files; gives those that are left since the owner went away.
    async fn all(&self, link: &Link, files: Vec<File>) -> Result<Vec<File>, Fault> {
        let mut left = Vec::new();
        for group in files.chunks(NAMES) {
            let names = group.iter().filter_map(|file| self.name(&file.path).ok()).collect();
            let known = match send::known(link, &self.scope, names).await {
                Ok(known) => known,
                Err(LinkError::Gone) => {
                    left.extend_from_slice(group);
                    continue;
                }
                Err(LinkError::Fault(fault)) => return Err(fault),
            };
            let known: HashMap<String, KnownDocument> =
                known.into_iter().map(|document| (document.name.clone(), document)).collect();
            let known = &known;
            let mut done = futures::stream::iter(group)
                .map(async |file| (file, self.one(link, file, known).await))
                .buffer_unordered(AT_ONCE);
            while let Some((file, done)) = done.next().await {
                match done {
                    Ok(done) => {
                        let what = done.told();
                        self.count(done).await;
                        self.progress.done(&file.path, &what);
                    }
                    Err(LinkError::Gone) => left.push(file.clone()),
                    Err(LinkError::Fault(fault)) => {
                        return Err(
                            fault.help("what was taken in stays; the same command goes on where it was")
                        );
                    }
                }
            }
        }
        Ok(left)
    }

    /// What a document is called.
    fn name(&self, path: &Path) -> Result<String, Failure> {
        let below = match &self.root {
            Some(root) => path.strip_prefix(root).map_err(|_| {
                let reason = format!("it is not below {}, the folder of `--root`", root.display());
                Failure::new(path, ErrorCode::Usage, reason)
            })?,
            None => path,
        };
        let name = below.to_str().filter(|name| !name.chars().any(char::is_control));
        name.map(str::to_owned).ok_or_else(|| {
            let reason = "its path is no text (UTF-8 without control characters): give it another name";
            Failure::new(path, ErrorCode::InputInvalid, reason)
        })
    }

    async fn one(
        &self,
        link: &Link,
        file: &File,
        known: &HashMap<String, KnownDocument>,
    ) -> Result<Done, LinkError> {
        let name = match self.name(&file.path) {
            Ok(name) => name,
            Err(failure) => return Ok(Done::Failed(failure)),
        };
        self.progress.begin(&file.path);
        let stopped = || LinkError::Fault(Fault::new(ErrorCode::Unknown, "the reading of a file broke off"));
        let (how, path) = (Arc::clone(&self.how), file.path.clone());
        let opened = tokio::task::spawn_blocking(move || how.open(&path)).await.map_err(|_| stopped())?;
        let mut content = match opened {
            Ok(content) => content,
            Err(NoContent::OtherKind(_)) if !file.is_named && !self.patterns.are_given() => {
                return Ok(Done::PassedOver);
            }
            Err(NoContent::OtherKind(failure) | NoContent::Failed(failure)) => {
                return Ok(Done::Failed(failure));
            }
        };
        content.hash = self.with_words(&content.hash);
        let known = known.get(&name);
        if let Some(known) = known
            && known.complete
            && (known.hash == content.hash || send::has(link, &self.scope, &name, &content.hash).await?)
        {
            return Ok(Done::Unchanged);
        }
        let (how, stop, path) = (Arc::clone(&self.how), Arc::clone(&self.stop), file.path.clone());
        let read = tokio::task::spawn_blocking(move || how.passages(&path, &name, content, &stop)).await;
        let (mut document, passages) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(failure)) => return Ok(Done::Failed(failure)),
            Err(_) => {
                let reason = "it cannot be read: whoever reads such files broke off";
                return Ok(Done::Failed(Failure::new(&file.path, ErrorCode::DataInvalid, reason)));
            }
        };
        let is_new = known.is_none();
        if self.ingest.dry_run {
            let passages = Ingested { written: document.passages, ..Ingested::default() };
            return Ok(Done::TakenIn { is_new, passages });
        }
        document.scope = self.scope.clone();
        document.tags.clone_from(&self.ingest.tag);
        document.about.clone_from(&self.ingest.about);
        match send::send(link, &document, passages).await {
            Ok(passages) => Ok(Done::TakenIn { is_new, passages }),
            Err(LinkError::Fault(fault)) if is_about_the_document(fault.code) => {
                Ok(Done::Failed(Failure::new(&file.path, fault.code, fault.message)))
            }
            Err(error) => Err(error),
        }
    }

    /// Other tags and persons make another version of a document.
    fn with_words(&self, hash: &str) -> String {
        let Ingest { tag, about, .. } = self.ingest;
        if tag.is_empty() && about.is_empty() {
            return hash.to_owned();
        }
        blake3::hash(format!("{hash} {tag:?} {about:?}").as_bytes()).to_hex().to_string()
    }

    /// Forgets documents whose files are gone; those that were named and are not known either are told.
    async fn prune(&self, link: &Link, named: &[PathBuf], missing: &[PathBuf]) -> Result<(), LinkError> {
        let mut gone: Vec<PathBuf> = Vec::new();
        if self.ingest.prune {
            for document in send::all(link, &self.scope).await? {
                // Of which file it is cannot be said.
                if document.redacted {
                    continue;
                }
                let path = match &self.root {
                    Some(root) => root.join(&document.name),
                    None => PathBuf::from(&document.name),
                };
                let is_meant = path.is_absolute() && named.iter().any(|named| path.starts_with(named));
                if !is_meant || !is_gone(&path) {
                    continue;
                }
                let ended = send::forget(link, &self.scope, &document.name, self.ingest.dry_run).await?;
                let mut report = self.report.lock().await;
                report.documents.removed += 1;
                report.passages.ended += ended;
                gone.push(path);
            }
        }
        for missing in missing {
            if !gone.iter().any(|gone| gone.starts_with(missing)) {
                let error = std::io::Error::from(std::io::ErrorKind::NotFound);
                let failure = Failure::new(missing, ErrorCode::FileUnreadable, plain(&error));
                self.count(Done::Failed(failure)).await;
            }
        }
        Ok(())
    }
}

/// Whether there is surely no such file.
fn is_gone(path: &Path) -> bool {
    let kind = path.symlink_metadata().map_err(|error| error.kind()).err();
    matches!(kind, Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
}

/// Whether a refusal is about one document; else the next one is refused as well.
fn is_about_the_document(code: ErrorCode) -> bool {
    [ErrorCode::MemoryInvalid, ErrorCode::StoreConflict, ErrorCode::LimitExceeded].contains(&code)
}

fn format(text: &str) -> Result<Format, String> {
    Format::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}
