//! One connection with a server: from its first words to its end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ice_core::telemetry::Stopwatch;
use ice_core::tools::{ProgressSink, Started};
use rmcp::RoleClient;
use rmcp::model::{
    CancelledNotificationParam, ClientRequest, ProtocolVersion, RequestMetaObject, ServerPeerInfo,
    ServerResult,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt, Peer, PeerRequestOptions, RequestHandle, RunningService,
};
use rmcp::transport::Transport;
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::error::Error;
use super::failure;
use super::fate::Fate;
use super::handler::{Handler, Routes};
use super::manifest::Protocol;
use super::ports::{People, Traces};
use super::telemetry::{self, Asked, Place};

/// How long telling a server that a call is cancelled may take.
const CANCEL: Duration = Duration::from_secs(2);
/// How long closing may take before nobody waits for it any more. What it closes has shorter bounds.
const CLOSE: Duration = Duration::from_secs(20);

/// A connection with a server.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) server: String,
    pub(super) info: Arc<ServerPeerInfo>,
    pub(super) fate: Arc<Fate>,
    peer: Peer<RoleClient>,
    routes: Arc<Routes>,
    handler: Arc<Handler>,
    service: Mutex<Option<RunningService<RoleClient, Shared>>>,
    place: Place,
    began: Stopwatch,
    /// Whether it was closed from here.
    closed: AtomicBool,
}

impl Drop for Session {
    fn drop(&mut self) {
        let by_itself = self.fate.has_ended() && !self.closed.load(Ordering::Relaxed);
        telemetry::session_ended(&self.server, &self.began, by_itself);
    }
}

/// The handler, which the session needs as well.
#[derive(Debug)]
pub(super) struct Shared(Arc<Handler>);

/// How a request is to be made.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) cancel: &'a CancellationToken,
    /// How long there may be no message.
    pub(super) idle: Duration,
    /// How long everything may take.
    pub(super) timeout: Duration,
    pub(super) progress: Option<Arc<dyn ProgressSink>>,
    /// Knows of which trace the request is a part.
    pub(super) traces: Option<&'a dyn Traces>,
}

