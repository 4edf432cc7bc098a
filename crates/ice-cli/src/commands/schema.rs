//! `ice schema`: the JSON Schemas of what ice reads and writes.

use clap::Args;
use ice_core::blueprint::Blueprint;
use ice_core::diagnostic::Diagnostics;
use ice_core::memory::{Entry, UnifiedMemoryConfig};
use ice_core::network::Network;
use ice_core::registry::{AgentDefinition, Catalog};
use ice_core::tools::{Grants, ToolSpec};
use ice_orchestrator::control::{Request, Response};
use ice_orchestrator::events::Event;
use ice_orchestrator::journal::{RunOptions, RunSummary};
use ice_orchestrator::process::ToolManifest;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::run::RunReport;
use crate::render::table;
use crate::shell::Shell;

/// Prints the JSON Schema of a document, or lists the documents.
#[derive(Debug, Args)]
pub(crate) struct PrintSchema {
    /// The document: `blueprint`, `run`, `event`, …
    name: Option<String>,
}

#[derive(Serialize)]
struct Document {
    name: &'static str,
    about: &'static str,
    #[serde(skip)]
    schema: fn(SchemaGenerator) -> Schema,
}

const fn document<T: JsonSchema>(name: &'static str, about: &'static str) -> Document {
    Document { name, about, schema: SchemaGenerator::into_root_schema_for::<T> }
}

const DOCUMENTS: &[Document] = &[
    document::<Blueprint>("blueprint", "a blueprint, in the present dialect"),
    document::<RunReport<'_>>("run", "a run, as `ice run --json` and `ice runs show --json` write it"),
    document::<Vec<RunSummary>>("runs", "the list that `ice runs list --json` writes"),
    document::<Event>("event", "one line of `ice runs events --json`"),
    document::<RunOptions>("run-options", "the options of a run"),
    document::<Grants>("grants", "what a run may touch"),
    document::<ToolSpec>("tool", "what a tool says of itself"),
    document::<ToolManifest>("tool-manifest", "a file that makes a tool of a command"),
    document::<Network>("network", "several workflows, with what each comes after and when"),
    document::<AgentDefinition>("agent", "an agent as data"),
    document::<Catalog>("catalog", "what there is to build blueprints from"),
    document::<Diagnostics>("diagnostics", "what is wrong with a blueprint"),
    document::<UnifiedMemoryConfig>("memory-config", "the file that says how memory is set up"),
    document::<Entry>("memory-entry", "an entry of memory, as `ice memory list --json` writes them"),
    document::<Request>("control-request", "a line to the control socket"),
    document::<Response>("control-response", "a line from the control socket"),
];

impl PrintSchema {
    /// Carries it out.
    pub(crate) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let screen = &shell.screen;
        let Some(name) = &self.name else {
            if screen.json {
                screen.document(&DOCUMENTS)?;
            } else {
                let rows = DOCUMENTS.iter().map(|one| [one.name.to_owned(), one.about.to_owned()]);
                screen.line(table::plain(screen, ["NAME", "WHAT IT IS"], rows))?;
            }
            return Ok(Exit::Succeeded);
        };
        let Some(document) = DOCUMENTS.iter().find(|document| document.name == name) else {
            let names = ice_core::registry::near_names(name, DOCUMENTS.iter().map(|document| document.name));
            let near = names.first().map(|near| format!("did you mean `{near}`? "));
            return Err(Fault::usage(format!("there is no schema `{name}`"))
                .help(format!("{}`ice schema` lists them", near.unwrap_or_default())));
        };
        let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        screen.document(&(document.schema)(generator))?;
        Ok(Exit::Succeeded)
    }
}
