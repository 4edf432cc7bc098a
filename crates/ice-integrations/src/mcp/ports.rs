//! What the client of MCP servers asks of whoever uses it.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use ice_core::process::SecretRef;
use ice_core::value::Value;
use zeroize::Zeroizing;

/// A secret as text. It is never shown, and overwritten once it is dropped.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes it over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// Knows what secrets are.
#[async_trait]
pub trait Secrets: Send + Sync + fmt::Debug {
    /// What is called so, as it is now. Asked for each time a server is connected with.
    ///
    /// # Errors
    /// Why it cannot be had, in words that say nothing of what it is.
    async fn resolve(&self, reference: &SecretRef) -> Result<SecretText, String>;
}

/// The W3C trace context of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`: version, trace id, span id and flags.
    pub traceparent: String,
    /// `tracestate`, if there is any.
    pub tracestate: Option<String>,
}

/// Knows of which trace a call is a part.
pub trait Traces: Send + Sync + fmt::Debug {
    /// The trace context of whoever asks at this moment, if there is one. Asked in the task that makes the call.
    fn current(&self) -> Option<TraceContext>;
}

/// A question of a server to the person that it works for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The server, as its manifest calls it.
    pub server: String,
    /// What it asks. It is a server's text: it is to be shown as such.
    pub message: String,
    /// What an answer is: an object with fields of simple types.
    pub schema: Value,
}

/// What a person says to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The fields of an answer. Those with a default that are not among them are filled in.
    Given(Value),
    /// They do not want to answer.
    Declined,
    /// They want to do nothing at all.
    Dismissed,
}

/// Asks the person whom a server works for. Without one a server is told that nobody can be asked.
#[async_trait]
pub trait People: Send + Sync + fmt::Debug {
    /// Puts a question. Dropped if the call ends meanwhile.
    async fn ask(&self, question: Question) -> Answer;
}

/// Lets a person allow ice to use a server in their name (OAuth's authorization code).
#[async_trait]
pub trait Visit: Send + Sync + fmt::Debug {
    /// Where the person is sent back to, which whoever implements this listens at: `http://127.0.0.1:PORT/…`.
    fn redirect_uri(&self) -> String;

    /// How long a visit may take at most; whoever implements it keeps to that.
    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    /// Sends the person to `url`, and gives the whole address that they came back to.
    ///
    /// # Errors
    /// Why they did not come back, in words.
    async fn visit(&self, url: &str) -> Result<String, String>;
}

/// Keeps what a person allowed, so that they are not asked every time. What is kept is a secret.
#[async_trait]
pub trait Tokens: Send + Sync + fmt::Debug {
    /// What was kept for a server.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    async fn load(&self, server: &str) -> Result<Option<SecretText>, String>;

    /// Keeps something for a server, or with nothing forgets what was kept.
    ///
    /// # Errors
    /// Why it cannot be kept, in words.
    async fn save(&self, server: &str, tokens: Option<SecretText>) -> Result<(), String>;

    /// Keeps others who use the same tokens from renewing them at the same time, until what it gives is dropped: a token that
    /// renews another may be good for one time only. `load` and `save` work meanwhile. By default nobody is kept from it.
    ///
    /// # Errors
    /// Why that cannot be done, in words.
    async fn hold(&self, _server: &str) -> Result<Option<Box<dyn Any + Send>>, String> {
        Ok(None)
    }
}
