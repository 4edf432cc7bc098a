//! `ice graph`: a picture of a blueprint.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ice_core::blueprint::draw::{self, DrawOptions, Mark, Marks};
use ice_core::path::NodePath;
use ice_orchestrator::journal::RunDocument;
use ice_orchestrator::workflow::runtime::NodeStatus;

use super::{analysis, grants, runs};
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::load;
use crate::shell::Shell;

/// Draws a blueprint or a network as Mermaid text or as SVG, or tells what its graph says. With `--run`, its nodes are marked as
/// they stand in a run.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The blueprint; `-` is standard input
    file: PathBuf,
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Mermaid)]
    format: Form,
    /// Tell the critical path, bottlenecks, levels and how many nodes can be under way at once, instead of drawing; with
    /// `--run` also where the time of that run went
    #[arg(long, conflicts_with_all = ["format", "out"])]
    analyze: bool,
    /// Tell which nodes wait for this one or read it, directly or through others, instead of drawing
    #[arg(long, value_name = "NODE", conflicts_with_all = ["format", "out", "run", "analyze"])]
    impact: Option<NodePath>,
    /// A run of this blueprint
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// The file to write; standard output by default
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A further folder or file from which blueprints may be used
    #[arg(long, value_name = "PATH")]
    ro: Vec<PathBuf>,
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text for Mermaid
    Mermaid,
    /// A picture
    Svg,
}

impl Graph {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let granted = grants::readable(&self.ro)?;
        let loaded = load::load(&self.file, &granted, &shell.toolbox)?;
        let Some(checked) = &loaded.assembled.checked else {
            loaded.tell(&shell.screen);
            return Err(loaded.fault());
        };
        if let Some(node) = &self.impact {
            return analysis::impact(shell, &loaded, node);
        }
        let run = match &self.run {
            Some(id) => {
                let document = shell.block_on(run(shell, id))?;
                if document.blueprint_id != checked.blueprint().blueprint_id {
                    let message =
                        format!("the run {} is one of the blueprint {}", document.id, document.blueprint_id);
                    return Err(Fault::usage(message).help(format!(
                        "{} is the blueprint {}",
                        loaded.shown,
                        checked.blueprint().blueprint_id
                    )));
                }
                Some(document)
            }
            None => None,
        };
        if self.analyze {
            return analysis::analyze(shell, &loaded, run.as_deref());
        }
        let marks = run.as_deref().map(marks).unwrap_or_default();
        let graph = checked.graph();
        let text = match self.format {
            Form::Mermaid => draw::mermaid(&graph, &DrawOptions { marks, ..DrawOptions::default() }),
            Form::Svg => draw::svg(&draw::layout(&graph), &marks),
        };
        let text = format!("{}\n", text.trim_end());
        match &self.out {
            Some(file) => file::replace(file, &text)?,
            None => shell.screen.raw(&text)?,
        }
        Ok(Exit::Succeeded)
    }
}

async fn run(shell: &Shell, id: &str) -> Result<Box<RunDocument>, Fault> {
    let folder = DataFolder::of(shell)?;
    runs::with_link(&folder, async |link| {
        let run = runs::find(link, id).await?;
        link.show(run).await
    })
    .await
}

fn marks(document: &RunDocument) -> Marks {
    let mark = |status| match status {
        NodeStatus::Queued => Mark::Queued,
        NodeStatus::Running => Mark::Running,
        NodeStatus::Waiting => Mark::Waiting,
        NodeStatus::Succeeded => Mark::Succeeded,
        NodeStatus::Failed => Mark::Failed,
        NodeStatus::Skipped => Mark::Skipped,
        NodeStatus::Cancelled => Mark::Cancelled,
    };
    document.nodes.iter().map(|node| (node.node.clone(), mark(node.status))).collect()
}
