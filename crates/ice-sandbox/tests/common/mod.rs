//! What the tests stand on: a launcher and a probe where every user reaches them, each test as both kinds of users, and
//! the machine as it looks from outside of the cage.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod machine;
mod traces;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use ice_sandbox::{Command, PolicyBuilder, Profile, ResourceSandbox, RunReport, SandboxPolicy, Verdict};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use machine::{Watch, exists, gone, pids, until};
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use traces::{Traces, groups_of, launchers};

/// What the probe wants to see before it does anything.
pub(crate) const TOKEN: (&str, &str) = ("ICE_SANDBOX_PROBE", "the tests of ice-sandbox ask for it");

/// Where a test that runs as an ordinary user finds what root has prepared for it.
const PREPARED: &str = "ICE_SANDBOX_PREPARED";

/// The ordinary user. That there is an account of this number does not matter.
const ORDINARY: u32 = 1_000;

/// The ground that a test stands on.
pub(crate) struct Ground {
    /// Where the launcher and the probe are, for everybody to run.
    pub(crate) tools: PathBuf,
    pub(crate) sandbox: ResourceSandbox,
}

/// Runs a test as whoever runs the tests, and if that is root once more as an ordinary user, in a process of its own.
pub(crate) fn as_each_user<F: AsyncFnOnce(&Ground)>(test: F) {
    let name = std::any::type_name::<F>();
    if let Some(tools) = std::env::var_os(PREPARED) {
        return run(&PathBuf::from(tools), test);
    }
    let tools = prepare();
    run(tools.path(), test);
    if !is_root() {
        return;
    }
    // `binary::module::test::{{closure}}`, of which the runner of the tests knows what is between.
    let name = name.split_once("::").and_then(|(_, rest)| rest.split("::{{closure}}").next()).unwrap();
    let mut process = Process::new(tools.path().join("tests"));
    process.args(["--exact", name, "--nocapture", "--include-ignored"]).env(PREPARED, tools.path());
    let output = process.current_dir("/").uid(ORDINARY).gid(ORDINARY).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = output.status.success() && out.contains("1 passed");
    assert!(passed, "as an ordinary user:\n{out}\n{err}");
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run<F: AsyncFnOnce(&Ground)>(tools: &Path, test: F) {
    let sandbox = ResourceSandbox::with_launcher(tools.join("ice-sandbox-launcher")).unwrap();
    let ground = Ground { tools: tools.to_owned(), sandbox };
    block_on(test(&ground));
}

pub(crate) fn block_on<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

/// A folder that everybody may look into, with the launcher, the probe and these tests in it.
fn prepare() -> TempDir {
    let folder = public_folder();
    let own = std::env::current_exe().unwrap();
    let probe = own.ancestors().nth(2).unwrap().join("examples/probe");
    let is_new = |source: fs::DirEntry| Some(source.metadata().ok()?.modified().ok()? <= modified(&probe)?);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/probe");
    let mut sources = fs::read_dir(sources).unwrap().flatten();
    // Nobody builds it who asks for a single file of tests.
    let probed = sources.all(|source| is_new(source) == Some(true));
    assert!(probed, "build the probe: cargo build -p ice-sandbox --examples");
    for (from, name) in [
        (Path::new(env!("CARGO_BIN_EXE_ice-sandbox-launcher")), "ice-sandbox-launcher"),
        (&probe, "probe"),
        (&own, "tests"),
    ] {
        let to = folder.path().join(name);
        let is_public = fs::metadata(from).unwrap().permissions().mode() & 0o555 == 0o555;
        // A copy takes longer, and is needed only across file systems and for what others may not run.
        if !is_public || fs::hard_link(from, &to).is_err() {
            fs::copy(from, &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    folder
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A folder that everybody may look into.
pub(crate) fn public_folder() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// What was to be attacked: a word among the arguments that no other process of the machine has.
pub(crate) fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("marked-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Ground {
    pub(crate) fn probe(&self) -> PathBuf {
        self.tools.join("probe")
    }

    /// A policy that lets the probe run, and nothing else.
    pub(crate) fn policy(&self) -> PolicyBuilder {
        self.policy_of(Profile::Binary)
    }

    pub(crate) fn policy_of(&self, profile: Profile) -> PolicyBuilder {
        SandboxPolicy::of(profile).execute(&self.tools).environment(TOKEN.0, TOKEN.1)
    }

    /// The probe with an attack, under a word by which its processes are found from outside.
    pub(crate) fn command(&self, attack: &[&str], marker: &str) -> Command {
        Command::new(self.probe()).args(attack).arg(marker)
    }

    pub(crate) async fn run(&self, policy: PolicyBuilder, command: &Command) -> RunReport {
        self.sandbox.run(command, &policy.build().unwrap(), &CancellationToken::new()).await
    }

    /// Runs an attack in the cage. Nothing of it may be left a second after.
    pub(crate) async fn attack(&self, policy: PolicyBuilder, attack: &[&str]) -> Told {
        let marker = marker();
        let report = self.run(policy, &self.command(attack, &marker)).await;
        gone(&marker).await;
        Told::by(report)
    }

    /// Runs an attack outside of the cage, to see that it works there: in namespaces for its mounts, processes, queues and
    /// network alone, and for half a minute at most.
    pub(crate) fn outside(&self, attack: &[&str]) -> Told {
        self.outside_as(attack, &[])
    }

    pub(crate) fn outside_as(&self, attack: &[&str], more: &[&str]) -> Told {
        let mut process = Process::new("timeout");
        process.args(["--signal=KILL", "30", "unshare"]);
        if !is_root() {
            process.args(["--user", "--map-root-user"]);
        }
        process.args(["--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        process.args(["--propagation", "private"]).args(more).arg(self.probe()).args(attack);
        let output = process.env_clear().env("PATH", "/usr/bin:/bin").env(TOKEN.0, TOKEN.1).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
        Told { out, report: None }
    }

    /// A program of the system works under a policy: it says what is expected of it.
    #[track_caller]
    pub(crate) fn said(report: &RunReport, expected: &str) {
        assert_eq!((&report.verdict, report.stdout.text().trim()), (&Verdict::Ok, expected), "{report:#?}");
    }
}

/// What an attack told.
pub(crate) struct Told {
    pub(crate) out: String,
    report: Option<RunReport>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(report) = &self.report else { return write!(f, "outside of the cage:\n{}", self.out) };
        let (errors, usage) = (report.stderr.text(), report.usage);
        write!(f, "{:?}\n{usage:?}\n{}\n{errors}", report.verdict, self.out)
    }
}

impl Told {
    pub(crate) fn by(report: RunReport) -> Self {
        Self { out: report.stdout.text(), report: Some(report) }
    }

    /// What it achieved.
    pub(crate) fn achieved(&self) -> Vec<&str> {
        self.out.lines().filter_map(|line| line.strip_prefix("ok ")).collect()
    }

    /// What it was refused, with the reasons.
    pub(crate) fn refused(&self) -> Vec<(&str, &str)> {
        let refused = self.out.lines().filter_map(|line| line.strip_prefix("no "));
        refused.filter_map(|line| line.rsplit_once(": ")).collect()
    }

    /// The number that it told after this word.
    #[track_caller]
    pub(crate) fn number(&self, word: &str) -> u64 {
        let rest = self.out.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        let number = rest.and_then(|rest| rest.split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no number after {word}: {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn report(&self) -> &RunReport {
        self.report.as_ref().unwrap()
    }

    #[track_caller]
    pub(crate) fn ended(self, expected: Verdict) -> Self {
        assert_eq!(self.report().verdict, expected, "{self:#?}");
        self
    }

    /// It ran to its end, was refused something, and achieved nothing but this.
    #[track_caller]
    pub(crate) fn only(self, expected: &[&str]) -> Self {
        let told = self.ended(Verdict::Ok);
        assert_eq!(told.achieved(), expected, "{told:#?}");
        assert!(!told.refused().is_empty(), "nothing was tried: {told:#?}");
        told
    }

    /// All of this was achieved.
    #[track_caller]
    pub(crate) fn all(self, expected: &[&str]) -> Self {
        let achieved = self.achieved();
        let missing: Vec<_> = expected.iter().filter(|name| !achieved.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?} did not work: {self:#?}");
        self
    }
}

/// Whether there is a program of this name, for tests that need it. Says so if not.
pub(crate) fn has(program: impl AsRef<OsStr>) -> bool {
    let program = program.as_ref();
    let found = ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).is_file());
    if !found {
        eprintln!("skipped: there is no {}", program.display());
    }
    found
}

/// Waits for a little while, for what cannot be waited on.
pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
