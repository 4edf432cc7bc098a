//! A server: connected with when it is first needed, and again within bounds when it has ended.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, Shared};
use ice_core::time::Moment;
use ice_core::tools::{ProgressSink, Started, Tool};
use rmcp::model::{ClientRequest, InputRequest, InputRequests, InputResponses, ServerResult};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::connector::{Connected, Connector};
use super::error::Error;
use super::manifest::ServerManifest;
use super::offer::Offer;
use super::outside::Outside;
use super::session::Ask;
use super::tools;

/// The most times that a server may ask for something more in one call.
const MOST_ROUNDS: usize = 10;
/// How long to wait before asking again where a server only wants to be asked again.
const AGAIN: Duration = Duration::from_millis(100);

type Connecting = Shared<BoxFuture<'static, Result<Arc<Connected>, Error>>>;

/// An MCP server. Cheap to clone; it ends with the last clone and the last of its tools.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    connector: Arc<Connector>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The connection, or the attempt at one.
    connecting: Option<Connecting>,
    /// When it was connected with again.
    restarts: VecDeque<Moment>,
    tasks: JoinSet<()>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.connector.cancel.cancel();
    }
}

/// A server's tools as tools of ice.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The tools, in the order in which the server has them; then those for its resources and prompts.
    pub tools: Vec<Arc<dyn Tool>>,
    /// Tools that cannot be used: what the server calls each, and why.
    pub left_out: Vec<(String, String)>,
    /// What the server offers, in its own words.
    pub offer: Arc<Offer>,
}

impl Server {
    /// The server of a manifest. Nothing is started or connected with before something is asked of it.
    #[must_use]
    pub fn new(manifest: ServerManifest, outside: Outside) -> Self {
        let connector = Arc::new(Connector::new(manifest, outside));
        Self(Arc::new(Inner { connector, state: Mutex::default() }))
    }

    /// What its manifest calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest().name
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &ServerManifest {
        &self.0.connector.manifest
    }

    /// What it offers. Connects if that is needed. Dropping the future leaves the server as it is.
    ///
    /// # Errors
    /// [`Error`] if it cannot be reached, or what it offers cannot be used.
    pub async fn offer(&self, cancel: &CancellationToken) -> Result<Arc<Offer>, Error> {
        Ok(Arc::clone(&self.connected(cancel).await?.offer))
    }

    /// Its tools, under its name. Connects if that is needed. Dropping the future leaves the server as it is.
    ///
    /// # Errors
    /// [`Error`] if it cannot be reached, or what it offers does not fit its manifest.
    pub async fn tools(&self, cancel: &CancellationToken) -> Result<Tools, Error> {
        let offer = self.offer(cancel).await?;
        tools::of(self, offer)
    }

    /// Has a person log in with the server anew, whatever was kept of an earlier login, and gives its tools then. What was kept
    /// stays until the new login is done. Dropping the future ends the login.
    ///
    /// # Errors
    /// [`Error`] if it is no server that persons log in with, they do not come back, or what they allowed is of no use.
    pub async fn login(&self, cancel: &CancellationToken) -> Result<Tools, Error> {
        let auth = self.0.connector.login_anew()?;
        self.close().await;
        let connected = self.connected(cancel).await?;
        if !auth.was_visited() {
            // It lets anybody look: what it asks for before a call is found out without a challenge.
            let visiting = self.0.connector.visit(None, String::new());
            tokio::select! {
                visited = visiting => visited?,
                () = cancel.cancelled() => return Err(Error::Cancelled { started: Started::NotStarted }),
            }
            self.renew(&connected).await;
        }
        self.tools(cancel).await
    }

    /// Ends the connection, and the server if it is a program. It is started again when something is asked of it.
    pub async fn close(&self) {
        let connecting = self.lock().connecting.take();
        if let Some(Some(Ok(connected))) = connecting.as_ref().map(Shared::peek) {
            connected.session.close().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that has not ended.
    pub(super) async fn connected(&self, cancel: &CancellationToken) -> Result<Arc<Connected>, Error> {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled { started: Started::NotStarted });
        }
        let connecting = self.connecting()?;
        tokio::select! {
            connected = connecting => connected,
            () = cancel.cancelled() => Err(Error::Cancelled { started: Started::NotStarted }),
        }
    }

    /// The connection that there is or is being made; a new one if it has ended.
    fn connecting(&self) -> Result<Connecting, Error> {
        let mut state = self.lock();
        while state.tasks.try_join_next().is_some() {}
        if let Some(connecting) = &state.connecting {
            match connecting.peek() {
                None => return Ok(connecting.clone()),
                Some(Ok(connected)) if !connected.session.fate.has_ended() => return Ok(connecting.clone()),
                Some(Ok(_) | Err(_)) => self.count(&mut state)?,
            }
        }
        let (give, take) = oneshot::channel();
        let connector = Arc::clone(&self.0.connector);
        let connecting = async move {
            // Nobody may be left to take it.
            let _ = give.send(connector.connect().await.map(Arc::new));
        };
        state.tasks.spawn(connecting.in_current_span());
        let name = self.name().to_owned();
        let taken = take.map(move |taken| {
            taken.unwrap_or_else(|_| Err(Error::unreachable(&name, "connecting with it was given up")))
        });
        let connecting = taken.boxed().shared();
        state.connecting = Some(connecting.clone());
        Ok(connecting)
    }

