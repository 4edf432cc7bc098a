use std::path::{Path, PathBuf};

use ice_core::blueprint::Format;
use ice_core::document::Reading;
use ice_core::process::{Limits, Profile, SecretDelivery, SecretRef};
use ice_core::tools::{Capability, Effect};
use proptest::prelude::*;

use super::{Endpoint, OAuth, Patience, Secret, ServerManifest, ToolOverride};

const PROGRAM: &str = "kind: mcp_server
name: files
version: 2.1.0
description: |
  The files of a project.
command: [./server.py, --all]
profile: python
grants: {read: [data], hosts: ['api.example.org:443']}
environment: {MODE: fast}
secrets: {TOKEN: {from: 'env:API_TOKEN'}, KEY: {from: 'file:/run/key', as: file}}
limits: {memory: 256MiB, processes: 16}
tools:
  readFile: {name: read, effect: idempotent, capabilities: [read_files]}
  delete: {enabled: false}
protocol: '2025-11-25'
start: 10s
timeout: 2m
idle: 5
message: 1MiB
attachment: 64KiB
restarts: 0
restart_window: 1h
";

const REMOTE: &str = "kind: mcp_server
name: far
url: https://example.org/mcp
headers: {X-Team: blue}
secret_headers: {X-Key: 'env:KEY'}
oauth: {client_id: ice, client_secret: 'env:SECRET', scopes: [a, 'b:c']}
";

fn read(text: &str) -> Reading<ServerManifest> {
    ServerManifest::read(text, Format::Auto, "t", Path::new("/tools"))
}

/// What is told of a manifest with one text in place of another.
#[track_caller]
fn check(manifest: &str, from: &str, to: &str, expected: &str) {
    assert!(manifest.contains(from), "{from}");
    let reading = read(&manifest.replacen(from, to, 1));
    assert_eq!(reading.diagnostics.to_string(), expected);
    assert_eq!(reading.value.is_some(), expected.is_empty());
}

#[test]
fn a_server_that_is_a_program_is_read_with_absolute_paths() {
    let manifest = read(PROGRAM).value.unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.to_string().as_str()), ("files", "2.1.0"));
    assert_eq!(manifest.description.as_deref(), Some("The files of a project."));
    let Endpoint::Program(program) = &manifest.endpoint else { panic!("{manifest:?}") };
    assert_eq!(
        (program.command.as_slice(), program.profile),
        (["/tools/server.py", "--all"].map(str::to_owned).as_slice(), Profile::Python)
    );
    assert_eq!(program.grants.read, [PathBuf::from("/tools"), "/tools/data".into()]);
    assert_eq!(program.grants.execute, [PathBuf::from("/tools")]);
    let secret = |from: &str, delivery| Secret { from: SecretRef::new(from), delivery };
    assert_eq!(program.secrets["TOKEN"], secret("env:API_TOKEN", SecretDelivery::Variable));
    assert_eq!(program.secrets["KEY"], secret("file:/run/key", SecretDelivery::File));
    let limits = Limits { memory_bytes: Some(256 << 20), processes: Some(16), ..Limits::default() };
    assert_eq!(program.limits, limits);
    let read = ToolOverride {
        name: Some("read".to_owned()),
        effect: Some(Effect::Idempotent),
        capabilities: vec![Capability::ReadFiles],
        enabled: true,
    };
    assert_eq!(manifest.tools["readFile"], read);
    assert!(!manifest.tools["delete"].enabled);
    let patience = Patience {
        start_ms: 10_000,
        timeout_ms: 120_000,
        idle_ms: 5_000,
        message_bytes: 1 << 20,
        attachment_bytes: 64 << 10,
        restarts: 0,
        restart_window_ms: 3_600_000,
    };
    assert_eq!((manifest.patience, manifest.protocol), (patience, super::Protocol::Legacy));
}

#[test]
fn a_server_elsewhere_is_read_with_its_secrets_by_reference() {
    let manifest = read(REMOTE).value.unwrap();
    let Endpoint::Remote(remote) = &manifest.endpoint else { panic!("{manifest:?}") };
    assert_eq!(remote.url.as_str(), "https://example.org/mcp");
    assert_eq!(remote.headers["X-Team"], "blue");
    assert_eq!(remote.secret_headers["X-Key"], SecretRef::new("env:KEY"));
    let oauth = OAuth {
        client_id: Some("ice".to_owned()),
        client_secret: Some(SecretRef::new("env:SECRET")),
        scopes: vec!["a".to_owned(), "b:c".to_owned()],
        ..OAuth::default()
    };
    assert_eq!(remote.oauth.as_ref(), Some(&oauth));
    assert!(oauth.is_for_itself() && !OAuth::default().is_for_itself());
    assert_eq!((manifest.version.to_string().as_str(), manifest.patience), ("1.0.0", Patience::default()));
}

