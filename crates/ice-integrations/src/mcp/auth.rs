//! Tokens for a server that asks who is there: in ice's own name, or in that of a person who allowed it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ice_core::plain;
use rmcp::transport::AuthorizationManager;
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationRequest, ClientCredentialsConfig, CredentialRefreshGuard,
    CredentialStore, InMemoryCredentialStore, OAuthClientConfig, OAuthState, StoredCredentials,
    WWWAuthenticateParams,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::Error;
use super::manifest::OAuth;
use super::ports::{SecretText, Secrets, Tokens, Visit};

/// How often a person is sent away for one server before it is left alone: one that is never content must not go on for ever.
const MOST_VISITS: usize = 3;

/// What is known of the tokens of a server.
pub(super) struct Auth {
    server: String,
    url: Url,
    oauth: OAuth,
    store: Kept,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    scopes: BTreeSet<String>,
    visits: usize,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("server", &self.server)
            .field("oauth", &self.oauth)
            .finish_non_exhaustive()
    }
}

impl Auth {
    pub(super) fn new(server: &str, url: &Url, oauth: &OAuth, tokens: Option<Arc<dyn Tokens>>) -> Self {
        let store = match tokens {
            Some(tokens) => Kept::Outside(Arc::new(OfServer {
                tokens,
                server: server.to_owned(),
                url: url.to_string(),
                is_renounced: AtomicBool::new(false),
            })),
            None => Kept::Here(InMemoryCredentialStore::new()),
        };
        let (server, url, oauth) = (server.to_owned(), url.clone(), oauth.clone());
        Self { server, url, oauth, store, asked: Mutex::default() }
    }

    /// What talks HTTP with the tokens that there are, or gets some in ice's own name.
    pub(super) async fn client(
        &self,
        client: reqwest::Client,
        secrets: Option<&dyn Secrets>,
    ) -> Result<AuthClient<reqwest::Client>, Error> {
        let manager = if self.oauth.is_for_itself() {
            self.for_itself(secrets).await?
        } else {
            let mut manager = self.manager().await?;
            // Without metadata of an authorization server there are no tokens either: the server will say what it wants.
            match manager.initialize_from_store().await {
                Ok(true) => self.with_secret(&mut manager, secrets).await?,
                Ok(false) => {}
                Err(AuthError::CredentialStoreError(why)) => {
                    return Err(Error::unavailable(&self.server, why));
                }
                Err(error) => tracing::debug!(server = self.server, %error, "kept tokens cannot be used"),
            }
            manager
        };
        Ok(AuthClient::new(client, manager))
    }

    /// A client that has a secret shows it to renew a token as well.
    async fn with_secret(
        &self,
        manager: &mut AuthorizationManager,
        secrets: Option<&dyn Secrets>,
    ) -> Result<(), Error> {
        let (Some(client_id), Some(reference)) = (&self.oauth.client_id, &self.oauth.client_secret) else {
            return Ok(());
        };
        let secret = super::secret(&self.server, secrets, reference).await?;
        // Nobody is sent back to this address: it stands in requests for a code only.
        let config = OAuthClientConfig::new(client_id, "http://127.0.0.1/callback");
        let config = config.with_client_secret(secret.expose());
        manager.configure_client(config).map_err(|error| self.failed(&error, Some(&secret)))
    }

