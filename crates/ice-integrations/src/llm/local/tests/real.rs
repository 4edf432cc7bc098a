//! The real model that `cargo xtask setup` fetches, SmolLM2-135M-Instruct, against what llama.cpp makes of the same file
//! (node-llama-cpp 3, without chance). Without the file these tests are skipped.

use std::path::PathBuf;

use ice_core::llm::{FinishReason, LlmContext, LlmProvider, Message, Request, Role, Usage};

use super::super::loaded::Loaded;
use super::super::{LocalModel, LocalSettings};
use super::kit::{heard, plain};

/// Where `cargo xtask setup` puts it: in cargo's folder for build output.
fn installed() -> Option<PathBuf> {
    let program = std::env::current_exe().unwrap();
    let mut folders = program.ancestors().map(|folder| folder.join("models/smollm2-135m-instruct"));
    let found = folders.find(|folder| folder.is_dir());
    if found.is_none() {
        println!("skipped: the model SmolLM2-135M-Instruct is not installed; `cargo xtask setup` fetches it");
    }
    found
}

#[tokio::test]
async fn real_texts_are_the_tokens_that_llama_cpp_reads() {
    let Some(folder) = installed() else { return };
    let loaded = Loaded::load(&folder).unwrap();
    let check =
        |text: &str, tokens: &[u32]| assert_eq!(loaded.words.tokens(text).unwrap(), tokens, "{text:?}");
    check("Hello, world! 123", &[19556, 28, 905, 17, 216, 33, 34, 35]);
    let tokens = [216, 5549, 114, 7466, 7170, 24927, 10813, 242, 218, 198, 198, 15236, 506, 2753];
    check("  äöü €😀\n\nfoo's bar", &tokens);
    let conversation =
        loaded.chat.write("smol", &plain("What is the capital of France?", 1), &loaded.words).unwrap();
    let tokens = [
        1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712,
        8182, 2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198,
    ];
    check(&conversation, &tokens);
    assert_eq!(loaded.context, 4_096);
}

#[tokio::test]
async fn real_answers_begin_as_those_of_llama_cpp() {
    let Some(folder) = installed() else { return };
    let model = LocalModel::new("smol", LocalSettings::of(folder));
    let ctx = LlmContext::default();
    let (pieces, end) = heard(&model, &ctx, plain("What is the capital of France?", 13)).await;
    let response = end.unwrap();
    // No wit, but the same in both: 60, 23, 39614, 1141, 552, 28, 2618, 2828, 313, 7712, 769, 28, 2618.
    assert_eq!(pieces.concat(), "L'Étoile, la Marseillaise, la");
    assert_eq!(response.message.joined_text(), pieces.concat());
    assert_eq!(response.usage, Usage { input: 37, output: 13, ..Usage::default() });
    assert_eq!(
        (response.finish, response.model.as_str()),
        (FinishReason::Length, "SmolLM2-135M-Instruct.Q4_1")
    );
}

#[tokio::test]
async fn real_answers_end_by_themselves_and_chance_follows_the_seed() {
    let Some(folder) = installed() else { return };
    let model = LocalModel::new("smol", LocalSettings::of(folder));
    let ctx = LlmContext::default();
    let mut short = plain("Say the one word: yes", 60);
    short.messages.insert(0, Message::text(Role::System, "You answer with one short sentence.").into());
    let answer = model.complete(&ctx, short).await.unwrap();
    assert_eq!(answer.finish, FinishReason::Stop, "{answer:?}");
    assert!(!answer.message.joined_text().trim().is_empty() && answer.usage.output > 1, "{answer:?}");
    let drawn = |seed: u64| Request {
        temperature: Some(1.5),
        extra: ice_core::value::Value::map([("seed", ice_core::value::Value::from(seed))]),
        ..plain("Tell me a story.", 5)
    };
    let (one, same) =
        (model.complete(&ctx, drawn(1)).await.unwrap(), model.complete(&ctx, drawn(1)).await.unwrap());
    assert_eq!(one, same);
    assert_ne!(one.message, model.complete(&ctx, drawn(2)).await.unwrap().message);
}
