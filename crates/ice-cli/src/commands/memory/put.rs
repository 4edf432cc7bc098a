//! `ice memory put`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use ice_core::error::ErrorCode;
use ice_core::memory::{Kind, MAX_CONTENT_BYTES, MemoryKey, Scope};
use ice_core::quantity::span;
use ice_core::time::{IdSource, SystemIds};
use ice_core::value::Value;
use ice_orchestrator::control::{MemoryPut, MemoryRequest, MemoryResponse};

use super::ask;
use crate::data::{DataFolder, LinkError};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::file;
use crate::render::text;
use crate::shell::Shell;

/// Remembers a text. What has the same scope, kind and key is superseded, and stays readable with `--as-of` and
/// `ice memory show --history`; in working memory it is gone.
#[derive(Debug, Args)]
pub(super) struct Put {
    /// The text; `-` is standard input
    text: String,
    /// working, episodic, semantic or procedural; what the key begins with says it (work:, episode:, fact:, procedure:),
    /// semantic otherwise
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// The part of memory it belongs to [default: default]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,
    /// What it is called; the id of the entry if not given
    #[arg(long, value_name = "KEY")]
    key: Option<MemoryKey>,
    /// A word by which it is found; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A person whom it is about; may be given several times
    #[arg(long, value_name = "PERSON")]
    about: Vec<String>,
    /// How much it matters, from 0 to 10 [default: 1]
    #[arg(long, value_name = "NUMBER")]
    importance: Option<f64>,
    /// How long working memory and episodes last: a number with s, m, h or d behind it
    #[arg(long, value_name = "SPAN", value_parser = span)]
    ttl: Option<Duration>,
    /// The text is JSON, and is remembered as the value that it says
    #[arg(long)]
    parse: bool,
}

impl Put {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        let content = self.content()?;
        let folder = DataFolder::of(shell)?;
        folder.prepare()?;
        let request = MemoryRequest::Put(Box::new(MemoryPut {
            content,
            kind: self.kind,
            scope: self.scope.clone(),
            key: self.key.clone(),
            tags: self.tag.clone(),
            about: self.about.clone(),
            metadata: Value::empty_map(),
            importance: self.importance,
            ttl_ms: self.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            detail: None,
            // Should the owner go away in the middle of it, it is asked for again.
            idempotency_key: Some(format!("put:{}", SystemIds.uuid())),
        }));
        let MemoryResponse::Entry { entry } = ask(shell, &folder, &request)? else {
            return Err(LinkError::astray().into());
        };
        if shell.screen.json {
            shell.screen.document(&entry)?;
            return Ok(Exit::Succeeded);
        }
        shell.screen.line(entry.id)?;
        let about = if entry.account.estimated { "about " } else { "" };
        let superseded = entry.supersedes.map(|id| format!(", in the place of {id}")).unwrap_or_default();
        shell.screen.note(format_args!(
            "remembered in {} memory, scope {}: {about}{}{superseded}",
            entry.kind(),
            entry.scope,
            text::count(entry.account.tokens, "token"),
        ));
        Ok(Exit::Succeeded)
    }

    fn content(&self) -> Result<Value, Fault> {
        let text = if self.text == "-" {
            let bytes = file::read(Path::new("-"), MAX_CONTENT_BYTES as u64)?;
            String::from_utf8(bytes).map_err(|_| {
                Fault::new(ErrorCode::InputInvalid, "standard input is no text: it is not UTF-8")
            })?
        } else {
            self.text.clone()
        };
        if text.trim().is_empty() {
            return Err(Fault::usage("there is nothing to remember: the text is empty"));
        }
        if !self.parse {
            return Ok(Value::from(text.trim_end_matches('\n')));
        }
        serde_json::from_str(&text)
            .map_err(|error| Fault::new(ErrorCode::InputInvalid, format!("the text is no JSON: {error}")))
    }
}