    /// Has what was kept not count any more, until something is kept anew.
    pub(super) fn begin_anew(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).visits = 0;
        if let Kept::Outside(kept) = &self.store {
            kept.is_renounced.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a person was sent away.
    pub(super) fn was_visited(&self) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).visits > 0
    }

    async fn manager(&self) -> Result<AuthorizationManager, Error> {
        let manager = AuthorizationManager::new(self.url.as_str()).await;
        let mut manager = manager.map_err(|error| self.failed(&error, None))?;
        manager.set_credential_store(self.store.clone());
        Ok(manager)
    }

    async fn for_itself(&self, secrets: Option<&dyn Secrets>) -> Result<AuthorizationManager, Error> {
        let (Some(client_id), Some(reference)) = (&self.oauth.client_id, &self.oauth.client_secret) else {
            let why = "a client asks for tokens in its own name with `client_id` and `client_secret`";
            return Err(Error::unauthorized(&self.server, why, None));
        };
        let secret = super::secret(&self.server, secrets, reference).await?;
        let failed = |error: AuthError| self.failed(&error, Some(&secret));
        let config = ClientCredentialsConfig::ClientSecret {
            client_id: client_id.clone(),
            client_secret: secret.expose().to_owned(),
            scopes: self.oauth.scopes.clone(),
            resource: Some(self.url.to_string()),
        };
        let mut state = OAuthState::Unauthorized(self.manager().await?);
        state.authenticate_client_credentials(config).await.map_err(failed)?;
        state
            .into_authorization_manager()
            .ok_or_else(|| Error::unauthorized(&self.server, "its authorization server gave no token", None))
    }

    /// Has the person allow what a challenge of the server asks for. The tokens are kept then.
    pub(super) async fn visit(
        &self,
        challenge: Option<&str>,
        visit: &dyn Visit,
        secrets: Option<&dyn Secrets>,
    ) -> Result<(), Error> {
        let scopes = self.scopes(challenge)?;
        let secret = match &self.oauth.client_secret {
            Some(reference) => Some(super::secret(&self.server, secrets, reference).await?),
            None => None,
        };
        let failed = |error: AuthError| self.failed(&error, secret.as_ref());
        let mut request = AuthorizationRequest::new(visit.redirect_uri()).with_client_name("ice");
        request = if scopes.is_empty() {
            request.with_initial_scope_selection()
        } else {
            request.with_scopes(scopes)
        };
        if let Some(id) = &self.oauth.client_id {
            request = request.with_preregistered_client(id);
        }
        if let Some(secret) = &secret {
            request = request.with_client_secret(secret.expose());
        }
        if let Some(url) = &self.oauth.client_metadata_url {
            request = request.with_client_metadata_url(url);
        }
        if let Some(challenge) = challenge {
            request = request.with_challenge(challenge);
        }
        let mut state = OAuthState::Unauthorized(self.manager().await?);
        state.start_authorization(request).await.map_err(failed)?;
        let url = state.get_authorization_url().await.map_err(failed)?;
        self.remember(&url);
        let back = visit.visit(&url).await.map_err(|why| Error::unauthorized(&self.server, why, None))?;
        if let Some(why) = refusal(&back) {
            return Err(Error::unauthorized(&self.server, why, None));
        }
        state.handle_callback_url(&back).await.map_err(failed)
    }

    /// The scopes to ask for: nothing for those that the server names. What was asked for before is asked for again, or it would
    /// be lost.
    fn scopes(&self, challenge: Option<&str>) -> Result<BTreeSet<String>, Error> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.visits >= MOST_VISITS {
            let why = format!("it was not content with what a person allowed {MOST_VISITS} times");
            return Err(Error::unauthorized(&self.server, why, None));
        }
        asked.visits += 1;
        let mut scopes: BTreeSet<String> = self.oauth.scopes.iter().cloned().collect();
        if !asked.scopes.is_empty() {
            let wanted = challenge.and_then(|header| WWWAuthenticateParams::parse(header, &self.url).scope);
            scopes.extend(asked.scopes.iter().cloned());
            scopes.extend(wanted.iter().flat_map(|wanted| wanted.split_whitespace()).map(str::to_owned));
        }
        Ok(scopes)
    }

    fn remember(&self, url: &str) {
        let Ok(url) = Url::parse(url) else { return };
        let scopes =
            url.query_pairs().find(|(name, _)| name == "scope").map(|(_, scopes)| scopes.into_owned());
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.scopes.extend(scopes.iter().flat_map(|scopes| scopes.split_whitespace()).map(str::to_owned));
    }

    fn failed(&self, error: &AuthError, secret: Option<&SecretText>) -> Error {
        let mut why = error.to_string();
        if let Some(secret) = secret {
            why = why.replace(secret.expose(), "***");
        }
        Error::unauthorized(&self.server, why, None)
    }
}

/// Why an authorization server sent a person back with nothing, in its own words.
fn refusal(back: &str) -> Option<String> {
    let back = Url::parse(back).ok()?;
    let part = |name: &str| {
        back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| plain::line(&value, 200))
    };
    let error = part("error")?;
    let more = part("error_description").map(|more| format!(" ({more})")).unwrap_or_default();
    Some(format!("the login came to nothing: {error}{more}"))
}

/// Where tokens are kept.
#[derive(Clone)]
enum Kept {
    Here(InMemoryCredentialStore),
    Outside(Arc<OfServer>),
}

/// What is kept of one server.
struct OfServer {
    tokens: Arc<dyn Tokens>,
    server: String,
    url: String,
    /// Whether what was kept counts no more.
    is_renounced: AtomicBool,
}

/// What is kept, with the address that it is for: another manifest may call another server the same.
#[derive(Serialize, Deserialize)]
struct Written {
    url: String,
    credentials: StoredCredentials,
}

impl OfServer {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        if self.is_renounced.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let kept = self.tokens.load(&self.server).await.map_err(AuthError::CredentialStoreError)?;
        // What cannot be read any more is as good as nothing: the person is asked again.
        let written = kept.and_then(|kept| serde_json::from_str::<Written>(kept.expose()).ok());
        Ok(written.filter(|written| written.url == self.url).map(|written| written.credentials))
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let text = serde_json::to_string(&Written { url: self.url.clone(), credentials });
        let text = text.map_err(|error| AuthError::CredentialStoreError(error.to_string()))?;
        let saved = self.tokens.save(&self.server, Some(SecretText::new(text))).await;
        saved.map_err(AuthError::CredentialStoreError)?;
        self.is_renounced.store(false, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl CredentialStore for Kept {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        match self {
            Self::Here(store) => store.load().await,
            Self::Outside(kept) => kept.load().await,
        }
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        match self {
            Self::Here(store) => store.save(credentials).await,
            Self::Outside(kept) => kept.save(credentials).await,
        }
    }

    async fn clear(&self) -> Result<(), AuthError> {
        match self {
            Self::Here(store) => store.clear().await,
            Self::Outside(kept) => {
                kept.tokens.save(&kept.server, None).await.map_err(AuthError::CredentialStoreError)
            }
        }
    }

    async fn acquire_refresh_guard(&self) -> Result<Option<CredentialRefreshGuard>, AuthError> {
        match self {
            // The manager refreshes one at a time by itself.
            Self::Here(_) => Ok(None),
            Self::Outside(kept) => {
                let held = kept.tokens.hold(&kept.server).await.map_err(AuthError::CredentialStoreError)?;
                Ok(held.map(CredentialRefreshGuard::new))
            }
        }
    }
}
