//! `ice doctor`: what this machine can enforce on commands in cages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use ice_orchestrator::process::CommandTool;
use ice_sandbox::{Absent, Capabilities, Layer, Profile, SEARCH_PATH, Stage, Verdict};
use serde::Serialize;

use super::seal::told;
use crate::cage;
use crate::data::DataFolder;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::manifests;
use crate::render::{cage as report, table, text};
use crate::screen::{BOLD, CYAN, DIM, GREEN, RED, Screen, YELLOW, styled};
use crate::shell::Shell;

/// Makes a cage, looks at it from within, and tells layer by layer what this machine can enforce: 0 every layer holds
/// that is not optional, 125 one is missing or no cage can be made.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// What was found.
#[derive(Debug, Serialize)]
struct Diagnosis {
    /// Whether every layer holds.
    complete: bool,
    /// Whether every layer holds that a cage does not do without by itself.
    capable: bool,
    #[serde(flatten)]
    capabilities: Capabilities,
    /// What to do about each layer that is missing.
    hints: BTreeMap<Layer, &'static str>,
    kernel: String,
    /// Whether the data folder is sealed, in words.
    data: String,
    interpreters: Vec<Interpreter>,
    tools: Commands,
}

/// The tools that are commands.
#[derive(Debug, Serialize)]
struct Commands {
    /// How many there are.
    count: usize,
    /// Those whose program cannot be found or that no cage can be made for, and the manifests that cannot be read.
    faulty: Vec<Faulty>,
}

/// A tool that cannot be run as its manifest is.
#[derive(Debug, Serialize)]
struct Faulty {
    /// The file of the manifest.
    file: String,
    /// Its name, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// What is wrong with it.
    why: String,
}

/// A program that others are written for.
#[derive(Debug, Serialize)]
struct Interpreter {
    name: &'static str,
    profile: Profile,
    /// What it says of its version, if it runs in a cage.
    version: Option<String>,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The interpreters that profiles are for, as each is called.
const INTERPRETERS: [(&str, Profile); 3] =
    [("python3", Profile::Python), ("node", Profile::Node), ("java", Profile::Jvm)];

impl Doctor {
    /// Carries it out.
    #[expect(clippy::unused_self, reason = "every command is carried out so")]
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let diagnosis = shell.block_on(diagnose(shell))?;
        if shell.screen.json {
            shell.screen.document(&diagnosis)?;
        } else {
            diagnosis.tell(&shell.screen)?;
        }
        Ok(if diagnosis.capable { Exit::Succeeded } else { Exit::NoCage })
    }
}

