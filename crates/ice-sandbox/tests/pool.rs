//! Cages that are made ahead.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::time::Duration;

use ice_sandbox::{Command, ResourceSandbox, SandboxPolicy, Verdict, WarmPool};
use tokio_util::sync::CancellationToken;

fn pool(size: usize) -> WarmPool {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    sandbox.pool(SandboxPolicy::builder().build().unwrap(), size)
}

async fn filled(pool: &WarmPool) {
    tokio::time::timeout(Duration::from_secs(60), pool.filled()).await.unwrap();
}

/// The processes of this test's launchers: its children.
fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let lists = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

#[tokio::test]
async fn each_cage_is_used_once_and_replaced() {
    let (pool, cancel) = (pool(2), CancellationToken::new());
    for _ in 0..3 {
        filled(&pool).await;
        let command = Command::new("sh").args(["-c", "ls -A /cage; touch /cage/left; cat"]).input("given");
        let report = pool.run(&command, &cancel).await;
        assert_eq!(
            (report.verdict.clone(), report.stdout.text().as_str()),
            (Verdict::Ok, ".shm\n.tmp\ngiven")
        );
        assert_eq!(report.usage.setup, Duration::ZERO, "it was ready: {report:?}");
    }
}

#[tokio::test]
async fn without_a_cage_that_is_ready_a_fresh_one_is_made() {
    let (pool, cancel) = (pool(0), CancellationToken::new());
    let report = pool.run(&Command::new("true"), &cancel).await;
    assert_eq!(report.verdict, Verdict::Ok);
    assert!(report.usage.setup > Duration::ZERO);
}

/// A launcher, the first process and the tool: each is the child of the one before.
fn processes_of_a_cage() -> [i32; 3] {
    let child = |pid: i32| {
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        list.trim().parse().unwrap()
    };
    let launcher = children().pop().unwrap();
    let first = child(launcher);
    [launcher, first, child(first)]
}

#[tokio::test]
async fn a_cage_that_ended_while_it_waited_is_passed_over() {
    for which in 0..3 {
        let pool = pool(1);
        filled(&pool).await;
        let killed = rustix::process::Pid::from_raw(processes_of_a_cage()[which]).unwrap();
        rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let report = pool.run(&Command::new("true"), &CancellationToken::new()).await;
        assert_eq!(report.verdict, Verdict::Ok, "process {which} of the cage was killed");
        drop(pool);
        while !children().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn the_time_of_a_run_begins_with_its_command() {
    let sandbox = ResourceSandbox::with_launcher(env!("CARGO_BIN_EXE_ice-sandbox-launcher")).unwrap();
    let policy = SandboxPolicy::builder().limit(|limits| limits.wall = Duration::from_millis(1_500));
    let pool = sandbox.pool(policy.build().unwrap(), 1);
    filled(&pool).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(pool.ready(), 1);
    let cancel = CancellationToken::new();
    assert_eq!(pool.run(&Command::new("true"), &cancel).await.verdict, Verdict::Ok);
    let slept = pool.run(&Command::new("sleep").arg("60"), &cancel).await;
    assert_eq!(slept.verdict, Verdict::WallTimeout);
}

#[tokio::test]
async fn cages_that_wait_end_with_the_pool() {
    let pool = pool(2);
    filled(&pool).await;
    assert!(children().len() >= 2);
    drop(pool);
    let mut left = usize::MAX;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = children().len();
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0, "launchers are left");
}
