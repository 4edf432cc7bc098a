//! Taking the connections of a cage, and making those to the hosts.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::carry::{Run, carry};
use super::reach::{Network, System, reach};
use crate::policy::Endpoint;
use crate::report::Traffic;

/// Connections of one cage at a time.
const MOST: usize = 128;

/// How long what was sent at last may be under way after the end of a run.
const LAST: Duration = Duration::from_secs(2);

/// Carries the connections of one cage. Dropping it cuts them.
#[derive(Debug)]
pub(in super::super) struct Broker {
    counts: Vec<(Endpoint, Arc<Counts>)>,
    run: Run,
    deadline: Option<tokio::time::Instant>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    refused: AtomicU64,
    /// Connections that have ended as they should.
    whole: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Broker {
    /// Takes what comes at these sockets for these endpoints. The launcher tells over its socket how the run ends.
    pub(in super::super) fn new(
        sockets: Vec<(Endpoint, OwnedFd)>,
        launcher: Arc<UnixStream>,
    ) -> io::Result<Self> {
        Self::into(Arc::new(System), sockets, launcher)
    }

    /// The same, into this network.
    pub(super) fn into(
        network: Arc<dyn Network>,
        sockets: Vec<(Endpoint, OwnedFd)>,
        launcher: Arc<UnixStream>,
    ) -> io::Result<Self> {
        let run = Run::new(launcher);
        let seats = Arc::new(Semaphore::new(MOST));
        let (mut counts, mut tasks) = (Vec::new(), JoinSet::new());
        for (endpoint, socket) in sockets {
            let listener = std::net::TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let count = Arc::new(Counts::default());
            counts.push((endpoint.clone(), Arc::clone(&count)));
            let way = Way { endpoint, network: Arc::clone(&network), counts: count, run: run.clone() };
            tasks.spawn(serve(listener, way, Arc::clone(&seats)));
        }
        Ok(Self { counts, run, deadline: None, tasks })
    }

    /// Hands on what is under way after the end of a run, for a short time at most; what is left then is cut off.
    /// Cancel-safe.
    pub(in super::super) async fn finish(&mut self) {
        self.run.over.cancel();
        let deadline = *self.deadline.get_or_insert_with(|| tokio::time::Instant::now() + LAST);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, finished).await.is_err() {
            tracing::warn!("what a cage sent at last was not taken in time");
            self.tasks.shutdown().await;
        }
    }

    /// Cuts all connections. Cancel-safe.
    pub(in super::super) async fn cut(&mut self) {
        self.tasks.shutdown().await;
    }

    /// What was carried so far, endpoint by endpoint.
    pub(in super::super) fn traffic(&self) -> Vec<Traffic> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let each = self.counts.iter().map(|(endpoint, counts)| Traffic {
            endpoint: endpoint.to_string(),
            connections: of(&counts.connections),
            refused: of(&counts.refused),
            sent: of(&counts.sent),
            received: of(&counts.received),
            cut: of(&counts.connections).saturating_sub(of(&counts.whole)),
        });
        each.collect()
    }
}

/// What the connections to one endpoint have in common.
#[derive(Clone, Debug)]
struct Way {
    endpoint: Endpoint,
    network: Arc<dyn Network>,
    counts: Arc<Counts>,
    run: Run,
}

/// Takes the connections to one endpoint until the run is over, and then those that wait already.
async fn serve(listener: TcpListener, way: Way, seats: Arc<Semaphore>) {
    // They end with the broker.
    let mut connections = JoinSet::new();
    let one = async |inside: TcpStream, connections: &mut JoinSet<()>| {
        // Those that wait for a seat are few: one for each endpoint.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let way = way.clone();
        connections.spawn(async move {
            through(inside, &way).await;
            drop(seat);
        });
    };
    loop {
        tokio::select! {
            biased;
            () = way.run.over.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((inside, _)) => one(inside, &mut connections).await,
                Err(error) => {
                    tracing::warn!(endpoint = %way.endpoint, %error, "a connection out of a cage could not be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    // Nobody is left who could make another one.
    if let Ok(listener) = listener.into_std() {
        while let Ok((inside, _)) = listener.accept() {
            let prepared = inside.set_nonblocking(true).and_then(|()| TcpStream::from_std(inside));
            if let Ok(inside) = prepared {
                one(inside, &mut connections).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn through(inside: TcpStream, Way { endpoint, network, counts, run }: &Way) {
    match reach(endpoint, &**network).await {
        Ok(outside) => {
            counts.connections.fetch_add(1, Ordering::Relaxed);
            match carry(inside, outside, run, (&counts.sent, &counts.received)).await {
                Ok(()) => drop(counts.whole.fetch_add(1, Ordering::Relaxed)),
                Err(error) => tracing::info!(%endpoint, %error, "a connection out of a cage was cut"),
            }
        }
        Err(error) => {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            // The command has been told already that it is connected, so it is told that it is no more.
            let _ = inside.set_zero_linger();
            tracing::info!(%endpoint, %error, "a connection out of a cage was refused");
        }
    }
}
