//! The connection to the server: made when it is needed, checked before it is used, given up when it breaks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Pipeline, Value};
use ice_core::store::{CommitSeq, Durability, Loss, StoreError};
use ice_core::time::{IdSource, SystemIds};
use tokio::time::{Instant, sleep, timeout};

use super::failure::Fault;
use super::options::Options;
use super::script::Scripts;
use super::server::Server;

/// The format of what is kept in the server.
const FORMAT: &str = "ice-redis 1";
/// Numbers left out after the server was started again: more than it can have forgotten.
const LEFT_OUT: u64 = 1 << 20;
/// How long a failure to connect is the answer to all who ask.
const REMEMBERED: Duration = Duration::from_millis(50);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The way to one server.
pub(super) struct Link {
    client: Client,
    pub(super) options: Options,
    pub(super) place: String,
    pub(super) scripts: Scripts,
    pub(super) keys: Keys,
    /// What is known of the store; nothing for blobs.
    known: Option<Known>,
    state: tokio::sync::Mutex<State>,
    server: Mutex<Option<Server>>,
}

/// The keys of a store in the server.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) meta: String,
    pub(super) values: String,
    pub(super) keys: String,
    pub(super) changes: String,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    made: u64,
    failed: Option<(Instant, Fault)>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    number: u64,
}

/// What a handle knows of its store, by which it sees that the server has lost something.
#[derive(Debug, Default)]
struct Known {
    /// The epoch of the store, and the run of the server that was seen last.
    epoch: Mutex<Option<(String, String)>>,
    /// The newest commit that was seen.
    newest: AtomicU64,
    lost: Mutex<Option<StoreError>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// A way to the server, for a store or for blobs. Nothing is sent yet.
    pub(super) fn new(options: Options, store: bool) -> Result<Self, StoreError> {
        let place = options.place();
        let failed = |error| Fault::of(&place, "opening", &error).error;
        let client = Client::open(options.info.clone()).map_err(failed)?;
        let key = |what| options.key(what);
        let keys =
            Keys { meta: key("meta"), values: key("values"), keys: key("keys"), changes: key("changes") };
        Ok(Self {
            client,
            place,
            scripts: Scripts::default(),
            keys,
            known: store.then(Known::default),
            state: tokio::sync::Mutex::default(),
            server: Mutex::new(None),
            options,
        })
    }

