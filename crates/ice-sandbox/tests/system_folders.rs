//! Grants of folders of the system: what is there without a grant stays, and what cannot be had is refused beforehand.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ground, as_each_user, is_root, marker, public_folder};
use ice_sandbox::{
    Access, Command, Endpoint, Grant, PolicyBuilder, PolicyError, Profile, SandboxPolicy, Stage, Verdict,
};
use tokio_util::sync::CancellationToken;

/// Runs a line of a shell under a policy, and returns what it said.
async fn said(ground: &Ground, policy: PolicyBuilder, line: &str) -> String {
    let report = ground.run(policy, &Command::new("sh").args(["-c", line])).await;
    assert_eq!((&report.verdict, report.stderr.text().as_str()), (&Verdict::Ok, ""), "{line}: {report:#?}");
    report.stdout.text().trim().to_owned()
}

/// A policy that grants this is refused, for this reason and with this advice, however it is made.
#[track_caller]
fn refused(path: &str, access: Access, why: &str, instead: &str) {
    let error = SandboxPolicy::builder().grant(path, access).build().unwrap_err();
    let PolicyError::Path { path: named, .. } = &error else { panic!("{error:?}") };
    assert_eq!(named, Path::new(path));
    let text = error.to_string();
    assert!(text.starts_with(&format!("the path {path} cannot be granted: {why}")), "{text}");
    assert!(text.contains(instead), "{text}");
    let written = serde_json::json!({"grants": [Grant { path: path.into(), access }]}).to_string();
    let read = serde_json::from_str::<SandboxPolicy>(&written).unwrap_err().to_string();
    assert!(read.starts_with(&text), "{read}");
}

const READ: [Access; 2] = [Access::Read, Access::Execute];

#[test]
fn programs_and_libraries_still_run_where_their_folders_are_granted() {
    as_each_user(async |ground| {
        let all =
            ["/usr", "/usr/bin", "/usr/lib", "/bin", "/sbin", "/lib", "/lib64", "/lib/x86_64-linux-gnu"];
        for folder in all.into_iter().filter(|folder| Path::new(folder).is_dir()) {
            for access in READ {
                let policy = ground.policy_of(Profile::Shell).grant(folder, access);
                let line = format!("ls {folder}/ >/dev/null && /usr/bin/env echo ran");
                assert_eq!(said(ground, policy, &line).await, "ran", "{folder} {access:?}");
            }
        }
        // All at once, and one above what the profile shows.
        let policy = all.into_iter().filter(|folder| Path::new(folder).is_dir());
        let policy = policy.fold(ground.policy(), |policy, folder| policy.read(folder));
        assert_eq!(said(ground, policy, "/usr/bin/env echo ran").await, "ran");
    });
}

#[test]
fn the_granted_etc_takes_the_place_of_the_small_one() {
    as_each_user(async |ground| {
        let line = "cat /etc/passwd && test -e /etc/localtime && ls /etc/alternatives >/dev/null && head -c 1 /etc/hosts";
        let (passwd, hosts) =
            (fs::read_to_string("/etc/passwd").unwrap(), fs::read_to_string("/etc/hosts").unwrap());
        for access in READ {
            let policy = ground.policy_of(Profile::Shell).grant("/etc", access);
            assert_eq!(said(ground, policy, line).await, format!("{passwd}{}", &hosts[..1]).trim());
        }
        // The control: otherwise it is the cage's own.
        let own = said(ground, ground.policy(), "cat /etc/passwd").await;
        assert_eq!(own, "sandbox:x:1000:1000::/cage:/bin/sh");
        // A single file does the same for itself.
        let policy = ground.policy().read("/etc/passwd");
        assert_eq!(said(ground, policy, "cat /etc/passwd").await, passwd.trim());
        // Nothing in it is changed, neither by the command nor as the cage is made.
        let line =
            "for file in /etc/passwd /etc/new; do echo x 2>/dev/null >>$file && echo written; done; true";
        let report = ground.run(ground.policy().read("/etc"), &Command::new("sh").args(["-c", line])).await;
        assert_eq!((report.verdict, report.stdout.total), (Verdict::Ok, 0));
        assert_eq!(fs::read_to_string("/etc/passwd").unwrap(), passwd);
    });
}

#[test]
fn hosts_of_ways_out_are_known_though_etc_is_granted() {
    as_each_user(async |ground| {
        let endpoint: Endpoint = "host.example:80".parse().unwrap();
        for policy in [ground.policy().read("/etc"), ground.policy().read("/etc/hosts"), ground.policy()] {
            let policy = policy.connect(endpoint.clone());
            let line = "grep -c host.example /etc/hosts";
            assert_eq!(said(ground, policy, line).await, "1");
        }
        assert!(!fs::read_to_string("/etc/hosts").unwrap().contains("host.example"));
    });
}

