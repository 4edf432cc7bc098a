//! Whether a provider answers.

use std::time::Instant;

#[cfg(feature = "llm-local")]
use ice_core::error::ErrorCode;
use ice_core::llm::{LlmContext, LlmError, LlmProvider, Price, Request};
use serde::Serialize;

use super::list::{provider, split};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::models::{Known, Models};
use crate::shell::Shell;
use crate::signals::Signals;

/// What a model answered.
#[derive(Serialize)]
struct Answer {
    model: String,
    text: String,
    millis: u128,
    usage: ice_core::llm::Usage,
}

pub(super) fn ping(shell: &Shell, model: &str) -> Result<Exit, Fault> {
    let models = Models::read(&shell.environment)?;
    if !model.contains('/') {
        let known = provider(&models, model)?;
        return shell.block_on(served(shell, &known));
    }
    let (name, model) = split(model)?;
    let known = provider(&models, name)?;
    shell.block_on(asked(shell, known.provider(), model))
}

fn failed(error: LlmError) -> Fault {
    Fault::new(error.code(), error.message)
}

async fn served(shell: &Shell, known: &Known) -> Result<Exit, Fault> {
    let ctx = LlmContext::default();
    let mut signals = Signals::listen()?;
    let served = async {
        match known {
            Known::Server(vendor) => vendor.served(&ctx).await.map_err(failed),
            #[cfg(feature = "llm-local")]
            Known::Local(model) => match model.load().await {
                Ok(name) => Ok(vec![name.to_owned()]),
                Err(error) => Err(Fault::new(ErrorCode::ModelFailed, error.to_string())),
            },
        }
    };
    let served = tokio::select! {
        served = served => served?,
        _ = signals.next() => return Ok(Exit::Cancelled),
    };
    if shell.screen.json {
        shell.screen.document(&served)?;
        return Ok(Exit::Succeeded);
    }
    for model in served {
        shell.screen.line(format_args!("{}/{model}", known.name()))?;
    }
    Ok(Exit::Succeeded)
}

async fn asked(shell: &Shell, provider: &dyn LlmProvider, model: &str) -> Result<Exit, Fault> {
    let ctx = LlmContext::default();
    let mut signals = Signals::listen()?;
    // Reasoning counts as answering, so that there is room for some.
    let request = Request {
        max_tokens: Some(512),
        attempts: Some(1),
        ..Request::prompt(model, "Answer with the one word: pong")
    };
    let began = Instant::now();
    let answer = tokio::select! {
        answer = provider.complete(&ctx, request) => answer.map_err(failed)?,
        _ = signals.next() => return Ok(Exit::Cancelled),
    };
    let price = provider.capabilities(model).and_then(|capabilities| capabilities.price);
    let mut usage = answer.usage;
    usage.cost = price.as_ref().map(|price: &Price| price.of(&usage)).unwrap_or_default();
    let answer = Answer {
        model: answer.model,
        text: answer.message.joined_text().trim().chars().take(200).collect(),
        millis: began.elapsed().as_millis(),
        usage,
    };
    if shell.screen.json {
        shell.screen.document(&answer)?;
        return Ok(Exit::Succeeded);
    }
    let cost = if price.is_some() { format!(", ${}", usage.cost) } else { String::new() };
    shell.screen.line(format_args!(
        "{}: {:?} after {} ms, {} tokens read, {} written{cost}",
        answer.model, answer.text, answer.millis, usage.input, usage.output
    ))?;
    Ok(Exit::Succeeded)
}
