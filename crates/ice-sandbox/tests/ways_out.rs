//! The way out of a cage: what was granted is reached, and nothing else.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ice_sandbox::{
    Command, Endpoint, Layer, Profile, ResourceSandbox, RunReport, SandboxPolicy, Stage, Verdict,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server on this machine that answers each connection with what it was sent, and counts them.
struct Echo {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut text = vec![0; 64];
                let read = stream.read(&mut text).await.unwrap_or(0);
                // Whoever asked may be gone.
                let _ = stream.write_all(text.get(..read).unwrap()).await;
            }
        });
        Self { port, accepted }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// A server on this machine that reads what it is sent, a while after it was sent, and tells how much that was and how it
/// ended.
struct Sink {
    port: u16,
    heard: tokio::task::JoinHandle<(usize, Result<(), std::io::ErrorKind>)>,
}

impl Sink {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        #[expect(clippy::disallowed_methods, reason = "it is joined by its test")]
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut all = Vec::new();
            let end = stream.read_to_end(&mut all).await;
            (all.len(), end.map(drop).map_err(|error| error.kind()))
        });
        Self { port, heard }
    }
}

/// Says `text` to a host and port, and prints the answer; in the shell that has sockets.
fn say(host: &str, port: u16, text: &str) -> Command {
    let script = format!("exec 3<>/dev/tcp/{host}/{port} && echo {text} >&3 && head -n 1 <&3");
    Command::new("bash").args(["-c", &script])
}

async fn run(command: &Command, endpoints: &[Endpoint]) -> RunReport {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    let policy = endpoints
        .iter()
        .cloned()
        .fold(SandboxPolicy::of(Profile::Shell), |policy, endpoint| policy.connect(endpoint));
    sandbox.run(command, &policy.build().unwrap(), &CancellationToken::new()).await
}

fn endpoint(host: &str, port: u16) -> Endpoint {
    format!("{host}:{port}").parse().unwrap()
}

#[tokio::test]
async fn a_granted_endpoint_is_reached_by_its_address_and_by_its_name() {
    let echo = Echo::start().await;
    for host in ["127.0.0.1", "localhost"] {
        let report = run(&say(host, echo.port, "hello"), &[endpoint(host, echo.port).private()]).await;
        assert_eq!((&report.verdict, report.stdout.text().as_str()), (&Verdict::Ok, "hello\n"), "{report:?}");
        let [traffic] = report.traffic.as_slice() else { panic!("{report:?}") };
        assert_eq!((traffic.connections, traffic.refused, traffic.sent, traffic.received), (1, 0, 6, 6));
    }
    assert_eq!(echo.accepted(), 2);
}

#[tokio::test]
async fn another_port_of_a_granted_host_is_not_reached() {
    let (granted, other) = (Echo::start().await, Echo::start().await);
    let endpoints = [endpoint("127.0.0.1", granted.port).private()];
    let report = run(&say("127.0.0.1", other.port, "hello"), &endpoints).await;
    assert_ne!(report.verdict, Verdict::Ok, "{report:?}");
    assert_eq!((granted.accepted(), other.accepted()), (0, 0));
    // The control: it is there.
    let said = tokio::process::Command::new("bash")
        .args(["-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{}", other.port)])
        .status()
        .await;
    assert!(said.unwrap().success());
}

#[tokio::test]
async fn without_a_grant_nothing_is_reached() {
    let echo = Echo::start().await;
    let report = run(&say("127.0.0.1", echo.port, "hello"), &[]).await;
    assert_ne!(report.verdict, Verdict::Ok);
    assert_eq!(echo.accepted(), 0);
}

#[tokio::test]
async fn a_host_at_an_address_that_is_not_public_is_refused_unless_granted_as_such() {
    let echo = Echo::start().await;
    for host in ["localhost", "127.0.0.1"] {
        let public = Endpoint { host: host.to_owned(), port: echo.port, private: false };
        let report = run(&say(host, echo.port, "hello"), &[public]).await;
        assert_eq!(report.stdout.text(), "", "{report:?}");
        let [traffic] = report.traffic.as_slice() else { panic!("{report:?}") };
        assert_eq!((traffic.connections, traffic.refused, traffic.sent), (0, 1, 0));
    }
    assert_eq!(echo.accepted(), 0);
}

