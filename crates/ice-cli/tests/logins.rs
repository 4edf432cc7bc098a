//! Logins with an MCP server over HTTP, through the real binary: the server and its authorization server are in this process, and
//! the test is the browser.
#![cfg(feature = "mcp")]

#[cfg(test)]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use common::{Desk, Running};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A server and its authorization server in one. It lets in whoever has the newest token.
struct Service {
    base: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// How many tokens were given.
    given: usize,
    /// What was sent to get them.
    forms: Vec<BTreeMap<String, String>>,
    /// For how long, in seconds, the next tokens are good.
    lasts: u64,
    /// Whether tokens are renewed.
    renews: bool,
    /// Whether only calls need a token.
    is_open: bool,
}

/// A request, as far as it matters here.
#[derive(Default)]
struct Asked {
    method: String,
    path: String,
    token: Option<String>,
    body: String,
}

#[cfg(test)]
fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let (mut asked, mut length, mut line) = (Asked::default(), 0, String::new());
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    asked.method = words.next().unwrap_or_default();
    asked.path = words.next().unwrap_or_default();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => asked.token = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    asked
}

/// The parts of a form or of the query of an address. What is escaped stays so, but for what these tests need.
#[cfg(test)]
fn parts(text: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| text.replace("%3A", ":").replace("%2F", "/");
    let parts = text.split('&').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (plain(name), plain(value))).collect()
}

#[cfg(test)]
impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { lasts: 3_600, renews: true, ..State::default() }));
        let (known, url) = (Arc::clone(&state), base.clone());
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let asked = read(&stream);
                let (status, headers, body) = known.lock().unwrap().answer(&asked, &url);
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
                    body.len()
                );
                // A client that was ended does not hear it.
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { base, state }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

#[cfg(test)]
impl State {
    fn answer(&mut self, asked: &Asked, base: &str) -> (u16, String, String) {
        let kind = "content-type: application/json\r\n".to_owned();
        let path = asked.path.as_str();
        if path.starts_with("/.well-known/oauth-protected-resource") {
            let body = json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]});
            return (200, kind, body.to_string());
        }
        if path.starts_with("/.well-known/") {
            let body = json!({
                "issuer": base,
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "registration_endpoint": format!("{base}/register"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            });
            return (200, kind, body.to_string());
        }
        if path == "/register" {
            let wanted: Value = serde_json::from_str(&asked.body).unwrap();
            let body = json!({"client_id": "registered", "redirect_uris": wanted["redirect_uris"]});
            return (201, kind, body.to_string());
        }
        if path == "/token" {
            return self.token(asked, kind);
        }
        let newest = format!("Bearer token-{}", self.given);
        let is_let_in = self.given > 0 && asked.token.as_deref() == Some(newest.as_str());
        let is_for_all = self.is_open && !asked.body.contains("tools/call");
        if !is_let_in && !is_for_all {
            let metadata = format!("{base}/.well-known/oauth-protected-resource/mcp");
            let challenge = format!("www-authenticate: Bearer resource_metadata=\"{metadata}\"\r\n");
            return (401, challenge, String::new());
        }
        if asked.method != "POST" {
            return (405, String::new(), String::new());
        }
        let message: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let Some(id) = message.get("id") else { return (202, String::new(), String::new()) };
        let result = match message["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "s", "version": "1"}
            }),
            "tools/list" => json!({"tools": [
                {"name": "go", "inputSchema": {"type": "object"}},
                {"name": "stop", "inputSchema": {"type": "object"}}
            ]}),
            "tools/call" => json!({"content": [{"type": "text", "text": "gone"}]}),
            _ => {
                let error = json!({"code": -32601, "message": "what?"});
                return (200, kind, json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string());
            }
        };
        (200, kind, json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
    }

    fn token(&mut self, asked: &Asked, kind: String) -> (u16, String, String) {
        let mut form = parts(&asked.body);
        form.extend(asked.token.iter().map(|token| ("authorization".to_owned(), token.clone())));
        let renew = format!("renew-{}", self.given);
        let is_good = match form["grant_type"].as_str() {
            "authorization_code" => form["code"] == "the-code",
            _ => self.renews && form["refresh_token"] == renew,
        };
        self.forms.push(form);
        if !is_good {
            return (400, kind, json!({"error": "invalid_grant"}).to_string());
        }
        self.given += 1;
        let body = json!({
            "access_token": format!("token-{}", self.given), "token_type": "Bearer",
            "expires_in": self.lasts, "refresh_token": format!("renew-{}", self.given),
        });
        (200, kind, body.to_string())
    }
}

/// Asks for an address of `http://127.0.0.1:PORT/…`: the status, and the page.
#[cfg(test)]
fn get(url: &str, host: Option<&str>) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let host = host.unwrap_or(authority);
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split_whitespace().nth(1).unwrap_or_else(|| panic!("{answer}"));
    (status.parse().unwrap(), answer)
}

