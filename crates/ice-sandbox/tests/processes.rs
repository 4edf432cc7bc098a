//! Processes that are too many, and processes that stay.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::time::{Duration, Instant};

use common::{Ground, Told, Watch, as_each_user, gone, marker};
use ice_sandbox::{Command, Limits, Profile, Verdict};

const FEW: u64 = 20;

fn few(limits: &mut Limits) {
    limits.processes = FEW;
    limits.wall = Duration::from_secs(30);
}

/// The count of what an attack made, and the most processes that were seen from outside meanwhile.
async fn multiply(ground: &Ground, attack: &[&str]) -> (u64, usize) {
    let marker = marker();
    let watch = Watch::over(&marker);
    let report = ground.run(ground.policy().limit(few), &ground.command(attack, &marker)).await;
    gone(&marker).await;
    (Told::by(report).number("made"), watch.most())
}

#[test]
fn a_flat_fork_bomb_stays_within_the_limit() {
    as_each_user(async |ground| {
        assert_eq!(ground.outside(&["fork-flat", "60"]).number("made"), 60);
        let (made, seen) = multiply(ground, &["fork-flat", "60"]).await;
        assert!((1..=FEW).contains(&made), "{made} were made");
        assert!(seen as u64 <= FEW + 2, "{seen} were seen at a time");
    });
}

#[test]
fn a_recursive_fork_bomb_stays_within_the_limit() {
    as_each_user(async |ground| {
        assert_eq!(ground.outside(&["fork-tree", "6"]).number("made"), 63);
        let (made, seen) = multiply(ground, &["fork-tree", "6"]).await;
        assert!((1..=FEW).contains(&made), "{made} were made");
        assert!(seen as u64 <= FEW + 2, "{seen} were seen at a time");
    });
}

#[test]
fn threads_count_as_processes() {
    as_each_user(async |ground| {
        assert_eq!(ground.outside(&["threads", "60"]).number("made"), 60);
        let (made, _) = multiply(ground, &["threads", "60"]).await;
        assert!((1..=FEW).contains(&made), "{made} were made");
    });
}

#[test]
fn a_shell_with_a_pipeline_runs_under_the_same_limit() {
    as_each_user(async |ground| {
        let pipeline = Command::new("sh").args(["-c", "seq 9 | sort -r | head -1 | cat; echo done"]);
        let report = ground.run(ground.policy_of(Profile::Shell).limit(few), &pipeline).await;
        Ground::said(&report, "9\ndone");
    });
}

#[test]
fn what_sleeps_for_ever_is_ended_in_time() {
    as_each_user(async |ground| {
        let brief = |limits: &mut Limits| limits.wall = Duration::from_millis(500);
        let began = Instant::now();
        ground.attack(ground.policy().limit(brief), &["sleep"]).await.ended(Verdict::WallTimeout);
        let took = began.elapsed();
        // A minute is the default; what is above the half second is the load of the machine.
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(20), "{took:?}");
        // A tool that is done before is not waited for.
        let report = ground.run(ground.policy().limit(brief), &Command::new("echo").arg("done")).await;
        Ground::said(&report, "done");
    });
}

#[test]
fn what_ignores_signals_is_ended_all_the_same() {
    as_each_user(async |ground| {
        let brief = |limits: &mut Limits| limits.wall = Duration::from_secs(1);
        let told =
            ground.attack(ground.policy().limit(brief), &["stubborn"]).await.ended(Verdict::WallTimeout);
        assert_eq!(told.achieved(), ["ignoring"]);
    });
}

#[test]
fn a_daemon_in_a_session_of_its_own_ends_with_the_program() {
    as_each_user(async |ground| {
        let told = ground.attack(ground.policy(), &["daemon"]).await.ended(Verdict::Ok);
        assert!(told.achieved().contains(&"setsid"), "{told:#?}");
        // The daemon would have slept until the limit of a minute.
        assert!(told.report().usage.wall < Duration::from_secs(20), "{told:#?}");
    });
}

#[test]
fn a_daemon_in_a_session_of_its_own_ends_with_the_time() {
    as_each_user(async |ground| {
        let brief = |limits: &mut Limits| limits.wall = Duration::from_secs(2);
        let attack = ["daemon-and-stay"];
        let told = ground.attack(ground.policy().limit(brief), &attack).await.ended(Verdict::WallTimeout);
        assert!(told.achieved().contains(&"ignoring"), "{told:#?}");
    });
}

#[test]
fn a_grandchild_that_holds_the_output_is_not_waited_for() {
    as_each_user(async |ground| {
        let told = ground.attack(ground.policy(), &["holder"]).await.ended(Verdict::Ok);
        assert_eq!(told.achieved(), ["done"]);
        assert!(told.report().usage.wall < Duration::from_secs(20), "{told:#?}");
    });
}
