//! Output that is too much, and runs that end by something other than their tool.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::Duration;

use common::{Ground, as_each_user, gone, launchers, marker, pids, until};
use ice_sandbox::{Command, Limits, Profile, Side, Stream, Verdict};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn output_without_end_is_cut_off() {
    as_each_user(async |ground| {
        for stream in ["out", "err", "both"] {
            let little = |limits: &mut Limits| limits.output = 1 << 20;
            let told = ground.attack(ground.policy().limit(little), &["shout", stream, "10000"]).await;
            let told = told.ended(Verdict::OutputLimit);
            let report = told.report();
            // What stood in the pipe and came until the end comes along; ten gigabytes were tried.
            let most = report.stdout.total.max(report.stderr.total);
            assert!((1 << 20..200 << 20).contains(&most), "{most} bytes of {stream}");
        }
    });
}

#[test]
fn much_output_takes_little_memory() {
    as_each_user(async |ground| {
        let much = |limits: &mut Limits| {
            limits.output = 1 << 40;
            limits.kept_output = 64 << 10;
        };
        let before = peak();
        let told = ground.attack(ground.policy().limit(much), &["shout", "both", "100"]).await;
        let told = told.ended(Verdict::Ok);
        let report = told.report();
        assert_eq!(report.stdout.total, 100 << 20);
        assert!(report.stdout.head.len() + report.stdout.tail.len() <= 64 << 10);
        let more = peak() - before;
        assert!(more < 40 << 20, "{more} bytes more for {} bytes", report.stdout.total + report.stderr.total);
    });
}

#[test]
fn a_tool_that_closes_its_streams_is_still_watched() {
    as_each_user(async |ground| {
        let brief = |limits: &mut Limits| limits.wall = Duration::from_secs(1);
        let told = ground.attack(ground.policy().limit(brief), &["close-and-sleep"]).await;
        assert_eq!(told.ended(Verdict::WallTimeout).achieved(), ["closing"]);
    });
}

#[test]
fn a_tool_that_is_silent_for_too_long_is_ended() {
    as_each_user(async |ground| {
        let silent = |limits: &mut Limits| limits.idle = Some(Duration::from_millis(500));
        let told = ground.attack(ground.policy().limit(silent), &["say-then-sleep"]).await;
        assert_eq!(told.ended(Verdict::IdleTimeout).achieved(), ["said"]);
        // One that says something now and then is not.
        let patient = |limits: &mut Limits| limits.idle = Some(Duration::from_secs(10));
        let line = "for i in 1 2 3; do sleep 0.1; echo $i; done";
        let command = Command::new("sh").args(["-c", line]);
        let report = ground.run(ground.policy_of(Profile::Shell).limit(patient), &command).await;
        Ground::said(&report, "1\n2\n3");
    });
}

#[test]
fn input_that_nobody_reads_is_no_hindrance() {
    as_each_user(async |ground| {
        let report = ground.run(ground.policy(), &Command::new("true").input(vec![0; 1 << 20])).await;
        assert_eq!(report.verdict, Verdict::Ok, "{report:#?}");
        let report = ground.run(ground.policy(), &Command::new("wc").arg("-c").input(vec![0; 1 << 20])).await;
        Ground::said(&report, "1048576");
    });
}

#[test]
fn output_that_cannot_be_handed_on_is_told() {
    as_each_user(async |ground| {
        let (cancel, policy) = (CancellationToken::new(), ground.policy().build().unwrap());
        let command = Command::new("echo").arg("said");
        let full = tokio::fs::OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        let mut caged = ground.sandbox.spawn(&command, &policy, &cancel).await.unwrap();
        let end = caged.copy(&b""[..], full, tokio::io::sink()).await;
        let [broken] = end.broken.as_slice() else { panic!("{end:?}") };
        let told = (broken.stream, broken.side, broken.errno);
        assert_eq!(told, (Stream::Stdout, Side::Sink, Some(libc::ENOSPC)));
        // What a tool does not read is not lost.
        let report = ground.run(ground.policy(), &Command::new("true").input(vec![0; 1 << 20])).await;
        assert_eq!(report.broken, []);
    });
}

