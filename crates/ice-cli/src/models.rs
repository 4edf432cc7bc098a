//! The providers of models: those that come along, those of the user's file, and where their keys are.

use std::path::PathBuf;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::LlmProvider;
#[cfg(feature = "llm-local")]
use ice_integrations::llm::LocalModel;
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Configuration, Vendor};
use ice_integrations::secrets::{SecretSource, SystemSecrets};
use secrecy::ExposeSecret;

use crate::environment::Environment;
use crate::exit::Exit;
use crate::fault::{Fault, plain};
use crate::redaction::is_secret;

/// The providers and what they need.
#[derive(Debug)]
pub(crate) struct Models {
    configuration: Configuration,
    secrets: Arc<dyn SecretSource>,
    prices: Arc<PriceTable>,
}

impl Models {
    /// Reads the files, if there are any. Connects to nothing, and looks for no key.
    ///
    /// # Errors
    /// [`Fault`] if a file that was named cannot be read, or a file has something wrong in it.
    pub(crate) fn read(environment: &Environment) -> Result<Self, Fault> {
        let mut configuration = Configuration::usual();
        if let Some((text, label)) =
            text(environment, environment.models.as_ref(), "ICE_MODELS", "models.toml")?
        {
            configuration = configuration.with_file(&text, &label).map_err(|error| wrong(&error))?;
        }
        let mut prices = PriceTable::built_in();
        if let Some((text, label)) =
            text(environment, environment.prices.as_ref(), "ICE_PRICES", "prices.toml")?
        {
            prices = prices.overlay(PriceTable::read(&text, &label).map_err(|error| wrong(&error))?);
        }
        let secrets = Arc::new(SystemSecrets::with_dotenv(".env"));
        Ok(Self { configuration, secrets, prices: Arc::new(prices) })
    }

    /// The providers as runs use them.
    pub(crate) fn guarded(&self) -> impl Iterator<Item = Arc<dyn LlmProvider>> {
        self.configuration.guarded(&self.secrets, &self.prices)
    }

    /// The providers with nothing around them, to look at one by one: servers, then models of this process.
    pub(crate) fn known(&self) -> impl Iterator<Item = Known> {
        let servers = self.configuration.vendors(&self.secrets, &self.prices).map(Known::Server);
        #[cfg(feature = "llm-local")]
        let servers = servers.chain(self.configuration.local().map(Known::Local));
        servers
    }

    /// The keys that can be had now, but for words that stand in the place of one.
    pub(crate) fn keys(&self) -> Vec<String> {
        let references = self.configuration.providers().filter_map(|(_, settings)| settings.api_key.as_ref());
        let keys = references.filter_map(|reference| self.secrets.secret(reference).ok());
        keys.map(|key| key.expose_secret().to_owned()).filter(|key| is_secret(key)).collect()
    }

    /// What models cost.
    pub(crate) fn prices(&self) -> &PriceTable {
        &self.prices
    }
}

/// A provider with nothing around it.
#[derive(Debug)]
pub(crate) enum Known {
    /// A server.
    Server(Vendor),
    /// A model of this process.
    #[cfg(feature = "llm-local")]
    Local(LocalModel),
}

impl Known {
    /// It, as whatever asks models knows it.
    pub(crate) fn provider(&self) -> &dyn LlmProvider {
        match self {
            Self::Server(vendor) => vendor,
            #[cfg(feature = "llm-local")]
            Self::Local(model) => model,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.provider().name()
    }
}

/// The text of a file that is named, or of the user's configuration, with what it is called; nothing if there is none.
pub(crate) fn text(
    environment: &Environment,
    named: Option<&PathBuf>,
    variable: &str,
    file: &str,
) -> Result<Option<(String, String)>, Fault> {
    let path = match named {
        Some(path) => path.clone(),
        None => match environment.configuration() {
            Some(folder) => folder.join(file),
            None => return Ok(None),
        },
    };
    let label = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((text, label))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let who = if named.is_some() { format!("{variable} names {label}, which") } else { label };
            Err(Fault::usage(format!("{who} cannot be read: {}", plain(&error))))
        }
    }
}

fn wrong(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(ErrorCode::ManifestInvalid, error.to_string()).exit(Exit::Usage)
}
