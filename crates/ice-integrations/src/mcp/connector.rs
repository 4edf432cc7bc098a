//! Connecting with a server, and asking what it offers.

use std::sync::Arc;

use ice_core::process::ProcessHost;
use rmcp::RoleClient;
use rmcp::transport::{StreamableHttpClientTransport, Transport};
use tokio_util::sync::CancellationToken;

use super::auth::Auth;
use super::content::Reading;
use super::error::Error;
use super::fate::Fate;
use super::manifest::{Endpoint, Program, Remote, ServerManifest};
use super::offer::{self, Offer};
use super::outside::Outside;
use super::session::{Ask, Session};
use super::telemetry::Place;
use super::watched::Watched;
use super::{program, remote};

/// Knows how to connect with a server.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) manifest: ServerManifest,
    pub(super) outside: Outside,
    auth: Option<Auth>,
    /// Fires when nobody wants the server any more.
    pub(super) cancel: CancellationToken,
}

/// A connection, and what was learned as it began.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) session: Session,
    pub(super) offer: Arc<Offer>,
    pub(super) reading: Reading,
}

impl Connector {
    pub(super) fn new(manifest: ServerManifest, outside: Outside) -> Self {
        let auth = match &manifest.endpoint {
            Endpoint::Remote(remote) => remote.oauth.as_ref().map(|oauth| (remote, oauth)),
            Endpoint::Program(_) => None,
        };
        let tokens = || outside.tokens.clone();
        let auth = auth.map(|(remote, oauth)| Auth::new(&manifest.name, &remote.url, oauth, tokens()));
        Self { manifest, outside, auth, cancel: CancellationToken::new() }
    }

    fn server(&self) -> &str {
        &self.manifest.name
    }

    /// Connects within the time that the manifest gives.
    pub(super) async fn connect(&self) -> Result<Connected, Error> {
        let start = self.manifest.patience.start();
        let connecting = async {
            loop {
                match self.once().await {
                    // As often as a person may be sent away for one server.
                    Err(Error::Unauthorized { challenge, why, .. }) if !self.is_for_itself() => {
                        self.visit(challenge.as_deref(), why).await?;
                    }
                    other => return other,
                }
            }
        };
        let cancelled = || Error::unreachable(self.server(), "nobody wants it any more");
        tokio::select! {
            connected = tokio::time::timeout(self.patience_with_people(start), connecting) => connected.unwrap_or_else(|_| {
                let why = "it did not say what it offers in time: raise `start` in its manifest if it needs longer";
                Err(Error::unreachable(self.server(), why))
            }),
            () = self.cancel.cancelled() => Err(cancelled()),
        }
    }

    /// A person who has to allow something takes longer than a server that starts.
    fn patience_with_people(&self, start: std::time::Duration) -> std::time::Duration {
        match (&self.auth, &self.outside.visit) {
            (Some(_), Some(visit)) => start.saturating_add(visit.patience()),
            (None, _) | (_, None) => start,
        }
    }

    /// Has a person allow what the server asks for, if one can be asked.
    pub(super) async fn visit(&self, challenge: Option<&str>, why: String) -> Result<(), Error> {
        let Some(auth) = &self.auth else {
            return Err(Error::unauthorized(self.server(), why, challenge));
        };
        let Some(visit) = &self.outside.visit else {
            return Err(self.needs_login(challenge));
        };
        auth.visit(challenge, &**visit, self.outside.secrets.as_deref()).await
    }

    fn needs_login(&self, challenge: Option<&str>) -> Error {
        let why = format!("it needs a person's login: `ice tools login {}`", self.server());
        Error::unauthorized(self.server(), why, challenge)
    }