#[test]
fn a_run_that_is_cancelled_leaves_nothing() {
    as_each_user(async |ground| {
        let (marker, cancel) = (marker(), CancellationToken::new());
        let (command, policy) =
            (ground.command(&["daemon-and-stay"], &marker), ground.policy().build().unwrap());
        let stop = async {
            until("the daemon to run", || pids(&marker).len() == 2).await;
            cancel.cancel();
        };
        let (report, ()) = tokio::join!(ground.sandbox.run(&command, &policy, &cancel), stop);
        assert_eq!(report.verdict, Verdict::Cancelled, "{report:#?}");
        gone(&marker).await;
    });
}

#[test]
fn a_run_whose_future_is_dropped_leaves_nothing() {
    as_each_user(async |ground| {
        let (marker, cancel) = (marker(), CancellationToken::new());
        let (command, policy) =
            (ground.command(&["daemon-and-stay"], &marker), ground.policy().build().unwrap());
        tokio::select! {
            report = ground.sandbox.run(&command, &policy, &cancel) => panic!("it ended: {report:#?}"),
            () = until("the daemon to run", || pids(&marker).len() == 2) => {}
        }
        gone(&marker).await;
    });
}

#[test]
fn a_spawned_tool_that_is_dropped_or_killed_leaves_nothing() {
    as_each_user(async |ground| {
        let (cancel, policy) = (CancellationToken::new(), ground.policy().build().unwrap());
        let marker = marker();
        let command = ground.command(&["stubborn"], &marker);
        let mut caged = ground.sandbox.spawn(&command, &policy, &cancel).await.unwrap();
        let mut said = [0; 12];
        caged.stdout.as_mut().unwrap().read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"ok ignoring\n");
        caged.kill();
        assert_eq!(caged.wait().await.verdict, Verdict::Cancelled);
        gone(&marker).await;

        let caged = ground.sandbox.spawn(&command, &policy, &cancel).await.unwrap();
        until("the tool to run", || !pids(&marker).is_empty()).await;
        drop(caged);
        gone(&marker).await;
    });
}

#[test]
fn a_launcher_that_is_killed_is_noticed_and_leaves_nothing() {
    as_each_user(async |ground| {
        let marker = marker();
        let command = ground.command(&["daemon-and-stay"], &marker);
        let run = ground.run(ground.policy(), &command);
        let kill = async {
            until("the daemon to run", || pids(&marker).len() == 2).await;
            let launcher = launchers(std::process::id());
            let pid = rustix::process::Pid::from_raw(launcher[0]).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        };
        let (report, ()) = tokio::join!(run, kill);
        assert_eq!(report.verdict, Verdict::Lost, "{report:#?}");
        gone(&marker).await;
    });
}

#[test]
fn sixteen_runs_at_a_time_do_not_share_their_limits() {
    as_each_user(async |ground| {
        let few = |limits: &mut Limits| limits.processes = 20;
        let policy = ground.policy().limit(few).build().unwrap();
        let cancel = CancellationToken::new();
        let mut runs = Vec::new();
        let markers: Vec<String> = (0..16).map(|_| marker()).collect();
        for marker in &markers {
            let command = ground.command(&["fork-flat", "40"], marker);
            let (sandbox, policy, cancel) = (ground.sandbox.clone(), policy.clone(), cancel.clone());
            runs.push(async move { sandbox.run(&command, &policy, &cancel).await });
        }
        let mut made = Vec::new();
        for report in futures_of(runs).await {
            let text = report.stdout.text();
            made.push(text.lines().find_map(|line| line.strip_prefix("made ")?.parse::<u64>().ok()).unwrap());
        }
        // Each has as many as it would have alone.
        assert!(made.iter().all(|made| (15..=20).contains(made)), "{made:?}");
        for marker in &markers {
            gone(marker).await;
        }
    });
}

/// Runs all at the same time, in one task.
async fn futures_of<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for (future, output) in &mut all {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *output = Some(ready),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}
