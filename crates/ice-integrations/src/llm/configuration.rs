//! The providers of a machine: those that come along, changed and joined by those of a file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ice_core::llm::LlmProvider;
use ice_core::quantity::least;
use serde::Deserialize;
use toml::Spanned;

#[cfg(feature = "llm-local")]
use super::local::{LocalModel, LocalSettings};
use super::policy::{Guarded, Room};
use super::prices::PriceTable;
use super::settings::Limits;
use super::written::{Settings, Written};
use super::{Protocol, ProviderSettings, Vendor};
use crate::secrets::SecretSource;

/// The longest file.
const MAX_BYTES: usize = 1 << 20;

/// The providers of a machine, by their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    providers: BTreeMap<String, ProviderSettings>,
    #[cfg(feature = "llm-local")]
    local: BTreeMap<String, LocalSettings>,
}

/// A file of providers that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}:{line}:{column}: {message}")]
pub struct ConfigurationError {
    /// What the file is called.
    pub label: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there, and what to do.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    providers: BTreeMap<Spanned<String>, Written>,
}

impl Configuration {
    /// The providers that need no file: one for each protocol, under its name, at the server of its inventor. The key of each
    /// is looked for in the usual variables.
    #[must_use]
    pub fn usual() -> Self {
        let provider = |protocol: Protocol| (protocol.as_str().to_owned(), ProviderSettings::of(protocol));
        Self {
            providers: Protocol::ALL.into_iter().map(provider).collect(),
            #[cfg(feature = "llm-local")]
            local: BTreeMap::new(),
        }
    }

    /// These providers with those of a file, written in TOML: `[providers.NAME]` with `protocol`, `base_url`, `api_key`,
    /// `models` and `limits`. One that is named as another takes its place; one that is named as a protocol speaks it. With the
    /// protocol `gguf` it is a model in this process, with `path` and `at_once` in the place of `base_url` and `api_key`.
    ///
    /// # Errors
    /// [`ConfigurationError`] at the first thing that is wrong.
    pub fn with_file(mut self, text: &str, label: &str) -> Result<Self, ConfigurationError> {
        let wrong = |byte: usize, message: String| at(label, text, byte, message);
        if text.len() > MAX_BYTES {
            return Err(wrong(0, format!("the file has more than {MAX_BYTES} bytes")));
        }
        let file: File = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        for (name, written) in file.providers {
            let byte = name.span().start;
            let name = name.into_inner();
            let settings = written.settings(&name, byte, self.providers.get(&name));
            match settings.map_err(|(byte, message)| wrong(byte, message))? {
                Settings::Server(settings) => drop(self.providers.insert(name, settings)),
                #[cfg(feature = "llm-local")]
                Settings::Local(settings) => {
                    self.providers.remove(&name);
                    self.local.insert(name, settings);
                }
            }
        }
        Ok(self)
    }

