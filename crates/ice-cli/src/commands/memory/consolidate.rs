//! `ice memory consolidate`.

use std::time::Duration;

use clap::Args;
use ice_core::llm::Usd;
use ice_core::memory::{Consolidated, Kind, Scope};
use ice_core::quantity::span;
use ice_orchestrator::control::{
    MemoryConsolidate, MemoryModel, MemoryRequest, MemoryResponse, MemoryRetention, MemorySummaries,
};

use super::{call, with_link};
use crate::data::{DataFolder, LinkError, Role, access};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text;
use crate::shell::Shell;

/// Makes memory smaller: facts that say the same become one; with `--summarize` or `--model` old episodes become summaries; with
/// `--forget` and `--erase` what is old goes. It may be stopped anywhere and done again.
#[derive(Debug, Args)]
pub(super) struct Consolidate {
    /// Only in this scope; may be given several times [default: all]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<Scope>,
    /// Leave facts that say the same alone
    #[arg(long)]
    keep_duplicates: bool,
    /// Summarise old episodes, by the sentences that say most, at no cost
    #[arg(long)]
    summarize: bool,
    /// Summarise old episodes by this model
    #[arg(long, value_name = "PROVIDER/MODEL", value_parser = model)]
    model: Option<MemoryModel>,
    /// The most that summaries may cost together, in dollars; the last one may go beyond it
    #[arg(long, value_name = "USD", requires = "model")]
    budget: Option<Usd>,
    /// The most summaries [default: 100]
    #[arg(long, value_name = "N")]
    summaries: Option<u64>,
    /// Summarise episodes that are at least so old: a number with s, m, h or d behind it [default: 7d]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    older_than: Option<Duration>,
    /// Summarise days of at least so many episodes of the same persons [default: 5]
    #[arg(long, value_name = "N")]
    least: Option<usize>,
    /// Forget what is older, as `episodic=90d`; may be given several times
    #[arg(long, value_name = "KIND=SPAN", value_parser = rule)]
    forget: Vec<(Kind, Duration)>,
    /// Remove what is older for good; as `--forget`
    #[arg(long, value_name = "KIND=SPAN", value_parser = rule)]
    erase: Vec<(Kind, Duration)>,
    /// Of these only what matters less than this by now, from 0 to 10: half of its importance is left after 30 days
    #[arg(long, value_name = "IMPORTANCE")]
    below: Option<f64>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Consolidate {
    /// Carries it out.
    pub(super) fn run(&self, shell: &Shell) -> Result<Exit, Fault> {
        if self.below.is_some() && self.forget.is_empty() && self.erase.is_empty() {
            return Err(Fault::usage("`--below` says which entries go, and nothing is to go")
                .help("add `--forget KIND=SPAN` or `--erase KIND=SPAN`"));
        }
        let folder = DataFolder::existing(shell)?;
        let request = MemoryRequest::Consolidate(Box::new(self.plan()));
        let response = shell.block_on(async {
            if self.model.is_none() {
                return with_link(&folder, async |link| call(link, request.clone()).await).await;
            }
            // Who only glances at the folder knows no models.
            let link = access(&folder, Role::Run).await?;
            let done = call(&link, request).await;
            let closed = link.close().await;
            let done = done.map_err(Fault::from)?;
            closed.map(|()| done)
        })?;
        let MemoryResponse::Consolidated { report } = response else {
            return Err(LinkError::astray().into());
        };
        if shell.screen.json {
            shell.screen.document(&report)?;
        } else {
            self.tell(shell, &report)?;
        }
        Ok(if report.problems.is_empty() { Exit::Succeeded } else { Exit::Failed })
    }

    fn plan(&self) -> MemoryConsolidate {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let asked = self.summarize || self.model.is_some();
        let rules = |rules: &[(Kind, Duration)], erase: bool| {
            let rule = |(kind, span): &(Kind, Duration)| MemoryRetention {
                kind: *kind,
                older_than_ms: millis(*span),
                below: self.below,
                erase,
            };
            rules.iter().map(rule).collect::<Vec<_>>()
        };
        MemoryConsolidate {
            scopes: self.scope.clone(),
            duplicates: !self.keep_duplicates,
            summaries: asked.then(|| MemorySummaries {
                older_than_ms: self.older_than.map(millis),
                least: self.least,
                max_calls: self.summaries,
                max_cost: self.budget,
                model: self.model.clone(),
                ..MemorySummaries::default()
            }),
            retention: [rules(&self.forget, false), rules(&self.erase, true)].concat(),
            dry_run: self.dry_run,
        }
    }

    fn tell(&self, shell: &Shell, report: &Consolidated) -> Result<(), Fault> {
        let Consolidated { duplicates, summaries, summarised, forgotten, erased, spent, problems } = report;
        let would = if self.dry_run { "would be " } else { "" };
        let lines = [
            (*duplicates, format!("{would}merged into others that say the same")),
            (*summarised, format!("{would}summarised in {}", text::number(*summaries))),
            (*forgotten, format!("{would}forgotten")),
            (*erased, format!("{would}erased")),
        ];
        let mut done = lines.iter().filter(|(count, _)| *count > 0).peekable();
        if done.peek().is_none() {
            shell.screen.line("nothing was to be done")?;
        }
        for (count, what) in done {
            let many =
                if *count == 1 { "1 entry".to_owned() } else { format!("{} entries", text::number(*count)) };
            shell.screen.line(format_args!("{many} {what}"))?;
        }
        let spent = text::usage(spent);
        if !spent.is_empty() {
            shell.screen.note(format_args!("summaries took {}", spent.join(", ")));
        }
        problems.iter().for_each(|problem| shell.screen.note(text::visible(problem)));
        Ok(())
    }
}

/// A provider and a model of it.
fn model(text: &str) -> Result<MemoryModel, String> {
    match text.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok(MemoryModel { provider: provider.to_owned(), model: model.to_owned() })
        }
        Some(_) | None => Err("write PROVIDER/MODEL; `ice models list` shows the providers".to_owned()),
    }
}

/// A kind, and how old what is of it must be.
fn rule(text: &str) -> Result<(Kind, Duration), String> {
    let (kind, old) = text.split_once('=').ok_or("write a kind and a span of time, as episodic=90d")?;
    let kind = kind.parse::<Kind>().map_err(|error| error.to_string())?;
    Ok((kind, span(old).map_err(|error| error.to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_models_are_read() {
        assert_eq!(rule("episodic=2d"), Ok((Kind::Episodic, Duration::from_secs(2 * 24 * 3_600))));
        assert!(rule("episodic").unwrap_err().contains("episodic=90d"));
        assert!(rule("episodes=1d").is_err() && rule("working=soon").is_err());
        let read = model("openrouter/meta/llama").unwrap();
        assert_eq!((read.provider.as_str(), read.model.as_str()), ("openrouter", "meta/llama"));
        assert!(model("gpt").unwrap_err().contains("PROVIDER/MODEL") && model("/m").is_err());
    }
}