const TOKENS: &str = ".local/state/ice/mcp-tokens";

#[cfg(test)]
fn desk(service: &Service) -> Desk {
    let desk = Desk::new();
    let manifest = format!(
        "kind: mcp_server\nname: tickets\nurl: {}/mcp\nprotocol: '2025-11-25'\noauth: {{scopes: [read]}}\n",
        service.base
    );
    desk.write("tools/tickets.yaml", &manifest);
    desk
}

/// A login that waits for its person, and where the person is sent back to with their state.
#[cfg(test)]
fn begun(desk: &Desk) -> (Running, String, String) {
    let mut login = desk.start(&["tools", "login", "tickets", "--tools", "tools"]);
    let url = login.until_printed("/authorize?").trim().to_owned();
    let asked = parts(url.split_once('?').unwrap().1);
    assert_eq!((asked["scope"].as_str(), asked["code_challenge_method"].as_str()), ("read", "S256"), "{url}");
    (login, asked["redirect_uri"].clone(), asked["state"].clone())
}

#[cfg(test)]
fn log_in(desk: &Desk) {
    let (login, back, state) = begun(desk);
    let (status, page) = get(&format!("{back}?code=the-code&state={state}"), None);
    assert!(status == 200 && page.contains("can be closed"), "{page}");
    let given = login.finish().code(0);
    assert_eq!(given.out, "logged in with `tickets`: 2 tools\n");
}

#[cfg(test)]
fn listed(desk: &Desk) -> common::Given {
    desk.ice(&["tools", "list", "--tools", "tools"])
}

#[test]
fn a_login_is_kept_used_renewed_and_forgotten() {
    let service = Service::start();
    let desk = desk(&service);
    let given =
        listed(&desk).code(0).says("needs a login: the MCP server `tickets`, with `ice tools login tickets`");
    assert!(given.out.contains("read_text") && !given.out.contains("tickets.go"), "{given:?}");
    let node = json!({"nodes": [{"id": "n", "type": "tool", "tool_name": "tickets.go", "tool_args": {}}]});
    desk.write("call.json", &node.to_string());
    let run = || desk.ice(&["run", "call.json", "--tools", "tools", "--json"]);
    run().code(1).says("error[MCP_UNAVAILABLE]").says("it needs a person's login: `ice tools login tickets`");

    // No sooner there than over: the next command renews it.
    service.state().lasts = 0;
    log_in(&desk);
    let mode = |name: &str| std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    let file = format!("{TOKENS}/tickets.json");
    assert_eq!((mode(TOKENS), mode(&file)), (0o700, 0o600));
    assert!(desk.read(&file).contains("renew-"), "nothing to renew it with");
    let before = service.state().given;
    service.state().lasts = 3_600;
    assert_eq!(run().code(0).json()["output"]["n"], json!({"text": "gone"}));
    assert_eq!(service.state().given, before + 1);
    assert_eq!(service.state().forms.last().unwrap()["grant_type"], "refresh_token");
    // Now it is good for an hour, and another command uses it as it is.
    assert!(listed(&desk).code(0).out.contains("tickets.go"));
    assert_eq!(service.state().given, before + 1);

    // A server at another address that is called the same gets nothing of it.
    let other = Service::start();
    other.state().given = service.state().given;
    let manifest = desk.read("tools/tickets.yaml").replace(&service.base, &other.base);
    desk.write("other/tickets.yaml", &manifest);
    desk.ice(&["tools", "list", "--tools", "other"]).code(0).says("needs a login");

    let logout = || desk.ice(&["tools", "logout", "tickets", "--tools", "tools"]).code(0);
    assert_eq!(logout().out, "`tickets`: the login is forgotten\n");
    assert!(!desk.path(&file).exists());
    assert_eq!(logout().out, "`tickets`: there is no login to forget\n");
    listed(&desk).code(0).says("needs a login");
}

#[test]
fn tokens_that_are_open_to_others_or_cannot_be_renewed_are_not_used() {
    let service = Service::start();
    let desk = desk(&service);
    log_in(&desk);
    let file = desk.path(&format!("{TOKENS}/tickets.json"));
    let set = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o644);
    listed(&desk).code(1).says("holds secrets and is open to others: `chmod 600 ");
    set(0o600);
    assert!(listed(&desk).code(0).out.contains("tickets.go"));
    // The server takes neither the token nor what renews it any more.
    service.state().given += 1;
    service.state().renews = false;
    listed(&desk).code(0).says("needs a login");
    // A new login helps, whatever was kept.
    log_in(&desk);
    assert!(listed(&desk).code(0).out.contains("tickets.go"));
}

