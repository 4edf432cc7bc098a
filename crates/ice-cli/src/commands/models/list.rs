//! Which providers there are, and what is known of their models.

use ice_core::llm::Price;
use ice_core::registry::near_names;
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::models::{Known, Models};
use crate::render::table;
use crate::shell::Shell;

/// A provider as a document.
#[derive(Serialize)]
struct Provider {
    name: String,
    protocol: &'static str,
    address: String,
    /// Where its key is kept; absent if it is sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Whether the key is there.
    key_found: bool,
}

/// A model as a document.
#[derive(Serialize)]
struct Model {
    provider: String,
    model: String,
    #[serde(flatten)]
    price: Price,
    context: u64,
    max_output: u64,
    as_of: String,
    source: String,
}

/// The provider of a name.
pub(super) fn provider(models: &Models, name: &str) -> Result<Known, Fault> {
    models.known().find(|known| known.name() == name).ok_or_else(|| {
        let names: Vec<String> = models.known().map(|known| known.name().to_owned()).collect();
        let near = near_names(name, names.iter().map(String::as_str));
        let near = near.first().map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Fault::usage(format!("there is no provider `{name}`"))
            .help(format!("{near}`ice models list` lists them"))
    })
}

pub(super) fn providers(shell: &Shell) -> Result<(), Fault> {
    let models = Models::read(&shell.environment)?;
    let providers = models.known().map(|known| match &known {
        Known::Server(vendor) => {
            let settings = vendor.settings();
            Provider {
                name: known.name().to_owned(),
                protocol: settings.protocol.as_str(),
                address: settings.address(),
                key: settings.api_key.as_ref().map(ToString::to_string),
                key_found: vendor.check_key().is_ok(),
            }
        }
        #[cfg(feature = "llm-local")]
        Known::Local(model) => Provider {
            name: known.name().to_owned(),
            protocol: "gguf",
            address: model.settings().path.display().to_string(),
            key: None,
            key_found: true,
        },
    });
    let providers: Vec<Provider> = providers.collect();
    if shell.screen.json {
        return shell.screen.document(&providers);
    }
    let rows = providers.into_iter().map(|provider| {
        let key = match (provider.key, provider.key_found) {
            (None, _) => "not needed".to_owned(),
            (Some(key), true) => key,
            (Some(key), false) => format!("{key}, not set"),
        };
        [provider.name, provider.protocol.to_owned(), provider.address, key]
    });
    shell.screen.line(table::plain(&shell.screen, ["NAME", "PROTOCOL", "ADDRESS", "KEY"], rows))?;
    shell.screen.note("`echo` and `scripted` are there as well: they need no server and no key");
    Ok(())
}

pub(super) fn models(shell: &Shell, name: &str) -> Result<(), Fault> {
    let models = Models::read(&shell.environment)?;
    let whose = match provider(&models, name)? {
        Known::Server(vendor) => [name, vendor.settings().protocol.vendor()],
        #[cfg(feature = "llm-local")]
        Known::Local(_) => [name, name],
    };
    let known = models.prices().entries().filter(|entry| whose.contains(&entry.provider.as_str()));
    let known = known.flat_map(|entry| {
        entry.models.iter().map(|pattern| Model {
            provider: name.to_owned(),
            model: pattern.to_string(),
            price: entry.price.clone(),
            context: entry.context,
            max_output: entry.max_output,
            as_of: entry.as_of.to_string(),
            source: entry.source.clone(),
        })
    });
    let known: Vec<Model> = known.collect();
    if shell.screen.json {
        return shell.screen.document(&known);
    }
    if known.is_empty() {
        shell.screen.note(format_args!(
            "nothing is known of the models of `{name}`; `ice models ping {name}` asks which it has"
        ));
        return Ok(());
    }
    let rows = known.into_iter().map(|model| {
        let Price { input, output, cached, .. } = model.price;
        let cached = cached.map(|price| price.to_string()).unwrap_or_default();
        [model.model, input.to_string(), output.to_string(), cached, model.context.to_string(), model.as_of]
    });
    let heads = ["MODEL", "INPUT $/M", "OUTPUT $/M", "CACHED $/M", "CONTEXT", "AS OF"];
    shell.screen.line(table::plain(&shell.screen, heads, rows))?;
    shell.screen.note("prices change: `prices.toml` in ice's configuration folder stands before these");
    Ok(())
}

/// A provider and a model from `PROVIDER/MODEL`. Names of models may have slashes of their own.
pub(crate) fn split(text: &str) -> Result<(&str, &str), Fault> {
    let parts = text.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
    parts.ok_or_else(|| {
        Fault::usage(format!("`{text}` names no model"))
            .help("write PROVIDER/MODEL, for example ollama/llama3.2; `ice models list` lists the providers")
            .exit(Exit::Usage)
    })
}
