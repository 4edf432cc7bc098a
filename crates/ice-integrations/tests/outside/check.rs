//! What must come of each case, whoever the vendor is.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use ice_core::llm::{
    Chunk, FinishReason, LlmContext, LlmError, LlmErrorKind, LlmProvider, Message, Part, Request, Response,
    Role, ToolDefinition, Usage,
};
use ice_core::process::SecretRef;
use ice_core::value::Value;
use ice_integrations::llm::policy::Guarded;
use ice_integrations::llm::prices::PriceTable;
use ice_integrations::llm::{Limits, Protocol, ProviderSettings, Vendor};
use ice_integrations::secrets::{SecretError, SecretSource};
use secrecy::SecretString;
use serde_json::json;

use super::case::{Case, PAUSE, PROMPT, TEXT, THOUGHT, WAIT};
use super::judge::{Judge, model};

const KEY: &str = "sk-outside-0123456789";

#[derive(Debug)]
struct OneKey;

impl SecretSource for OneKey {
    fn secret(&self, _reference: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(SecretString::from(KEY))
    }
}

/// The provider as runs have it, with little patience where a server tries that.
fn provider(judge: &dyn Judge, protocol: Protocol, case: Case) -> Guarded {
    let short = NonZeroU32::new(PAUSE).unwrap();
    let minute = NonZeroU32::new(60).unwrap();
    let limits = Limits {
        between_tokens_seconds: if case == Case::Stalled { short } else { minute },
        first_token_seconds: if case == Case::Slow { short } else { minute },
        ..Limits::default()
    };
    let settings = ProviderSettings {
        base_url: Some(judge.base_url(protocol).parse().unwrap()),
        api_key: (protocol != Protocol::Ollama).then(|| SecretRef::new("env:KEY")),
        limits,
        ..ProviderSettings::of(protocol)
    };
    let vendor = Vendor::new(protocol.as_str(), settings, Arc::new(OneKey), Arc::new(PriceTable::built_in()));
    Guarded::new(Arc::new(vendor), limits)
}

fn tool(name: &str) -> ToolDefinition {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    ToolDefinition {
        name: name.to_owned(),
        description: "Looks something up.".to_owned(),
        input_schema: schema.into(),
    }
}

/// The calls of tools that are asked for.
pub(crate) fn calls() -> [(&'static str, serde_json::Value); 2] {
    [
        ("get_weather", json!({"city": "Oslo"})),
        ("get_forecast", json!({"city": "Bergen \"west\" å", "days": 2})),
    ]
}

fn request(protocol: Protocol, case: Case) -> Request {
    let mut request = Request { max_tokens: Some(200), ..Request::prompt(model(protocol, case), PROMPT) };
    if matches!(case, Case::Tools | Case::Results) {
        request.tools = calls().iter().map(|(name, _)| tool(name)).collect();
    }
    if case == Case::Results {
        let calls = calls();
        let id = |at: usize| format!("call_{at}");
        let asked = calls.iter().enumerate().map(|(at, (name, arguments))| Part::ToolCall {
            id: id(at),
            name: (*name).to_owned(),
            arguments: arguments.clone().into(),
        });
        request.messages.push(Message { role: Role::Assistant, parts: asked.collect() }.into());
        for at in 0..calls.len() {
            let content = Value::map([("celsius", Value::from(11_u64))]);
            let result = Part::ToolResult { call_id: id(at), content, is_error: false };
            request.messages.push(Message { role: Role::Tool, parts: vec![result] }.into());
        }
    }
    request
}

/// What was heard of an answer, and how it ended.
struct Heard {
    texts: Vec<String>,
    reasoning: String,
    end: Result<Response, LlmError>,
    took: Duration,
}

async fn hear(provider: &Guarded, request: Request) -> Heard {
    let began = Instant::now();
    let (mut texts, mut reasoning) = (Vec::new(), String::new());
    let end = async {
        let mut chunks = provider.stream(&LlmContext::default(), request).await?;
        loop {
            match chunks.next().await.expect("a stream has an end")? {
                Chunk::Text { delta } => texts.push(delta),
                Chunk::Reasoning { delta } => reasoning.push_str(&delta),
                Chunk::Done { response } => {
                    assert!(chunks.next().await.is_none(), "nothing comes after the end");
                    return Ok(response);
                }
            }
        }
    };
    let end = end.await;
    Heard { texts, reasoning, end, took: began.elapsed() }
}

/// Whether a pair passes; what is wrong if it does not.
pub(crate) async fn passes(judge: &dyn Judge, protocol: Protocol, case: Case) -> Result<(), String> {
    let provider = provider(judge, protocol, case);
    let heard = hear(&provider, request(protocol, case)).await;
    let found = Found { judge, protocol, case, heard: &heard };
    let mut expected = found.check().map_err(|why| found.told(&why))?;
    // As a node with attempts does: what broke in the middle is asked for anew, from the beginning, by who asked.
    let broke = heard.end.as_ref().err().is_some_and(|error| error.kind == LlmErrorKind::Truncated);
    if broke && case != Case::Garbage {
        let again = hear(&provider, request(protocol, case)).await;
        let again = Found { judge, protocol, case: Case::Text, heard: &again };
        again.check().map_err(|why| again.told(&format!("the second time: {why}")))?;
        expected += 1;
    }
    // Servers write down what they were asked once they are done with it.
    let until = Instant::now() + Duration::from_secs(60);
    let mut asked = judge.asked(protocol, case).await;
    while asked < expected && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        asked = judge.asked(protocol, case).await;
    }
    if asked == expected { Ok(()) } else { Err(found.told(&format!("asked {asked} times, not {expected}"))) }
}

