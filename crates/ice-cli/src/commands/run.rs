//! `ice run`: runs a blueprint.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::network::CheckedNetwork;
use ice_core::quantity::bytes;
use ice_core::store::Durability;
use ice_core::time::{IdSource, SystemIds};
use ice_orchestrator::control::{Assembled, Request, Response, Start};
use ice_orchestrator::journal::{FailurePolicy, RunOptions};

use super::budget::BudgetArgs;
use super::confinement::ConfinementArgs;
use super::grants::GrantArgs;
use super::{estimate, worker};
use crate::data::{DataFolder, Link, LinkError, Remote, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input::{self, Inputs};
use crate::instead;
use crate::load;
use crate::pictures::Pictures;
use crate::screen::{CYAN, DIM, YELLOW, styled};
use crate::shell::Shell;
use crate::signals::Signals;
use crate::stay::{Watching, stay};
use crate::watch::Until;

/// Runs a blueprint, or what a network runs on demand, and ends with the run's document: 0 succeeded, 1 failed, 2 usage, 3 invalid blueprint,
/// 4 waiting or parked, 130 cancelled.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The blueprint, JSON or YAML; `-` is standard input
    file: PathBuf,
    /// An input: NAME=VALUE (JSON if it parses, else text), NAME=@FILE (a picture or JSON), or all of them from @FILE.json
    #[arg(short, long, value_name = "INPUT")]
    input: Vec<String>,
    /// Ask this model instead of those that the blueprint and its agents name, for example ollama/llama3.2
    /// [default: ICE_MODEL]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
    /// Print the run's id and leave; a background worker is started if nobody owns the data folder
    #[arg(long, conflicts_with = "wait")]
    detach: bool,
    /// Stay through questions and parking, until the run has ended
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    grants: GrantArgs,
    #[command(flatten)]
    confinement: ConfinementArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    /// What an acknowledged step survives [default: the best there is]
    #[arg(long, value_name = "LEVEL")]
    durability: Option<Survives>,
    /// The most node attempts at once, 1 to 1024
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    max_parallel: Option<u32>,
    /// What a failed node means for the others [default: continue-possible]
    #[arg(long, value_name = "POLICY")]
    failure_policy: Option<Policy>,
    /// The most nodes the run may execute, nested ones included [default: 1000000]
    #[arg(long, value_name = "N")]
    max_nodes: Option<u64>,
    /// The most items of one loop [default: 100000]
    #[arg(long, value_name = "N")]
    max_loop_items: Option<usize>,
    /// The most bytes the run's values may take in memory: a number, with KiB, MiB or GiB [default: 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_bytes: Option<u64>,
    /// The same key gives the same run, however often it is started
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What an acknowledged step survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Survives {
    /// Nothing is promised
    Buffered,
    /// The end of the process, however sudden
    ProcessCrash,
    /// The loss of power
    PowerLoss,
}

impl From<Survives> for Durability {
    fn from(survives: Survives) -> Self {
        match survives {
            Survives::Buffered => Self::Buffered,
            Survives::ProcessCrash => Self::ProcessCrash,
            Survives::PowerLoss => Self::PowerLoss,
        }
    }
}

/// What a failed node means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// The run stops
    Halt,
    /// What does not depend on it goes on
    ContinuePossible,
    /// Everything goes on, with null as its output
    Always,
}

impl From<Policy> for FailurePolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Halt => Self::Halt,
            Policy::ContinuePossible => Self::ContinuePossible,
            Policy::Always => Self::Always,
        }
    }
}

/// What is said once to who has met nobody but `echo`.
const ECHOES: &str = "`echo` answers with its own prompt: ";

/// How a model is named.
pub(super) const MODELS: &str = "`--model ollama/llama3.2` asks a model of this machine, and with OPENAI_API_KEY set \
    `--model openai/gpt-4.1-mini` a hosted one; `ice models list` lists them";

/// A run that can be started.
struct Ready {
    start: Start,
    /// What its inputs name.
    pictures: Pictures,
    /// What it is started from.
    blueprint: Assembled,
    /// What to do should the inputs be refused.
    advice: Option<String>,
}

