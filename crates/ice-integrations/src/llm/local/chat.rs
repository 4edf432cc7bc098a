//! A conversation as the model reads it: written by the template of the file, which is Jinja, within the bounds of templates
//! of blueprints; or as ChatML, if the model has the words of that.

use candle_core::quantized::gguf_file::Content;
use ice_core::llm::{LlmError, LlmErrorKind, Message, Part, Request, Role};
use ice_core::template::{Limits, Template};
use ice_core::value::{Map, Value};

use super::error::Flaw;
use super::gguf::clip;
use super::shape::text;
use super::words::Words;

/// The words of ChatML.
const CHATML: [&str; 2] = ["<|im_start|>", "<|im_end|>"];
/// What stands in a text where a template refuses a conversation: no conversation has it.
const REFUSED: char = '\u{0}';

/// How conversations are written.
#[derive(Debug)]
pub(super) enum Chat {
    /// As the template of the file says.
    Template {
        template: Template,
        /// What begins a conversation and ends an answer.
        begin: String,
        end: String,
    },
    /// As ChatML.
    ChatMl,
}

impl Chat {
    /// The way of a file: its own template; ChatML if there is none, or one that goes beyond what can be bounded, and the
    /// model knows its words.
    pub(super) fn of(content: &Content, words: &Words) -> Result<Self, Flaw> {
        let written = text(content, "tokenizer.chat_template");
        let compiled = written.map(|written| Template::compile(&trimmed(written)));
        match compiled {
            Some(Ok(template)) => {
                let named = |name: &str| words.named(content, name).unwrap_or_default();
                let (begin, end) = ("tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id");
                Ok(Self::Template { template, begin: named(begin), end: named(end) })
            }
            Some(Err(_)) | None if words.has_controls(&CHATML) => Ok(Self::ChatMl),
            Some(Err(error)) => {
                let why: String = error.to_string().chars().take(200).collect();
                Err(Flaw::unsupported(format!(
                    "its template of conversations does not run here ({why}): use another model"
                )))
            }
            None => Err(Flaw::unsupported(
                "it does not say how conversations are written: use a model that follows instructions, with a template in its file",
            )),
        }
    }

    /// The conversation, up to where the model's answer begins.
    pub(super) fn write(&self, provider: &str, request: &Request, words: &Words) -> Result<String, LlmError> {
        let invalid =
            |why: String| LlmError::new(LlmErrorKind::InvalidRequest, format!("`{provider}` {why}"));
        let said = said(request).map_err(invalid)?;
        let said = said.into_iter().map(|(role, text)| (role, words.harmless(&text)));
        match self {
            Self::ChatMl => {
                let turns = said.map(|(role, text)| format!("<|im_start|>{role}\n{text}<|im_end|>\n"));
                Ok(turns.chain(["<|im_start|>assistant\n".to_owned()]).collect())
            }
            Self::Template { template, begin, end } => {
                let messages = Value::list(said.map(|(role, text)| {
                    Value::map([("role", Value::from(role)), ("content", Value::from(text))])
                }));
                let scope: Map = [
                    ("messages".into(), messages),
                    ("add_generation_prompt".into(), Value::from(true)),
                    ("bos_token".into(), Value::from(begin.as_str())),
                    ("eos_token".into(), Value::from(end.as_str())),
                ]
                .into_iter()
                .collect();
                let written = template.render(&scope, &Limits::DEFAULT).map_err(|error| {
                    invalid(format!(
                        "cannot write this conversation as the model reads it: {}",
                        clip(&error.to_string())
                    ))
                })?;
                let written = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
                if written.contains(REFUSED) {
                    return Err(invalid(
                        "does not take this conversation: models often want the user and the assistant to speak in turn".to_owned(),
                    ));
                }
                Ok(written)
            }
        }
    }
}