/// What came of a case.
struct Found<'f> {
    judge: &'f dyn Judge,
    protocol: Protocol,
    case: Case,
    heard: &'f Heard,
}

impl Found<'_> {
    fn told(&self, why: &str) -> String {
        let Heard { texts, reasoning, end, took } = self.heard;
        format!(
            "{:?} of {}: {why}: {texts:?} {reasoning:?} {end:?} after {took:?}",
            self.case,
            self.protocol.as_str()
        )
    }

    /// Checks it, and says how often the server must have been asked.
    fn check(&self) -> Result<usize, String> {
        let busy = |wait: Option<Duration>| LlmErrorKind::Transient { retry_after: wait };
        let wait = Duration::from_secs(WAIT);
        match self.case {
            Case::Text | Case::Results => self.answered(FinishReason::Stop).map(|()| 1),
            Case::Length => self.answered(FinishReason::Length).map(|()| 1),
            Case::Reasoning => self.reasoned().map(|()| 1),
            Case::Tools => self.called().map(|()| 1),
            Case::Limited => {
                self.answered(FinishReason::Stop).and_then(|()| self.waited(wait, 1)).map(|()| 2)
            }
            Case::Broken | Case::Overloaded => {
                let least = Duration::from_millis(500);
                self.answered(FinishReason::Stop).and_then(|()| self.waited(least, 1)).map(|()| 2)
            }
            Case::Busy => {
                self.refused(busy(Some(wait)), true).and_then(|()| self.waited(wait, 2)).map(|()| 3)
            }
            Case::Unauthorized | Case::Forbidden => self.refused(LlmErrorKind::Auth, true).map(|()| 1),
            Case::Unknown => self.refused(LlmErrorKind::InvalidRequest, true).map(|()| 1),
            Case::Wrong => self.refused(LlmErrorKind::InvalidRequest, false).map(|()| 1),
            Case::TooLong => self.refused(LlmErrorKind::ContextTooLong, true).map(|()| 1),
            Case::Unpaid => self.refused(LlmErrorKind::Quota, true).map(|()| 1),
            Case::Malformed | Case::Cut | Case::Short => self.broke().map(|()| 1),
            Case::Garbage => self.garbled().map(|()| 1),
            Case::Stalled => {
                self.broke()?;
                self.says(&format!("stopped for {PAUSE} s in the middle of the answer"))?;
                self.waited(Duration::from_secs(u64::from(PAUSE)), 1).map(|()| 1)
            }
            Case::Slow => {
                self.is(LlmErrorKind::Transient { retry_after: None })?;
                self.says(&format!("took longer than {PAUSE} s for the first token")).map(|()| 1)
            }
        }
    }

    fn response(&self) -> Result<&Response, String> {
        self.heard.end.as_ref().map_err(|_| "no answer".to_owned())
    }

    fn error(&self) -> Result<&LlmError, String> {
        self.heard.end.as_ref().err().ok_or_else(|| "an answer".to_owned())
    }

    fn answered(&self, finish: FinishReason) -> Result<(), String> {
        let response = self.response()?;
        let texts = &self.heard.texts;
        same("the pieces", texts.concat().as_str(), TEXT)?;
        same("the text", response.message.joined_text().as_str(), TEXT)?;
        same("the end", response.finish, finish)?;
        if texts.len() < 2 {
            return Err("one piece is no stream".to_owned());
        }
        self.spent(response.usage)
    }

    fn spent(&self, usage: Usage) -> Result<(), String> {
        match self.judge.usage(self.protocol, self.case) {
            Some(told) => same("the tokens", usage, told),
            None if usage.estimated => Ok(()),
            None => Err("tokens that nobody told are not marked as estimated".to_owned()),
        }
    }

    fn reasoned(&self) -> Result<(), String> {
        self.answered(FinishReason::Stop)?;
        same("the thought", self.heard.reasoning.as_str(), THOUGHT)?;
        let kept = self
            .response()?
            .message
            .parts
            .iter()
            .find_map(|part| if let Part::Reasoning { text } = part { Some(text.clone()) } else { None });
        same("what is kept of it", kept.as_deref(), Some(THOUGHT))
    }

    fn called(&self) -> Result<(), String> {
        let response = self.response()?;
        same("the end", response.finish, FinishReason::ToolCalls)?;
        let mut ids = std::collections::BTreeSet::new();
        let asked = response.message.parts.iter().filter_map(|part| {
            let Part::ToolCall { id, name, arguments } = part else { return None };
            ids.insert(id.clone());
            Some((name.as_str(), serde_json::Value::from(arguments)))
        });
        same("the calls", asked.collect::<Vec<_>>(), calls().to_vec())?;
        same("calls with an id of their own", ids.len(), 2)?;
        self.spent(response.usage)
    }

    fn is(&self, kind: LlmErrorKind) -> Result<&LlmError, String> {
        let error = self.error()?;
        same("the kind", &error.kind, &kind)?;
        if error.message.contains(KEY) || error.message.contains(PROMPT) {
            return Err("the key or the prompt is told".to_owned());
        }
        Ok(error)
    }

    /// Nothing was answered and nothing spent, and what the server says is told.
    fn refused(&self, kind: LlmErrorKind, another_model_helps: bool) -> Result<(), String> {
        let error = self.is(kind)?;
        same("the pieces", self.heard.texts.len(), 0)?;
        same("the tokens", error.usage, Usage::default())?;
        same("whether another model helps", error.another_model_helps, another_model_helps)?;
        self.says(self.case.message())
    }

    fn says(&self, told: &str) -> Result<(), String> {
        if self.error()?.message.contains(told) { Ok(()) } else { Err(format!("`{told}` is not told")) }
    }

    /// The beginning was heard and is paid for, and never passes for a whole answer.
    fn broke(&self) -> Result<(), String> {
        let error = self.is(LlmErrorKind::Truncated)?;
        let heard = self.heard.texts.concat();
        if heard.is_empty() || heard.len() >= TEXT.len() || !TEXT.starts_with(&heard) {
            return Err("what was heard is no beginning".to_owned());
        }
        same(
            "whether it may be asked again",
            (error.is_retryable(), error.another_model_helps),
            (true, true),
        )?;
        if error.usage.input > 0 && error.usage.output > 0 {
            Ok(())
        } else {
            Err("nothing is paid for".to_owned())
        }
    }

    fn garbled(&self) -> Result<(), String> {
        let error = self.is(LlmErrorKind::Truncated)?;
        same("the pieces", self.heard.texts.len(), 0)?;
        same("whether another model helps", error.another_model_helps, true)
    }

    /// At least so long, so often; and not for ever.
    fn waited(&self, wait: Duration, times: u32) -> Result<(), String> {
        let took = self.heard.took;
        if took >= wait * times && took < wait * times + Duration::from_secs(20) {
            return Ok(());
        }
        Err(format!("{times} waits of {wait:?}"))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
