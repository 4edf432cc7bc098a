//! Files that are not granted, granted for less than is tried, or more than there is room for.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use common::{Ground, as_each_user, marker, public_folder};
use ice_sandbox::{Command, Layer, Profile, SandboxPolicy, Verdict};
use tempfile::TempDir;

/// A folder that anybody may change, with a file that anybody may change: only the cage protects it.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("victim"), "secret").unwrap();
    fs::set_permissions(folder.path().join("victim"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

/// Everything about a folder that an attack might change.
fn looks(folder: &Path) -> Vec<(String, u32, u32, i64, i64, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.push(folder.to_owned());
    all.sort();
    let look = |path: &std::path::PathBuf| {
        let found = fs::symlink_metadata(path).unwrap();
        let bytes = fs::read(path).unwrap_or_default();
        (path.display().to_string(), found.mode(), found.uid(), found.mtime(), found.ctime_nsec(), bytes)
    };
    all.iter().map(look).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files_outside_are_not_changed() {
    as_each_user(async |ground| {
        let control = open_folder();
        let works =
            ["write", "append", "truncate", "chmod", "create", "symlink", "mkdir", "rename", "remove"];
        let own = tempfile::tempdir_in(control.path()).unwrap();
        ground.outside(&["change", text(control.path()), text(own.path())]).all(&works);
        assert!(!control.path().join("victim").exists());

        let folder = open_folder();
        let before = looks(folder.path());
        ground.attack(ground.policy(), &["change", text(folder.path()), "/cage"]).await.only(&[]);
        assert_eq!(looks(folder.path()), before);
    });
}

#[test]
fn files_granted_for_reading_are_not_changed() {
    as_each_user(async |ground| {
        let folder = open_folder();
        let before = looks(folder.path());
        let attack = ["change", text(folder.path()), "/cage"];
        let policy = || ground.policy().read(folder.path());
        ground.attack(policy(), &attack).await.only(&["read"]);
        assert_eq!(looks(folder.path()), before);
        let read = Command::new("cat").arg(folder.path().join("victim"));
        Ground::said(&ground.run(policy(), &read).await, "secret");
    });
}

#[test]
fn files_granted_for_running_are_not_changed() {
    as_each_user(async |ground| {
        let folder = open_folder();
        let before = looks(folder.path());
        ground
            .attack(ground.policy().execute(folder.path()), &["change", text(folder.path()), "/cage"])
            .await
            .only(&["read"]);
        assert_eq!(looks(folder.path()), before);
    });
}

#[test]
fn a_folder_granted_for_writing_is_changed_but_takes_no_device() {
    as_each_user(async |ground| {
        let folder = open_folder();
        let policy = ground.policy().write(folder.path());
        let told = ground.attack(policy, &["change", text(folder.path()), "/cage"]).await.ended(Verdict::Ok);
        let told = told
            .all(&["read", "write", "append", "truncate", "chmod", "create", "mkdir", "symlink", "remove"]);
        let refused: Vec<_> = told.refused().into_iter().map(|(name, _)| name).collect();
        for name in ["chown", "mknod", "hardlink-in", "rename-away"] {
            assert!(refused.contains(&name), "{name} worked: {told:#?}");
        }
        assert!(folder.path().join("created").exists() && !folder.path().join("victim").exists());
    });
}

#[test]
fn what_is_written_cannot_be_run() {
    as_each_user(async |ground| {
        let folder = open_folder();
        let script = |folder: &str| {
            let line = format!("cp /bin/echo {folder}/copy && chmod +x {folder}/copy && {folder}/copy ran");
            Command::new("sh").args(["-c", &line])
        };
        let policy = ground.policy_of(Profile::Shell).write(folder.path());
        let report = ground.run(policy, &script(text(folder.path()))).await;
        assert_eq!(
            (&report.verdict, report.stdout.total),
            (&Verdict::ExitCode { code: 126 }, 0),
            "{report:#?}"
        );
        assert!(folder.path().join("copy").exists(), "{report:#?}");
    });
}

#[test]
fn no_program_is_left_that_runs_as_its_owner() {
    as_each_user(async |ground| {
        let control = open_folder();
        ground.outside(&["set-user", text(control.path())]).all(&["user-open", "user-chmod", "user-openat2"]);
        let folder = open_folder();
        let policy = ground.policy().write(folder.path());
        let told = ground.attack(policy, &["set-user", text(folder.path())]).await.ended(Verdict::Ok);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().mode();
            assert_eq!(mode & 0o6000, 0, "{}: {told:#?}", entry.path().display());
        }
        assert!(told.achieved().contains(&"make-user-chmod"), "{told:#?}");
    });
}

#[test]
fn secrets_of_the_system_are_not_there() {
    as_each_user(async |ground| {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("key"), "secret").unwrap();
        let key = home.path().join("key");
        // The paths of the system are read only in the cage.
        ground.outside(&["read", text(&key)]).all(&[text(&key)]);
        let paths = [
            "/etc/shadow",
            "/etc/gshadow",
            "/etc/sudoers",
            "/root",
            "/home",
            "/var",
            "/run",
            "/boot",
            "/sys",
            "/mnt",
            "/srv",
            "/opt",
            "/proc/kcore",
            "/proc/kmsg",
            "/dev/mem",
            "/dev/kmsg",
            "/dev/sda",
            "/dev/vda",
        ];
        let attack: Vec<&str> = ["read", text(&key)].into_iter().chain(paths).collect();
        let told = ground.attack(ground.policy_of(Profile::Shell), &attack).await.ended(Verdict::Ok);
        // The last is the word by which the processes are found.
        assert_eq!((told.achieved(), told.refused().len()), (vec![], paths.len() + 2), "{told:#?}");
        let shown = ground.run(ground.policy(), &Command::new("cat").arg("/etc/passwd")).await;
        Ground::said(&shown, "sandbox:x:1000:1000::/cage:/bin/sh");
    });
}

#[test]
fn no_other_way_leads_to_a_file_outside() {
    as_each_user(async |ground| {
        let folder = open_folder();
        let victim = folder.path().join("victim");
        let told = ground.attack(ground.policy(), &["ways-out", text(&victim)]).await.ended(Verdict::Ok);
        assert_eq!(told.number("found"), 0, "{told:#?}");
        assert_eq!(told.achieved(), ["make-link", "make-root-link"]);
        // Were it granted, every way would do: it is not the ways that are wrong.
        let policy = ground.policy().read(folder.path());
        let told = ground.attack(policy, &["ways-out", text(&victim)]).await;
        assert!(told.number("found") > 3, "{told:#?}");
    });
}

#[test]
fn a_link_that_a_tool_left_is_not_followed_by_a_grant_below_its_folder() {
    as_each_user(async |ground| {
        let (folder, outside) = (open_folder(), open_folder());
        fs::create_dir(folder.path().join("own")).unwrap();
        fs::write(folder.path().join("own/file"), "own").unwrap();
        let link = folder.path().join("link");
        symlink(outside.path(), &link).unwrap();
        let read = |path: &Path| Command::new("cat").arg(path);
        let policy = ground.policy().write(folder.path()).read(folder.path().join("own")).build().unwrap();
        let cancel = Default::default();
        let report = ground.sandbox.run(&read(&folder.path().join("own/file")), &policy, &cancel).await;
        assert_eq!(report.stdout.text(), "own", "{report:?}");
        for below in [link.clone(), link.join("victim")] {
            let policy = ground.policy().write(folder.path()).read(&below).build().unwrap();
            let report = ground.sandbox.run(&read(&link.join("victim")), &policy, &cancel).await;
            let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:?}") };
            assert_eq!(failure.stage, ice_sandbox::Stage::Grant);
        }
    });
}

