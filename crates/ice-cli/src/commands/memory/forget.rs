//! `ice memory forget`.

use clap::{ArgGroup, Args};
use ice_core::memory::{Kind, Scope};
use ice_orchestrator::control::{MemoryForget, MemoryRequest, MemoryResponse, MemorySelection};
use serde::Serialize;

use super::{call, with_link};
use crate::commands::runs::find;
use crate::data::{DataFolder, Link, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// Forgets one entry, all that is about a person, all that a run remembered, or all of a scope.
///
/// What is forgotten stays readable with `--as-of`, unless it is erased. A person is always erased. What a run remembered is
/// taken back as if it had never been: what it superseded is current again, and the run may remember nothing more.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["name", "person", "run", "scope"]).required(true).multiple(true)))]
pub(super) struct Forget {
    /// The id of an entry, or its key
    #[arg(conflicts_with_all = ["person", "run"])]
    name: Option<String>,
    /// All that is about this person, in every scope
    #[arg(long, value_name = "NAME", conflicts_with_all = ["run", "scope", "kind"])]
    person: Option<String>,
    /// All that this run remembered
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scope", "kind", "erase"])]
    run: Option<String>,
    /// All of this scope; with a key, the scope of the key
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// Only of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Remove it for good, with what it was before
    #[arg(long)]
    erase: bool,
    /// Only tell how much would be forgotten
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Forget more than one entry without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Report {
    entries: u64,
    dry_run: bool,
}

impl Forget {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let entries = shell.block_on(with_link(&folder, async |link| {
            let what = self.what(link).await?;
            if self.name.is_none() && !self.yes && !self.dry_run {
                let entries = forget(link, what, self.erase, true).await?;
                return Err(self.unasked(entries).into());
            }
            forget(link, what, self.erase, self.dry_run).await
        }))?;
        if shell.screen.json {
            shell.screen.document(&Report { entries, dry_run: self.dry_run })?;
            return Ok(Exit::Succeeded);
        }
        let many = entries_of(entries);
        if self.dry_run {
            shell.screen.line(format_args!("{many} would be {}", self.verbs().1))?;
        } else {
            shell.screen.line(format_args!("{} {many}", self.verbs().0))?;
        }
        if self.person.is_some() && !self.dry_run {
            shell.screen.note("runs keep what they recorded: `ice erase` removes them too");
        }
        Ok(Exit::Succeeded)
    }

    /// What is done, and what it is then.
    const fn verbs(&self) -> (&'static str, &'static str) {
        if self.run.is_some() {
            ("took back", "taken back")
        } else if self.erase || self.person.is_some() {
            ("erased", "erased")
        } else {
            ("forgot", "forgotten")
        }
    }

    /// What is said to whoever selects much and does not say that it is meant.
    fn unasked(&self, entries: u64) -> Fault {
        Fault::usage(format!("this would forget {}", entries_of(entries)))
            .help("say `--yes` if that is what you mean; `--dry-run` only tells how much it is")
    }

    async fn what(&self, link: &Link) -> Result<MemorySelection, LinkError> {
        if let Some(name) = &self.name {
            let (scope, kind) = (self.scope.clone(), self.kind);
            return Ok(MemorySelection::Entry { name: name.clone(), scope, kind });
        }
        if let Some(name) = &self.person {
            return Ok(MemorySelection::Person { name: name.clone() });
        }
        if let Some(run) = &self.run {
            return Ok(MemorySelection::Run { run: find(link, run).await? });
        }
        match &self.scope {
            Some(scope) => Ok(MemorySelection::Scope { scope: scope.clone(), kind: self.kind }),
            None => Err(Fault::usage("nothing says what is to be forgotten").into()),
        }
    }
}

fn entries_of(entries: u64) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{} entries", text::number(entries)) }
}

async fn forget(link: &Link, what: MemorySelection, erase: bool, dry_run: bool) -> Result<u64, LinkError> {
    let request = MemoryRequest::Forget(MemoryForget { what, erase, dry_run });
    let MemoryResponse::Forgotten { entries } = call(link, request).await? else {
        return Err(LinkError::astray());
    };
    Ok(entries)
}
