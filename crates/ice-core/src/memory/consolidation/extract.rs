//! Summaries that need no model: the sentences that say most.

use std::collections::HashMap;

use async_trait::async_trait;
use unicode_segmentation::UnicodeSegmentation;

use super::{SummariseError, Summariser, Summary};
use crate::llm::tokens::estimate_text;
use crate::text::Terms;

/// The most sentences that are looked at.
const MAX_SENTENCES: usize = 2_000;
/// The longest sentence, in bytes; what is longer is cut there.
const MAX_SENTENCE_BYTES: usize = 2_000;

/// Takes the sentences that say most, in their order, as they are: the same texts give the same summary everywhere, at no cost.
///
/// SumBasic (Nenkova and Vanderwende, *The Impact of Frequency on Summarization*, 2005): a word is as probable as it is frequent;
/// the sentence whose words are the most probable on average is taken, and the probabilities of its words are squared, until there
/// is no room. Tokens are those of [`estimate_text`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Extract;

#[async_trait]
impl Summariser for Extract {
    async fn summarise(
        &self,
        _key: &str,
        texts: &[String],
        max_tokens: u64,
    ) -> Result<Summary, SummariseError> {
        Ok(Summary { text: extract(texts, max_tokens), usage: crate::llm::Usage::default() })
    }
}

struct Sentence<'t> {
    text: &'t str,
    terms: Terms,
}

/// The sentences that say most, one to a line.
fn extract(texts: &[String], max_tokens: u64) -> String {
    let sentences: Vec<Sentence<'_>> = texts
        .iter()
        .flat_map(|text| text.unicode_sentences().map(str::trim))
        .map(|text| text.get(..text.floor_char_boundary(MAX_SENTENCE_BYTES)).unwrap_or_default())
        .map(|text| Sentence { text, terms: Terms::of(text) })
        .filter(|sentence| !sentence.terms.is_empty())
        .take(MAX_SENTENCES)
        .collect();
    let all: f64 = sentences.iter().map(|sentence| f64::from(sentence.terms.length())).sum();
    let mut probable: HashMap<String, f64> = HashMap::new();
    for sentence in &sentences {
        for (term, count) in sentence.terms.iter() {
            *probable.entry(term.to_owned()).or_default() += f64::from(count) / all;
        }
    }
    let mut chosen: Vec<usize> = Vec::new();
    let mut left = max_tokens;
    let mut open: Vec<usize> = (0..sentences.len()).collect();
    while !open.is_empty() {
        let weight = |at: &usize| {
            sentences.get(*at).map_or(0.0, |sentence| {
                let sum: f64 = sentence
                    .terms
                    .iter()
                    .map(|(term, count)| probable.get(term).copied().unwrap_or_default() * f64::from(count))
                    .sum();
                sum / f64::from(sentence.terms.length())
            })
        };
        // Of equal ones the first.
        let best = open.iter().rev().max_by(|one, other| weight(one).total_cmp(&weight(other))).copied();
        let Some((best, sentence)) = best.and_then(|best| Some((best, sentences.get(best)?))) else { break };
        open.retain(|at| *at != best);
        for (term, _) in sentence.terms.iter() {
            probable.entry(term.to_owned()).and_modify(|probability| *probability *= *probability);
        }
        let cost = estimate_text(sentence.text).saturating_add(1);
        let is_said =
            chosen.iter().filter_map(|at| sentences.get(*at)).any(|said| said.text == sentence.text);
        if cost <= left && !is_said {
            left -= cost;
            chosen.push(best);
        }
    }
    if chosen.is_empty() {
        // Not even one has room: the beginning of the first is better than nothing.
        let most = usize::try_from(max_tokens.saturating_mul(4)).unwrap_or(usize::MAX);
        return sentences.first().map(|first| first.text.chars().take(most).collect()).unwrap_or_default();
    }
    chosen.sort_unstable();
    let mut text = String::new();
    for sentence in chosen.into_iter().filter_map(|at| sentences.get(at)) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(sentence.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_that_say_most_are_taken_in_their_order() {
        let texts = [
            "The deploy failed. The weather was fine.",
            "The deploy failed again because the disk was full.",
        ]
        .map(str::to_owned);
        assert_eq!(extract(&texts, 6), "The deploy failed.");
        assert_eq!(
            extract(&texts, 100),
            "The deploy failed.\nThe weather was fine.\nThe deploy failed again because the disk was full."
        );
        let twice = ["It rains.", "It rains."].map(str::to_owned);
        assert_eq!(extract(&twice, 100), "It rains.");
        assert_eq!(extract(&["A very long sentence without an end".to_owned()], 2), "A very l");
        assert_eq!(extract(&["…".to_owned(), String::new()], 10), "");
    }

    #[test]
    fn a_flood_of_text_takes_bounded_time() {
        let texts = vec!["One two three. ".repeat(10_000), "x".repeat(1 << 20)];
        assert_eq!(extract(&texts, 10), "One two three.");
    }
}
