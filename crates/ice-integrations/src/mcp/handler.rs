//! What a server may ask of its client, and what it tells without being asked.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ice_core::plain;
use ice_core::tools::ProgressSink;
use ice_core::value::Value;
use rmcp::ClientHandler;
use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationCapability, FormElicitationCapability, Implementation, ProgressNotificationParam,
    ProgressToken, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RequestContext, RoleClient};

use super::fate::Fate;
use super::ports::{Answer, People, Question};

/// How often it is said that a question to a person is still open, so that nobody takes the silence for that of the server.
const BEAT: Duration = Duration::from_millis(200);

/// Where the progress of calls goes.
#[derive(Debug, Default)]
pub(super) struct Routes(Mutex<HashMap<ProgressToken, Route>>);

#[derive(Debug)]
struct Route {
    sink: Arc<dyn ProgressSink>,
    last: f64,
}

/// A call whose progress goes somewhere, for as long as this is there.
#[derive(Debug)]
pub(super) struct Routed {
    routes: Arc<Routes>,
    token: ProgressToken,
}

impl Routes {
    /// Has the progress of a call go to `sink`.
    pub(super) fn route(self: &Arc<Self>, token: ProgressToken, sink: Arc<dyn ProgressSink>) -> Routed {
        let route = Route { sink, last: f64::NEG_INFINITY };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), route);
        Routed { routes: Arc::clone(self), token }
    }

    /// Hands progress on, if it is of a call and more than before: what does not rise is no progress.
    fn report(&self, progress: &ProgressNotificationParam) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(route) = routes.get_mut(&progress.progress_token) else { return };
        if !progress.progress.is_finite() || progress.progress <= route.last {
            return;
        }
        route.last = progress.progress;
        let sink = Arc::clone(&route.sink);
        drop(routes);
        let number = |number: f64| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number);
        let total = progress.total.map(|total| ("total", number(total)));
        let message =
            progress.message.as_ref().map(|message| ("message", Value::string(plain::line(message, 500))));
        let fields = [Some(("progress", number(progress.progress))), total, message];
        sink.report(Value::map(fields.into_iter().flatten()));
    }
}

impl Drop for Routed {
    fn drop(&mut self) {
        self.routes.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

/// The client's side of a connection.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: String,
    pub(super) routes: Arc<Routes>,
    pub(super) people: Option<Arc<dyn People>>,
    pub(super) fate: Arc<Fate>,
}

impl Handler {
    /// Puts a question of the server to the person, and says meanwhile that it is open.
    pub(super) async fn ask(&self, asked: ElicitRequestParams) -> ElicitResult {
        let declined = || ElicitResult::new(ElicitationAction::Decline);
        let Some(people) = &self.people else { return declined() };
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = asked else {
            return declined();
        };
        let Ok(schema) = serde_json::to_value(&requested_schema) else { return declined() };
        let schema = Value::from(schema);
        let question = Question {
            server: self.server.clone(),
            message: plain::lines(&message, 4_000),
            schema: schema.clone(),
        };
        let mut asked = pin!(people.ask(question));
        let answer = loop {
            match tokio::time::timeout(BEAT, &mut asked).await {
                Ok(answer) => break answer,
                Err(_) => self.fate.moved(),
            }
        };
        match answer {
            Answer::Given(fields) => {
                let fields = serde_json::Value::from(&with_defaults(&fields, &schema));
                ElicitResult::new(ElicitationAction::Accept).with_content(fields)
            }
            Answer::Declined => declined(),
            Answer::Dismissed => ElicitResult::new(ElicitationAction::Cancel),
        }
    }
}

/// An answer with the defaults of the fields that it does not have.
fn with_defaults(fields: &Value, schema: &Value) -> Value {
    let given: Vec<(Arc<str>, Value)> = fields
        .as_map()
        .map(|given| given.iter().map(|(name, value)| (Arc::clone(name), value.clone())).collect())
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_map);
    let missing =
        properties.into_iter().flat_map(ice_core::value::Map::iter).filter_map(|(name, property)| {
            let default = property.get("default").filter(|_| fields.get(name).is_none())?;
            Some((Arc::clone(name), default.clone()))
        });
    Value::map(given.clone().into_iter().chain(missing))
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if self.people.is_some() {
            let mut form = FormElicitationCapability::default();
            form.schema_validation = Some(true);
            let mut elicitation = ElicitationCapability::default();
            elicitation.form = Some(form);
            capabilities.elicitation = Some(elicitation);
        }
        ClientConfig::new(capabilities, Implementation::new("ice", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        tokio::select! {
            result = self.ask(request) => Ok(result),
            () = context.ct.cancelled() => Ok(ElicitResult::new(ElicitationAction::Cancel)),
        }
    }

    fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.routes.report(&params);
        std::future::ready(())
    }

    fn on_tool_list_changed(
        &self,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        // What a registry holds does not change under those who use it.
        tracing::info!(
            server = self.server,
            "an MCP server says that its tools have changed: start ice anew to see them"
        );
        std::future::ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_filled_with_the_defaults_that_it_lacks() {
        let value = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let schema = value(r#"{"properties": {"a": {"default": 1}, "b": {"default": 2}, "c": {}}}"#);
        assert_eq!(
            with_defaults(&value(r#"{"b": 3, "x": 4}"#), &schema),
            value(r#"{"b": 3, "x": 4, "a": 1}"#)
        );
        assert_eq!(with_defaults(&Value::Null, &schema), value(r#"{"a": 1, "b": 2}"#));
    }
}
