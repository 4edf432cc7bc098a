//! Which vocabulary a model has, by its name.

/// A vocabulary that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    /// `o200k_base`: GPT-4o and what came after it.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the embeddings of OpenAI.
    Cl100k,
}

/// Names as OpenAI's own table of tokenizers has them (`tiktoken/model.py`). A name stands for itself and for what follows it
/// after one of [`ENDS`], as versions and dates do.
const NAMES: &[(&str, Vocabulary)] = &[
    ("chatgpt-4o", Vocabulary::O200k),
    ("gpt-4.1", Vocabulary::O200k),
    ("gpt-4.5", Vocabulary::O200k),
    ("gpt-4o", Vocabulary::O200k),
    ("gpt-5", Vocabulary::O200k),
    ("gpt-oss", Vocabulary::O200k),
    ("o1", Vocabulary::O200k),
    ("o3", Vocabulary::O200k),
    ("o4-mini", Vocabulary::O200k),
    ("gpt-3.5", Vocabulary::Cl100k),
    ("gpt-3.5-turbo", Vocabulary::Cl100k),
    ("gpt-35-turbo", Vocabulary::Cl100k),
    ("gpt-4", Vocabulary::Cl100k),
    ("babbage-002", Vocabulary::Cl100k),
    ("davinci-002", Vocabulary::Cl100k),
    ("text-embedding-3-large", Vocabulary::Cl100k),
    ("text-embedding-3-small", Vocabulary::Cl100k),
    ("text-embedding-ada-002", Vocabulary::Cl100k),
];

/// What may stand behind a name.
const ENDS: [char; 3] = ['-', ':', '@'];

impl Vocabulary {
    /// The vocabulary of a model, if it is known: a prefix up to the last `/` (`openai/`) and a `ft:` of models that were tuned are
    /// looked past. Case does not matter.
    #[must_use]
    pub fn of(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let name = name.strip_prefix("ft:").unwrap_or(&name);
        let fits = |known: &str| {
            name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(ENDS))
        };
        NAMES.iter().find(|(known, _)| fits(known)).map(|(_, vocabulary)| *vocabulary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_vocabulary_that_their_vendor_states() {
        let (o200k, cl100k) = (Some(Vocabulary::O200k), Some(Vocabulary::Cl100k));
        for (model, expected) in [
            ("gpt-4o", o200k),
            ("gpt-4o-mini-2024-07-18", o200k),
            ("openai/gpt-4o", o200k),
            ("GPT-4o", o200k),
            ("ft:gpt-4o:acme::1", o200k),
            ("chatgpt-4o-latest", o200k),
            ("gpt-4.1-nano", o200k),
            ("gpt-5-mini", o200k),
            ("gpt-oss-20b", o200k),
            ("gpt-oss:20b", o200k),
            ("o1", o200k),
            ("o3-mini", o200k),
            ("o4-mini", o200k),
            ("gpt-4", cl100k),
            ("gpt-4-turbo", cl100k),
            ("gpt-3.5-turbo-0125", cl100k),
            ("azure/gpt-35-turbo", cl100k),
            ("text-embedding-3-small", cl100k),
            ("text-embedding-ada-002", cl100k),
            ("gpt-4p", None),
            ("gpt-5.9", None),
            ("gpt-45", None),
            ("o10", None),
            ("my-gpt-4", None),
            ("claude-sonnet-4-5", None),
            ("llama3", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(Vocabulary::of(model), expected, "{model}");
        }
    }
}
