//! Making memory smaller.

use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::memory::{ByModel, Consolidation, Decay, Extract, Memory, Retention, Summaries, Summariser};

use super::serve::scopes;
use super::{MemoryConsolidate, MemoryModel, MemoryResponse, MemoryRetention, MemorySummaries};
use crate::control::Refusal;
use crate::engine::Engine;

/// The most rules of what goes.
const MAX_RULES: usize = 64;

/// Does what a plan says.
pub(super) async fn consolidate(
    engine: &Engine,
    memory: &Memory,
    plan: MemoryConsolidate,
) -> Result<MemoryResponse, Refusal> {
    let MemoryConsolidate { scopes: named, duplicates, summaries, retention, dry_run } = plan;
    if retention.len() > MAX_RULES {
        let message = format!("`retention` has {} rules, and {MAX_RULES} is the most", retention.len());
        return Err(Refusal::new(ErrorCode::LimitExceeded, message));
    }
    let retention = retention.into_iter().map(rule).collect::<Result<_, _>>()?;
    let summariser: Box<dyn Summariser> =
        match summaries.as_ref().and_then(|summaries| summaries.model.as_ref()) {
            Some(model) => Box::new(asking(engine, model)?),
            None => Box::new(Extract),
        };
    let plan = Consolidation {
        scopes: scopes(memory, &named).await?,
        duplicates,
        summaries: summaries.map(summarising).transpose()?,
        retention,
        dry_run,
    };
    let report = memory.consolidate(&plan, &*summariser).await?;
    Ok(MemoryResponse::Consolidated { report: Box::new(report) })
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::MemoryInvalid, message)
}

fn summarising(asked: MemorySummaries) -> Result<Summaries, Refusal> {
    let MemorySummaries { older_than_ms, least, max_tokens, max_calls, max_cost, model: _ } = asked;
    let usual = Summaries::default();
    if least.is_some_and(|least| least < 2) {
        return Err(invalid("`least` is at least 2: one episode needs no summary"));
    }
    if max_tokens == Some(0) {
        return Err(invalid("`max_tokens` is at least 1"));
    }
    Ok(Summaries {
        older_than: older_than_ms.map_or(usual.older_than, Duration::from_millis),
        least: least.unwrap_or(usual.least),
        max_tokens: max_tokens.unwrap_or(usual.max_tokens),
        max_calls: max_calls.unwrap_or(usual.max_calls),
        max_cost: max_cost.or(usual.max_cost),
    })
}

fn rule(asked: MemoryRetention) -> Result<Retention, Refusal> {
    let MemoryRetention { kind, older_than_ms, below, erase } = asked;
    if below.is_some_and(|below| !(0.0..=10.0).contains(&below)) {
        return Err(invalid("`below` is an importance, from 0 to 10"));
    }
    let below = below.map(|below| (below, Decay::default()));
    Ok(Retention { kind, older_than: Duration::from_millis(older_than_ms), below, erase })
}

/// Asks a model for summaries; what is asked goes by the policy of prompts.
fn asking(engine: &Engine, named: &MemoryModel) -> Result<ByModel, Refusal> {
    let MemoryModel { provider, model } = named;
    let providers = &engine.registry().providers;
    let Some(found) = providers.get(provider, None) else {
        let advice = providers.near(provider).first().map(|near| format!("; did you mean `{near}`?"));
        let advice = advice.unwrap_or_default();
        let shown: String = provider.chars().take(80).collect();
        let message = format!("there is no provider of models `{shown}`{advice}");
        return Err(Refusal::new(ErrorCode::UnknownModel, message));
    };
    Ok(ByModel::new(Arc::clone(found), model.as_str()).inspected_by(engine.prompt_policy()))
}
