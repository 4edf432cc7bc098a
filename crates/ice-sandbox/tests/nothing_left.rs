//! What is left on the machine after runs, however they end: no process, mount, control group, descriptor, file or shared
//! memory.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant, SystemTime};

use common::{
    Ground, Traces, as_each_user, exists, gone, groups_of, is_root, launchers, marker, pids, until,
};
use ice_sandbox::{Command, Verdict};
use tokio_util::sync::CancellationToken;

/// How many runs there are, unless the environment asks for more: ten thousand take some minutes.
const SPAWNS: usize = 500;

/// Whether root has groups on this machine.
fn has_groups() -> bool {
    Path::new("/sys/fs/cgroup/memory").exists()
}

/// A command that uses whatever might stay, says so, and waits for the end of its input.
fn user_of_all(marker: &str) -> Command {
    let files = format!(": > /dev/shm/{marker}; : > $TMPDIR/{marker}; : > /cage/{marker}");
    let line = format!("set -e; {files}; echo used; read end || exit 0");
    Command::new("sh").args(["-c", &line, marker])
}

#[test]
fn many_runs_leave_nothing() {
    as_each_user(async |ground| {
        let spawns = std::env::var_os("ICE_SANDBOX_SPAWNS");
        let spawns = spawns.map_or(SPAWNS, |spawns| spawns.to_str().unwrap().parse().unwrap());
        let (marker, cancel) = (marker(), CancellationToken::new());
        let (command, policy) = (user_of_all(&marker), ground.policy().build().unwrap());
        let run = async || {
            let mut caged = ground.sandbox.spawn(&command, &policy, &cancel).await.unwrap();
            let own = launchers(std::process::id());
            let (mut used, mut errors) = (Vec::new(), Vec::new());
            let end = caged.copy(&b""[..], &mut used, &mut errors).await;
            assert_eq!(
                (&end.verdict, used.as_slice()),
                (&Verdict::Ok, &b"used\n"[..]),
                "{}",
                String::from_utf8_lossy(&errors)
            );
            own
        };
        // The runtime opens what it needs as it is needed first.
        run().await;
        let before = Traces::now(&marker);
        let mut own = Vec::new();
        for _ in 0..spawns {
            own.extend(run().await);
        }
        assert_eq!(own.len(), spawns, "each has a launcher");
        assert_eq!(launchers(std::process::id()), [0; 0]);
        assert_eq!(Traces::now(&marker).since(&before), [""; 0]);
        assert_eq!(groups_of(&own), [""; 0].map(PathBuf::from));
        gone(&marker).await;
    });
}

#[test]
fn what_is_left_is_seen() {
    as_each_user(async |ground| {
        let marker = marker();
        let mut before = Traces::now(&marker);
        let open = fs::File::open("/dev/null").unwrap();
        let left = PathBuf::from("/tmp").join(format!("left-by-{marker}"));
        fs::write(&left, "").unwrap();
        before.forget("mount ");
        let seen = Traces::now(&marker).since(&before);
        fs::remove_file(&left).unwrap();
        drop(open);
        let kinds: Vec<_> = seen.iter().filter_map(|trace| trace.split(' ').next()).collect();
        assert_eq!(kinds, ["descriptor", "file", "mount"], "{seen:?}");
        // Groups are seen as long as their run lasts.
        let cancel = CancellationToken::new();
        let policy = ground.policy().build().unwrap();
        let mut caged = ground.sandbox.spawn(&user_of_all(&marker), &policy, &cancel).await.unwrap();
        until("the tool to run", || !pids(&marker).is_empty()).await;
        assert_eq!(is_root() && has_groups(), !groups_of(&launchers(std::process::id())).is_empty());
        caged.kill();
        assert_eq!(caged.wait().await.verdict, Verdict::Cancelled);
    });
}

#[test]
fn a_run_that_is_dropped_leaves_nothing() {
    as_each_user(async |ground| {
        let policy = ground.policy().build().unwrap();
        // The runtime opens what it needs as it is needed first.
        ground.run(ground.policy(), &Command::new("true")).await;
        for _ in 0..5 {
            let marker = marker();
            let command = ground.command(&["stubborn"], &marker);
            let before = Traces::now(&marker);
            let caged = ground.sandbox.spawn(&command, &policy, &CancellationToken::new()).await.unwrap();
            until("the tool to run", || !pids(&marker).is_empty()).await;
            let launcher = launchers(std::process::id());
            if is_root() {
                assert!(!groups_of(&launcher).is_empty() || !has_groups());
            }
            drop(caged);
            ground.sandbox.settled().await;
            assert_eq!(groups_of(&launcher), [""; 0].map(PathBuf::from));
            assert!(!exists(launcher[0]) && pids(&marker).is_empty());
            assert_eq!(Traces::now(&marker).since(&before), [""; 0]);
        }
    });
}

