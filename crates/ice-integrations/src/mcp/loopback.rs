//! A person's way back from a login: a port of this machine that takes one answer, and nothing else.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use url::{Host, Url};

use super::ports::Visit;

/// The path that a person comes back to. It is fixed, as authorization servers compare it with what a client was registered with.
const PATH: &str = "/callback";
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long a connection may take: a browser opens some that it never uses.
const CONNECTION: Duration = Duration::from_secs(5);
/// How many connections are listened to at a time; others wait.
const CONNECTIONS: usize = 8;
/// The most bytes of the head of a request.
const HEAD: usize = 16 << 10;
/// The most headers of a request.
const HEADERS: usize = 64;

const CAME_BACK: &str = "<!doctype html><meta charset=\"utf-8\"><title>ice</title>\
    <p>ice has the answer. This page can be closed; the terminal says how the login went.</p>\n";
const STRANGER: &str = "<!doctype html><meta charset=\"utf-8\"><title>ice</title>\
    <p>This is not the answer that ice waits for.</p>\n";

type Show = dyn Fn(&Url) + Send + Sync;

/// Sends a person to an address by showing it to them, and listens at `http://127.0.0.1:PORT/callback` for how they come back.
/// Requests for anything else, or with another `state` than the address has, are refused and change nothing. It waits five
/// minutes.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use ice_integrations::mcp::{Loopback, Outside};
///
/// # async fn example() -> std::io::Result<()> {
/// let visit = Loopback::listen(|url| println!("{url}")).await?;
/// let outside = Outside { visit: Some(Arc::new(visit)), ..Outside::default() };
/// # Ok(())
/// # }
/// ```
pub struct Loopback {
    listener: TcpListener,
    port: u16,
    show: Arc<Show>,
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Loopback {
    /// Listens on a free port of `127.0.0.1`. `show` is given each address that a person is to go to: `https`, or `http` on this
    /// machine.
    ///
    /// # Errors
    /// The system's, if there is no port to be had.
    pub async fn listen(show: impl Fn(&Url) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port, show: Arc::new(show) })
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits for the answer with this `state`.
    async fn answer(&self, state: Option<&str>) -> Result<String, String> {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if open.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => open.push(self.one(stream, state)),
                    Err(error) => return Err(format!("nobody can come back to {}: {error}", self.origin())),
                },
                Some(answer) = open.next() => if let Some(answer) = answer {
                    return Ok(answer);
                },
            }
        }
    }

    /// Serves one connection; gives the address if it is that of the answer.
    async fn one(&self, stream: TcpStream, state: Option<&str>) -> Option<String> {
        let found = Mutex::new(None);
        let service = service_fn(|request: Request<Incoming>| {
            let back = self.back(&request, state);
            let response = if back.is_some() {
                page(StatusCode::OK, CAME_BACK)
            } else {
                page(StatusCode::NOT_FOUND, STRANGER)
            };
            if back.is_some() {
                *found.lock().unwrap_or_else(PoisonError::into_inner) = back;
            }
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        let serving = http1::Builder::new()
            .keep_alive(false)
            .header_read_timeout(None)
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        // Who hangs up or takes too long after a good answer has still given it.
        let _ = tokio::time::timeout(CONNECTION, serving).await;
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole address of a request, if it is the answer that is waited for.
    fn back(&self, request: &Request<Incoming>, state: Option<&str>) -> Option<String> {
        // Another name that leads here is that of a page which tries out this machine's ports.
        let host = request.headers().get(HOST)?.to_str().ok()?;
        let is_here = host == format!("127.0.0.1:{}", self.port);
        if !is_here || request.method() != Method::GET || request.uri().path() != PATH {
            return None;
        }
        let back = format!("{}{}", self.origin(), request.uri().path_and_query()?);
        let of_answer = parameter(&Url::parse(&back).ok()?, "state");
        (of_answer.as_deref() == state).then_some(back)
    }
}

#[async_trait]
impl Visit for Loopback {
    fn redirect_uri(&self) -> String {
        format!("{}{PATH}", self.origin())
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Cancel-safe: dropped, it listens no more.
    async fn visit(&self, url: &str) -> Result<String, String> {
        let url = Url::parse(url).map_err(|_| "its login is at no address".to_owned())?;
        if !may_be_shown(&url) {
            return Err("its login is not at an address of `https`, nor of `http` on this machine".to_owned());
        }
        (self.show)(&url);
        let state = parameter(&url, "state");
        let answer = tokio::time::timeout(PATIENCE, self.answer(state.as_deref())).await;
        answer.unwrap_or_else(|_| Err("nobody came back from the login within five minutes".to_owned()))
    }
}

/// Whether a person may be sent there: an address that some other program opens, or that anyone on the way reads, is none.
fn may_be_shown(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn page(status: StatusCode, text: &'static str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
