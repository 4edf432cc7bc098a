//! The embedder `hash`: needs neither key, network nor model, and gives the same vectors everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Dimension, EmbedContext, EmbedError, Embedded, Embedder, Embedding, InvalidDimension, limits};
use crate::llm::{Estimate, Price, Usage, tokens};

/// The largest dimension: beyond it, vectors only get emptier.
const MOST: Dimension = Dimension::fixed(8_192);
/// The dimension if none is given.
const USUAL: Dimension = Dimension::fixed(256);
/// The longest word, in characters; a longer run is several.
const WORD: usize = 64;
/// The lengths of the pieces of a word, in characters.
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;
/// So many words are worked on between two looks at whether the call is still wanted: less than a millisecond.
const AT_ONCE: usize = 64;

/// Embeds texts by what is written in them: texts with the same words, or the same parts of words, are near each other.
/// It knows nothing of meaning.
///
/// Feature hashing with signs (Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, 2009, section 2)
/// over words and their character n-grams (Bojanowski et al., *Enriching Word Vectors with Subword Information*, 2017,
/// section 3.2). In full:
///
/// 1. The text in lower case (Unicode's mapping) is cut into words: runs of letters and digits, at most 64 characters
///    each, and every other character but white space by itself.
/// 2. A word `w` that occurs `c` times adds `√(c / (n + 1)) · (φ(w) + φ(g1) + … + φ(gn))`, where `g1` to `gn` are the
///    pieces of `<w>`: its runs of 3 to 5 characters. So every word weighs the same, however long it is.
/// 3. `φ(x)` is one number, +1 or -1: with `h` the first eight bytes of the BLAKE3 hash of the byte 0 (word) or 1 (piece)
///    followed by `x`, read as a little-endian integer, it stands at `(h mod 2^63) mod dimension` and is negative if the
///    highest bit of `h` is set.
/// 4. The sum is divided by its Euclidean length. If everything cancels out, it is `φ` of the lower-case text as a word.
///
/// Its usage is estimated as in [`tokens::estimate_text`], and costs nothing.
#[derive(Clone, Debug)]
pub struct HashEmbedder {
    model: Arc<str>,
    dimension: Dimension,
}

impl HashEmbedder {
    /// An embedder of this dimension, which is at most 8,192. Its model is `hash-1-` and the dimension.
    ///
    /// # Errors
    /// [`InvalidDimension`] beyond that.
    pub fn new(dimension: Dimension) -> Result<Self, InvalidDimension> {
        Dimension::at_most(dimension.get(), MOST).map(Self::of)
    }

    fn of(dimension: Dimension) -> Self {
        Self { model: format!("hash-1-{dimension}").into(), dimension }
    }

    async fn vector(&self, text: &str, cancel: &CancellationToken) -> Result<Vec<f32>, EmbedError> {
        let text = text.to_lowercase();
        // Sorted, so that the numbers are always added in the same order.
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for word in words(&text) {
            *counts.entry(word).or_default() += 1;
        }
        let mut sum = Sum::new(self.dimension);
        for (done, (word, count)) in counts.into_iter().enumerate() {
            if done % AT_ONCE == AT_ONCE - 1 {
                look_up(cancel).await?;
            }
            sum.add_word(word, f64::from(count));
        }
        if sum.length() == 0.0 {
            sum.add(0, &text, 1.0);
        }
        let length = sum.length();
        Ok(sum.numbers.into_iter().map(|number| (number / length) as f32).collect())
    }
}

/// Lets others have the thread, then sees whether the call is still wanted.
async fn look_up(cancel: &CancellationToken) -> Result<(), EmbedError> {
    tokio::task::yield_now().await;
    if cancel.is_cancelled() { Err(EmbedError::cancelled()) } else { Ok(()) }
}

/// The sum over the features of a text.
struct Sum {
    numbers: Vec<f64>,
    /// The bytes of one feature: hashing them at once is much faster than in two parts.
    feature: Vec<u8>,
}

impl Sum {
    fn new(dimension: Dimension) -> Self {
        Self { numbers: vec![0.0; dimension.get()], feature: Vec::new() }
    }

    /// Adds a word that occurs so often, and its pieces.
    fn add_word(&mut self, word: &str, count: f64) {
        let whole = format!("<{word}>");
        let starts: Vec<usize> = whole.char_indices().map(|(at, _)| at).chain([whole.len()]).collect();
        let pieces: Vec<&str> = PIECES
            .flat_map(|length| starts.windows(length + 1))
            .filter_map(|window| whole.get(*window.first()?..*window.last()?))
            .collect();
        let weight = (count / (pieces.len() + 1) as f64).sqrt();
        self.add(0, word, weight);
        for piece in pieces {
            self.add(1, piece, weight);
        }
    }

    fn add(&mut self, kind: u8, feature: &str, weight: f64) {
        self.feature.clear();
        self.feature.push(kind);
        self.feature.extend_from_slice(feature.as_bytes());
        let first = *blake3::hash(&self.feature).as_bytes().first_chunk().unwrap_or(&[0; 8]);
        let hash = u64::from_le_bytes(first);
        let at = (hash & (u64::MAX >> 1)) % self.numbers.len().max(1) as u64;
        if let Some(number) = usize::try_from(at).ok().and_then(|at| self.numbers.get_mut(at)) {
            *number += if hash >> 63 == 1 { -weight } else { weight };
        }
    }

    fn length(&self) -> f64 {
        self.numbers.iter().map(|number| number * number).sum::<f64>().sqrt()
    }
}

/// The words of a text, in the order in which they stand.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let end = if first.is_alphanumeric() {
            let beyond = |(count, (_, c)): &(usize, (usize, char))| *count == WORD || !c.is_alphanumeric();
            rest.char_indices().enumerate().find(beyond).map_or(rest.len(), |(_, (at, _))| at)
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(word)
    })
}