    /// Has what was kept not count until a person has allowed something anew.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if no person logs in with this server, or none can be asked.
    pub(super) fn login_anew(&self) -> Result<&Auth, Error> {
        let why = match (&self.auth, &self.outside.visit) {
            (Some(auth), Some(_)) if !self.is_for_itself() => {
                auth.begin_anew();
                return Ok(auth);
            }
            (Some(_), Some(_)) => {
                "ice gets its tokens itself, with the secret in its manifest: nobody logs in"
            }
            (None, _) => "its manifest has no `oauth`: nobody logs in with it",
            (Some(_), None) => "nobody can be asked here",
        };
        Err(Error::unavailable(self.server(), why))
    }

    /// Whether tokens are asked for in ice's own name, so that a new connection has a new one.
    pub(super) fn is_for_itself(&self) -> bool {
        match &self.manifest.endpoint {
            Endpoint::Remote(remote) => {
                remote.oauth.as_ref().is_some_and(super::manifest::OAuth::is_for_itself)
            }
            Endpoint::Program(_) => false,
        }
    }

    async fn once(&self) -> Result<Connected, Error> {
        match &self.manifest.endpoint {
            Endpoint::Program(program) => self.program(program).await,
            Endpoint::Remote(remote) => self.remote(remote).await,
        }
    }

    async fn program(&self, program: &Program) -> Result<Connected, Error> {
        let Some(host) = &self.outside.processes else {
            return Err(Error::unavailable(
                self.server(),
                "it is a command, and nothing here runs commands in cages",
            ));
        };
        let host: &dyn ProcessHost = &**host;
        let fate = Arc::new(Fate::default());
        let lines = program::start(&self.manifest, program, host, &self.cancel, &fate).await?;
        self.open(lines, fate, Reading::default()).await
    }

    async fn remote(&self, remote: &Remote) -> Result<Connected, Error> {
        let secrets = self.outside.secrets.as_deref();
        let (config, known) = remote::config(&self.manifest, remote, secrets).await?;
        let reading = Reading { secrets: known.into(), ..Reading::default() };
        let client = remote::client(self.server())?;
        let fate = Arc::new(Fate::default());
        match &self.auth {
            Some(auth) => {
                let client = auth.client(client, secrets).await?;
                let transport = StreamableHttpClientTransport::with_client(client, config);
                self.open(Watched::new(transport, None, Arc::clone(&fate)), fate, reading).await
            }
            None => {
                let transport = StreamableHttpClientTransport::with_client(client, config);
                self.open(Watched::new(transport, None, Arc::clone(&fate)), fate, reading).await
            }
        }
    }

    /// Says hello, and asks for what there is.
    async fn open<T: Transport<RoleClient> + 'static>(
        &self,
        transport: T,
        fate: Arc<Fate>,
        reading: Reading,
    ) -> Result<Connected, Error> {
        let session = Session::open(
            (self.server(), Place::of(&self.manifest.endpoint, self.outside.content)),
            transport,
            fate,
            self.outside.people.clone(),
            self.manifest.protocol,
        )
        .await?;
        let patience = self.manifest.patience;
        let start = patience.start();
        let traces = self.outside.traces.as_deref();
        let ask = Ask { cancel: &self.cancel, idle: start, timeout: start, progress: None, traces };
        let late = std::pin::pin!(tokio::time::sleep(start));
        let offer = match offer::ask_for(&session, &ask, late).await {
            Ok(offer) => Arc::new(offer),
            Err(error) => {
                session.close().await;
                return Err(begun(error));
            }
        };
        let reading = Reading { attachment: patience.attachment_bytes, ..reading };
        Ok(Connected { session, offer, reading })
    }
}

/// What a failure means while a server is asked what it offers: nothing of a call was begun.
fn begun(error: Error) -> Error {
    match error {
        Error::Failed { server, why } | Error::Refused { server, why, .. } => Error::Unusable { server, why },
        Error::Ended { server, why } => Error::Unreachable { server, why },
        Error::Late { ref server, .. } => Error::unreachable(server, error.to_string()),
        other @ (Error::Unreachable { .. }
        | Error::Unavailable { .. }
        | Error::Unauthorized { .. }
        | Error::WornOut { .. }
        | Error::Unusable { .. }
        | Error::Cancelled { .. }) => other,
    }
}
