//! MCP servers: what their manifests say, and the tools that they offer. They are started where tools are needed, and end with
//! the command.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::Tool;

use crate::exit::Exit;
use crate::fault::Fault;

#[cfg(feature = "mcp")]
mod login;

#[cfg(not(feature = "mcp"))]
pub(crate) use absent::{Manifest, Servers, ask, forget, is_one, login, read};
#[cfg(feature = "mcp")]
pub(crate) use login::{forget, login};
#[cfg(feature = "mcp")]
pub(crate) use present::{Manifest, Servers, ask, is_one, kept_tokens, read};

/// A tool that a server offers and nobody can call.
#[derive(Clone, Debug)]
pub(crate) struct LeftOut {
    /// The server.
    pub(crate) server: String,
    /// What the server calls it.
    pub(crate) tool: String,
    /// Why.
    pub(crate) why: String,
}

/// A server that a person has to log in with first.
#[derive(Clone, Debug)]
pub(crate) struct LockedOut {
    /// The server.
    pub(crate) server: String,
    /// What it said.
    pub(crate) why: String,
}

impl LockedOut {
    /// The failure of a command that needs the tools of the server.
    pub(crate) fn fault(&self) -> Fault {
        Fault::new(ErrorCode::McpUnavailable, self.why.clone()).exit(Exit::Failed).help(format!(
            "log in with `ice tools login {0}`, or take the manifest of `{0}` out of the folders of tools",
            self.server
        ))
    }
}

/// What servers offer.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// They are there for as long as their tools are.
    pub(crate) servers: Servers,
    /// Their tools.
    pub(crate) tools: Vec<Arc<dyn Tool>>,
    /// What of that cannot be used.
    pub(crate) left_out: Vec<LeftOut>,
    /// Those that did not say what they offer, as nobody has logged in.
    pub(crate) locked_out: Vec<LockedOut>,
}

#[cfg(feature = "mcp")]
mod present {
    use std::any::Any;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use async_trait::async_trait;
    use ice_core::document::Object;
    use ice_core::process::SecretRef;
    use ice_core::redact::KnownSecrets;
    pub(crate) use ice_integrations::mcp::ServerManifest as Manifest;
    #[cfg(feature = "otel")]
    use ice_integrations::mcp::Traces;
    use ice_integrations::mcp::{Endpoint, Error, FileTokens, Outside, SecretText, Secrets, Server, Tokens};
    use ice_integrations::secrets::{SecretSource, SystemSecrets};
    use secrecy::ExposeSecret;
    use serde_json::Value;
    use tokio::runtime::{Builder, Handle, Runtime};
    use tokio_util::sync::CancellationToken;

    use super::{Asked, LeftOut, LockedOut};
    use crate::cage;
    use crate::environment::Environment;
    use crate::exit::Exit;
    use crate::fault::Fault;
    use crate::redaction::learn;

    /// The most servers whose tokens are looked at.
    const MOST_SERVERS: usize = 1_000;
    /// The largest file of tokens, in bytes.
    const LARGEST_TOKENS: u64 = 256 << 10;
    /// A shorter text is no token, in bytes.
    const LEAST_TOKEN: usize = 16;

    /// Whether a document is the manifest of a server.
    pub(crate) fn is_one(object: &mut Object<'_, '_>) -> bool {
        Manifest::is_one(object)
    }

    /// Reads the manifest of a server.
    pub(crate) fn read(object: &mut Object<'_, '_>, folder: &Path) -> Option<Manifest> {
        Some(Manifest::of(object, folder))
    }

    /// Servers that were asked, and where they are served: they end with this.
    #[derive(Debug, Default)]
    pub(crate) struct Servers {
        runtime: Option<Runtime>,
        servers: Vec<Server>,
    }

    impl Drop for Servers {
        fn drop(&mut self) {
            if let Some(runtime) = self.runtime.take() {
                // Also where nothing may block.
                runtime.shutdown_background();
            }
        }
    }

    /// What is kept of the logins of this user; nothing if no variable says where.
    pub(super) fn tokens(environment: &Environment) -> Option<FileTokens> {
        environment.state().map(|state| FileTokens::new(state.join("mcp-tokens")))
    }

