//! The client that the official conformance suite of MCP drives: it does what a scenario asks for, with the client of this
//! crate and nothing else. The scenario stands in `MCP_CONFORMANCE_SCENARIO`, the server's address is the last argument.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ice_core::blueprint::Format;
use ice_core::id::RunId;
use ice_core::process::SecretRef;
use ice_core::time::{SystemClock, SystemIds};
use ice_core::tools::{Tool, ToolContext};
use ice_core::value::Value;
use ice_integrations::mcp::{
    Answer, Outside, People, Question, SecretText, Secrets, Server, ServerManifest, Visit,
};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn Error + Send + Sync>;
type Object = serde_json::Map<String, Json>;

/// Allows everything at once, as a person in a hurry does.
#[derive(Debug)]
struct Hasty;

#[async_trait]
impl Visit for Hasty {
    fn redirect_uri(&self) -> String {
        "http://localhost:3000/callback".to_owned()
    }

    async fn visit(&self, url: &str) -> Result<String, String> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let answer = client.map_err(|error| error.to_string())?.get(url).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let back = answer.headers().get("location").and_then(|location| location.to_str().ok());
        back.map(str::to_owned).ok_or_else(|| "the authorization server leads nowhere".to_owned())
    }
}

#[async_trait]
impl People for Hasty {
    async fn ask(&self, question: Question) -> Answer {
        let _ = question;
        Answer::Given(Value::from(json!({})))
    }
}

/// The one secret of a scenario.
#[derive(Debug)]
struct OneSecret(SecretText);

#[async_trait]
impl Secrets for OneSecret {
    async fn resolve(&self, _: &SecretRef) -> Result<SecretText, String> {
        Ok(self.0.clone())
    }
}

fn main() -> Result<(), Failure> {
    let url = std::env::args().next_back().ok_or("the address of the server is missing")?;
    let variable = |name| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let scenario = variable("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
    let context: Json =
        serde_json::from_str(&variable("MCP_CONFORMANCE_CONTEXT").unwrap_or("{}".to_owned()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&url, &scenario, version.as_deref(), &context))
}

async fn run(url: &str, scenario: &str, version: Option<&str>, context: &Json) -> Result<(), Failure> {
    let mut manifest = Object::new();
    for (name, value) in
        [("kind", "mcp_server"), ("name", "suite"), ("url", url), ("start", "20s"), ("timeout", "20s")]
    {
        manifest.insert(name.to_owned(), json!(value));
    }
    if version == Some("2025-11-25") {
        manifest.insert("protocol".to_owned(), json!("2025-11-25"));
    }
    let mut outside = Outside::default();
    if scenario.starts_with("auth/") {
        let mut oauth = Object::new();
        let described = json!("https://conformance-test.local/client-metadata.json");
        oauth.insert("client_metadata_url".to_owned(), described);
        if let Some(id) = context.get("client_id") {
            oauth.insert("client_id".to_owned(), id.clone());
        }
        if let Some(secret) = context.get("client_secret").and_then(Json::as_str) {
            let for_itself = scenario.starts_with("auth/client-credentials");
            oauth.insert("client_secret".to_owned(), json!("env:SECRET"));
            oauth.insert("for_itself".to_owned(), json!(for_itself));
            outside.secrets = Some(Arc::new(OneSecret(SecretText::new(secret.to_owned()))));
        }
        manifest.insert("oauth".to_owned(), Json::Object(oauth));
        outside.visit = Some(Arc::new(Hasty));
    }
    if scenario.contains("elicitation") || scenario.contains("2322") {
        outside.people = Some(Arc::new(Hasty));
    }
    let reading =
        ServerManifest::read(&Json::Object(manifest).to_string(), Format::Json, "suite", Path::new("/"));
    let manifest = reading.value.ok_or_else(|| reading.diagnostics.to_string())?;
    let server = Server::new(manifest, outside);
    let tools = server.tools(&CancellationToken::new()).await?;
    let called = call(&tools.tools, scenario, context).await;
    server.close().await;
    called
}

/// What a scenario has its client call.
async fn call(tools: &[Arc<dyn Tool>], scenario: &str, context: &Json) -> Result<(), Failure> {
    let find = |word: &str| {
        let name = format!("suite.{word}");
        tools
            .iter()
            .find(|tool| tool.spec().name == name)
            .ok_or_else(|| format!("the server has no tool `{word}`"))
    };
    match scenario {
        "initialize" => Ok(()),
        "tools_call" => {
            let output = once(find("add_numbers")?, json!({"a": 5, "b": 3})).await?;
            let text = output.get("text").and_then(Value::as_str).unwrap_or_default();
            if text.contains('8') { Ok(()) } else { Err(format!("5 and 3 are not `{text}`").into()) }
        }
        "json-schema-2020-12-preservation" => {
            let focal = tools.iter().find(|tool| tool.spec().input_schema.get("$defs").is_some());
            let focal = focal.ok_or("no schema has definitions")?;
            let schema = Json::from(&focal.spec().input_schema);
            let echo =
                tools.iter().find(|tool| !Arc::ptr_eq(tool, focal)).ok_or("there is no second tool")?;
            once(echo, json!({"schema": schema})).await.map(drop)
        }
        "http-custom-headers" => {
            for call in context["toolCalls"].as_array().ok_or("no calls are named")? {
                let name = call["name"].as_str().unwrap_or_default();
                once(find(name)?, call["arguments"].clone()).await?;
            }
            Ok(())
        }
        // Whatever else is there is called once, at the same time, as far as the server lets it.
        _ => {
            let calls = tools.iter().map(|tool| once(tool, arguments(&tool.spec().input_schema)));
            let done = futures::future::join_all(calls).await;
            let refused = done.into_iter().find_map(Result::err);
            let may_refuse = scenario.starts_with("http-") || scenario == "auth/scope-retry-limit";
            refused.filter(|_| !may_refuse).map_or(Ok(()), Err)
        }
    }
}

async fn once(tool: &Arc<dyn Tool>, input: Json) -> Result<Value, Failure> {
    let context = ToolContext::detached(RunId::new(&SystemIds), "call".parse()?, Arc::new(SystemClock));
    Ok(tool.call(&context, Value::from(input)).await?)
}

/// Arguments that fit a simple schema.
fn arguments(schema: &Value) -> Json {
    let properties = schema.get("properties").and_then(Value::as_map);
    let each = properties.into_iter().flat_map(ice_core::value::Map::iter).map(|(name, property)| {
        let value = match property.get("type").and_then(Value::as_str) {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            Some(_) | None => json!("text"),
        };
        ((**name).to_owned(), value)
    });
    Json::Object(each.collect())
}
