//! The network, and sockets that other programs listen at.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use common::{Ground, as_each_user, marker};
use ice_sandbox::{Command, Profile};
use tempfile::TempDir;

/// Somebody who listens on this machine, and counts who comes.
struct Listener {
    tcp: TcpListener,
    udp: UdpSocket,
    folder: TempDir,
    path: UnixListener,
    path_datagram: UnixDatagram,
    name: String,
    named: UnixListener,
    named_datagram: UnixDatagram,
}

impl Listener {
    fn new() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = UnixListener::bind(folder.path().join("socket")).unwrap();
        let path_datagram = UnixDatagram::bind(folder.path().join("socket.datagram")).unwrap();
        let name = marker();
        let abstract_name = |name: &str| SocketAddr::from_abstract_name(name).unwrap();
        let named = UnixListener::bind_addr(&abstract_name(&name)).unwrap();
        let named_datagram = UnixDatagram::bind_addr(&abstract_name(&format!("{name}.datagram"))).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        path.set_nonblocking(true).unwrap();
        path_datagram.set_nonblocking(true).unwrap();
        named.set_nonblocking(true).unwrap();
        named_datagram.set_nonblocking(true).unwrap();
        Self { tcp, udp, folder, path, path_datagram, name, named, named_datagram }
    }

    fn port(&self) -> String {
        self.tcp.local_addr().unwrap().port().to_string()
    }

    fn path(&self) -> String {
        self.folder.path().join("socket").display().to_string()
    }

    /// By which ways somebody came.
    fn heard(&self) -> Vec<&'static str> {
        let came = |result: io::Result<()>| result.is_ok();
        let mut byte = [0; 8];
        let mut heard = Vec::new();
        for (way, came) in [
            ("tcp", came(self.tcp.accept().map(drop))),
            ("udp", came(self.udp.recv(&mut byte).map(drop))),
            ("path", came(self.path.accept().map(drop))),
            ("path-datagram", came(self.path_datagram.recv(&mut byte).map(drop))),
            ("abstract", came(self.named.accept().map(drop))),
            ("abstract-datagram", came(self.named_datagram.recv(&mut byte).map(drop))),
        ] {
            if came {
                heard.push(way);
            }
        }
        heard
    }
}

#[test]
fn nothing_reaches_the_network() {
    as_each_user(async |ground| {
        let listener = Listener::new();
        ground.outside(&["network", &listener.port()]).all(&["tcp-connect", "tcp-bind", "udp"]);
        assert_eq!(listener.heard(), ["tcp", "udp"]);
        let told = ground.attack(ground.policy(), &["network", &listener.port()]).await.only(&[]);
        assert_eq!(told.refused().len(), 14, "{told:#?}");
        assert_eq!(listener.heard(), [""; 0]);
    });
}

#[test]
fn no_socket_of_another_program_is_reached() {
    as_each_user(async |ground| {
        let listener = Listener::new();
        let attack = ["unix", &listener.path(), &listener.name];
        ground.outside(&attack).all(&[
            "path-stream",
            "path-datagram",
            "abstract-stream",
            "abstract-datagram",
        ]);
        assert_eq!(listener.heard(), ["path", "path-datagram", "abstract", "abstract-datagram"]);
        ground.attack(ground.policy(), &attack).await.only(&[]);
        assert_eq!(listener.heard(), [""; 0]);
        // Nor where its folder is granted, for reading or for writing.
        let path = listener.path();
        let folder = std::path::Path::new(&path).parent().unwrap();
        for policy in [ground.policy().read(folder), ground.policy().write(folder)] {
            ground.attack(policy, &attack).await.only(&[]);
            assert_eq!(listener.heard(), [""; 0]);
        }
    });
}

#[test]
fn a_tool_has_pairs_of_sockets_between_its_own_processes() {
    as_each_user(async |ground| {
        ground.attack(ground.policy(), &["own-sockets"]).await.only(&["pair"]);
    });
}

#[test]
fn the_only_interface_is_the_one_to_itself_and_it_is_down() {
    as_each_user(async |ground| {
        let line = "tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route";
        let report =
            ground.run(ground.policy_of(Profile::Shell), &Command::new("sh").args(["-c", line])).await;
        Ground::said(&report, "lo");
    });
}
