//! The real model that `cargo xtask setup` fetches: SmolLM2-135M-Instruct. Without it these tests are skipped.

use super::super::{LocalModel, LocalSettings};

/// The real model: where `cargo xtask setup` puts it, in cargo's folder for build output.
fn installed() -> Option<LocalModel> {
    let program = std::env::current_exe().unwrap();
    let mut folders = program.ancestors().map(|folder| folder.join("models/smollm2-135m-instruct"));
    let Some(folder) = folders.find(|folder| folder.is_dir()) else {
        println!("skipped: the model SmolLM2-135M-Instruct is not installed; `cargo xtask setup` fetches it");
        return None;
    };
    Some(LocalModel::new("smol", LocalSettings::of(folder)))
}

#[tokio::test]
async fn real_answers_are_text() {
    let Some(model) = installed() else { return };
    let (pieces, end) = super::kit::heard(&model, &Default::default(), super::kit::plain("What is the capital of France?", 24)).await;
    println!("{pieces:?} {end:?}");
    panic!();
}