    /// What this machine has for servers.
    pub(super) fn outside(environment: &Environment, known: &KnownSecrets) -> Outside {
        let machine = OfThisMachine { secrets: SystemSecrets::with_dotenv(".env"), known: known.clone() };
        let secrets: Arc<dyn Secrets> = Arc::new(machine);
        let tokens = tokens(environment)
            .map(|tokens| Arc::new(Learning { tokens, known: known.clone() }) as Arc<dyn Tokens>);
        let content = environment.telemetry.content;
        let outside = Outside { secrets: Some(secrets), tokens, content, ..Outside::default() };
        // A trace that is sent nowhere is nothing to go on with.
        #[cfg(feature = "otel")]
        let traces =
            environment.telemetry.sends().then(|| Arc::new(crate::telemetry::Current) as Arc<dyn Traces>);
        #[cfg(feature = "otel")]
        let outside = Outside { traces, ..outside };
        outside
    }

    /// Whether a person logs in with a server.
    pub(super) fn has_login(manifest: &Manifest) -> bool {
        match &manifest.endpoint {
            Endpoint::Remote(remote) => remote.oauth.as_ref().is_some_and(|oauth| !oauth.is_for_itself()),
            Endpoint::Program(_) => false,
        }
    }

    /// Asks all servers at a time what they offer, each for as long as its manifest says. They are told of traces that are sent.
    ///
    /// # Errors
    /// [`Fault`] of the first that cannot be reached, or whose offer cannot be used.
    pub(crate) fn ask(
        manifests: &[Manifest],
        environment: &Environment,
        known: &KnownSecrets,
    ) -> Result<Asked, Fault> {
        if manifests.is_empty() {
            return Ok(Asked::default());
        }
        let needs_cage = manifests.iter().any(|manifest| matches!(manifest.endpoint, Endpoint::Program(_)));
        let processes = if needs_cage { Some(cage::host(known)?) } else { None };
        let outside = Outside { processes, ..outside(environment, known) };
        let servers: Vec<Server> =
            manifests.iter().map(|manifest| Server::new(manifest.clone(), outside.clone())).collect();
        // Of its own: commands that only look at tools have none, and a server outlives the work that asked for it.
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("ice-mcp").enable_all().build()?;
        let cancel = CancellationToken::new();
        let asking = futures::future::join_all(servers.iter().map(|server| server.tools(&cancel)));
        let asked = match Handle::try_current() {
            Ok(_) => tokio::task::block_in_place(|| runtime.block_on(asking)),
            Err(_) => runtime.block_on(asking),
        };
        // From here on it is ended as a runtime within another one has to be, whatever comes.
        let servers = Servers { runtime: Some(runtime), servers };
        let (mut tools, mut left_out, mut locked_out) = (Vec::new(), Vec::new(), Vec::new());
        for (server, asked) in servers.servers.iter().zip(asked) {
            let name = server.name();
            let asked = match asked {
                Ok(asked) => asked,
                Err(error @ Error::Unauthorized { .. }) if has_login(server.manifest()) => {
                    locked_out.push(LockedOut { server: name.to_owned(), why: error.to_string() });
                    continue;
                }
                Err(error) => {
                    return Err(Fault::new(error.code(), error.to_string()).exit(Exit::Failed).help(
                        format!("mend it, or take the manifest of `{name}` out of the folders of tools"),
                    ));
                }
            };
            tools.extend(asked.tools);
            let left = asked.left_out.into_iter();
            left_out.extend(left.map(|(tool, why)| LeftOut { server: name.to_owned(), tool, why }));
        }
        Ok(Asked { servers, tools, left_out, locked_out })
    }