#[test]
fn the_granted_tmp_takes_the_place_of_the_one_in_memory() {
    as_each_user(async |ground| {
        let name = format!("/tmp/{}", marker());
        let line = format!("echo said > {name} && cat {name} && test -w $TMPDIR");
        assert_eq!(said(ground, ground.policy_of(Profile::Shell).write("/tmp"), &line).await, "said");
        let kept = fs::read_to_string(&name);
        let _ = fs::remove_file(&name);
        assert_eq!(kept.unwrap(), "said\n");
        // For reading what is there is seen and not changed; the room for temporary files is where it always is.
        fs::write(&name, "kept").unwrap();
        let line = format!("cat {name}; (echo x > {name}) 2>/dev/null; echo x > $TMPDIR/x && echo temporary");
        let seen = said(ground, ground.policy_of(Profile::Shell).read("/tmp"), &line).await;
        let kept = fs::read_to_string(&name);
        let _ = fs::remove_file(&name);
        assert_eq!((seen.as_str(), kept.unwrap().as_str()), ("kepttemporary", "kept"));
    });
}

#[test]
fn folders_that_the_cage_has_of_its_own_are_refused() {
    for access in [Access::Read, Access::Execute, Access::Write] {
        for path in ["/proc", "/proc/self", "/proc/cpuinfo"] {
            refused(path, access, "the cage has a /proc of its own", "it is there without a grant");
        }
        for path in ["/dev", "/dev/null", "/dev/kvm"] {
            refused(path, access, "the cage has a /dev of its own", "are there without a grant");
        }
        for path in ["/sys", "/sys/class"] {
            refused(path, access, "the cage has no /sys", "copy what the command needs");
        }
        refused("/cage", access, "it is the working folder", "without a grant");
        refused("/", access, "the whole file system", "grant the folders that the command needs");
    }
}

#[test]
fn folders_of_the_system_are_not_granted_for_writing() {
    let all = [
        "/usr",
        "/usr/bin",
        "/usr/local/share",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/etc",
        "/etc/ssl",
        "/nix",
    ];
    for path in all.into_iter().chain(["/var", "/run"]) {
        refused(path, Access::Write, "nothing is written to folders of the system", "grant it for reading");
    }
    for path in ["/var/lib/data", "/run/user", "/srv", "/home", "/opt", "/tmp", "/usrs"] {
        assert!(SandboxPolicy::builder().write(path).build().is_ok(), "{path}");
    }
}

#[test]
fn a_link_of_the_system_to_a_folder_of_the_system_is_not_granted_for_writing() {
    as_each_user(async |ground| {
        // Such as /var/run, which leads to /run.
        let link = Path::new("/var/run");
        if fs::read_link(link).is_err() {
            return eprintln!("skipped: {} is no link", link.display());
        }
        let report = ground.run(ground.policy().write(link), &Command::new("true")).await;
        let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:?}") };
        assert_eq!(failure.stage, Stage::Grant);
        assert!(failure.what.contains("it leads to /run, where nothing is written"), "{failure}");
        let read = ground.run(ground.policy().read(link), &Command::new("true")).await;
        assert_eq!(read.verdict, Verdict::Ok);
    });
}

#[test]
fn what_is_granted_for_reading_elsewhere_is_not_run() {
    as_each_user(async |ground| {
        let folder = public_folder();
        fs::copy("/bin/echo", folder.path().join("echo")).unwrap();
        let policy = ground.policy().read(folder.path()).read("/usr").build().unwrap();
        let command = Command::new(folder.path().join("echo"));
        let report = ground.sandbox.run(&command, &policy, &CancellationToken::new()).await;
        let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:?}") };
        assert_eq!((failure.stage, failure.errno), (Stage::Exec, Some(libc::EACCES)));
    });
}

#[test]
fn what_only_root_reads_in_etc_is_not_read_unless_root_grants_it() {
    as_each_user(async |ground| {
        let policies = [Some(ground.policy()), (!is_root()).then(|| ground.policy().read("/etc"))];
        for policy in policies.into_iter().flatten() {
            let report = ground.run(policy, &Command::new("cat").arg("/etc/shadow")).await;
            assert_eq!(report.verdict, Verdict::ExitCode { code: 1 }, "{report:?}");
        }
    });
}
