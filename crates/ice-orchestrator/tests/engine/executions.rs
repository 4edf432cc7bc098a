//! What is executed outside of the engine's own code: what a host is asked for, and what is kept of its reports.

use std::sync::Arc;

use crate::common::{json, me, plan, registry};
use bytes::Bytes;
use canned::Canned;
use ice_core::blueprint::CodeLanguage;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::process::{DenialKind, Home, Limits, ProcessHost, Report, Traffic, Verdict};
use ice_core::registry::{CodeBody, RegisteredCode};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{RunDocument, RunOptions, RunStatus};

#[cfg(test)]
mod canned {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use bytes::Bytes;
    use ice_core::process::{Job, Limits, ProcessHost, Report, WasmHost, WasmProgram};
    use ice_core::value::Value;
    use tokio::io::{AsyncWrite, AsyncWriteExt};
    use tokio_util::sync::CancellationToken;

    /// Answers every job in the same way, and keeps what it was asked.
    #[derive(Debug)]
    pub(super) struct Canned {
        answer: &'static str,
        report: Report,
        pub(super) jobs: Mutex<Vec<(Job, Value)>>,
    }

    impl Canned {
        pub(super) fn new(answer: &'static str, report: Report) -> Arc<Self> {
            Arc::new(Self { answer, report, jobs: Mutex::default() })
        }
    }

    #[async_trait]
    impl ProcessHost for Canned {
        async fn run(
            &self,
            job: &Job,
            input: Bytes,
            stdout: &mut (dyn AsyncWrite + Send + Unpin),
            _: &CancellationToken,
        ) -> Report {
            let document = serde_json::from_slice(&input).unwrap();
            self.jobs.lock().unwrap().push((job.clone(), document));
            stdout.write_all(self.answer.as_bytes()).await.unwrap();
            self.report.clone()
        }

        fn layers(&self) -> Vec<&'static str> {
            vec!["landlock", "seccomp"]
        }
    }

    #[async_trait]
    impl WasmHost for Canned {
        async fn run(
            &self,
            program: &WasmProgram,
            input: Bytes,
            limits: &Limits,
            _: &CancellationToken,
        ) -> (Bytes, Report) {
            let job = Job { label: format!("{program:?}"), limits: *limits, ..Job::default() };
            self.jobs.lock().unwrap().push((job, serde_json::from_slice(&input).unwrap()));
            (Bytes::from_static(self.answer.as_bytes()), self.report.clone())
        }
    }
}