    /// The names and settings of servers, sorted by name.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &ProviderSettings)> {
        self.providers.iter().map(|(name, settings)| (name.as_str(), settings))
    }

    /// The servers without anything around them, sorted by name.
    pub fn vendors(
        &self,
        secrets: &Arc<dyn SecretSource>,
        prices: &Arc<PriceTable>,
    ) -> impl Iterator<Item = Vendor> {
        self.providers.iter().map(|(name, settings)| {
            Vendor::new(name.as_str(), settings.clone(), Arc::clone(secrets), Arc::clone(prices))
        })
    }

    /// The models of this process without anything around them, sorted by name. Reads none of their files.
    #[cfg(feature = "llm-local")]
    pub fn local(&self) -> impl Iterator<Item = LocalModel> {
        self.local.iter().map(|(name, settings)| LocalModel::new(name.as_str(), settings.clone()))
    }

    /// The room that providers share which are asked with the same key: the least that one of them says.
    fn rooms(&self) -> HashMap<String, Room> {
        let mut limits: HashMap<String, Limits> = HashMap::new();
        for settings in self.providers.values() {
            let Some(key) = &settings.api_key else { continue };
            let own = settings.limits;
            let shared = limits.entry(key.as_str().to_owned()).or_insert(own);
            shared.concurrency = shared.concurrency.min(own.concurrency);
            shared.requests_per_minute = least(shared.requests_per_minute, own.requests_per_minute);
            shared.tokens_per_minute = least(shared.tokens_per_minute, own.tokens_per_minute);
        }
        limits.into_iter().map(|(key, limits)| (key, Room::new(&limits))).collect()
    }

    /// The providers as runs use them, each with its limits around it, sorted by name: servers, then models of this process.
    pub fn guarded(
        &self,
        secrets: &Arc<dyn SecretSource>,
        prices: &Arc<PriceTable>,
    ) -> impl Iterator<Item = Arc<dyn LlmProvider>> {
        let guarded = |provider: Arc<dyn LlmProvider>, limits| {
            Arc::new(Guarded::new(provider, limits)) as Arc<dyn LlmProvider>
        };
        let rooms = self.rooms();
        let servers = self.vendors(secrets, prices).map(move |vendor| {
            let (limits, key) = (vendor.settings().limits, vendor.settings().api_key.as_ref());
            match key.and_then(|key| rooms.get(key.as_str())).cloned() {
                Some(room) => Arc::new(Guarded::within(Arc::new(vendor), limits, room)) as _,
                None => guarded(Arc::new(vendor), limits),
            }
        });
        #[cfg(feature = "llm-local")]
        let servers = servers.chain(self.local().map(move |model| {
            let mut limits = model.settings().limits;
            // Who waits for its turn before the limits has not begun to wait for an answer.
            limits.concurrency = limits.concurrency.min(model.settings().at_once);
            guarded(Arc::new(model), limits)
        }));
        servers
    }
}

fn at(label: &str, text: &str, byte: usize, message: String) -> ConfigurationError {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ConfigurationError {
        label: label.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        message,
    }
}

#[cfg(test)]
mod tests {
    use ice_core::process::SecretRef;

    use super::*;

    fn read(text: &str) -> Result<Configuration, String> {
        let usual = Configuration::usual();
        usual.with_file(text, "models.toml").map_err(|error| error.to_string())
    }