#[tokio::test]
async fn several_hosts_have_addresses_of_their_own_inside() {
    let endpoints = [
        endpoint("a.example", 80),
        endpoint("b.example", 80),
        endpoint("b.example", 443),
        endpoint("10.1.2.3", 80),
    ];
    let report = run(&Command::new("cat").arg("/etc/hosts"), &endpoints).await;
    assert_eq!(report.stdout.text(), "127.0.0.1 localhost\n127.77.0.2 a.example\n127.77.0.3 b.example\n");
    assert_eq!(report.traffic.len(), 4);
}

#[tokio::test]
async fn with_a_way_out_there_are_still_no_other_sockets() {
    let script = "import socket\n\
         for family, kind, protocol in [(2, 2, 0), (2, 3, 1), (10, 1, 0), (16, 3, 0), (40, 1, 0), (2, 1, 132)]:\n    \
         try:\n        socket.socket(family, kind, protocol)\n        print('made', family, kind, protocol)\n    \
         except OSError: pass\n\
         socket.socket(2, 1, 0)\nprint('tcp')";
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let report = run(&Command::new("python3").args(["-c", script]), &[endpoint("a.example", 80)]).await;
    assert_eq!(report.stdout.text(), "tcp\n", "{report:?}");
}

#[tokio::test]
async fn without_a_network_namespace_no_endpoint_is_granted() {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    let policy = SandboxPolicy::builder()
        .connect(endpoint("a.example", 80))
        .waive(Layer::NetNamespace)
        .absent(Layer::NetNamespace)
        .build()
        .unwrap();
    let report = sandbox.run(&Command::new("true"), &policy, &CancellationToken::new()).await;
    let Verdict::SetupFailed { failure } = report.verdict else { panic!("{report:?}") };
    assert_eq!(failure.stage, Stage::Layer(Layer::NetNamespace));
}

#[tokio::test]
async fn what_a_tool_sends_as_it_ends_arrives() {
    let sink = Sink::start().await;
    let script = format!("exec 3<>/dev/tcp/localhost/{}; head -c 3000000 /dev/zero >&3", sink.port);
    let command = Command::new("bash").args(["-c", &script]);
    let report = run(&command, &[endpoint("localhost", sink.port).private()]).await;
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    assert_eq!(sink.heard.await.unwrap(), (3_000_000, Ok(())));
    let [traffic] = report.traffic.as_slice() else { panic!("{report:?}") };
    assert_eq!((traffic.connections, traffic.sent, traffic.cut), (1, 3_000_000, 0));
}

#[tokio::test]
async fn what_nobody_takes_at_the_end_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/localhost/{port}; timeout 1 head -c 30000000 /dev/zero >&3; true");
    let command = Command::new("bash").args(["-c", &script]);
    let began = std::time::Instant::now();
    let report = run(&command, &[endpoint("localhost", port).private()]).await;
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    assert_eq!(report.traffic.iter().map(|traffic| traffic.cut).sum::<u64>(), 1, "{report:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(
        report.usage.wall + Duration::from_secs(1) < began.elapsed(),
        "it is no part of the run: {report:?}"
    );
}

#[tokio::test]
async fn the_connection_of_a_tool_that_is_ended_is_reset() {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    for expected in [Verdict::WallTimeout, Verdict::IdleTimeout, Verdict::Cancelled] {
        let sink = Sink::start().await;
        let script = format!("exec 3<>/dev/tcp/localhost/{} && echo half >&3 && exec sleep 60", sink.port);
        let policy = SandboxPolicy::of(Profile::Shell).connect(endpoint("localhost", sink.port).private());
        let policy = policy.limit(|limits| {
            if expected == Verdict::WallTimeout {
                limits.wall = Duration::from_secs(1);
            } else if expected == Verdict::IdleTimeout {
                limits.idle = Some(Duration::from_secs(1));
            }
        });
        let cancel = CancellationToken::new();
        let command = Command::new("bash").args(["-c", &script]);
        let policy = policy.build().unwrap();
        let report = sandbox.run(&command, &policy, &cancel);
        let stop = async {
            if expected == Verdict::Cancelled {
                tokio::time::sleep(Duration::from_secs(1)).await;
                cancel.cancel();
            }
        };
        let (report, ()) = tokio::join!(report, stop);
        assert_eq!(report.verdict, expected, "{report:?}");
        let reset = Err(std::io::ErrorKind::ConnectionReset);
        assert_eq!(sink.heard.await.unwrap(), (5, reset), "{report:?}");
        assert_eq!(report.traffic.iter().map(|traffic| traffic.cut).sum::<u64>(), 1, "{report:?}");
    }
}
