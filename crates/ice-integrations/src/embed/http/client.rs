//! One request and its answer, within bounds of time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ice_core::embedding::{EmbedError, EmbedErrorKind};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client as Http, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::failure;
use super::settings::{InvalidSettings, Settings};

/// More of a body that tells of a failure is not read.
const FAILURE_BYTES: usize = 64 << 10;
/// Connections that wait for the next call.
const IDLE: usize = 4;

/// A server, ready to be asked.
pub(super) struct Client {
    http: Http,
    url: Url,
    key: Option<HeaderValue>,
    whole: Duration,
    /// Who is asked, for messages.
    who: String,
    model: String,
}

impl Client {
    pub(super) fn new(settings: &Settings, path: &str) -> Result<Self, InvalidSettings> {
        let name = || settings.name.clone();
        let url =
            address(&settings.base_url, path).map_err(|why| InvalidSettings::Url { name: name(), why })?;
        let key = settings
            .key
            .as_ref()
            .map(|key| {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                    .map_err(|_| InvalidSettings::Key { name: name() })?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let http = Http::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(IDLE)
            .connect_timeout(settings.connect)
            .user_agent(concat!("ice/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| InvalidSettings::Client { name: name(), source: error.into() })?;
        let host = url.host_str().unwrap_or_default();
        let who = format!("the embedder `{}` at {host}", settings.name);
        Ok(Self { http, url, key, whole: settings.whole, who, model: settings.model.clone() })
    }

    /// Who is asked, for messages.
    pub(super) fn who(&self) -> &str {
        &self.who
    }

    /// Sends JSON and takes the answer, at most `most` bytes of it. Dropped or cancelled, it closes the connection.
    pub(super) async fn post(
        &self,
        body: Vec<u8>,
        most: usize,
        cancel: &CancellationToken,
    ) -> Result<Bytes, EmbedError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(EmbedError::cancelled()),
            answer = tokio::time::timeout(self.whole, self.exchange(body, most)) => {
                answer.unwrap_or_else(|_| Err(self.too_slow()))
            }
        }
    }

    async fn exchange(&self, body: Vec<u8>, most: usize) -> Result<Bytes, EmbedError> {
        let mut request =
            self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status == StatusCode::OK {
            let (body, is_whole) = self.take(&mut response, most).await?;
            if !is_whole {
                let message =
                    format!("{} answers with more than {most} bytes: it is not what was asked for", self.who);
                return Err(EmbedError::new(EmbedErrorKind::Malformed, message));
            }
            return Ok(body);
        }
        // Of a failure whose body breaks off, the status says enough.
        let body = self.take(&mut response, FAILURE_BYTES).await.map(|(body, _)| body).unwrap_or_default();
        Err(failure::of(&self.who, &self.model, status, response.headers(), &body))
    }

    /// The body, and whether it is all of it.
    async fn take(&self, response: &mut Response, most: usize) -> Result<(Bytes, bool), EmbedError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| self.broken())? {
            if body.len() + chunk.len() > most {
                return Ok((body.freeze(), false));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body.freeze(), true))
    }

    fn unreachable(&self, error: &reqwest::Error) -> EmbedError {
        let what = match (error.is_connect(), error.is_timeout()) {
            (true, true) => "cannot be reached in time: is it running, and is its address right?",
            (true, false) => "cannot be reached: is it running, and is its address right?",
            (false, _) => "closed the connection before it answered: try again",
        };
        let kind = EmbedErrorKind::Transient { retry_after: None };
        EmbedError::new(kind, format!("{} {what}", self.who))
    }

    fn broken(&self) -> EmbedError {
        let message = format!("{} broke off in the middle of its answer: try again", self.who);
        EmbedError::new(EmbedErrorKind::Truncated, message)
    }

    fn too_slow(&self) -> EmbedError {
        let kind = EmbedErrorKind::Transient { retry_after: None };
        let message =
            format!("{} did not answer within {:?}: try again, or allow more time", self.who, self.whole);
        EmbedError::new(kind, message)
    }
}

/// The address of a route below a base URL.
fn address(base: &str, path: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(base).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password: keys are settings of their own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path");
    }
    url.path_segments_mut().map_err(|()| "has no path")?.pop_if_empty().extend(path.split('/'));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_follow_the_base_url() {
        for (base, expected) in [
            ("https://api.openai.com/v1", Ok("https://api.openai.com/v1/api/embed")),
            ("http://127.0.0.1:11434", Ok("http://127.0.0.1:11434/api/embed")),
            ("http://host/a/", Ok("http://host/a/api/embed")),
            ("", Err("is no URL")),
            ("host:80", Err("must begin with http:// or https://")),
            ("file:///etc", Err("must begin with http:// or https://")),
            (
                "http://me:secret@host",
                Err("must not hold a user or a password: keys are settings of their own"),
            ),
            ("http://host?key=x", Err("must end with its path")),
        ] {
            let address = address(base, "api/embed");
            assert_eq!(address.as_ref().map(Url::as_str).map_err(|why| *why), expected, "{base}");
        }
    }
}
