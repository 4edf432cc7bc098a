//! Other processes of the machine: to be seen, changed, read or ended.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::process::{Child, Command as Process, Stdio};

use common::{Ground, as_each_user, exists, marker};
use ice_sandbox::{Command, Profile, Verdict};

/// A process of the same user, which has a secret in its environment.
struct Victim(Child);

impl Victim {
    fn new() -> Self {
        let mut process = Process::new("sleep");
        process.arg("600").env("SECRET", "secret").stdin(Stdio::null()).stdout(Stdio::null());
        Self(process.spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    /// All about it that an attack might change.
    fn looks(&self) -> [String; 4] {
        let pid = self.pid();
        assert!(exists(pid), "the victim is dead");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let of_status = |key: &str| status.lines().filter(|line| line.starts_with(key)).collect::<String>();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let after = stat.rsplit_once(')').unwrap().1.split(' ').collect::<Vec<_>>();
        // Its niceness is the nineteenth field, its policy the forty-first.
        let schedule = format!("{} {}", after[17], after[39]);
        [limits, of_status("Tracer"), of_status("Cpus_allowed_list"), schedule]
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_outside_is_neither_seen_nor_changed_nor_ended() {
    as_each_user(async |ground| {
        // Outside the probe attacks a child of its own, in a pid namespace of its own.
        let works =
            ["read-memory", "write-memory", "limit", "priority", "affinity", "open", "trace", "environ"];
        ground.outside(&["victim", "own"]).all(&works).all(&["cmdline", "cwd", "kill"]);

        let victim = Victim::new();
        let before = victim.looks();
        let told = ground.attack(ground.policy(), &["victim", &victim.pid().to_string()]).await.only(&[]);
        assert_eq!(told.refused().len(), 21, "{told:#?}");
        assert_eq!(victim.looks(), before);
        let asked = std::process::id().to_string();
        ground.attack(ground.policy(), &["victim", &asked]).await.only(&[]);
    });
}

#[test]
fn calls_that_mean_all_processes_of_a_user_mean_those_of_the_cage() {
    as_each_user(async |ground| {
        // Root's cage runs as another user, so that only an ordinary user's processes could be meant. There is no control
        // outside of the cage: it would end everything that the user has.
        let victim = Victim::new();
        let before = victim.looks();
        let told = ground.attack(ground.policy(), &["everybody"]).await.ended(Verdict::Ok);
        assert_eq!(told.achieved().len() + told.refused().len(), 3, "{told:#?}");
        assert_eq!(victim.looks(), before);
    });
}

#[test]
fn the_first_process_of_the_cage_is_closed_to_the_tool() {
    as_each_user(async |ground| {
        let told = ground.attack(ground.policy(), &["first-process"]).await.only(&["still here"]);
        assert!(told.out.contains("others [1]\n"), "{told:#?}");
    });
}

#[test]
fn a_tool_sees_and_ends_its_own_processes() {
    as_each_user(async |ground| {
        let line = "sleep 600 & kill $! && wait $!; echo $?; tr '\\0' ' ' < /proc/$$/cmdline | cut -c1-2";
        let command = Command::new("sh").args(["-c", line]);
        Ground::said(&ground.run(ground.policy_of(Profile::Shell), &command).await, "143\nsh");
    });
}

#[test]
fn the_environment_of_who_asked_is_not_inherited() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).environment("GIVEN", "given");
        let report = ground.run(policy, &Command::new("sh").args(["-c", "env | cut -d= -f1 | sort"])).await;
        Ground::said(&report, "GIVEN\nHOME\nICE_SANDBOX_PROBE\nLANG\nPATH\nPWD\nTMPDIR");
        // A variable is there only if it is asked for by its name.
        let name = "CARGO_MANIFEST_DIR";
        let policy = ground.policy_of(Profile::Shell).inherit(name);
        let report = ground.run(policy, &Command::new("sh").args(["-c", "echo $CARGO_MANIFEST_DIR"])).await;
        let value = std::env::var_os(name).unwrap_or_default();
        Ground::said(&report, &value.to_string_lossy());
    });
}

#[test]
fn descriptors_of_who_asked_are_not_inherited() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir().unwrap();
        let secret = fs::File::create(folder.path().join(marker())).unwrap();
        // Left open across exec, as a library in C may do it.
        rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
        let inherited = Process::new("ls").arg("/proc/self/fd").output().unwrap();
        let listed = String::from_utf8(inherited.stdout).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&secret).to_string();
        assert!(listed.lines().any(|line| line == number), "{listed}");

        let told = ground.attack(ground.policy(), &["descriptors"]).await.ended(Verdict::Ok);
        assert_eq!(told.out, "open 0\nopen 1\nopen 2\n");
    });
}