#[cfg(test)]
async fn run(host: &Arc<Canned>, yaml: &str, options: RunOptions) -> RunDocument {
    let mut registry = registry();
    for (name, body) in [
        ("sum", CodeBody::Source(CodeLanguage::Python, "output = 1".into())),
        ("fast", CodeBody::Module(Bytes::from_static(b"(module)"))),
    ] {
        let version = semver::Version::new(1, 0, 0);
        registry.code.register(Arc::new(RegisteredCode { name: name.into(), version, body })).unwrap();
    }
    let plan = plan(yaml, &registry);
    let host = Arc::clone(host);
    let engine = Engine::builder()
        .processes(Arc::clone(&host) as Arc<dyn ProcessHost>)
        .wasm(host)
        .registry(registry)
        .build();
    let tenant = Tenant::default();
    let handle = engine.start(&plan, json(r#"{"n": 3}"#), options, &me(), &tenant).await.unwrap();
    handle.wait().await.unwrap();
    engine.show(&tenant, handle.id()).await.unwrap()
}

#[tokio::test]
async fn code_is_given_what_its_node_is_given_and_no_more_of_the_grants_than_it_asks_for() {
    let host = Canned::new("{\"ok\": [1]}\n", Report::new(Home::Process, Verdict::Ok));
    let mut options = RunOptions { waive: vec!["landlock".to_owned()], ..RunOptions::default() };
    options.grants.read = vec!["/data".into()];
    options.grants.hosts = vec!["example.org:443".parse().unwrap()];
    options.limits = Limits { memory_bytes: Some(7), wall_ms: Some(90_000), ..Limits::default() };
    let yaml = "nodes:
- {id: a, type: code, code: x, imports: [numpy], capabilities: [read_files]}
- {id: b, type: code, language: javascript, code: y, dependencies: [a], input_mappings: {m: {source_node_id: a, source_output_key: '0'}}}
- {id: c, type: code, name: sum}";
    let document = run(&host, yaml, options).await;
    assert_eq!(document.status, RunStatus::Succeeded, "{:?}", document.failures);
    assert_eq!(document.output, json(r#"{"a": [1], "b": [1], "c": [1]}"#));
    let jobs = host.jobs.lock().unwrap();
    let of = |code: &str| jobs.iter().find(|(_, told)| told.get("code") == Some(&Value::from(code))).unwrap();
    let (job, told) = of("x");
    assert_eq!((job.program.to_str(), job.label.as_str()), (Some("python3"), "code"));
    assert_eq!(told.get("inputs"), Some(&json(r#"{"n": 3}"#)));
    assert_eq!(told.get("imports"), Some(&json(r#"["numpy"]"#)));
    assert_eq!((job.grants.read.len(), job.grants.hosts.len()), (1, 0));
    assert_eq!(job.waive, ["landlock"]);
    // What the run says holds instead of the defaults.
    assert_eq!((job.limits.memory_bytes, job.limits.wall_ms), (Some(7), Some(90_000)));
    assert_eq!(job.limits.cpu_ms, Some(30_000));
    let (job, told) = of("y");
    assert_eq!(job.program.to_str(), Some("node"));
    assert_eq!(told.get("inputs"), Some(&json(r#"{"n": 3, "a": [1], "m": 1}"#)));
    assert!(job.grants.read.is_empty());
    assert_eq!(of("output = 1").0.program.to_str(), Some("python3"));
}

#[tokio::test]
async fn what_an_execution_reports_and_was_denied_is_kept_before_its_node_ends() {
    let traffic =
        Traffic { endpoint: "a:1".to_owned(), connections: 0, refused: 2, cut: 0, sent: 0, received: 0 };
    let report = Report {
        traffic: vec![traffic],
        stderr: "said".to_owned(),
        ..Report::new(Home::Process, Verdict::MemoryLimit)
    };
    let host = Canned::new("", report.clone());
    let document = run(&host, "nodes: [{id: a, type: code, code: x}]", RunOptions::default()).await;
    let node = document.nodes.first().unwrap();
    let kept = node.report.as_deref().unwrap();
    assert_eq!(kept.policy.as_ref().unwrap().program, "python3");
    assert_eq!(&Report { policy: None, ..kept.clone() }, &report);
    let denials: Vec<_> = node.denials.iter().map(|denial| (denial.kind, denial.what.as_str())).collect();
    assert_eq!(denials, [(DenialKind::Limit, "memory"), (DenialKind::Network, "a:1")]);
    assert_eq!(node.failure.as_ref().map(|failure| failure.code), Some(ErrorCode::CodeFailed));
    // The figure is that of the profile, as nothing else is said.
    let message = &node.failure.as_ref().unwrap().message;
    assert!(message.starts_with("`code` used more memory than 512MiB"), "{message}");
    // The manifest, the start, the report, two denials, the failure, the end.
    assert_eq!(document.records, 7);
}

#[tokio::test]
async fn an_error_of_code_names_its_line_and_one_that_gives_nothing_is_told() {
    let error = r#"{"error": {"type": "KeyError", "message": "'x'", "line": 2}}"#;
    let host = Canned::new(error, Report::new(Home::Process, Verdict::Ok));
    let yaml = "nodes: [{id: a, type: code, code: \"a\\n bcd\"}]";
    let document = run(&host, yaml, RunOptions::default()).await;
    let failure = &document.failures.first().unwrap().failure;
    assert_eq!(failure.message, "KeyError: 'x' (line 2 of `code`)");
    assert_eq!(failure.about.as_ref().unwrap().part, Some(3..6));
    let host = Canned::new("garbage", Report::new(Home::Process, Verdict::Ok));
    let document = run(&host, yaml, RunOptions::default()).await;
    let message = &document.failures.first().unwrap().failure.message;
    assert!(message.starts_with("the code ended without a result: "), "{message}");
    // What was ended before its end has none, whatever it wrote.
    let host = Canned::new(r#"{"ok": "forged"}"#, Report::new(Home::Process, Verdict::MemoryLimit));
    let document = run(&host, yaml, RunOptions::default()).await;
    assert_eq!(document.status, RunStatus::Failed);
}

#[tokio::test]
async fn modules_get_their_inputs_bare_and_interpreters_through_the_harness() {
    let host = Canned::new("{\"ok\": 5}", Report::new(Home::Wasm, Verdict::Ok));
    let yaml = "nodes:
- {id: a, type: code, module: fast, engine: wasm}
- {id: b, type: code, code: x, engine: wasm}";
    let document = run(&host, yaml, RunOptions::default()).await;
    assert_eq!(document.output, json(r#"{"a": {"ok": 5}, "b": 5}"#), "{:?}", document.failures);
    let jobs = host.jobs.lock().unwrap();
    let of = |part: &str| &jobs.iter().find(|(job, _)| job.label.contains(part)).unwrap().1;
    assert_eq!(of("Module"), &json(r#"{"n": 3}"#));
    assert_eq!(of("Interpreter").get("code"), Some(&Value::from("x")));
    let programs = document.nodes.iter().map(|node| {
        let policy = node.report.as_ref().and_then(|report| report.policy.as_ref());
        policy.map(|policy| policy.program.as_str())
    });
    assert_eq!(programs.collect::<Vec<_>>(), [Some("fast"), Some("python")]);
}

#[tokio::test]
async fn the_inner_of_two_variables_of_the_same_name_counts() {
    let host = Canned::new("{\"ok\": 0}", Report::new(Home::Process, Verdict::Ok));
    let yaml = "nodes:
- id: outer
  type: loop
  items_source: inputs.rows
  item_var: x
  body:
  - {id: inner, type: loop, items_source: x, item_var: x, body: [{id: c, type: code, code: z}]}";
    let registry = registry();
    let plan = plan(yaml, &registry);
    let processes = Arc::clone(&host) as Arc<dyn ProcessHost>;
    let engine = Engine::builder().processes(processes).registry(registry).build();
    let inputs = json(r#"{"rows": [[7]]}"#);
    let handle = engine.start(&plan, inputs, RunOptions::default(), &me(), &Tenant::default()).await.unwrap();
    assert_eq!(handle.wait().await.unwrap().status, RunStatus::Succeeded);
    let jobs = host.jobs.lock().unwrap();
    let told = jobs.first().unwrap().1.get("inputs").unwrap().clone();
    assert_eq!(told, json(r#"{"rows": [[7]], "loop_index": 0, "x": 7}"#));
}

#[tokio::test]
async fn an_engine_without_hosts_says_what_it_lacks() {
    for (yaml, expected) in [
        ("nodes: [{id: a, type: code, code: x}]", "a process of its own"),
        ("nodes: [{id: a, type: code, code: x, engine: wasm}]", "WebAssembly"),
    ] {
        let end = crate::common::run(yaml, "{}").await;
        let failure = &end.failures.first().unwrap().failure;
        assert_eq!(failure.code, ErrorCode::SandboxSetup);
        assert!(failure.message.contains(expected), "{}", failure.message);
    }
}
