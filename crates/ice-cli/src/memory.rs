//! How memory is set up: the user's file `memory.toml`, if there is one, read when memory is first needed.

mod redis;

use std::sync::Arc;

use async_trait::async_trait;
use ice_core::embedding::{Dimension, Embedder};
use ice_core::id::Tenant;
use ice_core::memory::{Memory, MemoryConfig, MemoryError, MemoryOptions, UnifiedMemoryConfig};
use ice_core::process::SecretRef;
use ice_core::registry::near_names;
use ice_core::value::Value;
use ice_integrations::embed::http::{HttpEmbedder, Settings};
use ice_integrations::secrets::{SecretSource, SystemSecrets};
use ice_orchestrator::engine::{MemoryPlace, MemorySource, open_memory};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use self::redis::Server;

use crate::environment::Environment;
use crate::models;

/// The variable with the key of OpenAI's server.
const OPENAI_KEY: &str = "OPENAI_API_KEY";
/// The longest file.
const MAX_BYTES: usize = 1 << 20;

/// Memory as the file says; without one, in the data folder.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    environment: Environment,
    /// Whether the data folder is sealed.
    is_sealed: bool,
    /// The server in which memory is kept, once it was needed.
    place: OnceCell<MemoryPlace>,
}

impl MemoryFile {
    /// The file that `ICE_MEMORY` names, or that lies beside `models.toml`.
    pub(crate) fn of(environment: &Environment) -> Self {
        Self { environment: environment.clone(), is_sealed: false, place: OnceCell::new() }
    }

    /// The same for a data folder that is sealed: memory that would be kept elsewhere in clear is refused.
    pub(crate) fn beside_sealed(mut self) -> Self {
        self.is_sealed = true;
        self
    }

    fn read(&self) -> Result<(UnifiedMemoryConfig, Option<Server>), MemoryError> {
        let named = self.environment.memory.as_ref();
        let found = models::text(&self.environment, named, "ICE_MEMORY", "memory.toml");
        let found = found.map_err(|fault| invalid("the file of memory", fault.message))?;
        let Some((text, label)) = found else { return Ok((UnifiedMemoryConfig::default(), None)) };
        let (config, server) = parse(&text, &label)?;
        if self.is_sealed && server.is_some() {
            let problem = "the data folder is sealed, and memory in Redis is not: whoever reaches the server would read it; write \
                           `backend = \"embedded\"` for each kind, or use a data folder in clear";
            return Err(invalid(format!("{label}: `backend = \"redis\"`"), problem));
        }
        Ok((config, server))
    }

    /// Whether a server keeps it. Of a file that cannot be read this is not said: whoever opens the memory says what is wrong.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self.read(), Ok((_, Some(_))))
    }

    /// The secrets that the file names, as far as they can be read; what is wrong is told of where memory is needed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let password = self.read().ok().and_then(|(_, server)| server?.password);
        let secret = password.and_then(|at| SystemSecrets::with_dotenv(".env").secret(&at).ok());
        secret.into_iter().map(|secret| secret.expose_secret().trim().to_owned()).collect()
    }

    /// Where a server keeps it.
    async fn place(&self, server: &Server) -> Result<&MemoryPlace, MemoryError> {
        self.place.get_or_try_init(|| server.open()).await
    }
}

#[async_trait]
impl MemorySource for MemoryFile {
    async fn open(&self, tenant: &Tenant, options: MemoryOptions) -> Result<Memory, MemoryError> {
        let (config, server) = self.read()?;
        let options = match server {
            Some(server) => {
                let MemoryPlace { store, blobs } = self.place(&server).await?.clone();
                options.stores(store, blobs)
            }
            None => options,
        };
        let embedder = match config.embeds()? {
            Some(of) if of.embedding_provider != "hash" => Some(embedder(of)?),
            Some(_) | None => None,
        };
        match embedder {
            Some(embedder) => open_memory(config, options, Some(embedder)).await,
            None => config.open(tenant, options).await,
        }
    }

