//! Which entries are looked at, as options, and how they are listed.

use clap::Args;
use ice_core::memory::{Entry, Kind, Scope};
use ice_core::time::Moment;
use ice_orchestrator::control::MemoryWhere;

use crate::render::{table, text};
use crate::shell::Shell;

/// The text is cut first; then the scope, the time and the key are left out.
const FIT: table::Fit = table::Fit { cut: 5, least: 16, spare: &[2, 4, 3] };

/// Which entries are looked at.
#[derive(Clone, Debug, Args)]
pub(super) struct Within {
    /// Only in this scope; may be given several times
    #[arg(long, value_name = "SCOPE")]
    pub(super) scope: Vec<Scope>,
    /// Only of this kind: working, episodic, semantic or procedural; may be given several times
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Vec<Kind>,
    /// Only with this tag; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only about this person; may be given several times
    #[arg(long, value_name = "PERSON")]
    about: Vec<String>,
    /// As it was known then: 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<Moment>,
    /// Of facts only those that were true then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    true_at: Option<Moment>,
}

impl Within {
    pub(super) fn place(&self) -> MemoryWhere {
        MemoryWhere {
            scopes: self.scope.clone(),
            kinds: self.kind.clone(),
            tags: self.tag.clone(),
            about: self.about.clone(),
            as_of: self.as_of,
            true_at: self.true_at,
            ..MemoryWhere::default()
        }
    }
}

/// A day, of which the first moment in UTC is meant, or a moment.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let is_day = text.len() == 10;
    let whole = if is_day { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "write a day, 2026-01-31, or a moment, 2026-01-31T12:00:00Z".to_owned())
}

/// Entries as a table, one line each.
pub(super) fn table<'e>(shell: &Shell, entries: impl IntoIterator<Item = &'e Entry>) -> String {
    let rows = entries.into_iter().map(|entry| {
        [
            entry.id.to_string(),
            entry.kind().to_string(),
            text::line(entry.scope.as_str(), 24),
            key(entry).map_or_else(|| "–".to_owned(), |key| text::line(key, 40)),
            short(entry.learned),
            text::line(&entry.text(), 200),
        ]
    });
    let headings = ["ID", "KIND", "SCOPE", "KEY", "LEARNED (UTC)", "TEXT"];
    table::unbroken(shell.screen.width(), headings, rows, &FIT)
}

/// The key, if somebody gave one.
pub(super) fn key(entry: &Entry) -> Option<&str> {
    let key = entry.key.as_str();
    (key != entry.id.to_string()).then_some(key)
}

/// A moment to the second.
pub(super) fn short(moment: Moment) -> String {
    moment.to_string().get(..19).unwrap_or_default().replace('T', " ")
}
