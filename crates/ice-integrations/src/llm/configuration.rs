//! The providers of a machine: those that come along, changed and joined by those of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use ice_core::llm::LlmProvider;
use ice_core::process::SecretRef;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::policy::Guarded;
use super::prices::PriceTable;
use super::{Limits, Protocol, ProviderSettings, Vendor};
use crate::secrets::SecretSource;

/// The longest file.
const MAX_BYTES: usize = 1 << 20;

/// The providers of a machine, by their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    providers: BTreeMap<String, ProviderSettings>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    protocol: Option<Protocol>,
    base_url: Option<Spanned<String>>,
    api_key: Option<Spanned<String>>,
    models: Option<Vec<String>>,
    #[serde(default)]
    limits: Limits,
}

impl Configuration {
    /// The providers that need no file: one for each protocol, under its name, at the server of its inventor. The key of each
    /// is looked for in the usual variables.
    #[must_use]
    pub fn usual() -> Self {
        let provider = |protocol: Protocol| (protocol.as_str().to_owned(), ProviderSettings::of(protocol));
        Self { providers: Protocol::ALL.into_iter().map(provider).collect() }
    }

    /// These providers with those of a file, written in TOML: `[providers.NAME]` with `protocol`, `base_url`, `api_key`,
    /// `models` and `limits`. One that is named as another takes its place; one that is named as a protocol speaks it.
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
            let settings = settings.map_err(|(byte, message)| wrong(byte, message))?;
            self.providers.insert(name, settings);
        }
        Ok(self)
    }

    /// The names and settings, sorted by name.
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

    /// The providers as runs use them, each with its limits around it, sorted by name.
    pub fn guarded(
        &self,
        secrets: &Arc<dyn SecretSource>,
        prices: &Arc<PriceTable>,
    ) -> impl Iterator<Item = Arc<dyn LlmProvider>> {
        self.vendors(secrets, prices).map(|vendor| {
            let limits = vendor.settings().limits;
            Arc::new(Guarded::new(Arc::new(vendor), limits)) as Arc<dyn LlmProvider>
        })
    }
}

impl Written {
    /// The settings that are meant, or what is wrong with them and at which byte.
    fn settings(
        self,
        name: &str,
        byte: usize,
        known: Option<&ProviderSettings>,
    ) -> Result<ProviderSettings, (usize, String)> {
        let is_name = name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b));
        if !is_name {
            let rule = "a lower-case letter, then lower-case letters, digits, `_`, `-` and `.`, at most 64";
            return Err((byte, format!("`{name}` is no name of a provider: {rule}")));
        }
        if ["echo", "scripted"].contains(&name) {
            return Err((byte, format!("`{name}` comes along with ice: name this one otherwise")));
        }
        let protocol = self.protocol.or(known.map(|known| known.protocol)).ok_or_else(|| {
            let names: Vec<String> =
                Protocol::ALL.iter().map(|known| format!("`{}`", known.as_str())).collect();
            let message =
                format!("which protocol does `{name}` speak? Set `protocol` to one of {}", names.join(", "));
            (byte, message)
        })?;
        let base_url = self.base_url.map(|written| {
            let byte = written.span().start;
            let url = Url::parse(written.as_ref()).map_err(|error| (byte, format!("`base_url`: {error}")))?;
            let is_plain = matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none();
            let rule = "`base_url` begins with `http://` or `https://`, and holds no name or password";
            if is_plain { Ok(url) } else { Err((byte, rule.to_owned())) }
        });
        let base_url = base_url.transpose()?;
        let api_key = self.api_key.map(|written| {
            let byte = written.span().start;
            let is_place = ["env:", "file:"]
                .iter()
                .any(|kind| written.as_ref().strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
            // What is written may be the key itself: it is not repeated.
            let rule =
                "`api_key` says where the key is kept, `env:VARIABLE` or `file:PATH`, and never is the key";
            if is_place { Ok(SecretRef::new(written.into_inner())) } else { Err((byte, rule.to_owned())) }
        });
        // A key goes to the server that it is for: another address has one only if the file says so.
        let usual = known.filter(|known| known.base_url == base_url).and_then(|known| known.api_key.clone());
        Ok(ProviderSettings {
            protocol,
            api_key: api_key.transpose()?.or(usual),
            base_url,
            models: self.models,
            limits: self.limits,
        })
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
            "models.toml:1:12: which protocol does `x` speak? Set `protocol` to one of `openai`, `openai-responses`, `anthropic`, `google`, `deepseek`, `ollama`",
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
        let long = format!("# {}", "x".repeat(MAX_BYTES));
        check(&long, "models.toml:1:1: the file has more than 1048576 bytes");
    }
}
