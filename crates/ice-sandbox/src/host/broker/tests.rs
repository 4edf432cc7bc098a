//! Names whose addresses are not what they were, or not what they should be.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::reach::{Network, System};
use super::serve::Broker;
use crate::policy::Endpoint;
use crate::report::Traffic;

/// A port that the endpoint is granted with; where it leads, the network of the test decides.
const PORT: u16 = 80;

/// Addresses of the open internet, of which the first answers in the network of the test and the second does not.
const PUBLIC: &str = "93.184.216.34";
const SILENT: &str = "8.8.8.8";

/// Addresses that a name must not lead to.
const FORBIDDEN: [&str; 12] = [
    "127.0.0.1",
    "127.77.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "fd00::1",
];

/// A network in which every address but one that is silent answers: the public one is a host of its own, and whatever else
/// is connected to is this machine. Each name is resolved to the next of the answers.
#[derive(Debug)]
struct Scripted {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    connected: Mutex<Vec<SocketAddr>>,
    public: SocketAddr,
    own: SocketAddr,
}

#[async_trait]
impl Network for Scripted {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(host, "host.example");
        self.answers.lock().unwrap().pop_front().ok_or(io::ErrorKind::NotFound.into())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.connected.lock().unwrap().push(address);
        let ip = address.ip().to_string();
        if ip == SILENT {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        TcpStream::connect(if ip == PUBLIC { self.public } else { self.own }).await
    }
}

/// A cage with one way out, and who listens where it may lead.
struct Scene {
    network: Arc<Scripted>,
    broker: Broker,
    inside: SocketAddr,
    public: TcpListener,
    own: TcpListener,
    /// The launcher, which says nothing.
    _launcher: UnixStream,
}

/// What was to be seen in the end.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Who was reached by each connection of the command, if anybody.
    reached: Vec<&'static str>,
    /// Connections that came to this machine, whatever became of them.
    own: usize,
    /// The addresses that were connected to, in this order.
    connected: Vec<String>,
}

impl Scene {
    async fn new(endpoint: Endpoint, answers: &[&[&str]]) -> Self {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (public, own) = (listen().await.unwrap(), listen().await.unwrap());
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let network = Arc::new(Scripted {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            connected: Mutex::default(),
            public: public.local_addr().unwrap(),
            own: own.local_addr().unwrap(),
        });
        let (inside, broker, launcher) = broker(Arc::clone(&network) as Arc<dyn Network>, endpoint);
        Self { network, broker, inside, public, own, _launcher: launcher }
    }

