//! What came of it.

use std::path::Path;

use ice_core::error::ErrorCode;
use ice_core::memory::Ingested;
use serde::Serialize;

use crate::render::text;

/// Why a file was not taken in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failure {
    /// The file or folder.
    pub(super) file: String,
    /// The code, with a page in `docs/errors`.
    pub(super) code: ErrorCode,
    /// Why.
    pub(super) reason: String,
}

impl Failure {
    pub(super) fn new(file: &Path, code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { file: text::visible(&file.to_string_lossy()), code, reason: reason.into() }
    }
}

/// How many documents.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Documents {
    /// Taken in for the first time.
    pub(super) new: u64,
    /// Taken in again, since they or how they are cut have changed.
    pub(super) changed: u64,
    /// Known as they are.
    pub(super) unchanged: u64,
    /// Forgotten, since their files are gone.
    pub(super) removed: u64,
    /// Not taken in.
    pub(super) failed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) documents: Documents,
    /// Passages; with a dry run, `written` is how many new and changed documents have.
    pub(super) passages: Ingested,
    /// Files in folders that are of no kind that is read.
    pub(super) passed_over: u64,
    pub(super) failures: Vec<Failure>,
    pub(super) dry_run: bool,
}

/// What came of a file.
#[derive(Debug)]
pub(super) enum Done {
    /// It is known as it is.
    Unchanged,
    /// It was taken in, or would be.
    TakenIn { is_new: bool, passages: Ingested },
    /// It is of no kind that is read, and nobody named it.
    PassedOver,
    /// It cannot be.
    Failed(Failure),
}

impl Done {
    /// In words.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Unchanged => "unchanged".to_owned(),
            Self::TakenIn { is_new, passages } => {
                let many = text::count(passages.written, "passage");
                format!("{}, {many}", if *is_new { "new" } else { "changed" })
            }
            Self::PassedOver => "of another kind".to_owned(),
            Self::Failed(_) => "failed".to_owned(),
        }
    }
}

impl Report {
    /// Counts a file.
    pub(super) fn add(&mut self, done: Done) {
        match done {
            Done::Unchanged => self.documents.unchanged += 1,
            Done::TakenIn { is_new, passages } => {
                if is_new {
                    self.documents.new += 1;
                } else {
                    self.documents.changed += 1;
                }
                self.passages.written += passages.written;
                self.passages.kept += passages.kept;
                self.passages.ended += passages.ended;
            }
            Done::PassedOver => self.passed_over += 1,
            Done::Failed(failure) => {
                self.documents.failed += 1;
                self.failures.push(failure);
            }
        }
    }

    /// In one line.
    pub(super) fn told(&self) -> String {
        let Documents { new, changed, unchanged, removed, failed } = self.documents;
        let would = if self.dry_run { "would be " } else { "" };
        let mut parts = vec![format!(
            "{} {would}taken in ({} new, {} changed)",
            text::count(new + changed, "document"),
            text::number(new),
            text::number(changed)
        )];
        let others = [
            (unchanged, "unchanged".to_owned()),
            (removed, format!("gone and {would}forgotten")),
            (failed, "failed".to_owned()),
            (self.passed_over, "of other kinds".to_owned()),
        ];
        let others = others.iter().filter(|(count, _)| *count > 0);
        parts.extend(others.map(|(count, what)| format!("{} {what}", text::number(*count))));
        parts.join(", ")
    }

    /// Of passages.
    pub(super) fn passages_told(&self) -> String {
        let Ingested { written, kept, ended } = self.passages;
        if self.dry_run {
            return format!("{} in them", text::count(written, "passage"));
        }
        format!(
            "{} written, {} kept, {} ended",
            text::count(written, "passage"),
            text::number(kept),
            text::number(ended)
        )
    }
}
