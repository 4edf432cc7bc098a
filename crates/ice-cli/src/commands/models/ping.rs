//! Whether a provider answers.

use std::time::Instant;

use ice_core::llm::{LlmContext, LlmError, LlmProvider, Price, Request};
use ice_integrations::llm::Vendor;
use serde::Serialize;

use super::list::{split, vendor};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::models::Models;
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
        let vendor = vendor(&models, model)?;
        return shell.block_on(served(shell, &vendor));
    }
    let (provider, model) = split(model)?;
    let vendor = vendor(&models, provider)?;
    shell.block_on(asked(shell, &vendor, model))
}

fn failed(error: LlmError) -> Fault {
    Fault::new(error.code(), error.message)
}

async fn served(shell: &Shell, vendor: &Vendor) -> Result<Exit, Fault> {
    let ctx = LlmContext::default();
    let mut signals = Signals::listen()?;
    let served = tokio::select! {
        served = vendor.served(&ctx) => served.map_err(failed)?,
        _ = signals.next() => return Ok(Exit::Cancelled),
    };
    if shell.screen.json {
        shell.screen.document(&served)?;
        return Ok(Exit::Succeeded);
    }
    for model in served {
        shell.screen.line(format_args!("{}/{model}", vendor.name()))?;
    }
    Ok(Exit::Succeeded)
}

async fn asked(shell: &Shell, vendor: &Vendor, model: &str) -> Result<Exit, Fault> {
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
        answer = vendor.complete(&ctx, request) => answer.map_err(failed)?,
        _ = signals.next() => return Ok(Exit::Cancelled),
    };
    let price = vendor.capabilities(model).and_then(|capabilities| capabilities.price);
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
