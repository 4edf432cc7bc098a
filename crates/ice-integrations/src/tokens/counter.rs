//! The counter behind the port.

use ice_core::llm::tokens::{Count, EstimatingCounter, TokenCounter};

use super::Vocabulary;

/// Counts exactly for the models of [`Vocabulary::of`], and estimates for all others. A vocabulary is read when it is asked for
/// first, which takes a few tenths of a second; all counters share it.
///
/// What is counted is the text alone: neither what the vendor puts around messages, nor names of special tokens, which are text
/// like any other here. The time is linear in the text, whatever it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct VocabularyCounter;

impl TokenCounter for VocabularyCounter {
    fn count(&self, model: Option<&str>, text: &str) -> Count {
        let tokenizer = match model.and_then(Vocabulary::of) {
            Some(Vocabulary::O200k) => bpe_openai::o200k_base(),
            Some(Vocabulary::Cl100k) => bpe_openai::cl100k_base(),
            None => return EstimatingCounter.count(model, text),
        };
        Count { tokens: tokenizer.count(text) as u64, estimated: false }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The counts of OpenAI's own tokenizer, from the tables of its cookbook "How to count tokens with tiktoken".
    #[test]
    fn counts_are_those_of_the_vendor() {
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("hello world", 2, 2),
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
        ] {
            for (model, tokens) in [("gpt-4", cl100k), ("gpt-4o", o200k)] {
                let expected = Count { tokens, estimated: false };
                assert_eq!(VocabularyCounter.count(Some(model), text), expected, "{model}: {text}");
            }
        }
    }

    #[test]
    fn models_that_are_not_known_are_estimated_as_everywhere() {
        for model in [None, Some("claude-sonnet-4-5"), Some("echo")] {
            let counted = VocabularyCounter.count(model, "abcdefghi");
            assert_eq!(counted, EstimatingCounter.count(model, "abcdefghi"));
            assert!(counted.estimated);
        }
    }

    #[test]
    fn names_of_special_tokens_are_text() {
        assert!(VocabularyCounter.count(Some("gpt-4o"), "<|endoftext|>").tokens > 1);
    }

    #[test]
    fn no_text_takes_long() {
        for text in
            ["a".repeat(300_000), " ".repeat(300_000), "ab1 \n".repeat(60_000), "\u{301}".repeat(100_000)]
        {
            let begun = Instant::now();
            assert!(VocabularyCounter.count(Some("gpt-4o"), &text).tokens > 0);
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        }
    }
}
