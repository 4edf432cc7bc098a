//! `ice tools`: the tools that blueprints can call.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ice_core::error::ErrorCode;
use ice_core::process::{Home, Isolation};
use ice_core::quantity::{write_bytes, write_millis};
use ice_core::registry::near_names;
use ice_core::tools::ToolSpec;
use ice_orchestrator::process::{ManifestGrants, ToolManifest};
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::manifests::Installed;
use crate::render::{table, text};
use crate::screen::{BOLD, DIM, Screen, styled};
use crate::servers::{self, LeftOut, LockedOut};
use crate::shell::Shell;
use crate::toolbox::Source;

/// Lists and shows tools.
#[derive(Debug, Args)]
pub(crate) struct Tools {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the tools
    List,
    /// Show what a tool takes, gives and does
    Show {
        /// The tool
        name: String,
    },
    /// Log in with an MCP server whose manifest has `oauth`, and keep what it allows
    Login {
        /// The server
        server: String,
        /// Open the address with `xdg-open` too
        #[arg(long)]
        open: bool,
    },
    /// Forget a login with an MCP server
    Logout {
        /// The server
        server: String,
    },
}

/// A tool as a document.
#[derive(Serialize)]
struct Document<'t> {
    #[serde(flatten)]
    spec: &'t ToolSpec,
    /// The file of its manifest, or `built-in`.
    from: String,
    /// Where its calls are carried out if the run does not say otherwise: `in_process`, `process`, `mcp`.
    home: Home,
    /// What its manifest says, with absolute paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'t ToolManifest>,
}

impl Tools {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        match &self.what {
            What::List => list(shell)?,
            What::Show { name } => show(shell, name)?,
            What::Login { server, open } => {
                return servers::login(shell, &shell.toolbox.server(server)?.manifest, *open);
            }
            What::Logout { server } => logout(shell, server)?,
        }
        Ok(Exit::Succeeded)
    }
}

fn list(shell: &Shell) -> Result<(), Fault> {
    let screen = &shell.screen;
    let mut tools = Vec::new();
    let (registry, locked_out) = shell.toolbox.to_be_had()?;
    for tool in registry.tools.list() {
        let spec = tool.spec();
        let home = tool.home(Isolation::Process);
        tools.push(Document { spec, from: from(shell.toolbox.source(spec)?), home, manifest: None });
    }
    for LockedOut { server, .. } in locked_out {
        screen
            .note(format_args!("needs a login: the MCP server `{server}`, with `ice tools login {server}`"));
    }
    for LeftOut { server, tool, why } in shell.toolbox.left_out()? {
        screen.note(format_args!(
            "left out: `{}` of the MCP server `{server}`: {}",
            text::visible(tool),
            text::visible(why)
        ));
    }
    if screen.json {
        return screen.document(&tools);
    }
    let rows = tools.into_iter().map(|Document { spec, from, home, .. }| {
        let first = spec.description.split_inclusive(". ").next().unwrap_or_default();
        let first = text::visible(first.lines().next().unwrap_or_default()).trim().to_owned();
        [spec.name.clone(), spec.version.to_string(), effect(spec), name(&home), from, first]
    });
    screen.line(table::plain(screen, ["NAME", "VERSION", "EFFECT", "HOME", "FROM", "WHAT IT DOES"], rows))
}

fn logout(shell: &Shell, server: &str) -> Result<(), Fault> {
    let was_kept = servers::forget(shell, server)?;
    if !was_kept {
        // Nothing to forget is well and good, if it is no slip of the pen.
        shell.toolbox.server(server)?;
    }
    let screen = &shell.screen;
    if screen.json {
        return screen.document(&serde_json::json!({"server": server, "was_kept": was_kept}));
    }
    let said = if was_kept { "the login is forgotten" } else { "there is no login to forget" };
    screen.line(format_args!("`{server}`: {said}"))
}

