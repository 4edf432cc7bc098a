//! `llm`: asks a language model once.

use std::sync::Arc;

use ice_core::blueprint::{ContextFormat, ContextRule};
use ice_core::error::ErrorCode;
use ice_core::llm::structured::{self, StructuredError};
use ice_core::llm::{FinishReason, Message, Response, Role, Usage};
use ice_core::template::{Scope, Template};
use ice_core::tools::Effect;
use ice_core::value::{Map, Value};

use super::{Begin, images, memory, template_failure};
use crate::executors::answer::coerced;
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::model::{LlmOutput, LlmPlan};

/// Bytes of text that count as one token where only an estimate is needed.
const BYTES_PER_TOKEN: usize = 4;

pub(crate) fn begin(plan: &LlmPlan, env: &mut Env<'_>) -> Result<Begin, Failure> {
    for (name, rule, custom) in &plan.rules {
        if let Some(text) = written(name, rule, custom.as_ref(), env)? {
            env.bind(Arc::clone(name), Value::from(text));
        }
    }
    let text = |field: &str, template: &Template| {
        let value = template.render(env, &env.limits).map_err(|error| template_failure(field, &error))?;
        let plain = if let Value::String(text) = value { text } else { Arc::from(value.to_string()) };
        Ok::<_, Failure>(plain)
    };
    let prompt = text("prompt", &plan.prompt)?;
    let mut request = plan.request.clone();
    request.model = text(plan.model_field, &plan.model)?.to_string();
    if let Some(format) = &plan.format {
        let told = format!("Answer in this format: {format}");
        request.messages.push(Message::text(Role::System, told).into());
    }
    let mut asked = Message::text(Role::User, &*prompt);
    asked.parts.extend(images::shown(&plan.images, env)?);
    request.messages.push(asked.into());
    let request = Value::from_serialize(&request).map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("the request cannot be written: {error}"))
    })?;
    if plan.memory {
        let (provider, request) = (Arc::clone(&plan.provider), memory::of_session(request, env));
        // What it does is its steps.
        return Ok(Begin::Leaf { intent: Intent::Aware { provider, request }, effect: Effect::Pure });
    }
    // A model call costs, but changes nothing: it is repeated after a crash.
    Ok(Begin::Leaf {
        intent: Intent::Llm { provider: Arc::clone(&plan.provider), request },
        effect: Effect::Idempotent,
    })
}

