//! From what the library of the protocol says to what it means.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ErrorCode, ErrorData};
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::auth::AuthError;
use rmcp::transport::streamable_http_client::{HttpStatusError, StreamableHttpError};

use super::error::Error;
use super::fate::Fate;

/// What a failed hello means: nothing was asked of the server yet.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may say more one day, and says so")]
pub(super) fn of_hello(server: &str, error: &ClientInitializeError, fate: &Arc<Fate>) -> Error {
    use ClientInitializeError as Hello;
    if error.is_authorization_required() || error.auth_challenge().is_some() {
        return Error::unauthorized(server, UNAUTHORIZED, error.auth_challenge());
    }
    match error {
        Hello::ConnectionClosed(_) => Error::unreachable(server, fate.why()),
        Hello::TransportError { error, .. } => match fate.told() {
            Some(why) => Error::unreachable(server, why),
            None => {
                of_transport(server, &*error.error).unwrap_or_else(|| Error::unreachable(server, UNREACHABLE))
            }
        },
        Hello::JsonRpcError(data) => Error::unusable(server, format!("it refused to begin: {}", said(data))),
        Hello::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<String> = server_supported.iter().take(10).map(ToString::to_string).collect();
            Error::unusable(
                server,
                format!("it speaks no version of the protocol that ice does: {}", versions.join(", ")),
            )
        }
        Hello::LegacyFallbackFailed { fallback, .. } => of_hello(server, fallback, fate),
        Hello::ExpectedInitResponse(_)
        | Hello::ExpectedInitResult(_)
        | Hello::ConflictInitResponseId(..)
        | Hello::UncorrelatedErrorResponse { .. } => {
            Error::unusable(server, "its first words are not those of an MCP server")
        }
        other => Error::unreachable(server, fate.told().unwrap_or_else(|| other.to_string())),
    }
}

const UNAUTHORIZED: &str =
    "it wants a token: write `bearer` or `oauth` in its manifest, or see whether what they name still holds";
const UNREACHABLE: &str = "the connection failed";

/// What a failed request means.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may say more one day, and says so")]
pub(super) fn of_request(server: &str, error: &ServiceError, fate: &Arc<Fate>) -> Error {
    if error.is_authorization_required() || error.auth_challenge().is_some() {
        return Error::unauthorized(server, UNAUTHORIZED, error.auth_challenge());
    }
    match error {
        ServiceError::McpError(data) => of_data(server, data),
        ServiceError::TransportSend(error) => match of_transport(server, &*error.error) {
            Some(error) => error,
            None => Error::ended(server, fate.why()),
        },
        ServiceError::TransportClosed => Error::ended(server, fate.why()),
        ServiceError::UnexpectedResponse => Error::failed(server, "its answer is not one to this request"),
        other => Error::failed(server, other.to_string()),
    }
}

/// What an error of the protocol means.
fn of_data(server: &str, data: &ErrorData) -> Error {
    // What these say is that the request was not carried out.
    const REFUSALS: [ErrorCode; 7] = [
        ErrorCode::METHOD_NOT_FOUND,
        ErrorCode::INVALID_PARAMS,
        ErrorCode::INVALID_REQUEST,
        ErrorCode::PARSE_ERROR,
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY,
        ErrorCode::HEADER_MISMATCH,
    ];
    let is_refusal = REFUSALS.contains(&data.code) || data.code == ErrorCode::RESOURCE_NOT_FOUND;
    if is_refusal { Error::refused(server, said(data)) } else { Error::failed(server, said(data)) }
}

fn said(data: &ErrorData) -> String {
    format!("{} (error {})", data.message, data.code.0)
}

type Http = StreamableHttpError<reqwest::Error>;

/// What a failure of a connection means; nothing if that is not known.
fn of_transport(server: &str, error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut here = Some(error);
    while let Some(error) = here {
        if let Some(status) = error.downcast_ref::<HttpStatusError>() {
            return Some(of_status(server, status));
        }
        if let Some(http) = error.downcast_ref::<Http>() {
            return Some(of_http(server, http));
        }
        here = error.source();
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library may say more one day, and says so")]
fn of_http(server: &str, error: &Http) -> Error {
    match error {
        Http::HttpStatus(status) => of_status(server, status),
        Http::Client(error) if error.is_connect() => {
            let mut why = "no connection can be made".to_owned();
            let mut source = error.source();
            // The last cause says why; those before it repeat the address.
            while let Some(cause) = source {
                if cause.source().is_none() {
                    why = format!("{why}: {cause}");
                }
                source = cause.source();
            }
            Error::unreachable(server, why)
        }
        Http::Client(error) if error.is_redirect() => Error::unreachable(
            server,
            "it leads elsewhere: write the address that it leads to, if that is to be trusted",
        ),
        Http::Client(error) if error.is_timeout() => Error::ended(server, "the connection took too long"),
        Http::Client(_) => Error::ended(server, "the connection broke"),
        Http::Auth(AuthError::CredentialStoreError(why)) => Error::unavailable(server, why),
        Http::Auth(AuthError::TokenRefreshFailed(why)) => {
            Error::unreachable(server, format!("its token could not be renewed: {why}"))
        }
        Http::Auth(_) | Http::AuthRequired(_) | Http::InsufficientScope(_) => {
            Error::unauthorized(server, UNAUTHORIZED, None)
        }
        Http::ResponseBodyTooLarge { .. } => Error::failed(
            server,
            "it sent a larger message than it may: raise `message` in its manifest if that is meant",
        ),
        Http::UnexpectedContentType(_) => {
            Error::failed(server, "its answer is neither JSON nor a stream of events")
        }
        Http::UnexpectedServerResponse(text) => Error::failed(server, text),
        Http::SessionExpired => Error::ended(server, "it has forgotten this session"),
        other => Error::ended(server, other.to_string()),
    }
}

fn of_status(server: &str, error: &HttpStatusError) -> Error {
    let why = format!("it answers with HTTP status {}", error.status);
    if error.status == 429 {
        let seconds = error.retry_after.as_deref().and_then(|after| after.trim().parse().ok()).unwrap_or(0);
        return Error::Refused { server: server.to_owned(), why, again: Some(Duration::from_secs(seconds)) };
    }
    Error::failed(server, why)
}
