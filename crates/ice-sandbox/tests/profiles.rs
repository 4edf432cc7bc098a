//! What the profiles are for: runtimes that are installed run under them, with their default limits.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use common::{Ground, as_each_user, has};
use ice_sandbox::{Command, Profile, SandboxPolicy, Verdict};

async fn says(ground: &Ground, profile: Profile, command: Command, expected: &str) {
    let report = ground.run(ground.policy_of(profile), &command).await;
    let told = (&report.verdict, report.stdout.text());
    assert_eq!(told, (&Verdict::Ok, format!("{expected}\n")), "{}\n{:?}", report.stderr.text(), report.usage);
}

#[test]
fn a_shell_runs() {
    as_each_user(async |ground| {
        let line = "cd $TMPDIR && echo hello > f && cat f && pwd -P";
        says(ground, Profile::Shell, Command::new("sh").args(["-c", line]), "hello\n/cage/.tmp").await;
    });
}

#[test]
fn a_tool_writes_to_the_folder_for_temporary_files() {
    as_each_user(async |ground| {
        let line = Command::new("sh").args(["-c", "cd /tmp && echo hello > f && cat f"]);
        let report = ground.run(SandboxPolicy::of(Profile::Shell), &line).await;
        Ground::said(&report, "hello");
    });
}

#[test]
fn a_tool_writes_to_the_folder_for_temporary_files_though_something_in_it_is_granted() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let line = Command::new("sh").args(["-c", "cd $TMPDIR && echo hello > f && cat f"]);
        let report = ground.run(SandboxPolicy::of(Profile::Shell).read(folder.path()), &line).await;
        Ground::said(&report, "hello");
    });
}

#[test]
fn perl_runs() {
    as_each_user(async |ground| {
        if has("perl") {
            let line = "use POSIX; print 'hello ', join('-', sort map { $_ * 2 } 1..3), \"\\n\"";
            says(ground, Profile::Shell, Command::new("perl").args(["-e", line]), "hello 2-4-6").await;
        }
    });
}

#[test]
fn python_runs_with_processes_and_shared_memory() {
    as_each_user(async |ground| {
        // Only one of the system: any other stands where it is not granted.
        if has("python3") {
            let line = "import subprocess, sys, tempfile, threading, mmap\n\
                        mmap.mmap(-1, 4096).write(b'x')\n\
                        tempfile.TemporaryFile().write(b'x')\n\
                        thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n\
                        print(subprocess.check_output(['echo', 'hello'], text=True).strip())";
            says(
                ground,
                Profile::Python,
                Command::new("/usr/bin/python3").args(["-c", line]),
                "thread\nhello",
            )
            .await;
        }
    });
}

#[test]
fn node_runs_with_files_and_processes() {
    as_each_user(async |ground| {
        if has("node") {
            let line = "const fs = require('fs'); fs.writeFileSync('f', 'hello');\n\
                        console.log(fs.readFileSync('f', 'utf8'));\n\
                        console.log(require('child_process').execSync('echo child').toString().trim());";
            says(ground, Profile::Node, Command::new("node").args(["-e", line]), "hello\nchild").await;
        }
    });
}

#[test]
fn a_java_virtual_machine_runs_a_program_from_its_source() {
    as_each_user(async |ground| {
        if has("java") {
            let program =
                "class Hello { public static void main(String[] a) { System.out.println(\"hello\"); } }";
            // The compiler is part of the development kit only.
            let line = "if java --list-modules | grep -q jdk.compiler; then cat > Hello.java; java Hello.java; \
                        else java -version 2>/dev/null && echo hello; fi";
            let command = Command::new("sh").args(["-c", line]).input(program);
            says(ground, Profile::Jvm, command, "hello").await;
        }
    });
}

#[test]
fn a_program_of_ones_own_runs_from_where_it_is_granted() {
    as_each_user(async |ground| {
        let told = ground.attack(ground.policy(), &["use-work"]).await.ended(Verdict::Ok);
        told.all(&["work", "temporary", "shared", "null"]);
    });
}
