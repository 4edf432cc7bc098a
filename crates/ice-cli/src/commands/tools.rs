//! `ice tools`: the tools that blueprints can call.

use clap::{Args, Subcommand};
use ice_core::error::ErrorCode;
use ice_core::registry::near_names;
use ice_core::tools::ToolSpec;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::table;
use crate::screen::{BOLD, DIM, styled};
use crate::shell::Shell;

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
}

impl Tools {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let registry = shell.toolbox.registry()?;
        let screen = &shell.screen;
        match &self.what {
            What::List => {
                let specs: Vec<&ToolSpec> = registry.tools.list().map(|tool| tool.spec()).collect();
                if screen.json {
                    screen.document(&specs)?;
                } else {
                    let rows = specs.iter().map(|spec| {
                        let first = spec.description.split_inclusive(". ").next().unwrap_or_default();
                        [spec.name.clone(), spec.version.to_string(), effect(spec), first.trim().to_owned()]
                    });
                    screen.line(table::plain(screen, ["NAME", "VERSION", "EFFECT", "WHAT IT DOES"], rows))?;
                }
            }
            What::Show { name } => {
                let Some(tool) = registry.tools.get(name, None) else {
                    let near = near_names(name, registry.tools.list().map(|tool| tool.spec().name.as_str()));
                    let near = near.first().map(|near| format!("did you mean `{near}`? "));
                    return Err(Fault::new(ErrorCode::UnknownTool, format!("there is no tool `{name}`"))
                        .exit(Exit::Usage)
                        .help(format!("{}`ice tools list` lists them", near.unwrap_or_default())));
                };
                let spec = tool.spec();
                if screen.json {
                    screen.document(spec)?;
                } else {
                    screen.line(format_args!(
                        "{} {}\n{}\n",
                        styled(BOLD, &spec.name),
                        styled(DIM, format_args!("{}, {}", spec.version, effect(spec))),
                        spec.description
                    ))?;
                    for (what, schema) in [("input", &spec.input_schema), ("output", &spec.output_schema)] {
                        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
                        screen.line(format_args!("{} {text}", styled(BOLD, what)))?;
                    }
                }
            }
        }
        Ok(Exit::Succeeded)
    }
}

fn effect(spec: &ToolSpec) -> String {
    serde_json::to_value(spec.effect)
        .ok()
        .and_then(|effect| effect.as_str().map(str::to_owned))
        .unwrap_or_default()
}