    async fn places(&self) -> Result<Vec<MemoryPlace>, MemoryError> {
        match self.read()?.1 {
            Some(server) => Ok(vec![self.place(&server).await?.clone()]),
            None => Ok(Vec::new()),
        }
    }
}

/// The embedder of a server that the file names.
fn embedder(config: &MemoryConfig) -> Result<Arc<dyn Embedder>, MemoryError> {
    let MemoryConfig { embedding_provider: provider, embedding_model: model, connection_params, .. } = config;
    let dimension = usize::try_from(config.embedding_dim).unwrap_or(usize::MAX);
    let dimension =
        Dimension::new(dimension).map_err(|error| invalid("`embedding_dim`", error.to_string()))?;
    let settings = |usual: &str| {
        let url = connection_params.get("base_url").and_then(Value::as_str).unwrap_or(usual);
        Settings::new(provider.as_str(), url, model.as_str(), dimension)
    };
    let made = match provider.as_str() {
        "openai" => {
            let mut settings = settings("https://api.openai.com/v1").asking_for_dimension();
            // A server without keys may be meant; one that wants a key says so when it is asked.
            if let Ok(key) =
                SystemSecrets::with_dotenv(".env").secret(&SecretRef::new(format!("env:{OPENAI_KEY}")))
            {
                settings = settings.key(key);
            }
            HttpEmbedder::openai(settings)
        }
        "ollama" => HttpEmbedder::ollama(settings("http://127.0.0.1:11434")),
        other => {
            let problem = format!("it is `{other}`; this program knows `hash`, `openai` and `ollama`");
            return Err(invalid("`embedding_provider`", problem));
        }
    };
    Ok(Arc::new(made.map_err(|error| invalid("the embedder of memory", error.to_string()))?))
}

fn invalid(what: impl Into<String>, problem: impl Into<String>) -> MemoryError {
    MemoryError::Invalid { what: what.into(), problem: problem.into() }
}

/// Reads and checks what a file says.
fn parse(text: &str, label: &str) -> Result<(UnifiedMemoryConfig, Option<Server>), MemoryError> {
    if text.len() > MAX_BYTES {
        return Err(invalid(label, format!("it has more than {MAX_BYTES} bytes")));
    }
    let config: UnifiedMemoryConfig = toml::from_str(text).map_err(|error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        invalid(format!("{label}:{line}:{column}"), advised(error.message()))
    })?;
    let server = Server::of(&config, label)?;
    Ok((config, server))
}

/// What the reader says, and which known name an unknown one may have meant.
pub(crate) fn advised(said: &str) -> String {
    let names: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let nearest = match names.split_first() {
        Some((unknown, known)) if said.starts_with("unknown") => near_names(unknown, known.iter().copied()),
        Some(_) | None => Vec::new(),
    };
    match nearest.first() {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_wrong_in_it_is_told_with_its_place() {
        let (config, _) = parse("[working]\nttl_seconds = 60\n[budgets.kb]\nentries = 10\n", "m").unwrap();
        assert_eq!(config.working.ttl_seconds, Some(60));
        assert_eq!(config.budgets.len(), 1);
        let said = |text: &str| parse(text, "m").unwrap_err().to_string();
        let wrong = said("[episodic]\nttl_second = 60\n");
        assert!(wrong.contains("m:2:1 ") && wrong.contains("did you mean `ttl_seconds`?"), "{wrong}");
        let wrong = said("[semantic]\nbackend = \"redis\"\n");
        assert!(wrong.contains("all kinds are kept together"), "{wrong}");
        assert!(said("[semantic]\nguarantee = \"durabel\"\n").contains("did you mean `durable`?"));
        let (config, _) =
            parse("enable_vector_search = true\n[semantic]\nembedding_provider = \"acme\"\n", "m").unwrap();
        let wrong = embedder(&config.semantic).unwrap_err().to_string();
        assert!(wrong.contains("this program knows `hash`, `openai` and `ollama`"), "{wrong}");
        assert!(embedder(&config.episodic).is_ok());
        assert!(said("\n[semantic\n").contains("m:2:"), "{}", said("\n[semantic\n"));
    }
}