impl Run {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let ready = self.ready(shell)?;
        self.start(shell, ready)
    }

    /// As [`Self::run`], of a network only.
    ///
    /// # Errors
    /// [`Fault`] if the file is no network, or as [`Self::run`].
    pub(super) fn run_network(&self, shell: &Shell) -> Result<Exit, Fault> {
        let ready = self.ready(shell)?;
        if ready.blueprint.network.is_none() {
            return Err(self.is_no_network());
        }
        self.start(shell, ready)
    }

    fn is_no_network(&self) -> Fault {
        let message = format!("{} is a blueprint, not a network", self.file.display());
        Fault::usage(message).help("`ice run` runs blueprints")
    }

    fn start(&self, shell: &Shell, ready: Ready) -> Result<Exit, Fault> {
        if let Some(network) = &ready.blueprint.network
            && network.on_demand().is_none()
        {
            let name = &network.network.name;
            let message =
                format!("every workflow of the network `{name}` has a schedule, or comes after one that has");
            return Err(Fault::usage(message).help("`ice network run FILE --scheduled` keeps the schedules"));
        }
        let Ready { start, pictures, blueprint, advice } = ready;
        let folder = DataFolder::of(shell)?;
        let ended = shell.block_on(async {
            if self.detach {
                detach(shell, &folder, start, &pictures).await
            } else {
                self.attach(shell, &folder, start, &pictures, &blueprint).await
            }
        });
        ended.map_err(|fault| match advice {
            Some(advice) if fault.code == ErrorCode::InputInvalid => fault.help(advice),
            Some(_) | None => fault,
        })
    }

    /// What it takes to keep the schedules of a network, and whether others are to do it.
    ///
    /// # Errors
    /// [`Fault`] if the file is no network, or as [`Self::run`].
    pub(super) fn network(&self, shell: &Shell) -> Result<(Start, CheckedNetwork, bool), Fault> {
        let Ready { start, pictures, blueprint, .. } = self.ready(shell)?;
        if !pictures.is_empty() {
            return Err(Fault::usage("a picture cannot be an input of what is run by a schedule")
                .help("without `--scheduled` the network is run once, with pictures"));
        }
        let network = blueprint.network.ok_or_else(|| self.is_no_network())?;
        Ok((start, network, self.detach))
    }

    /// Everything the run needs, checked, before anything is opened.
    fn ready(&self, shell: &Shell) -> Result<Ready, Fault> {
        let grants = self.grants.grants()?;
        self.confinement.check(&grants)?;
        if let Some(warning) = self.confinement.warning() {
            shell.screen.note(format_args!("{} {warning}", styled(YELLOW, "warning:")));
        }
        let Inputs { values: inputs, pictures } = input::inputs(&self.input)?;
        let readable: Vec<PathBuf> = grants.read.iter().chain(&grants.write).cloned().collect();
        let mut loaded = load::load(&self.file, &readable, &shell.toolbox)?;
        let model = self.model.as_ref().or(shell.environment.model.as_ref());
        let mut written = None;
        if let (Some(model), Some(_)) = (model, &loaded.assembled.checked) {
            written = Some(loaded.instead(model, &shell.toolbox)?);
            if loaded.assembled.checked.is_none() {
                loaded.tell(&shell.screen);
                return Err(loaded.fault());
            }
        }
        if loaded.assembled.checked.is_none() || shell.global.verbose > 0 {
            loaded.tell(&shell.screen);
        }
        let Some(checked) = &loaded.assembled.checked else { return Err(loaded.fault()) };
        if loaded.assembled.network.is_some() && self.failure_policy.is_some() {
            return Err(Fault::usage("`--failure-policy` is not for networks")
                .help("write `failure_policy` into the network"));
        }
        let advice = input::advice(&self.input, &inputs, &checked.blueprint().input_schema);
        let defaults = RunOptions::default();
        let mut options = RunOptions {
            grants,
            durability: self.durability.map(Durability::from),
            max_parallel: self.max_parallel.unwrap_or(defaults.max_parallel),
            failure_policy: self.failure_policy.map_or(defaults.failure_policy, FailurePolicy::from),
            idempotency_key: self.idempotency_key.clone(),
            max_nodes: self.max_nodes.unwrap_or(defaults.max_nodes),
            max_loop_items: self.max_loop_items.unwrap_or(defaults.max_loop_items),
            max_bytes: self.max_bytes.unwrap_or(defaults.max_bytes),
            ..defaults
        };
        self.confinement.apply(&mut options);
        self.budget.apply(&mut options);
        if !options.budget.is_unlimited()
            && let Some(warning) =
                estimate::warning(&options.budget, &estimate::of(&loaded, Some(&inputs), &options)?)
        {
            shell.screen.note(format_args!("{} {warning}", styled(YELLOW, "warning:")));
        }
        let start = Start { documents: loaded.documents, inputs, options };
        Ok(Ready { start, pictures, blueprint: written.unwrap_or(loaded.assembled), advice })
    }

    async fn attach(
        &self,
        shell: &Shell,
        folder: &DataFolder,
        start: Start,
        pictures: &Pictures,
        blueprint: &Assembled,
    ) -> Result<Exit, Fault> {
        let is_first = !folder.exists();
        let mut signals = Signals::listen()?;
        let (link, id) = tokio::select! {
            started = begin(folder, start, pictures) => started?,
            _ = signals.next() => return Ok(Exit::Cancelled),
        };
        if !shell.screen.json {
            shell.screen.note(format_args!("{} {id}", styled(CYAN, "run")));
        }
        if is_first && shell.screen.is_watched() && instead::asks(blueprint, "echo") {
            shell.screen.note(styled(DIM, format_args!("{ECHOES}{MODELS}")));
        }
        let until = if self.wait { Until::Ended } else { Until::Parked };
        let watching = Watching { run: id, since: 0, until, blueprint: Some(blueprint) };
        stay(shell, folder, link, watching, &mut signals).await
    }
}