    /// The tokens of all servers that are kept, as far as they can be read.
    pub(crate) fn kept_tokens(environment: &Environment) -> Vec<String> {
        let Some(tokens) = tokens(environment) else { return Vec::new() };
        let files = std::fs::read_dir(tokens.folder()).into_iter().flatten().take(MOST_SERVERS);
        let json = files.filter_map(Result::ok).map(|file| file.path());
        let json = json.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let is_small =
            |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() <= LARGEST_TOKENS);
        let texts = json.filter(is_small).filter_map(|path| std::fs::read_to_string(path).ok());
        texts.flat_map(|text| token_texts(&text)).collect()
    }

    /// The tokens in what is kept for a server.
    fn token_texts(kept: &str) -> Vec<String> {
        fn gather(value: &Value, is_secret: bool, found: &mut Vec<String>) {
            match value {
                Value::String(text) if is_secret => found.push(text.clone()),
                Value::Array(items) => items.iter().for_each(|item| gather(item, is_secret, found)),
                Value::Object(fields) => {
                    for (name, value) in fields {
                        let names_one = ["token", "secret", "code"].iter().any(|word| name.contains(word));
                        let is_kind = name.ends_with("_type") || name.ends_with("_endpoint");
                        gather(value, names_one && !is_kind, found);
                    }
                }
                Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut found = Vec::new();
        if let Ok(kept) = serde_json::from_str::<Value>(kept) {
            gather(&kept, false, &mut found);
        }
        found.retain(|text| text.len() >= LEAST_TOKEN);
        found
    }

    /// Keeps tokens in files; those that pass are known from then on.
    #[derive(Debug)]
    struct Learning {
        tokens: FileTokens,
        known: KnownSecrets,
    }

    #[async_trait]
    impl Tokens for Learning {
        async fn load(&self, server: &str) -> Result<Option<SecretText>, String> {
            let found = self.tokens.load(server).await?;
            learn(&self.known, found.iter().flat_map(|found| token_texts(found.expose())));
            Ok(found)
        }

        async fn save(&self, server: &str, tokens: Option<SecretText>) -> Result<(), String> {
            learn(&self.known, tokens.iter().flat_map(|tokens| token_texts(tokens.expose())));
            self.tokens.save(server, tokens).await
        }

        async fn hold(&self, server: &str) -> Result<Option<Box<dyn Any + Send>>, String> {
            self.tokens.hold(server).await
        }
    }

    /// The secrets of this machine, as the keys of models are had.
    #[derive(Debug)]
    struct OfThisMachine {
        secrets: SystemSecrets,
        known: KnownSecrets,
    }

    #[async_trait]
    impl Secrets for OfThisMachine {
        async fn resolve(&self, reference: &SecretRef) -> Result<SecretText, String> {
            let found = self.secrets.secret(reference).map_err(|error| error.to_string())?;
            learn(&self.known, [found.expose_secret().to_owned()]);
            Ok(SecretText::new(found.expose_secret().to_owned()))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn tokens_are_found_in_what_is_kept() {
            let kept = r#"{"issuer":"https://login.example.org/of/all","token":{"access_token":"at-0123456789abcdef",
                "token_type":"Bearer","refresh_token":"rt-0123456789abcdef","scope":"all of the tickets"},
                "client_secret":"short"}"#;
            let mut found = token_texts(kept);
            found.sort();
            assert_eq!(found, ["at-0123456789abcdef", "rt-0123456789abcdef"]);
        }
    }
}

#[cfg(not(feature = "mcp"))]
mod absent {
    use std::path::Path;

    use ice_core::document::{Object, Problem};
    use ice_core::error::ErrorCode;
    use ice_core::redact::KnownSecrets;

    use super::Asked;
    use crate::environment::Environment;
    use crate::exit::Exit;
    use crate::fault::Fault;
    use crate::shell::Shell;

    /// Nobody makes one.
    #[derive(Clone, Debug)]
    pub(crate) struct Manifest {
        pub(crate) name: String,
    }

    #[derive(Debug, Default)]
    pub(crate) struct Servers;

    pub(crate) fn is_one(object: &mut Object<'_, '_>) -> bool {
        object.value("kind").is_some() || object.value("url").is_some()
    }

    pub(crate) fn read(object: &mut Object<'_, '_>, _: &Path) -> Option<Manifest> {
        let problem = Problem::new(ErrorCode::ManifestInvalid, "this `ice` was built without MCP servers");
        object.refuse_whole(problem.advise("build it with the feature `mcp`"));
        None
    }

    pub(crate) fn ask(_: &[Manifest], _: &Environment, _: &KnownSecrets) -> Result<Asked, Fault> {
        Ok(Asked::default())
    }

    pub(crate) fn login(_: &Shell, _: &Manifest, _: bool) -> Result<Exit, Fault> {
        Err(Fault::usage("this `ice` was built without MCP servers").help("build it with the feature `mcp`"))
    }

    pub(crate) fn forget(_: &Shell, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }
}
