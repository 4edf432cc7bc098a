//! Choosing the sentences that say most: those whose words are frequent in all that is summed up (the frequency of words as
//! a measure of significance is from Luhn, The automatic creation of literature abstracts, 1958).

use std::collections::{HashMap, HashSet};

use ice_core::llm::tokens::estimate_text;

use crate::support::units;

/// Shorter words say little of what a text is about.
const LEAST_LETTERS: usize = 4;
/// The most sentences that are weighed.
const MAX_SENTENCES: usize = 5_000;
/// The most characters of a sentence; what is longer is no sentence, and is cut.
const MAX_CHARACTERS: usize = 600;

/// A sentence of one of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sentence<'t> {
    /// The text it stands in, counted from 0.
    pub(super) entry: usize,
    /// The sentence.
    pub(super) text: &'t str,
}

/// The most telling sentences in the order in which they stand, as many as have room as they are `written`.
pub(super) fn extract<'t>(
    texts: &'t [String],
    max_tokens: u64,
    written: impl Fn(&Sentence<'t>) -> String,
) -> Vec<Sentence<'t>> {
    let mut seen = HashSet::new();
    let mut sentences = Vec::new();
    for (entry, text) in texts.iter().enumerate() {
        for range in units::sentences(text) {
            let whole = text.get(range).unwrap_or_default().trim();
            let end = whole.char_indices().nth(MAX_CHARACTERS).map_or(whole.len(), |(end, _)| end);
            let sentence = whole.get(..end).unwrap_or_default();
            if !sentence.is_empty() && seen.insert(sentence.to_lowercase()) && sentences.len() < MAX_SENTENCES
            {
                sentences.push(Sentence { entry, text: sentence });
            }
        }
    }
    let mut frequency: HashMap<String, u32> = HashMap::new();
    for word in sentences.iter().flat_map(|sentence| words(sentence.text)) {
        *frequency.entry(word).or_default() += 1;
    }
    let weight = |sentence: &Sentence<'_>| {
        let (mut sum, mut count) = (0.0, 0.0);
        for word in words(sentence.text) {
            sum += f64::from(frequency.get(&word).copied().unwrap_or(0));
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { 0.0 }
    };
    let mut ranked: Vec<(usize, f64)> = sentences.iter().map(weight).enumerate().collect();
    // Of two that weigh the same, the one of the better or newer entry.
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    let mut left = max_tokens;
    let mut chosen = Vec::new();
    for (at, _) in ranked {
        let Some(sentence) = sentences.get(at) else { continue };
        if let Some(rest) = left.checked_sub(estimate_text(&written(sentence)).max(1)) {
            left = rest;
            chosen.push((at, *sentence));
        }
    }
    chosen.sort_by_key(|(at, _)| *at);
    chosen.into_iter().map(|(_, sentence)| sentence).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.chars().count() >= LEAST_LETTERS).map(str::to_lowercase)
}
