//! Making the cage: layers that are not to be had, and launchers that do not do what they should.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use common::{Ground, as_each_user, gone, is_root, marker, pids, until};
use ice_sandbox::{
    Command, Layer, PolicyBuilder, ResourceSandbox, RunReport, SandboxError, SetupFailure, Stage, Verdict,
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio_util::sync::CancellationToken;

/// The layers that go with a layer: without a user namespace only root has any of the others.
fn with(layer: Layer) -> Vec<Layer> {
    match layer {
        Layer::UserNamespace if !is_root() => vec![
            Layer::UserNamespace,
            Layer::PidNamespace,
            Layer::MountNamespace,
            Layer::NetNamespace,
            Layer::IpcNamespace,
            Layer::UtsNamespace,
            Layer::CgroupNamespace,
            Layer::Root,
        ],
        // Only root shows the processes of the machine.
        Layer::PidNamespace if !is_root() => vec![Layer::PidNamespace, Layer::Root],
        Layer::MountNamespace => vec![Layer::MountNamespace, Layer::Root],
        Layer::UserNamespace
        | Layer::PidNamespace
        | Layer::NetNamespace
        | Layer::IpcNamespace
        | Layer::UtsNamespace
        | Layer::CgroupNamespace
        | Layer::Root
        | Layer::ResourceLimits
        | Layer::NoNewPrivileges
        | Layer::Landlock
        | Layer::Seccomp
        | Layer::ControlGroups => vec![layer],
    }
}

/// Those that every machine has to have: control groups are done without where there are none.
fn needed(layers: &[Layer]) -> Vec<Layer> {
    layers.iter().copied().filter(|layer| *layer != Layer::ControlGroups).collect()
}

fn failure(report: &RunReport) -> &SetupFailure {
    let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:#?}") };
    assert_eq!((report.stdout.total, report.stderr.total), (0, 0), "{report:#?}");
    failure
}

fn waive(policy: PolicyBuilder, layers: &[Layer]) -> PolicyBuilder {
    layers.iter().fold(policy, |policy, layer| policy.waive(*layer))
}

#[test]
fn all_layers_hold_on_this_machine() {
    as_each_user(async |ground| {
        let found = ground.sandbox.probe().await.unwrap();
        let missing: Vec<Layer> = found.missing.iter().map(|absent| absent.layer).collect();
        assert_eq!(needed(&missing), [], "{:?}", found.missing);
        let report = ground.run(ground.policy(), &Command::new("true")).await;
        assert_eq!(
            (report.verdict, report.layers, report.not_enforced),
            (Verdict::Ok, found.layers, found.missing)
        );
    });
}

#[test]
fn looking_around_misses_exactly_what_is_not_there() {
    as_each_user(async |ground| {
        for layer in Layer::ALL {
            let found = ground.sandbox.probe_without(&[layer]).await.unwrap();
            let mut missing: Vec<Layer> = found.missing.iter().map(|absent| absent.layer).collect();
            missing.sort();
            assert_eq!(needed(&missing), needed(&with(layer)), "{:?}", found.missing);
        }
    });
}

#[test]
fn nothing_runs_without_a_layer_that_is_not_waived() {
    as_each_user(async |ground| {
        for layer in Layer::ALL {
            let report = ground
                .run(ground.policy().require(layer).absent(layer), &Command::new("echo").arg("ran"))
                .await;
            let failure = failure(&report);
            assert_eq!(failure.stage, Stage::Layer(layer), "{failure}");
            assert_eq!(failure.hint.as_deref(), Some(layer.hint()));
            let text = failure.to_string();
            assert!(text.contains(layer.as_str()) && text.contains(layer.hint()), "{text}");
        }
    });
}

#[test]
fn a_run_without_a_waived_layer_says_so() {
    as_each_user(async |ground| {
        for layer in Layer::ALL {
            let policy = waive(ground.policy(), &with(layer)).absent(layer);
            let report = ground.run(policy, &Command::new("echo").arg("ran")).await;
            Ground::said(&report, "ran");
            let absent: Vec<Layer> = report.not_enforced.iter().map(|absent| absent.layer).collect();
            assert!(absent.contains(&layer), "{report:#?}");
            assert_eq!(needed(&absent), needed(&with(layer)), "{report:#?}");
            assert!(with(layer).iter().all(|layer| !report.layers.contains(layer)), "{report:#?}");
            assert_eq!(report.layers.len() + absent.len(), Layer::ALL.len());
        }
    });
}

#[test]
fn the_other_layers_still_hold_without_one() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        for layer in Layer::ALL {
            let policy = waive(ground.policy(), &with(layer)).absent(layer);
            let told = ground.attack(policy, &["read", secret.to_str().unwrap()]).await.ended(Verdict::Ok);
            assert_eq!(told.achieved(), [""; 0], "without {layer}: {told:#?}");
        }
    });
}

