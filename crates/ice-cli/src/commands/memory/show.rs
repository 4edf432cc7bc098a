//! `ice memory show`.

use clap::Args;
use ice_core::memory::{Detail, Entry, Kind, Scope};
use ice_core::time::{Clock, Moment, SystemClock};
use ice_orchestrator::control::{MemoryRequest, MemoryResponse, MemoryShow};

use super::ask;
use super::within::{key, moment, short};
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::screen::{BOLD, DIM, styled};
use crate::shell::Shell;

/// Shows an entry, or what a key stands for in each scope and kind.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The id of an entry, or its key
    name: String,
    /// The scope of the key; all if not given
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// The kind of the key; all if not given
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// With what the key stood for before, the newest first
    #[arg(long, conflicts_with = "as_of")]
    history: bool,
    /// As it was known then: 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<Moment>,
}

impl Show {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let request = MemoryRequest::Show(MemoryShow {
            name: self.name.clone(),
            scope: self.scope.clone(),
            kind: self.kind,
            as_of: self.as_of,
            history: self.history,
        });
        let MemoryResponse::Entries { entries, .. } = ask(shell, &folder, &request)? else {
            return Err(LinkError::astray().into());
        };
        if shell.screen.json {
            shell.screen.document(&entries)?;
            return Ok(Exit::Succeeded);
        }
        for (at, entry) in entries.iter().enumerate() {
            if at > 0 {
                shell.screen.line("")?;
            }
            print(shell, entry)?;
        }
        Ok(Exit::Succeeded)
    }
}

fn print(shell: &Shell, entry: &Entry) -> Result<(), Fault> {
    let screen = &shell.screen;
    let named = key(entry).map(|key| format!(" {}", text::visible(key))).unwrap_or_default();
    let now = SystemClock.now();
    let past = match (entry.until, entry.superseded_by) {
        (Some(until), Some(by)) => format!(", superseded {} by {by}", short(until)),
        (Some(until), None) => format!(", forgotten {}", short(until)),
        (None, _) if entry.is_expired(now) => ", ended".to_owned(),
        (None, _) => String::new(),
    };
    screen.line(format_args!("{}{named}", styled(BOLD, entry.id)))?;
    let mut about = vec![
        format!("{} memory, scope {}{past}", entry.kind(), text::visible(entry.scope.as_str())),
        format!("learned {} from {}", short(entry.learned), source(entry)),
    ];
    about.extend(detail(entry));
    let listed = |what: &str, words: &[String]| {
        (!words.is_empty()).then(|| format!("{what} {}", text::visible(&words.join(", "))))
    };
    about.extend(listed("tags", &entry.tags));
    about.extend(listed("about", &entry.subjects));
    let estimated = if entry.account.estimated { "about " } else { "" };
    let tokens = text::count(entry.account.tokens, "token");
    about.push(format!("{estimated}{tokens}, {}", text::size(entry.account.bytes)));
    for line in about {
        screen.line(styled(DIM, line))?;
    }
    screen.line(text::readable(&entry.text()))
}

/// Who wrote it, and from what.
fn source(entry: &Entry) -> String {
    let source = &entry.source;
    let mut told = vec![text::visible(&source.source)];
    told.extend(source.run.map(|run| format!("run {run}")));
    told.extend(source.node.as_ref().map(|node| format!("node {node}")));
    told.extend(source.model.as_ref().map(|model| format!("model {}", text::visible(model))));
    told.join(", ")
}

/// What is known of it by its kind, if it is something.
fn detail(entry: &Entry) -> Option<String> {
    let ends = |ends: Option<Moment>| ends.map(|ends| format!("ends {}", short(ends)));
    match &entry.detail {
        Detail::Working(working) => ends(working.expires),
        Detail::Episodic(episode) => {
            let what = format!("{}, {}, {}", episode.episode_type, episode.outcome, episode.sentiment);
            Some(match ends(episode.expires) {
                Some(ends) => format!("{}, {ends}", text::visible(&what)),
                None => text::visible(&what),
            })
        }
        Detail::Semantic(fact) => {
            let what =
                format!("type {}, domain {}, confidence {}", fact.fact_type, fact.domain, fact.confidence);
            let times = [("from", fact.valid.from), ("until", fact.valid.until)];
            let times = times
                .into_iter()
                .filter_map(|(word, moment)| Some(format!("true {word} {}", short(moment?))));
            let told: Vec<String> = std::iter::once(what).chain(times).collect();
            Some(text::visible(&told.join(", ")))
        }
        Detail::Procedural(procedure) => Some(text::visible(&format!(
            "{}, {}, succeeds {:.0} % of the time, {}",
            procedure.name,
            text::count(procedure.steps.len() as u64, "step"),
            procedure.success_rate * 100.0,
            text::count(procedure.usage_count, "use"),
        ))),
    }
}
