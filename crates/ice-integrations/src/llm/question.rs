//! From a request of the port to what the client sends.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use genai::chat::{
    CacheControl, ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ContentPart, JsonSpec,
    MessageContent, ReasoningEffort, Tool, ToolCall, ToolChoice, ToolResponse,
};
use ice_core::blueprint::LlmConfig;
use ice_core::llm::{BlobSource, LlmError, LlmErrorKind, Message, Part, Request, Role};
use ice_core::value::{Map, Value};
use serde_json::Value as Json;

use super::names::Names;
use super::{Protocol, opaque};

/// What the client sends.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) chat: ChatRequest,
    pub(super) options: ChatOptions,
    /// What tools are called there.
    pub(super) names: Names,
}

/// A request in the client's terms.
///
/// # Errors
/// [`LlmErrorKind::InvalidRequest`] if a blob cannot be had, or a setting is none.
pub(super) async fn question(
    protocol: Protocol,
    provider: &str,
    request: &Request,
    takes_temperature: bool,
    blobs: Option<&dyn BlobSource>,
) -> Result<Question, LlmError> {
    let names = Names::of(&request.tools);
    let mut writer = Writer { protocol, provider, blobs, names: &names, called: HashMap::new() };
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    for message in &request.messages {
        messages.push(writer.message(message).await?);
    }
    let mut options = options(request, takes_temperature, &names)?;
    if let Some(schema) = &request.output_schema {
        let schema = Json::from(schema);
        if protocol.has_schemas() {
            let spec = JsonSpec::new("answer", schema);
            options = options.with_response_format(ChatResponseFormat::JsonSpec(spec));
        } else {
            messages.push(ChatMessage::system(format!(
                "Answer with nothing but JSON that follows this JSON Schema: {schema}"
            )));
            options = options.with_response_format(ChatResponseFormat::JsonMode);
        }
    }
    let tools = request.tools.iter().map(|tool| {
        Tool::new(names.there(&tool.name))
            .with_description(tool.description.clone())
            .with_schema(Json::from(&tool.input_schema))
    });
    let mut chat = ChatRequest::new(messages);
    if !request.tools.is_empty() {
        chat = chat.with_tools(tools);
    }
    Ok(Question { chat, options, names })
}

struct Writer<'w> {
    protocol: Protocol,
    provider: &'w str,
    blobs: Option<&'w dyn BlobSource>,
    names: &'w Names,
    /// The tools of the calls so far, by the ids of the calls: some vendors ask for them with the results.
    called: HashMap<String, String>,
}

impl Writer<'_> {
    async fn message(&mut self, message: &Message) -> Result<ChatMessage, LlmError> {
        let calls_tools = message.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let signatures = opaque::of_calls(self.provider, &message.parts);
        let mut parts = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::Text { text } => parts.push(ContentPart::Text(text.clone())),
                Part::Blob { blob } => parts.push(self.blob(blob).await?),
                Part::ToolCall { id, name, arguments } => {
                    self.called.insert(id.clone(), self.names.there(name));
                    parts.push(ContentPart::ToolCall(ToolCall {
                        call_id: id.clone(),
                        fn_name: self.names.there(name),
                        // Vendors want an object, also where the model wrote none.
                        fn_arguments: if arguments.as_map().is_some() {
                            Json::from(arguments)
                        } else {
                            serde_json::json!({"unreadable": Json::from(arguments)})
                        },
                        thought_signatures: signatures.get(id.as_str()).cloned(),
                    }));
                }
                Part::ToolResult { call_id, content, is_error } => {
                    let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
                    let text = if *is_error { format!("Error: {text}") } else { text };
                    let mut response = ToolResponse::new(call_id.clone(), text);
                    if let Some(name) = self.called.get(call_id) {
                        response = response.with_fn_name(name.clone());
                    }
                    parts.push(ContentPart::ToolResponse(response));
                }
                Part::Reasoning { text } if self.goes_back(calls_tools) => {
                    parts.push(ContentPart::ReasoningContent(text.clone()));
                }
                Part::Reasoning { .. } => {}
                Part::Opaque { provider, data } if provider == self.provider => {
                    parts.extend(opaque::part(data));
                }
                // It means something to another vendor alone.
                Part::Opaque { .. } => {}
            }
        }
        let content = MessageContent::from_parts(parts);
        Ok(match message.role {
            Role::System => ChatMessage::system(content),
            Role::User => ChatMessage::user(content),
            Role::Assistant => ChatMessage::assistant(content),
            Role::Tool => ChatMessage::tool(content),
        })
    }

    /// Whether reasoning that can be read is sent back: Anthropic takes it with its signature, DeepSeek asks for it between the
    /// calls of tools, and the others refuse it.
    fn goes_back(&self, calls_tools: bool) -> bool {
        match self.protocol {
            Protocol::Anthropic => true,
            Protocol::DeepSeek => calls_tools,
            Protocol::OpenAi | Protocol::OpenAiResponses | Protocol::Gemini | Protocol::Ollama => false,
        }
    }

    async fn blob(&self, blob: &ice_core::value::BlobRef) -> Result<ContentPart, LlmError> {
        let unreadable = |why: &str| {
            let message = format!("the blob `{}` cannot be shown to the model: {why}", blob.hash);
            LlmError::new(LlmErrorKind::InvalidRequest, message)
        };
        let blobs = self.blobs.ok_or_else(|| unreadable("nobody here reads blobs"))?;
        let bytes = blobs.read(blob).await.map_err(|why| unreadable(&why))?;
        Ok(ContentPart::from_binary_base64(blob.media_type.to_string(), STANDARD.encode(&bytes), None))
    }
}

