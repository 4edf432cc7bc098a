//! Secrets: a tool has those that its policy names, and nobody else sees them.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::{Ground, as_each_user};
use ice_sandbox::{
    Command, Delivery, Layer, PolicyBuilder, PolicyError, Profile, ResourceSandbox, RunReport, SandboxPolicy,
    SecretBytes, SecretError, SecretRef, Stage, Verdict,
};
use tokio_util::sync::CancellationToken;

/// Long enough not to come up by itself.
const SECRET: &str = "correct-horse-battery-staple";

fn keeper(reference: &SecretRef) -> Result<SecretBytes, SecretError> {
    match reference.as_str() {
        "vault:token" => Ok(SecretBytes::new(SECRET)),
        "vault:empty" => Ok(SecretBytes::new("")),
        "vault:nul" => Ok(SecretBytes::new("a\0b")),
        "vault:long" => Ok(SecretBytes::new(vec![b'x'; (64 << 10) + 1])),
        _ => Err(SecretError("there is no such secret".to_owned())),
    }
}

fn token() -> SecretRef {
    SecretRef::new("vault:token")
}

fn reversed() -> String {
    SECRET.chars().rev().collect()
}

async fn run(ground: &Ground, policy: PolicyBuilder, line: &str) -> RunReport {
    let sandbox = ground.sandbox.clone().with_secrets(keeper);
    let command = Command::new("sh").args(["-c", line]);
    sandbox.run(&command, &policy.build().unwrap(), &CancellationToken::new()).await
}

#[test]
fn a_tool_has_its_secret_in_a_file_or_in_a_variable() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).secret("TOKEN", token());
        let line = r#"rev "$TOKEN_FILE"; echo; stat -c %a:%n "$TOKEN_FILE"; echo "${TOKEN-unset}""#;
        let report = run(ground, policy.clone(), line).await;
        Ground::said(&report, &format!("{}\n400:/cage/.secrets/TOKEN\nunset", reversed()));
        // Then it stands neither among the variables nor among the arguments.
        let seen = run(ground, policy, "cat /proc/$$/environ /proc/$$/cmdline | tr '\\0' '\\n'").await;
        assert!(seen.stdout.text().contains("TOKEN_FILE=/cage/.secrets/TOKEN"), "{seen:#?}");
        assert!(!seen.stdout.text().contains("****"), "{seen:#?}");

        let policy = ground.policy_of(Profile::Shell).secret_as("TOKEN", token(), Delivery::Variable);
        let report = run(ground, policy, r#"printenv TOKEN | rev; ls -A /cage"#).await;
        Ground::said(&report, &format!("{}\n.shm\n.tmp", reversed()));
    });
}

#[test]
fn a_secret_is_taken_out_of_what_is_kept_of_the_output() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).secret("TOKEN", token());
        let stars = "*".repeat(SECRET.len());
        let line = r#"cat "$TOKEN_FILE"; echo; cat "$TOKEN_FILE" >&2
                      head -c 9 "$TOKEN_FILE"; sleep 0.2; tail -c +10 "$TOKEN_FILE""#;
        let report = run(ground, policy.clone(), line).await;
        Ground::said(&report, &format!("{stars}\n{stars}"));
        assert_eq!((report.stderr.text(), report.stdout.left_out()), (stars.clone(), 0));
        // Where it lies across the end of what is kept, no part of it is.
        let little = policy.limit(|limits| limits.kept_output = 20);
        let report = run(ground, little, r#"cat "$TOKEN_FILE" "$TOKEN_FILE""#).await;
        assert_eq!((report.stdout.head, report.stdout.tail), (vec![b'*'; 10], vec![b'*'; 10]));
    });
}

#[test]
fn without_a_secret_nothing_is_run() {
    as_each_user(async |ground| {
        let folder = tempfile::tempdir().unwrap();
        let (launcher, started) = (folder.path().join("launcher"), folder.path().join("started"));
        fs::write(&launcher, format!("#!/bin/sh\ntouch {}\n", started.display())).unwrap();
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
        let unknowing = ResourceSandbox::with_launcher(&launcher).unwrap();
        let knowing = unknowing.clone().with_secrets(keeper);
        for (sandbox, reference, why) in [
            (&unknowing, "vault:token", "knows nobody"),
            (&knowing, "vault:none", "no such secret"),
            (&knowing, "vault:empty", "empty"),
            (&knowing, "vault:long", "64 KiB"),
            (&knowing, "vault:nul", "NUL"),
        ] {
            let policy = ground.policy().secret_as("TOKEN", SecretRef::new(reference), Delivery::Variable);
            let cancel = CancellationToken::new();
            let report = sandbox.run(&Command::new("true"), &policy.build().unwrap(), &cancel).await;
            let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:#?}") };
            assert_eq!(failure.stage, Stage::Secret, "{failure}");
            let names = failure.what.contains("TOKEN") && failure.what.contains(reference);
            assert!(names && failure.what.contains(why), "{failure}");
        }
        assert!(!started.exists());
        // Nor where there is no folder in memory for it.
        let policy = ground.policy().secret("TOKEN", token()).waive(Layer::Root).absent(Layer::Root);
        let report = run(ground, policy, "true").await;
        let Verdict::SetupFailed { failure } = &report.verdict else { panic!("{report:#?}") };
        assert_eq!(failure.stage, Stage::Secret, "{failure}");
    });
}

#[test]
fn a_cage_that_was_made_ahead_gets_secrets_with_its_command() {
    as_each_user(async |ground| {
        let policy = ground.policy_of(Profile::Shell).secret("TOKEN", token()).build().unwrap();
        let pool = ground.sandbox.clone().with_secrets(keeper).pool(policy, 1);
        pool.filled().await;
        let command = Command::new("sh").args(["-c", r#"rev "$TOKEN_FILE"; cat "$TOKEN_FILE""#]);
        let report = pool.run(&command, &CancellationToken::new()).await;
        Ground::said(&report, &format!("{}{}", reversed(), "*".repeat(SECRET.len())));
    });
}

#[test]
fn a_policy_holds_references_and_no_secrets() {
    let policy = SandboxPolicy::builder()
        .secret("TOKEN", token())
        .secret_as("OTHER", token(), Delivery::Variable)
        .build()
        .unwrap();
    let written = serde_json::to_value(&policy).unwrap();
    let expected = serde_json::json!({
        "OTHER": { "reference": "vault:token", "delivery": "variable" },
        "TOKEN": { "reference": "vault:token", "delivery": "file" },
    });
    assert_eq!(written["secrets"], expected);
    assert_eq!(serde_json::from_value::<SandboxPolicy>(written).unwrap(), policy);
    assert!(!format!("{:?}", SecretBytes::new(SECRET)).contains(SECRET));
    let refused = [
        SandboxPolicy::builder().secret("", token()),
        SandboxPolicy::builder().secret("../x", token()),
        SandboxPolicy::builder().secret("1ST", token()),
        SandboxPolicy::builder().secret("TOKEN", SecretRef::new("")),
        SandboxPolicy::builder().secret("TOKEN", token()).environment("TOKEN_FILE", "x"),
        SandboxPolicy::builder().secret_as("TOKEN", token(), Delivery::Variable).inherit("TOKEN"),
    ];
    for policy in refused {
        assert!(matches!(policy.build(), Err(PolicyError::Secret { .. })));
    }
}