/// Roles and texts; a schema is asked for in words, as no other way is there.
fn said(request: &Request) -> Result<Vec<(&'static str, String)>, String> {
    let mut said = Vec::with_capacity(request.messages.len() + 1);
    for message in &request.messages {
        said.push((role(message.role)?, joined(message)?));
    }
    if let Some(schema) = &request.output_schema {
        let asked = format!("Answer with nothing but JSON that follows this JSON Schema: {schema}");
        match said.first_mut() {
            Some(("system", text)) => *text = format!("{text}\n{asked}"),
            Some(_) | None => said.insert(0, ("system", asked)),
        }
    }
    if said.is_empty() {
        return Err("was asked nothing: there is no message".to_owned());
    }
    Ok(said)
}

fn role(role: Role) -> Result<&'static str, String> {
    match role {
        Role::System => Ok("system"),
        Role::User => Ok("user"),
        Role::Assistant => Ok("assistant"),
        Role::Tool => Err(NO_TOOLS.to_owned()),
    }
}

/// Said where tools are asked for.
pub(super) const NO_TOOLS: &str =
    "is a model in this process, which calls no tools: leave them out, or ask a model of a server";

fn joined(message: &Message) -> Result<String, String> {
    let mut text = String::new();
    for part in &message.parts {
        match part {
            Part::Text { text: more } => text.push_str(&more.replace(REFUSED, " ")),
            Part::Blob { .. } => {
                return Err(
                    "is a model in this process, which reads texts alone: leave pictures out".to_owned()
                );
            }
            Part::ToolCall { .. } | Part::ToolResult { .. } => return Err(NO_TOOLS.to_owned()),
            // What a model thought is not part of what was said.
            Part::Reasoning { .. } | Part::Opaque { .. } => {}
        }
    }
    Ok(text)
}

/// A template as it is meant: line ends after statements and space before them are none of the text, and where it refuses a
/// conversation it leaves a mark.
fn trimmed(written: &str) -> String {
    let mut template = String::with_capacity(written.len());
    let mut from = 0;
    while let Some(start) = written.get(from..).and_then(|rest| rest.find("{%")).map(|at| from + at) {
        let line = written.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let is_first =
            written.get(line..start).is_some_and(|indent| indent.trim_matches([' ', '\t']).is_empty());
        let keep = if is_first { line.max(from) } else { start };
        let after =
            written.get(start..).and_then(|rest| rest.find("%}")).map_or(written.len(), |at| start + at + 2);
        template.push_str(written.get(from..keep).unwrap_or_default());
        template.push_str(written.get(start..after).unwrap_or_default());
        from = after + usize::from(written.get(after..).is_some_and(|rest| rest.starts_with('\n')));
    }
    template.push_str(written.get(from..).unwrap_or_default());
    refusing(&template)
}

/// Puts a mark in the place of `{{ raise_exception(…) }}`, which templates of other engines have.
fn refusing(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("raise_exception(") {
        let (before, after) = rest.split_at(at);
        let start = before
            .rfind("{{")
            .filter(|start| before.get(start + 2..).is_some_and(|s| s.trim_matches([' ', '-']).is_empty()));
        let end = after.find("}}");
        let (Some(start), Some(end)) = (start, end) else { break };
        out.push_str(before.get(..start).unwrap_or_default());
        out.push_str("{{ '\u{0}' }}");
        rest = after.get(end + 2..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_take_their_lines_with_them() {
        let check = |written: &str, expected: &str| assert_eq!(trimmed(written), expected, "{written:?}");
        check("a {% if b %} c", "a {% if b %} c");
        check("{% if b %}\nc\n  {% endif %}\nd", "{% if b %}c\n{% endif %}d");
        check(
            "{% if b %}\n    {% if c %}\n  x{% endif %}\n{% endif %}",
            "{% if b %}{% if c %}  x{% endif %}{% endif %}",
        );
        check("{{ 'a\n' }}\n{% if b %}", "{{ 'a\n' }}\n{% if b %}");
        check("x{{- raise_exception('no!') }}y", "x{{ '\u{0}' }}y");
    }
}