impl Default for HashEmbedder {
    /// With 256 dimensions.
    fn default() -> Self {
        Self::of(USUAL)
    }
}

#[async_trait]
impl Embedder for HashEmbedder {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn dimension(&self) -> Dimension {
        self.dimension
    }

    fn price(&self) -> Option<Price> {
        Some(Price::FREE)
    }

    /// Exact.
    fn estimate(&self, texts: &[String]) -> Estimate {
        let input_tokens = texts.iter().map(|text| tokens::estimate_text(text)).sum();
        Estimate { input_tokens, max_output_tokens: 0 }
    }

    async fn embed(&self, ctx: &EmbedContext, texts: &[String]) -> Result<Embedded, EmbedError> {
        limits::check(texts)?;
        let mut vectors = Vec::with_capacity(texts.len());
        for text in texts {
            look_up(&ctx.cancel).await?;
            let vector = self.vector(text, &ctx.cancel).await?;
            vectors.push(Embedding::new(Arc::clone(&self.model), self.dimension, vector)?);
        }
        let usage = Usage { input: self.estimate(texts).input_tokens, ..Usage::default() };
        Ok(Embedded { vectors, usage })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::embedding::EmbedErrorKind;

    fn embed(embedder: &HashEmbedder, texts: &[&str]) -> Vec<Embedding> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(embedder.embed(&EmbedContext::default(), &texts)).unwrap().vectors
    }

    #[test]
    fn a_text_is_cut_into_words() {
        let long = format!("{} b", "a".repeat(65));
        for (text, expected) in [
            ("one two, 3.5", vec!["one", "two", ",", "3", ".", "5"]),
            (" 東京 ü-x\n", vec!["東京", "ü", "-", "x"]),
            (long.as_str(), vec![&long[..64], "a", "b"]),
            ("!!", vec!["!", "!"]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_formula_is_what_the_documentation_says() {
        // One word of one character, with one piece, `<a>`, of the same weight: two numbers of the length 1/√2.
        let place = |kind: u8, feature: &str| {
            let hash = blake3::hash(&[&[kind], feature.as_bytes()].concat());
            let hash = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
            let sign = if hash & (1 << 63) == 0 { 1.0 } else { -1.0 };
            ((hash % (1 << 63) % 64) as usize, sign * std::f32::consts::FRAC_1_SQRT_2)
        };
        let mut expected = vec![0.0; 64];
        for (at, number) in [place(0, "a"), place(1, "<a>")] {
            expected[at] += number;
        }
        let embedder = HashEmbedder::new(Dimension::new(64).unwrap()).unwrap();
        assert_eq!(embed(&embedder, &["A"])[0].vector(), expected);
    }

    #[test]
    fn what_is_written_alike_is_near() {
        let texts = ["running shoes", "Run in shoes!", "shoe runner", "quarterly tax report"];
        let vectors = embed(&HashEmbedder::default(), &texts);
        let far = vectors[0].cosine(&vectors[3]).unwrap();
        for near in &vectors[1..3] {
            let near = vectors[0].cosine(near).unwrap();
            assert!(near > far + 0.15, "{near} {far}");
        }
    }

    #[test]
    fn what_cancels_out_is_not_nothing() {
        let one = HashEmbedder::new(Dimension::new(1).unwrap()).unwrap();
        let words: Vec<String> = (0..200).map(|number| format!("w{number}")).collect();
        let texts: Vec<&str> = words.iter().map(String::as_str).collect();
        for embedding in embed(&one, &texts) {
            assert_eq!(embedding.vector()[0].abs(), 1.0);
        }
        // The whole and its one piece cancel out for about half of the texts of one character.
        let letters: Vec<String> = ('a'..='z').map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let cancels = letters.iter().any(|letter| {
            let mut sum = Sum::new(one.dimension());
            sum.add_word(letter, 1.0);
            sum.length() == 0.0
        });
        assert!(cancels);
        assert!(embed(&one, &letters).iter().all(|embedding| embedding.vector()[0].abs() == 1.0));
    }

    #[test]
    fn the_dimension_has_a_bound() {
        let refused = HashEmbedder::new(Dimension::new(8_193).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "8193 is no dimension that is possible here: 1 to 8192");
        assert_eq!(HashEmbedder::new(Dimension::new(8_192).unwrap()).unwrap().model(), "hash-1-8192");
    }

    #[tokio::test]
    async fn a_long_text_lets_others_have_the_thread_and_ends_when_cancelled() {
        let text: String = (0..10_000).map(|number| format!("w{number} ")).collect();
        let ctx = EmbedContext::default();
        let (embedder, texts) = (HashEmbedder::default(), [text]);
        let mut call = std::pin::pin!(embedder.embed(&ctx, &texts));
        assert!(matches!(futures::poll!(&mut call), Poll::Pending));
        assert!(matches!(futures::poll!(&mut call), Poll::Pending));
        ctx.cancel.cancel();
        let ended = call.now_or_never().unwrap().unwrap_err();
        assert_eq!(ended.kind, EmbedErrorKind::Cancelled);
    }

    proptest! {
        #[test]
        fn every_text_has_a_vector_of_length_one(text in "\\PC{1,40}", dimension in 1_usize..600) {
            prop_assume!(!text.trim().is_empty());
            let embedder = HashEmbedder::new(Dimension::new(dimension).unwrap()).unwrap();
            let vectors = embed(&embedder, &[&text, &text]);
            prop_assert_eq!(&vectors[0], &vectors[1]);
            let length: f32 = vectors[0].vector().iter().map(|number| number * number).sum();
            prop_assert!((length - 1.0).abs() < 1e-5, "{}", length);
        }
    }
}