#[test]
fn a_link_that_a_tool_left_is_not_followed_by_a_grant_of_a_later_policy() {
    as_each_user(async |ground| {
        let (folder, outside) = (public_folder(), open_folder());
        let link = folder.path().join("link");
        let line = format!("ln -s {} {}", text(outside.path()), text(&link));
        let leave = Command::new("sh").args(["-c", &line]);
        let report = ground.run(ground.policy_of(Profile::Shell).write(folder.path()), &leave).await;
        assert_eq!((report.verdict, fs::read_link(&link).unwrap()), (Verdict::Ok, outside.path().to_owned()));
        let read = Command::new("cat").arg(link.join("victim"));
        for granted in [link.clone(), link.join("victim")] {
            for policy in [ground.policy(), ground.policy().waive(Layer::Root).absent(Layer::Root)] {
                let report = ground.run(policy.read(&granted), &read).await;
                let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:?}") };
                assert_eq!(failure.stage, ice_sandbox::Stage::Grant);
                assert!(failure.what.contains(text(&link)) && failure.hint.is_some(), "{failure}");
            }
        }
        // The control: by its own path it is granted.
        let read = Command::new("cat").arg(outside.path().join("victim"));
        Ground::said(&ground.run(ground.policy().read(outside.path()), &read).await, "secret");
    });
}

#[test]
fn links_in_a_granted_folder_lead_nowhere_outside() {
    as_each_user(async |ground| {
        let (folder, outside) = (open_folder(), open_folder());
        let link = folder.path().join("link");
        symlink(outside.path().join("victim"), &link).unwrap();
        let paths = [folder.path().join("victim"), link];
        let attack = ["read", text(&paths[0]), text(&paths[1])];
        ground.outside(&attack).all(&attack[1..]);
        ground.attack(ground.policy().read(folder.path()), &attack).await.only(&attack[1..2]);
    });
}

