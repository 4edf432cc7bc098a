//! `ice runs diff`.

use clap::Args;
use ice_orchestrator::replay::{Difference, NodeDiff, RunDiff, RunSide, diff};

use super::{find, with_link};
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::{run, table, text};
use crate::screen::{BOLD, Screen, styled};
use crate::shell::Shell;

/// Shows what came out differently in two runs, for example in a fork and the run it was forked from.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The first run
    before: String,
    /// The second run [default: the newest]
    #[arg(default_value = "last")]
    after: String,
}

impl Diff {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let folder = DataFolder::of(shell)?;
        let (before, after) = shell.block_on(with_link(&folder, async |link| {
            let (before, after) = (find(link, &self.before).await?, find(link, &self.after).await?);
            Ok((link.show(before).await?, link.show(after).await?))
        }))?;
        let found = diff(&before, &after);
        if shell.screen.json {
            shell.screen.document(&found)?;
        } else {
            print(&shell.screen, &found)?;
        }
        Ok(Exit::Succeeded)
    }
}

fn print(screen: &Screen, found: &RunDiff) -> Result<(), Fault> {
    let side = |run: &RunSide| {
        let spent = text::usage(&run.usage).join(", ");
        let spent = if spent.is_empty() { spent } else { format!(", {spent}") };
        format!("{} {} in {}{spent}", run.id, run.status, text::duration(run.duration_ms))
    };
    screen.line(format_args!("{} {}", styled(BOLD, "before"), side(&found.runs.before)))?;
    screen.line(format_args!("{}  {}", styled(BOLD, "after"), side(&found.runs.after)))?;
    if found.is_empty() {
        return screen.line("both came out the same");
    }
    if !found.nodes.is_empty() {
        screen.line("")?;
        let rows = found.nodes.iter().map(row);
        screen.line(table::plain(screen, ["NODE", "BEFORE", "AFTER"], rows))?;
    }
    for (name, fields) in [("input", &found.inputs), ("output", &found.output)] {
        if !fields.is_empty() {
            screen.line("")?;
        }
        fields.iter().try_for_each(|field| print_field(screen, name, field))?;
    }
    Ok(())
}

fn print_field(screen: &Screen, name: &str, field: &Difference) -> Result<(), Fault> {
    screen.line(format_args!("{} {}", styled(BOLD, name), text::visible(&field.field)))?;
    screen.line(format_args!("  - {}", text::visible(&field.before)))?;
    screen.line(format_args!("  + {}", text::visible(&field.after)))
}

fn row(node: &NodeDiff) -> [String; 3] {
    let fared = |status: Option<_>, attempts: u32| match status {
        None => "not reached".to_owned(),
        Some(status) if attempts > 1 => {
            format!("{}, {}", run::node_status(status), text::count(attempts.into(), "attempt"))
        }
        Some(status) => run::node_status(status),
    };
    [
        text::line(node.node.as_str(), 60),
        fared(node.status.before, node.attempts.before),
        fared(node.status.after, node.attempts.after),
    ]
}
