//! What a server has of whoever uses it: what starts programs, who knows secrets, the time.

use std::sync::Arc;

use ice_core::process::{ProcessHost, SecretRef};
use ice_core::telemetry::MessageContent;
use ice_core::time::{Clock, SystemClock};

use super::error::Error;
use super::ports::{People, SecretText, Secrets, Tokens, Traces, Visit};

/// What a server has of whoever uses it. Nothing at first: a server that needs what is not here says so.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Starts servers that are programs.
    pub processes: Option<Arc<dyn ProcessHost>>,
    /// Knows secrets.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Knows of which trace a call is a part.
    pub traces: Option<Arc<dyn Traces>>,
    /// Whether spans may hold what is said. Addresses of resources are whole then.
    pub content: MessageContent,
    /// Asks the person whom a server works for.
    pub people: Option<Arc<dyn People>>,
    /// Lets a person allow ice to use a server.
    pub visit: Option<Arc<dyn Visit>>,
    /// Keeps what a person allowed.
    pub tokens: Option<Arc<dyn Tokens>>,
    /// The time, by which restarts are counted.
    pub clock: Arc<dyn Clock>,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            processes: None,
            secrets: None,
            traces: None,
            content: MessageContent::Omitted,
            people: None,
            visit: None,
            tokens: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// A secret that the manifest of a server names.
pub(super) async fn secret(
    server: &str,
    secrets: Option<&dyn Secrets>,
    reference: &SecretRef,
) -> Result<SecretText, Error> {
    let Some(secrets) = secrets else {
        return Err(Error::unavailable(
            server,
            format!("it needs the secret `{reference}`, and nothing here knows secrets"),
        ));
    };
    let found = secrets.resolve(reference).await;
    found.map_err(|why| Error::unavailable(server, format!("the secret `{reference}` cannot be had: {why}")))
}
