//! Spans and metrics of requests to a server, and of connections with it.

use ice_core::metrics::{MetricName, histogram};
use ice_core::telemetry::{MessageContent, Stopwatch, names};
use rmcp::model::{ClientRequest, RequestId};
use rmcp::service::ServiceError;
use tracing::Span;
use tracing::field::Empty;

use super::error::Error;
use super::manifest::Endpoint;

/// Where a server is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    transport: &'static str,
    address: Option<String>,
    port: Option<u16>,
    content: MessageContent,
}

impl Place {
    /// Where it is, and whether spans may hold what is said there.
    pub(super) fn of(endpoint: &Endpoint, content: MessageContent) -> Self {
        match endpoint {
            Endpoint::Program(_) => Self { transport: names::PIPE, address: None, port: None, content },
            Endpoint::Remote(remote) => Self {
                transport: names::TCP,
                address: remote.url.host_str().map(str::to_owned),
                port: remote.url.port_or_known_default(),
                content,
            },
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug, Default)]
struct Target<'r> {
    tool: Option<&'r str>,
    prompt: Option<&'r str>,
    resource: Option<&'r str>,
}

impl<'r> Target<'r> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other requests are about the server as such")]
    fn of(request: &'r ClientRequest) -> Self {
        match request {
            ClientRequest::CallToolRequest(call) => Self { tool: Some(&call.params.name), ..Self::default() },
            ClientRequest::GetPromptRequest(get) => {
                Self { prompt: Some(&get.params.name), ..Self::default() }
            }
            ClientRequest::ReadResourceRequest(read) => {
                Self { resource: Some(&read.params.uri), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// A request under way: its span, and how long it takes.
#[derive(Debug)]
pub(super) struct Asked {
    span: Span,
    server: String,
    method: String,
    began: Stopwatch,
}

impl Asked {
    /// A request is made, within the span that is entered.
    pub(super) fn begin(server: &str, place: &Place, version: &str, request: &ClientRequest) -> Self {
        Self::new(server, place, (request.method(), Some(version)), Target::of(request))
    }

    /// A server is greeted.
    pub(super) fn greeting(server: &str, place: &Place, method: &str) -> Self {
        Self::new(server, place, (method, None), Target::default())
    }

    fn new(server: &str, place: &Place, (method, version): (&str, Option<&str>), target: Target<'_>) -> Self {
        let name = || match target.tool.or(target.prompt) {
            Some(of) => format!("{method} {of}"),
            None => method.to_owned(),
        };
        let span = tracing::info_span!(
            "mcp",
            { names::SPAN_NAME } = name(),
            { names::SPAN_KIND } = names::CLIENT,
            { names::STATUS_CODE } = Empty,
            { names::MCP_SERVER } = server,
            { names::MCP_METHOD_NAME } = method,
            { names::MCP_PROTOCOL_VERSION } = version,
            { names::MCP_RESOURCE_URI } = target.resource.map(|uri| resource(uri, place.content)),
            { names::TOOL_NAME } = target.tool,
            { names::PROMPT_NAME } = target.prompt,
            { names::JSONRPC_REQUEST_ID } = Empty,
            { names::RPC_RESPONSE_STATUS_CODE } = Empty,
            { names::NETWORK_TRANSPORT } = place.transport,
            { names::SERVER_ADDRESS } = place.address.as_deref(),
            { names::SERVER_PORT } = place.port.map(i64::from),
            { names::ERROR_TYPE } = Empty,
        );
        Self { span, server: server.to_owned(), method: method.to_owned(), began: Stopwatch::start() }
    }

    /// The span in which it is made.
    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// Which version of the protocol was agreed on.
    pub(super) fn speaks(&self, version: &str) {
        self.span.record(names::MCP_PROTOCOL_VERSION, version);
    }

    /// It came to an end.
    pub(super) fn ended<T>(self, ended: &Result<T, Error>) {
        let failure = ended.as_ref().map_or_else(|error| error.code().name(), |_| "");
        let labels = [
            ("mcp_server", self.server.as_str()),
            ("mcp_method_name", &self.method),
            ("error_type", failure),
        ];
        histogram(MetricName::McpOperationSeconds, &labels).record(self.began.seconds());
        if let Err(error) = ended
            && !self.span.is_disabled()
        {
            self.span.record(names::ERROR_TYPE, failure);
            if !matches!(error, Error::Cancelled { .. }) {
                self.span.record(names::STATUS_CODE, names::ERROR);
            }
        }
    }
}

/// The address of a resource. Unless what is said may be known, it is without what may be a secret or content in it: who asks,
/// what stands behind the path, data.
fn resource(uri: &str, content: MessageContent) -> String {
    if content.is_captured() {
        return uri.to_owned();
    }
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = path.split_once(':') else { return path.to_owned() };
    if scheme.eq_ignore_ascii_case("data") {
        return scheme.to_owned();
    }
    let Some(rest) = rest.strip_prefix("//") else { return path.to_owned() };
    let (authority, path_of) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path_of}"),
        None => path.to_owned(),
    }
}

/// Writes down under which id a request is answered.
pub(super) fn sent(span: &Span, id: &RequestId) {
    if !span.is_disabled() {
        span.record(names::JSONRPC_REQUEST_ID, id.to_string());
    }
}

/// Writes down the number of an error of the protocol.
pub(super) fn refused(span: &Span, error: &ServiceError) {
    if let ServiceError::McpError(data) = error {
        span.record(names::RPC_RESPONSE_STATUS_CODE, i64::from(data.code.0));
    }
}

/// Counts a connection that is over, which a server may have ended by itself.
pub(super) fn session_ended(server: &str, began: &Stopwatch, by_itself: bool) {
    let how = if by_itself { "ended" } else { "" };
    histogram(MetricName::McpSessionSeconds, &[("mcp_server", server), ("error_type", how)])
        .record(began.seconds());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_resource_is_whole_only_where_content_is_asked_for() {
        let whole = "db://me:s3cr3t@host/table?key=s3cr3t#s3cr3t";
        assert_eq!(resource(whole, MessageContent::Captured), whole);
        for (uri, shown) in [
            (whole, "db://host/table"),
            ("file:///notes.md", "file:///notes.md"),
            ("memo:one?token=s3cr3t", "memo:one"),
            ("data:text/plain,s3cr3t", "data"),
            ("https://host/a@b", "https://host/a@b"),
            ("plain", "plain"),
        ] {
            assert_eq!(resource(uri, MessageContent::Omitted), shown, "{uri}");
        }
    }
}