#[test]
fn a_run_without_a_pid_namespace_is_ended_all_the_same() {
    as_each_user(async |ground| {
        let brief = |policy: PolicyBuilder| policy.limit(|limits| limits.wall = Duration::from_secs(1));
        let layer = Layer::PidNamespace;
        let policy = || brief(waive(ground.policy(), &with(layer)).absent(layer));
        ground.attack(policy(), &["stubborn"]).await.ended(Verdict::WallTimeout);
        ground.attack(policy(), &["daemon-and-stay"]).await.ended(Verdict::WallTimeout);
        ground.attack(policy(), &["daemon"]).await.ended(Verdict::Ok);
        // In a cage made ahead it is the launcher, too, that ends the rest: its end is waited for.
        let (marker, pool) = (marker(), ground.sandbox.pool(policy().build().unwrap(), 1));
        pool.filled().await;
        let report = pool.run(&ground.command(&["daemon"], &marker), &CancellationToken::new()).await;
        assert_eq!((&report.verdict, report.usage.setup), (&Verdict::Ok, Duration::ZERO), "{report:#?}");
        assert_eq!(pids(&marker), [0; 0]);
    });
}

/// A file that can be run, in a folder that everybody may look into.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("launcher");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn run_with(launcher: &Path, command: &Command) -> RunReport {
    let policy = ice_sandbox::SandboxPolicy::builder().limit(|limits| limits.wall = Duration::from_secs(1));
    let sandbox = ResourceSandbox::with_launcher(launcher).unwrap();
    sandbox.run(command, &policy.build().unwrap(), &CancellationToken::new()).await
}

#[test]
fn a_launcher_that_is_missing_is_named() {
    as_each_user(async |_| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("launcher");
        let Err(SandboxError::NoLauncher { looked }) = ResourceSandbox::with_launcher(&path) else {
            panic!()
        };
        assert!(looked.contains(path.to_str().unwrap()), "{looked}");
        // One that goes after it was found.
        script(folder.path(), "");
        let sandbox = ResourceSandbox::with_launcher(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let policy = ice_sandbox::SandboxPolicy::builder().build().unwrap();
        let report = sandbox.run(&Command::new("true"), &policy, &CancellationToken::new()).await;
        let failure = failure(&report);
        assert_eq!((failure.stage, failure.errno), (Stage::Launcher, Some(libc::ENOENT)), "{failure}");
        assert!(failure.what.contains(path.to_str().unwrap()), "{failure}");
    });
}

#[test]
fn a_launcher_that_cannot_be_run_or_ends_at_once_fails_the_run() {
    as_each_user(async |_| {
        let folder = tempfile::tempdir().unwrap();
        let path = script(folder.path(), "#!/bin/sh\nexit 3\n");
        let report = run_with(&path, &Command::new("true")).await;
        let failed = failure(&report);
        assert!(failed.stage == Stage::Launcher && failed.what.contains("exit status: 3"), "{failed}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let report = run_with(&path, &Command::new("true")).await;
        let failed = failure(&report);
        assert_eq!((failed.stage, failed.errno), (Stage::Launcher, Some(libc::EACCES)), "{failed}");
    });
}

#[test]
fn a_launcher_that_says_nonsense_fails_the_run() {
    as_each_user(async |_| {
        let folder = tempfile::tempdir().unwrap();
        for nonsense in [
            "printf 'x%.0s' $(seq 9000)",
            "printf '\\004\\000\\000\\000nope'",
            "printf '\\377\\377\\377\\377'",
        ] {
            let path = script(folder.path(), &format!("#!/bin/sh\n{nonsense} >&0\n"));
            let report = run_with(&path, &Command::new("true")).await;
            assert_eq!(failure(&report).stage, Stage::Launcher, "{report:#?}");
        }
    });
}

#[test]
fn a_launcher_that_does_nothing_does_not_hang_the_run() {
    as_each_user(async |_| {
        let (folder, marker) = (tempfile::tempdir().unwrap(), marker());
        // What sleeps is the launcher itself, under a name by which it is found.
        let path = script(folder.path(), &format!("#!/bin/sh\nexec perl -e 'sleep 600' {marker}\n"));
        let began = Instant::now();
        // More than a socket holds.
        let long = Command::new("true").arg("x".repeat(4 << 20));
        let short = Command::new("true");
        let (report, other) = tokio::join!(run_with(&path, &short), run_with(&path, &long));
        assert!(began.elapsed() < Duration::from_secs(30), "{report:#?}");
        assert_eq!((failure(&report).stage, report.layers.len()), (Stage::Launcher, 0));
        let failed = failure(&other);
        assert!(failed.stage == Stage::Spec && failed.what.contains("does not read"), "{failed}");
        gone(&marker).await;
    });
}

#[test]
fn who_waits_for_a_launcher_that_does_nothing_can_be_cancelled() {
    as_each_user(async |_| {
        let (folder, marker) = (tempfile::tempdir().unwrap(), marker());
        let path = script(folder.path(), &format!("#!/bin/sh\nexec perl -e 'sleep 600' {marker}\n"));
        let sandbox = ResourceSandbox::with_launcher(&path).unwrap();
        let deep = PathBuf::from(format!("/{}", vec!["x".repeat(200); 15].join("/")));
        let small = ice_sandbox::SandboxPolicy::builder();
        // More than a socket holds, of the cage or of what is to run in it.
        let large = (0..80).fold(small.clone(), |policy, number| policy.read(deep.join(number.to_string())));
        let long = Command::new("true").arg("x".repeat(2 << 20));
        for (policy, command) in [(large, Command::new("true")), (small, long)] {
            let (policy, cancel) = (policy.build().unwrap(), CancellationToken::new());
            let began = Instant::now();
            let stop = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                cancel.cancel();
            };
            let (report, ()) = tokio::join!(sandbox.run(&command, &policy, &cancel), stop);
            assert_eq!(report.verdict, Verdict::Cancelled, "{report:#?}");
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            let spawned = sandbox.spawn(&command, &policy, &cancel).await;
            assert!(matches!(spawned, Err(SandboxError::Cancelled)), "{spawned:?}");
            sandbox.settled().await;
        }
        gone(&marker).await;
    });
}

