//! The use cases on top of the engine. Transports carry requests here and answers back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use ice_core::budget::{Budget, Payer, Period};
use ice_core::diagnostic::Diagnostics;
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, RunId, Tenant};
use ice_core::value::Value;

use super::keeping::{self, Keeping};
use super::memory::Arrivals;
use super::networks;
use super::uploads::Uploads;
use super::{
    Assembled, Assembly, Document, ForkRequest, Info, MAX_DOCUMENTS, MigrateRequest, Missing, PruneQuery,
    Refusal, Request, Response, Start,
};
use crate::engine::{
    self, Engine, Export, Fork, HOLDS_ONE, Migration, RedactedExport, Replayed, Retention, RunFilter,
};
use crate::events::{Feed, RunEvents};
use crate::journal::RunSummary;
use crate::workflow::{self, Plan};

/// Who asks, as the transport knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose runs they see.
    pub tenant: Tenant,
    /// Who they are.
    pub principal: Principal,
}

/// What a request gives: one answer, or several.
pub enum Reply {
    /// One answer.
    One(Response),
    /// Events, then [`Response::End`]. Dropping it ends it.
    Many(BoxStream<'static, Response>),
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(response) => response.fmt(f),
            Self::Many(_) => f.write_str("Many"),
        }
    }
}

/// Serves requests on an engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) engine: Engine,
    info: Info,
    uploads: Arc<Uploads>,
    keeping: Arc<Keeping>,
    arrivals: Arc<Arrivals>,
}