/// Starts a run with whoever owns the folder, which may be this process from now on.
pub(super) async fn begin(
    folder: &DataFolder,
    mut start: Start,
    pictures: &Pictures,
) -> Result<(Link, RunId), Fault> {
    loop {
        let link = access(folder, Role::Run).await?;
        if !link.is_owner() {
            // Should the owner go away before it answers, asking the next one again starts nothing twice.
            start.options.idempotency_key.get_or_insert_with(|| format!("ice-run-{}", SystemIds.uuid()));
        }
        match started(&link, &start, pictures).await {
            Ok(Response::Started { run }) => return Ok((link, run)),
            Ok(_) => return Err(Fault::new(ErrorCode::ControlUnavailable, "the owner gave no answer")),
            Err(LinkError::Gone) => {}
            Err(LinkError::Fault(fault)) => {
                // The fault says more than what closing could add to it.
                let _ = link.close().await;
                return Err(fault);
            }
        }
    }
}

/// Asks for a run to be started, once what its inputs name is there.
async fn started(link: &Link, start: &Start, pictures: &Pictures) -> Result<Response, LinkError> {
    pictures.bring(link).await?;
    link.call(Request::Start(Box::new(start.clone()))).await
}

/// Starts a run with the owner of the folder, or with a worker that is started for it.
async fn detach(
    shell: &Shell,
    folder: &DataFolder,
    mut start: Start,
    pictures: &Pictures,
) -> Result<Exit, Fault> {
    folder.prepare()?;
    start.options.idempotency_key.get_or_insert_with(|| format!("ice-run-{}", SystemIds.uuid()));
    let link = Link::Remote(Remote::of(folder));
    for _ in 0..3 {
        worker::ensure(folder, Duration::from_secs(10)).await?;
        let run = match started(&link, &start, pictures).await {
            Ok(Response::Started { run }) => run,
            Ok(_) => break,
            Err(LinkError::Gone) => continue,
            Err(LinkError::Fault(fault)) => return Err(fault),
        };
        if shell.screen.json {
            if let Ok(document) = link.show(run).await {
                shell.screen.document(&document)?;
            }
        } else {
            shell.screen.line(run)?;
        }
        return Ok(Exit::Succeeded);
    }
    Err(Fault::new(
        ErrorCode::ControlUnavailable,
        "no owner of the data folder stays long enough to start a run",
    )
    .help("run `ice worker` in another terminal and try again"))
}