impl Session {
    /// Says hello over a connection: as of 2026-07-28, or as it was before if the server knows no better.
    pub(super) async fn open<T: Transport<RoleClient> + 'static>(
        (server, place): (&str, Place),
        transport: T,
        fate: Arc<Fate>,
        people: Option<Arc<dyn People>>,
        protocol: Protocol,
    ) -> Result<Self, Error> {
        let routes = Arc::new(Routes::default());
        let handler = Handler {
            server: server.to_owned(),
            routes: Arc::clone(&routes),
            people,
            fate: Arc::clone(&fate),
        };
        let handler = Arc::new(handler);
        let preferred_versions = vec![ProtocolVersion::LATEST];
        let lifecycle = match protocol {
            Protocol::Auto => ClientLifecycleMode::Auto {
                preferred_versions,
                legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
            },
            Protocol::Modern => ClientLifecycleMode::Discover { preferred_versions },
            Protocol::Legacy => ClientLifecycleMode::Initialize,
        };
        let method = match protocol {
            // Who knows no better is greeted in the old way after that.
            Protocol::Auto | Protocol::Modern => "server/discover",
            Protocol::Legacy => "initialize",
        };
        let shared = Shared(Arc::clone(&handler));
        let greeting = Asked::greeting(server, &place, method);
        // The library keeps the connection in the span in which it begins: in one of this side, that and all around it would not
        // end before the connection does. A task is in none.
        let mut serving = JoinSet::new();
        serving.spawn(shared.serve_with_lifecycle(transport, lifecycle));
        let service = match serving.join_next().await {
            Some(Ok(service)) => service.map_err(|error| failure::of_hello(server, &error, &fate)),
            Some(Err(_)) | None => {
                Err(Error::unreachable(server, "greeting it was given up; the log has why"))
            }
        };
        let service = service.and_then(|service| {
            let info = service.peer().peer_info();
            let info = info.ok_or_else(|| Error::unusable(server, "it did not say what it is"))?;
            greeting.speaks(info.protocol_version.as_str());
            Ok((service, info))
        });
        greeting.ended(&service);
        let (service, info) = service?;
        let peer = service.peer().clone();
        Ok(Self {
            server: server.to_owned(),
            info,
            fate,
            peer,
            routes,
            handler,
            service: Mutex::new(Some(service)),
            place,
            began: Stopwatch::start(),
            closed: AtomicBool::new(false),
        })
    }

    /// The handler of what the server asks.
    pub(super) fn handler(&self) -> &Handler {
        &self.handler
    }

    /// Ends the connection, and waits for that.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut service) = service
            && let Err(error) = service.close_with_timeout(CLOSE).await
        {
            tracing::warn!(server = self.server, %error, "a connection with an MCP server ended badly");
        }
    }

    /// Ends the connection, which takes place later.
    pub(super) fn abandon(&self, why: String) {
        self.fate.decide(why);
        drop(self.service.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.fate.end();
    }

    /// Makes a request and waits for what comes of it. If the future is dropped, or the call is cancelled or takes too long,
    /// the server is told so; a server that says nothing at all any more is ended.
    pub(super) async fn request(
        &self,
        request: ClientRequest,
        ask: &Ask<'_>,
        late: Pin<&mut Sleep>,
    ) -> Result<ServerResult, Error> {
        if ask.cancel.is_cancelled() {
            return Err(Error::Cancelled { started: Started::NotStarted });
        }
        let asked = Asked::begin(&self.server, &self.place, self.info.protocol_version.as_str(), &request);
        let span = asked.span();
        let ended = self.exchange(request, ask, late, span).instrument(span.clone()).await;
        asked.ended(&ended);
        ended
    }

    async fn exchange(
        &self,
        request: ClientRequest,
        ask: &Ask<'_>,
        late: Pin<&mut Sleep>,
        span: &Span,
    ) -> Result<ServerResult, Error> {
        let mut options = PeerRequestOptions::no_options();
        if let Some(trace) = ask.traces.and_then(|traces| traces.current()) {
            let mut meta = RequestMetaObject::new();
            meta.set_traceparent(&trace.traceparent);
            if let Some(state) = &trace.tracestate {
                meta.set_tracestate(state);
            }
            options = options.with_meta(meta);
        }
        let mut moves = self.fate.moves();
        let sent = self.peer.send_request_with_option(request, options).await;
        let handle = sent.map_err(|error| failure::of_request(&self.server, &error, &self.fate))?;
        telemetry::sent(span, &handle.id);
        let mut open = Open { peer: &self.peer, handle: Some(handle) };
        let routed = open.handle.as_ref().zip(ask.progress.clone());
        let _routed = routed.map(|(handle, sink)| self.routes.route(handle.progress_token.clone(), sink));
        let silent =
            async { while let Ok(Ok(())) = tokio::time::timeout(ask.idle, moves.changed()).await {} };
        let answered = async {
            match &mut open.handle {
                Some(handle) => (&mut handle.rx).await.ok(),
                None => None,
            }
        };
        let error = tokio::select! {
            biased;
            answer = answered => {
                open.handle = None;
                return match answer {
                    Some(Ok(result)) => Ok(result),
                    Some(Err(error)) => {
                        telemetry::refused(span, &error);
                        Err(failure::of_request(&self.server, &error, &self.fate))
                    }
                    None => Err(Error::ended(&self.server, self.ended().await)),
                };
            }
            () = self.fate.ended() => {
                open.handle = None;
                return Err(Error::ended(&self.server, self.fate.why()));
            }
            () = ask.cancel.cancelled() => Error::Cancelled { started: Started::Unknown },
            () = late => self.late("took", ask.timeout, "timeout"),
            () = silent => {
                let error = self.late("said nothing", ask.idle, "idle");
                self.abandon("it said nothing any more".to_owned());
                error
            }
        };
        open.cancel(&error.to_string()).await;
        Err(error)
    }

    /// How the connection ended, which may show a moment after it did.
    async fn ended(&self) -> String {
        let _ = tokio::time::timeout(CANCEL, self.fate.ended()).await;
        self.fate.why()
    }

    fn late(&self, what: &'static str, most: Duration, field: &'static str) -> Error {
        Error::Late { server: self.server.clone(), what, most, field }
    }
}

/// A request under way: the server is told if nobody waits for it any more.
struct Open<'a> {
    peer: &'a Peer<RoleClient>,
    handle: Option<RequestHandle<RoleClient>>,
}

impl Open<'_> {
    async fn cancel(mut self, why: &str) {
        if let Some(handle) = self.handle.take() {
            // A server that does not read its input is none to wait for.
            let _ = tokio::time::timeout(CANCEL, handle.cancel(Some(why.to_owned()))).await;
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let told = CancelledNotificationParam::new(
                Some(handle.id),
                Some("nobody waits for it any more".to_owned()),
            );
            // Polled once it is in line for the connection; there it goes on without us.
            let _ = self.peer.notify_cancelled(told).now_or_never();
        }
    }
}

impl rmcp::service::Service<RoleClient> for Shared {
    async fn handle_request(
        &self,
        request: rmcp::model::ServerRequest,
        context: rmcp::service::RequestContext<RoleClient>,
    ) -> Result<rmcp::model::ClientResult, rmcp::ErrorData> {
        rmcp::service::Service::handle_request(&*self.0, request, context).await
    }

    async fn handle_notification(
        &self,
        notification: rmcp::model::ServerNotification,
        context: rmcp::service::NotificationContext<RoleClient>,
    ) -> Result<(), rmcp::ErrorData> {
        rmcp::service::Service::handle_notification(&*self.0, notification, context).await
    }

    fn get_info(&self) -> rmcp::model::ClientConfig {
        rmcp::service::Service::get_info(&*self.0)
    }
}