impl Control {
    /// Serves an engine. `info` is what [`Request::Info`] is answered with; the runs are filled in.
    #[must_use]
    pub fn new(engine: Engine, info: Info) -> Self {
        Self { engine, info, uploads: Arc::default(), keeping: Arc::default(), arrivals: Arc::default() }
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    #[cfg(test)]
    pub(super) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    #[cfg(test)]
    pub(super) fn keeping(&self) -> &Keeping {
        &self.keeping
    }

    /// Does what is asked, and answers as far as the [views](crate::engine::EngineBuilder::views) of the engine let it be seen.
    /// Cancel-safe, except that a dropped start, answer, cancel or resume may have been done.
    pub async fn call(&self, caller: &Caller, request: Request) -> Reply {
        match self.reply(caller, request).await {
            Reply::One(response) => Reply::One(self.seen(response)),
            Reply::Many(responses) => {
                let control = self.clone();
                many(responses.map(move |response| control.seen(response)))
            }
        }
    }

    /// What no other part of the engine has shown as it may be seen.
    fn seen(&self, response: Response) -> Response {
        let Response::Refused(mut refusal) = response else { return response };
        let views = self.engine.views();
        refusal.message = views.text(&refusal.message).into_owned();
        for diagnostics in &mut refusal.diagnostics {
            diagnostics.for_each(|diagnostic| {
                diagnostic.message = views.text(&diagnostic.message).into_owned();
            });
        }
        Response::Refused(refusal)
    }

    async fn reply(&self, caller: &Caller, request: Request) -> Reply {
        let Caller { tenant, principal } = caller;
        let answer = match request {
            Request::Info => Ok(Response::Info(Info { active: self.engine.active(), ..self.info.clone() })),
            Request::Start(start) => self.start(caller, *start).await,
            Request::List(query) => self.list(tenant, query.into()).await.map(|runs| Response::Runs { runs }),
            Request::Find { prefix } => self.find(tenant, &prefix).await.map(|runs| Response::Runs { runs }),
            Request::Show { run } => match self.engine.show(tenant, run).await {
                Ok(document) => Ok(Response::Run { document: Box::new(document) }),
                Err(error) => Err(error.into()),
            },
            Request::Events { run, after, follow } => {
                match self.engine.events(tenant, run, after, follow).await {
                    Ok(events) => return many(futures::stream::unfold(Some(events), run_event)),
                    Err(error) => Err(error.into()),
                }
            }
            Request::Feed { after } => match self.engine.feed(tenant, after) {
                Ok(feed) => return many(futures::stream::unfold(Some(feed), feed_event)),
                Err(error) => Err(error.into()),
            },
            Request::Cancel { run, reason } => {
                let reason = reason.map(|reason| self.engine.known().without(reason));
                let done = self.engine.cancel(tenant, run, principal, reason).await;
                done.map(|()| Response::Accepted { run }).map_err(Refusal::from)
            }
            Request::Answer { run, node, response, comment, id } => {
                let id = id.unwrap_or_else(|| self.engine.fresh_id());
                let reply = engine::Reply { node, response, comment, id };
                let done = Box::pin(self.engine.answer(tenant, run, reply, principal)).await;
                done.map(|()| Response::Accepted { run }).map_err(Refusal::from)
            }
            Request::Replay { run, documents } => Box::pin(self.replay(tenant, run, &documents)).await,
            Request::Fork(fork) => Box::pin(self.fork(caller, *fork)).await,
            Request::Schedule(start) => Box::pin(self.schedule(caller, *start)).await,
            Request::Schedules { network } => self.schedules(tenant, network.as_deref()).await,
            Request::Unschedule { network, forget } => self.unschedule(tenant, &network, forget).await,
            Request::Budgets => self.budgets(tenant).await,
            Request::SetBudget { payer, limit, per } => self.set_budget(tenant, &payer, limit, per).await,
            Request::Prune(query) => Box::pin(self.prune(tenant, query)).await,
            Request::Migrate(request) => Box::pin(self.migrate(caller, request)).await,
            Request::Export { run, redacted: true } => match self.engine.export_redacted(tenant, run).await {
                Ok(export) => return many(futures::stream::unfold(Some(export), redacted_piece)),
                Err(error) => Err(error.into()),
            },
            Request::Export { run, redacted: false } => match self.engine.export(tenant, run).await {
                Ok(export) => return many(futures::stream::unfold(Some(export), piece)),
                Err(error) => Err(error.into()),
            },
            Request::Import(piece) => Box::pin(self.uploads.take(&self.engine, caller, piece)).await,
            Request::Keep(piece) => Box::pin(self.keeping.take(&self.engine, caller, piece)).await,
            Request::Memory(request) => return Box::pin(self.memory(caller, request)).await,
            Request::Resume { run, in_doubt } => {
                let done = self.engine.resume(tenant, run, principal, in_doubt).await;
                done.map(|_| Response::Accepted { run }).map_err(Refusal::from)
            }
        };
        Reply::One(answer.unwrap_or_else(Response::Refused))
    }

    async fn budgets(&self, tenant: &Tenant) -> Result<Response, Refusal> {
        Ok(Response::Budgets { budgets: self.engine.budgets(tenant).await? })
    }

    async fn set_budget(
        &self,
        tenant: &Tenant,
        payer: &Payer,
        limit: Option<Budget>,
        per: Option<Period>,
    ) -> Result<Response, Refusal> {
        let budgets = match limit {
            Some(limit) => vec![self.engine.set_budget(tenant, payer, limit, per).await?],
            None => self.engine.remove_budget(tenant, payer).await?.into_iter().collect(),
        };
        Ok(Response::Budgets { budgets })
    }

    async fn list(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<RunSummary>, Refusal> {
        Ok(self.engine.list(tenant, &filter).await?)
    }

    async fn start(&self, caller: &Caller, start: Start) -> Result<Response, Refusal> {
        let Start { documents, inputs, options } = start;
        let blobs = keeping::named(&self.engine, &inputs).await?;
        let assembled = self.assemble(&documents)?;
        let (plan, inputs, options) = match &assembled.network {
            Some(network) => networks::on_demand(network, &assembled, inputs, options)?,
            None => (compiled(&assembled)?, inputs, options),
        };
        let Caller { tenant, principal } = caller;
        let handle = self.engine.start(&plan, inputs, options, principal, tenant).await?;
        self.keeping.release(tenant, &blobs);
        Ok(Response::Started { run: handle.id() })
    }

    async fn replay(&self, tenant: &Tenant, run: RunId, documents: &[Document]) -> Result<Response, Refusal> {
        let plan = if documents.is_empty() { None } else { Some(self.compile(documents)?) };
        let Replayed { records, divergence } = self.engine.replay(tenant, run, plan.as_ref()).await?;
        Ok(Response::Replayed { records, divergence: divergence.map(Into::into) })
    }

    async fn prune(&self, tenant: &Tenant, query: PruneQuery) -> Result<Response, Refusal> {
        let PruneQuery { older_than_ms, status, keep, dry_run } = query;
        let before = self.engine.now().before(Duration::from_millis(older_than_ms));
        self.keeping.tidy(&self.engine);
        let retention = Retention { before, status, keep, dry_run };
        Ok(Response::Pruned(self.engine.prune(tenant, &retention).await?))
    }

    async fn migrate(&self, caller: &Caller, request: MigrateRequest) -> Result<Response, Refusal> {
        let MigrateRequest { run, documents, check } = request;
        let Caller { tenant, principal } = caller;
        let plan = self.compile(&documents)?;
        let Migration { records, record } = if check {
            self.engine.can_migrate(tenant, run, &plan).await?
        } else {
            self.engine.migrate(tenant, run, &plan, principal).await?
        };
        Ok(Response::Migrated { run, records, record })
    }

    async fn fork(&self, caller: &Caller, fork: ForkRequest) -> Result<Response, Refusal> {
        let ForkRequest { run, at, documents, inputs, set, budget, idempotency_key } = fork;
        let Caller { tenant, principal } = caller;
        let (Some(inputs), Some(set)) = (inputs.as_map(), set.as_map()) else {
            return Err(Refusal::new(ErrorCode::InputInvalid, "`inputs` and `set` are objects"));
        };
        let blobs = keeping::named(&self.engine, &Value::from(inputs.clone())).await?;
        let plan = match (documents.is_empty(), set.is_empty()) {
            (true, true) => None,
            (false, true) => Some(self.compile(&documents)?),
            (true, false) => {
                let changes: Vec<_> =
                    set.iter().map(|(path, value)| (path.to_string(), value.clone())).collect();
                Some(self.engine.plan_with(tenant, run, &changes).await?)
            }
            (false, false) => {
                let message = "fields are changed in the blueprint of the run; with another one, change that";
                return Err(Refusal::new(ErrorCode::InputInvalid, message));
            }
        };
        let inputs = if inputs.is_empty() {
            None
        } else {
            let mut all =
                self.engine.document(tenant, run).await?.inputs.as_map().cloned().unwrap_or_default();
            all.extend(inputs.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
            Some(Value::from(all))
        };
        let handle = self
            .engine
            .fork(tenant, run, Fork { at, plan, inputs, budget, idempotency_key }, principal)
            .await?;
        self.keeping.release(tenant, &blobs);
        Ok(Response::Started { run: handle.id() })
    }

    /// The plan that documents make.
    fn compile(&self, documents: &[Document]) -> Result<Arc<Plan>, Refusal> {
        let assembled = self.assemble(documents)?;
        match &assembled.network {
            Some(network) => networks::plan(network, &assembled),
            None => compiled(&assembled),
        }
    }

    /// What documents make, if nothing is wrong with them.
    pub(super) fn assemble(&self, documents: &[Document]) -> Result<Assembled, Refusal> {
        let registry = self.engine.registry();
        let mut assembly = Assembly::new(registry);
        let mut wanted = Vec::new();
        if documents.is_empty() || documents.len() > MAX_DOCUMENTS {
            let message = format!("a run is started with 1 to {MAX_DOCUMENTS} documents");
            return Err(Refusal::new(ErrorCode::InputInvalid, message));
        }
        let known = self.engine.known();
        if let Some(document) = documents.iter().find(|document| known.are_in_text(&document.text)) {
            let message = format!("`{}` {HOLDS_ONE}", document.name);
            return Err(Refusal::new(ErrorCode::InputInvalid, message));
        }
        for document in documents {
            wanted.extend(assembly.add(document));
        }
        for name in wanted {
            if !assembly.has(&name) {
                let message = format!("there is no blueprint `{name}`");
                assembly.miss(&name, Missing { code: ErrorCode::UnknownBlueprint, message, advice: None });
            }
        }
        let assembled = assembly.check(crate::executable_kinds());
        if assembled.checked.is_none() {
            return Err(invalid(assembled.diagnostics()));
        }
        Ok(assembled)
    }

    /// The newest runs whose ids begin with a text, at most two.
    async fn find(&self, tenant: &Tenant, prefix: &str) -> Result<Vec<RunSummary>, Refusal> {
        const PAGE: usize = 1_000;
        let prefix = prefix.to_ascii_lowercase();
        let mut found = Vec::new();
        let mut before: Option<RunId> = None;
        loop {
            let filter = RunFilter { before, limit: PAGE, ..RunFilter::default() };
            let page = self.list(tenant, filter).await?;
            let full = page.len() == PAGE;
            before = page.last().map(|summary| summary.id);
            found.extend(page.into_iter().filter(|summary| summary.id.to_string().starts_with(&prefix)));
            found.truncate(2);
            if found.len() == 2 || !full {
                return Ok(found);
            }
        }
    }
}

fn compiled(assembled: &Assembled) -> Result<Arc<Plan>, Refusal> {
    let Some(checked) = &assembled.checked else { return Err(invalid(assembled.diagnostics())) };
    let lock = assembled.parts.first().and_then(|part| part.reading.lock.as_ref());
    workflow::compile_locked(checked, lock, &assembled.registry)
        .map_err(|error| Refusal::new(error.code(), error.to_string()))
}

pub(super) fn invalid(diagnostics: Vec<Diagnostics>) -> Refusal {
    let first = diagnostics.iter().flat_map(Diagnostics::errors).next();
    let message = first.map_or_else(|| "the blueprint is not valid".to_owned(), ToString::to_string);
    Refusal { code: ErrorCode::BlueprintInvalid, message, diagnostics }
}

fn many(responses: impl Stream<Item = Response> + Send + 'static) -> Reply {
    Reply::Many(responses.boxed())
}

/// The next event of a run, or [`Response::End`] once.
async fn run_event(events: Option<RunEvents>) -> Option<(Response, Option<RunEvents>)> {
    let mut events = events?;
    Some(match events.next().await {
        Ok(Some(event)) => (Response::Event { event }, Some(events)),
        Ok(None) => (Response::End, None),
        Err(error) => (Response::Refused(error.into()), None),
    })
}

/// The next piece of a run's file, or [`Response::End`] once.
async fn piece(export: Option<Export>) -> Option<(Response, Option<Export>)> {
    let mut export = export?;
    Some(match export.next().await {
        Ok(Some(bytes)) => (Response::Piece { data: BASE64_STANDARD.encode(bytes) }, Some(export)),
        Ok(None) => (Response::End, None),
        Err(error) => (Response::Refused(error.into()), None),
    })
}

/// The next piece of a redacted copy of a run, or [`Response::End`] once.
async fn redacted_piece(export: Option<RedactedExport>) -> Option<(Response, Option<RedactedExport>)> {
    let mut export = export?;
    Some(match export.next().await {
        Ok(Some(bytes)) => (Response::Piece { data: BASE64_STANDARD.encode(bytes) }, Some(export)),
        Ok(None) => (Response::End, None),
        Err(error) => (Response::Refused(error.into()), None),
    })
}

/// The next event of a feed.
async fn feed_event(feed: Option<Feed>) -> Option<(Response, Option<Feed>)> {
    let mut feed = feed?;
    Some(match feed.next().await {
        Ok(Some(event)) => (Response::Event { event }, Some(feed)),
        Ok(None) => (Response::End, None),
        Err(error) => (Response::Refused(error.into()), None),
    })
}
