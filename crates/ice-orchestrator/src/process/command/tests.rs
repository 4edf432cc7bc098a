use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ice_core::blueprint::Format;
use ice_core::id::RunId;
use ice_core::process::{Home, ProcessHost, Report, SecretDelivery, SecretRef};
use ice_core::time::{Moment, TestClock, TestIds};
use ice_core::tools::{Effect, Started};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::*;

/// Writes what it is told to, ends as it is told to, and keeps what it was asked for.
#[derive(Debug)]
struct Fake {
    output: Vec<u8>,
    report: Report,
    asked: Mutex<Option<(Job, Bytes)>>,
}

#[async_trait]
impl ProcessHost for Fake {
    async fn run(
        &self,
        job: &Job,
        input: Bytes,
        stdout: &mut (dyn AsyncWrite + Send + Unpin),
        _: &CancellationToken,
    ) -> Report {
        for piece in self.output.chunks(1_000) {
            stdout.write_all(piece).await.unwrap();
        }
        *self.asked.lock().unwrap() = Some((job.clone(), input));
        self.report.clone()
    }

    fn layers(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

const MANIFEST: &str = "
name: count
version: 1.2.3
description: Counts.
command: [./count, --all, ./words.txt, words]
profile: shell
effect: idempotent
input_schema: {text: str}
output_schema: {words: int}
grants: {read: [data, /usr/share/dict], write: [/var/count], execute: [bin], hosts: ['api.example.org:443']}
environment: {LANG: C}
limits: {wall: 5s, output: 2KiB}
";

fn tool(extra: &str) -> CommandTool {
    let text = format!("{MANIFEST}{extra}");
    let reading = ToolManifest::read(&text, Format::Yaml, "count.yaml", Path::new("/tools"));
    CommandTool::new(reading.value.unwrap_or_else(|| panic!("{}", reading.diagnostics)))
}

fn host(output: &[u8], verdict: Verdict, stderr: &str) -> Arc<Fake> {
    let report = Report { stderr: stderr.to_owned(), ..Report::new(Home::Process, verdict) };
    Arc::new(Fake { output: output.to_vec(), report, asked: Mutex::new(None) })
}

fn context(host: Option<&Arc<Fake>>) -> ToolContext {
    let clock = Arc::new(TestClock::new(Moment::from_millis(0)));
    let mut ctx = ToolContext::detached(RunId::new(&TestIds::new(1)), "n".parse().unwrap(), clock);
    ctx.processes = host.map(|host| Arc::clone(host) as Arc<dyn ProcessHost>);
    ctx.attempt = 2;
    ctx.grants = Arc::new(Grants {
        read: vec!["/run/in".into(), "/tools".into()],
        write: vec!["/run/out".into()],
        hosts: vec!["api.example.org:443".parse().unwrap(), "db.example.org:5432".parse().unwrap()],
        secrets: [("TOKEN".to_owned(), SecretRef::new("env:MY_TOKEN"))].into(),
        memory: Vec::new(),
    });
    ctx
}

async fn call(output: &[u8], verdict: Verdict, stderr: &str) -> Result<Value, ToolError> {
    let host = host(output, verdict, stderr);
    tool("").call(&context(Some(&host)), Value::map([("text", Value::from("a b"))])).await
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[tokio::test]
async fn a_call_gives_json_and_takes_json() {
    let host = host(b"{\"words\": 2}\n", Verdict::Ok, "");
    let (tool, ctx) = (tool(""), context(Some(&host)));
    let output = tool.call(&ctx, Value::map([("text", Value::from("a b"))])).await.unwrap();
    assert_eq!(output.to_string(), "{\"words\":2}");
    let (job, input) = host.asked.lock().unwrap().take().unwrap();
    assert_eq!(&input[..], b"{\"text\":\"a b\"}\n");
    assert_eq!((job.label.as_str(), job.profile), ("count", ice_core::process::Profile::Shell));
    assert_eq!(job.program, "/tools/count");
    assert_eq!(job.arguments, ["--all", "/tools/words.txt", "words"]);
    let expected = Limits {
        wall_ms: Some(5_000),
        output_bytes: Some(2_048),
        ..defaults(ice_core::process::Profile::Shell)
    };
    assert_eq!((job.limits, job.waive), (expected, Vec::new()));
    let variables = [
        ("ICE_ATTEMPT", "2".to_owned()),
        ("ICE_IDEMPOTENCY_KEY", ctx.idempotency_key()),
        ("ICE_NODE", "n".to_owned()),
        ("ICE_RUN", ctx.run.to_string()),
        ("LANG", "C".to_owned()),
    ];
    assert_eq!(job.environment, variables.map(|(name, value)| (name.to_owned(), value)).into());
    let spec = tool.spec();
    assert_eq!((spec.version.to_string().as_str(), spec.effect), ("1.2.3", Effect::Idempotent));
    assert_eq!(spec.input_schema.get("required").unwrap().to_string(), "[\"text\"]");
}

#[test]
fn a_tool_has_its_own_grants_and_of_the_run_what_its_capabilities_name() {
    let granted = |extra: &str| {
        let job = tool(extra).job(&context(None), Limits::default()).unwrap();
        let hosts = job.grants.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        (job.grants.read, job.grants.write, job.execute, hosts)
    };
    let own = "api.example.org:443";
    let (read, execute) = (["/tools/data", "/usr/share/dict"], paths(&["/tools", "/tools/bin"]));
    assert_eq!(granted(""), (paths(&read), paths(&["/var/count"]), execute.clone(), own.to_owned()));
    let (reads, ..) = granted("capabilities: [read_files]\n");
    assert_eq!(reads, paths(&["/tools/data", "/usr/share/dict", "/run/in", "/run/out"]));
    let (reads, writes, ..) = granted("capabilities: [write_files]\n");
    assert_eq!((reads, writes), (paths(&read), paths(&["/var/count", "/run/out"])));
    let (.., hosts) = granted("capabilities: [network, nondeterminism]\n");
    assert_eq!(hosts, "api.example.org:443 db.example.org:5432");
}

#[test]
fn a_tool_is_given_the_secrets_that_it_names_and_no_other() {
    let given = tool("").job(&context(None), Limits::default()).unwrap();
    assert!(given.secrets.is_empty() && given.grants.secrets.is_empty());
    let given = tool("secrets: {TOKEN: variable}\n").job(&context(None), Limits::default()).unwrap();
    let reference = SecretRef::new("env:MY_TOKEN");
    let secret = GivenSecret { reference, delivery: SecretDelivery::Variable };
    assert_eq!(given.secrets, [("TOKEN".to_owned(), secret)].into());
    let error = tool("secrets: {OTHER: file}\n").job(&context(None), Limits::default()).unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::GrantMissing, Started::NotStarted));
    assert!(error.message.contains("start it with `--secret OTHER=env:VARIABLE`"), "{error}");
}

#[test]
fn a_pattern_of_hosts_is_refused_and_not_left_out() {
    let mut ctx = context(None);
    ctx.grants = Arc::new(Grants { hosts: vec!["*.example.org:443".parse().unwrap()], ..Grants::default() });
    assert!(tool("").job(&ctx, Limits::default()).is_ok());
    let error = tool("capabilities: [network]\n").job(&ctx, Limits::default()).unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::GrantMissing, Started::NotStarted));
    assert!(error.message.contains("`*.example.org:443`"), "{error}");
}