#[test]
fn of_a_command_in_a_cage_made_ahead_nothing_is_left_with_the_report_and_of_the_cage_nothing_once_settled() {
    as_each_user(async |ground| {
        let (marker, cancel) = (marker(), CancellationToken::new());
        // The runtime opens what it needs as it is needed first.
        ground.run(ground.policy(), &Command::new("true")).await;
        // It ends with a process running that it has started.
        let line = "line=$( (echo started; exec >&-; sleep 60; :) & ); echo $line";
        let command = Command::new("sh").args(["-c", line, &marker]);
        let before = Traces::now(&marker);
        let pool = ground.sandbox.pool(ground.policy().build().unwrap(), 1);
        for _ in 0..10 {
            pool.filled().await;
            let launcher = launchers(std::process::id());
            let report = pool.run(&command, &cancel).await;
            // At once: what the command has started is not to be waited for.
            assert_eq!(pids(&marker), [0; 0]);
            assert_eq!((&report.verdict, report.usage.setup), (&Verdict::Ok, Duration::ZERO), "{report:#?}");
            assert_eq!(report.stdout.text(), "started\n");
            ground.sandbox.settled().await;
            assert!(launcher.len() == 1 && !exists(launcher[0]));
            assert_eq!(groups_of(&launcher), [""; 0].map(PathBuf::from));
        }
        drop(pool);
        until("the cage that waits to end with its pool", || launchers(std::process::id()).is_empty()).await;
        assert_eq!(Traces::now(&marker).since(&before), [""; 0]);
    });
}

/// The program that asks for a run and is killed meanwhile: these tests once more, which find in their environment what
/// they are to run.
#[test]
#[ignore = "is started by other tests, to be killed"]
fn the_one_who_asked() {
    as_each_user(async |ground| {
        let Some(marker) = std::env::var_os("ICE_SANDBOX_MARKER") else { return };
        let command = ground.command(&["daemon-and-stay"], marker.to_str().unwrap());
        ground.run(ground.policy(), &command).await;
    });
}

async fn kill_the_one_who_asked(ground: &Ground, with_launcher: bool) {
    let marker = marker();
    // The runtime opens what it needs as it is needed first.
    ground.run(ground.policy(), &Command::new("true")).await;
    let before = Traces::now(&marker);
    let mut asked = Process::new(ground.tools.join("tests"))
        .args(["--exact", "the_one_who_asked", "--include-ignored"])
        .env("ICE_SANDBOX_PREPARED", &ground.tools)
        .env("ICE_SANDBOX_MARKER", &marker)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the daemon to run", || pids(&marker).len() == 2).await;
    let launchers = launchers(asked.id());
    assert_eq!(launchers.len(), 1);
    assert!(!is_root() || !has_groups() || !groups_of(&launchers).is_empty());
    if with_launcher {
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(launchers[0]).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
    }
    asked.kill().unwrap();
    asked.wait().unwrap();
    gone(&marker).await;
    until("the launcher to be gone", || !exists(launchers[0])).await;
    if with_launcher {
        // Nobody is there who could remove its groups: they are empty, and another launcher does it later.
        for group in groups_of(&launchers) {
            until("the group to be empty", || {
                fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|procs| procs.is_empty())
            })
            .await;
            let long_ago = SystemTime::UNIX_EPOCH;
            fs::File::open(&group).unwrap().set_modified(long_ago).unwrap();
        }
        // A group may seem to hold processes for a moment after their end.
        let began = Instant::now();
        while !groups_of(&launchers).is_empty() && began.elapsed() < Duration::from_secs(10) {
            ground.run(ground.policy(), &Command::new("true")).await;
        }
    }
    assert_eq!(groups_of(&launchers), [""; 0].map(PathBuf::from));
    assert_eq!(Traces::now(&marker).since(&before), [""; 0]);
}

#[test]
fn nothing_is_left_when_the_one_who_asked_is_killed() {
    as_each_user(async |ground| kill_the_one_who_asked(ground, false).await);
}

#[test]
fn nothing_is_left_when_launcher_and_the_one_who_asked_are_killed() {
    as_each_user(async |ground| kill_the_one_who_asked(ground, true).await);
}
