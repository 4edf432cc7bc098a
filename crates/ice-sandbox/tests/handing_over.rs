//! Handing over what is to be made and run: how much, and how long it may take.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::as_each_user;
use ice_sandbox::{Command, Stage, Verdict};

#[test]
fn more_arguments_than_the_kernel_takes_are_refused() {
    as_each_user(async |ground| {
        // So much is told to the tool, which may be more than its system takes: then that says so.
        let report = ground.run(ground.policy(), &Command::new("true").arg("x".repeat(6_000_000))).await;
        let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:#?}") };
        assert_eq!(failure.stage, Stage::Exec, "{failure}");
        let report = ground.run(ground.policy(), &Command::new("true").arg("x".repeat(6 << 20))).await;
        let Verdict::SetupFailed { failure: failed } = &report.verdict else { panic!("{report:#?}") };
        assert!(failed.stage == Stage::Spec && failed.what.contains("6 MiB"), "{failed}");
    });
}

#[test]
fn making_the_cage_is_no_part_of_the_time_of_a_run() {
    as_each_user(async |ground| {
        let folder = common::public_folder();
        let policy = (0..4_000).fold(ground.policy(), |policy, number| {
            let granted = folder.path().join(number.to_string());
            fs::create_dir(&granted).unwrap();
            policy.read(granted)
        });
        let limit = Duration::from_millis(100);
        for idle in [false, true] {
            let policy = policy.clone().limit(|limits| {
                if idle {
                    limits.idle = Some(limit);
                } else {
                    limits.wall = limit;
                }
            });
            // It reads nothing and is gone as soon as it runs.
            let report = ground.run(policy, &Command::new("true")).await;
            assert!(report.usage.setup > limit, "too little to do: {:?}", report.usage);
            assert_eq!(report.verdict, Verdict::Ok, "{report:#?}");
        }
    });
}

#[test]
fn a_policy_that_takes_long_to_hand_over_is_held_to_its_limits_all_the_same() {
    as_each_user(async |ground| {
        let folder = common::public_folder();
        let deep = folder.path().join(vec!["x".repeat(200); 15].join("/"));
        fs::create_dir_all(&deep).unwrap();
        // More than a socket holds at a time.
        let policy = (0..80).fold(ground.policy(), |policy, _| policy.read(&deep));
        let policy = policy.limit(|limits| limits.wall = Duration::from_secs(2));
        let began = Instant::now();
        let report = ground.run(policy, &Command::new("sleep").arg("60")).await;
        assert_eq!(report.verdict, Verdict::WallTimeout, "{report:#?}");
        // Later than that, it was the caller that had lost patience.
        assert!(began.elapsed() < Duration::from_millis(6_900), "{:?}", began.elapsed());
    });
}
