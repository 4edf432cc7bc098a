//! A server in a process of its own, which ends with the test whatever becomes of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The longest that a server may take to start: machines that build at the same time are slow.
const START: Duration = Duration::from_secs(120);
/// Ends the server when its own standard input ends, which it does with the test, even one that is killed.
const TIED: &str = "\"$@\" & server=$!; cat > /dev/null; kill -KILL $server; wait $server";

/// A server that has started.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) address: String,
    /// Tied to the server, through a shell.
    _input: ChildStdin,
    _child: Child,
    /// Read on, so that the server can go on telling.
    _output: JoinSet<()>,
}

impl Program {
    /// Starts a program of `cargo xtask setup` and waits until it tells its address, behind `told`. Nothing if it is not
    /// installed.
    pub(crate) async fn start(name: &str, arguments: &[&str], told: &str) -> Option<Self> {
        let Some(program) = installed(name) else {
            println!("skipped: `{name}` is not installed; `cargo xtask setup` fetches it");
            return None;
        };
        let mut child = Command::new("sh")
            .args(["-c", TIED, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let heard = timeout(START, async {
            loop {
                let line = tokio::select! {
                    Ok(Some(line)) = out.next_line() => line,
                    Ok(Some(line)) = err.next_line() => line,
                    else => panic!("`{name}` ended: {said:#?}"),
                };
                if let Some((_, address)) = line.split_once(told) {
                    return address.split_whitespace().next().unwrap().to_owned();
                }
                said.push(line);
            }
        });
        let address = heard.await.unwrap_or_else(|_| panic!("`{name}` did not start in time"));
        let mut output = JoinSet::new();
        output.spawn(read_on(out));
        output.spawn(read_on(err));
        Some(Self { address: format!("{address}/"), _input: input, _child: child, _output: output })
    }
}

async fn read_on<R: AsyncRead + Unpin>(mut lines: Lines<BufReader<R>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// Where `cargo xtask setup` puts programs: in cargo's folder for build output.
fn installed(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().unwrap();
    program.ancestors().map(|folder| folder.join("tools/bin").join(name)).find(|file| file.is_file())
}