/// Starts the launcher by hand and tells it this; returns its exit code and what it answered.
fn by_hand(ground: &Ground, streams: bool, told: &[u8]) -> (Option<i32>, Vec<u8>) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut process = Process::new(ground.tools.join("ice-sandbox-launcher"));
    process.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
    let mut launcher = process.spawn().unwrap();
    drop(process);
    if streams {
        let null = fs::File::open("/dev/null").unwrap();
        let streams = [null.as_fd(), null.as_fd(), null.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&streams));
        rustix::net::sendmsg(&ours, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL).unwrap();
    }
    // It may have ended before all was told.
    let _ = ours.write_all(told);
    let _ = ours.shutdown(std::net::Shutdown::Write);
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    let _ = ours.read_to_end(&mut answer);
    (launcher.wait().unwrap().code(), answer)
}

#[test]
fn a_task_that_is_cut_off_ends_the_launcher() {
    as_each_user(async |ground| {
        let mut long = vec![200, 0, 0, 0];
        long.extend(b"{\"program\":\"true\"");
        for (streams, told) in [
            (false, &b""[..]),
            (false, b"nonsense"),
            (true, b""),
            (true, &[1, 0]),
            (true, &long),
            (true, &[2, 0, 0, 0, b'{', b'}']),
            (true, &[255, 255, 255, 255, b'{']),
        ] {
            let (code, answer) = by_hand(ground, streams, told);
            let answer = String::from_utf8_lossy(&answer);
            let says_why = answer.contains(r#"{"failed":{"stage":"spec""#);
            assert!(code == Some(125) && says_why, "told {told:?} it ended with {code:?} and {answer}");
        }
    });
}

#[test]
fn what_is_not_there_is_named() {
    as_each_user(async |ground| {
        let report = ground.run(ground.policy(), &Command::new("no-such-program")).await;
        let failed = failure(&report);
        assert!(failed.stage == Stage::Exec && failed.what.contains("no-such-program"), "{failed}");
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let report = ground.run(ground.policy().read(&missing), &Command::new("true")).await;
        let failed = failure(&report);
        assert!(failed.stage == Stage::Grant && failed.what.contains(missing.to_str().unwrap()), "{failed}");
        // That a layer is waived does not make a grant any less wanted.
        let report =
            ground.run(waive(ground.policy(), &Layer::ALL).read(&missing), &Command::new("true")).await;
        assert_eq!(failure(&report).stage, Stage::Grant);
    });
}

#[test]
fn a_launcher_that_is_stopped_does_not_keep_the_run_for_ever() {
    as_each_user(async |ground| {
        let marker = marker();
        let policy = ground.policy().limit(|limits| limits.wall = Duration::from_secs(2));
        let command = ground.command(&["stubborn"], &marker);
        let stop = async {
            until("the tool to run", || !pids(&marker).is_empty()).await;
            let own = format!("/proc/self/task/{}/children", rustix::thread::gettid().as_raw_nonzero());
            let launcher = fs::read_to_string(own).unwrap().trim().parse().unwrap();
            let pid = rustix::process::Pid::from_raw(launcher).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        };
        let (report, ()) = tokio::join!(ground.run(policy, &command), stop);
        assert_eq!(report.verdict, Verdict::WallTimeout, "{report:#?}");
        gone(&marker).await;
    });
}
