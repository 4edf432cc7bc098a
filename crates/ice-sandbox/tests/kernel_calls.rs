//! Calls of the system that no tool needs, and powers that none has.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::{Ground, as_each_user, has};
use ice_sandbox::{Command, Profile, Verdict};

#[test]
fn there_are_no_mounts_and_no_namespaces_to_be_had() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        ground.outside(&["namespaces", path]).all(&[
            "mount",
            "bind",
            "new-mount",
            "clone-tree",
            "chroot",
            "unshare-user",
            "unshare-mount",
            "unshare-net",
            "unshare-pid",
            "clone",
            "clone3",
        ]);
        let told = ground.attack(ground.policy(), &["namespaces", "/cage"]).await.only(&[]);
        assert_eq!(told.refused().len(), 15, "{told:#?}");
    });
}

#[test]
fn rare_calls_are_refused() {
    as_each_user(async |ground| {
        // There is no control: what they would do outside concerns the kernel of the machine.
        let told = ground.attack(ground.policy(), &["rare-calls"]).await.only(&[]);
        for (name, why) in told.refused() {
            let is_filtered = why.contains("os error 1)") || why.contains("os error 38)");
            assert!(is_filtered, "{name} reached the kernel: {why}");
        }
    });
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_by_the_numbers_of_other_tables_are_refused() {
    as_each_user(async |ground| {
        let told = ground.attack(ground.policy(), &["other-tables"]).await;
        assert_eq!(told.achieved(), [""; 0], "{told:#?}");
        assert!(told.out.contains("no x32: Function not implemented"), "{told:#?}");
        // A kernel without that table ends the process itself.
        let ended = [Verdict::Denied, Verdict::Signal { signal: libc::SIGSEGV }];
        assert!(ended.contains(&told.report().verdict), "{told:#?}");
    });
}

#[test]
fn the_tool_has_no_powers_and_gains_none() {
    as_each_user(async |ground| {
        let read = Command::new("cat").arg("/proc/self/status");
        let report = ground.run(ground.policy(), &read).await;
        let text = report.stdout.text();
        let of = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            found.unwrap_or("nothing").trim().to_owned()
        };
        let none = "0000000000000000";
        for (key, value) in [
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("CapInh", none),
            ("CapPrm", none),
            ("CapEff", none),
            ("CapAmb", none),
            ("Uid", "1000\t1000\t1000\t1000"),
            ("Gid", "1000\t1000\t1000\t1000"),
        ] {
            assert_eq!(of(key), value, "{key}: {text}");
        }
    });
}

#[test]
fn a_program_that_runs_as_its_owner_gains_nothing() {
    as_each_user(async |ground| {
        if !has("su") || !has("newgrp") {
            return;
        }
        let line = "su -c 'echo gained' root </dev/null; newgrp root </dev/null; id -u; touch /usr/bin/gained; ls /root";
        let command = Command::new("sh").args(["-c", line]);
        let report = ground.run(ground.policy_of(Profile::Shell), &command).await;
        assert_eq!(report.stdout.text().trim(), "1000", "{}", report.stderr.text());
        assert!(!fs::exists("/usr/bin/gained").unwrap());
    });
}

#[test]
fn there_is_no_terminal_to_type_into() {
    as_each_user(async |ground| {
        // There is no control: it would type into the terminal of whoever runs the tests.
        let told = ground.attack(ground.policy(), &["terminal"]).await.only(&[]);
        for name in ["tiocsti", "tioclinux", "tiocsti-high-bits"] {
            let why = told.refused().into_iter().find(|(refused, _)| *refused == name).unwrap().1;
            assert!(why.contains("os error 1)"), "{name}: {why}");
        }
    });
}

#[test]
fn shared_memory_and_queues_are_gone_after_the_run() {
    as_each_user(async |ground| {
        // Some number that no other program uses as a key.
        let key = (0x1ce0_0000 + std::process::id()).to_string();
        ground.outside(&["ipc", &key]).all(&["segment", "queue"]);
        let segments = || fs::read_to_string("/proc/sysvipc/shm").unwrap().lines().count();
        let before = segments();
        let first = ground.attack(ground.policy(), &["ipc", &key, "private"]).await.ended(Verdict::Ok);
        assert!(first.achieved().contains(&"shared-memory"), "{first:#?}");
        let second = ground.attack(ground.policy(), &["ipc", &key, "private"]).await.ended(Verdict::Ok);
        assert!(!second.achieved().contains(&"found"), "{second:#?}");
        assert_eq!(segments(), before);
        assert!(!fs::exists(format!("/dev/shm/probe-{key}")).unwrap());
    });
}

#[test]
fn a_program_in_memory_is_in_the_same_cage() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let attack = ["memory-program", "read", secret.to_str().unwrap(), "/etc/passwd"];
        ground.outside(&attack).all(&["memory-file", attack[2], "/etc/passwd"]);
        let told = ground.attack(ground.policy(), &attack).await.ended(Verdict::Ok);
        let achieved = told.achieved();
        assert!(!achieved.contains(&attack[2]), "{told:#?}");
        // Either it did not run at all, or it saw what the cage has.
        assert!(achieved.is_empty() || achieved.contains(&"/etc/passwd"), "{told:#?}");
    });
}

#[test]
fn a_cage_within_the_cage_is_refused_and_says_why() {
    as_each_user(async |ground| {
        let launcher = ground.tools.join("ice-sandbox-launcher").display().to_string();
        let told = ground.attack(ground.policy(), &["sandbox-itself", &launcher]).await.ended(Verdict::Ok);
        assert!(told.out.contains("SetupFailed") && told.out.contains("UserNamespace"), "{told:#?}");
    });
}

#[test]
fn tools_of_the_system_run() {
    as_each_user(async |ground| {
        let line = "printf 'b\\na\\n' | sort > f && gzip f && gunzip f.gz && cat f && tar cf t f && tar tf t";
        let report =
            ground.run(ground.policy_of(Profile::Shell), &Command::new("sh").args(["-c", line])).await;
        Ground::said(&report, "a\nb\nf");
    });
}