    /// Counts a restart, if there may be one.
    fn count(&self, state: &mut State) -> Result<(), Error> {
        let patience = self.manifest().patience;
        let now = self.0.connector.outside.clock.now();
        let window = Duration::from_millis(patience.restart_window_ms);
        let is_old = |then: &Moment| {
            now.as_millis().saturating_sub(then.as_millis())
                > i64::try_from(patience.restart_window_ms).unwrap_or(i64::MAX)
        };
        while state.restarts.front().is_some_and(is_old) {
            state.restarts.pop_front();
        }
        if state.restarts.len() as u64 >= patience.restarts {
            let times = patience.restarts.saturating_add(1);
            return Err(Error::WornOut { server: self.name().to_owned(), times, window });
        }
        state.restarts.push_back(now);
        Ok(())
    }

    /// Ends a connection that a new one is to take the place of: that is no restart.
    async fn renew(&self, old: &Arc<Connected>) {
        {
            let mut state = self.lock();
            let is_it = state.connecting.as_ref().and_then(Shared::peek);
            if is_it.is_some_and(|now| now.as_ref().is_ok_and(|now| Arc::ptr_eq(now, old))) {
                state.connecting = None;
            }
        }
        old.session.close().await;
    }

    /// Makes a request and waits for what comes of it, answering what the server asks for meanwhile. `make` makes the request
    /// with those answers.
    pub(super) async fn request(
        &self,
        call: &Call<'_>,
        make: impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest + Send + Sync,
    ) -> Result<(ServerResult, Arc<Connected>), Error> {
        let mut connected = self.connected(call.cancel).await?;
        let connector = &self.0.connector;
        for _ in 0..2 {
            let (why, challenge) = match self.rounds(&connected, call, &make).await {
                Err(Error::Unauthorized { why, challenge, .. }) => (why, challenge),
                other => return other.map(|result| (result, connected)),
            };
            // It was not let in, so nothing was done: with a new token it is asked again.
            if !connector.is_for_itself() {
                tokio::select! {
                    visited = connector.visit(challenge.as_deref(), why) => visited?,
                    () = call.cancel.cancelled() => return Err(Error::Cancelled { started: Started::NotStarted }),
                }
            }
            self.renew(&connected).await;
            connected = self.connected(call.cancel).await?;
        }
        self.rounds(&connected, call, &make).await.map(|result| (result, connected))
    }

    async fn rounds(
        &self,
        connected: &Connected,
        call: &Call<'_>,
        make: &(impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest + Send + Sync),
    ) -> Result<ServerResult, Error> {
        let patience = self.manifest().patience;
        let ask = Ask {
            cancel: call.cancel,
            idle: patience.idle(),
            timeout: patience.timeout(),
            progress: call.progress.clone(),
            traces: self.0.connector.outside.traces.as_deref(),
        };
        let mut late = pin!(tokio::time::sleep(patience.timeout()));
        let (mut answers, mut state) = (None, None);
        for _ in 0..MOST_ROUNDS {
            let result = connected.session.request(make(answers, state), &ask, late.as_mut()).await?;
            let ServerResult::InputRequiredResult(wanted) = result else { return Ok(result) };
            state = wanted.request_state;
            let requests = wanted.input_requests.unwrap_or_default();
            let answering = async {
                if requests.is_empty() {
                    tokio::time::sleep(AGAIN).await;
                }
                self.answers(connected, requests).await
            };
            answers = tokio::select! {
                answers = answering => answers?,
                () = call.cancel.cancelled() => return Err(Error::Cancelled { started: Started::Unknown }),
                () = late.as_mut() => {
                    let (server, most) = (self.name().to_owned(), patience.timeout());
                    return Err(Error::Late { server, what: "took", most, field: "timeout" });
                }
            };
        }
        Err(Error::failed(self.name(), format!("it asked for something more {MOST_ROUNDS} times")))
    }

    /// Answers what a server asks for before it goes on.
    async fn answers(
        &self,
        connected: &Connected,
        requests: InputRequests,
    ) -> Result<Option<InputResponses>, Error> {
        let mut answers = InputResponses::new();
        for (key, request) in requests {
            let InputRequest::Elicitation(asked) = request else {
                return Err(Error::failed(
                    self.name(),
                    "it asks for something that ice does not offer to servers",
                ));
            };
            let answer = connected.session.handler().ask(asked.params).await;
            let answer = serde_json::to_value(answer);
            answers.insert(key, answer.map_err(|error| Error::failed(self.name(), error.to_string()))?);
        }
        Ok((!answers.is_empty()).then_some(answers))
    }
}

/// A call as it is made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) cancel: &'a CancellationToken,
    pub(super) progress: Option<Arc<dyn ProgressSink>>,
}