async fn diagnose(shell: &Shell) -> Result<Diagnosis, Fault> {
    let mut capabilities = cage::probe().await?;
    capabilities.missing.sort_by_key(|absent| absent.layer);
    let missing: BTreeSet<Layer> = capabilities.missing.iter().map(|absent| absent.layer).collect();
    let look = INTERPRETERS.map(|(name, profile)| look_for(shell, name, profile, &missing));
    Ok(Diagnosis {
        complete: Layer::ALL.iter().all(|layer| capabilities.layers.contains(layer)),
        capable: missing.iter().all(|layer| layer.is_optional()),
        hints: missing.iter().map(|layer| (*layer, layer.hint())).collect(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        data: data(shell).await,
        interpreters: futures::future::try_join_all(look).await?,
        tools: commands(shell)?,
        capabilities,
    })
}

/// Whether the data folder is sealed, or why it is not known.
async fn data(shell: &Shell) -> String {
    let told = async { told(&DataFolder::of(shell)?).await };
    told.await.map_or_else(|fault: Fault| fault.message, |told| told.sentence())
}

/// Looks for the programs of manifests, and whether cages can be given what they ask for, without running them: what they
/// would do is not known.
fn commands(shell: &Shell) -> Result<Commands, Fault> {
    let found = shell.toolbox.manifests()?;
    let absent = found.installed.iter().filter_map(|one| {
        let why = manifests::missing(&one.manifest, &shell.environment)
            .or_else(|| CommandTool::new(one.manifest.clone()).check().err())?;
        Some(Faulty { file: one.file.display().to_string(), tool: Some(one.manifest.name.clone()), why })
    });
    let broken = found.broken.iter().map(|one| {
        let errors = one.diagnostics.errors().count() as u64;
        let why =
            format!("it is not a valid manifest: {}, see `ice tools list`", text::count(errors, "error"));
        Faulty { file: one.diagnostics.source().unwrap_or_default().to_owned(), tool: None, why }
    });
    let count = found.installed.len() + found.broken.len();
    Ok(Commands { count, faulty: absent.chain(broken).collect() })
}

/// Runs an interpreter in a cage as a tool would: that it lies somewhere does not say that it can be run there.
async fn look_for(
    shell: &Shell,
    name: &'static str,
    profile: Profile,
    missing: &BTreeSet<Layer>,
) -> Result<Interpreter, Fault> {
    let (said, verdict) = cage::version(name, profile, missing).await?;
    let first = said.lines().next().unwrap_or_default().trim().to_owned();
    let (version, why) = match verdict {
        Verdict::Ok => (Some(first), None),
        Verdict::SetupFailed { failure } if failure.stage == Stage::Exec => {
            (None, Some(shell.environment.find(name).map_or_else(|| "not found".to_owned(), elsewhere)))
        }
        other @ (Verdict::ExitCode { .. }
        | Verdict::Signal { .. }
        | Verdict::WallTimeout
        | Verdict::IdleTimeout
        | Verdict::CpuLimit
        | Verdict::MemoryLimit
        | Verdict::ProcessLimit
        | Verdict::OutputLimit
        | Verdict::FileSize
        | Verdict::Denied
        | Verdict::Cancelled
        | Verdict::Lost
        | Verdict::SetupFailed { .. }) => (None, Some(report::words(&other, &profile.limits()))),
    };
    Ok(Interpreter { name, profile, version, why })
}

fn elsewhere(path: PathBuf) -> String {
    let folder = path.parent().unwrap_or(Path::new("/"));
    format!(
        "not found in {SEARCH_PATH}; the one in {} is not in a cage unless it is granted",
        folder.display()
    )
}

impl Diagnosis {
    fn tell(&self, screen: &Screen) -> Result<(), Fault> {
        let held = &self.capabilities.layers;
        let rows = Layer::ALL.map(|layer| {
            let holds = if held.contains(&layer) { styled(GREEN, "yes") } else { styled(RED, "no") };
            [layer.to_string(), holds, about(layer).to_owned()]
        });
        screen.line(table::plain(screen, ["LAYER", "HOLDS", "WHAT IT DOES"], rows))?;
        screen.line("")?;
        // What helps against several is said once, behind the last of them.
        let mut missing = self.capabilities.missing.iter().peekable();
        while let Some(Absent { layer, why }) = missing.next() {
            screen.line(format_args!("{} {}: {why}", styled(RED, "missing:"), styled(BOLD, layer)))?;
            if missing.peek().is_none_or(|next| next.layer.hint() != layer.hint()) {
                screen.line(format_args!("  {} {}", styled(CYAN, "help:"), layer.hint()))?;
            }
        }
        let Capabilities { landlock_abi, launcher, .. } = &self.capabilities;
        let landlock = if *landlock_abi > 0 { format!("ABI {landlock_abi}") } else { "none".to_owned() };
        let launcher = if launcher == "/proc/self/exe" { "this program itself" } else { launcher };
        if !self.capabilities.missing.is_empty() {
            screen.line("")?;
        }
        for (what, found) in [
            ("kernel", self.kernel.as_str()),
            ("landlock", &landlock),
            ("launcher", launcher),
            ("data folder", &self.data),
        ] {
            screen.line(format_args!(" {what:<17}  {found}"))?;
        }
        for Interpreter { name, version, why, profile: _ } in &self.interpreters {
            let found = version.clone().unwrap_or_else(|| {
                let why = why.as_deref().unwrap_or_default();
                format!("{} {}", styled(YELLOW, why), styled(DIM, "(matters only to tools that need it)"))
            });
            screen.line(format_args!(" {name:<17}  {found}"))?;
        }
        self.tell_tools(screen)?;
        let missing: Vec<Layer> = self.capabilities.missing.iter().map(|absent| absent.layer).collect();
        let needed = missing.iter().filter(|layer| !layer.is_optional()).count();
        screen.line("")?;
        screen.line(match (missing.is_empty(), needed) {
            (true, _) => styled(GREEN, "every layer holds"),
            (false, 0) => styled(GREEN, "every layer holds that a cage does not do without"),
            (false, needed) => format!(
                "{}: commands run only without them by name, `ice sandbox run --waive LAYER`",
                styled(RED, format_args!("missing {}", text::count(needed as u64, "layer")))
            ),
        })
    }

    fn tell_tools(&self, screen: &Screen) -> Result<(), Fault> {
        let Commands { count, faulty } = &self.tools;
        if *count == 0 {
            return Ok(());
        }
        let good = (*count).saturating_sub(faulty.len()) as u64;
        screen.line(format_args!(" {:<17}  {} in order", "tools", text::count(good, "command")))?;
        for Faulty { file, tool, why } in faulty {
            let name = tool.as_ref().map_or_else(String::new, |tool| format!("{tool}: "));
            screen.line(format_args!(
                " {:<17}  {} {}",
                "",
                styled(YELLOW, format_args!("{name}{why}")),
                styled(DIM, format_args!("({file})"))
            ))?;
        }
        Ok(())
    }
}

/// What a layer does, in a few words.
const fn about(layer: Layer) -> &'static str {
    match layer {
        Layer::UserNamespace => "no power over anything outside",
        Layer::PidNamespace => "sees no other process, and ends with all of its own",
        Layer::MountNamespace => "mounts of its own",
        Layer::NetNamespace => "no network",
        Layer::IpcNamespace => "no shared memory or queues with others",
        Layer::UtsNamespace => "a host name of its own",
        Layer::CgroupNamespace => "sees no other control groups",
        Layer::Root => "sees no files but those granted",
        Layer::ResourceLimits => "bounds on memory, CPU time, files and processes",
        Layer::NoNewPrivileges => "gains no privileges by running a program",
        Layer::Landlock => "a second lock on files, and on signals and sockets",
        Layer::Seccomp => "no system calls that a tool has no business with",
        Layer::ControlGroups => "exact bounds on memory and processes of a whole run",
    }
}