    /// Connects as the command does, so many times, one after another.
    async fn seen(self, times: usize) -> (Seen, Traffic) {
        let mut reached = Vec::new();
        let answer = async |listener: &TcpListener, name: &str| loop {
            let (mut came, _) = listener.accept().await.unwrap();
            came.write_all(name.as_bytes()).await.unwrap();
        };
        for _ in 0..times {
            let mut said = String::new();
            let ask = async {
                let mut command = TcpStream::connect(self.inside).await.unwrap();
                // One that is refused is told so by a reset.
                let _ = command.read_to_string(&mut said).await;
            };
            tokio::select! {
                () = ask => {}
                never = answer(&self.public, "public") => never,
                never = answer(&self.own, "own") => never,
            }
            reached.push(match said.as_str() {
                "public" => "public",
                "own" => "own",
                _ => "nobody",
            });
        }
        let own = reached.iter().filter(|who| **who == "own").count();
        // Nobody has come who was not answered.
        let waits = self.own.into_std().unwrap().accept();
        assert_eq!(waits.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(self.network.answers.lock().unwrap().is_empty(), "not every answer was asked for");
        let connected = self.network.connected.lock().unwrap().iter().map(SocketAddr::to_string).collect();
        let traffic = self.broker.traffic().pop().unwrap();
        (Seen { reached, own, connected }, traffic)
    }
}

/// A broker of one way out, with the address at which the command connects to it.
fn broker(network: Arc<dyn Network>, endpoint: Endpoint) -> (SocketAddr, Broker, UnixStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let inside = listener.local_addr().unwrap();
    let (launcher, theirs) = UnixStream::pair().unwrap();
    let broker = Broker::into(network, vec![(endpoint, listener.into())], Arc::new(launcher)).unwrap();
    (inside, broker, theirs)
}

fn endpoint() -> Endpoint {
    Endpoint { host: "host.example".to_owned(), port: PORT, private: false }
}

/// One connection for each answer reaches these, and connects to these addresses.
async fn check(endpoint: Endpoint, answers: &[&[&str]], reached: &[&'static str], connected: &[&str]) {
    let (seen, traffic) = Scene::new(endpoint, answers).await.seen(answers.len()).await;
    let at = |address: &&str| SocketAddr::new(address.parse().unwrap(), PORT).to_string();
    let expected = Seen {
        reached: reached.to_vec(),
        own: reached.iter().filter(|who| **who == "own").count(),
        connected: connected.iter().map(at).collect(),
    };
    assert_eq!(seen, expected, "{answers:?}");
    let nobody = reached.iter().filter(|who| **who == "nobody").count() as u64;
    assert_eq!((traffic.connections + traffic.refused, traffic.refused), (answers.len() as u64, nobody));
}

#[tokio::test]
async fn a_name_that_stands_for_a_public_address_is_reached_there() {
    check(endpoint(), &[&[PUBLIC]], &["public"], &[PUBLIC]).await;
    // An address is looked at in either form.
    check(endpoint(), &[&[&format!("::ffff:{PUBLIC}")]], &["own"], &[&format!("::ffff:{PUBLIC}")]).await;
}

#[tokio::test]
async fn a_name_that_stands_for_an_address_that_is_not_public_reaches_nobody() {
    for forbidden in FORBIDDEN {
        check(endpoint(), &[&[forbidden]], &["nobody"], &[]).await;
        // The control: what would be reached is there.
        check(endpoint().private(), &[&[forbidden]], &["own"], &[forbidden]).await;
    }
}

#[tokio::test]
async fn a_name_that_comes_to_stand_for_another_address_is_looked_at_again() {
    for forbidden in FORBIDDEN {
        let answers: [&[&str]; 3] = [&[PUBLIC], &[forbidden], &[PUBLIC]];
        check(endpoint(), &answers, &["public", "nobody", "public"], &[PUBLIC, PUBLIC]).await;
    }
}

#[tokio::test]
async fn of_several_addresses_only_public_ones_are_connected_to() {
    for forbidden in FORBIDDEN {
        check(endpoint(), &[&[forbidden, PUBLIC]], &["public"], &[PUBLIC]).await;
        check(endpoint(), &[&[PUBLIC, forbidden]], &["public"], &[PUBLIC]).await;
        // A public one that does not answer is no reason to try the other.
        check(endpoint(), &[&[SILENT, forbidden]], &["nobody"], &[SILENT]).await;
        check(endpoint(), &[&[forbidden, SILENT, forbidden, PUBLIC]], &["public"], &[SILENT, PUBLIC]).await;
    }
}

#[tokio::test]
async fn each_connection_resolves_its_name_once_and_connects_to_what_came() {
    // Whoever resolves it once more, between the look and the connection, takes the answer of the next connection.
    let answers: [&[&str]; 4] = [&[SILENT, PUBLIC], &["127.0.0.1"], &[PUBLIC], &["169.254.169.254"]];
    let reached = ["public", "nobody", "public", "nobody"];
    check(endpoint(), &answers, &reached, &[SILENT, PUBLIC, PUBLIC]).await;
}

#[tokio::test]
async fn however_the_system_is_told_loopback_nobody_is_reached() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The system's resolver takes numbers for addresses that are none to whoever reads them.
    for host in ["localhost", "2130706433", "127.1", "0x7f000001", "0177.0.0.1"] {
        let endpoint = Endpoint { host: host.to_owned(), port, private: false };
        for (endpoint, arrives) in [(endpoint.clone(), false), (endpoint.private(), true)] {
            let (inside, broker, _launcher) = broker(Arc::new(System), endpoint);
            let mut command = TcpStream::connect(inside).await.unwrap();
            // Who is refused is told so; who is not is waited for by the listener.
            let refused = tokio::select! {
                read = command.read_u8() => read.is_err(),
                came = listener.accept() => came.is_err(),
            };
            assert_eq!(refused, !arrives, "{host}");
            assert_eq!(broker.traffic().pop().unwrap().refused, u64::from(refused), "{host}");
        }
    }
}