#[test]
fn a_path_that_becomes_another_during_the_run_stays_what_it_was() {
    as_each_user(async |ground| {
        let (folder, other) = (open_folder(), open_folder());
        let granted = folder.path().join("granted");
        fs::create_dir(&granted).unwrap();
        fs::write(granted.join("victim"), "granted").unwrap();
        fs::set_permissions(&granted, fs::Permissions::from_mode(0o755)).unwrap();
        let signal = public_folder();
        let until = signal.path().join("now");
        let (seen, marker) = (granted.join("victim"), marker());
        let command = ground.command(&["swapped", text(&seen), text(&until)], &marker);
        let policy = ground.policy().read(&granted).read(signal.path());
        let run = ground.run(policy, &command);
        let swap = async {
            common::until("the tool to run", || !common::pids(&marker).is_empty()).await;
            common::pause(200).await;
            fs::rename(&granted, folder.path().join("moved")).unwrap();
            symlink(other.path(), &granted).unwrap();
            common::pause(200).await;
            fs::write(&until, "").unwrap();
        };
        let (report, ()) = tokio::join!(run, swap);
        assert!(report.stdout.text().contains("same: granted"), "{report:#?}");
    });
}

#[test]
fn the_working_folder_fills_up() {
    as_each_user(async |ground| {
        let policy = || ground.policy().limit(|limits| limits.workspace = 8 << 20);
        let told = ground.attack(policy(), &["fill", "40"]).await.ended(Verdict::Ok);
        assert!((5..=8).contains(&told.number("filled")), "{told:#?}");
        assert_eq!(told.number("then"), libc::ENOSPC as u64, "{told:#?}");
        let use_it = ["work", "temporary", "shared", "null"];
        ground.attack(policy(), &["use-work"]).await.ended(Verdict::Ok).all(&use_it);
    });
}

#[test]
fn paths_and_arguments_need_not_be_text() {
    as_each_user(async |ground| {
        let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let folder = open_folder();
        let granted = folder.path().join(name(b"caf\xe9"));
        fs::create_dir(&granted).unwrap();
        let program = granted.join(name(b"echo\xff"));
        fs::copy("/bin/echo", &program).unwrap();
        let policy = ground.policy().execute(&granted).build().unwrap();
        let written = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<SandboxPolicy>(&written).unwrap(), policy);
        let command = Command::new(&program).arg(name(b"said \xe9"));
        let report = ground.sandbox.run(&command, &policy, &Default::default()).await;
        assert_eq!(
            (&report.verdict, &report.stdout.head[..]),
            (&Verdict::Ok, &b"said \xe9\n"[..]),
            "{report:#?}"
        );
    });
}

#[test]
fn the_working_folder_holds_only_so_many_files() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).limit(|limits| limits.workspace = 1 << 20);
        let line = "touch $(seq 1000) 2>/dev/null; ls | wc -l";
        let report = ground.run(policy, &Command::new("sh").args(["-c", line])).await;
        let files: u64 = report.stdout.text().trim().parse().unwrap();
        assert!((200..=256).contains(&files), "{files}");
    });
}

#[test]
fn limits_of_files_hold_and_cannot_be_raised() {
    as_each_user(async |ground| {
        let policy = ground.policy().limit(|limits| {
            limits.file_size = 3 << 20;
            limits.open_files = 32;
        });
        let told = ground.attack(policy, &["limits"]).await.only(&[]);
        assert!(told.out.contains(&format!("file {} {}", 3 << 20, libc::EFBIG)), "{told:#?}");
        assert!(told.out.contains(&format!(" {}\n", libc::EMFILE)), "{told:#?}");
        assert!(told.number("open") < 32, "{told:#?}");
        assert!(told.refused().len() == 5, "{told:#?}");
    });
}

#[test]
fn a_file_that_grows_too_large_ends_a_tool_that_does_not_look() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).limit(|limits| limits.file_size = 1 << 20);
        let line = "exec dd if=/dev/zero of=/cage/large bs=64k count=64";
        let report = ground.run(policy, &Command::new("sh").args(["-c", line])).await;
        assert_eq!(report.verdict, Verdict::FileSize, "{report:#?}");
    });
}

#[test]
fn nothing_in_proc_is_written_that_is_not_the_tools_own() {
    as_each_user(async |ground| {
        let pattern = fs::read("/proc/sys/kernel/core_pattern").unwrap();
        let attack = [
            "write-to",
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/hostname",
            "/proc/sys/kernel/modprobe",
            "/proc/sys/vm/overcommit_memory",
            "/proc/sys/vm/drop_caches",
            "/proc/sys/fs/protected_symlinks",
            "/proc/sys/net/ipv4/ip_forward",
            "/proc/sys/user/max_user_namespaces",
            "/proc/sysrq-trigger",
            "/proc/self/uid_map",
            "/proc/self/gid_map",
            "/proc/self/setgroups",
            "/proc/1/oom_score_adj",
            "/proc/1/comm",
            "/proc/1/mem",
            "/proc/1/uid_map",
            "/proc/self/mem",
            "/proc/irq/default_smp_affinity",
        ];
        let told = ground.attack(ground.policy(), &attack).await.ended(Verdict::Ok);
        assert_eq!(told.achieved(), [""; 0], "{told:#?}");
        assert_eq!(fs::read("/proc/sys/kernel/core_pattern").unwrap(), pattern);
        assert!(told.report().usage.wall < Duration::from_secs(60));
    });
}
