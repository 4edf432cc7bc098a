//! The suite for [`Embedder`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite of tests: a failure is a panic by definition"
)]

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::embedding::limits::{MAX_CALL_BYTES, MAX_TEXT_BYTES, MAX_TEXTS};
use crate::embedding::{EmbedContext, EmbedErrorKind, Embedded, Embedder};
use crate::llm::{Price, Usage};

/// How near the vectors of one text are, however it was embedded: the numbers of a model depend a little on what is
/// embedded beside a text.
const SAME: f32 = 0.999;
/// How long what has been cancelled may still take.
const SOON: Duration = Duration::from_secs(10);

/// Runs every case, each on a fresh embedder, which must be able to embed short English texts. Needs a tokio runtime with
/// its timer, best with several threads.
pub async fn embedder(make: impl Fn() -> Arc<dyn Embedder>) {
    macro_rules! run {
        ($($case:ident),* $(,)?) => {$( $case(make()).await; )*};
    }
    run!(
        every_text_has_its_vector_in_its_place,
        no_texts_have_no_vectors,
        a_text_has_one_vector_however_it_is_embedded,
        texts_that_say_the_same_are_nearer,
        more_texts_than_one_request_holds_are_embedded,
        what_is_spent_is_within_the_estimate,
        calls_side_by_side_do_not_mix,
        what_is_beyond_the_bounds_is_refused,
        a_cancelled_call_ends,
    );
    two_of_the_same_make_agree(make(), make()).await;
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn embed(embedder: &Arc<dyn Embedder>, texts: &[String]) -> Embedded {
    let embedded = embedder.embed(&EmbedContext::default(), texts).await.unwrap();
    assert_eq!(embedded.vectors.len(), texts.len());
    for embedding in &embedded.vectors {
        assert_eq!(&**embedding.model(), embedder.model());
        assert_eq!(embedding.dimension(), embedder.dimension());
    }
    embedded
}

async fn every_text_has_its_vector_in_its_place(embedder: Arc<dyn Embedder>) {
    assert!(!embedder.name().is_empty() && !embedder.model().is_empty());
    let texts =
        texts(&["the cat sleeps", "stocks fell on monday", "the cat sleeps", "Über die Brücke, 東京"]);
    let vectors = embed(&embedder, &texts).await.vectors;
    assert!(vectors[0].cosine(&vectors[2]).unwrap() > SAME);
    assert!(vectors[0].cosine(&vectors[1]).unwrap() < SAME);
    for (text, together) in texts.iter().zip(&vectors) {
        let alone = embed(&embedder, std::slice::from_ref(text)).await.vectors;
        assert!(alone[0].cosine(together).unwrap() > SAME, "{text}");
    }
}

async fn no_texts_have_no_vectors(embedder: Arc<dyn Embedder>) {
    assert_eq!(embed(&embedder, &[]).await, Embedded::default());
}

async fn a_text_has_one_vector_however_it_is_embedded(embedder: Arc<dyn Embedder>) {
    let long = "one two three four five six seven eight nine ten ".repeat(8);
    let (short, both) = (texts(&["short"]), texts(&["short", &long]));
    let alone = embed(&embedder, &short).await.vectors;
    let beside = embed(&embedder, &both).await.vectors;
    assert!(alone[0].cosine(&beside[0]).unwrap() > SAME, "what stands beside a text changes its vector");
}

async fn texts_that_say_the_same_are_nearer(embedder: Arc<dyn Embedder>) {
    let texts = texts(&["That is a happy person", "That is a very happy person", "Today is a sunny day"]);
    let vectors = embed(&embedder, &texts).await.vectors;
    let near = vectors[0].cosine(&vectors[1]).unwrap();
    let far = vectors[0].cosine(&vectors[2]).unwrap();
    assert!(near > far, "{near} {far}");
}

async fn more_texts_than_one_request_holds_are_embedded(embedder: Arc<dyn Embedder>) {
    let many: Vec<String> = (0..300).map(|number| format!("entry {number}")).collect();
    let vectors = embed(&embedder, &many).await.vectors;
    for at in [0, 150, 299] {
        let alone = embed(&embedder, &many[at..=at]).await.vectors;
        assert!(alone[0].cosine(&vectors[at]).unwrap() > SAME, "{at}");
    }
}

async fn what_is_spent_is_within_the_estimate(embedder: Arc<dyn Embedder>) {
    let texts = texts(&["a", "supercalifragilistic", "東京 🚀", "one, two; three."]);
    let estimate = embedder.estimate(&texts);
    let usage = embed(&embedder, &texts).await.usage;
    let plain = Usage { input: usage.input, cost: usage.cost, ..Usage::default() };
    assert!(usage.input > 0 && usage == plain, "{usage:?}");
    assert!(
        usage.input <= estimate.input_tokens && estimate.max_output_tokens == 0,
        "{usage:?} {estimate:?}"
    );
    let price = embedder.price().unwrap_or(Price::FREE);
    assert!(usage.cost <= price.at_most(&estimate), "{usage:?}");
}

async fn calls_side_by_side_do_not_mix(embedder: Arc<dyn Embedder>) {
    let subjects: Vec<Vec<String>> = ["a cat", "the moon", "old bread", "a loud engine"]
        .map(|subject| texts(&[subject, "between", subject]))
        .to_vec();
    let calls = subjects.iter().map(|texts| embed(&embedder, texts));
    let all = join_all(calls).await;
    for (texts, embedded) in subjects.iter().zip(&all) {
        let alone = embed(&embedder, texts).await;
        assert!(embedded.vectors[0].cosine(&alone.vectors[0]).unwrap() > SAME, "{texts:?}");
        assert!(embedded.vectors[0].cosine(&embedded.vectors[2]).unwrap() > SAME, "{texts:?}");
    }
}

async fn what_is_beyond_the_bounds_is_refused(embedder: Arc<dyn Embedder>) {
    let invalid = EmbedErrorKind::InvalidRequest;
    for (texts, kind) in [
        (texts(&["a", ""]), invalid.clone()),
        (texts(&[" \n"]), invalid.clone()),
        (vec!["a".to_owned(); MAX_TEXTS + 1], invalid.clone()),
        (vec!["a".repeat(MAX_TEXT_BYTES + 1)], EmbedErrorKind::TextTooLong),
        (vec!["a".repeat(MAX_TEXT_BYTES); MAX_CALL_BYTES / MAX_TEXT_BYTES + 1], invalid),
    ] {
        let refused = embedder.embed(&EmbedContext::default(), &texts).await.unwrap_err();
        assert_eq!((&refused.kind, refused.usage), (&kind, Usage::default()), "{refused}");
        assert!(!refused.is_retryable());
    }
}

async fn a_cancelled_call_ends(embedder: Arc<dyn Embedder>) {
    let ctx = EmbedContext::default();
    ctx.cancel.cancel();
    let call = embedder.embed(&ctx, &vec!["a word or two".to_owned(); MAX_TEXTS]).await;
    assert_eq!(call.unwrap_err().kind, EmbedErrorKind::Cancelled);
    let ctx = EmbedContext::default();
    let texts: Vec<String> = (0..MAX_TEXTS).map(|number| format!("{number} ").repeat(500)).collect();
    let call = embedder.embed(&ctx, &texts);
    let cancel = async {
        tokio::task::yield_now().await;
        ctx.cancel.cancel();
    };
    let (call, ()) = tokio::time::timeout(SOON, futures::future::join(call, cancel)).await.unwrap();
    assert_eq!(call.unwrap_err().kind, EmbedErrorKind::Cancelled);
}

async fn two_of_the_same_make_agree(one: Arc<dyn Embedder>, other: Arc<dyn Embedder>) {
    assert_eq!((one.model(), one.dimension()), (other.model(), other.dimension()));
    let texts = texts(&["the same text"]);
    let (one, other) = (embed(&one, &texts).await, embed(&other, &texts).await);
    assert!(one.vectors[0].cosine(&other.vectors[0]).unwrap() > SAME);
}
