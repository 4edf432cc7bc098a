//! The suite on the embedder `hash`, and on what does not conform.

use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::embedding::{
    Dimension, EmbedContext, EmbedError, Embedded, Embedder, Embedding, HashEmbedder, limits,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_embedder_conforms() {
    for dimension in [64, 256, 8_192] {
        let dimension = Dimension::new(dimension).unwrap();
        embedder(|| -> Arc<dyn Embedder> { Arc::new(HashEmbedder::new(dimension).unwrap()) }).await;
    }
}

/// What is wrong with an embedder.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Order,
    Bounds,
    Cancel,
    Usage,
}

/// The embedder `hash`, with a fault.
#[derive(Debug)]
struct Faulty(HashEmbedder, Fault);

#[async_trait]
impl Embedder for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    fn dimension(&self) -> Dimension {
        self.0.dimension()
    }

    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        let mut embedded = match self.1 {
            Fault::Cancel => self.0.embed(&EmbedContext::default(), texts).await?,
            Fault::Bounds if limits::check(texts).is_err() => {
                let numbers = vec![0.5; self.dimension().get()];
                let vector = Embedding::new(self.model(), self.dimension(), numbers)?;
                Embedded { vectors: vec![vector; texts.len()], ..Embedded::default() }
            }
            Fault::Order | Fault::Usage | Fault::Bounds => self.0.embed(ctx, texts).await?,
        };
        match self.1 {
            Fault::Order => embedded.vectors.reverse(),
            Fault::Usage => embedded.usage.input = embedded.usage.input.saturating_mul(1_000),
            Fault::Bounds | Fault::Cancel => {}
        }
        Ok(embedded)
    }
}

async fn check(fault: Fault) {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(embedder(move || -> Arc<dyn Embedder> { Arc::new(Faulty(HashEmbedder::default(), fault)) }));
    let ended = tasks.join_next().await.unwrap();
    assert!(ended.is_err_and(|error| error.is_panic()), "{fault:?} is not noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_conform_is_noticed() {
    for fault in [Fault::Order, Fault::Bounds, Fault::Cancel, Fault::Usage] {
        check(fault).await;
    }
}
