//! Which entries are looked at, as options, and how they are listed.

use clap::Args;
use ice_core::memory::{Entry, Kind, Scope};
use ice_core::time::Moment;
use ice_core::value::Value;
use ice_orchestrator::control::MemoryWhere;

use crate::render::{table, text};
use crate::shell::Shell;

/// The most characters of what an entry is called.
const MAX_CALLED: usize = 40;
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
            called(entry),
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

/// What an entry is called in a table: of a passage the end of the document's name, and where in it the passage begins.
fn called(entry: &Entry) -> String {
    let Some((document, place)) = place(entry) else {
        return key(entry).map_or_else(|| "–".to_owned(), |key| text::line(key, MAX_CALLED));
    };
    let room = MAX_CALLED.saturating_sub(place.chars().count());
    let length = document.chars().count();
    let end: String = document.chars().skip(length.saturating_sub(room)).collect();
    let cut = if length > room { "…" } else { "" };
    text::line(&format!("{cut}{end}{place}"), MAX_CALLED + 1)
}

/// The document of a passage, and where in it the passage begins.
pub(super) fn place(entry: &Entry) -> Option<(&str, String)> {
    let document = entry.metadata.get("document")?.as_str()?;
    let start = entry.metadata.get("passage")?.get("start")?;
    let number = |field: &str| start.get(field).and_then(Value::as_u64);
    let place = match (number("page"), number("row"), start.get("pointer").and_then(Value::as_str)) {
        (Some(page), ..) => format!(", page {page}"),
        (None, Some(row), _) => format!(", row {row}"),
        (None, None, Some(pointer)) => format!(" at {pointer}"),
        (None, None, None) => number("line").map(|line| format!(":{line}")).unwrap_or_default(),
    };
    Some((document, place))
}

/// A moment to the second.
pub(super) fn short(moment: Moment) -> String {
    moment.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use ice_core::memory::{Memory, MemoryOptions, Passage, Query, SourceDocument};

    use super::*;

    #[tokio::test]
    async fn a_passage_is_called_by_its_document_and_place() {
        let memory = Memory::open(MemoryOptions::in_memory()).await.unwrap();
        let cases = [
            (Value::map([("page", 3), ("line", 7)].map(|(name, n)| (name, Value::from(n)))), ", page 3"),
            (Value::map([("row", Value::from(5)), ("line", Value::from(6))]), ", row 5"),
            (Value::map([("pointer", Value::from("/a/0"))]), " at /a/0"),
            (Value::map([("line", Value::from(12))]), ":12"),
            (Value::empty_map(), ""),
        ];
        for (number, (start, expected)) in cases.into_iter().enumerate() {
            let document = SourceDocument::new(format!("/a/{}/{number}", "long".repeat(20)), "h", 1);
            let passage = Passage { start, ..Passage::new(0, "x") };
            memory.ingest(&document, vec![passage]).await.unwrap();
            let filter = ice_core::memory::Filter { types: vec!["passage".to_owned()], ..Default::default() };
            let query = Query::of(Scope::default(), Kind::Semantic).filter(filter).limit(1);
            let newest = memory.list(&query).await.unwrap().entries;
            let called = called(&newest[0]);
            assert!(
                called.starts_with('…') && called.ends_with(&format!("long/{number}{expected}")),
                "{called}"
            );
            assert_eq!(called.chars().count(), MAX_CALLED + 1, "{called}");
        }
    }
}