fn show(shell: &Shell, name: &str) -> Result<(), Fault> {
    let (registry, screen) = (shell.toolbox.registry()?, &shell.screen);
    let Some(tool) = registry.tools.get(name, None) else {
        let near = near_names(name, registry.tools.list().map(|tool| tool.spec().name.as_str()));
        let near = near.first().map(|near| format!("did you mean `{near}`? "));
        return Err(Fault::new(ErrorCode::UnknownTool, format!("there is no tool `{name}`"))
            .exit(Exit::Usage)
            .help(format!("{}`ice tools list` lists them", near.unwrap_or_default())));
    };
    let spec = tool.spec();
    let source = shell.toolbox.source(spec)?;
    if screen.json {
        let manifest = match source {
            Source::Command(installed) => Some(&installed.manifest),
            Source::BuiltIn | Source::Server(_) => None,
        };
        let home = tool.home(Isolation::Process);
        return screen.document(&Document { spec, from: from(source), home, manifest });
    }
    screen.line(format_args!(
        "{} {}\n{}\n",
        styled(BOLD, &spec.name),
        styled(DIM, format_args!("{}, {}", spec.version, effect(spec))),
        text::visible(&spec.description)
    ))?;
    let file = |file: &std::path::Path| {
        screen.line(format_args!("{} {}", styled(BOLD, format_args!("{:<12}", "from")), file.display()))
    };
    match source {
        Source::BuiltIn => {}
        Source::Command(Installed { file: path, manifest }) => {
            file(path)?;
            facts(screen, manifest)?;
            screen.line("")?;
        }
        Source::Server(one) => {
            file(&one.file)?;
            screen.line(format_args!(
                "{} {}",
                styled(BOLD, format_args!("{:<12}", "MCP server")),
                one.name()
            ))?;
            screen.line("")?;
        }
    }
    for (what, schema) in [("input", &spec.input_schema), ("output", &spec.output_schema)] {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        screen.line(format_args!("{} {text}", styled(BOLD, what)))?;
    }
    Ok(())
}

/// What of a manifest is not in the spec, line by line.
fn facts(screen: &Screen, manifest: &ToolManifest) -> Result<(), Fault> {
    let ToolManifest { command, profile, capabilities, grants, environment, secrets, limits, .. } = manifest;
    let ManifestGrants { read, write, execute, hosts } = grants;
    let paths = |paths: &[PathBuf]| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let millis =
        |name: &str, limit: Option<u64>| limit.map(|limit| format!("{name} {}", write_millis(limit)));
    let bytes = |name: &str, limit: Option<u64>| limit.map(|limit| format!("{name} {}", write_bytes(limit)));
    let whole = |name: &str, limit: Option<u64>| limit.map(|limit| format!("{name} {limit}"));
    let limits = [
        millis("wall", limits.wall_ms),
        millis("idle", limits.idle_ms),
        millis("cpu", limits.cpu_ms),
        bytes("memory", limits.memory_bytes),
        whole("processes", limits.processes),
        whole("open_files", limits.open_files),
        bytes("file", limits.file_bytes),
        bytes("workspace", limits.workspace_bytes),
        bytes("output", limits.output_bytes),
    ];
    let names: Vec<String> = capabilities.iter().map(name).collect();
    let facts = [
        ("command", command.join(" ")),
        ("profile", name(profile)),
        ("reads", paths(read)),
        ("writes", paths(write)),
        ("runs", paths(execute)),
        ("connects to", hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("of the run", names.join(", ")),
        (
            "environment",
            environment.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
        ),
        ("secrets", secrets.keys().cloned().collect::<Vec<_>>().join(", ")),
        ("limits", limits.into_iter().flatten().collect::<Vec<_>>().join(", ")),
    ];
    for (what, fact) in facts.into_iter().filter(|(_, fact)| !fact.is_empty()) {
        let fact = text::visible(&fact);
        screen.line(format_args!("{} {fact}", styled(BOLD, format_args!("{what:<12}"))))?;
    }
    Ok(())
}

fn from(source: Source<'_>) -> String {
    match source {
        Source::BuiltIn => "built-in".to_owned(),
        Source::Command(installed) => installed.file.display().to_string(),
        Source::Server(one) => one.file.display().to_string(),
    }
}

fn effect(spec: &ToolSpec) -> String {
    name(&spec.effect)
}

/// The name of a choice, as files have it.
fn name(choice: &impl Serialize) -> String {
    let written = serde_json::to_value(choice).ok();
    written.and_then(|written| written.as_str().map(str::to_owned)).unwrap_or_default()
}
