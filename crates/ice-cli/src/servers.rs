//! MCP servers: what their manifests say, and the tools that they offer. They are started where tools are needed, and end with
//! the command.

#[cfg(not(feature = "mcp"))]
pub(crate) use absent::{Manifest, Servers, ask, is_one, read};
#[cfg(feature = "mcp")]
pub(crate) use present::{Manifest, Servers, ask, is_one, read};

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

#[cfg(feature = "mcp")]
mod present {
    use std::path::Path;
    use std::sync::Arc;

    use async_trait::async_trait;
    use ice_core::document::Object;
    use ice_core::process::SecretRef;
    use ice_core::tools::Tool;
    pub(crate) use ice_integrations::mcp::ServerManifest as Manifest;
    #[cfg(feature = "otel")]
    use ice_integrations::mcp::Traces;
    use ice_integrations::mcp::{Endpoint, Outside, SecretText, Secrets, Server};
    use ice_integrations::secrets::{SecretSource, SystemSecrets};
    use secrecy::ExposeSecret;
    use tokio::runtime::{Builder, Handle, Runtime};
    use tokio_util::sync::CancellationToken;

    use super::LeftOut;
    use crate::cage;
    use crate::exit::Exit;
    use crate::fault::Fault;
    use crate::telemetry::Settings;

    /// Whether a document is the manifest of a server.
    pub(crate) fn is_one(object: &mut Object<'_, '_>) -> bool {
        Manifest::is_one(object)
    }

    /// Reads the manifest of a server.
    pub(crate) fn read(object: &mut Object<'_, '_>, folder: &Path) -> Option<Manifest> {
        Some(Manifest::of(object, folder))
    }

    /// Servers that were asked, and where they are served: they end with this.
    #[derive(Debug)]
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

    /// What servers offer: their tools, and what of that cannot be used.
    pub(crate) type Asked = (Servers, Vec<Arc<dyn Tool>>, Vec<LeftOut>);

    /// Asks all servers at a time what they offer, each for as long as its manifest says. They are told of traces that are sent.
    ///
    /// # Errors
    /// [`Fault`] of the first that cannot be reached, or whose offer cannot be used.
    pub(crate) fn ask(manifests: &[Manifest], settings: &Settings) -> Result<Asked, Fault> {
        if manifests.is_empty() {
            return Ok((Servers { runtime: None, servers: Vec::new() }, Vec::new(), Vec::new()));
        }
        let needs_cage = manifests.iter().any(|manifest| matches!(manifest.endpoint, Endpoint::Program(_)));
        let processes = if needs_cage { Some(cage::host()?) } else { None };
        let secrets: Arc<dyn Secrets> = Arc::new(OfThisMachine(SystemSecrets::with_dotenv(".env")));
        let content = settings.content;
        let outside = Outside { processes, secrets: Some(secrets), content, ..Outside::default() };
        // A trace that is sent nowhere is nothing to go on with.
        #[cfg(feature = "otel")]
        let traces = settings.sends().then(|| Arc::new(crate::telemetry::Current) as Arc<dyn Traces>);
        #[cfg(feature = "otel")]
        let outside = Outside { traces, ..outside };
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
        let (mut tools, mut left_out) = (Vec::new(), Vec::new());
        for (server, asked) in servers.servers.iter().zip(asked) {
            let asked = asked.map_err(|error| {
                Fault::new(error.code(), error.to_string()).exit(Exit::Failed).help(format!(
                    "mend it, or take the manifest of `{}` out of the folders of tools",
                    server.name()
                ))
            })?;
            tools.extend(asked.tools);
            let left = asked.left_out.into_iter();
            left_out.extend(left.map(|(tool, why)| LeftOut { server: server.name().to_owned(), tool, why }));
        }
        Ok((servers, tools, left_out))
    }

    /// The secrets of this machine, as the keys of models are had.
    #[derive(Debug)]
    struct OfThisMachine(SystemSecrets);

    #[async_trait]
    impl Secrets for OfThisMachine {
        async fn resolve(&self, reference: &SecretRef) -> Result<SecretText, String> {
            let found = self.0.secret(reference).map_err(|error| error.to_string())?;
            Ok(SecretText::new(found.expose_secret().to_owned()))
        }
    }
}

#[cfg(not(feature = "mcp"))]
mod absent {
    use std::path::Path;
    use std::sync::Arc;

    use ice_core::document::{Object, Problem};
    use ice_core::error::ErrorCode;
    use ice_core::tools::Tool;

    use super::LeftOut;
    use crate::fault::Fault;
    use crate::telemetry::Settings;

    /// Nobody makes one.
    #[derive(Clone, Debug)]
    pub(crate) struct Manifest {
        pub(crate) name: String,
    }

    #[derive(Debug)]
    pub(crate) struct Servers;

    pub(crate) fn is_one(object: &mut Object<'_, '_>) -> bool {
        object.value("kind").is_some() || object.value("url").is_some()
    }

    pub(crate) fn read(object: &mut Object<'_, '_>, _: &Path) -> Option<Manifest> {
        let problem = Problem::new(ErrorCode::ManifestInvalid, "this `ice` was built without MCP servers");
        object.refuse_whole(problem.advise("build it with the feature `mcp`"));
        None
    }

    /// What servers offer: nothing.
    pub(crate) type Asked = (Servers, Vec<Arc<dyn Tool>>, Vec<LeftOut>);

    pub(crate) fn ask(_: &[Manifest], _: &Settings) -> Result<Asked, Fault> {
        Ok((Servers, Vec::new(), Vec::new()))
    }
}
