//! A server in a temporary folder, in a process of its own that ends with the test.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Client;
use ::redis::aio::MultiplexedConnection;
use ice_core::store::StoreError;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::redis::{Options, RedisBlobs, RedisStore};

/// Everything is synced before it is answered.
pub(super) const ALWAYS: &[&str] = &["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
/// Nothing is written at all.
pub(super) const NOTHING: &[&str] = &["--appendonly", "no", "--save", ""];

/// Where the tasks of stores run that outlive the runtime of a test's step.
pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Waits for something on [`RUNTIME`], from wherever it is called.
pub(super) fn wait<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(future)).join().unwrap())
}

/// A server, reached by a socket in its folder: no port is taken.
#[derive(Debug)]
pub(super) struct Server {
    folder: TempDir,
    program: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// Starts a server. Nothing if it is not installed.
    pub(super) fn start(options: &[&str]) -> Option<Self> {
        let here = std::env::current_exe().unwrap();
        let installed = here.ancestors().map(|folder| folder.join("tools/bin/redis-server"));
        let Some(program) = installed.into_iter().find(|file| file.is_file()) else {
            println!("skipped: `redis-server` is not installed; `cargo xtask setup` fetches it");
            return None;
        };
        let mut server = Self { folder: tempfile::tempdir().unwrap(), program, child: None };
        server.again(options);
        Some(server)
    }

    /// Starts it once more, in the same folder.
    pub(super) fn again(&mut self, options: &[&str]) {
        let mut child = Command::new(&self.program)
            .args(["--port", "0", "--daemonize", "no", "--dir"])
            .arg(self.folder.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().any(|line| line.unwrap().contains("ready to accept connections"));
        assert!(ready, "the server ended: {:?}", child.wait());
        // Read on, so that it can go on telling.
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
    }

    /// Ends it as a loss of power would, but for the disk.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    pub(super) fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Options that notice changes soon.
    pub(super) fn options(&self) -> Options {
        Options::new(&self.address()).unwrap().inspect_every(Duration::from_millis(50))
    }

    pub(super) async fn store(&self, name: &str) -> RedisStore {
        self.try_store(name).await.unwrap()
    }

    pub(super) async fn try_store(&self, name: &str) -> Result<RedisStore, StoreError> {
        RedisStore::open(self.options().name(name).unwrap()).await
    }

    pub(super) async fn blobs(&self, name: &str) -> RedisBlobs {
        RedisBlobs::open(self.options().name(name).unwrap()).await.unwrap()
    }

    /// A connection that knows nothing of stores.
    pub(super) async fn connect(&self) -> MultiplexedConnection {
        Client::open(self.address()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Changes a setting of the running server.
    pub(super) async fn set(&self, name: &str, value: &str) {
        let mut connection = self.connect().await;
        let set: String = ::redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(set, "OK");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