/// A part of the context in the form its rule asks for; nothing if the name is to be left as it is.
fn written(
    name: &str,
    rule: &ContextRule,
    custom: Option<&Template>,
    env: &Env<'_>,
) -> Result<Option<String>, Failure> {
    let missing = |what: &str| {
        let field = format!("context_rules.{name}");
        Failure::new(ErrorCode::MappingFailed, format!("`{field}`: {what}")).about(field)
    };
    let value = match env.lookup(name) {
        Some(Value::Null) | None if rule.required => {
            return Err(missing("the context it names is required, but empty"));
        }
        Some(value) => value,
        None => return Ok(None),
    };
    if !rule.include {
        return Ok(Some(String::new()));
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    let mut text =
        match rule.format {
            ContextFormat::Text => plain(&value),
            ContextFormat::Json => pretty(&value),
            ContextFormat::Markdown => match value.as_str() {
                Some(text) => format!("```\n{text}\n```"),
                None => format!("```json\n{}\n```", pretty(&value)),
            },
            ContextFormat::Code => format!("```\n{}\n```", plain(&value)),
            ContextFormat::Custom => match custom {
                Some(template) => {
                    let scope: Map = [(Arc::from("value"), value.clone()), (Arc::from(name), value.clone())]
                        .into_iter()
                        .collect();
                    plain(&template.render(&scope, &env.limits).map_err(|error| {
                        template_failure(&format!("format_specifications.{name}"), &error)
                    })?)
                }
                None => plain(&value),
            },
        };
    if let Some(tokens) = rule.max_tokens {
        let limit = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
        if text.len() > limit {
            if !rule.truncate {
                return Err(missing(&format!(
                    "about {} tokens exceed {tokens}",
                    text.len() / BYTES_PER_TOKEN
                )));
            }
            text.truncate(text.floor_char_boundary(limit));
        }
    }
    Ok(Some(text))
}

pub(crate) async fn run(plan: &LlmPlan, ctx: &StepContext, intent: Intent) -> Result<Completion, Failure> {
    let Intent::Aware { provider, request } = intent else {
        let completion = ctx.own_step(intent.clone()).await?;
        return shaped(plan, ctx, &intent, completion).await;
    };
    // What the step spent was counted with it.
    let (aware, intent, said) = memory::ask(ctx, provider, &request).await.map_err(Failure::without_usage)?;
    let shaped = shaped(plan, ctx, &intent, Completion::from(said)).await.map_err(Failure::without_usage)?;
    let text = shaped.value.get("response").and_then(Value::as_str).unwrap_or_default();
    aware.remember(ctx, memory::REMEMBERED, text).await?;
    Ok(shaped)
}

/// What the node gives for what the model said. An answer that does not follow its schema is asked for once more.
async fn shaped(
    plan: &LlmPlan,
    ctx: &StepContext,
    intent: &Intent,
    completion: Completion,
) -> Result<Completion, Failure> {
    let response = read(plan, &completion.value)?;
    let spent = response.usage;
    let counted = |failure: Failure| Failure { usage: spent, ..failure };
    let (response, fields) = match &plan.output {
        None => (response, Map::default()),
        Some(declared) => match fields(declared, &response.message.joined_text()) {
            Ok(fields) => (response, fields),
            Err(error) => {
                let again = repair(plan, declared, ctx, intent, (&response, &error)).await;
                let (again, fields) = again.map_err(Failure::without_usage).map_err(counted)?;
                let mut usage = response.usage;
                usage += again.usage;
                (Response { usage, ..again }, fields)
            }
        },
    };
    Ok(Completion { value: output(fields, &response, prompt_of(intent)), ..completion })
}

/// Asks for an answer that follows its schema, with what was wrong with the one before. Its step counts what it spends.
async fn repair(
    plan: &LlmPlan,
    declared: &LlmOutput,
    ctx: &StepContext,
    intent: &Intent,
    (before, error): (&Response, &StructuredError),
) -> Result<(Response, Map), Failure> {
    let Intent::Llm { provider, request } = intent else { return Err(misfit(declared, &error.to_string())) };
    let unwritable = |error: serde_json::Error| {
        Failure::new(ErrorCode::ModelFailed, format!("a message cannot be written: {error}"))
    };
    let told = Message::text(Role::User, again(declared, error));
    let further = [Value::from_serialize(&before.message), Value::from_serialize(&told)];
    let further: Vec<Value> = further.into_iter().collect::<Result<_, _>>().map_err(unwritable)?;
    let said = request.get("messages").and_then(Value::as_list).unwrap_or_default();
    let mut request = request.as_map().cloned().unwrap_or_default();
    let messages = Value::list(said.iter().cloned().chain(further));
    request.insert(Arc::from("messages"), messages);
    let intent = Intent::Llm { provider: Arc::clone(provider), request: Value::from(request) };
    // Should the node be asked anew after a crash, another answer is another one to mend.
    let hash = blake3::hash(before.message.joined_text().as_bytes()).to_hex();
    let address = memory::address(ctx, &format!(".repaired[a{}]", hash.get(..8).unwrap_or_default()))?;
    let said = ctx.step(&address, intent, Effect::Idempotent).await?;
    let response = read(plan, &said)?;
    let fields = fields(declared, &response.message.joined_text());
    let fields = fields.map_err(|error| misfit(declared, &error.to_string()))?;
    Ok((response, fields))
}

/// What a model is told whose answer does not follow its schema.
pub(super) fn again(declared: &LlmOutput, error: &StructuredError) -> String {
    format!("{error}. Answer again with nothing but JSON that follows this schema: {}", declared.schema)
}

/// What the model said, if that is a whole answer.
fn read(plan: &LlmPlan, said: &Value) -> Result<Response, Failure> {
    let response: Response = said.to().map_err(|error| {
        Failure::new(ErrorCode::ModelFailed, format!("the provider's answer cannot be read: {error}"))
    })?;
    let failed = |code, message: &str, retryable| {
        let failure = Failure::new(code, message);
        Err(Failure { usage: response.usage, retryable: failure.retryable && retryable, ..failure })
    };
    match response.finish {
        FinishReason::Stop => Ok(response),
        FinishReason::Length if plan.output.is_none() => Ok(response),
        FinishReason::Length => failed(
            ErrorCode::ModelTruncated,
            "the answer was cut off at `max_tokens` and cannot be parsed",
            false,
        ),
        FinishReason::ToolCalls => {
            failed(ErrorCode::ModelFailed, "the model asks for tools; an llm node has none", true)
        }
    }
}

fn prompt_of(intent: &Intent) -> Value {
    let Intent::Llm { request, .. } = intent else { return Value::Null };
    let last = request.get("messages").and_then(|messages| messages.as_list()?.last());
    last.and_then(|message| message.get("parts")?.item(0)?.get("text")).cloned().unwrap_or_default()
}

/// The node's output: `{response, text, prompt, model, usage}`, and the fields of a declared schema.
fn output(fields: Map, response: &Response, prompt: Value) -> Value {
    let text = Value::from(response.message.joined_text());
    let mut output = fields;
    output.insert(Arc::from("response"), text.clone());
    output.insert_new("text", || text);
    output.insert(Arc::from("prompt"), prompt);
    output.insert(Arc::from("model"), Value::from(response.model.as_str()));
    output.insert(Arc::from("usage"), usage_value(response.usage));
    Value::from(output)
}

/// The fields of an answer that follows a declared schema; one that is no object stands under `value`.
pub(super) fn fields(declared: &LlmOutput, said: &str) -> Result<Map, StructuredError> {
    let parsed = match structured::parse(said, &declared.validator) {
        Ok(value) => value,
        Err(error) => {
            let fits = |value: &Value| declared.validator.validate(value).is_ok();
            let coerced = declared.coerce.then(|| coerced(said, &declared.schema, fits)).flatten();
            coerced.ok_or(error)?
        }
    };
    Ok(match parsed {
        Value::Map(fields) => (*fields).clone(),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Blob(_)) => [(Arc::from("value"), other)].into_iter().collect(),
    })
}

/// The failure of an answer that does not follow its schema.
pub(super) fn misfit(declared: &LlmOutput, what: &str) -> Failure {
    let message = format!("the answer does not fit `{}`: {what}", declared.field);
    Failure { retryable: true, ..Failure::new(ErrorCode::OutputInvalid, message).about(declared.field) }
}

/// Tokens under the names blueprints read.
pub(super) fn usage_value(usage: Usage) -> Value {
    let mut entries = vec![
        ("prompt_tokens", usage.input),
        ("completion_tokens", usage.output),
        ("total_tokens", usage.total()),
    ];
    entries.extend(
        [
            ("cached_tokens", usage.cached),
            ("cache_write_tokens", usage.cache_write),
            ("reasoning_tokens", usage.reasoning),
        ]
        .into_iter()
        .filter(|(_, tokens)| *tokens > 0),
    );
    Value::map(entries.into_iter().map(|(name, tokens)| (name, Value::from(tokens))))
}
