//! `ice chat`: talks to an agent. The conversation is a run: it survives a crash, stays in its budget, and can be left and gone
//! on with.

mod lines;
mod opening;
mod talk;

use std::path::PathBuf;

use clap::Args;

use self::opening::Opening;
use self::talk::Talk;
use super::budget::BudgetArgs;
use super::confinement::ConfinementArgs;
use super::grants::GrantArgs;
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::screen::{YELLOW, styled};
use crate::shell::Shell;

/// Talks to an agent: 0 the conversation was ended, 1 it failed, 2 usage, 4 it was left and can be gone on with.
#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// The agent: its name, in the folder `agents` or one that `--agents` names, or its file; without it a model by itself
    agent: Option<String>,
    /// Ask this model instead of the agent's, for example ollama/llama3.2 [default: ICE_MODEL]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
    /// What a model by itself is told before everything else
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["agent", "resume"])]
    system: Option<String>,
    /// A tool that a model by itself may use, as often as needed
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["agent", "resume"])]
    tool: Vec<String>,
    /// A setting that the agent's system prompt sees as `config`: NAME=VALUE, NAME=@FILE.json or @FILE.json
    #[arg(long, value_name = "SETTING")]
    set: Vec<String>,
    /// Say this, and then what is typed
    #[arg(short, long, value_name = "TEXT", conflicts_with = "resume")]
    message: Option<String>,
    /// Go on with a conversation that was left: its run, the first characters of it, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["agent", "model", "set"])]
    resume: Option<String>,
    #[command(flatten)]
    grants: GrantArgs,
    #[command(flatten)]
    confinement: ConfinementArgs,
    #[command(flatten)]
    budget: BudgetArgs,
}

impl Chat {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        if let Some(run) = &self.resume {
            let folder = DataFolder::existing(shell)?;
            return shell.block_on(async { Talk::new(shell, &folder)?.resume(run).await });
        }
        let grants = self.grants.grants()?;
        self.confinement.check(&grants)?;
        if let Some(warning) = self.confinement.warning() {
            shell.screen.note(format_args!("{} {warning}", styled(YELLOW, "warning:")));
        }
        let opening = Opening {
            agent: self.agent.as_deref(),
            model: self.model.as_deref().or(shell.environment.model.as_deref()),
            system: self.system.as_deref(),
            tools: &self.tool,
            settings: &self.set,
        };
        let mut prepared = opening.prepare(shell)?;
        prepared.options.grants = grants;
        self.confinement.apply(&mut prepared.options);
        self.budget.apply(&mut prepared.options);
        let folder = DataFolder::of(shell)?;
        shell.block_on(async { Talk::new(shell, &folder)?.begin(prepared, self.message.clone()).await })
    }
}

/// A file, if that is what an agent is named by.
fn as_file(agent: &str) -> Option<PathBuf> {
    let is_file = agent.contains('/')
        || [".yaml", ".yml", ".json"].iter().any(|ending| agent.to_ascii_lowercase().ends_with(ending));
    is_file.then(|| PathBuf::from(agent))
}