#[test]
fn what_was_read_is_written_as_a_manifest_that_says_the_same() {
    for text in [PROGRAM, REMOTE] {
        let manifest = read(text).value.unwrap();
        let written = serde_json::to_string(&manifest).unwrap();
        assert_eq!(read(&written).value.as_ref(), Some(&manifest), "{written}");
    }
}

#[test]
fn everything_wrong_is_told_at_its_place() {
    let name = "t:2:7: error[INVALID_ID]: name: `Files` is no name for a server: lower-case letters, digits and `_`, \
                beginning with a letter, 32 bytes at most";
    check(PROGRAM, "name: files", "name: Files", name);
    check(
        PROGRAM,
        "start: 10s",
        "strt: 10s",
        "t:16:1: error[UNKNOWN_FIELD]: strt: unknown field `strt`; did you mean `start`?",
    );
    check(
        PROGRAM,
        "memory: 256MiB",
        "wall: 30s",
        "t:11:16: error[OUT_OF_RANGE]: limits.wall: a server has no limit `wall`: it goes on; write `timeout` beside \
         `limits`, which bounds each call",
    );
    let reference = "this does not say where the secret is kept; write `env:VARIABLE` or `file:PATH`, never the secret itself";
    check(
        PROGRAM,
        "env:API_TOKEN",
        "hunter2",
        &format!("t:10:25: error[OUT_OF_RANGE]: secrets.TOKEN.from: {reference}"),
    );
    check(
        PROGRAM,
        "MODE: fast",
        "KEY_FILE: x",
        "t:10:48: error[OUT_OF_RANGE]: secrets.KEY: the variable `KEY_FILE` of this secret stands in `environment` as well",
    );
    check(
        PROGRAM,
        "{enabled: false}",
        "{enable: false}",
        "t:14:12: error[UNKNOWN_FIELD]: tools.delete.enable: unknown field `enable`; did you mean `enabled`?",
    );
    check(
        PROGRAM,
        "name: read",
        "name: Read",
        "t:13:20: error[INVALID_ID]: tools.readFile.name: a tool is called by lower-case letters, digits and `_`, beginning with a letter",
    );
    check(
        PROGRAM,
        "kind: mcp_server",
        "kind: mcp",
        "t:1:7: error[OUT_OF_RANGE]: kind: `mcp` is not one of `mcp_server`",
    );
    check(
        REMOTE,
        "'env:KEY'",
        "hunter2",
        &format!("t:5:25: error[OUT_OF_RANGE]: secret_headers.X-Key: {reference}"),
    );
}

#[test]
fn an_address_is_one_that_nobody_can_listen_in_on() {
    let told = |why: &str| format!("t:3:6: error[OUT_OF_RANGE]: url: {why}");
    let address = "https://example.org/mcp";
    check(REMOTE, address, "http://localhost:80/mcp", "");
    check(REMOTE, address, "http://[::1]:80/mcp", "");
    let http = told(
        "what goes to another machine goes over `https`; `http` is for `localhost` and the addresses of this machine",
    );
    check(REMOTE, address, "http://example.org/mcp", &http);
    check(REMOTE, address, "ftp://example.org/mcp", &told("a server is reached over `https`"));
    let login = told("an address has no name and no password in it; write `bearer` or `secret_headers`");
    check(REMOTE, address, "https://a:b@example.org/mcp", &login);
}

#[test]
fn who_ice_is_stands_in_one_place() {
    let authorization = "t:4:26: error[OUT_OF_RANGE]: headers.Authorization: who ice is to a server does not stand in `headers`; \
                         write `bearer: env:VARIABLE`, or `oauth`";
    check(REMOTE, "X-Team: blue", "Authorization: 'Bearer x'", authorization);
    check(
        REMOTE,
        "X-Team: blue",
        "Mcp-Method: x",
        "t:4:23: error[OUT_OF_RANGE]: headers.Mcp-Method: the header `mcp-method` is set by the protocol",
    );
    let both = "t:7:8: error[OUT_OF_RANGE]: oauth: a server takes the token of `bearer` or those of `oauth`, not both";
    check(REMOTE, "headers: {X-Team: blue}", "headers: {X-Team: blue}\nbearer: env:T", both);
    check(
        REMOTE,
        "headers:",
        "command: [x]\nheaders:",
        "t:4:10: error[OUT_OF_RANGE]: command: a server is reached by `url` or is a `command`, not both; write two manifests",
    );
}

proptest! {
    #[test]
    fn no_text_is_too_much_for_the_reader(at in 0..PROGRAM.len(), length in 0usize..30, piece in "\\PC{0,8}") {
        for manifest in [PROGRAM, REMOTE] {
            let at = at.min(manifest.len());
            let end = (at + length).min(manifest.len());
            // Both are plain ASCII.
            let reading = read(&format!("{}{piece}{}", &manifest[..at], &manifest[end..]));
            prop_assert_eq!(reading.value.is_none(), reading.diagnostics.has_errors());
        }
    }
}