    /// A connection of its own, for who waits on it.
    pub(super) async fn separate(&self) -> Result<MultiplexedConnection, Fault> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let made = self.client.get_multiplexed_async_connection_with_config(&config);
        match timeout(self.options.connect_timeout, made).await {
            Ok(made) => made.map_err(|error| Fault::of(&self.place, "connecting", &error)),
            Err(_) => Err(Fault::late(&self.place, "connecting", self.options.connect_timeout)),
        }
    }

    /// Sends commands and reads their answers, over a new connection if the old one broke: whatever is sent may arrive twice.
    /// `make` is called for each attempt with the epoch of the store and the newest commit that is known.
    ///
    /// Bounded by the time-out of a call. Cancel-safe: what was sent may have happened.
    pub(super) async fn ask(
        &self,
        what: &str,
        make: impl Fn(&str, &str) -> Pipeline + Sync,
    ) -> Result<Vec<Value>, Fault> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(lost) = self.lost() {
                return Err(Fault::lasting(lost));
            }
            let left = self.options.call_timeout.saturating_sub(started.elapsed());
            let fault = match timeout(left, self.once(what, &make)).await {
                Ok(Ok(answers)) => return Ok(answers),
                Ok(Err(fault)) => fault,
                Err(_) => {
                    // It hangs; the next one begins anew.
                    self.give_up(None).await;
                    Fault::late(&self.place, what, self.options.call_timeout)
                }
            };
            if !fault.passing
                || started.elapsed() + pause >= self.options.patience.min(self.options.call_timeout)
            {
                return Err(fault);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once(
        &self,
        what: &str,
        make: &(impl Fn(&str, &str) -> Pipeline + Sync),
    ) -> Result<Vec<Value>, Fault> {
        let mut live = self.live().await?;
        let (epoch, newest) = match &self.known {
            Some(known) => {
                let epoch = lock(&known.epoch).as_ref().map(|(epoch, _)| epoch.clone()).unwrap_or_default();
                (epoch, known.newest.load(Ordering::Acquire).to_string())
            }
            None => (String::new(), String::new()),
        };
        let mut asked = make(&epoch, &newest);
        // An error among the answers is looked at by itself: it says more than one about all of them.
        asked.ignore_errors();
        let answers = asked.query_async::<Vec<Value>>(&mut live.connection).await;
        let answers = answers.and_then(|answers| answers.into_iter().map(Value::extract_error).collect());
        match answers {
            Ok(answers) => Ok(answers),
            Err(error) => {
                let fault = Fault::of(&self.place, what, &error);
                if fault.passing {
                    self.give_up(Some(live.number)).await;
                }
                Err(fault)
            }
        }
    }

    /// Lets a connection go, if it is still the one in use.
    async fn give_up(&self, number: Option<u64>) {
        let mut state = self.state.lock().await;
        if number.is_none_or(|number| state.live.as_ref().is_some_and(|live| live.number == number)) {
            state.live = None;
        }
    }

    async fn live(&self) -> Result<Live, Fault> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        if let Some((at, fault)) = &state.failed
            && at.elapsed() < REMEMBERED
        {
            return Err(fault.clone());
        }
        match timeout(self.options.connect_timeout, self.connect()).await {
            Ok(Ok(connection)) => {
                state.made += 1;
                let live = Live { connection, number: state.made };
                (state.live, state.failed) = (Some(live.clone()), None);
                Ok(live)
            }
            Ok(Err(fault)) => {
                state.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
            Err(_) => {
                let fault = Fault::late(&self.place, "connecting", self.options.connect_timeout);
                state.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// A new connection to a server that was found to be good.
    async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let mut connection = self.separate().await?;
        let server = self.inspect(&mut connection).await?;
        let loaded = self.scripts.load().query_async::<Vec<Value>>(&mut connection).await;
        loaded.map_err(|error| Fault::of(&self.place, "preparing", &error))?;
        if let Some(known) = &self.known {
            self.adopt(known, &server, &mut connection).await?;
        }
        Ok(connection)
    }

    async fn inspect(&self, connection: &mut MultiplexedConnection) -> Result<Server, Fault> {
        let found = Server::inspect(connection, &self.place).await;
        *lock(&self.server) = found.as_ref().ok().cloned();
        found
    }

    /// Reads again what the server promises. A server that is no longer good, or another one, gets a new connection or none.
    pub(super) async fn inspect_again(&self) -> Result<(), Fault> {
        let live = self.live().await?;
        let mut connection = live.connection.clone();
        let before = lock(&self.server).as_ref().map(|server| server.run.clone());
        let checked = match timeout(self.options.call_timeout, self.inspect(&mut connection)).await {
            Ok(Ok(server)) if Some(&server.run) == before.as_ref() => return Ok(()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                Err(Fault::late(&self.place, "asking what the server promises", self.options.call_timeout))
            }
        };
        self.give_up(Some(live.number)).await;
        checked
    }

    async fn adopt(
        &self,
        known: &Known,
        server: &Server,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Fault> {
        let (epoch, run) = lock(&known.epoch).clone().unwrap_or_default();
        let newest = known.newest.load(Ordering::Acquire);
        let Keys { meta, values, keys, changes } = &self.keys;
        let mut command = self.scripts.adopt.call(&[meta, values, keys, changes]);
        command.arg(FORMAT).arg(SystemIds.uuid().to_string()).arg(&server.run).arg(LEFT_OUT);
        command.arg(if self.options.create { "1" } else { "0" }).arg(epoch).arg(run).arg(newest);
        let answer: Vec<String> = command
            .query_async(connection)
            .await
            .map_err(|error| Fault::of(&self.place, "opening the store", &error))?;
        let unavailable = |what: String| Fault::lasting(StoreError::Unavailable { what, source: None });
        let name = &self.options.name;
        match answer.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["ok", epoch, seq] => {
                *lock(&known.epoch) = Some(((*epoch).to_owned(), server.run.clone()));
                known.newest.fetch_max(seq.parse().unwrap_or(0), Ordering::AcqRel);
                Ok(())
            }
            ["lost", had] => Err(Fault::lasting(self.lose(had))),
            ["absent"] => Err(unavailable(format!(
                "{} has no store {name:?}; if it had one, the server has lost its data, else open it without asking for an \
                 existing one",
                self.place
            ))),
            ["format", found] => Err(Fault::lasting(StoreError::Format {
                found: format!("of the store {name:?} in {} says {found:?}", self.place),
                supported: FORMAT.to_owned(),
            })),
            _ => Err(Fault::lasting(StoreError::Corrupt {
                what: format!(
                    "the store {name:?} in {}: its values are there, but what describes them is gone",
                    self.place
                ),
            })),
        }
    }

    /// From now on every call is refused: the server has forgotten commits. `had` is the newest it still has, if any.
    pub(super) fn lose(&self, had: &str) -> StoreError {
        let Some(known) = &self.known else {
            return StoreError::Corrupt { what: format!("the store in {}", self.place) };
        };
        let newest = known.newest.load(Ordering::Acquire);
        let first = had.parse::<u64>().unwrap_or(0).saturating_add(1).min(newest.max(1));
        let place = format!("{} (the store {:?})", self.place, self.options.name);
        let numbers = newest.saturating_sub(first).saturating_add(1);
        let lost = StoreError::Lost(Loss::new(place, first, newest.max(first), numbers));
        lock(&known.lost).get_or_insert(lost).clone()
    }

    /// The epoch of the store, once a connection was made.
    pub(super) fn epoch(&self) -> Option<String> {
        let epoch = lock(&self.known.as_ref()?.epoch);
        epoch.as_ref().map(|(epoch, _)| epoch.clone())
    }

    /// What is said once commits are lost.
    pub(super) fn lost(&self) -> Option<StoreError> {
        self.known.as_ref().and_then(|known| lock(&known.lost).clone())
    }

    /// The newest commit that was seen.
    pub(super) fn newest(&self) -> u64 {
        self.known.as_ref().map_or(0, |known| known.newest.load(Ordering::Acquire))
    }

    /// Remembers that a commit was seen.
    pub(super) fn saw(&self, seq: CommitSeq) {
        if let Some(known) = &self.known {
            known.newest.fetch_max(seq.0, Ordering::AcqRel);
        }
    }

    /// What the server promised when it was asked last; nothing while it is not known to be good.
    pub(super) fn promises(&self) -> (Durability, bool) {
        lock(&self.server)
            .as_ref()
            .map_or((Durability::Buffered, false), |server| (server.durability, server.persistent))
    }

    /// Notes that the server cannot be reached: nothing is promised until it is.
    pub(super) fn nothing_is_promised(&self) {
        *lock(&self.server) = None;
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A link that tasks share.
pub(super) type Shared = Arc<Link>;