#[tokio::test]
async fn an_exit_code_is_a_failure_with_the_last_line_or_what_the_tool_says() {
    let error = call(b"{}", Verdict::ExitCode { code: 2 }, "first\nbad words\n").await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::ToolFailed, Started::Unknown));
    assert_eq!(error.message, "`count` ended with exit code 2: bad words");
    let told = br#"{"error": {"message": "no words", "retryable": false, "not_started": true}}"#;
    let error = call(told, Verdict::ExitCode { code: 2 }, "x").await.unwrap_err();
    assert_eq!(error.message, "`count` failed: no words");
    assert_eq!((error.retryable, error.started), (false, Started::NotStarted));
    // What it says counts only together with an exit code.
    let output = call(told, Verdict::Ok, "").await.unwrap();
    assert!(output.get("error").is_some());
    let error = call(told, Verdict::WallTimeout, "").await.unwrap_err();
    assert!(error.message.contains("took longer than 5s"), "{error}");
    assert_eq!(error.started, Started::Unknown);
}

#[tokio::test]
async fn too_much_output_is_a_failure_whoever_notices() {
    let much = format!("\"{}\"", "x".repeat(3_000));
    for verdict in [Verdict::Ok, Verdict::OutputLimit] {
        let error = call(much.as_bytes(), verdict, "").await.unwrap_err();
        assert_eq!(
            error.message,
            "`count` wrote more output than 2KiB: let it say less, or raise its limit `output`"
        );
    }
}

#[tokio::test]
async fn large_outputs_are_read_as_well() {
    let host = host(format!("[{}1]", "1,".repeat(QUICK_BYTES)).as_bytes(), Verdict::Ok, "");
    let manifest = ToolManifest { limits: Limits::default(), ..tool("").manifest().clone() };
    let output = CommandTool::new(manifest).call(&context(Some(&host)), Value::empty_map()).await.unwrap();
    assert_eq!(output.as_list().unwrap().len(), QUICK_BYTES + 1);
    let (job, _) = host.asked.lock().unwrap().take().unwrap();
    assert_eq!(job.limits.output_bytes, Some(DEFAULT_OUTPUT_BYTES));
}

#[tokio::test]
async fn without_a_host_or_after_a_cancel_nothing_is_started() {
    let error = tool("").call(&context(None), Value::empty_map()).await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::SandboxSetup, Started::NotStarted));
    let host = host(b"{}", Verdict::Ok, "");
    let ctx = context(Some(&host));
    ctx.cancel.cancel();
    let error = tool("").call(&ctx, Value::empty_map()).await.unwrap_err();
    assert_eq!((error.code, error.started), (ErrorCode::RunCancelled, Started::NotStarted));
    assert!(host.asked.lock().unwrap().is_none());
}
