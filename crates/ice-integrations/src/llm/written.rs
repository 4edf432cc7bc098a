//! A provider as a file of providers has it, and what it means.

use std::num::NonZeroU32;

use ice_core::process::SecretRef;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

#[cfg(feature = "llm-local")]
use super::local::LocalSettings;
use super::{Limits, Protocol, ProviderSettings};

/// What a provider without a server says in the place of a protocol.
const LOCAL: &str = "gguf";

/// A provider as a file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    protocol: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    at_once: Option<Spanned<NonZeroU32>>,
    base_url: Option<Spanned<String>>,
    api_key: Option<Spanned<String>>,
    models: Option<Vec<String>>,
    #[serde(default)]
    limits: Limits,
}

/// What a provider of a file is.
pub(super) enum Settings {
    Server(ProviderSettings),
    #[cfg(feature = "llm-local")]
    Local(LocalSettings),
}

impl Written {
    /// The settings that are meant, or what is wrong with them and at which byte.
    pub(super) fn settings(
        self,
        name: &str,
        byte: usize,
        known: Option<&ProviderSettings>,
    ) -> Result<Settings, (usize, String)> {
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
        let names = || {
            let servers = Protocol::ALL.iter().map(|known| known.as_str());
            let names: Vec<String> = servers.chain([LOCAL]).map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let protocol = match &self.protocol {
            Some(written) if written.as_ref() == LOCAL => return self.local(name, byte),
            Some(written) => {
                let found = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == written.as_ref());
                let unknown = || format!("`{}` is no protocol: it is one of {}", written.as_ref(), names());
                Some(found.ok_or_else(|| (written.span().start, unknown()))?)
            }
            None => known.map(|known| known.protocol),
        };
        let protocol = protocol.ok_or_else(|| {
            (byte, format!("which protocol does `{name}` speak? Set `protocol` to one of {}", names()))
        })?;
        let only_local = [
            ("path", self.path.as_ref().map(|path| path.span().start)),
            ("at_once", self.at_once.as_ref().map(|count| count.span().start)),
        ];
        if let Some((field, byte)) = only_local.iter().find_map(|(field, byte)| Some((field, (*byte)?))) {
            return Err((
                byte,
                format!("`{field}` is for models of this process, with the protocol `{LOCAL}`"),
            ));
        }
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
        Ok(Settings::Server(ProviderSettings {
            protocol,
            api_key: api_key.transpose()?.or(usual),
            base_url,
            models: self.models,
            limits: self.limits,
        }))
    }

    /// The model of this process that is meant.
    #[cfg(feature = "llm-local")]
    fn local(self, name: &str, byte: usize) -> Result<Settings, (usize, String)> {
        let of_servers = [
            ("base_url", self.base_url.as_ref().map(|url| url.span().start)),
            ("api_key", self.api_key.as_ref().map(|key| key.span().start)),
        ];
        if let Some((field, byte)) = of_servers.iter().find_map(|(field, byte)| Some((field, (*byte)?))) {
            return Err((byte, format!("`{field}` is for servers, and `{name}` is a model of this process")));
        }
        let path = self.path.ok_or_else(|| {
            (
                byte,
                format!("where is the model of `{name}`? Set `path` to its GGUF file, or the folder of that"),
            )
        })?;
        let at = path.span().start;
        let path = std::path::PathBuf::from(path.into_inner());
        if !path.is_absolute() {
            return Err((at, "`path` is a whole path, from the root of the disk on".to_owned()));
        }
        let usual = LocalSettings::of(path);
        let at_once = self.at_once.map_or(usual.at_once, Spanned::into_inner);
        Ok(Settings::Local(LocalSettings { models: self.models, at_once, limits: self.limits, ..usual }))
    }

    /// Says that this build has no such models.
    #[cfg(not(feature = "llm-local"))]
    fn local(self, name: &str, byte: usize) -> Result<Settings, (usize, String)> {
        let at = self.protocol.map_or(byte, |protocol| protocol.span().start);
        let message = format!(
            "`{name}` is a model of this process, and this `ice` was built without them: build it with the feature `llm-local`"
        );
        Err((at, message))
    }
}