fn invalid(message: String) -> LlmError {
    LlmError::new(LlmErrorKind::InvalidRequest, message)
}

/// The settings of a request. Those that vendors know by different names have one here; the others go along as they are.
fn options(request: &Request, takes_temperature: bool, names: &Names) -> Result<ChatOptions, LlmError> {
    let mut options = ChatOptions::default()
        .with_capture_content(true)
        .with_capture_reasoning_content(true)
        .with_capture_tool_calls(true)
        .with_capture_usage(true)
        .with_stop_sequences(request.stop.clone());
    options.temperature = request.temperature.filter(|_| takes_temperature);
    options.top_p = request.top_p;
    if let Some(most) = request.max_tokens {
        options.max_tokens = Some(u32::try_from(most).unwrap_or(u32::MAX));
    }
    let mut rest = Map::default();
    if let Some(name) = LlmConfig::taken(&request.extra) {
        return Err(invalid(format!("`{name}` has a field of its own: it cannot be set beside it")));
    }
    for (name, value) in request.extra.as_map().into_iter().flatten() {
        match &**name {
            "reasoning_effort" => options.reasoning_effort = Some(effort(value)?),
            "seed" => options.seed = Some(whole("seed", value)?),
            "cache" => options.cache_control = cache(value)?,
            "tool_choice" => options.tool_choice = Some(choice(value, names)?),
            _ => {
                rest.insert(std::sync::Arc::clone(name), value.clone());
            }
        }
    }
    if !rest.is_empty() {
        options.extra_body = Some(Json::from(&Value::from(rest)));
    }
    Ok(options)
}

fn effort(value: &Value) -> Result<ReasoningEffort, LlmError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|_| {
        invalid(format!(
            "`reasoning_effort` is `none`, `minimal`, `low`, `medium`, `high`, `max` or a number of tokens, not `{text}`"
        ))
    })
}

fn whole(name: &str, value: &Value) -> Result<u64, LlmError> {
    value.as_u64().ok_or_else(|| invalid(format!("`{name}` is a whole number, not {value}")))
}

/// Whether the vendor is to keep the beginning of the conversation for some minutes, where that has to be asked for. Longer
/// times have prices of their own, which tables of prices do not have.
fn cache(value: &Value) -> Result<Option<CacheControl>, LlmError> {
    match value.as_bool() {
        Some(true) => Ok(Some(CacheControl::Ephemeral)),
        Some(false) => Ok(None),
        None => Err(invalid(format!("`cache` is `true` or `false`, not {value}"))),
    }
}

fn choice(value: &Value, names: &Names) -> Result<ToolChoice, LlmError> {
    match value.as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::None),
        Some("required") => Ok(ToolChoice::Required),
        Some(name) => Ok(ToolChoice::Tool { name: names.there(name) }),
        None => Err(invalid(format!(
            "`tool_choice` is `auto`, `none`, `required` or the name of a tool, not {value}"
        ))),
    }
}