#[test]
fn strangers_and_wrong_answers_change_nothing() {
    let service = Service::start();
    let desk = desk(&service);
    let (login, back, state) = begun(&desk);
    let origin = back.strip_suffix("/callback").unwrap();
    let answer = format!("{back}?code=the-code&state={state}");
    // Somebody who says nothing does not hold it up, and neither does a head that never ends.
    let silent = TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();
    let mut long = TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();
    let _ = long.write_all(format!("GET /callback HTTP/1.1\r\nx: {}", "x".repeat(64 << 10)).as_bytes());
    for (url, host) in [
        (format!("{origin}/favicon.ico"), None),
        (format!("{back}?code=the-code&state=wrong"), None),
        (format!("{back}?code=the-code"), None),
        (answer.clone(), Some("evil.example")),
    ] {
        let (status, page) = get(&url, host);
        assert_eq!(status, 404, "{url}: {page}");
    }
    assert!(service.state().forms.is_empty());
    assert_eq!(get(&answer, None).0, 200);
    login.finish().code(0);
    drop((silent, long));
    let verifier = service.state().forms[0]["code_verifier"].clone();
    assert!(verifier.len() >= 43, "{verifier}");
}

#[test]
fn a_login_that_is_refused_or_given_up_keeps_nothing() {
    let service = Service::start();
    let desk = desk(&service);
    let (login, back, state) = begun(&desk);
    get(&format!("{back}?error=access_denied&state={state}"), None);
    login.finish().code(1).says("error[MCP_UNAVAILABLE]").says("the login came to nothing: access_denied");

    let (login, ..) = begun(&desk);
    login.signal(Signal::INT);
    login.finish().code(130).says("the login was given up");
    assert!(!desk.path(&format!("{TOKENS}/tickets.json")).exists());

    desk.ice(&["tools", "login", "ticket", "--tools", "tools"]).code(2).says("did you mean `tickets`?");
    desk.ice(&["tools", "logout", "../x", "--tools", "tools"]).code(2).says("no name of a server");
    desk.write("tools/open.yaml", "kind: mcp_server\nname: open\nurl: https://example.org/mcp\n");
    desk.ice(&["tools", "login", "open", "--tools", "tools"])
        .code(2)
        .says("nobody logs in with the MCP server `open`");
}

#[test]
fn a_server_that_asks_only_before_a_call_is_logged_in_with_all_the_same() {
    let service = Service::start();
    service.state().is_open = true;
    let desk = desk(&service);
    let node = json!({"nodes": [{"id": "n", "type": "tool", "tool_name": "tickets.go", "tool_args": {}}]});
    desk.write("call.json", &node.to_string());
    let run = || desk.ice(&["run", "call.json", "--tools", "tools", "--json"]);
    let failed = run().code(1).json();
    let why = failed["nodes"][0]["failure"]["message"].as_str().unwrap_or_default();
    assert!(why.contains("`ice tools login tickets`"), "{failed}");
    log_in(&desk);
    assert_eq!(run().code(0).json()["output"]["n"], json!({"text": "gone"}));
}

#[test]
fn a_client_with_a_secret_shows_it_when_a_token_is_renewed() {
    let service = Service::start();
    let desk = desk(&service);
    let who =
        "oauth: {scopes: [read], client_id: ice, client_secret: 'env:TICKETS_SECRET', for_itself: false}";
    let manifest = desk.read("tools/tickets.yaml").replace("oauth: {scopes: [read]}", who);
    desk.write("tools/tickets.yaml", &manifest);
    desk.write(".env", "TICKETS_SECRET=hunter2\n");
    std::fs::set_permissions(desk.path(".env"), std::fs::Permissions::from_mode(0o600)).unwrap();
    service.state().lasts = 0;
    log_in(&desk);
    service.state().lasts = 3_600;
    service.state().forms.clear();
    assert!(listed(&desk).code(0).out.contains("tickets.go"));
    let forms = std::mem::take(&mut service.state().forms);
    let [form] = forms.as_slice() else { panic!("{forms:?}") };
    let shows = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
    // `ice:hunter2`
    assert!(
        shows("client_secret", "hunter2") || shows("authorization", "Basic aWNlOmh1bnRlcjI="),
        "{form:?}"
    );
}

#[test]
fn json_is_a_line_with_the_address_and_one_with_the_end() {
    let service = Service::start();
    let desk = desk(&service);
    let mut login = desk.start(&["tools", "login", "tickets", "--tools", "tools", "--json"]);
    let line: Value = serde_json::from_str(&login.until_printed("authorize")).unwrap();
    let asked = parts(line["url"].as_str().unwrap().split_once('?').unwrap().1);
    get(&format!("{}?code=the-code&state={}", asked["redirect_uri"], asked["state"]), None);
    assert_eq!(login.finish().code(0).json(), json!({"server": "tickets", "tools": 2}));
}
