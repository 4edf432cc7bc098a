//! Texts per second of the embedder `hash` and of a local model, which `cargo xtask setup` fetches.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark of something that fails shows nothing, and says what it leaves out"
)]

use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ice_core::embedding::{EmbedContext, Embedder, HashEmbedder};
use ice_integrations::embed::local::{LocalEmbedder, LocalOptions};
use tokio::runtime::Runtime;

/// Texts of a call.
const TEXTS: usize = 64;

/// Words that the model has whole.
const WORDS: &str = "river account quick the of open seven glass and method yellow garden with under train paper letter \
    north evening council market water simple before story office record winter bridge to in history against music \
    engine number village paint school captain answer metal summer question light travel island between doctor silver";

/// Texts of so many words, no two the same.
fn texts(words: usize) -> Vec<String> {
    let text = |number: usize| {
        let words = WORDS.split(' ').cycle().skip(number).step_by(7).take(words - 1);
        words.chain([number.to_string().as_str()]).collect::<Vec<_>>().join(" ")
    };
    (0..TEXTS).map(text).collect()
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, embedder: &dyn Embedder) {
    let mut group = criterion.benchmark_group(embedder.name());
    group.throughput(Throughput::Elements(TEXTS as u64));
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for words in [8, 100] {
        let texts = texts(words);
        group.bench_function(format!("{TEXTS} texts of {words} words"), |bencher| {
            bencher.iter(|| {
                runtime
                    .block_on(embedder.embed(&EmbedContext::default(), &texts))
                    .expect("they can be embedded")
            });
        });
    }
    group.finish();
}

/// Where `cargo xtask setup` puts the model: in cargo's folder for build output.
fn folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().map(|folder| folder.join("models/all-minilm-l6-v2")).find(|folder| folder.is_dir())
}

fn embedders(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("there are threads");
    measure(criterion, &runtime, &HashEmbedder::default());
    let Some(folder) = folder() else {
        println!("skipped: the model all-MiniLM-L6-v2 is not installed; `cargo xtask setup` fetches it");
        return;
    };
    let loading = LocalEmbedder::load(folder, LocalOptions::default());
    measure(criterion, &runtime, &runtime.block_on(loading).expect("the model can be loaded"));
}

criterion_group!(benches, embedders);
criterion_main!(benches);