    #[test]
    fn every_protocol_has_a_provider_that_needs_no_file() {
        let found = read("").unwrap();
        let names: Vec<&str> = found.providers().map(|(name, _)| name).collect();
        assert_eq!(names, ["anthropic", "deepseek", "google", "ollama", "openai", "openai-responses"]);
        let keys =
            found.providers().filter_map(|(_, settings)| settings.api_key.as_ref()).map(SecretRef::as_str);
        let keys: Vec<&str> = keys.collect();
        let expected = [
            "env:ANTHROPIC_API_KEY",
            "env:DEEPSEEK_API_KEY",
            "env:GOOGLE_API_KEY|GEMINI_API_KEY",
            "env:OPENAI_API_KEY",
            "env:OPENAI_API_KEY",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_file_adds_providers_and_changes_them() {
        let found = read(
            "[providers.local]\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:8080/v1\"\nmodels = [\"smol\"]\n\
             limits = { concurrency = 2, requests_per_minute = 30 }\n\
             [providers.openai]\nlimits.retries = 5\n[providers.deepseek]\nbase_url = \"https://proxy.example/v1\"\n",
        )
        .unwrap();
        let of = |wanted: &str| found.providers().find(|(name, _)| *name == wanted).unwrap().1;
        assert_eq!(of("local").address(), "http://127.0.0.1:8080/v1/");
        assert_eq!((of("local").limits.concurrency.get(), of("local").limits.retries), (2, 2));
        assert_eq!(of("local").api_key, None);
        assert_eq!((of("openai").limits.retries, of("openai").api_key.is_some()), (5, true));
        // The key of the usual server is not for another one.
        assert_eq!((of("deepseek").protocol, &of("deepseek").api_key), (Protocol::DeepSeek, &None));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected, "{text}");
        check("[providers.x\n", "models.toml:1:13: unclosed table, expected `]`");
        check("[provider.x]\n", "models.toml:1:2: unknown field `provider`, expected `providers`");
        check(
            "[providers.Big]\nprotocol = \"openai\"\n",
            "models.toml:1:12: `Big` is no name of a provider: a lower-case letter, then lower-case letters, digits, `_`, `-` and `.`, at most 64",
        );
        check(
            "[providers.echo]\nprotocol = \"openai\"\n",
            "models.toml:1:12: `echo` comes along with ice: name this one otherwise",
        );
        check(
            "[providers.x]\n",
            "models.toml:1:12: which protocol does `x` speak? Set `protocol` to one of `openai`, `openai-responses`, `anthropic`, `google`, `deepseek`, `ollama`, `gguf`",
        );
        check(
            "[providers.openai]\napi_key = \"sk-live-1234\"\n",
            "models.toml:2:11: `api_key` says where the key is kept, `env:VARIABLE` or `file:PATH`, and never is the key",
        );
        check(
            "[providers.openai]\nbase_url = \"localhost:1\"\n",
            "models.toml:2:12: `base_url` begins with `http://` or `https://`, and holds no name or password",
        );
        check(
            "[providers.openai]\nlimits = { concurrency = 0 }\n",
            "models.toml:2:26: invalid value: integer `0`, expected a nonzero u32",
        );
        check(
            "[providers.x]\nprotocol = \"opanai\"\n",
            "models.toml:2:12: `opanai` is no protocol: it is one of `openai`, `openai-responses`, `anthropic`, `google`, `deepseek`, `ollama`, `gguf`",
        );
        check(
            "[providers.openai]\npath = \"/models/smol.gguf\"\n",
            "models.toml:2:8: `path` is for models of this process, with the protocol `gguf`",
        );
        let long = format!("# {}", "x".repeat(MAX_BYTES));
        check(&long, "models.toml:1:1: the file has more than 1048576 bytes");
    }

    #[cfg(feature = "llm-local")]
    #[test]
    fn a_model_of_this_process_has_a_path_and_no_server() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected, "{text}");
        let found = read(
            "[providers.smol]\nprotocol = \"gguf\"\npath = \"/models/smol.gguf\"\nat_once = 2\nlimits.retries = 0\n\
             [providers.openai]\nprotocol = \"gguf\"\npath = \"/models\"\nmodels = [\"a\"]\n",
        )
        .unwrap();
        let models: Vec<LocalModel> = found.local().collect();
        let settings: Vec<&LocalSettings> = models.iter().map(LocalModel::settings).collect();
        assert_eq!(models.iter().map(LlmProvider::name).collect::<Vec<_>>(), ["openai", "smol"]);
        assert_eq!((settings[0].at_once.get(), settings[0].models.clone()), (1, Some(vec!["a".to_owned()])));
        assert_eq!((settings[1].at_once.get(), settings[1].limits.retries), (2, 0));
        assert!(found.providers().all(|(name, _)| name != "openai" && name != "smol"));
        check(
            "[providers.smol]\nprotocol = \"gguf\"\n",
            "models.toml:1:12: where is the model of `smol`? Set `path` to its GGUF file, or the folder of that",
        );
        check(
            "[providers.smol]\nprotocol = \"gguf\"\npath = \"smol.gguf\"\n",
            "models.toml:3:8: `path` is a whole path, from the root of the disk on",
        );
        check(
            "[providers.smol]\nprotocol = \"gguf\"\nbase_url = \"http://localhost:1\"\n",
            "models.toml:3:12: `base_url` is for servers, and `smol` is a model of this process",
        );
    }

    #[cfg(not(feature = "llm-local"))]
    #[test]
    fn a_build_without_local_models_says_so() {
        let told = read("[providers.smol]\nprotocol = \"gguf\"\npath = \"/models/smol.gguf\"\n").unwrap_err();
        let expected = "models.toml:2:12: `smol` is a model of this process, and this `ice` was built without them: build it with the feature `llm-local`";
        assert_eq!(told, expected);
    }
}
